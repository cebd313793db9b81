//! `chain`: is this the tool that follows, after the last few of this session?
//!
//! Stored: contexts and steps share one table of at most 512 slots of 6 bytes. Score: how much less probable the order
//! makes the tool than the tool is by itself. Variable order: two tools back only below a step that has been seen
//! [`GROW_AT`] times (prediction suffix trees: Ron, Singer, Tishby, Machine Learning 1996), so that rare orders do not
//! thrash the table. With little data the longer contexts are empty and the shorter ones answer.

use super::{Baseline, STEP_SLOTS, Step};
use crate::estimator::counts::{BoundedCounts, Count};
use crate::estimator::pitman_yor::probability;
use crate::fingerprint::mix;
use crate::peers::{GroupModel, GroupNews};

/// How often a step must have been seen before contexts of two tools are kept below it.
const GROW_AT: f64 = 4.0;

/// Key of the number of distinct tools after a context.
pub(crate) fn kinds_key(context: u64) -> u64 {
    mix(context, 0x4b49)
}

/// Key of a tool after a context.
pub(crate) fn step_key(context: u64, tool: u64) -> u64 {
    mix(context, tool)
}

/// Probability of `tool` after `context`, given a parent. Where the context is unknown this is the parent.
pub(crate) fn after<C: Count>(steps: &BoundedCounts<C>, context: u64, tool: u64, parent: f64) -> f64 {
    let total = steps.count(context);
    if total <= 0.0 {
        return parent;
    }
    probability(steps.count(step_key(context, tool)), total, steps.count(kinds_key(context)), parent)
}

impl Baseline {
    pub(super) fn step_probability(&self, context: u64, tool: u64, parent: f64) -> f64 {
        after(&self.steps, context, tool, parent)
    }

    /// Probability of the step's tool after the tools before it. `unordered` is its probability whatever the order.
    ///
    /// Peers' knowledge of a context stands below the identity's own, context by context from short to long.
    pub(crate) fn chain_probability(&self, step: &Step, group: &GroupModel, unordered: f64) -> f64 {
        step.contexts().into_iter().skip(1).flatten().fold(unordered, |parent, context| {
            let peers = group.step_probability(context, step.tool, parent);
            after(&self.steps, context, step.tool, peers)
        })
    }

    /// The tools that follow `context`, as share of all that follow it.
    pub(crate) fn share_after(&self, previous: u64, tool: u64) -> f64 {
        let context = mix(previous, 1);
        let total = self.steps.count(context);
        if total > 0.0 { (self.steps.count(step_key(context, tool)) / total).min(1.0) } else { 0.0 }
    }

    pub(super) fn learn_steps(&mut self, step: &Step, news: &mut GroupNews) {
        let [task, first, second, task_first] = step.contexts();
        let grown = first.is_some_and(|c| self.steps.count(step_key(c, step.tool)) >= GROW_AT);
        for context in [task, first, second.filter(|_| grown), task_first].into_iter().flatten() {
            self.steps.push(context, 1.0, STEP_SLOTS);
            if self.steps.push(step_key(context, step.tool), 1.0, STEP_SLOTS) {
                self.steps.push(kinds_key(context), 1.0, STEP_SLOTS);
                news.steps.push((context, step.tool));
            }
        }
    }
}
