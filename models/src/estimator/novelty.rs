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

/// Surprise in nats of the ordered outcome {known, known to peers, new but nearby, new}, each by its mid-p.
///
/// ```text
/// known: -ln((1+r)/2)   known to peers: -ln(r (1+q)/2)   nearby: -ln(r q (1+s)/2)   new: -ln(r q s/2)
/// ```
/// `rate` = r, the probability that a trial meets something new here; `also_new` = q, that it is then new to peers too;
/// `far` = s, that it is then under a prefix that is new as well. Mid-p values: Rubin-Delanchy, Heard, Lawson, JASA 114,
/// 2019.
pub fn surprise(rate: f64, also_new: f64, far: f64, outcome: Familiarity) -> f64 {
    let p = match outcome {
        Familiarity::Known => f64::midpoint(1.0, rate),
        Familiarity::KnownToPeers => rate * f64::midpoint(1.0, also_new),
        Familiarity::Nearby => rate * also_new * f64::midpoint(1.0, far),
        Familiarity::New => rate * also_new * far / 2.0,
    };
    -p.max(1e-12).ln()
}

/// How familiar something is, most familiar first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Familiarity {
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
        let oracle =
            [(Familiarity::Known, 0.625_489), (Familiarity::KnownToPeers, 2.946_942), (Familiarity::New, 4.045_554)];
        for (outcome, want) in oracle {
            assert!((surprise(r, 0.5, 1.0, outcome) - want).abs() < 1e-6, "{outcome:?}");
        }
    }

    #[test]
    fn mid_p_values_average_to_one_half() {
        let (r, q, s) = (0.07, 0.3, 0.4);
        let p = |outcome| (-surprise(r, q, s, outcome)).exp();
        let mean = (1.0 - r) * p(Familiarity::Known)
            + r * (1.0 - q) * p(Familiarity::KnownToPeers)
            + r * q * (1.0 - s) * p(Familiarity::Nearby)
            + r * q * s * p(Familiarity::New);
        assert!((mean - 0.5).abs() < 1e-12, "{mean}");
    }
}
