//! What each source is doing, for `/readyz`, the console and the decision whether time may move on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use models::event::Timestamp;
use serde::Serialize;

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
}

/// Whether traffic should be sent here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Every source delivers or is finished, and what is taken can be made durable.
    pub ready: bool,
    /// Every source, and `store` for the commit.
    pub sources: Vec<SourceState>,
}

/// What each source is doing. Locked for the length of an assignment.
#[derive(Debug, Default)]
pub struct Sources(Arc<Mutex<BTreeMap<Arc<str>, SourceState>>>);

/// The place where one source reports.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    all: Arc<Mutex<BTreeMap<Arc<str>, SourceState>>>,
}

impl Sources {
    /// The place where the source `name` reports; it shows as `starting` from now on.
    pub fn register(&self, name: &str) -> Source {
        let source = Source { name: name.into(), all: Arc::clone(&self.0) };
        source.update(|_| ());
        source
    }

    /// Whether traffic should be sent here.
    pub fn readiness(&self) -> Readiness {
        let sources: Vec<_> = self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let ready = sources.iter().all(|s| matches!(s.state, State::Running | State::Finished));
        Readiness { ready, sources }
    }

    /// Whether no source is known to hold events that are not taken yet. Until then the clock must not overtake them: a
    /// tick would close sessions whose events are still to come.
    pub fn caught_up(&self) -> bool {
        let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.values().all(|s| !s.catching_up && s.lag.is_none_or(|lag| lag == 0))
    }
}

impl Source {
    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn update(&self, f: impl FnOnce(&mut SourceState)) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let state = all
            .entry(Arc::clone(&self.name))
            .or_insert_with(|| SourceState { name: self.name.to_string(), ..SourceState::default() });
        f(state);
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
}
