//! The engine: an input in, outputs out. No IO, no clock; time moves by events and ticks.

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, AlertId};
use crate::assessment::Assessment;
use crate::config::CheckedConfig;
use crate::decision::{Revocation, Verdict};
use crate::event::{Event, Timestamp};
use crate::view::{EngineView, IdentityView};

/// How far an event's source is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Its events can raise alerts, but never revoke on their own.
    #[default]
    Observe,
    /// Its events may lead to revocations.
    Revoke,
}

/// Whether an event is learned from and acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// History: learned, scored, never alerted.
    Warmup,
    /// Scored, alerted, and learned unless suspicious.
    #[default]
    Live,
    /// Scored and alerted against a baseline that stays as it is.
    Frozen,
}

/// What the engine can be told.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Something happened.
    Event {
        /// The action.
        event: &'a Event,
        /// How far its source is trusted.
        trust: Trust,
        /// When it reached us; `None` in replay, where nothing is stale.
        arrival: Option<Timestamp>,
        /// Whether it is learned from and acted upon.
        phase: Phase,
    },
    /// Time passed without events: idle sessions and episodes are closed.
    Tick(Timestamp),
    /// An analyst settled an alert.
    Verdict {
        /// Which alert.
        alert: &'a AlertId,
        /// Tenant of the alert.
        tenant: &'a str,
        /// Identity of the alert.
        identity: &'a str,
        /// What it was.
        verdict: Verdict,
    },
    /// A second person closed the brake again.
    ReleaseBrake,
}

/// What the engine has to say. An event gives exactly one `Assessed`, first.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// What was found out about the event.
    Assessed(Assessment),
    /// An alert was opened, updated or closed; always the whole alert.
    Alert(Box<Alert>),
    /// A revocation is to be requested.
    Revocation(Box<Revocation>),
}

/// What changed since the last checkpoint, to be stored in one transaction with the source's position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Blobs by key. Each replaces the one stored under the same key. Keys are at most 64 bytes.
    pub put: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Why stored state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Written by another version.
    #[error(
        "the stored state has format {found}; this build reads format {expected}: use the matching version or move the database away"
    )]
    Format {
        /// Format number found.
        found: u32,
        /// Format number that this build reads.
        expected: u32,
    },
    /// Another fingerprint key.
    #[error(
        "the stored state was made with another `engine.fingerprint_key`: restore the old key or move the database away"
    )]
    Key,
    /// Not readable.
    #[error("the stored state is damaged at key {0}: restore a backup or move the database away")]
    Damaged(String),
}

/// All detection state.
#[derive(Debug)]
pub struct Engine {
    config: CheckedConfig,
}

impl Engine {
    /// An engine that knows nothing.
    pub fn new(config: CheckedConfig) -> Self {
        Self { config }
    }

    /// An engine with the state of earlier checkpoints: for every key the newest blob.
    ///
    /// # Errors
    /// When the state was written by another format or key, or is damaged.
    pub fn restore(
        config: CheckedConfig,
        blobs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, RestoreError> {
        let _ = blobs;
        Ok(Self::new(config))
    }

    /// Takes one input and appends what follows from it to `out`.
    pub fn handle(&mut self, input: Input<'_>, out: &mut Vec<Output>) {
        let _ = (input, out, &self.config);
    }

    /// Everything that changed since the last call.
    pub fn checkpoint(&mut self) -> Checkpoint {
        Checkpoint::default()
    }

    /// What is known of one identity.
    pub fn identity(&self, tenant: &str, identity: &str) -> Option<IdentityView> {
        let _ = (tenant, identity);
        None
    }

    /// The engine as a whole.
    pub fn view(&self) -> EngineView {
        unimplemented!()
    }

    /// Publishes what has been learned so far to the shared tables at once, as at the end of an epoch: between
    /// learning a baseline and scoring against it.
    pub fn publish(&mut self) {}
}
