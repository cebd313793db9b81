//! From p-values to e-values.
//!
//! Vovk, Wang, "E-values: calibration, combination and applications", Annals of Statistics 49(3), 2021, section 2: any
//! decreasing function on (0, 1] with integral 1 calibrates. This one is convex, so that it also serves mid-p-values
//! (Rubin-Delanchy, Heard, Lawson, JASA 114, 2019).

/// The e-value of a surprise of `nats = -ln p`.
///
/// ```text
/// f(p) = 0.4 + 0.25 p^-0.5 + 0.01 p^-0.9
/// ```
/// At least 0.66; about 2.9e5 at the largest accepted surprise (p is clamped at 1e-12).
///
/// ```
/// let e = models::estimator::calibrator::e_value(-(1e-3_f64).ln());
/// assert!((e - 13.31757).abs() < 1e-5);
/// ```
pub fn e_value(nats: f64) -> f64 {
    let nats = nats.clamp(0.0, 27.631_021);
    0.4 + 0.25 * (0.5 * nats).exp() + 0.01 * (0.9 * nats).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_oracles() {
        // model-notes, section 6
        let oracles = [
            (1.0, 0.66),
            (0.65, 0.72482),
            (0.5, 0.77221),
            (0.2, 1.00158),
            (0.05, 1.66626),
            (1e-3, 13.31757),
            (1e-4, 65.21072),
            (1e-6, 2762.286),
        ];
        for (p, want) in oracles {
            let got = e_value(-f64::ln(p));
            assert!((got / want - 1.0).abs() < 1e-5, "{p}: {got} {want}");
        }
    }

    #[test]
    fn has_integral_one() {
        // The tail below 1e-12, where p is clamped, holds .25*2e-6 + .01*10*e^(-.1*27.63) of the mass.
        let (mut sum, steps) = (0.0, 200_000);
        for i in 0..steps {
            // Substituting p = e^-s: integral of f(e^-s) e^-s ds.
            let s = (f64::from(i) + 0.5) * 27.631_021 / f64::from(steps);
            sum += e_value(s) * (-s).exp() * 27.631_021 / f64::from(steps);
        }
        let tail = 0.25 * 2.0 * 1e-6 + 0.1 * (-0.1 * 27.631_021_f64).exp() + 0.4e-12;
        assert!((sum + tail - 1.0).abs() < 1e-6, "{sum} {tail}");
    }

    #[test]
    fn a_mid_p_value_of_a_discrete_law_stays_below_one() {
        let mean: f64 = [(0.7, 0.65), (0.2, 0.2), (0.1, 0.05)].iter().map(|(w, p)| w * e_value(-f64::ln(*p))).sum();
        assert!((mean - 0.87432).abs() < 1e-5, "{mean}");
    }
}
