//! What the peers of an identity do: group tables, built from news at fixed epochs and constant in between.
//!
//! Counts are numbers of identities, not of calls, so one loud identity cannot make a tool normal for its peers
//! (`model-notes`, section 3).

mod cluster;

pub(crate) use cluster::{Clusters, Profile, cluster};

use serde::{Deserialize, Serialize};

use crate::baseline::{
    Baseline, ContextNews, ContextRates, DelegationNews, DelegationRates, Flow, Rate, ScopeNews, ScopeRates, Step,
    Taint,
};
use crate::estimator::counts::BoundedCounts;
use crate::estimator::hours::{HourProfile, Start};
use crate::estimator::normal::Moments;
use crate::estimator::novelty::NoveltyRate;
use crate::estimator::pitman_yor::probability;
use crate::sorted::SortedMap;

const TOOL_SLOTS: usize = 2048;
const STEP_SLOTS: usize = 16_384;
const TARGET_SLOTS: usize = 32_768;
const ODD_SLOTS: usize = 4096;

/// Novelty of one tool among peers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerNovelty {
    /// How often a call meets a target that the caller has not met on the task.
    pub new_on_task: NoveltyRate,
    /// How often such a target is new to the caller.
    pub new: NoveltyRate,
    /// How often such a target is new to all peers too.
    pub also_new: NoveltyRate,
    /// How often such a target lies under a prefix that is new to the caller as well.
    pub far: NoveltyRate,
    /// How often a target came out of a tool's result, where events say.
    pub injected: NoveltyRate,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct PeerTool {
    novelty: PeerNovelty,
    bytes: [Moments; 2],
}

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
    tools: BoundedCounts,
    tools_total: f64,
    steps: BoundedCounts,
    targets: BoundedCounts,
    by_tool: SortedMap<PeerTool>,
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
        for tool in &news.tools {
            self.tools.push(*tool, 1.0, TOOL_SLOTS);
            self.tools_total += 1.0;
        }
        for (context, tool) in &news.steps {
            self.steps.push(*context, 1.0, STEP_SLOTS);
            if self.steps.push(crate::baseline::step_key(*context, *tool), 1.0, STEP_SLOTS) {
                self.steps.push(crate::baseline::kinds_key(*context), 1.0, STEP_SLOTS);
            }
        }
        for target in &news.targets {
            let novelty = &mut self.by_tool.entry(by_tool_key(target.tool)).novelty;
            if target.on_task {
                novelty.new_on_task.push(target.new_on_task);
            }
            if target.new_on_task {
                novelty.new.push(target.new);
            }
            if target.new {
                novelty.also_new.push(self.targets.push(target.pair, 1.0, TARGET_SLOTS));
                novelty.far.push(target.far);
            }
        }
        for call in &news.calls {
            let entry = self.by_tool.entry(by_tool_key(call.tool));
            for (moments, y) in entry.bytes.iter_mut().zip(call.ln_bytes).filter(|(_, y)| *y >= 0.0) {
                moments.push(f64::from(y));
            }
            if let Some(injected) = call.injected {
                entry.novelty.injected.push(injected);
            }
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
        let uniform = 1.0 / (self.tools.len() as f64 + 2.0);
        probability(self.tools.count(tool), self.tools_total, self.tools.len() as f64, uniform)
    }

    /// Probability of the tool after a context, by number of identities.
    pub(crate) fn step_probability(&self, context: u64, tool: u64, parent: f64) -> f64 {
        crate::baseline::after(&self.steps, context, tool, parent)
    }

    /// How many members use the tool, decayed.
    pub(crate) fn tool_count(&self, tool: u64) -> f64 {
        self.tools.count(tool)
    }

    /// Takes in what one member does: each tool, step and target counts it once, however often it does so.
    pub(crate) fn absorb(&mut self, baseline: &Baseline) {
        for tool in baseline.tools() {
            self.tools.push(u64::from(tool.key) << 32, 1.0, TOOL_SLOTS);
            self.tools_total += 1.0;
            let own = self.by_tool.entry(u64::from(tool.key));
            own.novelty.new_on_task.merge(tool.new_on_task);
            own.novelty.new.merge(tool.novelty);
            own.novelty.injected.merge(tool.injected);
            for (moments, theirs) in own.bytes.iter_mut().zip(&tool.bytes) {
                moments.merge(theirs);
            }
        }
        baseline.known_steps().for_each(|step| {
            self.steps.push(step, 1.0, STEP_SLOTS);
        });
        baseline.known_pairs().for_each(|pair| {
            self.targets.push(pair, 1.0, TARGET_SLOTS);
        });
    }

    /// Its own tools, steps and targets with the rates of another group.
    pub(crate) fn with_rates_of(self, rates: GroupModel) -> Self {
        let Self { tools, tools_total, steps, targets, mut by_tool, .. } = self;
        by_tool.for_each_entry(|key, tool| {
            // How new something is to the peers as well, members do not remember.
            if let Some(known) = rates.by_tool.find(key) {
                tool.novelty.also_new = known.novelty.also_new;
                tool.novelty.far = known.novelty.far;
            }
        });
        Self { tools, tools_total, steps, targets, by_tool, ..rates }
    }

    /// How many members have shown an oddity, decayed.
    pub(crate) fn odd_count(&self, odd: u64) -> f64 {
        self.odd.count(odd)
    }

    pub(crate) fn knows_target(&self, pair: u64) -> bool {
        self.targets.count(pair) > 0.0
    }

    pub(crate) fn novelty(&self, tool: u64) -> PeerNovelty {
        self.by_tool.find(by_tool_key(tool)).map(|t| t.novelty).unwrap_or_default()
    }

    /// Mean of `ln(1 + bytes/256)` of a tool among peers.
    pub(crate) fn mean_bytes(&self, tool: u64, index: usize) -> Option<f64> {
        self.by_tool.find(by_tool_key(tool))?.bytes.get(index)?.mean()
    }

    /// Weighs everything by `factor`.
    pub(crate) fn decay(&mut self, factor: f64) {
        self.tools.decay(factor);
        self.tools_total *= factor;
        self.steps.decay(factor);
        self.targets.decay(factor);
        self.by_tool.for_each(|tool| {
            tool.novelty.new_on_task.decay(factor);
            tool.novelty.new.decay(factor);
            tool.novelty.also_new.decay(factor);
            tool.novelty.far.decay(factor);
            tool.novelty.injected.decay(factor);
            tool.bytes.iter_mut().for_each(|m| m.decay(factor));
        });
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

/// Baselines keep half of a tool's fingerprint, so groups do as well.
fn by_tool_key(tool: u64) -> u64 {
    u64::from(crate::baseline::key_of(tool))
}
