//! Seeded chance that gives the same numbers on every machine.
//!
//! Only integer steps, the four operations and square roots (exact by IEEE 754) and `libm`'s software `log` and `exp` are
//! used: the platform's own `ln` and `exp` may differ in the last bit from machine to machine.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::RngCore;

/// A stream of chance. Each agent has streams of its own, so that one agent's doings never change another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dice(Pcg64);

impl Dice {
    /// The stream number `stream` of `seed`: different numbers give independent streams.
    pub fn new(seed: u64, stream: u64) -> Self {
        let state = (u128::from(mix(&[seed, 1])) << 64) | u128::from(mix(&[seed, 2]));
        Self(Pcg64::new(state, u128::from(stream)))
    }

    /// Uniform over all of `u64`.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..count`; 0 for a count of 0. The bias of the multiply-shift is below `count / 2^64`.
    pub fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the items; `None` of none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// Standard normal (Marsaglia's polar method; the second value is dropped to keep no state).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * libm::log(s) / s).sqrt();
            }
        }
    }

    /// Log-normal with this median and this standard deviation of the logarithm.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// Pareto: at least `least`, above `x` with a probability of `(least / x)^shape`; cut off at 1 000 times `least`.
    pub fn pareto(&mut self, least: f64, shape: f64) -> f64 {
        let tail = 1.0 - self.unit();
        least * libm::exp(-libm::log(tail) / shape).min(1000.0)
    }

    /// Poisson (Knuth's product method, in pieces of mean 16 so that `exp` never underflows).
    pub fn poisson(&mut self, mean: f64) -> u64 {
        let (mut left, mut count) = (mean, 0);
        while left > 0.0 {
            let floor = libm::exp(-left.min(16.0));
            let mut product = self.unit();
            while product > floor {
                count += 1;
                product *= self.unit();
            }
            left -= 16.0;
        }
        count
    }

    /// Rank in `0..count`, rank `k` with a weight of `1 / (k + 1)` (Zipf's law); `None` for a count of 0.
    pub fn zipf(&mut self, count: usize) -> Option<usize> {
        let total: f64 = (1..=count).map(|rank| 1.0 / rank as f64).sum();
        let mut left = self.unit() * total;
        for rank in 0..count {
            left -= 1.0 / (rank + 1) as f64;
            if left < 0.0 {
                return Some(rank);
            }
        }
        count.checked_sub(1)
    }

    /// Index of one of the weights, each with a probability in proportion to it.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len().saturating_sub(1)
    }
}

/// Mixes numbers into one, each bit depending on all of them (`SplitMix64`'s finalizer, Steele et al. 2014).
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, part| {
        let mut z = (hash ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A number in `[0, 1)` that depends on the mixed parts only.
pub(crate) fn mixed_unit(parts: &[u64]) -> f64 {
    (mix(parts) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_of_one_seed_differ_and_repeat() {
        let draw = |stream| Dice::new(7, stream).bits();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn the_distributions_have_their_moments() {
        let mut dice = Dice::new(1, 1);
        let n = 20_000;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / f64::from(n);
        let normals: Vec<f64> = (0..n).map(|_| dice.normal()).collect();
        let squares: Vec<f64> = normals.iter().map(|x| x * x).collect();
        // Standard errors are 0.007 and 0.01.
        assert!(mean(&normals).abs() < 0.03 && (mean(&squares) - 1.0).abs() < 0.05);
        let above = (0..n).filter(|_| dice.pareto(2.0, 1.5) > 8.0).count();
        assert!((above as f64 / f64::from(n) - 0.125).abs() < 0.01, "{above}");
        let counts: Vec<f64> = (0..n).map(|_| dice.poisson(40.0) as f64).collect();
        assert!((mean(&counts) - 40.0).abs() < 0.2, "{}", mean(&counts));
        let firsts = (0..n).filter(|_| dice.zipf(3) == Some(0)).count();
        assert!((firsts as f64 / f64::from(n) - 6.0 / 11.0).abs() < 0.02);
    }

    #[test]
    fn empty_choices_choose_nothing() {
        let mut dice = Dice::new(1, 1);
        assert_eq!((dice.zipf(0), dice.pick::<u8>(&[]), dice.below(0)), (None, None, 0));
    }
}
