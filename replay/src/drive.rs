//! Hands history to the engine: what is to be learned, then what is to be scored.

use std::num::NonZeroUsize;

use models::alert::Alert;
use models::assessment::Assessment;
use models::config::CheckedConfig;
use models::decision::Revocation;
use models::engine::{Engine, Input, Output, Phase, Trust};
use models::event::Event;
use serde::Serialize;

use crate::trace::{Item, Rejected, Surveyed, Trace, TraceError};

/// What an input file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// History, learned without alerting.
    Learn,
    /// Scored, one row an event.
    Events,
}

/// What is handed to the engine, and how.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The settings.
    pub config: &'a CheckedConfig,
    /// History, learned without alerting.
    pub learn: &'a [Surveyed],
    /// Scored after it.
    pub events: &'a [Surveyed],
    /// Whether scored events are kept from being learned.
    pub freeze: bool,
    /// Whether the field `task` is taken out of every event first.
    pub without_task: bool,
    /// How many threads decode.
    pub threads: NonZeroUsize,
}

/// Who looks on. Every method is called in the order of the stream.
pub trait Watch {
    /// What it may fail with.
    type Error: From<DriveError>;

    /// An event of the history was learned.
    ///
    /// # Errors
    /// To stop the replay.
    fn learned(&mut self, event: &Event, assessment: &Assessment) -> Result<(), Self::Error>;

    /// The history has ended; what follows is scored.
    ///
    /// # Errors
    /// To stop the replay.
    fn published(&mut self) -> Result<(), Self::Error>;

    /// An event was scored.
    ///
    /// # Errors
    /// To stop the replay.
    fn assessed(&mut self, event: &Event, assessment: &Assessment) -> Result<(), Self::Error>;

    /// An alert was opened, updated or closed.
    ///
    /// # Errors
    /// To stop the replay.
    fn alerted(&mut self, alert: Alert) -> Result<(), Self::Error>;

    /// A revocation would have been requested.
    ///
    /// # Errors
    /// To stop the replay.
    fn revoked(&mut self, revocation: Revocation) -> Result<(), Self::Error>;

    /// A line was no event.
    ///
    /// # Errors
    /// To stop the replay.
    fn rejected(&mut self, role: Role, rejected: &Rejected) -> Result<(), Self::Error>;
}

/// Why a replay stops.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The files.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The engine broke its promise of exactly one assessment an event.
    #[error("the engine said nothing about event `{0}`; please report this with the event")]
    Unassessed(String),
}

/// Learns `plan.learn`, publishes, scores `plan.events`; `watch` sees everything.
///
/// # Errors
/// When a file cannot be read or `watch` stops the replay.
pub fn drive<W: Watch>(plan: &Plan<'_>, watch: &mut W) -> Result<(), W::Error> {
    let mut engine = Engine::new(plan.config.clone());
    let mut outputs = Vec::new();
    for role in [Role::Learn, Role::Events] {
        let (files, phase) = match role {
            Role::Learn => (plan.learn, Phase::Warmup),
            Role::Events => (plan.events, if plan.freeze { Phase::Frozen } else { Phase::Live }),
        };
        let mut trace = Trace::open(files, plan.threads).map_err(DriveError::from)?;
        while let Some(item) = trace.next().map_err(DriveError::from)? {
            let mut event = match item {
                Item::Event(event) => event,
                Item::Rejected(rejected) => {
                    watch.rejected(role, &rejected)?;
                    continue;
                }
            };
            if plan.without_task {
                event.task = None;
            }
            let input = Input::Event { event: &event, trust: Trust::Revoke, arrival: None, phase };
            engine.handle(input, &mut outputs);
            let mut outputs = outputs.drain(..);
            let Some(Output::Assessed(assessment)) = outputs.next() else {
                return Err(DriveError::Unassessed(event.id.into()).into());
            };
            if role == Role::Learn {
                watch.learned(&event, &assessment)?;
                continue;
            }
            watch.assessed(&event, &assessment)?;
            for output in outputs {
                match output {
                    Output::Alert(alert) => watch.alerted(*alert)?,
                    Output::Revocation(revocation) => watch.revoked(*revocation)?,
                    Output::Assessed(_) => return Err(DriveError::Unassessed(event.id.into()).into()),
                }
            }
        }
        if role == Role::Learn {
            engine.publish();
            watch.published()?;
        }
    }
    Ok(())
}
