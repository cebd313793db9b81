//! `summary.json`: what was replayed and what came of it.

mod breakdown;

use std::collections::BTreeMap;

use models::config::EngineConfig;
use models::event::{RejectionCode, Timestamp};
use serde::{Deserialize, Serialize};

use crate::provenance::Provenance;
use crate::quality::{Judgement, Quality};
use crate::verdict::Handed;

pub use breakdown::{Breakdown, Capped, DimensionLine, IdentityLine, TimeLine, UseLine};

/// Marks a folder as the result of a replay.
pub const FORMAT: &str = "driftwatch-replay/1";

/// Counts of the history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// Events handed to the engine.
    pub events: u64,
    /// Lines that are no events.
    pub quarantined: u64,
}

/// How the promise compares with what happened. Alerts are true and false ones together: the promise is about false ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BudgetFigures {
    /// False alerts per 1,000 identity-days that the configuration accepts.
    pub promised_false_alerts_per_1000_identity_days: f64,
    /// Alerts opened, true and false, per 1,000 identity-days; absent without an identity-day.
    pub alerts_per_1000_identity_days: Option<f64>,
    /// False revocations per million identity-days that the configuration accepts.
    pub promised_false_revocations_per_million_identity_days: f64,
    /// Revocations that would have been requested, true and false.
    pub revocations: u64,
}

/// How long it took. The only part of a result that differs between two runs of the same files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timing {
    /// Wall time of learning and scoring, over all processes if it was resumed.
    pub seconds: f64,
    /// Events learned and scored a second.
    pub events_per_second: f64,
    /// Threads that decoded.
    pub threads: usize,
}

/// Everything a result says in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// [`FORMAT`].
    pub format: &'static str,
    /// Digest of scores, decisions and alerts: see `run::Digest`.
    pub digest: String,
    /// What it was made from and with.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The engine's settings, without the key.
    pub settings: EngineConfig,
    /// Whether scored events were kept from being learned.
    pub frozen: bool,
    /// The history.
    pub learned: Learned,
    /// Events scored, in all outcomes.
    pub events: u64,
    /// Lines among them that are no events.
    pub quarantined: u64,
    /// Lines that are no events, learned ones included, by reason.
    pub rejected: BTreeMap<RejectionCode, u64>,
    /// Events by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Events by decision.
    pub decisions: BTreeMap<&'static str, u64>,
    /// Identities among the scored events.
    pub identities: u64,
    /// Their sessions.
    pub sessions: u64,
    /// Earliest event time scored.
    pub first: Option<Timestamp>,
    /// Latest event time scored.
    pub last: Option<Timestamp>,
    /// Sum over UTC days of the identities that acted on that day.
    pub identity_days: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// Revocations that would have been requested.
    pub revocations: u64,
    /// The promise beside what happened.
    pub budget: BudgetFigures,
    /// What labels say of the scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// What labels say of the alerts and revocations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
    /// What was changed about the scored events, as it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub what_if: Vec<String>,
    /// What became of the verdicts, where there were any to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<Handed>,
    /// What would have fired, and where.
    pub breakdown: Breakdown,
    /// What a reader has to know before believing the numbers.
    pub notes: Vec<String>,
    /// How long it took.
    pub timing: Timing,
}
