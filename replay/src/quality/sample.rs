//! A bounded, seeded sample of the scores of events (Vitter 1985, algorithm R).

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::collect::Scores;

/// Events kept; up to so many there is no sampling at all.
const MOST: usize = 1 << 17;
const SEED: u64 = 20_260_505;

/// Scores of events, each with the same chance to be kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) rows: Vec<Scores>,
    seen: u64,
    rng: Pcg64Mcg,
}

impl Default for Sample {
    fn default() -> Self {
        Self { rows: Vec::new(), seen: 0, rng: Pcg64Mcg::seed_from_u64(SEED) }
    }
}

impl Sample {
    pub(super) fn push(&mut self, scores: &Scores) {
        self.seen += 1;
        if self.rows.len() < MOST {
            self.rows.push(*scores);
            return;
        }
        let place = self.rng.random_range(0..self.seen);
        if let Some(row) = usize::try_from(place).ok().and_then(|place| self.rows.get_mut(place)) {
            *row = *scores;
        }
    }

    /// One method's scores.
    pub(super) fn column(&self, method: usize) -> Vec<f64> {
        self.rows.iter().filter_map(|row| row.get(method).copied()).collect()
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        other.rows.iter().for_each(|row| self.push(row));
    }
}

#[cfg(test)]
mod tests {
    use super::super::collect::METHODS;
    use super::*;

    #[test]
    fn a_sample_that_was_stored_goes_on_as_the_one_that_was_not() {
        let mut sample = Sample::default();
        let push = |sample: &mut Sample, numbers: std::ops::Range<usize>| {
            numbers.for_each(|i| sample.push(&[i as f64; METHODS.len()]));
        };
        push(&mut sample, 0..2 * MOST);
        let mut stored: Sample = postcard::from_bytes(&postcard::to_stdvec(&sample).unwrap()).unwrap();
        push(&mut sample, 2 * MOST..3 * MOST);
        push(&mut stored, 2 * MOST..3 * MOST);
        assert!(sample.rows == stored.rows);
    }

    #[test]
    fn what_is_kept_is_bounded_and_drawn_from_the_whole_stream() {
        let mut sample = Sample::default();
        for i in 0..4 * MOST {
            sample.push(&[i as f64; METHODS.len()]);
        }
        assert_eq!(sample.rows.len(), MOST);
        let mean = sample.column(0).iter().sum::<f64>() / MOST as f64;
        assert!((mean / (2 * MOST) as f64 - 1.0).abs() < 0.01, "{mean}");
    }
}
