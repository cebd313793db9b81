//! From a step to p-values, from p-values to evidence, from evidence to the rank of the session.

use super::session::Session;
use super::state::History;
use crate::baseline::{Baseline, Step, TargetKeys, TargetScore, VolumeScore};
use crate::calibration::{Lane, TenantModel, event_class, maturity_class};
use crate::dimension::DimensionValues;
use crate::estimator::calibrator::e_value;
use crate::estimator::normal::Prior;
use crate::peers::GroupModel;

/// Raw scores of one event in nats, before calibration, with what explanations need.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawScores {
    pub lanes: [Option<f64>; Lane::EVENT],
    pub target: Option<TargetScore>,
    pub volume: Option<VolumeScore>,
    /// Probability of the tool whatever the order, and after the tools before it.
    pub tool_probability: f64,
    pub chain_probability: f64,
}

/// Calibrated scores of one event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scores {
    pub raw: RawScores,
    pub class: usize,
    /// `-ln p` for each event lane.
    pub nats: [Option<f64>; Lane::EVENT],
    /// What is ranked among events: see [`fused`].
    pub statistic: f64,
    /// `-ln p` of the event as a whole.
    pub score: f64,
}

impl Scores {
    /// `-ln p` by dimension.
    pub(super) fn dimensions(&self) -> DimensionValues<Option<f64>> {
        let [tool, target, chain, volume, _] = self.nats;
        [tool, target, chain, volume]
    }
}

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
    // The chain is judged against "the same tools, order ignored": that the tool is rare, the tool lane has said.
    let chain = (tool_probability / chain_probability).ln() + 1.0;
    let joint = step.side_effect.then(|| -chain_probability.ln() + target.map_or(0.0, |t| t.nats));
    let lanes = [
        Some(-tool_probability.ln()),
        target.map(|t| t.nats),
        Some(chain.max(0.0)),
        volume.map(|v| v.nats),
        joint,
    ];
    let raw = RawScores { lanes, target, volume, tool_probability, chain_probability };
    let class = event_class(step.side_effect, sessions);
    let mut nats = [None; Lane::EVENT];
    for ((nats, lane), score) in nats.iter_mut().zip(Lane::ALL).zip(lanes) {
        *nats = score.map(|s| tenant.event_surprise(lane, class, s));
    }
    let statistic = fused(&nats);
    Scores { raw, class, nats, statistic, score: tenant.fused_surprise(class, statistic) }
}

/// A truncated Fisher sum: what each lane finds beyond one nat. Its law is learned, not assumed, so dependence between
/// lanes costs nothing.
fn fused(nats: &[Option<f64>; Lane::EVENT]) -> f64 {
    nats.iter().flatten().map(|n| (n - 1.0).max(0.0)).sum()
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
