//! One live session: what has happened in it, the evidence it has gathered, and what is to be learned from it.

use serde::{Deserialize, Serialize};

use super::Phase;
use super::explain::Notable;
use crate::baseline::{Step, TargetKeys};
use crate::calibration::Lane;
use crate::estimator::recent::RecentSet;
use crate::event::Timestamp;
use crate::fingerprint::mix;

/// Events after which a long session is cut: the block is then what is ranked and learned.
pub(super) const BLOCK_EVENTS: u32 = 256;
/// Pairs of tool and target remembered within a session.
const SEEN_SLOTS: usize = 64;
/// Events kept for an alert that may come.
const NOTABLE: usize = 6;

/// A live session of one identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Session {
    pub key: u64,
    pub name: Box<str>,
    pub last: Timestamp,
    pub events: u32,
    /// Events of this block.
    pub block: u32,
    pub previous: [u64; 2],
    /// Evidence lanes fed by events: `R = max(R, 1) f(p)`.
    lanes: [f32; Lane::EVENT],
    /// Running maximum of `ln R` (and of the level's surprise).
    pub best: [f32; Lane::COUNT],
    /// Bytes sent and received in this block.
    pub bytes: f64,
    /// Running maximum of the fused statistic.
    pub statistic: f32,
    /// `-ln` of the session's rank; never falls.
    pub evidence: f32,
    seen: RecentSet,
    steps: Vec<Step>,
    targets: Vec<TargetKeys>,
    /// The strangest events so far.
    pub notable: Vec<Notable>,
    /// Whether it has alarmed, and whether it has passed the revocation budget.
    pub alarmed: bool,
    pub revocable: bool,
    /// How its newest event was to be treated.
    pub phase: Phase,
}

/// What a session has to teach, kept apart from its evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lesson {
    pub steps: Vec<Step>,
    pub targets: Vec<TargetKeys>,
}

impl Lesson {
    /// Each step with its targets.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Step, &[TargetKeys])> {
        self.steps.iter().map(|step| {
            let (start, len) = step.targets;
            let targets = self.targets.get(start as usize..start as usize + usize::from(len)).unwrap_or_default();
            (step, targets)
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.steps.capacity() * size_of::<Step>() + self.targets.capacity() * size_of::<TargetKeys>()
    }
}

impl Session {
    pub(super) fn new(key: u64, name: Box<str>, start: Timestamp) -> Self {
        Self {
            key,
            name,
            last: start,
            events: 0,
            block: 0,
            previous: [Step::START, Step::START],
            lanes: [0.0; Lane::EVENT],
            best: [0.0; Lane::COUNT],
            bytes: 0.0,
            statistic: 0.0,
            evidence: 0.0,
            seen: RecentSet::new(),
            steps: Vec::new(),
            targets: Vec::new(),
            notable: Vec::new(),
            alarmed: false,
            revocable: false,
            phase: Phase::Live,
        }
    }

    /// Whether this session has touched the pair already: a target counts once a session.
    pub(super) fn has_seen(&self, pair: u64) -> bool {
        self.seen.contains(pair)
    }

    /// Adds an event's e-values to the lanes. Returns whether some lane reached a new maximum.
    pub(super) fn accumulate(&mut self, e_values: [Option<f64>; Lane::EVENT]) -> bool {
        let mut grown = false;
        for ((lane, best), e) in self.lanes.iter_mut().zip(&mut self.best).zip(e_values) {
            let Some(e) = e else { continue };
            *lane = (f64::from(*lane).max(1.0) * e).min(1e30) as f32;
            let ln = lane.ln();
            if ln > *best {
                *best = ln;
                grown = true;
            }
        }
        grown
    }

    /// Raises the maximum of a lane that is no accumulator.
    pub(super) fn raise(&mut self, lane: Lane, value: f64) -> bool {
        let best = self.best.get_mut(lane as usize);
        best.is_some_and(|best| {
            let grown = value as f32 > *best;
            *best = best.max(value as f32);
            grown
        })
    }

    /// Takes the step into the session's history; `step.targets` must be empty and is set here.
    pub(super) fn push(&mut self, mut step: Step, targets: &[TargetKeys]) {
        self.previous = [step.tool, step.previous[0]];
        for keys in targets {
            self.seen.push(keys.pair(step.tool), SEEN_SLOTS);
        }
        step.targets = (self.targets.len() as u32, targets.len() as u16);
        self.targets.extend_from_slice(targets);
        self.steps.push(step);
    }

    /// Keeps the event if it is among the strangest so far, in order of time.
    pub(super) fn keep(&mut self, notable: Notable) {
        self.notable.push(notable);
        if self.notable.len() > NOTABLE {
            let weakest = self.notable.iter().enumerate().min_by(|a, b| a.1.event.score.total_cmp(&b.1.event.score));
            if let Some(at) = weakest.map(|(at, _)| at) {
                self.notable.remove(at);
            }
        }
    }

    /// Whether an event of this score would be kept.
    pub(super) fn would_keep(&self, score: f64) -> bool {
        self.notable.len() < NOTABLE || self.notable.iter().any(|n| n.event.score < score)
    }

    /// Forgets all evidence: a person has said that it was none.
    pub(super) fn calm(&mut self) {
        self.lanes = [0.0; Lane::EVENT];
        self.best = [0.0; Lane::COUNT];
        self.bytes = 0.0;
        self.statistic = 0.0;
        self.evidence = 0.0;
        self.alarmed = false;
        self.revocable = false;
    }

    /// How many steps wait to be learned.
    pub(super) fn lesson_len(&self) -> usize {
        self.steps.len()
    }

    /// What the session has to teach; it starts anew.
    pub(super) fn take_lesson(&mut self) -> Lesson {
        let mut lesson = Lesson { steps: std::mem::take(&mut self.steps), targets: std::mem::take(&mut self.targets) };
        lesson.steps.shrink_to_fit();
        lesson.targets.shrink_to_fit();
        lesson
    }

    /// Starts the next block of a long session: evidence starts anew, the order of tools goes on.
    pub(super) fn next_block(&mut self) {
        let fresh = Session::new(self.key, self.name.clone(), self.last);
        let old = std::mem::replace(self, fresh);
        self.events = old.events;
        self.previous = old.previous;
        self.seen = old.seen;
        self.notable = old.notable;
        self.phase = old.phase;
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + self.seen.bytes()
            + self.steps.capacity() * size_of::<Step>()
            + self.targets.capacity() * size_of::<TargetKeys>()
            + self.notable.iter().map(Notable::bytes).sum::<usize>()
    }
}

/// Key of a session among those of one identity.
pub(super) fn session_key(identity: u64, session: u64) -> u64 {
    mix(identity, session)
}
