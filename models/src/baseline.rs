//! What is normal for one identity: bounded, decayed, learned one step at a time.
//!
//! `score` in the files below reads, [`Baseline::learn`] writes. A [`Step`] is an event reduced to fingerprints and
//! numbers, so that a session can be kept from being learned without keeping its events.

mod chain;
mod context;
mod delegation;
mod flow;
mod rate;
mod schedule;
mod scope;
mod target;
mod tool;
mod volume;

use serde::{Deserialize, Serialize};

pub(crate) use chain::{after, kinds_key, step_key};
pub(crate) use context::{Context, ContextKeys, ContextNews, ContextRates};
pub(crate) use delegation::{Delegation, DelegationKeys, DelegationNews, DelegationRates};
pub(crate) use flow::{Flow, Taint};
pub(crate) use rate::{Minute, Rate};
pub(crate) use schedule::{score as score_start, start_of};
pub(crate) use scope::{Grant, Scope, ScopeNews, ScopeRates, covering};
pub(crate) use target::{TargetKeys, TargetScore};
pub(crate) use tool::{ToolStats, key_of};
pub(crate) use volume::{Direction, VolumeScore, in_bytes, ln_bytes, prior};

use crate::estimator::counts::{BoundedCounts, Small};
use crate::estimator::hours::{HourProfile, Start};
use crate::estimator::novelty::{Familiarity, NoveltyRate};
use crate::estimator::recent::RecentSet;
use crate::fingerprint::mix;
use crate::peers::{CallNews, GroupModel, GroupNews, SettingNews, TargetNews};

/// Slots for tools (56 bytes each).
pub(crate) const TOOL_SLOTS: usize = 24;
/// Slots for tools once there are more of them (6 bytes each).
pub(crate) const USAGE_SLOTS: usize = 512;
/// Slots for contexts and steps between tools (6 bytes each).
pub(crate) const STEP_SLOTS: usize = 512;
/// Remembered pairs of tool and target (4 bytes each).
pub(crate) const TARGET_SLOTS: usize = 512;
/// Remembered prefixes of targets (4 bytes each).
pub(crate) const PREFIX_SLOTS: usize = 64;
/// Calls after which counts are halved, so that `-ln P(new)` and with it the promise do not drift with age
/// (`model-notes`, section 2).
const EVIDENCE_CAP: f64 = 1000.0;

/// One event, as far as dimensions look at it. The target keys stand in an arena of the session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Fingerprint of server, tool and action.
    pub tool: u64,
    /// Fingerprint of the task; 0 if none was named.
    pub task: u64,
    /// The tool before, and the one before that; [`Step::START`] before the first.
    pub previous: [u64; 2],
    /// `ln(1 + bytes/256)` sent and received; negative if not known.
    pub ln_bytes: [f32; 2],
    /// Where its targets start in the arena, and how many there are.
    pub targets: (u32, u16),
    /// Whether it changes something and did not fail.
    pub side_effect: bool,
    /// Whether its target came out of a tool's result, where the event says.
    pub injected: Option<bool>,
    /// Seconds since the call before in the session; negative for the first.
    pub gap: f32,
    /// Whether it was denied or failed.
    pub failed: bool,
    /// What its grant says of it.
    pub grant: Grant,
    /// What leaves with it, if it crosses the boundary.
    pub leaving: Taint,
}

/// Where a session comes from and who stands behind it; noted when it starts and whenever that changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// When the session started; `None` for a change within it.
    pub start: Option<(u8, bool)>,
    pub context: ContextKeys,
    /// Whether another identity used its credential last; `None` without one.
    pub credential_shared: Option<bool>,
    pub delegation: DelegationKeys,
}

impl Setting {
    /// The start of the session, if this is it.
    pub(crate) fn start(&self) -> Option<Start> {
        self.start.map(|(hour, weekend)| Start { hour, weekend })
    }
}

impl Step {
    /// What stands before the first tool of a session.
    pub(crate) const START: u64 = 0x5354_4152_5400_0001;

    /// The contexts that predict its tool, weakest first; each predicts better where it has been seen.
    pub(crate) fn contexts(&self) -> [Option<u64>; 4] {
        let [previous, before] = self.previous;
        let task = (self.task != 0).then(|| mix(self.task, 3));
        [
            task,
            Some(mix(previous, 1)),
            Some(mix(mix(before, previous), 2)),
            (self.task != 0).then(|| mix(mix(self.task, previous), 4)),
        ]
    }
}

/// What one identity is known to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    tools: Vec<ToolStats>,
    /// Calls by tool, kept beside `tools` once an identity uses more tools than have room there.
    usage: BoundedCounts<Small>,
    /// Calls of all tools, decayed.
    calls: f32,
    /// Contexts (totals, kinds) and the tools that follow them.
    steps: BoundedCounts<Small>,
    targets: RecentSet,
    prefixes: RecentSet,
    pub(crate) rate: Rate,
    pub(crate) hours: HourProfile,
    pub(crate) context: Context,
    pub(crate) delegation: Delegation,
    pub(crate) scope: Scope,
    pub(crate) flow: Flow,
}

impl Baseline {
    /// Learns one step; what is new to this identity is told to its group.
    pub(crate) fn learn(&mut self, step: &Step, targets: &[TargetKeys], news: &mut GroupNews) {
        let on_task = self.knows_task(step);
        let new_tool = self.learn_tool(step);
        if new_tool {
            news.tools.push(step.tool);
        }
        self.learn_steps(step, news);
        for keys in targets {
            let pair = keys.pair(step.tool);
            let new_on_task = step.task == 0 || self.targets.push(mix(pair, step.task), TARGET_SLOTS) || !on_task;
            let new = self.targets.push(pair, TARGET_SLOTS);
            let far = self.prefixes.push(keys.prefix, PREFIX_SLOTS);
            if let Some(tool) = self.tool_mut(step.tool) {
                if on_task {
                    tool.new_on_task.push(new_on_task);
                }
                if new_on_task {
                    tool.novelty.push(new);
                }
            }
            news.targets.push(TargetNews { tool: step.tool, pair, on_task, new_on_task, new, far });
        }
        if let Some(tool) = self.tool_mut(step.tool) {
            if let Some(injected) = step.injected {
                tool.injected.push(injected);
            }
            for (moments, y) in tool.bytes.iter_mut().zip(step.ln_bytes).filter(|(_, y)| *y >= 0.0) {
                moments.push_winsorised(f64::from(y));
            }
        }
        self.rate.learn(step.gap, step.failed);
        self.flow.learn(step.leaving);
        let uncovered_first =
            step.grant == Grant::Uncovered && self.targets.push(uncovered_key(step.tool), TARGET_SLOTS);
        let scope = self.scope.learn(step.grant, uncovered_first);
        news.calls.push(CallNews {
            tool: step.tool,
            ln_bytes: step.ln_bytes,
            injected: step.injected,
            gap: step.gap,
            failed: step.failed,
            leaving: step.leaving,
            scope,
        });
        if self.calls() > EVIDENCE_CAP {
            self.forget_calls(0.5);
        }
    }

    /// Learns where a session came from and who stood behind it.
    pub(crate) fn learn_setting(&mut self, setting: &Setting, news: &mut GroupNews) {
        if let Some(start) = setting.start() {
            self.hours.push(start);
        }
        let context = self.context.learn(setting.context, setting.start.is_none(), setting.credential_shared);
        let person = setting.delegation.on_behalf_of;
        let new_person = person != 0 && self.targets.push(person_key(person), TARGET_SLOTS);
        let delegation = self.delegation.learn(setting.delegation, new_person);
        news.settings.push(SettingNews { start: setting.start, context, delegation });
    }

    /// Whether the identity has acted for this person before.
    pub(crate) fn knows_person(&self, keys: DelegationKeys) -> bool {
        self.targets.contains(person_key(keys.on_behalf_of))
    }

    /// Whether the tool has been used without cover by a granted scope before.
    pub(crate) fn uncovered_before(&self, tool: u64) -> bool {
        self.targets.contains(uncovered_key(tool))
    }

    /// Whether the identity has used this tool on this target, or its peers have, or it knows the neighbourhood.
    pub(crate) fn familiarity(&self, step: &Step, keys: TargetKeys, group: &GroupModel) -> Familiarity {
        let pair = keys.pair(step.tool);
        if step.task != 0 && self.targets.contains(mix(pair, step.task)) {
            Familiarity::Usual
        } else if self.targets.contains(pair) {
            Familiarity::Known
        } else if group.knows_target(pair) {
            Familiarity::KnownToPeers
        } else if self.prefixes.contains(keys.prefix) {
            Familiarity::Nearby
        } else {
            Familiarity::New
        }
    }

    /// Whether the step names a task that this identity has worked on before.
    fn knows_task(&self, step: &Step) -> bool {
        let [task, ..] = step.contexts();
        task.is_some_and(|context| self.steps.count(context) > 0.0)
    }

    /// How probable it is that a target of the step's tool lies in none of the circles of [`Familiarity`], each given
    /// that it lies in none of those before.
    pub(crate) fn circle_rates(&self, step: &Step, group: &GroupModel) -> [f64; 4] {
        let peers = group.novelty(step.tool);
        let own = self.tool(step.tool).copied().unwrap_or_default();
        let on_task = own.new_on_task.shrunk(peers.new_on_task.alone());
        [
            if self.knows_task(step) { on_task } else { 1.0 },
            own.novelty.shrunk(peers.new.alone()),
            peers.also_new.alone(),
            peers.far.alone(),
        ]
    }

    /// Own rate of targets out of tool results.
    fn injected(&self, tool: u64) -> NoveltyRate {
        self.tool(tool).map(|t| t.injected).unwrap_or_default()
    }

    /// Weighs everything learned so far by `factor`.
    pub(crate) fn decay(&mut self, factor: f64) {
        self.forget_calls(factor);
        self.hours.decay(factor);
        self.context.decay(factor);
        self.delegation.decay(factor);
        self.scope.decay(factor);
        self.flow.decay(factor);
    }

    /// Weighs what grows with every call by `factor`; what grows once a session stays.
    fn forget_calls(&mut self, factor: f64) {
        for tool in &mut self.tools {
            tool.decay(factor);
        }
        self.usage.decay(factor);
        self.calls *= factor as f32;
        self.tools.retain(|t| t.count >= 0.05);
        self.steps.decay(factor);
        self.rate.decay(factor);
    }

    /// Contexts and steps remembered, as far as fingerprints are stored.
    pub(crate) fn known_steps(&self) -> impl Iterator<Item = u64> {
        self.steps.fingerprints()
    }

    /// Targets remembered, with their tools and tasks, as far as fingerprints are stored.
    pub(crate) fn known_pairs(&self) -> impl Iterator<Item = u64> {
        self.targets.fingerprints()
    }

    /// Distinct pairs of tool and target remembered.
    pub(crate) fn known_targets(&self) -> usize {
        self.targets.len()
    }

    /// Heap memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.tools.capacity() * size_of::<ToolStats>()
            + self.steps.bytes()
            + self.usage.bytes()
            + self.targets.bytes()
            + self.prefixes.bytes()
    }
}

fn person_key(person: u64) -> u64 {
    mix(person, 0x5045)
}

fn uncovered_key(tool: u64) -> u64 {
    mix(tool, 0x554e)
}
