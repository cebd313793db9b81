//! How fast an identity acts: the gap between two events, and how many events fall into a window.
//!
//! Gaps: normal-inverse-gamma on `-ln gap` ([`super::normal`]), so that the upper tail is "faster than usual". Counts:
//! a Poisson rate with a gamma prior, whose predictive is negative binomial (Gelman et al., Bayesian Data Analysis 3,
//! section 2.6).

use serde::{Deserialize, Serialize};
use statrs::function::beta::checked_beta_reg;

use super::normal::{Moments, Prior};

/// Gaps outside are taken as the nearer end, in seconds: below lies the jitter of clocks.
const GAPS: (f64, f64) = (1e-3, 1e7);
/// Events from which on [`CountModel`] halves what it holds, so that a rate of long ago does not pin today's.
const FULL: f32 = 1000.0;

/// Gaps between the events of one identity, 12 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GapModel {
    /// Of `-ln` of a gap in seconds.
    speed: Moments,
}

fn speed(gap: f64) -> f64 {
    -gap.clamp(GAPS.0, GAPS.1).ln()
}

impl GapModel {
    /// Learns one gap, in seconds.
    pub fn push(&mut self, gap: f64) {
        self.speed.push(speed(gap));
    }

    /// Number of gaps, decayed.
    pub fn n(&self) -> f64 {
        self.speed.n()
    }

    /// Mean of `-ln` of the gaps in seconds, for a prior of others; `None` without gaps.
    pub fn mean(&self) -> Option<f64> {
        self.speed.mean()
    }

    /// What is believed of an identity without gaps, around its peers' [`GapModel::mean`]: half a gap's worth.
    pub fn prior(mean: f64) -> Prior {
        Prior { mean, k: 0.5, a: 1.5, b: 1.5 }
    }

    /// Surprise in nats of a gap so short: `-ln` of the upper Student-t tail of `-ln gap`. 0 to 69.
    pub fn surprise(&self, gap: f64, prior: Prior) -> f64 {
        self.speed.residual(speed(gap), prior).surprise()
    }

    /// Weighs all past gaps by `factor`, in 0..=1.
    pub fn decay(&mut self, factor: f64) {
        self.speed.decay(factor);
    }
}

/// What is believed of a rate before any exposure: `Gamma(events, seconds)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatePrior {
    /// Pseudo-events, > 0.
    pub events: f64,
    /// Pseudo-exposure in seconds, > 0.
    pub seconds: f64,
}

impl RatePrior {
    /// A prior around `rate` events per second that weighs as much as `events` of them.
    pub fn around(rate: f64, events: f64) -> Self {
        Self { events, seconds: events / rate.max(1e-9) }
    }
}

/// Events and the time in which they fell: a rate per second, 8 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CountModel {
    events: f32,
    seconds: f32,
}

impl CountModel {
    /// Learns `k` events in `seconds` of exposure. From 1000 events on, both are halved.
    pub fn push(&mut self, k: u32, seconds: f64) {
        self.events += k as f32;
        self.seconds += seconds.max(0.0) as f32;
        if self.events >= FULL {
            // A single burst beyond twice the limit is brought down to it at once; the rate stays.
            self.decay(f64::from(FULL / 2.0 / self.events).min(0.5));
        }
    }

    /// Events, decayed.
    pub fn events(&self) -> f64 {
        f64::from(self.events)
    }

    /// Mean rate in events per second, shrunk to the prior.
    pub fn rate(&self, prior: RatePrior) -> f64 {
        let (a, b) = self.posterior(prior);
        a / b
    }

    fn posterior(self, prior: RatePrior) -> (f64, f64) {
        (prior.events.max(1e-6) + f64::from(self.events), prior.seconds.max(1e-6) + f64::from(self.seconds))
    }

    /// Surprise in nats of at least `k` events within `tau` seconds, 0 to 69.
    ///
    /// ```text
    /// -ln P(N >= k)   N ~ negative binomial, r = a, success b/(b + tau)     P(N >= k) = I_{tau/(b + tau)}(k, a)
    /// ```
    /// `a`, `b`: events and seconds of prior and past together; `I`: the regularized incomplete beta function.
    pub fn surprise(&self, k: u32, tau: f64, prior: RatePrior) -> f64 {
        if k == 0 {
            return 0.0;
        }
        let (a, b) = self.posterior(prior);
        let tau = tau.max(1e-6);
        -at_least(k, a, b / (b + tau), tau / (b + tau)).clamp(1e-30, 1.0).ln()
    }

    /// Weighs all past events and exposure by `factor`, in 0..=1.
    pub fn decay(&mut self, factor: f64) {
        self.events *= factor as f32;
        self.seconds *= factor as f32;
    }
}

/// `P(N >= k)` of the negative binomial with `r` = a.
fn at_least(k: u32, a: f64, success: f64, failure: f64) -> f64 {
    // Few events that are no surprise are the rule, and adding up what lies below is cheapest there. Deep in the tail
    // the difference would lose its digits.
    if k <= 8 {
        let (mut mass, mut above) = (success.powf(a), 1.0);
        for j in 0..k {
            above -= mass;
            mass *= (a + f64::from(j)) / f64::from(j + 1) * failure;
        }
        if above > 1e-4 {
            return above;
        }
    }
    checked_beta_reg(f64::from(k), a, failure).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn state_is_as_small_as_stated() {
        assert_eq!((size_of::<GapModel>(), size_of::<CountModel>()), (12, 8));
    }

    #[test]
    fn counts_match_the_oracle() {
        // model-notes, section 4: a = 2, b = 1, tau = 1
        let prior = RatePrior { events: 2.0, seconds: 1.0 };
        for (k, want) in [(0, 1.0), (1, 0.75), (2, 0.5), (5, 0.109_375)] {
            let got = (-CountModel::default().surprise(k, 1.0, prior)).exp();
            assert!((got - want).abs() < 1e-12, "{k}: {got} {want}");
        }
        // The same as data over a flat prior.
        let mut learned = CountModel::default();
        learned.push(2, 1.0);
        let flat = RatePrior { events: 1e-6, seconds: 1e-6 };
        assert!(((-learned.surprise(5, 1.0, flat)).exp() - 0.109_375).abs() < 1e-5);
    }

    #[test]
    fn gaps_match_the_oracle() {
        // model-notes, section 4, by way of gaps e^-1, e^-2, e^-3: t = 1.133893, tail .154130 (Wallace: a few per cent)
        let mut gaps = GapModel::default();
        (1..=3).for_each(|y| gaps.push((-f64::from(y)).exp()));
        let prior = Prior { mean: 0.0, k: 1.0, a: 1.0, b: 1.0 };
        assert!((gaps.surprise((-3.0_f64).exp(), prior) + 0.154_130_f64.ln()).abs() < 0.02);
    }

    #[test]
    fn a_busy_past_is_halved_and_keeps_its_rate() {
        let mut counts = CountModel::default();
        (0..100_000).for_each(|_| counts.push(3, 1.5));
        let prior = RatePrior::around(2.0, 2.0);
        assert!(counts.events() < 1000.0 && (counts.rate(prior) - 2.0).abs() < 1e-3, "{counts:?}");
        counts.push(1_000_000, 1.0);
        assert!(counts.events() <= 1000.0);
    }

    /// `P(N >= k)` by adding up the negative binomial's probabilities below `k`.
    fn by_summation(k: u32, a: f64, b: f64, tau: f64) -> f64 {
        let (success, failure) = (b / (b + tau), tau / (b + tau));
        let mut mass = success.powf(a);
        let mut below = 0.0;
        for j in 0..k {
            below += mass;
            mass *= (a + f64::from(j)) / (f64::from(j) + 1.0) * failure;
        }
        1.0 - below
    }

    proptest! {
        #[test]
        fn the_tail_is_that_of_the_negative_binomial(k in 0_u32..200, a in 0.1..50.0_f64, b in 0.1..50.0_f64, tau in 0.1..50.0_f64) {
            let got = (-CountModel::default().surprise(k, tau, RatePrior { events: a, seconds: b })).exp();
            prop_assert!((got - by_summation(k, a, b, tau)).abs() < 1e-9);
        }

        // More events are never less surprising, nor are the same events in less time.
        #[test]
        fn surprise_is_monotone(k in 0_u32..100_000, more in 0_u32..1000, past in 0_u32..2000, seconds in 1.0..1e6_f64, tau in 1.0..1e4_f64) {
            let mut counts = CountModel::default();
            counts.push(past, seconds);
            let prior = RatePrior::around(0.1, 2.0);
            let here = counts.surprise(k, tau, prior);
            prop_assert!(here.is_finite());
            prop_assert!(counts.surprise(k + more, tau, prior) >= here - 1e-9);
            prop_assert!(counts.surprise(k, tau / 2.0, prior) >= here - 1e-9);
        }

        #[test]
        fn shorter_gaps_are_never_less_surprising(past in prop::collection::vec(0.0..1e5_f64, 0..30), gap in 0.0..1e5_f64) {
            let mut gaps = GapModel::default();
            for gap in past {
                gaps.push(gap);
            }
            let prior = GapModel::prior(-3.0);
            prop_assert!(gaps.surprise(gap / 2.0, prior) >= gaps.surprise(gap, prior));
        }
    }
}
