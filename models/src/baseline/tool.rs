//! `tool`: does this identity use this tool, on this task?
//!
//! Stored: 56 bytes a tool held, at most 24 tools; 8 bytes a tool for at most 512 once there are more. Score: `-ln P(tool)` by Pitman-Yor back-off from identity-on-task over
//! identity, peers-on-task and peers to uniform. With little data the peers decide, and without peers the uniform.

use serde::{Deserialize, Serialize};

use super::{Baseline, Step, TOOL_SLOTS, USAGE_SLOTS};
use crate::estimator::normal::Moments;
use crate::estimator::novelty::NoveltyRate;
use crate::estimator::pitman_yor::probability;
use crate::peers::GroupModel;

/// What is known of one tool of one identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ToolStats {
    /// The upper half of the tool's fingerprint.
    pub key: u32,
    /// Calls, decayed.
    pub count: f32,
    /// `ln(1 + bytes/256)` sent and received.
    pub bytes: [Moments; 2],
    /// How often it meets a target that it has not met on the task.
    pub new_on_task: NoveltyRate,
    /// How often such a target is new for it on every task.
    pub novelty: NoveltyRate,
    /// How often its target came out of a tool's result, where events say.
    pub injected: NoveltyRate,
}

impl ToolStats {
    pub(super) fn decay(&mut self, factor: f64) {
        self.count *= factor as f32;
        self.bytes.iter_mut().for_each(|m| m.decay(factor));
        self.new_on_task.decay(factor);
        self.novelty.decay(factor);
        self.injected.decay(factor);
    }
}

/// The part of a tool's fingerprint that a baseline stores.
pub(crate) fn key_of(tool: u64) -> u32 {
    (tool >> 32) as u32
}

impl Baseline {
    /// The tools held, in no particular order.
    pub(crate) fn tools(&self) -> &[ToolStats] {
        &self.tools
    }

    /// Calls of all tools, decayed.
    pub(crate) fn calls(&self) -> f64 {
        f64::from(self.calls)
    }

    /// Calls of one tool, decayed.
    pub(crate) fn calls_of(&self, tool: u64) -> f64 {
        if self.usage.is_empty() { self.tool(tool).map_or(0.0, |t| f64::from(t.count)) } else { self.usage.count(tool) }
    }

    fn kinds(&self) -> f64 {
        (if self.usage.is_empty() { self.tools.len() } else { self.usage.len() }) as f64
    }

    pub(crate) fn tool(&self, tool: u64) -> Option<&ToolStats> {
        let key = key_of(tool);
        self.tools.iter().find(|t| t.key == key)
    }

    pub(super) fn tool_mut(&mut self, tool: u64) -> Option<&mut ToolStats> {
        let key = key_of(tool);
        self.tools.iter_mut().find(|t| t.key == key)
    }

    /// Counts one call. Returns whether the tool was new to the identity.
    pub(super) fn learn_tool(&mut self, step: &Step) -> bool {
        self.calls += 1.0;
        let counted = !self.usage.is_empty();
        let new = counted && self.usage.push(step.tool, 1.0, USAGE_SLOTS);
        if let Some(tool) = self.tool_mut(step.tool) {
            tool.count += 1.0;
            return false;
        }
        let newcomer = ToolStats { key: key_of(step.tool), count: 1.0, ..ToolStats::default() };
        if self.tools.len() < TOOL_SLOTS {
            if self.tools.len() == self.tools.capacity() {
                self.tools.reserve_exact((self.tools.len()).clamp(4, TOOL_SLOTS - self.tools.len()));
            }
            self.tools.push(newcomer);
        } else {
            if !counted {
                // From here on there are more tools than places: all of them are counted beside.
                for tool in &self.tools {
                    self.usage.push(u64::from(tool.key) << 32, f64::from(tool.count), USAGE_SLOTS);
                }
                self.usage.push(step.tool, 1.0, USAGE_SLOTS);
            }
            if let Some(rarest) = self.tools.iter_mut().min_by(|a, b| a.count.total_cmp(&b.count)) {
                let count = self.usage.count(step.tool) as f32;
                *rarest = ToolStats { count, ..newcomer };
            }
            return new || !counted;
        }
        true
    }

    /// Probability of the step's tool for this identity, whatever the order: on its task where that is known.
    pub(crate) fn tool_probability(&self, step: &Step, group: &GroupModel) -> f64 {
        let [task, ..] = step.contexts();
        let peers = group.tool_probability(step.tool);
        let peers = task.map_or(peers, |task| group.step_probability(task, step.tool, peers));
        let own = probability(self.calls_of(step.tool), self.calls(), self.kinds(), peers);
        task.map_or(own, |task| self.step_probability(task, step.tool, own))
    }
}
