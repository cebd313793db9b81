//! How fast an identity acts: the gap between two events.
//!
//! Normal-inverse-gamma on `-ln gap` ([`super::normal`]), so that the upper tail is "faster than usual". How many events fall
//! into a minute is the business of the dimension `rate`.

use serde::{Deserialize, Serialize};

use super::normal::{Moments, Prior};

/// Gaps outside are taken as the nearer end, in seconds: below lies the jitter of clocks.
const GAPS: (f64, f64) = (1e-3, 1e7);

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn state_is_as_small_as_stated() {
        assert_eq!(size_of::<GapModel>(), 12);
    }

    #[test]
    fn gaps_match_the_oracle() {
        // model-notes, section 4, by way of gaps e^-1, e^-2, e^-3: t = 1.133893, tail .154130 (Wallace: a few per cent)
        let mut gaps = GapModel::default();
        (1..=3).for_each(|y| gaps.push((-f64::from(y)).exp()));
        let prior = Prior { mean: 0.0, k: 1.0, a: 1.0, b: 1.0 };
        assert!((gaps.surprise((-3.0_f64).exp(), prior) + 0.154_130_f64.ln()).abs() < 0.02);
    }

    proptest! {
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
