//! What the engine says of one event.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::alert::AlertId;
use crate::dimension::DimensionValues;

/// How one event ended. Every event ends in exactly one of these or in quarantine (before the engine sees it), so that
/// consumed = scored + duplicate + late + quarantined at every moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was scored (and learned, or kept from being learned).
    Scored,
    /// Its id had been seen for this identity: it changed nothing.
    Duplicate,
    /// It came longer after its identity's newest event than `engine.lateness`: it changed nothing.
    Late,
}

impl Outcome {
    /// The name in metrics and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Scored => "scored",
            Outcome::Duplicate => "duplicate",
            Outcome::Late => "late",
        }
    }
}

/// The ladder of responses to one event, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Usual behaviour, or not unusual enough for the budget.
    #[default]
    None,
    /// An alert would have been due, but the policy mode is `shadow`: recorded, told to nobody.
    Record,
    /// An alert was opened or updated.
    Alert,
    /// A revocation was requested.
    Revoke,
}

impl Decision {
    /// The name in tables and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::None => "none",
            Decision::Record => "record",
            Decision::Alert => "alert",
            Decision::Revoke => "revoke",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the engine says of one event: exactly one per event, in order.
///
/// All strengths are in nats, `-ln p`: 0 is what is seen all the time, 6.9 once in a thousand, 13.8 once in a million.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assessment {
    /// How the event ended. Unless `Scored`, the numbers below are 0 and `p` is 1.
    pub outcome: Outcome,
    /// The session the event was counted in: its own, or the one cut by silence.
    pub session: Box<str>,
    /// `-ln p` of this event among past events of comparable identities. Higher is stranger.
    pub score: f64,
    /// Probability of an event at least as strange, among past events.
    pub p: f64,
    /// `-ln p` for each dimension; `None` where the event says nothing about it.
    pub dimensions: DimensionValues<Option<f64>>,
    /// Accumulated evidence of the session so far, `-ln` of the rank of this session among past sessions. Never falls
    /// within a session.
    pub evidence: f64,
    /// Past sessions of this identity that stand behind the numbers.
    pub history_sessions: u32,
    /// How much the identity's own history counts against the fleet's, 0 to 1: `n / (n + 10)` after `n` sessions.
    pub maturity: f64,
    /// What is to be done.
    pub decision: Decision,
    /// The alert this event belongs to.
    pub alert: Option<AlertId>,
    /// Whether the baseline may learn from the event now (`false`: it waits until its session is cleared).
    pub learned: bool,
}
