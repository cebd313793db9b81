//! `rate`: how many actions, and denied or failed ones, per time?
//!
//! Stored: 44 bytes. Score: the strangest of four looks, at the price of four (Bonferroni): the gap since the last call of
//! the session (too short), the calls within the running minute, those of them on one target (a burst), and whether the
//! call failed. With little data the peers' means and rates decide. About 150 ns an event.

use serde::{Deserialize, Serialize};

use super::Step;
use crate::estimator::normal::{Moments, Prior};
use crate::estimator::novelty::{NoveltyRate, surprise};
use crate::estimator::rate::GapModel;

/// Targets counted apart within a minute.
const TARGETS: usize = 4;
/// What four looks at one event cost.
const LOOKS: f64 = 1.386_294_361;
/// Faster than usual by less than this (nats) is no sign: agents and networks have good days.
const TOLERANCE: f64 = 1.0;
/// Calls a minute that are added to every count before its logarithm is taken: below that there are no bursts.
const FEW: f64 = 8.0;
/// The least variance of a logarithmic count that is believed.
const LEAST_VARIANCE: f64 = 0.1;

/// How fast an identity, or a group, acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate {
    gaps: GapModel,
    /// `ln(8 + n)` of the calls within a minute with calls, and of the most on one target.
    minutes: [Moments; 2],
    failed: NoveltyRate,
}

/// The running minute of an identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Minute {
    number: i64,
    calls: u32,
    targets: [(u32, u32); TARGETS],
}

impl Minute {
    /// Counts a call. Returns the `ln` counts of the minute before, if it is over.
    pub(crate) fn push(&mut self, number: i64, pairs: impl Iterator<Item = u64>) -> Option<[f32; 2]> {
        let over = (number > self.number && self.calls > 0).then(|| self.ln_counts().map(|ln| ln as f32));
        if number > self.number {
            *self = Self { number, ..Self::default() };
        }
        self.calls = self.calls.saturating_add(1);
        for pair in pairs {
            let key = ((pair >> 32) as u32).max(1);
            let known = self.targets.iter().position(|(k, _)| *k == key);
            // The least counted makes room, so that one target among many is still counted right.
            let at = known.or_else(|| (0..TARGETS).min_by_key(|at| self.targets.get(*at).map(|(_, n)| *n)));
            if let Some((k, n)) = at.and_then(|at| self.targets.get_mut(at)) {
                *n = if *k == key { n.saturating_add(1) } else { 1 };
                *k = key;
            }
        }
        over
    }

    /// `ln(8 + n)` of its calls so far, and of the most on one target.
    pub(crate) fn ln_counts(&self) -> [f64; 2] {
        let most = self.targets.iter().map(|(_, n)| *n).max().unwrap_or(0);
        [self.calls, most].map(|n| (f64::from(n) + FEW).ln())
    }

    /// Its calls so far, and the most on one target.
    pub(crate) fn counts(ln_counts: [f64; 2]) -> [f64; 2] {
        ln_counts.map(|ln| ln.exp() - FEW)
    }
}

impl Rate {
    /// Surprise of one call in nats; `minute`: the `ln` counts of the running minute with it.
    pub(crate) fn score(&self, step: &Step, minute: [f64; 2], peers: &Rate) -> f64 {
        let mut strongest = self.failed_surprise(step.failed, peers);
        if step.gap >= 0.0 {
            let prior = peers.gaps.mean().or(self.gaps.mean()).map(GapModel::prior);
            strongest = strongest
                .max(prior.map_or(0.0, |prior| self.gaps.surprise(f64::from(step.gap) * TOLERANCE.exp(), prior)));
        }
        for ((own, theirs), ln_count) in self.minutes.iter().zip(&peers.minutes).zip(minute) {
            let Some(mean) = theirs.mean().or(own.mean()) else { continue };
            let variance = theirs.deviation().map_or(1.0, |s| s * s).max(LEAST_VARIANCE);
            let prior = Prior { mean, k: 0.5, a: 1.5, b: 1.5 * variance };
            strongest = strongest.max(own.residual(ln_count - TOLERANCE / 2.0, prior).surprise());
        }
        (strongest - LOOKS).max(0.0)
    }

    fn failed_surprise(&self, failed: bool, peers: &Rate) -> f64 {
        surprise(&[self.failed.shrunk(peers.failed.alone())], usize::from(failed))
    }

    /// Share of calls that fail, shrunk to that of `peers`.
    pub(crate) fn failure_rate(&self, peers: &Rate) -> f64 {
        self.failed.shrunk(peers.failed.alone())
    }

    /// Usual calls a minute, where known.
    pub(crate) fn usual_per_minute(&self) -> Option<f64> {
        let [calls, _] = &self.minutes;
        calls.mean().map(|ln| ln.exp() - FEW)
    }

    /// Usual gap in seconds, where known.
    pub(crate) fn usual_gap(&self) -> Option<f64> {
        self.gaps.mean().map(|speed| (-speed).exp())
    }

    /// Learns one call.
    pub(crate) fn learn(&mut self, gap: f32, failed: bool) {
        if gap >= 0.0 {
            self.gaps.push(f64::from(gap));
        }
        self.failed.push(failed);
    }

    /// Learns a minute that is over; nothing moves it further than three deviations at once.
    pub(crate) fn learn_minute(&mut self, ln_counts: [f32; 2]) {
        for (moments, y) in self.minutes.iter_mut().zip(ln_counts) {
            moments.push_winsorised(f64::from(y));
        }
    }

    pub(crate) fn decay(&mut self, factor: f64) {
        self.gaps.decay(factor);
        self.minutes.iter_mut().for_each(|m| m.decay(factor));
        self.failed.decay(factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(gap: f32, failed: bool) -> Step {
        Step { gap, failed, ..Step::default() }
    }

    #[test]
    fn minutes_count_calls_and_the_most_used_target() {
        let mut minute = Minute::default();
        for pair in [1_u64, 2, 1, 3, 4, 5, 1] {
            assert_eq!(minute.push(7, std::iter::once(pair << 40)), None);
        }
        assert_eq!(Minute::counts(minute.ln_counts()).map(|n| n.round() as u32), [7, 3]);
        assert_eq!(minute.push(8, std::iter::empty()), Some([15_f64.ln() as f32, 11_f64.ln() as f32]));
        assert_eq!(Minute::counts(minute.ln_counts()).map(|n| n.round() as u32), [1, 0]);
    }

    #[test]
    fn bursts_short_gaps_and_failures_surprise_and_the_usual_does_not() {
        let mut rate = Rate::default();
        for i in 0..200 {
            rate.learn(8.0 + (i % 5) as f32, false);
            rate.learn_minute([2.5 + 0.1 * (i % 4) as f32, 2.2]);
        }
        let peers = rate;
        let usual = rate.score(&step(9.0, false), [2.6, 2.2], &peers);
        assert!(usual < 1.0, "{usual}");
        for strange in [
            rate.score(&step(0.05, false), [2.6, 2.2], &peers),
            rate.score(&step(9.0, true), [2.6, 2.2], &peers),
            rate.score(&step(9.0, false), [6.0, 2.2], &peers),
            rate.score(&step(9.0, false), [2.6, 5.0], &peers),
        ] {
            assert!(strange > 4.0, "{strange}");
        }
    }

    #[test]
    fn one_flood_does_not_become_the_norm() {
        let mut rate = Rate::default();
        for i in 0..100 {
            rate.learn_minute([2.2 + 0.1 * (i % 3) as f32, 2.1]);
        }
        rate.learn_minute([9.0, 9.0]);
        assert!(rate.usual_per_minute().unwrap() < 3.0);
    }
}
