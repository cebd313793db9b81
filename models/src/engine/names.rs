//! Names of tools by fingerprint, so that explanations and views can say what baselines store as numbers.

use serde::{Deserialize, Serialize};

use crate::baseline::key_of;
use crate::event::Action;
use crate::sorted::SortedMap;

/// Names kept; later ones are shown as `#` and their fingerprint. Tools are few; an agent that invents names by the
/// thousand must not fill the memory.
const MAX_NAMES: usize = 4096;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ToolName {
    name: Box<str>,
    action: Action,
    fingerprint: u64,
}

impl Default for ToolName {
    fn default() -> Self {
        Self { name: Box::default(), action: Action::Execute, fingerprint: 0 }
    }
}

/// Names of tools of one shard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Names {
    tools: SortedMap<ToolName>,
    scopes: SortedMap<Box<str>>,
    #[serde(skip)]
    pub changed: bool,
}

impl Names {
    /// Remembers a tool's name.
    pub(super) fn learn(&mut self, fingerprint: u64, server: Option<&str>, tool: &str, action: Action) {
        let key = u64::from(key_of(fingerprint));
        if self.tools.find(key).is_some() || self.tools.len() >= MAX_NAMES {
            return;
        }
        let name = match server {
            Some(server) => format!("{server}/{tool}").into(),
            None => tool.into(),
        };
        *self.tools.entry(key) = ToolName { name, action, fingerprint };
        self.changed = true;
    }

    /// Remembers a scope's name.
    pub(super) fn learn_scope(&mut self, fingerprint: u64, scope: &str) {
        let key = u64::from(key_of(fingerprint));
        if self.scopes.find(key).is_none() && self.scopes.len() < MAX_NAMES {
            *self.scopes.entry(key) = scope.into();
            self.changed = true;
        }
    }

    /// Name of a scope by what an identity stores of it.
    pub(super) fn scope(&self, key: u32) -> Box<str> {
        self.scopes.find(u64::from(key)).cloned().unwrap_or_else(|| format!("#{key:08x}").into())
    }

    /// Name of a tool by what a baseline stores of it.
    pub(super) fn tool(&self, key: u32) -> Box<str> {
        self.tools.find(u64::from(key)).map_or_else(|| format!("#{key:08x}").into(), |t| t.name.clone())
    }

    /// Fingerprint of a tool by what a baseline stores of it.
    pub(super) fn fingerprint(&self, key: u32) -> Option<u64> {
        self.tools.find(u64::from(key)).map(|t| t.fingerprint)
    }

    pub(super) fn action(&self, key: u32) -> Action {
        self.tools.find(u64::from(key)).map_or(Action::Execute, |t| t.action)
    }

    /// Name of a tool by its fingerprint.
    pub(super) fn step(&self, fingerprint: u64) -> Box<str> {
        self.tool(key_of(fingerprint))
    }

    /// All fingerprints and names, in a fixed order.
    pub(super) fn tools(&self) -> impl Iterator<Item = (u64, &str)> {
        self.tools.iter().map(|(_, t)| (t.fingerprint, &*t.name))
    }
}
