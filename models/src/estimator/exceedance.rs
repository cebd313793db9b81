//! How a p-value of the group stands to an identity that has its own habits.
//!
//! The group's table says how rare a score is among peers; an identity that often scores so is no news to anybody. Its own
//! exceedances correct the p-value by an empirical Bayes rate (Gamma-Poisson; `model-notes`, section 5.2).

use serde::{Deserialize, Serialize};

use super::scale::{Scale, halve};

/// Lower edges of the bins of `-ln u`, in nats; the last is open.
const EDGES: [f64; BINS] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0];
const BINS: usize = 14;
/// Pseudo-exceedances of the prior. On exceedances, not on their rate: a beta prior on the rate would turn "never in 1000"
/// into a p-value ten times too small.
const PRIOR: f64 = 2.0;

/// Past surprises of one identity in one dimension, by the group's table; decayed. 32 bytes.
///
/// A bin holds at least 511 of them, then all bins are halved: a long past does not drown a new habit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Exceedances {
    scale: Scale,
    bins: [u16; BINS],
}

/// The bin of a surprise; what is not a number counts as no surprise.
fn bin(nats: f64) -> usize {
    EDGES.iter().skip(1).take_while(|edge| nats >= **edge).count()
}

impl Exceedances {
    /// Learns one surprise `-ln u`, in nats, uncorrected.
    pub fn push(&mut self, nats: f64) {
        let (at, scale) = (bin(nats), self.scale);
        if self.bins.get(at).is_some_and(|units| scale.add(*units).is_none()) {
            halve(&mut self.bins);
        }
        if let Some(units) = self.bins.get_mut(at) {
            *units = scale.add(*units).unwrap_or(*units);
        }
    }

    /// Takes back one surprise that was learned, as far as its bin still holds one.
    pub fn retract(&mut self, nats: f64) {
        if let Some(units) = self.bins.get_mut(bin(nats)) {
            *units = self.scale.subtract(*units);
        }
    }

    /// Surprises learned, decayed.
    pub fn n(&self) -> f64 {
        self.scale.read_sum(self.bins.iter().map(|units| u32::from(*units)).sum())
    }

    /// Past surprises at least as large: those of higher bins and half of its own bin.
    pub fn exceeding(&self, nats: f64) -> f64 {
        let at = bin(nats);
        let above: u32 = self.bins.iter().skip(at + 1).map(|units| u32::from(*units)).sum();
        let own = self.bins.get(at).copied().unwrap_or_default();
        self.scale.read_sum(above) + self.scale.read(own) / 2.0
    }

    /// The surprise that is left for this identity, in nats, at least 0. Never decreases with `nats`.
    ///
    /// ```text
    /// p = min(1, u (a + x)/(a + n u))     u = e^-nats   x = past exceedances   n = past events   a = 2
    /// ```
    pub fn corrected(&self, nats: f64) -> f64 {
        let nats = if nats.is_nan() { 0.0 } else { nats.clamp(0.0, 700.0) };
        let ratio = (PRIOR + self.exceeding(nats)) / (PRIOR + self.n() * (-nats).exp());
        (nats - ratio.ln()).max(0.0)
    }

    /// Weighs all past surprises by `factor`, in 0..=1.
    pub fn decay(&mut self, factor: f64) {
        self.scale.decay(factor, &mut self.bins);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn state_is_as_small_as_stated() {
        assert_eq!(size_of::<Exceedances>(), 32);
    }

    #[test]
    fn the_correction_matches_the_oracle() {
        // model-notes, section 5.2: u = .01, x = 5, n = 100 -> .023333. -ln .01 = 4.6 lies in the bin from 4 to 5.
        let mut own = Exceedances::default();
        (0..94).for_each(|_| own.push(0.1));
        (0..2).for_each(|_| own.push(4.5));
        (0..4).for_each(|_| own.push(20.0));
        let nats = -(0.01_f64.ln());
        assert!((own.exceeding(nats) - 5.0).abs() < 1e-9 && (own.n() - 100.0).abs() < 1e-9);
        assert!(((-own.corrected(nats)).exp() - 0.07 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn without_a_past_nothing_changes_and_a_habit_stops_being_a_surprise() {
        let mut own = Exceedances::default();
        assert!((own.corrected(6.0) - 6.0).abs() < 1e-12);
        (0..200).for_each(|_| own.push(6.0));
        // By hand: x = 100 (ties count half), so p = u 102/(2 + 200 u).
        let u = (-6.0_f64).exp();
        assert!(((-own.corrected(6.0)).exp() - u * 102.0 / (2.0 + 200.0 * u)).abs() < 1e-9);
        own.decay(1e-6);
        assert!((own.corrected(6.0) - 6.0).abs() < 1e-12, "forgotten");
    }

    #[test]
    fn a_full_bin_halves_all_and_keeps_the_shares() {
        let mut own = Exceedances::default();
        for i in 0..100_000 {
            own.push(if i % 10 == 0 { 2.2 } else { 0.1 });
        }
        let share = own.exceeding(2.0) * 2.0 / own.n();
        assert!(own.n() > 500.0 && (share - 0.1).abs() < 0.01, "{share} of {}", own.n());
    }

    proptest! {
        // Law: whatever the past, finite, and a stranger score never gets a larger p-value.
        #[test]
        fn never_nan_and_monotone(
            past in prop::collection::vec((prop_oneof![0.0..12.0_f64, any::<f64>()], 0.9..1.0_f64), 0..300),
            nats in prop_oneof![0.0..15.0_f64, any::<f64>()],
            step in 0.0..5.0_f64,
        ) {
            let mut own = Exceedances::default();
            for (nats, factor) in past {
                own.push(nats);
                own.decay(factor);
            }
            let here = own.corrected(nats);
            prop_assert!(here.is_finite() && here >= 0.0);
            prop_assert!(own.corrected(nats + step) >= here - 1e-9);
        }
    }
}
