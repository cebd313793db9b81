//! `volume`: are these bytes usual for this tool?
//!
//! Stored: 24 bytes a tool. Score: `-ln` of the upper Student-t tail of `ln(1 + bytes/256)` under a normal-inverse-gamma model
//! that starts from the peers' mean for the tool; of bytes sent and received the stranger one, at the price of two looks.
//! With little data the tails are heavy (3 degrees of freedom), so little is surprising.

use super::{Baseline, Step};
use crate::estimator::normal::{Moments, Prior};
use crate::peers::GroupModel;

/// Bytes below which sizes hardly differ: nothing worth having leaks in a quarter of a kilobyte.
const UNIT: f64 = 256.0;

/// A volume as it is learned: `ln(1 + bytes/256)`.
pub(crate) fn ln_bytes(bytes: f64) -> f64 {
    (bytes / UNIT).ln_1p()
}

/// The volume in bytes.
pub(crate) fn in_bytes(ln: f64) -> f64 {
    ln.exp_m1().max(0.0) * UNIT
}

/// Which direction of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the tool.
    In,
    /// From the tool.
    Out,
}

/// The stranger of the two directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct VolumeScore {
    pub nats: f64,
    pub direction: Direction,
}

/// A volume this much (nats) above the usual is no leak yet: less than twice as much.
const TOLERANCE: f64 = 0.5;

/// Prior of one tool's volume around the peers' mean (`model-notes`, section 4).
pub(crate) fn prior(mean: f64) -> Prior {
    Prior { mean, k: 0.5, a: 1.5, b: 1.5 }
}

impl Baseline {
    /// Surprise of the step's bytes; `None` where the event tells none.
    pub(crate) fn score_volume(&self, step: &Step, group: &GroupModel) -> Option<VolumeScore> {
        let own = self.tool(step.tool).map(|t| t.bytes).unwrap_or_default();
        let score = |direction: Direction, index: usize, own: &Moments| {
            let y = f64::from(*step.ln_bytes.get(index)?);
            if y < 0.0 {
                return None;
            }
            let mean = group.mean_bytes(step.tool, index).or(own.mean())?;
            // Two looks at one event: ln 2 is the price (Bonferroni).
            let nats = own.residual(y - TOLERANCE, prior(mean)).surprise() - std::f64::consts::LN_2;
            Some(VolumeScore { nats: nats.max(0.0), direction })
        };
        let [sent, received] = &own;
        let both = [score(Direction::In, 0, sent), score(Direction::Out, 1, received)];
        both.into_iter().flatten().max_by(|a, b| a.nats.total_cmp(&b.nats))
    }
}
