//! The agents' history: generated, learned by the engine, and stored, before the service starts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use datasets::generator::{Agent, EventStream, Plan, Population, PopulationConfig, Session};
use datasets::scenario::Scenario;
use models::config::CheckedConfig;
use models::engine::{Engine, Input, Phase, Trust};
use models::event::{Event, Timestamp};
use tokio::sync::mpsc;

use super::home::{Cast, now};
use super::{DemoError, settings};
use crate::store::Store;
use crate::store::commit::Pending;

/// When the history ends by the generator's calendar: 2026-03-31T10:00:00Z, a Tuesday. All times are moved by the same
/// span, so that this moment is the wall clock's now: the agents are at work whenever the demo is watched, and a seed
/// gives the same history on every day.
const END: Timestamp = Timestamp::from_seconds(1_774_951_200);
/// Sessions of an average agent a day: with 120 agents and 30 days, some 22,000 to rank a session among. More agents would
/// resolve more than more sessions: budgets count identity-days.
const SESSIONS_PER_DAY: f64 = 12.0;
/// Events between two looks at the clock and at the wish to stop.
const STEP: u64 = 2_048;

/// How much of the history is learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Learned {
    /// Share of the time that lies behind, 0 to 1.
    pub share: f64,
    /// Events.
    pub events: u64,
    /// Identities with a baseline.
    pub identities: u64,
    /// Past sessions that ranks are taken among.
    pub ranked: u64,
    /// Whether an earlier run has learned it.
    pub earlier: bool,
}

/// A session that is about to be played.
#[derive(Debug)]
pub(super) struct Play {
    /// Its name.
    pub session: String,
    /// What it is for.
    pub task: String,
    /// Its events in order.
    pub steps: Vec<Step>,
}

/// One action to come.
#[derive(Debug)]
pub(super) struct Step {
    /// Time since the start of the session.
    pub at: Duration,
    /// What is done.
    pub event: Event,
    /// Whether somebody else wants it.
    pub malicious: bool,
}

/// The agents, on their way from the beginning of their history to now.
#[derive(Debug)]
pub(super) struct Past {
    agents: Vec<Agent>,
    stream: EventStream,
    start: Timestamp,
    /// What [`END`] is by the wall clock.
    ended: Timestamp,
}

impl Past {
    pub(super) fn new(cast: Cast, ended: Timestamp) -> Result<Self, DemoError> {
        let length = Duration::from_hours(24) * cast.days;
        let start = END.saturating_sub(length);
        let population = Population::new(PopulationConfig {
            seed: cast.seed,
            agents: cast.agents,
            start,
            sessions_per_day: SESSIONS_PER_DAY,
            ..PopulationConfig::default()
        })?;
        let stream = population.events_with(Plan { cuts: vec![END], ..Plan::default() });
        Ok(Self { agents: population.agents().to_vec(), stream, start, ended })
    }

    /// Lives through the history; learns and stores it if it is `fresh`. `None`: stopped meanwhile, and nothing is stored.
    pub(super) fn live_through(
        &mut self,
        store: &Store,
        config: &CheckedConfig,
        fresh: bool,
        stopped: &AtomicBool,
        progress: &mpsc::Sender<Learned>,
    ) -> Result<Option<Learned>, DemoError> {
        let mut engine = if fresh {
            Engine::new(config.clone())
        } else {
            Engine::restore(config.clone(), store.state()?).map_err(crate::service::StartError::from)?
        };
        let mut outputs = Vec::new();
        let mut events = 0;
        while let Some(event) = self.stream.next_before(END) {
            let share = event.time.seconds_since(self.start) / END.seconds_since(self.start);
            if fresh {
                let event = self.moved(event);
                outputs.clear();
                let input = Input::recorded(&event, Trust::Observe, Phase::Warmup);
                engine.handle(input, &mut outputs);
            }
            events += 1;
            if events % STEP == 0 {
                if stopped.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                // Whoever shows it may skip some.
                let _ = progress.try_send(learned(&engine, share, events, !fresh));
            }
        }
        if fresh {
            engine.publish(&mut outputs);
            let pending = Pending { state: engine.checkpoint(), ..Pending::default() };
            store.write(|tx| pending.write(tx, &[], now().as_nanos() / 1_000_000))?;
        }
        Ok(Some(learned(&engine, 1.0, events, !fresh)))
    }

    /// The agents, most of all their names.
    pub(super) fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// One session of an agent with the habits that it has come to.
    pub(super) fn session(&mut self, agent: usize, scenario: Option<Scenario>) -> Option<Play> {
        let Session { label, events } = self.stream.play(agent, END, scenario)?;
        let step = |event: Event| Step {
            at: Duration::from_nanos(event.time.as_nanos().abs_diff(END.as_nanos())),
            malicious: label.malicious_events.iter().any(|id| **id == *event.id),
            event,
        };
        let steps = events.into_iter().map(step).collect();
        Some(Play { session: label.session, task: label.task.unwrap_or_default(), steps })
    }

    fn moved(&self, mut event: Event) -> Event {
        event.time = self.by_wall_clock(event.time);
        if let Some(credential) = &mut event.credential {
            credential.issuer = Some(settings::ISSUER.into());
            credential.issued_at = credential.issued_at.map(|time| self.by_wall_clock(time));
            credential.expires_at = credential.expires_at.map(|time| self.by_wall_clock(time));
        }
        event
    }

    fn by_wall_clock(&self, time: Timestamp) -> Timestamp {
        Timestamp::from_nanos(time.as_nanos().saturating_sub(END.as_nanos()).saturating_add(self.ended.as_nanos()))
    }
}

fn learned(engine: &Engine, share: f64, events: u64, earlier: bool) -> Learned {
    let view = engine.view();
    Learned { share, events, identities: view.identities, ranked: view.ranked_sessions, earlier }
}
