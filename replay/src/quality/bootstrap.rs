//! Efron's percentile bootstrap (1979) over identities: what one identity does hangs together, so it is drawn as a whole.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

use super::Interval;

/// Replicates, unless there is so much data that fewer must do.
const REPLICATES: usize = 500;
/// The fewest that still give a 95 % interval.
const FEWEST: usize = 60;
/// Sessions that are looked at in all replicates together.
const WORK: usize = 200_000_000;

/// How the intervals were made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// Identities drawn, with repetition, in each replicate.
    pub identities: usize,
    /// Replicates.
    pub replicates: usize,
    /// Seed.
    pub seed: u64,
}

impl Bootstrap {
    /// For so many identities with so many sessions.
    pub(super) fn new(identities: usize, sessions: usize, seed: u64) -> Self {
        Self { identities, replicates: (WORK / sessions.max(1)).clamp(FEWEST, REPLICATES), seed }
    }

    /// The interval of each statistic. A statistic gets how often each identity was drawn, and is NaN where it has no
    /// value; without a value in nine of ten replicates it has no interval. The same seed gives the same intervals.
    pub(super) fn intervals(self, mut statistics: impl FnMut(&[u32]) -> Vec<f64>) -> Vec<Option<Interval>> {
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        let mut values: Vec<Vec<f64>> = Vec::new();
        for _ in 0..self.replicates {
            let mut drawn = vec![0; self.identities];
            for _ in 0..self.identities {
                if let Some(times) = drawn.get_mut(rng.random_range(0..self.identities)) {
                    *times += 1;
                }
            }
            let statistics = statistics(&drawn);
            values.resize(statistics.len(), Vec::new());
            for (values, value) in values.iter_mut().zip(statistics) {
                values.extend((!value.is_nan()).then_some(value));
            }
        }
        values.into_iter().map(|values| interval(values, self.replicates)).collect()
    }
}

fn interval(mut values: Vec<f64>, replicates: usize) -> Option<Interval> {
    if 10 * values.len() < 9 * replicates {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| values.get(((q * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1).copied();
    Some(Interval { low: at(0.025)?, high: at(0.975)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(values: &[f64]) -> impl Fn(&[u32]) -> Vec<f64> {
        move |drawn| {
            let sum: f64 = values.iter().zip(drawn).map(|(value, times)| value * f64::from(*times)).sum();
            vec![sum / values.len() as f64, f64::NAN]
        }
    }

    #[test]
    fn the_interval_of_a_mean_is_two_standard_errors_wide_on_each_side_and_repeats_with_its_seed() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 10)).collect();
        let bootstrap = Bootstrap::new(100, 100, 7);
        let [Some(mean), None] = bootstrap.intervals(mean_of(&values))[..] else { panic!("no interval") };
        // The deviation of 0 to 9 is 2.87, so the standard error is .287.
        assert!((mean.high - mean.low - 4.0 * 0.287).abs() < 0.25, "{mean:?}");
        assert_eq!(bootstrap.intervals(mean_of(&values))[0], Some(mean));
        assert_ne!(Bootstrap { seed: 8, ..bootstrap }.intervals(mean_of(&values))[0], Some(mean));
    }

    #[test]
    fn much_data_gets_fewer_replicates_but_never_too_few() {
        assert_eq!([1, 1_000_000, usize::MAX].map(|n| Bootstrap::new(1, n, 0).replicates), [500, 200, 60]);
    }
}
