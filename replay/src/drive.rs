//! Hands history to the engine: what is to be learned, then what is to be scored.

use std::num::NonZeroUsize;
use std::time::Duration;

use models::alert::Alert;
use models::assessment::Assessment;
use models::config::CheckedConfig;
use models::decision::Revocation;
use models::engine::{Considered, Engine, Input, Output, Phase, Trust};
use models::event::{Event, Timestamp};
use serde::Serialize;

use crate::trace::{Item, Rejected, Surveyed, Trace, TraceError};
use crate::verdict::Settlement;

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
    /// Policies that look on, see [`Engine::consider`].
    pub policies: &'a [CheckedConfig],
    /// History, learned without alerting.
    pub learn: &'a [Surveyed],
    /// Scored after it.
    pub events: &'a [Surveyed],
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

    /// What the policies that look on made of the newest event, which was assessed before.
    ///
    /// # Errors
    /// To stop the replay.
    fn considered(&mut self, _event: &Event, _considered: &[Considered]) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The next verdict that is known at `now`, to be told to the engine before an event of that time.
    fn verdict(&mut self, _now: Timestamp) -> Option<Settlement> {
        None
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

/// Learns `plan.learn`, publishes, scores `plan.events`; `watch` sees everything.
///
/// # Errors
/// When a file cannot be read or `watch` stops the replay.
pub fn drive<W: Watch>(plan: &Plan<'_>, watch: &mut W) -> Result<(), W::Error> {
    let mut engine = Engine::new(plan.config.clone());
    engine.consider(plan.policies.to_vec());
    let mut outputs = Vec::new();
    for role in [Role::Learn, Role::Events] {
        let (files, phase) = match role {
            Role::Learn => (plan.learn, Phase::Warmup),
            Role::Events => (plan.events, if plan.freeze { Phase::Frozen } else { Phase::Live }),
        };
        for item in Trace::open(files, plan.threads).map_err(DriveError::from)? {
            let mut event = match item.map_err(DriveError::from)? {
                Item::Event(event) => event,
                Item::Rejected(rejected) => {
                    watch.rejected(role, &rejected)?;
                    continue;
                }
            };
            if plan.new_tasks.is_some_and(|half| half.holds(event.task.as_deref()) != (role == Role::Events)) {
                continue;
            }
            if plan.without_task {
                event.task = None;
            }
            if role == Role::Events {
                event.time = event.time.saturating_add(plan.shift);
            }
            while let Some(settled) = (role == Role::Events).then(|| watch.verdict(event.time)).flatten() {
                engine.handle(settled.input(), &mut outputs);
            }
            let input = Input::recorded(&event, Trust::Revoke, phase);
            engine.handle(input, &mut outputs);
            let assessed = deliver(role, &event, &mut outputs, watch)?;
            if assessed != 1 {
                return Err(DriveError::Assessed { id: event.id.into(), assessed }.into());
            }
            if role == Role::Events && !plan.policies.is_empty() {
                watch.considered(&event, engine.considered())?;
            }
        }
        if role == Role::Learn {
            // Without a history there is nothing to publish early: the engine then starts as it does live.
            if !plan.learn.is_empty() {
                engine.publish(&mut outputs);
                outputs.clear();
            }
            watch.published()?;
        }
    }
    Ok(())
}

/// Hands on what the engine said of one event; returns how many assessments there were.
fn deliver<W: Watch>(role: Role, event: &Event, outputs: &mut Vec<Output>, watch: &mut W) -> Result<usize, W::Error> {
    let mut assessed = 0;
    for output in outputs.drain(..) {
        match (output, role) {
            (Output::Assessed(assessment), Role::Learn) => {
                assessed += 1;
                watch.learned(event, &assessment)?;
            }
            (Output::Assessed(assessment), Role::Events) => {
                assessed += 1;
                watch.assessed(event, &assessment)?;
            }
            (Output::Alert(alert), Role::Events) => watch.alerted(*alert)?,
            (Output::Revocation(revocation), Role::Events) => watch.revoked(*revocation)?,
            (Output::Alert(_) | Output::Revocation(_), Role::Learn) => {}
        }
    }
    Ok(assessed)
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
