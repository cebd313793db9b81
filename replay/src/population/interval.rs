//! Intervals for rates: exact for Poisson counts, and a bootstrap that keeps what one identity does together.

use datasets::generator::Dice;
use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2000;

/// A rate with a 95 % interval around it, all in the same unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// How many there were.
    pub count: u64,
    /// What was found.
    pub rate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A Poisson rate of `count` in `exposure`, times `unit`, with its exact interval (Garwood 1936): halves of chi-squared
/// quantiles with `2 count` and `2 count + 2` degrees of freedom. Without exposure nothing is known: zero to infinity.
pub fn garwood(count: u64, exposure: f64, unit: f64) -> Rate {
    let k = count as f64;
    let scale = if exposure > 0.0 { unit / exposure } else { f64::INFINITY };
    let quantile =
        |freedom: f64, p: f64| ChiSquared::new(freedom).map_or(f64::NAN, |chi| chi.inverse_cdf(p) / 2.0 * scale);
    Rate {
        count,
        rate: if count == 0 { 0.0 } else { k * scale },
        low: if count == 0 { 0.0 } else { quantile(2.0 * k, 0.025) },
        high: quantile(2.0 * k + 2.0, 0.975),
    }
}

/// The 95 % interval of `sum(counts) / sum(exposures)` times `unit` when identities are drawn anew with repetition:
/// alerts of one identity hang together, which a Poisson count does not know.
pub fn by_identity(identities: &[(u64, u64)], unit: f64, seed: u64) -> (f64, f64) {
    let mut dice = Dice::new(seed, 0xb007);
    let mut rates: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let (mut count, mut exposure) = (0, 0);
            for _ in identities {
                if let Some((c, e)) = dice.pick(identities) {
                    count += c;
                    exposure += e;
                }
            }
            if exposure == 0 { 0.0 } else { count as f64 / exposure as f64 * unit }
        })
        .collect();
    rates.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| rates.get((q * (RESAMPLES - 1) as f64).round() as usize).copied().unwrap_or(0.0);
    (at(0.025), at(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garwood_intervals_match_the_published_table() {
        // Garwood 1936: 0 gives (0, 3.689), 1 gives (0.025, 5.572), 10 gives (4.795, 18.390).
        for (count, low, high) in [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390)] {
            let rate = garwood(count, 1.0, 1.0);
            assert!((rate.low - low).abs() < 1e-3 && (rate.high - high).abs() < 1e-3, "{rate:?}");
        }
        assert!((garwood(3, 2000.0, 1000.0).rate - 1.5).abs() < 1e-12);
    }

    #[test]
    fn alerts_of_one_identity_make_a_wider_interval_than_alerts_of_many() {
        let spread: Vec<(u64, u64)> = (0..100).map(|i| (u64::from(i % 4 == 0), 10)).collect();
        let heaped: Vec<(u64, u64)> = (0..100).map(|i| (if i == 0 { 25 } else { 0 }, 10)).collect();
        let width = |of: &[(u64, u64)]| {
            let (low, high) = by_identity(of, 1000.0, 7);
            high - low
        };
        assert!(width(&heaped) > 2.0 * width(&spread));
        assert_eq!(by_identity(&spread, 1000.0, 7), by_identity(&spread, 1000.0, 7));
    }
}
