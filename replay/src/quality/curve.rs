//! Areas under the ROC and the precision-recall curve, with a weight for each identity.
//!
//! Average precision is the sum over cuts of the recall gained times the precision there (Davis & Goadrich 2006: no
//! straight lines between points). Sessions with the same score are one cut.

/// A session with a score.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored {
    pub(super) score: f64,
    pub(super) positive: bool,
    pub(super) identity: u32,
}

/// Sessions, the strangest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve(Vec<Scored>);

/// What is at or above a cut, as sums of weights.
#[derive(Debug, Clone, Copy, Default)]
struct Above {
    positives: f64,
    negatives: f64,
}

impl Curve {
    pub(super) fn new(mut sessions: Vec<Scored>) -> Self {
        sessions.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self(sessions)
    }

    /// Areas under the ROC and the precision-recall curve; NaN unless there is a positive and a negative.
    pub(super) fn areas(&self, weight: impl Fn(u32) -> f64) -> [f64; 2] {
        let (mut area, mut precision) = (0.0, 0.0);
        let mut before = Above::default();
        self.cuts(weight, |at| {
            area += (at.negatives - before.negatives) * f64::midpoint(at.positives, before.positives);
            if at.positives > before.positives {
                precision += (at.positives - before.positives) * at.positives / (at.positives + at.negatives);
            }
            before = at;
        });
        if before.positives <= 0.0 || before.negatives <= 0.0 {
            return [f64::NAN; 2];
        }
        [area / (before.positives * before.negatives), precision / before.positives]
    }

    /// (recall, precision) at every cut, at most `points` + 1 of them.
    pub(super) fn precision_recall(&self, points: usize) -> Vec<(f64, f64)> {
        let positives = self.0.iter().filter(|session| session.positive).count() as f64;
        let mut curve = Vec::new();
        if positives > 0.0 {
            self.cuts(
                |_| 1.0,
                |at| curve.push((at.positives / positives, at.positives / (at.positives + at.negatives))),
            );
        }
        thinned(&curve, points)
    }

    /// (false-alarm rate, share found) from (0, 0) at every cut, at most `points` + 1 of them.
    pub(super) fn roc(&self, points: usize) -> Vec<(f64, f64)> {
        let positives = self.0.iter().filter(|session| session.positive).count() as f64;
        let negatives = self.0.len() as f64 - positives;
        let mut curve = vec![(0.0, 0.0)];
        if positives > 0.0 && negatives > 0.0 {
            self.cuts(|_| 1.0, |at| curve.push((at.negatives / negatives, at.positives / positives)));
        }
        thinned(&curve, points)
    }

    fn cuts(&self, weight: impl Fn(u32) -> f64, mut cut: impl FnMut(Above)) {
        let mut at = Above::default();
        for tied in self.0.chunk_by(|a, b| a.score.total_cmp(&b.score).is_eq()) {
            for session in tied {
                let side = if session.positive { &mut at.positives } else { &mut at.negatives };
                *side += weight(session.identity);
            }
            if at.positives + at.negatives > 0.0 {
                cut(at);
            }
        }
    }
}

fn thinned(curve: &[(f64, f64)], points: usize) -> Vec<(f64, f64)> {
    let last = curve.len().saturating_sub(1);
    if last <= points {
        return curve.to_vec();
    }
    (0..=points).filter_map(|i| curve.get(i * last / points).copied()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quality::auroc;

    fn curve(positives: &[f64], negatives: &[f64]) -> Curve {
        let of = |scores: &[f64], positive| {
            scores.iter().map(move |score| Scored { score: *score, positive, identity: 0 }).collect::<Vec<_>>()
        };
        Curve::new([of(positives, true), of(negatives, false)].concat())
    }

    #[test]
    fn average_precision_of_a_hand_made_ranking_is_the_one_worked_out_by_hand() {
        // Order + - + + -: precision 1, 2/3, 3/4 where recall rises.
        let curve = curve(&[9.0, 7.0, 6.0], &[8.0, 5.0]);
        let [area, precision] = curve.areas(|_| 1.0);
        assert!((precision - (1.0 + 2.0 / 3.0 + 3.0 / 4.0) / 3.0).abs() < 1e-12);
        assert!((area - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(curve.precision_recall(10)[..2], [(1.0 / 3.0, 1.0), (1.0 / 3.0, 0.5)]);
    }

    #[test]
    fn a_constant_score_has_the_share_of_positives_as_its_precision() {
        let [area, precision] = curve(&[1.0], &[1.0; 9]).areas(|_| 1.0);
        assert!((area - 0.5).abs() < 1e-12 && (precision - 0.1).abs() < 1e-12);
        assert!(curve(&[], &[1.0]).areas(|_| 1.0)[0].is_nan());
    }

    proptest! {
        /// Law: with equal weights the area is the AUROC, and a weight of two is the same as being there twice.
        #[test]
        fn weights_count_like_copies(p in prop::collection::vec(0_i8..6, 1..20), n in prop::collection::vec(0_i8..6, 1..20)) {
            let (p, n): (Vec<f64>, Vec<f64>) = (p.into_iter().map(f64::from).collect(), n.into_iter().map(f64::from).collect());
            let once = curve(&p, &n);
            prop_assert!((once.areas(|_| 1.0)[0] - auroc(&p, &n).unwrap()).abs() < 1e-12);
            let twice = curve(&[p.clone(), p].concat(), &[n.clone(), n].concat());
            for (a, b) in once.areas(|_| 2.0).into_iter().zip(twice.areas(|_| 1.0)) {
                prop_assert!((a - b).abs() < 1e-12);
            }
        }
    }
}
