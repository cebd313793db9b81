//! How often something new turns up: a rate shrunk towards the peers'.

use serde::{Deserialize, Serialize};

/// Trials and how many of them met something new, 8 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct NoveltyRate {
    new: f32,
    n: f32,
}

/// How many trials of the identity weigh as much as its peers' rate.
const PEER_WEIGHT: f64 = 4.0;

impl NoveltyRate {
    /// Learns one trial.
    pub fn push(&mut self, new: bool) {
        self.n += 1.0;
        self.new += f32::from(u8::from(new));
    }

    /// Adds the trials of another.
    pub fn merge(&mut self, other: NoveltyRate) {
        self.n += other.n;
        self.new += other.new;
    }

    /// Weighs all past trials by `factor`.
    pub fn decay(&mut self, factor: f64) {
        self.n *= factor as f32;
        self.new *= factor as f32;
    }

    /// Number of trials, decayed.
    pub fn n(&self) -> f64 {
        f64::from(self.n)
    }

    /// `(new + 1/2)/(n + 3/2)`: the rate by itself, in (0, 1).
    pub fn alone(&self) -> f64 {
        (f64::from(self.new) + 0.5) / (f64::from(self.n) + 1.5)
    }

    /// `(new + 4 r)/(n + 4)`: the rate shrunk towards `parent`, in (0, 1).
    pub fn shrunk(&self, parent: f64) -> f64 {
        (f64::from(self.new) + PEER_WEIGHT * parent) / (f64::from(self.n) + PEER_WEIGHT)
    }
}

/// Surprise in nats of an ordered outcome by its mid-p: how far down a list of circles, from the most familiar outwards,
/// something has to be looked for.
///
/// ```text
/// found in circle l: -ln(r_0 .. r_(l-1) (1 + r_l)/2)      found in none: -ln(r_0 .. r_last / 2)
/// ```
/// `rates[l]` = `r_l` in 0..=1: the probability that what was in no circle before is not in circle `l` either; `outcome`
/// is the circle it was found in, or `rates.len()` for none. Mid-p values: Rubin-Delanchy, Heard, Lawson, JASA 114, 2019.
pub fn surprise(rates: &[f64], outcome: usize) -> f64 {
    let reached: f64 = rates.iter().take(outcome).product();
    let p = reached * rates.get(outcome).map_or(0.5, |rate| f64::midpoint(1.0, *rate));
    -p.max(1e-12).ln()
}

/// How familiar something is, most familiar first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Familiarity {
    /// This identity has met it on this task.
    Usual,
    /// This identity has met it.
    Known,
    /// Its peers have.
    KnownToPeers,
    /// Nobody has, but this identity has met others under the same prefix.
    Nearby,
    /// Nobody has, nor anything near it.
    New,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surprise_matches_the_oracle() {
        // model-notes, section 3: new_g = 3, n_g = 18.5, new_i = 0, n_i = 6, q_g = .5; with s = 1 nothing is nearby
        let peers = NoveltyRate { new: 3.0, n: 18.5 };
        let own = NoveltyRate { new: 0.0, n: 6.0 };
        let (r_g, r) = (peers.alone(), own.shrunk(peers.alone()));
        assert!((r_g - 0.175).abs() < 1e-9 && (r - 0.07).abs() < 1e-9);
        for (outcome, want) in [(0, 0.625_489), (1, 2.946_942), (2, 4.045_554)] {
            assert!((surprise(&[r, 0.5], outcome) - want).abs() < 1e-6, "{outcome}");
            // A circle that nothing is ever found in changes nothing further out.
            assert!((surprise(&[1.0, r, 0.5], outcome + 1) - want).abs() < 1e-6, "{outcome}");
        }
    }

    #[test]
    fn mid_p_values_average_to_one_half() {
        let rates = [0.4, 0.07, 0.3];
        let [r, q, s] = rates;
        let p = |outcome| (-surprise(&rates, outcome)).exp();
        let mean =
            (1.0 - r) * p(0) + r * (1.0 - q) * p(1) + r * q * (1.0 - s) * p(2) + r * q * s * p(3);
        assert!((mean - 0.5).abs() < 1e-12, "{mean}");
    }
}
