//! From a step to p-values, from p-values to evidence, from evidence to the rank of the session.

use super::session::Session;
use super::state::History;
use crate::baseline::{Baseline, Step, TargetKeys, TargetScore, VolumeScore};
use crate::calibration::{Lane, TenantModel, maturity_class};
use crate::dimension::DimensionValues;
use crate::estimator::calibrator::e_value;
use crate::estimator::normal::Prior;
use crate::peers::GroupModel;

/// Scores of one event, with what explanations need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scores {
    /// Raw scores in nats, before calibration.
    pub raw: [Option<f64>; Lane::EVENT],
    /// `-ln p` for each event lane.
    pub nats: [Option<f64>; Lane::EVENT],
    pub target: Option<TargetScore>,
    pub volume: Option<VolumeScore>,
    /// Probability of the tool after the tools before it.
    pub chain_probability: f64,
}

impl Scores {
    /// `-ln p` of the event as a whole.
    pub(super) fn score(&self) -> f64 {
        let [.., joint] = self.nats;
        joint.unwrap_or(0.0)
    }

    /// `-ln p` by dimension.
    pub(super) fn dimensions(&self) -> DimensionValues<Option<f64>> {
        let [tool, target, chain, volume, _] = self.nats;
        [tool, target, chain, volume]
    }
}

/// Weight of a call that changes nothing, or failed, in the joint score.
const READ_WEIGHT: f64 = 0.2;
/// Weight of the target in the joint score: where a side effect goes says most.
const TARGET_WEIGHT: f64 = 2.0;
/// Volume surprise (nats) that the joint score takes for granted: volumes have heavy tails, and outside the data the
/// model's tail is only a model.
const VOLUME_FREE: f64 = 7.0;

/// Largest surprise stated: p is never below 1e-12 (`model-notes`, section 6).
const MAX_NATS: f64 = 27.631_021;

/// Scores one step: reads only.
pub(super) fn score(
    baseline: &Baseline,
    session: &Session,
    step: &Step,
    targets: &[TargetKeys],
    sessions: u32,
    tenant: &TenantModel,
    group: &GroupModel,
) -> Scores {
    let tool_probability = baseline.tool_probability(step, group).max(1e-12);
    let chain_probability = baseline.chain_probability(step, group, tool_probability).max(1e-12);
    let target = baseline.score_targets(step, targets, group, |pair| session.has_seen(pair));
    let volume = baseline.score_volume(step, group);
    let tool = -tool_probability.ln();
    let order = -chain_probability.ln();
    let whereto = target.map(|t| t.nats + t.origin_nats);
    let joint = joint(tool, order, whereto, volume.map(|v| v.nats), step.side_effect);
    // The chain is judged against "the same tools, order ignored": that the tool is rare, the tool lane has said.
    let chain = (order - tool + 1.0).max(0.0);
    let raw = [Some(tool), target.map(|t| t.nats), Some(chain), volume.map(|v| v.nats), Some(joint)];
    let mut nats = [None; Lane::EVENT];
    for ((nats, lane), score) in nats.iter_mut().zip(Lane::ALL).zip(raw) {
        *nats = score.map(|s| tenant.event_surprise(lane, step.side_effect, sessions, s).min(MAX_NATS));
    }
    Scores { raw, nats, target, volume, chain_probability }
}

/// The joint score of one call, in nats.
///
/// ```text
/// w ((tool + order)/2 + 2 target) + max(0, volume - 7)       w = 1 for a side effect, .2 for a read or a failed call
/// ```
/// `tool` and `order` are `-ln P` of the same tool without and with the tools before it: their mean is the surprise under
/// the geometric mean of the two models, so that neither a sparse chain nor a flat one decides alone. `target` includes
/// where the target came from. The law of the sum is learned, not assumed, so dependence between the parts costs nothing.
fn joint(tool: f64, order: f64, target: Option<f64>, volume: Option<f64>, side_effect: bool) -> f64 {
    let weight = if side_effect { 1.0 } else { READ_WEIGHT };
    let call = f64::midpoint(tool, order) + TARGET_WEIGHT * target.unwrap_or(0.0);
    weight * call + (volume.unwrap_or(0.0) - VOLUME_FREE).max(0.0)
}

/// E-values of one event's lanes.
pub(super) fn e_values(scores: &Scores) -> [Option<f64>; Lane::EVENT] {
    scores.nats.map(|nats| nats.map(e_value))
}

/// Surprise of the bytes summed over the session so far, against the identity's own past sessions. Totals only grow, so
/// the p-value may be read at any event.
pub(super) fn level(session: &Session, history: &History) -> Option<f64> {
    let mean = history.totals.mean()?;
    let prior = Prior { mean, k: 0.5, a: 1.5, b: 1.5 };
    Some(history.totals.residual((1.0 + session.bytes).ln(), prior).surprise())
}

/// Lane maxima standardised by the identity's own past, shrunk towards the fleet: comparable between quiet and wild
/// identities (`model-notes`, section 7.2).
pub(super) fn standardised(session: &Session, history: &History, tenant: &TenantModel) -> [f64; Lane::COUNT] {
    let mut z = [0.0; Lane::COUNT];
    for (i, (z, best)) in z.iter_mut().zip(session.best).enumerate() {
        let (mean, scale) = history.lane(i, tenant.fleet(i));
        *z = (f64::from(best) - mean) / scale;
    }
    z
}

/// The session's statistic: the strongest lane, each against its own past and at its share of the error level
/// (`model-notes`, section 7.3 to 7.5). Also raises the fusion lane.
pub(super) fn session_statistic(session: &mut Session, history: &History, tenant: &TenantModel) -> f64 {
    let class = maturity_class(history.sessions);
    let z = standardised(session, history, tenant);
    let (mut strongest, mut excess) = (f64::NEG_INFINITY, 0.0);
    for (lane, z) in Lane::ALL.into_iter().zip(z).filter(|(lane, _)| *lane != Lane::Fused) {
        let q = tenant.lane_surprise(lane, class, z);
        excess += (q - 1.0).max(0.0);
        strongest = f64::max(strongest, q + lane.ln_share());
    }
    session.raise(Lane::Fused, 3.0 * f64::ln_1p(excess));
    let fused = Lane::Fused as usize;
    let (mean, scale) = history.lane(fused, tenant.fleet(fused));
    let best = session.best.get(fused).copied().map_or(0.0, f64::from);
    let q = tenant.lane_surprise(Lane::Fused, class, (best - mean) / scale);
    // Shares are below 1, so the sum can be negative; the table of statistics starts at 0.
    strongest.max(q + Lane::Fused.ln_share()) + 4.0
}
