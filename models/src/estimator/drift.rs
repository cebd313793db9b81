//! A slow rise that an adapting baseline would learn: today's mean against a reference that does not adapt.
//!
//! Few and slow statistics only (volume, rate of new targets): a whole baseline that is frozen alarms on everybody in the
//! end (`model-notes`, section 9). What it finds is for review, never for revocation.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::calibrator::e_value;
use super::normal::Moments;

/// Days that make a first reference.
const FIRST: f64 = 14.0;
/// Days after which a reference is replaced by what was seen meanwhile.
const DAYS: f64 = 28.0;
/// How far mean and deviation of a reference may move when it is replaced, in the statistic's unit.
const STEP: f64 = 0.1;
/// How far above the reference a day may lie before it counts at all.
const TOLERANCE: f64 = 0.25;
/// The least deviation that is believed: days that were all alike do not make the next one impossible.
const LEAST_DEVIATION: f64 = 0.05;

/// Daily means against a frozen reference, 40 bytes. The statistic is logarithmic, so that its unit is the nat.
///
/// There is no decay: days without events are no days, and forgetting is the replacement of the reference every 28 days,
/// by at most a tenth of a nat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct FrozenReference {
    mean: f32,
    deviation: f32,
    /// Days behind the reference; 0 as long as there is none.
    days: f32,
    evidence: f32,
    gathering: Moments,
    today: u32,
    n: f32,
    sum: f32,
}

/// How one day stands to the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// Mean of the statistic on that day.
    pub mean: f64,
    /// Mean of the reference.
    pub reference: f64,
    /// `-ln p`, in nats.
    pub nats: f64,
    /// Accumulated evidence after that day; the budget of false reviews holds for reviews at 1.
    pub evidence: f64,
    /// Whether that day asks for a review. The evidence starts again then.
    pub review: bool,
}

impl FrozenReference {
    /// Learns one value of the statistic on a day, given as its number since any fixed one. The first value of a new day
    /// closes the day before, and returns how it stood to the reference, if there was one.
    pub fn push(&mut self, day: u32, value: f64, budget: f64) -> Option<Day> {
        let closed = (self.n > 0.0 && day != self.today).then(|| f64::from(self.sum) / f64::from(self.n));
        if closed.is_some() || self.n <= 0.0 {
            (self.today, self.n, self.sum) = (day, 0.0, 0.0);
        }
        self.n += 1.0;
        self.sum += value as f32;
        self.close(closed?, budget)
    }

    /// Learns the mean of one whole day and returns how it stands to the reference; `None` in the first 14 days.
    ///
    /// ```text
    /// p = P(T_{n-1} > (x - m - 0.25)/(s sqrt(1 + 1/n)))     R = (R + b) f(p)     review at R >= 1, then R = 0
    /// ```
    /// `m`, `s`, `n`: mean, deviation and days of the reference; `f`: [`e_value`]; `b` = `budget`, the false reviews accepted per
    /// identity-day.
    pub fn close(&mut self, mean: f64, budget: f64) -> Option<Day> {
        let day = (self.days > 0.0).then(|| self.compare(mean, budget));
        self.gathering.push(mean);
        if self.days <= 0.0 && self.gathering.n() >= FIRST {
            let deviation = self.gathering.deviation().unwrap_or_default();
            self.freeze(self.gathering.mean().unwrap_or_default(), deviation);
        } else if self.gathering.n() >= DAYS {
            // The deviation may only grow as slowly as the mean moves: a ramp must not widen what it is measured by.
            let (mean, deviation) = (f64::from(self.mean), f64::from(self.deviation));
            let wanted = self.gathering.mean().unwrap_or(mean);
            let wider = self.gathering.deviation().unwrap_or(deviation);
            self.freeze(wanted.clamp(mean - STEP, mean + STEP), wider.min(deviation + STEP));
        }
        day
    }

    fn compare(&mut self, mean: f64, budget: f64) -> Day {
        let (reference, n) = (f64::from(self.mean), f64::from(self.days));
        let t = (mean - reference - TOLERANCE) / (f64::from(self.deviation) * (1.0 + 1.0 / n).sqrt());
        let p = StudentsT::new(0.0, 1.0, n - 1.0).map_or(1.0, |law| law.sf(t));
        let nats = -p.clamp(1e-12, 1.0).ln();
        let evidence = (f64::from(self.evidence) + budget) * e_value(nats);
        let review = evidence >= 1.0;
        self.evidence = if review { 0.0 } else { evidence as f32 };
        Day { mean, reference, nats, evidence, review }
    }

    fn freeze(&mut self, mean: f64, deviation: f64) {
        self.mean = mean as f32;
        self.deviation = deviation.max(LEAST_DEVIATION) as f32;
        self.days = self.gathering.n() as f32;
        self.gathering = Moments::default();
    }

    /// Starts again: what a review does that finds the change in order.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: f64 = 1e-3;

    #[test]
    fn state_is_as_small_as_stated() {
        assert_eq!(size_of::<FrozenReference>(), 40);
    }

    /// Fourteen days with mean 1 and deviation sqrt(14/13) * 0.1.
    fn reference() -> FrozenReference {
        let mut reference = FrozenReference::default();
        for i in 0..14 {
            assert_eq!(reference.close(if i % 2 == 0 { 0.9 } else { 1.1 }, BUDGET), None);
        }
        reference
    }

    #[test]
    fn a_day_matches_the_calculation_by_hand() {
        // s = .1 sqrt(14/13) = .1037749; s sqrt(15/14) = .1074172; t = (1.45 - 1 - .25)/.1074172 = 1.861898, 13 degrees:
        // between the table's t(.05) = 1.770933 and t(.025) = 2.160369.
        let mut first = reference();
        let day = first.close(1.45, BUDGET).unwrap();
        let exact = StudentsT::new(0.0, 1.0, 13.0).unwrap().sf(1.861_898);
        assert!(((-day.nats).exp() - exact).abs() < 1e-6 && exact > 0.025 && exact < 0.05, "{day:?} {exact}");
        let f = |p: f64| 0.4 + 0.25 / p.sqrt() + 0.01 / p.powf(0.9);
        assert!((day.evidence - 1e-3 * f(exact)).abs() < 1e-8 && !day.review);
        // A second day alike: R = (R + b) f(p).
        let second = first.close(1.45, BUDGET).unwrap();
        assert!((second.evidence - (day.evidence + 1e-3) * f(exact)).abs() < 1e-7);
        // At the tolerance itself p is one half.
        assert!(((-reference().close(1.25, BUDGET).unwrap().nats).exp() - 0.5).abs() < 1e-6);
    }

    #[test]
    fn values_of_a_day_are_averaged_when_the_next_begins() {
        let mut by_value = FrozenReference::default();
        let mut by_day = FrozenReference::default();
        for day in 0..40_u32 {
            let mean = f64::from(day % 3);
            let whole = day.checked_sub(1).and_then(|before| by_day.close(f64::from(before % 3), BUDGET));
            assert_eq!(by_value.push(100 + day, mean - 0.5, BUDGET), whole);
            assert_eq!(by_value.push(100 + day, mean + 0.5, BUDGET), None);
        }
    }

    #[test]
    fn a_new_reference_moves_by_a_tenth_at_most() {
        let mut moved = reference();
        for _ in 0..28 {
            moved.close(1.2, BUDGET);
        }
        assert!((f64::from(moved.mean) - 1.1).abs() < 1e-6 && (moved.days - 28.0).abs() < 1e-6, "{moved:?}");
        assert!((f64::from(moved.deviation) - LEAST_DEVIATION).abs() < 1e-6);
        moved.restart();
        assert_eq!(moved.close(1.2, BUDGET), None);
    }

    /// Standard normal deviates by the sum of twelve uniform ones, from a fixed generator.
    struct Dice(u64);

    impl Dice {
        fn normal(&mut self) -> f64 {
            let mut sum = -6.0;
            for _ in 0..12 {
                self.0 = crate::fingerprint::mix(self.0, 0x5eed);
                sum += (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
            }
            sum
        }
    }

    /// Day of the first review of 60 after the first 14, for log-normal daily means that rise from then on, and all reviews.
    fn run(seed: u64, rise: f64, walk: f64) -> (Option<u32>, u32) {
        let (mut dice, mut level, mut first, mut reviews) = (Dice(seed), 0.0, None, 0);
        let mut reference = FrozenReference::default();
        for day in 0..74_u32 {
            level += walk * dice.normal() + if day >= 14 { rise } else { 0.0 };
            if reference.close(level + 0.1 * dice.normal(), BUDGET).is_some_and(|day| day.review) {
                reviews += 1;
                // Somebody looks, finds nothing but change, and says so.
                reference.restart();
                first = first.or(Some(day - 13));
            }
        }
        (first, reviews)
    }

    #[test]
    fn a_ramp_is_found_before_the_level_has_doubled_and_the_budget_holds() {
        let ramps: Vec<_> = (0..200).map(|seed| run(seed, 1.03_f64.ln(), 0.0).0).collect();
        // Doubled after ln 2 / ln 1.03 = 23.4 days.
        let in_time = ramps.iter().flatten().filter(|day| **day <= 23).count();
        assert!(in_time > 150, "{in_time} of 200");
        let reviews = |walk| (0..2000).map(|seed| run(seed, 0.0, walk).1).sum::<u32>();
        // At most 2 per 1000 of 2000 x 60 identity-days.
        let (still, walking) = (reviews(0.0), reviews(0.04));
        assert!(still <= 240 && walking <= 240, "{still} {walking}");
    }
}
