//! What the peers of an identity do: group tables, built from news at fixed epochs and constant in between.
//!
//! Counts are numbers of identities, not of calls, so one loud identity cannot make a tool normal for its peers
//! (`model-notes`, section 3).

mod cluster;
mod habits;
mod sample;

pub(crate) use cluster::{Clusters, Profile, cluster};
pub(crate) use habits::{Habits, PeerNovelty};
pub(crate) use sample::Sample;

use serde::{Deserialize, Serialize};

use crate::baseline::{
    ContextNews, ContextRates, DelegationNews, DelegationRates, Flow, Rate, ScopeNews, ScopeRates, Step, Taint,
};
use crate::estimator::counts::BoundedCounts;
use crate::estimator::hours::{HourProfile, Start};
use crate::estimator::pitman_yor::probability;
use crate::fingerprint::{Fingerprinter, Kind};

const ODD_SLOTS: usize = 4096;

/// One target that a member touched.
#[expect(clippy::struct_excessive_bools, reason = "each is one observation of one learned rate")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetNews {
    pub tool: u64,
    /// Fingerprint of tool and target.
    pub pair: u64,
    /// Whether a task was named, whether the pair was new on it (or no task was named) and to the member, and whether its
    /// prefix was new to the member.
    pub on_task: bool,
    pub new_on_task: bool,
    pub new: bool,
    pub far: bool,
}

/// One call that a member made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct CallNews {
    pub tool: u64,
    /// `ln(1 + bytes/256)` sent and received; negative if not known.
    pub ln_bytes: [f32; 2],
    /// Whether its target came out of a tool's result, where the event says.
    pub injected: Option<bool>,
    /// Seconds since the call before in the session; negative for the first.
    pub gap: f32,
    pub failed: bool,
    pub leaving: Taint,
    pub scope: Option<ScopeNews>,
}

/// What was new about where a member's session came from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct SettingNews {
    pub start: Option<(u8, bool)>,
    pub context: ContextNews,
    pub delegation: DelegationNews,
}

/// What is new to members of a group since the last epoch, in the order it was learned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GroupNews {
    /// Tools that an identity used for the first time.
    pub tools: Vec<u64>,
    /// Contexts and tools that followed them for the first time in an identity.
    pub steps: Vec<(u64, u64)>,
    /// Targets touched.
    pub targets: Vec<TargetNews>,
    /// Calls made.
    pub calls: Vec<CallNews>,
    /// Sessions started, and changes of their source.
    pub settings: Vec<SettingNews>,
    /// `ln` of the calls within a minute, and of the most on one target.
    pub minutes: Vec<[f32; 2]>,
    /// What was odd in a member's session, once a member.
    pub odd: Vec<u64>,
}

impl GroupNews {
    /// Takes in what came after it.
    pub(crate) fn append(&mut self, mut later: GroupNews) {
        self.tools.append(&mut later.tools);
        self.steps.append(&mut later.steps);
        self.targets.append(&mut later.targets);
        self.calls.append(&mut later.calls);
        self.settings.append(&mut later.settings);
        self.minutes.append(&mut later.minutes);
        self.odd.append(&mut later.odd);
    }
}

/// What the members of one peer group do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GroupModel {
    /// Where the group comes from, for people.
    pub name: Box<str>,
    habits: Habits,
    odd: BoundedCounts,
    pub(crate) rate: Rate,
    pub(crate) hours: HourProfile,
    pub(crate) context: ContextRates,
    pub(crate) delegation: DelegationRates,
    pub(crate) scope: ScopeRates,
    pub(crate) flow: Flow,
}

impl GroupModel {
    /// Takes in what its members learned during an epoch.
    pub(crate) fn learn(&mut self, news: &GroupNews) {
        self.habits.learn(news);
        for call in &news.calls {
            self.rate.learn(call.gap, call.failed);
            self.flow.learn(call.leaving);
            if let Some(scope) = call.scope {
                self.scope.learn(scope);
            }
        }
        for setting in &news.settings {
            if let Some((hour, weekend)) = setting.start {
                self.hours.push(Start { hour, weekend });
            }
            self.context.learn(setting.context);
            self.delegation.learn(setting.delegation);
        }
        for odd in &news.odd {
            self.odd.push(*odd, 1.0, ODD_SLOTS);
        }
        for minute in &news.minutes {
            self.rate.learn_minute(*minute);
        }
    }

    /// Probability that a member uses the tool: by number of identities, over uniform `1/(V + 2)`.
    pub(crate) fn tool_probability(&self, tool: u64) -> f64 {
        let Habits { tools, tools_total, .. } = &self.habits;
        let uniform = 1.0 / (tools.len() as f64 + 2.0);
        probability(tools.count(tool), *tools_total, tools.len() as f64, uniform)
    }

    /// Probability of the tool after a context, by number of identities.
    pub(crate) fn step_probability(&self, context: u64, tool: u64, parent: f64) -> f64 {
        crate::baseline::after(&self.habits.steps, context, tool, parent)
    }

    /// How many members use the tool, decayed.
    pub(crate) fn tool_count(&self, tool: u64) -> f64 {
        self.habits.tools.count(tool)
    }

    /// Takes in what more of its members do.
    pub(crate) fn join(&mut self, habits: &Habits) {
        self.habits.merge(habits);
    }

    /// How many members have shown an oddity, decayed.
    pub(crate) fn odd_count(&self, odd: u64) -> f64 {
        self.odd.count(odd)
    }

    pub(crate) fn knows_target(&self, pair: u64) -> bool {
        self.habits.targets.count(pair) > 0.0
    }

    pub(crate) fn novelty(&self, tool: u64) -> PeerNovelty {
        self.habits.tool(tool).map(|t| t.novelty).unwrap_or_default()
    }

    /// Mean of `ln(1 + bytes/256)` of a tool among peers.
    pub(crate) fn mean_bytes(&self, tool: u64, index: usize) -> Option<f64> {
        self.habits.tool(tool)?.bytes.get(index)?.mean()
    }

    /// Weighs everything by `factor`.
    pub(crate) fn decay(&mut self, factor: f64) {
        self.habits.decay(factor);
        self.odd.decay(factor);
        self.rate.decay(factor);
        self.hours.decay(factor);
        self.context.decay(factor);
        self.delegation.decay(factor);
        self.scope.decay(factor);
        self.flow.decay(factor);
    }
}

/// The group of identities whose workload declares none.
pub(crate) const EVERYONE: &str = "all identities";

/// Name of a group that was found by behaviour.
pub(crate) fn found(number: u32) -> String {
    format!("behaviour {number}")
}

/// A group of a tenant that was found by behaviour, and that of everybody, which it begins as.
pub(crate) struct FoundGroup {
    pub key: u64,
    pub everyone: u64,
    pub name: String,
}

impl FoundGroup {
    pub(crate) fn of(fingerprinter: &Fingerprinter, tenant: &str, number: u32) -> Self {
        let name = found(number);
        let key = |group: &str| fingerprinter.of(Kind::Group, &[tenant, group]);
        Self { key: key(&name), everyone: key(EVERYONE), name }
    }
}

/// Whether a group of this name was found by behaviour; declared ones are SPIFFE paths.
pub(crate) fn is_found(name: &str) -> bool {
    name.starts_with("behaviour ")
}

/// The peer group of an identity: the parent of its SPIFFE path (a declared grouping of workloads), else the tenant.
pub(crate) fn group_of(identity: &str) -> &str {
    match identity.strip_prefix("spiffe://") {
        Some(rest) if rest.contains('/') => identity.rfind('/').and_then(|at| identity.get(..at)).unwrap_or(identity),
        _ => EVERYONE,
    }
}

/// The step that stands for `previous` in explanations.
pub(crate) fn is_start(tool: u64) -> bool {
    tool == Step::START
}
