//! What each source is doing, for `/readyz`, the console and the decision whether time may move on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use models::event::Timestamp;
use serde::Serialize;

use super::backlog::{Backlog, Handed};
use crate::store::Positions;

/// What a source is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not connected yet.
    #[default]
    Starting,
    /// Delivering, or waiting for events.
    Running,
    /// Read to its end.
    Finished,
    /// Not delivering; `last_error` says why. It tries again by itself.
    Failing,
    /// Gave up; `last_error` says what to do.
    Failed,
}

/// One source as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SourceState {
    /// Its name, as in the positions.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Whether it is known to hold the past: until it has been taken, the clock does not close sessions.
    pub catching_up: bool,
    /// Events that are there, but not taken yet; absent if the source cannot tell.
    pub lag: Option<i64>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
    /// When its last event came.
    pub last_event_at: Option<Timestamp>,
    /// When the oldest event arrived that is read and not scored; absent if none waits.
    pub oldest_arrival_at: Option<Timestamp>,
    /// The event time of the oldest event that is read and not scored; absent if none waits.
    pub oldest_event_at: Option<Timestamp>,
    /// Partitions in which events wait, and none was taken for `source.stalled_after`.
    pub stalled: Vec<i32>,
}

/// Whether traffic should be sent here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Every source delivers or is finished, and what is taken can be made durable.
    pub ready: bool,
    /// Every source, and `store` for the commit.
    pub sources: Vec<SourceState>,
}

/// One source: what it says of itself, and what waits in it.
#[derive(Debug, Default)]
struct Entry {
    state: SourceState,
    backlog: Backlog,
}

type Entries = BTreeMap<Arc<str>, Entry>;

/// What each source is doing. Locked for the length of an assignment, or of a look at what waits.
#[derive(Debug, Default)]
pub struct Sources(Arc<Mutex<Entries>>);

/// The place where one source reports.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    all: Arc<Mutex<Entries>>,
}

impl Sources {
    /// The place where the source `name` reports; it shows as `starting` from now on.
    pub fn register(&self, name: &str) -> Source {
        let source = Source { name: name.into(), all: Arc::clone(&self.0) };
        source.update(|_| ());
        source
    }

    /// Whether traffic should be sent here. What waits is judged by how far each partition is durably taken.
    pub fn readiness(&self, taken: &Positions, now: Timestamp, stalled_after: Duration) -> Readiness {
        let look = |(name, entry): (&Arc<str>, &mut Entry)| {
            let look = entry.backlog.look(|n| taken.get(&(Arc::clone(name), n)).copied(), now, stalled_after);
            let lag = look.lag.or(entry.state.lag);
            let (oldest_arrival_at, oldest_event_at, stalled) =
                (look.oldest_arrival_at, look.oldest_event_at, look.stalled);
            SourceState { lag, oldest_arrival_at, oldest_event_at, stalled, ..entry.state.clone() }
        };
        let sources: Vec<_> = held(&self.0).iter_mut().map(look).collect();
        let ready = sources.iter().all(|s| matches!(s.state, State::Running | State::Finished));
        Readiness { ready, sources }
    }

    /// Whether no source is known to hold events that are not taken yet. Until then the clock must not overtake them: a
    /// tick would close sessions whose events are still to come.
    pub fn caught_up(&self) -> bool {
        held(&self.0).values().map(|entry| &entry.state).all(|s| !s.catching_up && s.lag.is_none_or(|lag| lag == 0))
    }
}

impl Source {
    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn entry<T>(&self, f: impl FnOnce(&mut Entry) -> T) -> T {
        let mut all = held(&self.all);
        f(all.entry(Arc::clone(&self.name)).or_insert_with(|| Entry {
            state: SourceState { name: self.name.to_string(), ..SourceState::default() },
            backlog: Backlog::default(),
        }))
    }

    fn update(&self, f: impl FnOnce(&mut SourceState)) {
        self.entry(|entry| f(&mut entry.state));
    }

    /// It is in this state now.
    pub fn set(&self, state: State) {
        self.update(|s| s.state = state);
    }

    /// It does not deliver, and will try again.
    pub fn failing(&self, error: impl Into<String>) {
        self.update(|s| (s.state, s.last_error) = (State::Failing, Some(error.into())));
    }

    /// It has given up.
    pub fn failed(&self, error: impl Into<String>) {
        self.update(|s| (s.state, s.last_error) = (State::Failed, Some(error.into())));
    }

    /// It goes on, but something worth reading happened.
    pub fn warn(&self, error: impl Into<String>) {
        self.update(|s| s.last_error = Some(error.into()));
    }

    /// An event came.
    pub fn seen(&self, at: Timestamp) {
        self.update(|s| s.last_event_at = Some(at));
    }

    /// Whether it is known to hold the past.
    pub fn catching_up(&self, catching_up: bool) {
        self.update(|s| s.catching_up = catching_up);
    }

    /// How many events are there, but not taken yet.
    pub fn lag(&self, lag: i64) {
        self.update(|s| s.lag = Some(lag.max(0)));
    }

    /// A partition holds these positions; the store has taken those before `taken`.
    pub fn holds(&self, partition: i32, positions: Range<i64>, taken: Option<i64>, now: Timestamp) {
        self.entry(|entry| entry.backlog.holds(partition, positions, taken, now));
    }

    /// A batch was read and is handed to the engine; the store has taken what is before `taken`.
    pub fn handed(&self, partition: i32, batch: Handed, taken: Option<i64>, now: Timestamp) {
        self.entry(|entry| entry.backlog.handed(partition, batch, taken, now));
    }

    /// A partition is not ours any more.
    pub fn lost(&self, partition: i32) {
        self.entry(|entry| entry.backlog.lost(partition));
    }
}

fn held(all: &Mutex<Entries>) -> MutexGuard<'_, Entries> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}
