//! From a score to a p-value: a histogram of past scores, frozen into a table that scoring reads.
//!
//! Two tails, one idea: inside the data the empirical tail, beyond it a slope and never a floor, because a floor loses
//! the order of the far tail and with it most of the power (`model-notes`, section 5).

use serde::{Deserialize, Serialize};

/// Past scores in bins of equal width, decayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreCounts {
    bins: Vec<f32>,
    n: f64,
}

/// `-ln p` per bin, frozen until the next epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TailTable {
    nats: Vec<f32>,
    n: f64,
    cap: f64,
    /// From which bin on values between bins are interpolated. Below it a score shares its bin's value: its ties count
    /// as at least as strange, which is what makes a rank valid.
    smooth_from: usize,
}

/// How a score maps to a bin: `(score - low) / width`, clamped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bins {
    /// Score at the lower edge of the first bin.
    pub low: f64,
    /// Width of a bin.
    pub width: f64,
    /// How many.
    pub count: usize,
}

impl Bins {
    /// Surprise of one event, in nats.
    pub const EVENT: Bins = Bins { low: 0.0, width: 0.25, count: 240 };
    /// Standardised lane maximum of a session.
    pub const LANE: Bins = Bins { low: -5.0, width: 0.125, count: 400 };
    /// Fused statistic of a session, in nats.
    pub const SESSION: Bins = Bins { low: 0.0, width: 0.125, count: 400 };

    /// The bin of a score.
    pub fn bin(self, score: f64) -> usize {
        self.place(score) as usize
    }

    fn place(self, score: f64) -> f64 {
        ((score - self.low) / self.width).clamp(0.0, self.count as f64 - 1.0)
    }
}

/// Pseudo-scores with tail `e^-s` that an event table starts from.
const NOMINAL: f64 = 50.0;
/// Sessions from which a tail is extrapolated at all.
const EXTRAPOLATED_FROM: f64 = 200.0;
/// Scores that must lie above before the empirical tail is believed: events, sessions.
const BELIEVED_EVENTS: f64 = 5.0;
const BELIEVED_SESSIONS: f64 = 10.0;

impl ScoreCounts {
    /// No scores yet.
    pub fn new(bins: Bins) -> Self {
        Self { bins: vec![0.0; bins.count], n: 0.0 }
    }

    /// Learns one score.
    pub fn push(&mut self, bins: Bins, score: f64) {
        self.push_bin(bins.bin(score));
    }

    /// Learns one score that is already binned.
    pub fn push_bin(&mut self, bin: usize) {
        if let Some(bin) = self.bins.get_mut(bin) {
            *bin += 1.0;
            self.n += 1.0;
        }
    }

    /// Takes back one score that was learned, as far as its bin still holds one.
    pub fn retract(&mut self, bins: Bins, score: f64) {
        if let Some(bin) = self.bins.get_mut(bins.bin(score)) {
            let taken = bin.min(1.0);
            *bin -= taken;
            self.n -= f64::from(taken);
        }
    }

    /// How many scores, decayed.
    pub fn n(&self) -> f64 {
        self.n
    }

    /// Weighs all past scores by `factor`.
    pub fn decay(&mut self, factor: f64) {
        for bin in &mut self.bins {
            *bin *= factor as f32;
        }
        self.n *= factor;
    }

    /// The table of event scores: mid-p shrunk to the nominal tail, then an exponential tail.
    ///
    /// ```text
    /// u(b) = (above + h_b/2 + 50 e^-(s_b/scale)) / (n + 50)      from fewer than 5 above: u(b+1) = u(b) e^-(width/slope)
    /// ```
    /// `scale` says how many nats of the score make one nat of surprise as long as nothing is known. `slope` is that, or the
    /// mean excess of the top 0.1 % (at least 30 scores) where that is more: a tail may turn out heavier than its model,
    /// never lighter (peaks over threshold with an exponential tail; Siffer et al., KDD 2017, section 3).
    ///
    /// Scores that are `tied`, because they follow from few cases, share the value of their bin up to the largest seen:
    /// interpolated, a value that everybody has would look as rare as the next larger one.
    pub fn event_tail(&self, bins: Bins, scale: f64, tied: bool) -> TailTable {
        let step = bins.width / scale;
        let mut nats = vec![0.0_f32; self.bins.len()];
        let (mut above, mut weighted, mut believed) = (0.0, 0.0, 0);
        let mut excess = None;
        for (b, h) in self.bins.iter().enumerate().rev() {
            let half = f64::from(*h) / 2.0;
            let u = (above + half + NOMINAL * (-(b as f64) * step).exp()) / (self.n + NOMINAL);
            if let Some(slot) = nats.get_mut(b) {
                *slot = -(u.min(1.0).ln()) as f32;
            }
            if above + half >= BELIEVED_EVENTS {
                believed = believed.max(b);
            }
            above += f64::from(*h);
            weighted += f64::from(*h) * b as f64;
            if excess.is_none() && above >= (0.001 * self.n).max(30.0) {
                excess = Some((weighted / above - b as f64) * bins.width);
            }
        }
        extend(&mut nats, believed, bins.width / excess.unwrap_or(0.0).max(scale));
        TailTable { nats, n: self.n, cap: f64::INFINITY, smooth_from: if tied { self.beyond() } else { 0 } }
    }

    /// The table of session scores: the conformal rank, then an exponential tail with the mean excess of the top 1 %.
    ///
    /// ```text
    /// p(b) = (1 + #scores >= b) / (1 + n)      beyond the 10 largest: slope 1/excess, at most ln(n+1) + `beyond` nats
    /// ```
    /// Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, chapter 8; Laxhammar, Falkman, 2015.
    pub fn session_tail(&self, bins: Bins, beyond: f64) -> TailTable {
        let mut nats = vec![0.0_f32; self.bins.len()];
        let (mut above, mut weighted, mut believed) = (0.0, 0.0, 0);
        let mut excess = None;
        for (b, h) in self.bins.iter().enumerate().rev() {
            above += f64::from(*h);
            weighted += f64::from(*h) * b as f64;
            if above >= BELIEVED_SESSIONS {
                believed = believed.max(b);
            }
            if excess.is_none() && above >= (0.01 * self.n).max(30.0) {
                excess = Some(((weighted / above - b as f64) * bins.width).max(bins.width));
            }
            if let Some(slot) = nats.get_mut(b) {
                *slot = -((1.0 + above) / (1.0 + self.n)).min(1.0).ln() as f32;
            }
        }
        extend(&mut nats, believed, bins.width / excess.unwrap_or(1.0));
        let beyond = if self.n >= EXTRAPOLATED_FROM { beyond } else { 0.0 };
        TailTable { nats, n: self.n, cap: (self.n + 1.0).ln() + beyond, smooth_from: self.beyond() }
    }

    /// The first bin above all scores.
    fn beyond(&self) -> usize {
        self.bins.iter().rposition(|h| *h > 0.0).map_or(0, |b| b + 1)
    }
}

fn extend(nats: &mut [f32], from: usize, step: f64) {
    let mut last = nats.get(from).copied().unwrap_or_default();
    for slot in nats.iter_mut().skip(from + 1) {
        last += step as f32;
        *slot = last;
    }
}

impl TailTable {
    /// `-ln p` of a score. Event scores are interpolated between bins, so that their order survives; ranks are not. O(1).
    pub fn surprise(&self, bins: Bins, score: f64) -> f64 {
        let place = bins.place(score);
        let b = place as usize;
        let part = if b >= self.smooth_from { place - b as f64 } else { 0.0 };
        let here = self.nats.get(b).copied().map_or(0.0, f64::from);
        let next = self.nats.get(b + 1).copied().map_or(here, f64::from);
        let nats = (here + (next - here) * part).max(0.0);
        // Beyond the cap nothing is claimed, but the order stays: at most one nat more.
        let beyond = (nats - self.cap).max(0.0);
        nats.min(self.cap) + beyond / (beyond + 20.0)
    }

    /// How many scores stand behind it.
    pub fn n(&self) -> f64 {
        self.n
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_session_rank_matches_the_oracle() {
        // model-notes, section 7: past 1, 2, 3, 4: new 3.5 -> .4; new 5 -> .2 (with ranks believed to the end)
        let mut counts = ScoreCounts::new(Bins::SESSION);
        for score in [1.0, 2.0, 3.0, 4.0] {
            for _ in 0..10 {
                counts.push(Bins::SESSION, score);
            }
        }
        let table = counts.session_tail(Bins::SESSION, 4.0);
        assert!(((-table.surprise(Bins::SESSION, 3.5)).exp() - 11.0 / 41.0).abs() < 1e-6);
        assert!(table.surprise(Bins::SESSION, 5.0) > table.surprise(Bins::SESSION, 4.0));
    }

    #[test]
    fn an_empty_event_table_is_the_nominal_tail() {
        let table = ScoreCounts::new(Bins::EVENT).event_tail(Bins::EVENT, 1.0, false);
        for score in [0.0, 1.0, 2.5, 10.0] {
            assert!((table.surprise(Bins::EVENT, score) - score).abs() < 1e-4);
        }
    }

    #[test]
    fn what_everybody_has_is_no_surprise_however_its_bin_is_cut() {
        let mut counts = ScoreCounts::new(Bins::EVENT);
        (0..990).for_each(|_| counts.push(Bins::EVENT, 0.2));
        (0..10).for_each(|_| counts.push(Bins::EVENT, 6.0));
        let table = counts.event_tail(Bins::EVENT, 1.0, true);
        // By hand: (10 + 495 + 50)/1050.
        assert!(((-table.surprise(Bins::EVENT, 0.2)).exp() - 555.0 / 1050.0).abs() < 1e-6);
        let smooth = counts.event_tail(Bins::EVENT, 1.0, false);
        assert!(smooth.surprise(Bins::EVENT, 0.2) > 1.5, "which is why ties are not interpolated");
        assert!(table.surprise(Bins::EVENT, 6.6) > table.surprise(Bins::EVENT, 6.5), "the order beyond the data stays");
    }

    proptest! {
        // A higher score never has a higher p, inside and beyond the data.
        #[test]
        fn tails_are_monotone(scores in prop::collection::vec(0.0..30.0_f64, 0..300), a in 0.0..40.0_f64, b in 0.0..40.0_f64) {
            let mut counts = ScoreCounts::new(Bins::EVENT);
            for s in &scores {
                counts.push(Bins::EVENT, *s);
            }
            let (low, high) = (a.min(b), a.max(b));
            let [smooth, tied] = [false, true].map(|tied| counts.event_tail(Bins::EVENT, 1.0, tied));
            for table in [smooth, tied, counts.session_tail(Bins::EVENT, 4.0)] {
                prop_assert!(table.surprise(Bins::EVENT, low) <= table.surprise(Bins::EVENT, high) + 1e-6);
            }
        }
    }
}
