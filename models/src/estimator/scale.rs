//! Decayed counts in two bytes each: fixed point over a shared scale.
//!
//! Forward decay (Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009): forgetting changes one number, the scale, and a new
//! observation is written larger instead. Only when the scale falls below one half are all counts rewritten; rounding
//! down there forgets the last remainder, and costs less than 1/64 of an observation per half-life.

use serde::{Deserialize, Serialize};

/// Units that stand for one observation at scale 1.
const ONE: f32 = 64.0;

/// What one unit of a table is worth, 4 bytes. A count holds up to 1023 observations at scale 1, 511 at one half.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scale(f32);

impl Default for Scale {
    fn default() -> Self {
        Self(1.0)
    }
}

impl Scale {
    /// Observations that a count stands for.
    pub(crate) fn read(self, units: u16) -> f64 {
        self.read_sum(u32::from(units))
    }

    /// Observations that a sum of counts stands for.
    pub(crate) fn read_sum(self, units: u32) -> f64 {
        f64::from(units) * f64::from(self.0) / f64::from(ONE)
    }

    /// Adds one observation to a count. `None` if there is no room: halve the table, then try again.
    pub(crate) fn add(self, units: u16) -> Option<u16> {
        units.checked_add((ONE / self.0).round() as u16)
    }

    /// Takes one observation out of a count, as far as it holds one.
    pub(crate) fn subtract(self, units: u16) -> u16 {
        units.saturating_sub((ONE / self.0).round() as u16)
    }

    /// Weighs all observations by `factor`, in 0..=1; anything else is taken as the nearer of the two.
    pub(crate) fn decay<'a>(&mut self, factor: f64, table: impl IntoIterator<Item = &'a mut u16>) {
        self.0 *= factor.clamp(0.0, 1.0) as f32;
        if self.0 < 0.5 {
            for units in table {
                *units = (f32::from(*units) * self.0) as u16;
            }
            self.0 = 1.0;
        }
    }
}

/// Halves every count: what a table does when one of them is full.
pub(crate) fn halve<'a>(table: impl IntoIterator<Item = &'a mut u16>) {
    table.into_iter().for_each(|units| *units /= 2);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Forward decay is eager decay, but for the rounding that is promised.
        #[test]
        fn forward_decay_follows_eager_decay(steps in prop::collection::vec((0.3..1.0_f64, 0_u8..4), 1..60)) {
            let (mut scale, mut count, mut eager) = (Scale::default(), [0_u16], 0.0_f64);
            for (factor, observations) in steps {
                scale.decay(factor, &mut count);
                eager *= factor;
                for _ in 0..observations {
                    count[0] = scale.add(count[0]).unwrap();
                    eager += 1.0;
                }
                let got = scale.read(count[0]);
                prop_assert!((got - eager).abs() < 2.0 / 64.0 + 0.01 * eager, "{got} {eager}");
            }
        }
    }

    #[test]
    fn everything_is_forgotten_in_the_end() {
        let (mut scale, mut count) = (Scale::default(), [scale_of_three()]);
        for _ in 0..30_000 {
            scale.decay(0.999, &mut count);
        }
        assert_eq!(count, [0]);
    }

    fn scale_of_three() -> u16 {
        (0..3).fold(0, |units, _| Scale::default().add(units).unwrap())
    }
}
