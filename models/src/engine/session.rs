//! One live session: what has happened in it, the evidence it has gathered, and what is to be learned from it.

use serde::{Deserialize, Serialize};

use super::Phase;
use super::exemplar::ToolSet;
use super::explain::Notable;
use super::handling::NOTABLE_NATS;
use super::scoring::Scores;
use super::verdict::Doing;
use crate::baseline::{Baseline, Setting, Step, Taint, TargetKeys, key_of};
use crate::calibration::Lane;
use crate::estimator::calibrator::e_value;
use crate::estimator::recent::RecentSet;
use crate::event::Timestamp;
use crate::fingerprint::mix;
use crate::peers::GroupNews;

/// Events after which a long session is cut: the block is then what is ranked and learned.
pub(super) const BLOCK_EVENTS: u32 = 256;
/// Pairs of tool and target remembered within a session.
const SEEN_SLOTS: usize = 64;
/// Sources of one session kept to be learned.
const SETTINGS: usize = 8;
/// Events kept for an alert that may come.
const NOTABLE: usize = 6;

/// The mean surprise of the order of calls is read when a block has 8, 16, .. 256 calls.
pub(super) const CHECKPOINTS: usize = 6;
const FIRST_CHECKPOINT: u32 = 8;

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
    /// Fingerprint of where it comes from and who stands behind it, by its newest event; 0 before the first.
    pub setting_key: u64,
    /// What it has read.
    pub taint: Taint,
    /// The tools of this block.
    pub tools: ToolSet,
    /// Evidence lanes fed by events: `R = max(R, 1) f(p)`.
    lanes: [f32; Lane::EVENT],
    /// Running maximum of `ln R` (and of the level's surprise).
    pub best: [f32; Lane::COUNT],
    /// Evidence that the calls are a peer's: a sum of log-likelihood ratios, never below 0 (Page, Biometrika 41, 1954).
    kin: f32,
    /// Sum of the surprises of the order of calls in this block, and its mean at each checkpoint reached.
    order: f32,
    pub means: [Option<f32>; CHECKPOINTS],
    /// Bytes sent and received in this block.
    pub bytes: f64,
    /// Running maximum of the fused statistic.
    pub statistic: f32,
    /// `-ln` of the session's rank among all of its class, and the same corrected by how the identity's past sessions ranked;
    /// neither falls.
    pub rank: f32,
    pub evidence: f32,
    seen: RecentSet,
    steps: Vec<Step>,
    targets: Vec<TargetKeys>,
    settings: Vec<Setting>,
    /// The strangest events so far.
    pub notable: Vec<Notable>,
    /// Whether it has alarmed, whether it was the one that opened the episode, and whether it has passed the revocation budget.
    pub alarmed: bool,
    pub opened: bool,
    pub revocable: bool,
    /// How its newest event was to be treated.
    pub phase: Phase,
}

/// What a session has to teach, kept apart from its evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lesson {
    pub steps: Vec<Step>,
    pub targets: Vec<TargetKeys>,
    pub settings: Vec<Setting>,
}

impl Lesson {
    /// Each step with its targets.
    fn iter(&self) -> impl Iterator<Item = (&Step, &[TargetKeys])> {
        self.steps.iter().map(|step| {
            let (start, len) = step.targets;
            let targets = self.targets.get(start as usize..start as usize + usize::from(len)).unwrap_or_default();
            (step, targets)
        })
    }

    /// Teaches it to a baseline; `news` gets what is new for the peer group.
    pub(super) fn teach(&self, baseline: &mut Baseline, news: &mut GroupNews) {
        for setting in &self.settings {
            baseline.learn_setting(setting, news);
        }
        for (step, targets) in self.iter() {
            baseline.learn(step, targets, news);
        }
    }

    /// Gives up what it has reserved: it is kept for a while.
    pub(super) fn kept(mut self) -> Self {
        self.steps.shrink_to_fit();
        self.targets.shrink_to_fit();
        self.settings.shrink_to_fit();
        self
    }

    pub(super) fn bytes(&self) -> usize {
        self.steps.capacity() * size_of::<Step>()
            + self.targets.capacity() * size_of::<TargetKeys>()
            + self.settings.capacity() * size_of::<Setting>()
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
            setting_key: 0,
            taint: Taint::Unknown,
            tools: ToolSet::default(),
            lanes: [0.0; Lane::EVENT],
            best: [0.0; Lane::COUNT],
            kin: 0.0,
            order: 0.0,
            means: [None; CHECKPOINTS],
            bytes: 0.0,
            statistic: 0.0,
            rank: 0.0,
            evidence: 0.0,
            seen: RecentSet::new(),
            steps: Vec::new(),
            targets: Vec::new(),
            settings: Vec::new(),
            notable: Vec::new(),
            alarmed: false,
            opened: false,
            revocable: false,
            phase: Phase::Live,
        }
    }

    /// Whether this session has touched the pair already: a target counts once a session.
    pub(super) fn has_seen(&self, pair: u64) -> bool {
        self.seen.contains(pair)
    }

    /// Adds an event's scores to the lanes. Returns whether some lane reached a new maximum.
    pub(super) fn accumulate(&mut self, scores: &Scores) -> bool {
        let mut grown = false;
        for (((r, best), nats), lane) in self.lanes.iter_mut().zip(&mut self.best).zip(scores.nats).zip(Lane::ALL) {
            let Some(nats) = nats else { continue };
            let reached = if lane.accumulates() {
                *r = (f64::from(*r).max(1.0) * e_value(nats)).min(1e30) as f32;
                r.ln()
            } else {
                nats as f32
            };
            if reached > *best {
                *best = reached;
                grown = true;
            }
        }
        let [tool, _, chain, ..] = scores.nats;
        if tool.is_some() {
            self.kin = (self.kin + scores.kin_nats as f32).max(0.0);
            grown |= self.raise(Lane::Kin, f64::from(self.kin));
        }
        if chain.is_some() {
            self.order += scores.order_nats as f32;
            self.note_mean();
        }
        grown | self.raise(Lane::Peak, scores.score())
    }

    /// Notes the mean surprise of the order if this event reaches a checkpoint.
    fn note_mean(&mut self) {
        let calls = self.block + 1;
        if calls >= FIRST_CHECKPOINT && calls.is_power_of_two() {
            let at = (calls.trailing_zeros() - FIRST_CHECKPOINT.trailing_zeros()) as usize;
            if let Some(mean) = self.means.get_mut(at) {
                *mean = Some(self.order / calls as f32);
            }
        }
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
    pub(super) fn push(&mut self, mut step: Step, targets: &[TargetKeys], setting: Option<Setting>) {
        self.previous = [step.tool, step.previous[0]];
        self.tools.insert(key_of(step.tool));
        for keys in targets {
            self.seen.push(keys.pair(step.tool), SEEN_SLOTS);
        }
        step.targets = (self.targets.len() as u32, targets.len() as u16);
        self.targets.extend_from_slice(targets);
        self.steps.push(step);
        // A session that changes its source with every call teaches the first few of them.
        if let Some(setting) = setting.filter(|_| self.settings.len() < SETTINGS) {
            // Most sessions have one.
            self.settings.reserve_exact(usize::from(self.settings.is_empty()));
            self.settings.push(setting);
        }
        self.events += 1;
        self.block += 1;
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

    /// The calls kept that are strange by themselves.
    pub(super) fn strange(&self) -> Vec<Doing> {
        let strange = self.notable.iter().filter(|n| n.event.score >= NOTABLE_NATS);
        strange.map(|n| n.doing).collect()
    }

    /// Forgets all evidence: a person has said that it was none.
    pub(super) fn calm(&mut self) {
        self.lanes = [0.0; Lane::EVENT];
        self.best = [0.0; Lane::COUNT];
        self.kin = 0.0;
        self.bytes = 0.0;
        self.statistic = 0.0;
        self.rank = 0.0;
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
        Lesson {
            steps: std::mem::take(&mut self.steps),
            targets: std::mem::take(&mut self.targets),
            settings: std::mem::take(&mut self.settings),
        }
    }

    /// Starts the next block of a long session: evidence starts anew, the order of tools goes on.
    pub(super) fn next_block(&mut self) {
        let fresh = Session::new(self.key, self.name.clone(), self.last);
        let old = std::mem::replace(self, fresh);
        self.events = old.events;
        self.previous = old.previous;
        self.setting_key = old.setting_key;
        self.taint = old.taint;
        self.seen = old.seen;
        self.notable = old.notable;
        self.phase = old.phase;
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + self.tools.bytes()
            + self.seen.bytes()
            + self.steps.capacity() * size_of::<Step>()
            + self.targets.capacity() * size_of::<TargetKeys>()
            + self.settings.capacity() * size_of::<Setting>()
            + self.notable.iter().map(Notable::bytes).sum::<usize>()
    }
}

/// Key of a session among those of one identity.
pub(super) fn session_key(identity: u64, session: u64) -> u64 {
    mix(identity, session)
}
