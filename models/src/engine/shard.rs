//! A shard owns its identities: each event of one identity is handled here, in order, without locks.

use std::time::Duration;

use super::explain::{Explainer, Notable, contributions, summary};
use super::names::Names;
use super::scoring::{self, Scores};
use super::session::{BLOCK_EVENTS, Session, session_key};
use super::state::{Episode, History, ID_SLOTS, IdentityState, LIVE_SESSIONS, WAITING_SESSIONS, Waiting};
use super::{MODEL_VERSION, Output, Phase};
use crate::alert::{Alert, AlertId, AlertKind, CredentialRef, Severity};
use crate::assessment::{Assessment, Decision, Outcome};
use crate::baseline::{Baseline, Step, TargetKeys};
use crate::calibration::{Lane, Pending, SessionRecord, Snapshot, TenantModel, maturity_class};
use crate::config::CheckedConfig;
use crate::decision::Verdict;
use crate::dimension::Dimension;
use crate::estimator::calibrator::e_value;
use crate::estimator::recent::RecentSet;
use crate::event::{Action, ActionOutcome, Event, Timestamp};
use crate::fingerprint::{FingerprintMap, Fingerprinter, Kind, mix};
use crate::peers::group_of;

/// Score (nats) from which an event is kept for an alert that may come: one in twenty.
const NOTABLE_NATS: f64 = 3.0;
/// Session evidence (nats) from which a lesson waits: p < .05, and from which only a verdict admits it: p < .001.
const WAIT_NATS: f64 = 2.996;
const VERDICT_NATS: f64 = 6.908;
/// How long a lesson waits before time clears it.
const CLEARED_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Sessions that ranks are taken among before they may keep anything from being learned.
const GATE_RANKS: f64 = 200.0;
/// Events after which a calm long session teaches what it has so far, within a block.
const LESSON_EVENTS: usize = 64;
/// Share of the budget spent on single sessions; the rest goes to evidence across sessions.
const SINGLE: f64 = 0.7;

/// What a shard needs to know of the world; constant while it handles an event.
pub(super) struct World<'a> {
    pub config: &'a CheckedConfig,
    pub fingerprinter: &'a Fingerprinter,
    pub snapshot: &'a Snapshot,
    pub nobody: &'a TenantModel,
}

/// What a shard found out about one event.
pub(super) struct Assessed {
    pub assessment: Assessment,
    /// Where the identity is, if an episode is open and this event belongs to it.
    pub alarm: Option<Alarm>,
    /// Whether the identity had not acted before on this day.
    pub first_of_day: bool,
}

/// An event of an open episode.
pub(super) struct Alarm {
    pub index: usize,
    /// Whether it opened the episode.
    pub opened: bool,
    /// Whether the evidence passes the revocation budget, and the session is beyond all past ones.
    pub revocable: bool,
    pub mature: bool,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub state: Box<IdentityState>,
    dirty: bool,
    listed: bool,
}

/// The identities of one shard, and what they have learned since the last snapshot.
#[derive(Debug, Default)]
pub(super) struct Shard {
    index: FingerprintMap<u32>,
    pub slots: Vec<Slot>,
    /// Identities with live sessions, open episodes or waiting lessons.
    active: Vec<u32>,
    dirty: Vec<u32>,
    pub names: Names,
    pub pending: Pending,
}

impl Shard {
    pub(super) fn find(&self, fingerprint: u64) -> Option<&Slot> {
        self.slots.get(*self.index.get(&fingerprint)? as usize)
    }

    pub(super) fn insert(&mut self, state: Box<IdentityState>) -> usize {
        let at = self.slots.len();
        self.index.insert(state.fingerprint, at as u32);
        let active = !state.live.is_empty() || state.episode.is_some() || !state.waiting.is_empty();
        self.slots.push(Slot { state, dirty: false, listed: active });
        if active {
            self.active.push(at as u32);
        }
        at
    }

    fn open(&mut self, world: &World<'_>, fingerprint: u64, event: &Event, time: Timestamp) -> usize {
        if let Some(at) = self.index.get(&fingerprint) {
            return *at as usize;
        }
        let f = world.fingerprinter;
        self.insert(Box::new(IdentityState {
            fingerprint,
            identity: event.identity.clone(),
            tenant: event.tenant.clone(),
            tenant_fingerprint: f.of(Kind::Tenant, &[&event.tenant]),
            group: f.of(Kind::Group, &[&event.tenant, group_of(&event.identity)]),
            first_seen: time,
            last_seen: time,
            decayed: time,
            day: i64::MIN,
            events: 0,
            baseline: Baseline::default(),
            history: History::default(),
            ids: RecentSet::new(),
            across: [0.0; 2],
            live: Vec::new(),
            waiting: Vec::new(),
            episode: None,
        }))
    }

    fn touch(&mut self, at: usize) {
        if let Some(slot) = self.slots.get_mut(at) {
            if !slot.dirty {
                slot.dirty = true;
                self.dirty.push(at as u32);
            }
            if !slot.listed {
                slot.listed = true;
                self.active.push(at as u32);
            }
        }
    }

    /// The identities changed since the last call, in the order in which they first changed.
    pub(super) fn take_dirty(&mut self) -> Vec<u32> {
        for at in &self.dirty {
            if let Some(slot) = self.slots.get_mut(*at as usize) {
                slot.dirty = false;
            }
        }
        std::mem::take(&mut self.dirty)
    }

    /// Handles one event of one of its identities.
    pub(super) fn assess(
        &mut self,
        world: &World<'_>,
        fingerprint: u64,
        event: &Event,
        time: Timestamp,
        phase: Phase,
        out: &mut Vec<Output>,
    ) -> Assessed {
        let at = self.open(world, fingerprint, event, time);
        let lateness = world.config.settings().lateness.0;
        let id = world.fingerprinter.of(Kind::EventId, &[&event.id]);
        let Some(slot) = self.slots.get_mut(at) else { return unscored(Outcome::Late, event) };
        let state = &mut *slot.state;
        if time < state.last_seen.saturating_sub(lateness) {
            return unscored(Outcome::Late, event);
        }
        if !state.ids.push(id, ID_SLOTS) {
            return unscored(Outcome::Duplicate, event);
        }
        self.touch(at);
        let Self { slots, names, pending, .. } = self;
        let Some(slot) = slots.get_mut(at) else { return unscored(Outcome::Late, event) };
        let mut identity = Handling { world, names, pending, state: &mut slot.state };
        identity.complete_idle(time, out);
        identity.event(event, time, phase, at)
    }

    /// Completes what has been idle: sessions, episodes, lessons cleared by time. `all` completes every session.
    pub(super) fn sweep(&mut self, world: &World<'_>, now: Timestamp, all: bool, out: &mut Vec<Output>) {
        let active = std::mem::take(&mut self.active);
        for at in active {
            let Self { slots, names, pending, .. } = self;
            let Some(slot) = slots.get_mut(at as usize) else { continue };
            let mut identity = Handling { world, names, pending, state: &mut slot.state };
            let changed = if all { identity.complete_all(out) } else { identity.complete_idle(now, out) };
            let state = &slot.state;
            slot.listed = !state.live.is_empty() || state.episode.is_some() || !state.waiting.is_empty();
            if slot.listed {
                self.active.push(at);
            }
            if changed && !slot.dirty {
                slot.dirty = true;
                self.dirty.push(at);
            }
        }
    }

    /// Applies a verdict: what waited for it is learned or forgotten.
    pub(super) fn settle(&mut self, world: &World<'_>, fingerprint: u64, alert: &AlertId, verdict: Verdict) {
        let Some(at) = self.index.get(&fingerprint).map(|at| *at as usize) else { return };
        self.touch(at);
        let Self { slots, names, pending, .. } = self;
        let Some(slot) = slots.get_mut(at) else { return };
        Handling { world, names, pending, state: &mut slot.state }.settle(alert, verdict);
    }
}

fn unscored(outcome: Outcome, event: &Event) -> Assessed {
    Assessed {
        assessment: Assessment {
            outcome,
            session: event.session.clone().unwrap_or_default(),
            score: 0.0,
            p: 1.0,
            dimensions: [None; Dimension::COUNT],
            evidence: 0.0,
            history_sessions: 0,
            decision: Decision::None,
            alert: None,
            learned: false,
        },
        alarm: None,
        first_of_day: false,
    }
}

/// One identity with everything that handling it needs.
struct Handling<'a> {
    world: &'a World<'a>,
    names: &'a mut Names,
    pending: &'a mut Pending,
    state: &'a mut IdentityState,
}

impl Handling<'_> {
    fn tenant(&self) -> &TenantModel {
        self.world.snapshot.tenant(self.state.tenant_fingerprint).unwrap_or(self.world.nobody)
    }

    fn event(&mut self, event: &Event, time: Timestamp, phase: Phase, index: usize) -> Assessed {
        let at = self.session(event, time);
        let world = self.world;
        let tenant = world.snapshot.tenant(self.state.tenant_fingerprint).unwrap_or(world.nobody);
        let group = tenant.group(self.state.group);
        let action = self.action(event);
        let (step, targets) = self.step(event, action, at);

        let state = &mut *self.state;
        let sessions = state.history.sessions;
        let Some(session) = state.live.get_mut(at) else { return unscored(Outcome::Late, event) };
        session.last = session.last.max(time);
        session.phase = phase;
        let scores = scoring::score(&state.baseline, session, &step, &targets, sessions, tenant, group);

        // Evidence: quiet events leave every maximum where it was, and then the rank needs no second look.
        let mut grown = session.accumulate(scoring::e_values(&scores));
        session.bytes += event.bytes_in.unwrap_or(0) as f64 + event.bytes_out.unwrap_or(0) as f64;
        if let Some(level) = scoring::level(session, &state.history) {
            grown |= session.raise(Lane::Level, level);
        }
        if grown {
            let statistic = scoring::session_statistic(session, &state.history, tenant) as f32;
            session.statistic = session.statistic.max(statistic);
            let class = maturity_class(sessions);
            let evidence = tenant.session_surprise(class, f64::from(session.statistic)) as f32;
            session.evidence = session.evidence.max(evidence);
        }
        let evidence = f64::from(session.evidence);

        let budget = world.config.settings().budget;
        let per_session = 1.0 / tenant.sessions_per_identity_day();
        let alert_level = budget.false_alerts_per_1000_identity_days / 1e3 * per_session;
        let revoke_level = budget.false_revocations_per_million_identity_days / 1e6 * per_session;
        let [across_alert, across_revoke] = state.across;
        let crosses = |level: f64, across: f64| {
            evidence >= -(SINGLE * level).min(1.0).ln()
                || (across + (1.0 - SINGLE) * level) * e_value(evidence) >= 1.0
        };
        let alarms = phase != Phase::Warmup && (session.alarmed || crosses(alert_level, across_alert));
        let ranked_among = tenant.ranked_among(maturity_class(sessions));
        let mature = sessions >= world.config.settings().mature_sessions && ranked_among >= GATE_RANKS;
        let revocable = alarms && crosses(revoke_level, across_revoke) && evidence >= (ranked_among + 1.0).ln();

        let culprit = alarms && (!session.alarmed || scores.score >= NOTABLE_NATS);
        if culprit || (scores.score >= NOTABLE_NATS && session.would_keep(scores.score)) {
            let explainer = Explainer {
                event,
                action,
                step: &step,
                scores: &scores,
                baseline: &state.baseline,
                group,
                names: self.names,
            };
            session.keep(explainer.notable(time));
        }
        let opened_now = alarms && !session.alarmed;
        session.alarmed |= alarms;
        session.push(step, &targets);
        session.events += 1;
        session.block += 1;
        let session_name = session.name.clone();
        let learned = !session.alarmed && evidence < WAIT_NATS;

        let day = time.as_seconds().div_euclid(86_400);
        let first_of_day = day > state.day;
        state.day = state.day.max(day);
        if phase != Phase::Frozen {
            let pending = self.pending.tenant(state.tenant_fingerprint, &state.tenant);
            pending.note(scores.class, scores.raw.lanes, scores.statistic);
            pending.identity_days += u64::from(first_of_day);
        }
        state.events += 1;
        state.last_seen = state.last_seen.max(time);
        let mut alert = None;
        let mut alarm = None;
        if alarms {
            let opened = self.extend_episode(at, event, time, &scores, opened_now, ranked_among);
            alert = self.state.episode.as_ref().map(|e| e.alert.id.clone());
            alarm = Some(Alarm { index, opened, revocable, mature });
        }
        self.cut_long(at);
        let assessment = Assessment {
            outcome: Outcome::Scored,
            session: session_name,
            score: scores.score,
            p: (-scores.score).exp(),
            dimensions: scores.dimensions(),
            evidence,
            history_sessions: sessions,
            decision: Decision::None,
            alert,
            learned,
        };
        Assessed { assessment, alarm, first_of_day }
    }

    /// The live session of the event; started if need be.
    fn session(&mut self, event: &Event, time: Timestamp) -> usize {
        let state = &mut *self.state;
        let unnamed = self.world.fingerprinter.of(Kind::Session, &[]);
        let named = event.session.as_deref().map(|s| self.world.fingerprinter.of(Kind::Session, &[s]));
        let key = session_key(state.fingerprint, named.unwrap_or(unnamed));
        if let Some(at) = state.live.iter().position(|s| s.key == key) {
            return at;
        }
        if state.live.len() >= LIVE_SESSIONS {
            let oldest = state.live.iter().enumerate().min_by_key(|(i, s)| (s.last, *i)).map_or(0, |(i, _)| i);
            let session = state.live.remove(oldest);
            self.complete(session);
        }
        let name = event.session.clone().unwrap_or_else(|| format!("@{time}").into());
        if self.state.live.capacity() == 0 {
            self.state.live.reserve_exact(1);
        }
        self.state.live.push(Session::new(key, name, time));
        self.state.live.len() - 1
    }

    fn action(&self, event: &Event) -> Action {
        event.action.unwrap_or_else(|| {
            let catalogue = &self.world.config.settings().tools;
            let full = event.server.as_deref().map(|server| format!("{server}/{}", event.tool));
            full.and_then(|name| catalogue.get(&name)).or_else(|| catalogue.get(&*event.tool)).copied().unwrap_or(Action::Execute)
        })
    }

    fn step(&mut self, event: &Event, action: Action, at: usize) -> (Step, Vec<TargetKeys>) {
        let f = self.world.fingerprinter;
        let tool = f.of(Kind::Tool, &[event.server.as_deref().unwrap_or(""), &event.tool, action.as_str()]);
        self.names.learn(tool, event.server.as_deref(), &event.tool, action);
        let targets: Vec<TargetKeys> = event.targets.iter().map(|t| TargetKeys::of(f, t)).collect();
        let ln = |bytes: Option<u64>| bytes.map_or(-1.0, |b| (b as f64).ln_1p() as f32);
        let step = Step {
            tool,
            task: event.task.as_deref().map_or(0, |t| f.of(Kind::Task, &[t])),
            previous: self.state.live.get(at).map_or([Step::START; 2], |s| s.previous),
            ln_bytes: [ln(event.bytes_in), ln(event.bytes_out)],
            targets: (0, 0),
            side_effect: action.is_side_effect() && event.outcome == ActionOutcome::Success,
        };
        (step, targets)
    }

    /// Opens the episode or adds the event to it. Returns whether it was opened.
    fn extend_episode(
        &mut self,
        at: usize,
        event: &Event,
        time: Timestamp,
        scores: &Scores,
        first_of_session: bool,
        ranked_among: f64,
    ) -> bool {
        let opened = self.state.episode.is_none();
        if opened {
            let alert = self.new_alert(at, event, time, ranked_among);
            self.state.episode = Some(Box::new(Episode { alert, sessions: Vec::new() }));
        }
        let state = &mut *self.state;
        let (Some(episode), Some(session)) = (&mut state.episode, state.live.get(at)) else { return opened };
        if !episode.sessions.contains(&session.key) && episode.sessions.len() < LIVE_SESSIONS {
            episode.sessions.push(session.key);
        }
        let alert = &mut episode.alert;
        alert.updated = alert.updated.max(time);
        alert.event_count += 1;
        alert.evidence = alert.evidence.max(f64::from(session.evidence));
        let side_effect = session.notable.iter().any(|n| n.event.action.is_side_effect());
        let beyond = f64::from(session.evidence) >= (ranked_among + 1.0).ln();
        let severity = match (side_effect, beyond) {
            (true, true) => Severity::High,
            (true, false) => Severity::Medium,
            (false, _) => Severity::Low,
        };
        alert.severity = alert.severity.max(severity);
        let notes = [event.approval.as_ref().map(|a| &a.id), event.break_glass.as_ref().map(|b| &b.id)];
        for note in notes.into_iter().flatten() {
            if !alert.approvals.contains(note) && alert.approvals.len() < Alert::MAX_EVENTS {
                alert.approvals.push(note.clone());
            }
        }
        if event.credential.is_some() {
            alert.credential = credential(event);
        }
        if first_of_session || scores.score >= NOTABLE_NATS {
            merge_events(alert, &session.notable);
            if opened || f64::from(session.evidence) >= alert.evidence {
                alert.contributions = contributions(&session.notable);
                alert.summary = summary(&alert.contributions);
                alert.tags = tags(&alert.contributions, &session.notable);
            }
        }
        opened
    }

    fn new_alert(&self, at: usize, event: &Event, time: Timestamp, ranked_among: f64) -> Alert {
        let state = &*self.state;
        let session = state.live.get(at);
        let evidence = session.map_or(0.0, |s| f64::from(s.evidence));
        let id = self.world.fingerprinter.hex(Kind::Alert, &[&state.tenant, &state.identity, &event.id]);
        Alert {
            id: AlertId(format!("alt_{id}").into()),
            kind: AlertKind::ScopeDrift,
            tenant: state.tenant.clone(),
            identity: state.identity.clone(),
            session: session.map(|s| s.name.clone()).unwrap_or_default(),
            task: event.task.clone(),
            opened: time,
            updated: time,
            closed: false,
            severity: Severity::Low,
            score: evidence,
            p: (-evidence).exp(),
            ranked_among: ranked_among as u64,
            evidence,
            history_sessions: state.history.sessions,
            summary: String::new(),
            contributions: Vec::new(),
            events: Vec::new(),
            event_count: 0,
            credential: credential(event),
            decision: Decision::Alert,
            withheld: None,
            revocation: None,
            tags: Vec::new(),
            approvals: Vec::new(),
            model_version: MODEL_VERSION.into(),
            config_version: self.world.config.version().into(),
        }
    }

    /// Cuts a long session into blocks, and lets a calm one teach on the way.
    fn cut_long(&mut self, at: usize) {
        let Some(session) = self.state.live.get_mut(at) else { return };
        if session.block >= BLOCK_EVENTS {
            let done = session.clone();
            session.next_block();
            self.complete(done);
        } else if session.lesson_len() >= LESSON_EVENTS && !session.alarmed && f64::from(session.evidence) < WAIT_NATS {
            let lesson = session.take_lesson();
            if session.phase != Phase::Frozen {
                self.teach(&lesson);
            }
        }
    }

    fn complete_idle(&mut self, now: Timestamp, out: &mut Vec<Output>) -> bool {
        let before = now.saturating_sub(self.world.config.settings().session_gap.0);
        let mut changed = false;
        while let Some(at) = self.state.live.iter().position(|s| s.last < before) {
            let session = self.state.live.remove(at);
            self.complete(session);
            changed = true;
        }
        changed |= self.close_episode(before, out);
        changed | self.clear_waiting(now)
    }

    fn complete_all(&mut self, out: &mut Vec<Output>) -> bool {
        let sessions = std::mem::take(&mut self.state.live);
        let changed = !sessions.is_empty();
        for session in sessions {
            self.complete(session);
        }
        changed | self.close_episode(Timestamp::MAX, out)
    }

    fn close_episode(&mut self, before: Timestamp, out: &mut Vec<Output>) -> bool {
        let state = &mut *self.state;
        let live = |episode: &Episode| state.live.iter().any(|s| s.alarmed && episode.sessions.contains(&s.key));
        if state.episode.as_ref().is_none_or(|e| live(e) || e.alert.updated >= before) {
            return false;
        }
        if let Some(mut episode) = state.episode.take() {
            episode.alert.closed = true;
            out.push(Output::Alert(Box::new(episode.alert)));
        }
        true
    }

    /// Ranks the session among past ones and decides what is learned from it.
    fn complete(&mut self, mut session: Session) {
        if session.phase == Phase::Frozen || session.block == 0 {
            return;
        }
        let tenant = self.tenant();
        let record = SessionRecord {
            class: maturity_class(self.state.history.sessions) as u8,
            raw: session.best,
            standard: scoring::standardised(&session, &self.state.history, tenant).map(|z| z as f32),
            statistic: session.statistic,
        };
        let ranked = tenant.ranked_among(usize::from(record.class)) >= GATE_RANKS;
        let evidence = f64::from(session.evidence);
        let budget = self.world.config.settings().budget;
        let per_session = (1.0 - SINGLE) / tenant.sessions_per_identity_day();
        let injected = [
            budget.false_alerts_per_1000_identity_days / 1e3 * per_session,
            budget.false_revocations_per_million_identity_days / 1e6 * per_session,
        ];
        // The budget theorem (model-notes, section 6): what is injected bounds the expected number of alarms; an alarm
        // resets. The two tiers accumulate apart.
        for (across, injected) in self.state.across.iter_mut().zip(injected) {
            *across = if session.alarmed { 0.0 } else { ((*across + injected) * e_value(evidence)).min(1.0) };
        }
        // Calibration learns from every session, alarmed ones too: else the threshold would ratchet down.
        self.pending.tenant(self.state.tenant_fingerprint, &self.state.tenant).sessions.push(record);
        self.state.history.learn(&record, session.bytes);
        self.decay(session.last);
        let lesson = session.take_lesson();
        if session.phase == Phase::Warmup || (!session.alarmed && (!ranked || evidence < WAIT_NATS)) {
            self.teach(&lesson);
            return;
        }
        let only_verdict = session.alarmed || evidence >= VERDICT_NATS;
        let alert = self.state.episode.as_ref().filter(|_| session.alarmed).map(|e| e.alert.id.clone());
        if self.state.waiting.len() >= WAITING_SESSIONS {
            self.state.waiting.remove(0);
        }
        self.state.waiting.push(Waiting { since: session.last, alert, only_verdict, lesson });
    }

    /// Lessons that were odd, but not odd enough for a verdict, are learned once a day has passed without an alarm.
    fn clear_waiting(&mut self, now: Timestamp) -> bool {
        if self.state.episode.is_some() {
            return false;
        }
        let before = now.saturating_sub(CLEARED_AFTER);
        let cleared = |w: &Waiting| !w.only_verdict && w.since < before;
        let mut changed = false;
        while let Some(at) = self.state.waiting.iter().position(cleared) {
            let waiting = self.state.waiting.remove(at);
            self.teach(&waiting.lesson);
            changed = true;
        }
        changed
    }

    fn settle(&mut self, alert: &AlertId, verdict: Verdict) {
        while let Some(at) = self.state.waiting.iter().position(|w| w.alert.as_ref() == Some(alert)) {
            let waiting = self.state.waiting.remove(at);
            if verdict != Verdict::True {
                self.teach(&waiting.lesson);
            }
        }
        // The episode may still run: its sessions then complete under the verdict.
        let state = &mut *self.state;
        let open = state.episode.as_ref().is_some_and(|e| e.alert.id == *alert);
        if open && verdict != Verdict::True {
            for session in &mut state.live {
                session.alarmed = false;
                session.evidence = 0.0;
                session.statistic = 0.0;
                session.best = [0.0; Lane::COUNT];
            }
        }
    }

    fn teach(&mut self, lesson: &super::session::Lesson) {
        let state = &mut *self.state;
        let tenant = self.pending.tenant(state.tenant_fingerprint, &state.tenant);
        let news = tenant.group(state.group, group_of(&state.identity));
        for (step, targets) in lesson.iter() {
            state.baseline.learn(step, targets, news);
        }
    }

    /// Forgets with the configured half-life: eagerly, but only when an eighth of it has passed.
    fn decay(&mut self, now: Timestamp) {
        let half_life = self.world.config.settings().half_life.0.as_secs_f64();
        let passed = now.seconds_since(self.state.decayed);
        if passed > half_life / 8.0 {
            self.state.baseline.decay((-passed / half_life).exp2());
            self.state.decayed = now;
        }
    }
}

fn credential(event: &Event) -> Option<CredentialRef> {
    event.credential.as_ref().map(|c| CredentialRef {
        id: c.id.clone(),
        issuer: c.issuer.clone(),
        scopes: c.scopes.clone(),
        expires_at: c.expires_at,
    })
}

/// Takes the session's notable events into the alert: the strangest [`Alert::MAX_EVENTS`], in order of time.
fn merge_events(alert: &mut Alert, notable: &[Notable]) {
    for note in notable {
        if !alert.events.iter().any(|e| e.id == note.event.id) {
            alert.events.push(note.event.clone());
        }
    }
    while alert.events.len() > Alert::MAX_EVENTS {
        let weakest = alert.events.iter().enumerate().min_by(|a, b| a.1.score.total_cmp(&b.1.score));
        let Some(at) = weakest.map(|(at, _)| at) else { break };
        alert.events.remove(at);
    }
    alert.events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
}

/// Taxonomy tags of what deviated (`standards`, section 10: starting map).
fn tags(contributions: &[crate::alert::Contribution], notable: &[Notable]) -> Vec<Box<str>> {
    let strong = |d: Dimension| contributions.iter().any(|c| c.dimension == d && c.share > 0.15);
    let side_effect = notable.iter().any(|n| n.event.action.is_side_effect());
    let mut tags: Vec<&str> = Vec::new();
    if strong(Dimension::Tool) {
        tags.extend(["ASI03", "MCP02:2025", "NHI5:2025", "AML.T0053"]);
    }
    if strong(Dimension::Target) || strong(Dimension::Volume) {
        tags.extend(["ASI02", "AML.T0086", "T1567"]);
    }
    if strong(Dimension::Chain) && side_effect {
        tags.extend(["ASI01", "AML.T0051"]);
    }
    tags.into_iter().map(Into::into).collect()
}

/// The shard of an identity.
pub(super) fn shard_of(fingerprint: u64, shards: usize) -> usize {
    (mix(fingerprint, 0x5348) % shards as u64) as usize
}
