//! What is learned, and when: a completed session is ranked first, and teaches only if it was not suspicious.
//!
//! Two kinds of state (`model-notes`, section 9): calibration learns from every session that opened an alert or might have,
//! else the threshold would ratchet down; membership (tools, targets, chains, volumes) learns from calm sessions, from odd ones
//! after a day (very odd ones: a week) without an alarm, and from alarmed ones only after a verdict.

use std::time::Duration;

use super::Output;
use super::Phase;
use super::handling::{ACROSS, GATE_RANKS, Handling, WAIT_NATS, levels};
use super::scoring;
use super::session::{BLOCK_EVENTS, Lesson, Session};
use super::state::{WAITING_SESSIONS, Waiting};
use super::verdict::{Case, Learned, Standing};
use crate::calibration::{SessionRecord, maturity_class};
use crate::decision::Verdict;
use crate::estimator::calibrator::e_value;
use crate::event::Timestamp;
use crate::peers::GroupNews;

/// Session evidence (nats) from which a lesson waits a week: p < .001.
const WEEK_NATS: f64 = 6.908;
/// How long an odd lesson waits without an alarm before it is learned, and a very odd one.
const CLEARED_AFTER: Duration = Duration::from_hours(24);
const CLEARED_LATE: Duration = Duration::from_hours(7 * 24);
/// Events after which a calm long session teaches what it has so far, within a block.
const LESSON_EVENTS: usize = 64;

impl Handling<'_> {
    /// Cuts a long session into blocks, and lets a calm one teach on the way.
    pub(super) fn cut_long(&mut self, at: usize) {
        let Some(session) = self.state.live.get_mut(at) else { return };
        if session.block >= BLOCK_EVENTS {
            let done = Session::clone(session);
            session.next_block();
            self.complete(done);
        } else if session.lesson_len() >= LESSON_EVENTS && !session.alarmed && f64::from(session.evidence) < WAIT_NATS {
            let lesson = session.take_lesson();
            if session.phase != Phase::Frozen {
                self.teach(&lesson);
            }
        }
    }

    pub(super) fn complete_idle(&mut self, now: Timestamp, out: &mut Vec<Output>) -> bool {
        let before = now.saturating_sub(self.world.config.settings().session_gap.0);
        let mut changed = false;
        while let Some(at) = self.state.live.iter().position(|s| s.last < before) {
            let session = self.state.live.remove(at);
            self.complete(*session);
            changed = true;
        }
        changed |= self.close_quiet_episode(now, out);
        changed | self.clear_waiting(now)
    }

    pub(super) fn complete_all(&mut self, out: &mut Vec<Output>) -> bool {
        let sessions = std::mem::take(&mut self.state.live);
        let changed = !sessions.is_empty();
        for session in sessions {
            self.complete(*session);
        }
        changed | self.close_episode(Timestamp::MAX, out)
    }

    /// Ranks the session among past ones and decides what is learned from it.
    pub(super) fn complete(&mut self, mut session: Session) {
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
        let injected = levels(self.world.config, tenant).map(|level| ACROSS * level);
        // The budget theorem (model-notes, section 6): what is injected bounds the expected number of alarms; an alarm
        // resets. The two tiers accumulate apart, so each is reset by its own alarm only.
        let alarms = [session.alarmed, session.revocable];
        for ((across, injected), alarmed) in self.state.across.iter_mut().zip(injected).zip(alarms) {
            *across = if alarmed { 0.0 } else { ((*across + injected) * e_value(evidence)).min(1.0) };
        }
        // Calibration learns from every session that opened an alert or might have: else the threshold would ratchet down.
        // What only goes on with an open episode opens none, and would bury its like under its own repetitions.
        let alert = self.state.episode.as_ref().filter(|_| session.alarmed).map(|e| e.alert.id.clone());
        let attack = alert.as_ref().is_some_and(|alert| self.state.verdicts.of(alert) == Some(Verdict::True));
        let standing =
            (!session.alarmed || session.opened).then(|| Standing { record, rank: ranked.then_some(session.rank) });
        if let Some(standing) = standing.as_ref().filter(|_| !attack) {
            self.tenant_pending().sessions.push(standing.record);
            if let Some(rank) = standing.rank {
                self.state.habits.push(f64::from(rank));
            }
        }
        self.state.history.learn(&record, &session);
        self.report_odd(&session);
        self.decay(session.last);
        let lesson = session.take_lesson();
        if session.phase == Phase::Warmup || (!session.alarmed && (!ranked || evidence < WAIT_NATS)) {
            self.state.exemplars.learn(&session.name, session.last, &session.tools);
            self.teach(&lesson);
            return;
        }
        let case = Case {
            lesson: lesson.kept(),
            standing: standing.filter(|_| session.alarmed).map(Box::new),
            strange: session.strange(),
        };
        if let Some(alert) = alert.as_ref().filter(|_| attack) {
            self.keep_attack(alert, case);
            return;
        }
        if self.state.waiting.len() >= WAITING_SESSIONS {
            self.state.waiting.remove(0);
        }
        let wait = if evidence >= WEEK_NATS { CLEARED_LATE } else { CLEARED_AFTER };
        let until = (!session.alarmed).then(|| session.last.saturating_add(wait));
        self.state.waiting.push(Waiting { until, alert, case });
    }

    /// Lessons that were odd, but did not alarm, are learned once enough time has passed without an alarm.
    fn clear_waiting(&mut self, now: Timestamp) -> bool {
        if self.state.episode.is_some() {
            return false;
        }
        let cleared = |w: &Waiting| w.until.is_some_and(|until| until < now);
        let mut changed = false;
        while let Some(at) = self.state.waiting.iter().position(cleared) {
            let waiting = self.state.waiting.remove(at);
            self.teach(&waiting.case.lesson);
            changed = true;
        }
        changed
    }

    fn teach(&mut self, lesson: &Lesson) {
        let state = &mut *self.state;
        let tenant = self.pending.tenant(state.tenant_fingerprint, &state.tenant);
        let news = tenant.group(state.group, || state.group_name());
        lesson.teach(&mut state.baseline, news);
        state.verdicts.note(|| Learned::Lesson(None, lesson.clone()));
    }

    /// What is new for its peer group.
    pub(super) fn news(&mut self) -> &mut GroupNews {
        let state = &*self.state;
        let tenant = self.pending.tenant(state.tenant_fingerprint, &state.tenant);
        tenant.group(state.group, || state.group_name())
    }

    /// Forgets with the configured half-life: eagerly, but only when an eighth of it has passed.
    fn decay(&mut self, now: Timestamp) {
        let half_life = self.world.config.settings().half_life.0.as_secs_f64();
        let passed = now.seconds_since(self.state.decayed);
        if passed > half_life / 8.0 {
            let factor = (-passed / half_life).exp2();
            self.state.baseline.decay(factor);
            self.state.habits.decay(factor);
            self.state.verdicts.note(|| Learned::Decay(factor));
            self.state.decayed = now;
        }
    }
}
