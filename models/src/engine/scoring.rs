//! From a step to p-values, from p-values to evidence, from evidence to the rank of the session.

use super::session::Session;
use super::state::History;
use crate::baseline::{Baseline, Setting, Step, TargetKeys, TargetScore, VolumeScore, score_start};
use crate::calibration::{Lane, TenantModel, maturity_class};
use crate::config::CheckedConfig;
use crate::dimension::{Dimension, DimensionValues};
use crate::estimator::exceedance::Exceedances;
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
    /// Surprise of the tool whatever the order, and after the tools before it.
    pub tool_nats: f64,
    pub order_nats: f64,
    /// How much more probable the tool is for a peer than for this identity, in nats.
    pub kin_nats: f64,
    /// `ln(8 + n)` of the calls of the running minute, and of the most on one target.
    pub minute: [f64; 2],
    /// Whether the call changes something and did not fail.
    pub side_effect: bool,
    /// `-ln p` of the event as a whole.
    score: f64,
}

impl Scores {
    /// `-ln p` of the event as a whole.
    pub(super) fn score(&self) -> f64 {
        self.score
    }

    /// The strongest lane at its share of the error level, so that the p-value holds whatever hangs together (weighted
    /// Bonferroni; Genovese, Roeder, Wasserman, Biometrika 93, 2006, section 2).
    ///
    /// The volume of a single read does not count here: that much was read is judged over the session.
    fn strongest(&self) -> f64 {
        let counted =
            Lane::ALL.into_iter().zip(self.nats).filter(|(lane, _)| self.side_effect || *lane != Lane::Volume);
        counted.filter_map(|(lane, nats)| Some(nats? + lane.ln_event_share()?)).fold(0.0, f64::max)
    }

    /// Leaves out what was done, and judges only how: an analyst expects the call.
    pub(super) fn forgive(&mut self) {
        for lane in [Lane::Tool, Lane::Target, Lane::Chain, Lane::Volume, Lane::Joint] {
            if let Some(nats) = self.nats.get_mut(lane as usize) {
                *nats = None;
            }
        }
        self.score = self.strongest();
    }

    /// `-ln p` by dimension.
    pub(super) fn dimensions(&self) -> DimensionValues<Option<f64>> {
        let mut values = [None; Dimension::COUNT];
        for (value, nats) in values.iter_mut().zip(self.nats) {
            *value = nats;
        }
        values
    }
}

/// Weight of a call that changes nothing, or failed, in the joint score.
const READ_WEIGHT: f64 = 0.2;
/// Weight of the target in the joint score: where a side effect goes says most.
const TARGET_WEIGHT: f64 = 3.0;

/// Largest surprise stated: p is never below 1e-12 (`model-notes`, section 6).
const MAX_NATS: f64 = 27.631_021;

/// What one step is scored against.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub baseline: &'a Baseline,
    pub session: &'a Session,
    pub step: &'a Step,
    pub targets: &'a [TargetKeys],
    /// Where the session comes from, if this event is the first to say so or says otherwise.
    pub setting: Option<&'a Setting>,
    pub minute: [f64; 2],
    pub sessions: u32,
    pub tenant: &'a TenantModel,
    pub group: &'a GroupModel,
    pub config: &'a CheckedConfig,
}

/// Scores one step: reads only.
pub(super) fn score(scene: &Scene<'_>) -> Scores {
    let Scene { baseline, step, group, .. } = *scene;
    let tool_nats = -baseline.tool_probability(step, group).max(1e-12).ln();
    let order_nats = -baseline.chain_probability(step, group, (-tool_nats).exp()).max(1e-12).ln();
    let kin_nats = group.tool_probability(step.tool).max(1e-12).ln() + tool_nats;
    let target = baseline.score_targets(step, scene.targets, group, |pair| scene.session.has_seen(pair));
    let volume = baseline.score_volume(step, group);
    let mut scores = Scores {
        raw: [None; Lane::EVENT],
        nats: [None; Lane::EVENT],
        target,
        volume,
        tool_nats,
        order_nats,
        kin_nats,
        minute: scene.minute,
        side_effect: step.side_effect,
        score: 0.0,
    };
    let raw = Dimension::ALL.map(|d| if scene.config.judges(d) { dimension(scene, &scores, d) } else { None });
    let joint = joint(scene, &scores, &raw);
    for ((slot, nats), (lane, raw)) in
        scores.raw.iter_mut().zip(&mut scores.nats).zip(Lane::ALL.into_iter().zip(raw.into_iter().chain([joint])))
    {
        *slot = raw;
        *nats = raw.map(|raw| scene.tenant.event_surprise(lane, step.side_effect, scene.sessions, raw).min(MAX_NATS));
    }
    scores.score = scores.strongest();
    scores
}

/// The raw score of one dimension, in nats; `None` where the event says nothing about it.
fn dimension(scene: &Scene<'_>, scores: &Scores, dimension: Dimension) -> Option<f64> {
    let Scene { baseline, step, group, setting, .. } = *scene;
    match dimension {
        Dimension::Tool => Some(scores.tool_nats),
        Dimension::Target => scores.target.map(|t| t.nats),
        // Judged against "the same tools, order ignored": that the tool is rare, the tool lane has said.
        Dimension::Chain => Some((scores.order_nats - scores.tool_nats + 1.0).max(0.0)),
        Dimension::Volume => scores.volume.map(|v| v.nats),
        Dimension::Rate => Some(baseline.rate.score(step, scores.minute, &group.rate)),
        Dimension::Schedule => Some(score_start(&baseline.hours, &group.hours, setting?.start()?)),
        Dimension::Context => {
            let setting = setting?;
            baseline.context.score(setting.context, setting.start.is_none(), setting.credential_shared, &group.context)
        }
        Dimension::Delegation => {
            let keys = setting?.delegation;
            baseline.delegation.score(keys, baseline.knows_person(keys), &group.delegation)
        }
        Dimension::Scope => baseline.scope.score(step, baseline.uncovered_before(step.tool), &group.scope),
        Dimension::Flow => baseline.flow.score(step, &group.flow),
    }
}

/// The joint score of one call, in nats.
///
/// ```text
/// w ((tool + order)/2 + 3 target)       w = 1 for a side effect, .2 for a read or a failed call
/// ```
/// `tool` and `order` are `-ln P` of the same tool without and with the tools before it: their mean is the surprise under
/// the geometric mean of the two models, so that neither a sparse chain nor a flat one decides alone. `target` includes
/// where the target came from. The law of the sum is learned, not assumed, so dependence between the parts costs nothing.
fn joint(scene: &Scene<'_>, scores: &Scores, raw: &DimensionValues<Option<f64>>) -> Option<f64> {
    let told = |d: Dimension| raw.get(d as usize).copied().flatten().is_some();
    let call = match (told(Dimension::Tool), told(Dimension::Chain)) {
        (true, true) => f64::midpoint(scores.tool_nats, scores.order_nats),
        (true, false) => scores.tool_nats,
        (false, true) => scores.order_nats,
        (false, false) => 0.0,
    };
    let whereto = scores.target.filter(|_| told(Dimension::Target)).map_or(0.0, |t| t.nats + t.origin_nats);
    let any = [Dimension::Tool, Dimension::Chain, Dimension::Target].into_iter().any(told);
    let weight = if scene.step.side_effect { 1.0 } else { READ_WEIGHT };
    any.then_some(weight * (call + TARGET_WEIGHT * whereto))
}

/// Adds an event's scores to the evidence of its session. Quiet events leave every maximum where it was, and then the rank
/// needs no second look.
pub(super) fn gather(
    session: &mut Session,
    scores: &Scores,
    history: &History,
    habits: &Exceedances,
    tenant: &TenantModel,
) {
    let mut grown = session.accumulate(scores);
    if let Some(level) = level(session, history) {
        grown |= session.raise(Lane::Level, level);
    }
    if let Some(mean) = mean_surprise(session, history) {
        grown |= session.raise(Lane::Mean, mean);
    }
    if grown {
        let statistic = session_statistic(session, history, tenant) as f32;
        session.statistic = session.statistic.max(statistic);
        let rank = tenant.session_surprise(maturity_class(history.sessions), f64::from(session.statistic));
        session.rank = session.rank.max(rank as f32);
        // An identity that is often strange is not stranger for it; one that never is gains nothing.
        session.evidence = session.evidence.max(habits.corrected(rank).min(rank) as f32);
    }
}

/// Surprise of the bytes summed over the session so far, against the identity's own past sessions. Totals only grow, so
/// the p-value may be read at any event.
fn level(session: &Session, history: &History) -> Option<f64> {
    let mean = history.totals.mean()?;
    let prior = Prior { mean, k: 0.5, a: 1.5, b: 1.5 };
    Some(history.totals.residual((1.0 + session.bytes).ln(), prior).surprise())
}

/// Surprise of the mean surprise so far, against the identity's own past sessions of the same length: many calls in an
/// order that is a little unusual each.
fn mean_surprise(session: &Session, history: &History) -> Option<f64> {
    let reached = session.means.iter().zip(&history.means).rev().find_map(|(mean, own)| Some(((*mean)?, own)))?;
    let (mean, own) = reached;
    let prior = Prior { mean: own.mean()?, k: 0.5, a: 1.5, b: 0.15 };
    Some(own.residual(f64::from(mean), prior).surprise())
}

/// Lane maxima standardised by the identity's own past, shrunk towards the fleet: comparable between quiet and wild
/// identities (`model-notes`, section 7.2).
pub(super) fn standardised(session: &Session, history: &History, tenant: &TenantModel) -> [f64; Lane::COUNT] {
    let mut z = [0.0; Lane::COUNT];
    for ((z, best), lane) in z.iter_mut().zip(session.best).zip(Lane::ALL) {
        *z = comparable(lane, f64::from(best), history, tenant);
    }
    z
}

/// One lane's maximum as it is ranked among those of other sessions.
fn comparable(lane: Lane, best: f64, history: &History, tenant: &TenantModel) -> f64 {
    if !lane.is_standardised() {
        return best;
    }
    let (mean, scale) = history.lane(lane as usize, tenant.fleet(lane as usize));
    (best - mean) / scale
}

/// The session's statistic: the strongest lane, each against its own past and at its share of the error level
/// (`model-notes`, section 7.3 to 7.5). Also raises the fusion lane.
fn session_statistic(session: &mut Session, history: &History, tenant: &TenantModel) -> f64 {
    let class = maturity_class(history.sessions);
    let z = standardised(session, history, tenant);
    let (mut strongest, mut excess) = (f64::NEG_INFINITY, 0.0);
    for (lane, z) in Lane::ALL.into_iter().zip(z).filter(|(lane, _)| *lane != Lane::Fused) {
        let q = tenant.lane_surprise(lane, class, z);
        excess += (q - 1.0).max(0.0);
        strongest = f64::max(strongest, q + lane.ln_share());
    }
    session.raise(Lane::Fused, 3.0 * f64::ln_1p(excess));
    let best = session.best.get(Lane::Fused as usize).copied().map_or(0.0, f64::from);
    let q = tenant.lane_surprise(Lane::Fused, class, comparable(Lane::Fused, best, history, tenant));
    // Shares are below 1, so the sum can be negative; the table of statistics starts at 0.
    strongest.max(q + Lane::Fused.ln_share()) + 6.0
}
