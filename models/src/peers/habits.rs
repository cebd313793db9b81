//! What the members of a group do: tools, steps and targets, by the number of identities that have them.

use serde::{Deserialize, Serialize};

use super::{GroupModel, GroupNews};
use crate::baseline::{Baseline, key_of, kinds_key, step_key};
use crate::estimator::counts::BoundedCounts;
use crate::estimator::normal::Moments;
use crate::estimator::novelty::NoveltyRate;
use crate::sorted::SortedMap;

const TOOL_SLOTS: usize = 2048;
const STEP_SLOTS: usize = 16_384;
const TARGET_SLOTS: usize = 32_768;

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
pub(super) struct PeerTool {
    pub novelty: PeerNovelty,
    pub bytes: [Moments; 2],
}

/// Tools, steps and targets of a group's members. At most 9 bytes a slot when stored, and 70 for each tool: 0.6 MB.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Habits {
    pub(super) tools: BoundedCounts,
    pub(super) tools_total: f64,
    pub(super) steps: BoundedCounts,
    pub(super) targets: BoundedCounts,
    by_tool: SortedMap<PeerTool>,
}

impl Habits {
    /// Takes in what was new to members during an epoch.
    pub(super) fn learn(&mut self, news: &GroupNews) {
        for tool in &news.tools {
            self.tools.push(*tool, 1.0, TOOL_SLOTS);
            self.tools_total += 1.0;
        }
        for (context, tool) in &news.steps {
            self.steps.push(*context, 1.0, STEP_SLOTS);
            if self.steps.push(step_key(*context, *tool), 1.0, STEP_SLOTS) {
                self.steps.push(kinds_key(*context), 1.0, STEP_SLOTS);
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
        }
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

    /// Takes in what other members do.
    pub(crate) fn merge(&mut self, other: &Habits) {
        self.tools.merge(&other.tools, TOOL_SLOTS);
        self.tools_total += other.tools_total;
        self.steps.merge(&other.steps, STEP_SLOTS);
        self.targets.merge(&other.targets, TARGET_SLOTS);
        for (key, theirs) in other.by_tool.iter() {
            let own = self.by_tool.entry(key);
            own.novelty.new_on_task.merge(theirs.novelty.new_on_task);
            own.novelty.new.merge(theirs.novelty.new);
            own.novelty.injected.merge(theirs.novelty.injected);
            for (moments, theirs) in own.bytes.iter_mut().zip(&theirs.bytes) {
                moments.merge(theirs);
            }
        }
    }

    /// Keeps the details of those tools only that are counted, so that agents that invent names do not make it large.
    pub(crate) fn trim(&mut self) {
        let Self { tools, by_tool, .. } = self;
        by_tool.retain(|key| tools.count(key << 32) > 0.0);
    }

    /// A group that has these habits and the rates of another one.
    pub(crate) fn with_rates_of(mut self, rates: GroupModel) -> GroupModel {
        self.by_tool.for_each_entry(|key, tool| {
            // How new something is to the peers as well, members do not remember.
            if let Some(known) = rates.habits.by_tool.find(key) {
                tool.novelty.also_new = known.novelty.also_new;
                tool.novelty.far = known.novelty.far;
            }
        });
        GroupModel { habits: self, ..rates }
    }

    /// What is known of a tool.
    pub(super) fn tool(&self, tool: u64) -> Option<&PeerTool> {
        self.by_tool.find(by_tool_key(tool))
    }

    /// Weighs everything by `factor`.
    pub(super) fn decay(&mut self, factor: f64) {
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
    }
}

/// Baselines keep half of a tool's fingerprint, so groups do as well.
fn by_tool_key(tool: u64) -> u64 {
    u64::from(key_of(tool))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Step, TargetKeys};
    use crate::fingerprint::mix;

    fn member(n: u64) -> Baseline {
        let mut baseline = Baseline::default();
        for call in 0..40 {
            let tool = mix(call % 5 + n % 3, 1);
            let step = Step { tool, previous: [mix(call % 4, 1), 9], ln_bytes: [call as f32, 1.0], ..Step::default() };
            let keys = TargetKeys { target: mix(call % 20, n % 4), prefix: 3 };
            baseline.learn(&step, &[keys], &mut GroupNews::default());
        }
        baseline
    }

    fn habits(members: impl Iterator<Item = u64>) -> Habits {
        members.fold(Habits::default(), |mut habits, n| {
            habits.absorb(&member(n));
            habits
        })
    }

    #[test]
    fn members_in_two_partitions_are_one_group() {
        let whole = habits(0..12);
        let mut merged = habits(0..5);
        merged.merge(&habits(5..12));
        assert!((merged.tools_total - whole.tools_total).abs() < 1e-9);
        let counts = |habits: &Habits| {
            [&habits.tools, &habits.steps, &habits.targets].map(|counts| {
                let held: std::collections::BTreeMap<_, _> =
                    counts.fingerprints().map(|f| (f, counts.count(f) as u32)).collect();
                held
            })
        };
        assert_eq!(counts(&merged), counts(&whole));
        for ((key, own), (other, theirs)) in merged.by_tool.iter().zip(whole.by_tool.iter()) {
            assert_eq!((key, own.novelty), (other, theirs.novelty));
            assert!(own.bytes.iter().zip(&theirs.bytes).all(|(a, b)| (a.n() - b.n()).abs() < 1e-6));
        }
    }

    #[test]
    fn a_flood_of_tool_names_stays_small_when_told() {
        let mut flooded = Habits::default();
        for n in 0..300_u64 {
            let mut baseline = Baseline::default();
            for call in 0..24 {
                let step = Step { tool: mix(n * 100 + call, 1), ..Step::default() };
                baseline.learn(&step, &[], &mut GroupNews::default());
            }
            flooded.absorb(&baseline);
        }
        assert_eq!(flooded.by_tool.len(), 7200);
        flooded.trim();
        assert!(flooded.by_tool.len() <= TOOL_SLOTS && flooded.by_tool.len() == flooded.tools.len());
    }
}
