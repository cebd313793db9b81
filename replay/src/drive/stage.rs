//! The stages of a replay, step by step: learning, warming up, scoring.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use datasets::recorded::Recorded;
use models::engine::{Checkpoint, Considered, Engine, Input, Output, Phase, Trust};
use models::event::{Event, Timestamp};
use serde::{Deserialize, Serialize};

use super::{DriveError, Plan, Role, Window};
use crate::inject::{Injector, Made};
use crate::trace::{AsRecorded, Item, Part, Position, Rejected, Surveyed, Trace, TraceError};
use crate::verdict::{Handed, Verdicts};

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// The history is learned.
    Learning,
    /// The first part of the scored files is learned.
    WarmingUp,
    /// What is left is scored.
    Scoring,
}

/// Where a replay stands: everything up to here has had its effect, nothing after it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The stage.
    pub stage: Stage,
    /// The last item taken from the files of the stage.
    pub position: Option<Position>,
    /// Items of those files that had their effect, in the number that changes had left of them.
    pub items: u64,
    /// Attacks that were put in and labelled.
    pub labels: u64,
}

impl Place {
    /// Nothing was taken from any file.
    pub const START: Self = Self { stage: Stage::Learning, position: None, items: 0, labels: 0 };
}

/// What happened in one step.
#[derive(Debug)]
pub enum Step {
    /// The engine has handled an event.
    Handled {
        /// [`Role::Learn`] if it was learned without alerting, whichever file it came from.
        role: Role,
        /// The event.
        event: Box<Event>,
    },
    /// A line was no event.
    Rejected {
        /// Which files it is from.
        role: Role,
        /// The line.
        rejected: Box<Rejected>,
    },
    /// An attack was put in, and this says what it is; its events follow.
    Labelled(Box<Made>),
    /// What was learned is published; what follows is scored.
    Published,
}

/// A replay that is taken one step after the other.
#[derive(Debug)]
pub struct Drive<'a> {
    plan: Plan<'a>,
    window: Window,
    scratch: PathBuf,
    engine: Engine,
    place: Place,
    /// The end of the warm-up.
    scored_from: Timestamp,
    /// Told to the engine when they are known.
    verdicts: Option<Verdicts>,
    /// Changes scored events on their way.
    injector: Option<Injector>,
    /// What it has handed over, and the place in the files that it follows.
    ready: VecDeque<Item>,
    newest: Option<Position>,
    /// The stream of the stage, once it was opened.
    trace: Option<Stream>,
    /// The first item behind the warm-up, while the end of it is told.
    next: Option<Pulled>,
}

/// An item of a stream, its place, and what a recording says of it.
type Pulled = (Position, Item, Option<Recorded>);

/// Where the items of a stage come from.
#[derive(Debug)]
enum Stream {
    Merged(Box<Trace>),
    AsRecorded(AsRecorded),
}

impl Stream {
    fn next(&mut self) -> Result<Option<Pulled>, TraceError> {
        match self {
            Stream::Merged(trace) => Ok(trace.next().transpose()?.map(|(position, item)| (position, item, None))),
            Stream::AsRecorded(recording) => recording.next().transpose(),
        }
    }
}

impl<'a> Drive<'a> {
    /// Begins. What has to be sorted is written to `scratch`.
    pub fn start(plan: Plan<'a>, window: Window, scratch: &Path) -> Self {
        let mut engine = Engine::new(plan.config.clone());
        engine.consider(plan.policies.to_vec());
        Self::resume(plan, window, scratch, engine, Place::START)
    }

    /// Goes on from a place with the engine as it was there. Where events are changed, [`Drive::catch_up`] comes next.
    pub fn resume(plan: Plan<'a>, window: Window, scratch: &Path, engine: Engine, place: Place) -> Self {
        let scored_from = scored_from(plan.events, window);
        let scratch = scratch.to_path_buf();
        Self {
            plan,
            window,
            scratch,
            engine,
            place,
            scored_from,
            verdicts: None,
            injector: None,
            ready: VecDeque::new(),
            newest: None,
            trace: None,
            next: None,
        }
    }

    /// Tells the engine these verdicts, each when it is known.
    #[must_use]
    pub fn with_verdicts(mut self, verdicts: Option<Verdicts>) -> Self {
        self.verdicts = verdicts;
        self
    }

    /// Changes scored events on their way.
    #[must_use]
    pub fn with_injector(mut self, injector: Option<Injector>) -> Self {
        self.injector = injector;
        self
    }

    /// Changes again, from the beginning, what was changed before the place of [`Drive::resume`], and gives the labels that were
    /// told by then. Changes follow from the files alone, so none of them has to be kept; this takes the time of reading.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn catch_up(&mut self) -> Result<Vec<Made>, DriveError> {
        if self.injector.is_none() {
            return Ok(Vec::new());
        }
        let place = std::mem::replace(&mut self.place, Place::START);
        if place.stage != Stage::Learning {
            while self.pull_changed()?.is_some() {}
            self.begin_warm_up();
        }
        for _ in 0..place.items {
            self.pull_changed()?;
        }
        // A label is told before the item behind it has its effect.
        self.next = self.pull_changed()?;
        self.place = place;
        let labels = self.injector.iter_mut().flat_map(|injector| std::iter::from_fn(move || injector.label()));
        Ok(labels.take(usize::try_from(place.labels).unwrap_or(usize::MAX)).collect())
    }

    /// What became of the verdicts, if there were any.
    pub fn handed(&self) -> Option<Handed> {
        self.verdicts.as_ref().map(Verdicts::handed)
    }

    /// The verdicts as they stand.
    pub fn verdicts(&self) -> Option<&Verdicts> {
        self.verdicts.as_ref()
    }

    /// What the policies that look on made of the newest event.
    pub fn considered(&self) -> &[Considered] {
        self.engine.considered()
    }

    /// Where the replay stands.
    pub fn place(&self) -> Place {
        self.place
    }

    /// What changed in the engine since the last call: with [`Drive::place`] and [`Drive::verdicts`], all that is needed to go
    /// on from here.
    pub fn checkpoint(&mut self) -> Checkpoint {
        self.engine.checkpoint()
    }

    /// Takes the next step and appends what the engine says; `None` when all is done.
    ///
    /// # Errors
    /// When a file cannot be read, or the engine breaks its promise of one assessment an event.
    pub fn next(&mut self, outputs: &mut Vec<Output>) -> Result<Option<Step>, DriveError> {
        loop {
            let item = match self.next.take() {
                Some(item) => Some(item),
                None => self.pull_changed()?,
            };
            if let Some(made) = self.injector.as_mut().and_then(Injector::label) {
                self.next = item;
                self.place.labels += 1;
                return Ok(Some(Step::Labelled(Box::new(made))));
            }
            let ends = item.as_ref().is_none_or(|(position, ..)| position.time >= self.scored_from);
            match (self.place.stage, item) {
                (Stage::Learning, None) => {
                    self.begin_warm_up();
                    // Without a history there is nothing to publish early: the engine then starts as it does live.
                    if !self.plan.learn.is_empty() {
                        self.engine.publish(&mut Vec::new());
                    }
                }
                (Stage::WarmingUp, item) if ends => {
                    self.place.stage = Stage::Scoring;
                    self.next = item;
                    if self.place.position.is_some() && !self.window.warmup.is_zero() {
                        self.engine.publish(&mut Vec::new());
                    }
                    return Ok(Some(Step::Published));
                }
                (_, None) => return Ok(None),
                (stage, Some((position, item, recorded))) => {
                    self.place.position = Some(position);
                    self.place.items += 1;
                    if let Some(step) = self.handle(stage, item, recorded.as_ref(), outputs)? {
                        return Ok(Some(step));
                    }
                }
            }
        }
    }

    fn begin_warm_up(&mut self) {
        self.place = Place { stage: Stage::WarmingUp, ..Place::START };
        self.trace = None;
    }

    /// The next item, changed on its way if that was asked for.
    fn pull_changed(&mut self) -> Result<Option<Pulled>, DriveError> {
        loop {
            if let Some((item, position)) = self.newest.and_then(|newest| Some((self.ready.pop_front()?, newest))) {
                return Ok(Some((position, item, None)));
            }
            let next = self.pull()?;
            let Some(injector) = &mut self.injector else { return Ok(next) };
            let changed = match (self.place.stage, next) {
                (Stage::Learning, next) => {
                    if let Some((_, Item::Event(event), _)) = &next {
                        injector.learn(event);
                    }
                    return Ok(next);
                }
                (_, Some((position, Item::Event(event), _))) => {
                    self.newest = Some(position);
                    injector.take(*event)
                }
                (_, Some(rejected)) => return Ok(Some(rejected)),
                (_, None) => {
                    let rest = injector.rest();
                    if rest.is_empty() {
                        return Ok(None);
                    }
                    rest
                }
            };
            self.ready.extend(changed.into_iter().map(|event| Item::Event(Box::new(event))));
        }
    }

    fn pull(&mut self) -> Result<Option<Pulled>, DriveError> {
        let stream = match &mut self.trace {
            Some(stream) => stream,
            none => none.insert(Self::open(&self.plan, self.window, self.place, &self.scratch)?),
        };
        Ok(stream.next()?)
    }

    fn open(plan: &Plan<'_>, window: Window, place: Place, scratch: &Path) -> Result<Stream, TraceError> {
        let after = place.position;
        let (files, part) = match place.stage {
            Stage::Learning => (plan.learn, Part { after, ..Part::default() }),
            Stage::WarmingUp | Stage::Scoring if plan.as_recorded => {
                return AsRecorded::open(plan.events, after).map(Stream::AsRecorded);
            }
            Stage::WarmingUp | Stage::Scoring => (plan.events, Part { after, from: window.from, until: window.until }),
        };
        Ok(Stream::Merged(Box::new(Trace::open(files, part, plan.threads, scratch))))
    }

    fn handle(
        &mut self,
        stage: Stage,
        item: Item,
        recorded: Option<&Recorded>,
        outputs: &mut Vec<Output>,
    ) -> Result<Option<Step>, DriveError> {
        let (files, role, phase) = match stage {
            Stage::Learning => (Role::Learn, Role::Learn, Phase::Warmup),
            Stage::WarmingUp => (Role::Events, Role::Learn, Phase::Warmup),
            Stage::Scoring => (Role::Events, Role::Events, if self.plan.freeze { Phase::Frozen } else { Phase::Live }),
        };
        let mut event = match item {
            Item::Event(event) => event,
            Item::Rejected(rejected) => return Ok(Some(Step::Rejected { role: files, rejected })),
        };
        if self.plan.new_tasks.is_some_and(|half| half.holds(event.task.as_deref()) != (role == Role::Events)) {
            return Ok(None);
        }
        if self.plan.without_task {
            event.task = None;
        }
        if files == Role::Events {
            event.time = event.time.saturating_add(self.plan.shift);
        }
        if role == Role::Events
            && let Some(verdicts) = &mut self.verdicts
        {
            while let Some(settled) = verdicts.due(event.time) {
                self.engine.handle(settled.input(), outputs);
            }
        }
        let before = outputs.len();
        let input = match recorded {
            Some(recorded) => recorded.input(&event, phase),
            None => Input::recorded(&event, Trust::Revoke, phase),
        };
        self.engine.handle(input, outputs);
        let said = outputs.get(before..).unwrap_or_default();
        let assessed = said.iter().filter(|output| matches!(output, Output::Assessed(_))).count();
        if assessed != 1 {
            return Err(DriveError::Assessed { id: event.id.into(), assessed });
        }
        if role == Role::Events
            && let Some(verdicts) = &mut self.verdicts
        {
            for output in said {
                verdicts.said(&event, output);
            }
        }
        Ok(Some(Step::Handled { role, event }))
    }
}

/// The end of the warm-up: it begins with the first event that is wanted.
fn scored_from(events: &[Surveyed], window: Window) -> Timestamp {
    let first = events.iter().filter_map(|file| file.span).map(|(first, _)| first).min().max(window.from);
    first.map_or(Timestamp::EPOCH, |first| first.saturating_add(window.warmup))
}

#[cfg(test)]
mod tests;
