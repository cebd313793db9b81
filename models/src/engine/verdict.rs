//! Verdicts: what each changes in later scores, and how one is taken back.
//!
//! `true`: what the sessions of the alert did is never learned, and they no longer count among the past sessions that others are
//! ranked against. `false` and `benign_expected`: it is learned, by this identity only. After `benign_expected` the calls that were
//! strange are no evidence either when they come again: the same tool at the same place with no more bytes; from where, by whose
//! leave and with which scope still counts. A verdict that contradicts an earlier one undoes it first. To make that exact, the baseline from before the first lesson that a verdict taught is kept beside a
//! journal of what was learned since; taking a lesson back means to learn the others again. What was learned long ago is
//! folded into the kept baseline and stays.

use serde::{Deserialize, Serialize};

use super::handling::Handling;
use super::scoring::Scores;
use super::session::Lesson;
use crate::alert::AlertId;
use crate::baseline::{Baseline, Step, TargetKeys};
use crate::calibration::SessionRecord;
use crate::decision::Verdict;
use crate::peers::GroupNews;

/// Alerts of one identity whose verdicts can still be taken back.
const SETTLED: usize = 4;
/// Sessions kept of a settled alert.
const SESSIONS: usize = 4;
/// Lessons in a journal, and entries of all kinds; older ones are final.
const LESSONS: usize = 32;
const ENTRIES: usize = 256;

/// Calls of one identity that an analyst expects; the oldest is forgotten.
const EXPECTED: usize = 32;
/// How far beyond the bytes of an expected call another may go, in nats: three times as many.
const MORE_BYTES: f32 = 1.1;

/// A call by what an analyst accepts of it: which tool, near which target, how many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Doing {
    tool: u64,
    /// Prefix of its strangest target; 0 for none.
    place: u64,
    /// `ln(1 + bytes/256)` sent and received; negative if not known.
    ln_bytes: [f32; 2],
}

impl Doing {
    pub(super) fn of(step: &Step, targets: &[TargetKeys], scores: &Scores) -> Self {
        let strangest = scores.target.and_then(|target| targets.get(target.index));
        Self { tool: step.tool, place: strangest.map_or(0, |keys| keys.prefix), ln_bytes: step.ln_bytes }
    }

    fn covers(&self, other: &Doing) -> bool {
        let more = self.ln_bytes.iter().zip(other.ln_bytes).any(|(expected, bytes)| bytes > expected + MORE_BYTES);
        self.tool == other.tool && self.place == other.place && !more
    }
}

/// How a session stands among past ones: its record in the group's tables, its rank in the identity's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub record: SessionRecord,
    pub rank: Option<f32>,
}

/// A session of an alert: what it has to teach, and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Case {
    pub lesson: Lesson,
    pub standing: Option<Box<Standing>>,
    /// Its strange calls.
    pub strange: Vec<Doing>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Settled {
    alert: AlertId,
    verdict: Verdict,
    /// Whether it has made the tenant more cautious.
    warned: bool,
    cases: Vec<Case>,
}

/// One step of what a baseline has learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Learned {
    /// A session, by itself or through the verdict on an alert.
    Lesson(Option<AlertId>, Lesson),
    /// Everything was weighed by a factor.
    Decay(f64),
    /// A minute was over: `ln(8 + n)` of its calls, and of the most on one target.
    Minute([f32; 2]),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Journal {
    base: Baseline,
    entries: Vec<Learned>,
}

/// Verdicts on alerts of one identity, as far as they can be taken back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Verdicts {
    settled: Vec<Settled>,
    journal: Option<Box<Journal>>,
    /// Day (since the epoch) on which it last made its tenant more cautious.
    warned_on: Option<i64>,
    expected: Vec<Doing>,
}

impl Case {
    /// Heap memory in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.lesson.bytes()
            + self.standing.as_ref().map_or(0, |_| size_of::<Standing>())
            + self.strange.capacity() * size_of::<Doing>()
    }
}

impl Learned {
    /// Learns it. What the group would learn from it goes nowhere: it has been told already, or is not to be.
    fn teach(&self, baseline: &mut Baseline) {
        match self {
            Learned::Lesson(_, lesson) => lesson.teach(baseline, &mut GroupNews::default()),
            Learned::Decay(factor) => baseline.decay(*factor),
            Learned::Minute(ln_counts) => baseline.rate.learn_minute(*ln_counts),
        }
    }

    fn is_of_verdict(&self) -> bool {
        matches!(self, Learned::Lesson(Some(_), _))
    }
}

impl Journal {
    /// Folds what is oldest into the kept baseline.
    fn trim(&mut self) {
        // What lies before the newest of each kind that is kept.
        let lessons = self.entries.iter().enumerate().rev().filter(|(_, entry)| matches!(entry, Learned::Lesson(..)));
        let before_lessons = lessons.map(|(at, _)| at + 1).nth(LESSONS).unwrap_or(0);
        let fold = before_lessons.max(self.entries.len().saturating_sub(ENTRIES));
        for entry in self.entries.drain(..fold) {
            entry.teach(&mut self.base);
        }
    }

    fn rebuilt(&self) -> Baseline {
        let mut baseline = self.base.clone();
        for entry in &self.entries {
            entry.teach(&mut baseline);
        }
        baseline
    }
}

impl Verdicts {
    /// The verdict on an alert, as long as it is remembered.
    pub(super) fn of(&self, alert: &AlertId) -> Option<Verdict> {
        self.settled.iter().find(|settled| settled.alert == *alert).map(|settled| settled.verdict)
    }

    /// Whether an analyst expects the call.
    pub(super) fn expects(&self, doing: &Doing) -> bool {
        self.expected.iter().any(|expected| expected.covers(doing))
    }

    fn expect(&mut self, case: &Case, expected: bool) {
        self.expected.retain(|doing| !case.strange.contains(doing));
        if expected {
            self.expected.extend_from_slice(&case.strange);
            self.expected.drain(..self.expected.len().saturating_sub(EXPECTED));
        }
    }

    /// Notes what the baseline has learned, if a verdict may be taken back.
    pub(super) fn note(&mut self, learned: impl FnOnce() -> Learned) {
        let Some(journal) = &mut self.journal else { return };
        journal.entries.push(learned());
        journal.trim();
        if !journal.entries.iter().any(Learned::is_of_verdict) {
            self.journal = None;
        }
    }

    fn entry(&mut self, alert: &AlertId, verdict: Verdict) -> Option<&mut Settled> {
        if let Some(at) = self.settled.iter().position(|settled| settled.alert == *alert) {
            return self.settled.get_mut(at);
        }
        if self.settled.len() >= SETTLED {
            self.settled.remove(0);
        }
        self.settled.push(Settled { alert: alert.clone(), verdict, warned: false, cases: Vec::new() });
        self.settled.last_mut()
    }

    pub(super) fn bytes(&self) -> usize {
        let cases = self.settled.iter().flat_map(|settled| &settled.cases);
        let entries = |journal: &Journal| {
            let lessons = journal.entries.iter().map(|entry| match entry {
                Learned::Lesson(_, lesson) => lesson.bytes(),
                Learned::Decay(_) | Learned::Minute(_) => 0,
            });
            size_of::<Journal>()
                + journal.base.bytes()
                + lessons.sum::<usize>()
                + journal.entries.capacity() * size_of::<Learned>()
        };
        self.settled.capacity() * size_of::<Settled>()
            + self.expected.capacity() * size_of::<Doing>()
            + cases.map(|case| size_of::<Case>() + case.bytes()).sum::<usize>()
            + self.journal.as_deref().map_or(0, entries)
    }
}

impl Handling<'_> {
    /// Applies a verdict. The same verdict twice changes nothing; the opposite one undoes the first.
    pub(super) fn settle(&mut self, alert: &AlertId, verdict: Verdict) {
        let attack = verdict == Verdict::True;
        let was_attack = self.state.verdicts.of(alert).map(|verdict| verdict == Verdict::True);
        let mut waiting = Vec::new();
        while let Some(at) = self.state.waiting.iter().position(|w| w.alert.as_ref() == Some(alert)) {
            waiting.push(self.state.waiting.remove(at).case);
        }
        if was_attack.is_some_and(|was| was != attack) {
            let earlier = self.state.verdicts.entry(alert, verdict).map(|s| s.cases.clone()).unwrap_or_default();
            if attack {
                self.unlearn(alert);
            }
            for case in &earlier {
                self.apply(alert, case, attack, true);
            }
        }
        for case in &waiting {
            self.apply(alert, case, attack, false);
        }
        if let Some(settled) = self.state.verdicts.entry(alert, verdict) {
            settled.verdict = verdict;
            settled.cases.extend(waiting);
            settled.cases.truncate(SESSIONS);
            let cases = settled.cases.clone();
            for case in &cases {
                self.state.verdicts.expect(case, verdict == Verdict::BenignExpected);
            }
        }
        self.warn(alert, verdict == Verdict::False);
        // The episode may still run: its sessions then complete under the verdict.
        let state = &mut *self.state;
        let open = state.episode.as_ref().is_some_and(|e| e.alert.id == *alert);
        if open && !attack {
            for session in &mut state.live {
                session.calm();
            }
        }
    }

    /// A false alarm makes the tenant more cautious, once a day and identity: decoys must not silence it.
    fn warn(&mut self, alert: &AlertId, false_alarm: bool) {
        let state = &mut *self.state;
        let Some(settled) = state.verdicts.settled.iter_mut().find(|settled| settled.alert == *alert) else { return };
        let step = match (settled.warned, false_alarm) {
            (false, true) if state.verdicts.warned_on != Some(state.day) => 1,
            (true, false) => -1,
            _ => return,
        };
        settled.warned = false_alarm;
        if false_alarm {
            state.verdicts.warned_on = Some(state.day);
        }
        self.pending.tenant(state.tenant_fingerprint, &state.tenant).false_alarms += step;
    }

    /// Keeps a session that completes after its alert was called an attack: it neither teaches nor is ranked among.
    pub(super) fn keep_attack(&mut self, alert: &AlertId, case: Case) {
        if let Some(settled) = self.state.verdicts.entry(alert, Verdict::True) {
            settled.cases.push(case);
            settled.cases.truncate(SESSIONS);
        }
    }

    /// Gives one session its verdict. `again`: it had the opposite one before.
    fn apply(&mut self, alert: &AlertId, case: &Case, attack: bool, again: bool) {
        if let Some(standing) = case.standing.as_ref().filter(|_| attack || again) {
            self.tenant_pending().revised.push((standing.record, !attack));
            match standing.rank {
                Some(rank) if attack => self.state.habits.retract(f64::from(rank)),
                Some(rank) => self.state.habits.push(f64::from(rank)),
                None => {}
            }
        }
        if !attack {
            let state = &mut *self.state;
            let verdicts = &mut state.verdicts;
            let base = || Box::new(Journal { base: state.baseline.clone(), entries: Vec::new() });
            verdicts.journal.get_or_insert_with(base);
            case.lesson.teach(&mut state.baseline, &mut GroupNews::default());
            verdicts.note(|| Learned::Lesson(Some(alert.clone()), case.lesson.clone()));
        }
    }

    /// Takes back what the verdict on an alert has taught, as far as the journal reaches.
    fn unlearn(&mut self, alert: &AlertId) {
        let state = &mut *self.state;
        let Some(journal) = &mut state.verdicts.journal else { return };
        journal.entries.retain(|entry| !matches!(entry, Learned::Lesson(Some(of), _) if of == alert));
        state.baseline = journal.rebuilt();
        if !journal.entries.iter().any(Learned::is_of_verdict) {
            state.verdicts.journal = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_bounded_and_what_it_folds_stays_learned() {
        let minute = |n: usize| Learned::Minute([(n % 7) as f32, (n % 5) as f32]);
        let lesson = || Learned::Lesson(Some(AlertId("alt_1".into())), Lesson::default());
        let mut all = Baseline::default();
        let mut journal = Journal { base: Baseline::default(), entries: Vec::new() };
        for n in 0..3 * ENTRIES {
            let entry = if n % 4 == 0 { lesson() } else { minute(n) };
            entry.teach(&mut all);
            journal.entries.push(entry);
            journal.trim();
            let lessons = journal.entries.iter().filter(|entry| entry.is_of_verdict()).count();
            assert_eq!(lessons, (n / 4 + 1).min(LESSONS));
            assert!(journal.entries.len() <= ENTRIES);
        }
        assert_eq!(journal.rebuilt(), all);
        let mut minutes = Journal { base: Baseline::default(), entries: (0..2 * ENTRIES).map(minute).collect() };
        minutes.trim();
        assert_eq!(minutes.entries.len(), ENTRIES);
    }
}
