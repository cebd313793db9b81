//! How much is found when a stated share of benign sessions may alarm.

use serde::Serialize;

/// What is found at one false-alarm rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Detection {
    /// The share of negatives that may alarm.
    pub rate: f64,
    /// A session alarms when it scores above this.
    pub threshold: f64,
    /// The share of negatives that do alarm; below `rate` where ties or the number of negatives leave no finer cut.
    pub false_alarms: f64,
    /// The share of positives that alarm.
    pub detected: f64,
}

/// The lowest threshold at which no more than `rate` of the negatives score *above* it: the (k+1)-th largest negative,
/// where k is `rate` times their number, rounded down. Negatives tied with the threshold do not alarm, and neither do
/// positives tied with it. `None` without negatives or at a rate of 1 or more.
///
/// ```
/// let negatives: Vec<f64> = (1..=100).map(f64::from).collect();
/// assert_eq!(replay::quality::threshold(&negatives, 0.05), Some(95.0)); // 96 to 100 alarm
/// assert_eq!(replay::quality::threshold(&negatives, 0.001), Some(100.0)); // none does
/// ```
pub fn threshold(negatives: &[f64], rate: f64) -> Option<f64> {
    let mut sorted = negatives.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    // A hundredth of 300 must be 3, whatever the last bit of the product says.
    let allowed = (rate * sorted.len() as f64 + 1e-9).floor() as usize;
    sorted.get(allowed).copied()
}

/// What is found of `positives` when `rate` of `negatives` may alarm; `None` when either is empty.
pub fn detection(positives: &[f64], negatives: &[f64], rate: f64) -> Option<Detection> {
    if positives.is_empty() {
        return None;
    }
    let threshold = threshold(negatives, rate)?;
    let above = |scores: &[f64]| scores.iter().filter(|s| **s > threshold).count() as f64 / scores.len() as f64;
    Some(Detection { rate, threshold, false_alarms: above(negatives), detected: above(positives) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn negatives_tied_at_the_cut_do_not_alarm() {
        // 20 negatives, 5 % = 1 may alarm; the two largest are tied, so none may.
        let mut negatives = vec![0.0; 18];
        negatives.extend([7.0, 7.0]);
        let found = detection(&[8.0, 7.0, 6.0, 9.0], &negatives, 0.05).unwrap();
        assert_eq!(found, Detection { rate: 0.05, threshold: 7.0, false_alarms: 0.0, detected: 0.5 });
    }

    #[test]
    fn rate_finer_than_the_negatives_allow_takes_the_largest_negative() {
        assert_eq!(threshold(&[1.0, 3.0, 2.0], 0.01), Some(3.0));
        assert_eq!(threshold(&[], 0.01), None);
        assert_eq!(detection(&[], &[1.0], 0.01), None);
    }

    proptest! {
        /// Law: no more than the stated share of negatives alarms, and one step lower more would, or as many as tied.
        #[test]
        fn false_alarms_stay_inside_the_rate(n in prop::collection::vec(0_i8..30, 1..200), rate in 0.0..0.9_f64) {
            let n: Vec<f64> = n.into_iter().map(f64::from).collect();
            let found = detection(&[0.0], &n, rate).unwrap();
            prop_assert!(found.false_alarms <= rate + 1e-9);
            let at_least = n.iter().filter(|s| **s >= found.threshold).count() as f64 / n.len() as f64;
            prop_assert!(at_least > rate - 1e-9);
        }
    }
}
