//! AUROC, its bootstrap interval and the ROC curve.
//!
//! AUROC is the Mann-Whitney statistic (Mann & Whitney 1947; Hanley & `McNeil` 1982): the probability that a random
//! positive scores above a random negative, a tie counting half. The interval is Efron's percentile bootstrap (1979),
//! stratified: positives and negatives are drawn apart, each session as a whole.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

/// Where 95 % of the bootstrap replicates lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The 2.5 % quantile.
    pub low: f64,
    /// The 97.5 % quantile.
    pub high: f64,
}

/// Positives and negatives by distinct score, lowest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    counts: Vec<Count>,
    positives: Vec<u32>,
    negatives: Vec<u32>,
}

/// How many positives and negatives share a score.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Count {
    positives: f64,
    negatives: f64,
}

impl Ranking {
    /// Sorts once; `None` unless there is a positive and a negative.
    pub fn new(positives: &[f64], negatives: &[f64]) -> Option<Self> {
        if positives.is_empty() || negatives.is_empty() {
            return None;
        }
        let mut scores: Vec<f64> = positives.iter().chain(negatives).copied().collect();
        scores.sort_by(f64::total_cmp);
        scores.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let place = |score: &f64| scores.partition_point(|s| s.total_cmp(score).is_lt()) as u32;
        let positives: Vec<u32> = positives.iter().map(place).collect();
        let negatives: Vec<u32> = negatives.iter().map(place).collect();
        let mut counts = vec![Count::default(); scores.len()];
        tally(&mut counts, positives.iter().copied(), negatives.iter().copied());
        Some(Self { counts, positives, negatives })
    }

    /// The area under the ROC curve: 0.5 tells nothing, 1 tells everything.
    pub fn auroc(&self) -> f64 {
        area(&self.counts)
    }

    /// The 95 % bootstrap interval of the area; the same seed gives the same interval. Time is `replicates` times the
    /// number of sessions.
    pub fn interval(&self, replicates: usize, seed: u64) -> Interval {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let mut areas: Vec<f64> = (0..replicates.max(1))
            .map(|_| {
                let mut counts = vec![Count::default(); self.counts.len()];
                let (positives, negatives) = (draw(&mut rng, &self.positives), draw(&mut rng, &self.negatives));
                tally(&mut counts, positives.into_iter(), negatives.into_iter());
                area(&counts)
            })
            .collect();
        areas.sort_by(f64::total_cmp);
        let quantile = |q: f64| {
            let rank = ((q * areas.len() as f64).ceil() as usize).clamp(1, areas.len());
            areas.get(rank - 1).copied().unwrap_or(f64::NAN)
        };
        Interval { low: quantile(0.025), high: quantile(0.975) }
    }

    /// The ROC curve from (0, 0) to (1, 1) as (false-alarm rate, share of positives found), at most `points` + 1 of them.
    pub fn roc(&self, points: usize) -> Vec<(f64, f64)> {
        let (p, n) = (self.positives.len() as f64, self.negatives.len() as f64);
        let (mut found, mut alarms) = (0.0, 0.0);
        let mut curve = vec![(0.0, 0.0)];
        for count in self.counts.iter().rev() {
            found += count.positives;
            alarms += count.negatives;
            curve.push((alarms / n, found / p));
        }
        let last = curve.len() - 1;
        if last <= points {
            return curve;
        }
        (0..=points).filter_map(|i| curve.get(i * last / points).copied()).collect()
    }
}

/// The area under the ROC curve; `None` unless there is a positive and a negative.
///
/// ```
/// // Of the four pairs one is won, one is tied and two are lost.
/// assert_eq!(replay::quality::auroc(&[2.0, 0.0], &[2.0, 1.0]), Some(0.375));
/// ```
pub fn auroc(positives: &[f64], negatives: &[f64]) -> Option<f64> {
    Ranking::new(positives, negatives).map(|ranking| ranking.auroc())
}

fn draw(rng: &mut Pcg64Mcg, from: &[u32]) -> Vec<u32> {
    (0..from.len()).filter_map(|_| from.get(rng.random_range(0..from.len())).copied()).collect()
}

fn tally(counts: &mut [Count], positives: impl Iterator<Item = u32>, negatives: impl Iterator<Item = u32>) {
    for place in positives {
        if let Some(count) = counts.get_mut(place as usize) {
            count.positives += 1.0;
        }
    }
    for place in negatives {
        if let Some(count) = counts.get_mut(place as usize) {
            count.negatives += 1.0;
        }
    }
}

fn area(counts: &[Count]) -> f64 {
    let (mut won, mut positives, mut below) = (0.0, 0.0, 0.0);
    for count in counts {
        won += count.positives * (below + count.negatives / 2.0);
        positives += count.positives;
        below += count.negatives;
    }
    won / (positives * below)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn auroc_counts_ties_half() {
        // Pairs of (3, 1, 1) against (1, 0): 3 beats both; each 1 ties with 1 and beats 0: (2 + 1.5 + 1.5) / 6.
        assert_eq!(auroc(&[3.0, 1.0, 1.0], &[1.0, 0.0]), Some(5.0 / 6.0));
        assert_eq!(auroc(&[1.0, 1.0], &[1.0]), Some(0.5));
        assert_eq!(auroc(&[], &[1.0]), None);
    }

    #[test]
    fn roc_runs_from_corner_to_corner_through_every_cut() {
        let ranking = Ranking::new(&[3.0, 1.0], &[2.0, 1.0]).unwrap();
        assert_eq!(ranking.roc(10), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (1.0, 1.0)]);
        assert_eq!(ranking.roc(1), [(0.0, 0.0), (1.0, 1.0)]);
    }

    #[test]
    fn interval_holds_the_estimate_and_is_the_same_for_the_same_seed() {
        let positives: Vec<f64> = (0..200).map(|i| f64::from(i % 40) + 8.0).collect();
        let negatives: Vec<f64> = (0..300).map(|i| f64::from(i % 40)).collect();
        let ranking = Ranking::new(&positives, &negatives).unwrap();
        let interval = ranking.interval(500, 1);
        assert_eq!(interval, ranking.interval(500, 1));
        // Hanley & McNeil's standard error at this area and these sizes is about .023.
        let width = interval.high - interval.low;
        assert!((0.06..0.12).contains(&width) && interval.low < ranking.auroc() && ranking.auroc() < interval.high);
    }

    proptest! {
        /// Law: the area is the mean over all pairs of (1 won, 1/2 tied, 0 lost).
        #[test]
        fn auroc_is_the_mean_over_pairs(p in prop::collection::vec(0_i8..6, 1..20), n in prop::collection::vec(0_i8..6, 1..20)) {
            let (p, n): (Vec<f64>, Vec<f64>) = (p.into_iter().map(f64::from).collect(), n.into_iter().map(f64::from).collect());
            let pairs = p.iter().flat_map(|a| n.iter().map(move |b| if a > b { 1.0 } else if a < b { 0.0 } else { 0.5 }));
            let naive = pairs.sum::<f64>() / (p.len() * n.len()) as f64;
            prop_assert!((auroc(&p, &n).unwrap() - naive).abs() < 1e-12);
        }

        /// Law: what is found at each cut of the curve sums to the area (trapezoids).
        #[test]
        fn area_under_the_curve_is_the_auroc(p in prop::collection::vec(0_i8..6, 1..20), n in prop::collection::vec(0_i8..6, 1..20)) {
            let (p, n): (Vec<f64>, Vec<f64>) = (p.into_iter().map(f64::from).collect(), n.into_iter().map(f64::from).collect());
            let ranking = Ranking::new(&p, &n).unwrap();
            let curve = ranking.roc(1000);
            let area: f64 = curve.windows(2).map(|w| (w[1].0 - w[0].0) * f64::midpoint(w[0].1, w[1].1)).sum();
            prop_assert!((area - ranking.auroc()).abs() < 1e-12);
        }
    }
}
