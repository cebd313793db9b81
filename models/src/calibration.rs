//! What is shared by all identities of a tenant: score tables, session ranks and peer groups, constant within an epoch.
//!
//! Scoring is a pure function of (identity state, snapshot, event). What is learned meanwhile gathers in [`Pending`] and
//! takes effect when the next snapshot is published.

mod groups;
mod lane;

use serde::{Deserialize, Serialize};

pub(crate) use lane::Lane;

use crate::estimator::histogram::{Bins, ScoreCounts, TailTable};
use crate::estimator::normal::Moments;
use crate::peers::{Clusters, EVERYONE, GroupModel, GroupNews, is_found};
use crate::sorted::SortedMap;

/// Score tables of events are kept apart by what the call does and by how much history its identity has.
pub(crate) const EVENT_CLASSES: usize = 4;
/// Sessions are ranked among sessions of identities of the same maturity.
pub(crate) const MATURITY_CLASSES: usize = 3;

/// The class of an event in a lane's tables. The joint score has one class: it weighs side effects itself, and young
/// identities are kept apart where whole sessions are ranked.
pub(crate) fn event_class(lane: Lane, side_effect: bool, sessions: u32) -> usize {
    if lane == Lane::Joint { 0 } else { usize::from(side_effect) + 2 * usize::from(sessions >= 10) }
}

/// The class of a session.
pub(crate) fn maturity_class(sessions: u32) -> usize {
    match sessions {
        0..10 => 0,
        10..50 => 1,
        _ => 2,
    }
}

/// One completed session, as far as later sessions are ranked among it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    pub class: u8,
    /// Raw lane maxima (for the fleet's mean and scale), standardised ones, and the fused statistic.
    pub raw: [f32; Lane::COUNT],
    pub standard: [f32; Lane::COUNT],
    pub statistic: f32,
}

/// What was learned since the last snapshot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pending {
    tenants: SortedMap<TenantPending>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TenantPending {
    pub name: Box<str>,
    /// Table and bin of every score of every event.
    pub scores: Vec<(u8, u8)>,
    pub sessions: Vec<SessionRecord>,
    /// Sessions that a verdict takes out of the ranks (`false`), or puts back.
    pub revised: Vec<(SessionRecord, bool)>,
    pub identity_days: u64,
    /// Alerts that were called false, less those of which that was taken back.
    pub false_alarms: i32,
    pub groups: SortedMap<GroupPending>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GroupPending {
    pub name: Box<str>,
    pub news: GroupNews,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.tenants.len() == 0
    }

    /// Takes in what came after it. What is learned from both is the same as if they had never been apart.
    pub(crate) fn append(&mut self, later: Pending) {
        for (fingerprint, mut news) in later.tenants.into_entries() {
            let tenant = self.tenant(fingerprint, &news.name);
            tenant.scores.append(&mut news.scores);
            tenant.sessions.append(&mut news.sessions);
            tenant.revised.append(&mut news.revised);
            tenant.identity_days += news.identity_days;
            tenant.false_alarms += news.false_alarms;
            for (fingerprint, group) in news.groups.into_entries() {
                tenant.group(fingerprint, || group.name.into()).append(group.news);
            }
        }
    }

    pub(crate) fn tenant(&mut self, fingerprint: u64, name: &str) -> &mut TenantPending {
        let tenant = self.tenants.entry(fingerprint);
        if tenant.name.is_empty() {
            tenant.name = name.into();
        }
        tenant
    }
}

impl TenantPending {
    /// Notes the scores of one event.
    pub(crate) fn note(&mut self, lanes: [Option<f64>; Lane::EVENT], side_effect: bool, sessions: u32) {
        self.scores.extend(Lane::ALL.into_iter().zip(lanes).filter_map(|(lane, score)| {
            let table = lane as usize * EVENT_CLASSES + event_class(lane, side_effect, sessions);
            Some((table as u8, Bins::EVENT.bin(score?) as u8))
        }));
    }

    pub(crate) fn group(&mut self, fingerprint: u64, name: impl FnOnce() -> String) -> &mut GroupNews {
        let group = self.groups.entry(fingerprint);
        if group.name.is_empty() {
            group.name = name().into();
        }
        &mut group.news
    }
}

/// The shared knowledge of all tenants under one version number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub version: u64,
    tenants: SortedMap<TenantModel>,
}

impl Snapshot {
    pub(crate) fn tenant(&self, fingerprint: u64) -> Option<&TenantModel> {
        self.tenants.find(fingerprint)
    }

    /// Past sessions that ranks are taken among, of all tenants and maturity classes.
    pub(crate) fn ranked_sessions(&self) -> u64 {
        let ranked = |tenant: &TenantModel| (0..MATURITY_CLASSES).map(|class| tenant.ranked_among(class)).sum::<f64>();
        self.tenants.iter().map(|(_, tenant)| ranked(tenant)).sum::<f64>() as u64
    }

    /// Takes in what was learned, in the given order; call [`Snapshot::publish`] afterwards.
    pub(crate) fn learn(&mut self, pending: &Pending) {
        for (fingerprint, news) in pending.tenants.iter() {
            self.tenants.entry(fingerprint).learn(news);
        }
    }

    /// Freezes the tables under the next version. `accepted`: false alerts by identity-day.
    pub(crate) fn publish(&mut self, accepted: f64) {
        self.version += 1;
        self.tenants.for_each(|tenant| {
            tenant.steer(accepted);
            tenant.rebuild();
        });
    }

    /// Weighs everything by `factor`.
    pub(crate) fn decay(&mut self, factor: f64) {
        self.tenants.for_each(|t| t.decay(factor));
    }
}

/// One tenant's shared knowledge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TenantModel {
    pub name: Box<str>,
    /// By lane, then class.
    score_counts: Vec<ScoreCounts>,
    score_tails: Vec<TailTable>,
    /// By maturity class, then lane; the last is the fused statistic.
    session_counts: Vec<ScoreCounts>,
    session_tails: Vec<TailTable>,
    fleet: [Moments; Lane::COUNT],
    sessions: f64,
    identity_days: f64,
    /// `ln` of the share of the budget that is spent, at most 0: lower after alerts that were called false.
    caution: f64,
    /// Sessions and false alarms since the last snapshot.
    steered: [f64; 2],
    groups: SortedMap<GroupModel>,
    nobody: GroupModel,
    /// How identities without a declared group were grouped last.
    pub clusters: Clusters,
}

impl Default for TenantModel {
    fn default() -> Self {
        let mut model = Self {
            name: Box::default(),
            score_counts: vec![ScoreCounts::new(Bins::EVENT); Lane::EVENT * EVENT_CLASSES],
            score_tails: Vec::new(),
            session_counts: (0..MATURITY_CLASSES)
                .flat_map(|_| {
                    let lanes = (0..Lane::COUNT).map(|_| ScoreCounts::new(Bins::LANE));
                    lanes.chain([ScoreCounts::new(Bins::SESSION)])
                })
                .collect(),
            session_tails: Vec::new(),
            fleet: [Moments::default(); Lane::COUNT],
            sessions: 0.0,
            identity_days: 0.0,
            caution: 0.0,
            steered: [0.0; 2],
            groups: SortedMap::default(),
            nobody: GroupModel::default(),
            clusters: Clusters::default(),
        };
        model.rebuild();
        model
    }
}

/// How far beyond the data a tail is extrapolated, in nats. Uncapped, the worst extrapolated lane decides everything; the
/// strongest event may go further, because its own tail is learned from events, of which there are many more. What a lane
/// claims too much costs power, not the promise: the statistic made of the lanes is ranked again.
const LANE_BEYOND: f64 = 2.0;
const PEAK_BEYOND: f64 = 8.0;
const SESSION_BEYOND: f64 = 4.0;
/// How much one alert that was called false lowers the logarithm of the level, and how far that goes.
const STEP: f64 = 0.2;
const MOST_CAUTIOUS: f64 = -8.0;
/// Sessions behind the fleet's mean and scale of a lane, at most.
const FLEET_SESSIONS: f64 = 2000.0;

impl TenantModel {
    fn learn(&mut self, news: &TenantPending) {
        self.name.clone_from(&news.name);
        for (table, bin) in &news.scores {
            if let Some(counts) = self.score_counts.get_mut(usize::from(*table)) {
                counts.push_bin(usize::from(*bin));
            }
        }
        for session in &news.sessions {
            self.learn_session(session);
        }
        for (session, back) in &news.revised {
            self.rank_among(session, *back);
        }
        self.identity_days += news.identity_days as f64;
        for (count, news) in self.steered.iter_mut().zip([news.sessions.len() as f64, f64::from(news.false_alarms)]) {
            *count += news;
        }
        // What groups found by behaviour learn, everybody learns: identities not grouped yet are judged by that.
        let everyone = self.groups.iter().find(|(_, group)| &*group.name == EVERYONE).map(|(key, _)| key);
        for (fingerprint, group) in news.groups.iter() {
            if let Some(everyone) = everyone.filter(|_| is_found(&group.name)) {
                self.groups.entry(everyone).learn(&group.news);
            }
            let model = self.groups.entry(fingerprint);
            model.name.clone_from(&group.name);
            model.learn(&group.news);
        }
    }

    /// Puts a session among those that others are ranked against, or takes it out.
    fn rank_among(&mut self, session: &SessionRecord, put: bool) {
        let class = usize::from(session.class) * (Lane::COUNT + 1);
        let lanes = session.standard.iter().map(|z| (Bins::LANE, *z)).chain([(Bins::SESSION, session.statistic)]);
        for (counts, (bins, value)) in self.session_counts.iter_mut().skip(class).zip(lanes) {
            if put {
                counts.push(bins, f64::from(value));
            } else {
                counts.retract(bins, f64::from(value));
            }
        }
    }

    fn learn_session(&mut self, session: &SessionRecord) {
        self.rank_among(session, true);
        for (fleet, raw) in self.fleet.iter_mut().zip(session.raw) {
            fleet.push(f64::from(raw));
            if fleet.n() > FLEET_SESSIONS {
                fleet.decay(0.5);
            }
        }
        self.sessions += 1.0;
    }

    fn rebuild(&mut self) {
        let lanes = Lane::ALL.into_iter().flat_map(|lane| [lane; EVENT_CLASSES]);
        let tails = self.score_counts.iter().zip(lanes);
        self.score_tails =
            tails.map(|(counts, lane)| counts.event_tail(Bins::EVENT, lane.nominal_scale(), lane.is_tied())).collect();
        let per_class = Lane::COUNT + 1;
        let tails = self.session_counts.iter().enumerate().map(|(i, counts)| {
            let (bins, beyond) = match i % per_class {
                Lane::COUNT => (Bins::SESSION, SESSION_BEYOND),
                lane if lane == Lane::Peak as usize => (Bins::LANE, PEAK_BEYOND),
                _ => (Bins::LANE, LANE_BEYOND),
            };
            counts.session_tail(bins, beyond)
        });
        self.session_tails = tails.collect();
    }

    /// Spends less of the budget after alerts that were called false, and slowly more again: adaptive conformal inference on
    /// the logarithm of the level (Gibbs, Candès, `NeurIPS` 2021, section 2; `model-notes`, section 8).
    ///
    /// ```text
    /// l = clamp(l + .2 (alpha sessions - false alarms), -8, 0)      level = alpha e^l
    /// ```
    /// Whatever the data, alerts that are called false are then at most `alpha sessions + 41`. It never spends more than was
    /// promised.
    fn steer(&mut self, accepted: f64) {
        let [sessions, false_alarms] = std::mem::take(&mut self.steered);
        let alpha = accepted / self.sessions_per_identity_day();
        self.caution = (self.caution + STEP * (alpha * sessions - false_alarms)).clamp(MOST_CAUTIOUS, 0.0);
    }

    /// Share of the budget that is spent, above 0 and at most 1.
    pub(crate) fn spent(&self) -> f64 {
        self.caution.exp()
    }

    fn decay(&mut self, factor: f64) {
        self.score_counts.iter_mut().chain(&mut self.session_counts).for_each(|c| c.decay(factor));
        self.sessions *= factor;
        self.identity_days *= factor;
        self.groups.for_each(|g| g.decay(factor));
    }

    /// `-ln p` of an event's score among past events of its class.
    pub(crate) fn event_surprise(&self, lane: Lane, side_effect: bool, sessions: u32, score: f64) -> f64 {
        let table = lane as usize * EVENT_CLASSES + event_class(lane, side_effect, sessions);
        self.score_tails.get(table).map_or(score, |t| t.surprise(Bins::EVENT, score))
    }

    /// `-ln p` of a session's standardised lane maximum among past sessions of its class.
    pub(crate) fn lane_surprise(&self, lane: Lane, class: usize, z: f64) -> f64 {
        self.session_table(class, lane as usize).map_or(0.0, |t| t.surprise(Bins::LANE, z))
    }

    /// `-ln p` of a session's fused statistic among past sessions of its class, extrapolated beyond them.
    pub(crate) fn session_surprise(&self, class: usize, statistic: f64) -> f64 {
        self.session_table(class, Lane::COUNT).map_or(0.0, |t| t.surprise(Bins::SESSION, statistic))
    }

    /// How many past sessions of a class there are.
    pub(crate) fn ranked_among(&self, class: usize) -> f64 {
        self.session_table(class, Lane::COUNT).map_or(0.0, TailTable::n)
    }

    fn session_table(&self, class: usize, lane: usize) -> Option<&TailTable> {
        self.session_tails.get(class * (Lane::COUNT + 1) + lane)
    }

    /// Mean and standard deviation of a lane's maximum over all sessions.
    pub(crate) fn fleet(&self, lane: usize) -> (f64, f64) {
        let moments = self.fleet.get(lane).copied().unwrap_or_default();
        (moments.mean().unwrap_or(0.0), moments.deviation().unwrap_or(1.0).max(0.1))
    }

    /// Sessions that an identity completes on a day on which it acts, at least 1.
    pub(crate) fn sessions_per_identity_day(&self) -> f64 {
        if self.identity_days < 1.0 { 1.0 } else { (self.sessions / self.identity_days).max(1.0) }
    }

    /// The peer group; an empty one if it is not known yet.
    pub(crate) fn group(&self, fingerprint: u64) -> &GroupModel {
        self.groups.find(fingerprint).unwrap_or(&self.nobody)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Baseline, Step};

    /// What a tenant knows in which every event scored so in every lane, but for a few that scored higher.
    fn learned(usual: f64, rare: f64) -> TenantModel {
        let mut news = TenantPending::default();
        (0..990).for_each(|_| news.note([Some(usual); Lane::EVENT], true, 50));
        (0..10).for_each(|_| news.note([Some(rare); Lane::EVENT], true, 50));
        let mut tenant = TenantModel::default();
        tenant.learn(&news);
        tenant.rebuild();
        tenant
    }

    #[test]
    fn what_a_checkpoint_cut_apart_is_learned_as_one() {
        let news = |calls: std::ops::Range<u64>| {
            let mut pending = Pending::default();
            for n in calls {
                let tenant = pending.tenant(1, "default");
                tenant.note([Some(n as f64 / 7.0); Lane::EVENT], n % 2 == 0, 50);
                tenant.identity_days += 1;
                let step = Step { tool: n % 3, ln_bytes: [(n as f32).sqrt(), 0.1 * n as f32], ..Step::default() };
                let group = tenant.group(10 + n % 4, || format!("behaviour {}", n % 4));
                Baseline::default().learn(&step, &[], group);
            }
            pending
        };
        let learned = |pending: &Pending| {
            let mut snapshot = Snapshot::default();
            snapshot.tenants.entry(1).groups.entry(99).name = EVERYONE.into();
            snapshot.learn(pending);
            snapshot
        };
        let mut cut = news(0..37);
        cut.append(news(37..100));
        assert_eq!(cut, news(0..100));
        assert_eq!(learned(&cut), learned(&news(0..100)));
    }

    #[test]
    fn false_alarms_lower_what_is_spent_and_honest_sessions_raise_it_again() {
        let mut tenant = TenantModel { sessions: 1000.0, identity_days: 100.0, ..TenantModel::default() };
        let mut steer = |sessions: f64, false_alarms: f64| {
            tenant.steered = [sessions, false_alarms];
            tenant.steer(0.005);
            tenant.spent()
        };
        // Ten sessions an identity-day: one session may be a false alarm with a chance of .0005.
        assert!((steer(0.0, 1.0) - (-0.2_f64).exp()).abs() < 1e-12);
        assert!((steer(1000.0, 0.0) - (-0.1_f64).exp()).abs() < 1e-12);
        assert!((steer(1e6, 0.0) - 1.0).abs() < 1e-12);
        assert!((steer(0.0, 1e6) - (-8.0_f64).exp()).abs() < 1e-12);
    }

    #[test]
    fn what_every_event_has_is_no_surprise_where_scores_follow_from_few_cases() {
        let tenant = learned(0.2, 6.0);
        let surprise = |lane| tenant.event_surprise(lane, true, 50, 0.2);
        for lane in [Lane::Schedule, Lane::Context, Lane::Delegation, Lane::Scope, Lane::Flow] {
            assert!(surprise(lane) < 1.0, "{lane:?}: {}", surprise(lane));
        }
        // Those that vary smoothly keep their order within a bin.
        for lane in [Lane::Tool, Lane::Chain, Lane::Volume, Lane::Rate, Lane::Joint] {
            assert!(surprise(lane) > tenant.event_surprise(lane, true, 50, 0.1), "{lane:?}");
        }
    }
}
