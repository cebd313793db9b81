//! Hands history to the engine: what is to be learned, then what is to be scored.

mod stage;

use std::num::NonZeroUsize;
use std::time::Duration;

use models::alert::Alert;
use models::assessment::Assessment;
use models::config::CheckedConfig;
use models::decision::Revocation;
use models::engine::{Considered, Output};
use models::event::{Event, Timestamp};
use serde::Serialize;

pub use stage::{Drive, Place, Stage, Step};

use crate::inject::Made;
use crate::trace::{Rejected, Surveyed, TraceError};

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
    /// Policies that look on, see [`models::engine::Engine::consider`].
    pub policies: &'a [CheckedConfig],
    /// History, learned without alerting.
    pub learn: &'a [Surveyed],
    /// Scored after it.
    pub events: &'a [Surveyed],
    /// Whether `events` is one recorded file that is told to the engine as it was told when it was recorded.
    pub as_recorded: bool,
    /// Whether scored events are kept from being learned.
    pub freeze: bool,
    /// Whether the field `task` is taken out of every event first.
    pub without_task: bool,
    /// With a half of the tasks, only sessions of that half are scored, and only the others are learned.
    pub new_tasks: Option<Half>,
    /// Added to the time of every scored event.
    pub shift: Duration,
    /// How many threads decode.
    pub threads: NonZeroUsize,
}

/// Which part of the scored files is used, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// No event before this time.
    pub from: Option<Timestamp>,
    /// No event at or after this time.
    pub until: Option<Timestamp>,
    /// This long from the first event on, events are learned without alerting, as if they were history.
    pub warmup: Duration,
}

/// One of the two halves into which the tasks of a set fall by a hash of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Tasks with an even hash.
    Even,
    /// Tasks with an odd one.
    Odd,
}

impl Half {
    /// Both, in order.
    pub const ALL: [Half; 2] = [Half::Even, Half::Odd];

    /// Whether a task is in this half; an event without a task counts as of a task without a name.
    pub fn holds(self, task: Option<&str>) -> bool {
        // FNV-1a (Fowler, Noll & Vo), 64 bits: written out, because a hash of the library may change with it. Its lowest
        // bit alone is the parity of the bytes, so all bits are folded.
        let hash = task
            .unwrap_or_default()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (hash.count_ones() % 2 == 1) == (self == Half::Odd)
    }
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

    /// An attack was put in, and this says what it is; its events follow.
    ///
    /// # Errors
    /// To stop the replay.
    fn labelled(&mut self, _made: &Made) -> Result<(), Self::Error> {
        Ok(())
    }

    /// What the policies that look on made of the newest event, which was assessed before.
    ///
    /// # Errors
    /// To stop the replay.
    fn considered(&mut self, _event: &Event, _considered: &[Considered]) -> Result<(), Self::Error> {
        Ok(())
    }

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
    #[error("the engine gave {assessed} assessments of event `{id}` instead of one; please report this with the event")]
    Assessed {
        /// The event.
        id: String,
        /// How many there were.
        assessed: usize,
    },
}

/// Learns `plan.learn`, publishes, scores of `plan.events` what is in the window; `watch` sees everything.
///
/// # Errors
/// When a file cannot be read or `watch` stops the replay.
pub fn drive<W: Watch>(plan: &Plan<'_>, window: Window, watch: &mut W) -> Result<(), W::Error> {
    let mut drive = Drive::start(plan.clone(), window, &std::env::temp_dir());
    let mut outputs = Vec::new();
    while let Some(step) = drive.next(&mut outputs).map_err(W::Error::from)? {
        match step {
            Step::Handled { role, event } => {
                deliver(role, &event, &mut outputs, watch)?;
                if role == Role::Events && !plan.policies.is_empty() {
                    watch.considered(&event, drive.considered())?;
                }
            }
            Step::Rejected { role, rejected } => watch.rejected(role, &rejected)?,
            Step::Labelled(made) => watch.labelled(&made)?,
            Step::Published => watch.published()?,
        }
    }
    Ok(())
}

/// Hands on what the engine said of one event.
pub(crate) fn deliver<W: Watch>(
    role: Role,
    event: &Event,
    outputs: &mut Vec<Output>,
    watch: &mut W,
) -> Result<(), W::Error> {
    for output in outputs.drain(..) {
        match (output, role) {
            (Output::Assessed(assessment), Role::Learn) => watch.learned(event, &assessment)?,
            (Output::Assessed(assessment), Role::Events) => watch.assessed(event, &assessment)?,
            (Output::Alert(alert), Role::Events) => watch.alerted(*alert)?,
            (Output::Revocation(revocation), Role::Events) => watch.revoked(*revocation)?,
            (Output::Alert(_) | Output::Revocation(_), Role::Learn) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_in_one_half_and_neither_half_is_empty() {
        let tasks: Vec<String> = (0..40).map(|i| format!("user_task_{i}")).collect();
        let count = |half: Half| tasks.iter().filter(|task| half.holds(Some(task))).count();
        let [even, odd] = Half::ALL.map(count);
        assert_eq!(even + odd, 40);
        assert!((12..=28).contains(&even), "{even}");
        assert_ne!(Half::Even.holds(None), Half::Odd.holds(None));
    }
}
