//! Pitman-Yor back-off: how probable is a symbol, given counts and a parent that fills the gaps.
//!
//! Teh, "A hierarchical Bayesian language model based on Pitman-Yor processes", ACL 2006, section 3, with one table an
//! item, which is interpolated Kneser-Ney (Chen, Goodman, 1999).

/// Concentration.
pub const STRENGTH: f64 = 1.0;
/// Discount: how much of every count is lent to the parent.
pub const DISCOUNT: f64 = 0.5;

/// Probability of a symbol.
///
/// ```text
/// P(x) = max(c_x - d, 0)/(n + th) + (th + d K)/(n + th) * P_parent(x)      th = STRENGTH, d = DISCOUNT
/// ```
/// `count` = `c_x`, `total` = n (sum of all counts), `kinds` = K (symbols held), `parent` in 0..=1. With counts at least
/// `d` each (or absent) the probabilities over the parent's support sum to 1.
///
/// ```
/// use models::estimator::pitman_yor::probability;
/// // counts a:3, b:1 over a uniform parent of four symbols
/// assert!((probability(3.0, 4.0, 2.0, 0.25) - 0.6).abs() < 1e-12);
/// assert!((probability(1.0, 4.0, 2.0, 0.25) - 0.2).abs() < 1e-12);
/// assert!((probability(0.0, 4.0, 2.0, 0.25) - 0.1).abs() < 1e-12);
/// ```
pub fn probability(count: f64, total: f64, kinds: f64, parent: f64) -> f64 {
    // Decayed counts can fall below the discount; what is lent to the parent is then less than `d` each, and the cap
    // keeps the result a probability.
    let total = total.max(count);
    let own = (count - DISCOUNT).max(0.0) / (total + STRENGTH);
    let lent = ((STRENGTH + DISCOUNT * kinds) / (total + STRENGTH)).min(1.0);
    (own + lent * parent).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_levels_match_the_oracle() {
        // model-notes, section 3: context x:2 y:1, parent (.5, .3, .2) -> .625, .275, .100
        let p = |count, parent| probability(count, 3.0, 2.0, parent);
        for (got, want) in [(p(2.0, 0.5), 0.625), (p(1.0, 0.3), 0.275), (p(0.0, 0.2), 0.1)] {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
    }

    proptest! {
        // Probabilities over the whole support sum to 1.
        #[test]
        fn sums_to_one(counts in prop::collection::vec(0_u32..50, 1..20), weights in prop::collection::vec(1_u32..50, 20)) {
            let weights = &weights[..counts.len()];
            let sum: f64 = weights.iter().map(|w| f64::from(*w)).sum();
            let total: f64 = counts.iter().map(|c| f64::from(*c)).sum();
            let kinds = counts.iter().filter(|c| **c > 0).count() as f64;
            let mass: f64 = counts.iter().zip(weights)
                .map(|(c, w)| probability(f64::from(*c), total, kinds, f64::from(*w) / sum)).sum();
            prop_assert!((mass - 1.0).abs() < 1e-9, "{}", mass);
        }
    }
}
