//! A normal with unknown mean and variance: the normal-inverse-gamma model and its Student-t predictive.
//!
//! Murphy, "Conjugate Bayesian analysis of the Gaussian distribution", 2007, section 3; Gelman et al., Bayesian Data
//! Analysis 3, section 3.3.

use serde::{Deserialize, Serialize};

/// Running mean and sum of squared deviations (Welford, 1962), 12 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    n: f32,
    mean: f32,
    squares: f32,
}

/// The least deviation that values are moved to, in their own unit.
const LEAST_DEVIATION: f64 = 0.1;

/// Strength of the prior: pseudo-observations of the mean, and shape and rate of the precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Prior mean.
    pub mean: f64,
    /// Pseudo-observations behind the mean.
    pub k: f64,
    /// Shape of the precision.
    pub a: f64,
    /// Rate of the precision.
    pub b: f64,
}

/// A Student-t predictive: how an observation stands to what is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Standardised residual.
    pub t: f64,
    /// Degrees of freedom.
    pub freedom: f64,
}

impl Moments {
    /// Learns one observation.
    pub fn push(&mut self, y: f64) {
        let (mut n, mut mean, mut squares) = (f64::from(self.n), f64::from(self.mean), f64::from(self.squares));
        n += 1.0;
        let delta = y - mean;
        mean += delta / n;
        squares += delta * (y - mean);
        (self.n, self.mean, self.squares) = (n as f32, mean as f32, squares as f32);
    }

    /// Learns one observation, moved to within three standard deviations of the mean once ten are known: one burst must
    /// not teach that bursts are usual.
    pub fn push_winsorised(&mut self, y: f64) {
        let (mean, s) = (f64::from(self.mean), self.deviation().unwrap_or(0.0).max(LEAST_DEVIATION));
        self.push(if self.n >= 10.0 { y.clamp(mean - 3.0 * s, mean + 3.0 * s) } else { y });
    }

    /// Adds the observations of another (Chan, Golub, Leveque, 1979).
    pub fn merge(&mut self, other: &Moments) {
        let (n, m) = (f64::from(self.n), f64::from(other.n));
        if m <= 0.0 {
            return;
        }
        let delta = f64::from(other.mean) - f64::from(self.mean);
        self.mean = (f64::from(self.mean) + delta * m / (n + m)) as f32;
        self.squares += (f64::from(other.squares) + delta * delta * n * m / (n + m)) as f32;
        self.n = (n + m) as f32;
    }

    /// Number of observations, decayed.
    pub fn n(&self) -> f64 {
        f64::from(self.n)
    }

    /// Their mean; `None` without observations.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0.0).then(|| f64::from(self.mean))
    }

    /// Their standard deviation; `None` with fewer than two.
    pub fn deviation(&self) -> Option<f64> {
        (self.n > 1.0).then(|| (f64::from(self.squares) / (f64::from(self.n) - 1.0)).max(0.0).sqrt())
    }

    /// Weighs all past observations by `factor`, in 0..=1.
    pub fn decay(&mut self, factor: f64) {
        self.n *= factor as f32;
        self.squares *= factor as f32;
    }

    /// The predictive residual of `y`.
    ///
    /// ```text
    /// k = k0 + n   mu = (k0 m0 + n m)/k   a = a0 + n/2   b = b0 + M/2 + k0 n (m - m0)^2/(2k)
    /// t = (y - mu)/sqrt(b (k + 1)/(a k))   with 2a degrees of freedom
    /// ```
    pub fn residual(&self, y: f64, prior: Prior) -> Residual {
        let (n, m) = (f64::from(self.n), f64::from(self.mean));
        let k = prior.k + n;
        let mu = (prior.k * prior.mean + n * m) / k;
        let a = prior.a + n / 2.0;
        let b = prior.b + f64::from(self.squares) / 2.0 + prior.k * n * (m - prior.mean).powi(2) / (2.0 * k);
        Residual { t: (y - mu) / (b * (k + 1.0) / (a * k)).sqrt(), freedom: 2.0 * a }
    }
}

impl Residual {
    /// `-ln` of the upper tail, in nats, at most 69. Student's t by Wallace's normal transform (Wallace, 1959) with at
    /// most 30 degrees of freedom: monotone in `t`, within a few per cent of the exact tail, and the group tables
    /// recalibrate the rest.
    pub fn surprise(&self) -> f64 {
        -upper_tail(self.t, self.freedom.min(30.0)).ln()
    }
}

fn upper_tail(t: f64, nu: f64) -> f64 {
    let z = (8.0 * nu + 1.0) / (8.0 * nu + 3.0) * (nu * (t * t / nu).ln_1p()).sqrt();
    let z = if t >= 0.0 { z } else { -z };
    (0.5 * statrs::function::erf::erfc(z / std::f64::consts::SQRT_2)).max(1e-30)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{ContinuousCDF, StudentsT};

    use super::*;

    fn moments(data: &[f64]) -> Moments {
        let mut moments = Moments::default();
        for y in data {
            moments.push(*y);
        }
        moments
    }

    #[test]
    fn the_predictive_matches_the_oracle() {
        // model-notes, section 4: data 1, 2, 3, m0 = 0, k0 = a0 = b0 = 1, y = 3 -> t = 1.133893, nu = 5, tail .154130
        let prior = Prior { mean: 0.0, k: 1.0, a: 1.0, b: 1.0 };
        let residual = moments(&[1.0, 2.0, 3.0]).residual(3.0, prior);
        assert!((residual.t - 1.133_893).abs() < 1e-6, "{residual:?}");
        assert!((residual.freedom - 5.0).abs() < 1e-12);
        let exact = StudentsT::new(0.0, 1.0, residual.freedom).unwrap().sf(residual.t);
        assert!((exact - 0.154_130).abs() < 1e-6);
    }

    #[test]
    fn wallace_is_close_to_the_exact_tail() {
        // model-notes, section 4
        for (t, nu, want, digits) in [(2.0, 5.0, 0.05107, 1e-5), (6.0, 30.0, 7.05e-7, 1e-9), (4.0, 3.0, f64::NAN, 0.0)]
        {
            let got = upper_tail(t, nu);
            let exact = StudentsT::new(0.0, 1.0, nu).unwrap().sf(t);
            assert!(want.is_nan() || (got - want).abs() < digits, "{got} {want}");
            assert!((got / exact).ln().abs() < 0.2, "{got} {exact}");
        }
    }

    #[test]
    fn halves_merged_are_the_whole() {
        let mut left = moments(&[1.0, 2.0, 4.0]);
        left.merge(&moments(&[8.0, 16.0]));
        left.merge(&Moments::default());
        let whole = moments(&[1.0, 2.0, 4.0, 8.0, 16.0]);
        assert!((left.n() - 5.0).abs() < 1e-6 && (left.mean().unwrap() - whole.mean().unwrap()).abs() < 1e-5);
        assert!((left.deviation().unwrap() - whole.deviation().unwrap()).abs() < 1e-5);
    }

    proptest! {
        // Shift law: moving data, prior and observation together changes nothing.
        #[test]
        fn residuals_are_shift_invariant(data in prop::collection::vec(-5.0..5.0_f64, 0..30), y in -5.0..5.0_f64, by in -5.0..5.0_f64) {
            let prior = Prior { mean: 0.0, k: 0.5, a: 1.5, b: 1.5 };
            let moved: Vec<f64> = data.iter().map(|x| x + by).collect();
            let here = moments(&data).residual(y, prior);
            let there = moments(&moved).residual(y + by, Prior { mean: by, ..prior });
            prop_assert!((here.t - there.t).abs() < 1e-3 * (1.0 + here.t.abs()));
        }

        // A larger observation is never less surprising.
        #[test]
        fn surprise_is_monotone(t in -20.0..20.0_f64, step in 0.0..5.0_f64, freedom in 3.0..60.0_f64) {
            let at = |t| Residual { t, freedom }.surprise();
            prop_assert!(at(t + step) >= at(t));
        }
    }
}
