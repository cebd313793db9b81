//! One event of one identity: session, score, evidence, and whether that is too much for the budget.

use super::Phase;
use super::explain::Explainer;
use super::names::Names;
use super::scoring::{self, Scene};
use super::session::{Session, session_key};
use super::shard::{Alarm, Assessed, Others, Place, World, unscored};
use super::state::{GRANTED, IdentityState, LIVE_SESSIONS};
use super::verdict::{Doing, Learned};
use crate::assessment::{Assessment, Decision, Outcome};
use crate::baseline::{
    ContextKeys, DelegationKeys, Grant, Setting, Step, Taint, TargetKeys, covering, key_of, ln_bytes, start_of,
};
use crate::calibration::{Pending, TenantModel, TenantPending, maturity_class};
use crate::config::CheckedConfig;
use crate::estimator::calibrator::e_value;
use crate::event::{Action, ActionOutcome, Event, TargetOrigin, Timestamp};
use crate::fingerprint::Kind;

/// Score (nats) from which an event is kept for an alert that may come: one in a hundred. Explaining an event costs as much
/// as scoring it.
pub(super) const NOTABLE_NATS: f64 = 4.605;
/// Session evidence (nats) from which a lesson waits: p < .05.
pub(super) const WAIT_NATS: f64 = 2.996;
/// Sessions that ranks are taken among before they may keep anything from being learned, or revoke.
pub(super) const GATE_RANKS: f64 = 200.0;
/// Shares of the budget spent on single sessions and on evidence across sessions; the rest is for reviews of slow drift.
pub(super) const SINGLE: f64 = 0.6;
pub(super) const ACROSS: f64 = 0.3;

/// False alerts and false revocations accepted per session: the operator's budgets over the sessions of an identity-day, less
/// what verdicts have cost.
pub(super) fn levels(config: &CheckedConfig, tenant: &TenantModel) -> [f64; 2] {
    let budget = config.settings().budget;
    let accepted =
        [budget.false_alerts_per_1000_identity_days / 1e3, budget.false_revocations_per_million_identity_days / 1e6];
    accepted.map(|rate| tenant.spent() * rate / tenant.sessions_per_identity_day())
}

/// Whether a session's evidence is too much for each of the two budgets, by itself or with that of the sessions before it.
fn crossed(evidence: f64, levels: [f64; 2], across: [f64; 2]) -> [bool; 2] {
    std::array::from_fn(|tier| {
        let [level, across] = [levels, across].map(|tiers| tiers.get(tier).copied().unwrap_or_default());
        evidence >= -(SINGLE * level).min(1.0).ln() || (across + ACROSS * level) * e_value(evidence) >= 1.0
    })
}

/// One identity with everything that handling it needs.
pub(super) struct Handling<'a> {
    pub world: &'a World<'a>,
    pub names: &'a mut Names,
    pub pending: &'a mut Pending,
    pub state: &'a mut IdentityState,
}

impl Handling<'_> {
    pub(super) fn tenant(&self) -> &TenantModel {
        self.world.tenant(self.state.tenant_fingerprint)
    }

    /// What is new for its tenant.
    pub(super) fn tenant_pending(&mut self) -> &mut TenantPending {
        self.pending.tenant(self.state.tenant_fingerprint, &self.state.tenant)
    }

    pub(super) fn event(&mut self, event: &Event, place: Place, phase: Phase, index: usize) -> Assessed {
        let time = place.time;
        let at = self.session(event, time);
        if phase != Phase::Frozen {
            self.note_revision(event, time);
        }
        let world = self.world;
        let tenant = world.tenant(self.state.tenant_fingerprint);
        let group = tenant.group(self.state.group);
        let action = self.action(event);
        let (step, targets) = self.step(event, action, time, at);
        let setting = self.setting(event, place, at);
        self.count_minute(&step, &targets, time, phase);

        let state = &mut *self.state;
        let sessions = state.history.sessions;
        let Some(session) = state.live.get_mut(at) else { return unscored(Outcome::Late, event) };
        session.last = session.last.max(time);
        session.phase = phase;
        session.taint = session.taint.after(event, action);
        let mut scores = scoring::score(&Scene {
            baseline: &state.baseline,
            session,
            step: &step,
            targets: &targets,
            setting: setting.as_ref(),
            minute: state.minute.ln_counts(),
            sessions,
            tenant,
            group,
            config: world.config,
        });

        let expected = state.verdicts.expects(&Doing::of(&step, &targets, &scores));
        if expected {
            scores.forgive();
        } else {
            session.bytes += event.bytes_in.unwrap_or(0) as f64 + event.bytes_out.unwrap_or(0) as f64;
        }
        scoring::gather(session, &scores, &state.history, &state.habits, tenant);
        let evidence = f64::from(session.evidence);

        let ranked_among = tenant.ranked_among(maturity_class(sessions));
        let mature = sessions >= world.config.settings().mature_sessions && ranked_among >= GATE_RANKS;
        let [alerts, revokes] = crossed(evidence, levels(world.config, tenant), state.across);
        let crossed = phase != Phase::Warmup && (session.alarmed || alerts);
        let revocable = crossed && revokes && evidence >= (ranked_among + 1.0).ln();

        let culprit = crossed && (!session.alarmed || scores.score() >= NOTABLE_NATS);
        if culprit || (scores.score() >= NOTABLE_NATS && session.would_keep(scores.score())) {
            let explainer = Explainer {
                event,
                action,
                step: &step,
                targets: &targets,
                scores: &scores,
                setting: setting.as_ref(),
                baseline: &state.baseline,
                group,
                names: self.names,
            };
            session.keep(explainer.notable(time));
        }
        let was_alarmed = session.alarmed;
        // What has alarmed already, or is expected, is no slow drift.
        let mut reviews = self.reviews(event, time, phase, !crossed && !expected);
        // A declared change that peers share is one proposal; an alert that is open already stays one.
        let shared = if crossed && !was_alarmed { self.shared_change(at, event, time) } else { None };
        let alarms = crossed && shared.is_none();
        let revocable = revocable && alarms;
        reviews.extend(shared);
        let Some(session) = self.state.live.get_mut(at) else { return unscored(Outcome::Late, event) };
        let opened_now = alarms && !session.alarmed;
        session.alarmed |= alarms;
        session.revocable |= revocable;
        session.push(step, &targets, setting);
        let session_name = session.name.clone();
        let learned = !session.alarmed && evidence < WAIT_NATS;

        let (first_of_day, last_seen) = self.count(time);
        if phase != Phase::Frozen {
            let pending = self.tenant_pending();
            pending.note(scores.raw, step.side_effect, sessions);
            pending.identity_days += u64::from(first_of_day);
        }
        let alarm = alarms.then(|| {
            let opened = self.extend_episode(at, event, time, &scores, opened_now, ranked_among);
            if let Some(session) = self.state.live.get_mut(at) {
                session.opened |= opened;
            }
            Alarm { index, opened, revocable, mature }
        });
        let alert = self.state.episode.as_ref().filter(|_| alarms).map(|e| e.alert.id.clone());
        self.cut_long(at);
        let assessment = Assessment {
            outcome: Outcome::Scored,
            session: session_name,
            score: scores.score(),
            p: (-scores.score()).exp(),
            dimensions: scores.dimensions(),
            evidence,
            history_sessions: sessions,
            maturity: self.state.history.maturity(),
            decision: Decision::None,
            alert,
            learned,
        };
        Assessed { assessment, alarm, reviews, first_of_day, last_seen }
    }

    /// Counts an event of the identity. Returns whether it is the first of its day, and when the one before was.
    fn count(&mut self, time: Timestamp) -> (bool, Option<Timestamp>) {
        let state = &mut *self.state;
        let day = time.as_seconds().div_euclid(86_400);
        let first_of_day = day > state.day;
        state.day = state.day.max(day);
        let last_seen = (state.events > 0).then_some(state.last_seen);
        state.events += 1;
        state.last_seen = state.last_seen.max(time);
        (first_of_day, last_seen)
    }

    /// The live session of the event; started if need be.
    fn session(&mut self, event: &Event, time: Timestamp) -> usize {
        let state = &mut *self.state;
        let named = self.world.fingerprinter.of(Kind::Session, event.session.as_deref().as_slice());
        let key = session_key(state.fingerprint, named);
        // Most often it is the newest.
        if let Some(at) = state.live.iter().rposition(|s| s.key == key) {
            return at;
        }
        if state.live.len() >= LIVE_SESSIONS {
            let oldest = state.live.iter().enumerate().min_by_key(|(i, s)| (s.last, *i)).map_or(0, |(i, _)| i);
            let session = state.live.remove(oldest);
            self.complete(*session);
        }
        let name = event.session.clone().unwrap_or_else(|| format!("@{time}").into());
        if self.state.live.capacity() == 0 {
            self.state.live.reserve_exact(1);
        }
        self.state.live.push(Box::new(Session::new(key, name, time)));
        self.state.live.len() - 1
    }

    fn action(&self, event: &Event) -> Action {
        event.action.unwrap_or_else(|| {
            let catalogue = &self.world.config.settings().tools;
            if catalogue.is_empty() {
                return Action::Execute;
            }
            let full = event.server.as_deref().map(|server| format!("{server}/{}", event.tool));
            full.and_then(|name| catalogue.get(&name))
                .or_else(|| catalogue.get(&*event.tool))
                .copied()
                .unwrap_or(Action::Execute)
        })
    }

    fn step(&mut self, event: &Event, action: Action, time: Timestamp, at: usize) -> (Step, Vec<TargetKeys>) {
        let f = self.world.fingerprinter;
        let tool = f.of(Kind::Tool, &[event.server.as_deref().unwrap_or(""), &event.tool, action.as_str()]);
        self.names.learn(tool, event.server.as_deref(), &event.tool, action);
        let targets: Vec<TargetKeys> = event.targets.iter().map(|t| TargetKeys::of(f, t)).collect();
        let ln = |bytes: Option<u64>| bytes.map_or(-1.0, |b| ln_bytes(b as f64) as f32);
        let session = self.state.live.get(at);
        let grants = event.credential.as_ref().map_or(&[][..], |c| &c.scopes);
        let covered = covering(event, action, grants).map(|(_, scope)| f.of(Kind::Scope, &[scope]));
        let step = Step {
            tool,
            task: event.task.as_deref().map_or(0, |t| f.of(Kind::Task, &[t])),
            previous: session.map_or([Step::START; 2], |s| s.previous),
            // What a failed call returns is an error message: neither usual nor unusual.
            ln_bytes: [ln(event.bytes_in), ln(event.bytes_out.filter(|_| event.outcome == ActionOutcome::Success))],
            targets: (0, 0),
            side_effect: action.is_side_effect() && event.outcome == ActionOutcome::Success,
            injected: event.target_origin.map(|origin| origin == TargetOrigin::ToolResult),
            gap: session.filter(|s| s.events > 0).map_or(-1.0, |s| time.seconds_since(s.last).max(0.0) as f32),
            failed: event.outcome != ActionOutcome::Success,
            grant: match covered {
                Some(scope) => Grant::Covered(scope),
                None if grants.is_empty() => Grant::Untold,
                None => Grant::Uncovered,
            },
            leaving: session.map_or(Taint::Unknown, |s| s.taint).leaving(event),
        };
        (step, targets)
    }

    /// Where the session comes from and who stands behind it, if this event is the first to say so or says otherwise.
    fn setting(&mut self, event: &Event, place: Place, at: usize) -> Option<Setting> {
        let f = self.world.fingerprinter;
        let session = self.state.live.get_mut(at)?;
        let source = event.source.as_ref();
        let parts = [
            source.and_then(|s| s.workload.as_deref()),
            source.and_then(|s| s.ip.as_deref()),
            source.and_then(|s| s.region.as_deref()),
            source.and_then(|s| s.user_agent.as_deref()),
            event.parent.as_ref().map(|p| &*p.identity),
            event.on_behalf_of.as_deref(),
        ];
        let Others { credential_shared, beyond_parent } = place.others;
        let said = u64::from(credential_shared == Some(true)) + 2 * u64::from(beyond_parent == Some(true));
        let key = (f.of(Kind::Source, &parts.map(Option::unwrap_or_default)) ^ said).max(1);
        let before = std::mem::replace(&mut session.setting_key, key);
        if before == key {
            return None;
        }
        if let Some(credential) = event.credential.as_ref().filter(|c| !c.scopes.is_empty()) {
            self.note_grants(&credential.scopes);
        }
        let person = event.on_behalf_of.as_ref().map_or(0, |person| f.of(Kind::Identity, &[&event.tenant, person]));
        let parent = event.parent.as_ref().map_or(0, |p| f.of(Kind::Identity, &[&event.tenant, &p.identity]));
        let start = start_of(place.time);
        Some(Setting {
            start: (before == 0).then_some((start.hour, start.weekend)),
            context: source.map_or_else(ContextKeys::default, |source| ContextKeys::of(f, source)),
            credential_shared,
            delegation: DelegationKeys { parent, on_behalf_of: person, beyond_parent },
        })
    }

    /// Remembers what the credential grants, for the least-privilege proposal.
    fn note_grants(&mut self, scopes: &[Box<str>]) {
        let scopes =
            scopes.iter().take(GRANTED).map(|scope| (self.world.fingerprinter.of(Kind::Scope, &[scope]), scope));
        let scopes: Vec<(u64, &Box<str>)> = scopes.collect();
        let keys = || scopes.iter().map(|(fingerprint, _)| key_of(*fingerprint));
        if keys().eq(self.state.granted.iter().copied()) {
            return;
        }
        self.state.granted = keys().collect();
        for (fingerprint, scope) in scopes {
            self.names.learn_scope(fingerprint, scope);
        }
    }

    /// Counts the call into the running minute, and learns the minute before unless the identity is under suspicion.
    fn count_minute(&mut self, step: &Step, targets: &[TargetKeys], time: Timestamp, phase: Phase) {
        let state = &mut *self.state;
        let over = state.minute.push(time.as_seconds().div_euclid(60), targets.iter().map(|keys| keys.pair(step.tool)));
        let suspicious = state.live.iter().any(|s| s.alarmed || f64::from(s.evidence) >= WAIT_NATS);
        if let Some(ln_counts) = over.filter(|_| phase != Phase::Frozen && !suspicious) {
            state.baseline.rate.learn_minute(ln_counts);
            state.verdicts.note(|| Learned::Minute(ln_counts));
            self.news().minutes.push(ln_counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::Snapshot;
    use crate::config::EngineConfig;

    #[test]
    fn alerts_that_were_called_false_make_the_next_ones_rarer() {
        let config = EngineConfig::default().check().unwrap();
        let levels_after = |false_alarms| {
            let (mut pending, mut snapshot) = (Pending::default(), Snapshot::default());
            pending.tenant(1, "default").false_alarms = false_alarms;
            snapshot.learn(&pending);
            snapshot.publish(0.005);
            levels(&config, snapshot.tenant(1).unwrap())
        };
        let [before, after] = [0, 5].map(levels_after);
        for (before, after) in before.into_iter().zip(after) {
            assert!((after / before - (-1.0_f64).exp()).abs() < 1e-9, "{after} {before}");
        }
    }
}
