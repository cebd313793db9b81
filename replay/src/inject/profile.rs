//! What hosts usually do: their newest calls, one for each tool.

use std::collections::{HashMap, HashSet};

use models::event::{Action, Event};

use crate::floor::tool_key;

/// Tools kept of one identity, and of all together.
const OWN: usize = 16;
const ALL: usize = 64;

/// Newest calls by identity. Memory: up to 16 events an identity that may be attacked, and 64 of all.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    /// Who may be attacked; everybody if it is not known beforehand.
    named: Option<HashSet<Box<str>>>,
    own: HashMap<(Box<str>, Box<str>), Vec<Event>>,
    all: Vec<Event>,
}

impl Profiles {
    pub(super) fn new(named: Option<HashSet<Box<str>>>) -> Self {
        Self { named, ..Self::default() }
    }

    pub(super) fn push(&mut self, event: &Event) {
        put(&mut self.all, event, ALL);
        if self.named.as_ref().is_none_or(|named| named.contains(&event.identity)) {
            put(self.own.entry((event.tenant.clone(), event.identity.clone())).or_default(), event, OWN);
        }
    }

    /// Calls with the host's own tools; at least what it does now.
    pub(super) fn own(&self, host: &Event) -> Vec<Event> {
        let own = self.own.get(&(host.tenant.clone(), host.identity.clone())).cloned();
        own.unwrap_or_else(|| vec![host.clone()])
    }

    /// Calls with tools that the host does not use; with its own if there are no others.
    pub(super) fn foreign(&self, host: &Event) -> Vec<Event> {
        let own = self.own(host);
        let tools: HashSet<u64> = own.iter().map(tool_key).collect();
        let foreign: Vec<Event> = self.all.iter().filter(|event| !tools.contains(&tool_key(event))).cloned().collect();
        if foreign.is_empty() { own } else { foreign }
    }
}

/// Replaces the call with the same tool; a full list keeps what it has.
fn put(calls: &mut Vec<Event>, event: &Event, most: usize) {
    let full = calls.len() >= most;
    match calls.iter_mut().find(|known| tool_key(known) == tool_key(event)) {
        Some(known) => known.clone_from(event),
        None if full => {}
        None => calls.push(event.clone()),
    }
}

/// Calls that change something, or all where none does.
pub(super) fn effects(calls: &[Event]) -> Vec<Event> {
    chosen(calls, |event| event.action.unwrap_or(Action::Execute).is_side_effect())
}

/// Calls that read, or all where none does.
pub(super) fn reads(calls: &[Event]) -> Vec<Event> {
    chosen(calls, |event| event.action == Some(Action::Read))
}

fn chosen(calls: &[Event], wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let some: Vec<Event> = calls.iter().filter(|event| wanted(event)).cloned().collect();
    if some.is_empty() { calls.to_vec() } else { some }
}
