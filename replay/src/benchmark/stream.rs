//! The area under the ROC curve of a stream of any length, in constant memory.

/// Scores are told apart by sign, exponent and this many bits behind the point: 1 part in 256.
const SHIFT: u32 = 52 - 8;
/// Non-negative doubles, cut so, are ordered like these integers.
const BINS: usize = 0x7ff << 8;

/// Counts of positives and negatives by score. The area differs from the exact one by at most half the share of pairs of a
/// positive and a negative whose scores agree to 1 part in 256: those count as ties. 8 MB.
#[derive(Debug, Clone)]
pub(super) struct StreamArea {
    positives: Vec<u64>,
    negatives: Vec<u64>,
}

impl StreamArea {
    pub(super) fn new() -> Self {
        Self { positives: vec![0; BINS], negatives: vec![0; BINS] }
    }

    /// Counts one score; below 0 or not a number counts as 0.
    pub(super) fn push(&mut self, positive: bool, score: f64) {
        let bin = (score.max(0.0).to_bits() >> SHIFT) as usize;
        let counts = if positive { &mut self.positives } else { &mut self.negatives };
        if let Some(count) = counts.get_mut(bin.min(BINS - 1)) {
            *count += 1;
        }
    }

    /// How many positives and negatives there were.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.positives.iter().sum(), self.negatives.iter().sum())
    }

    /// The area; `None` unless there was a positive and a negative.
    pub(super) fn area(&self) -> Option<f64> {
        let (mut won, mut below) = (0.0, 0.0);
        for (p, n) in self.positives.iter().zip(&self.negatives) {
            let (p, n) = (*p as f64, *n as f64);
            won += p * (below + n / 2.0);
            below += n;
        }
        let pairs = self.positives.iter().sum::<u64>() as f64 * below;
        (pairs > 0.0).then(|| won / pairs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quality::auroc;

    proptest! {
        /// Law: where no two scores are closer than the resolution, the area is the exact one.
        #[test]
        fn area_is_the_exact_one_for_scores_told_apart(
            p in prop::collection::vec(0_u8..40, 1..30), n in prop::collection::vec(0_u8..40, 1..30)
        ) {
            let scores = |x: &[u8]| x.iter().map(|x| f64::from(*x) / 8.0).collect::<Vec<_>>();
            let (p, n) = (scores(&p), scores(&n));
            let mut stream = StreamArea::new();
            for x in &p {
                stream.push(true, *x);
            }
            for x in &n {
                stream.push(false, *x);
            }
            prop_assert!((stream.area().unwrap() - auroc(&p, &n).unwrap()).abs() < 1e-12);
        }
    }

    #[test]
    fn one_class_alone_has_no_area_and_odd_scores_are_counted() {
        let mut stream = StreamArea::new();
        stream.push(true, f64::INFINITY);
        assert_eq!(stream.area(), None);
        stream.push(false, f64::NAN);
        assert_eq!((stream.area(), stream.counts()), (Some(1.0), (1, 1)));
    }
}
