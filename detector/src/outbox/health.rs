//! How each endpoint is doing: for the console, and for the worker's decision how much to ask of it.

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};

use super::queue::unwritable;
use super::state::column_error;
use super::{audit, queue};
use crate::webhook::{Endpoint, Outcome};

/// Failures in a row from which an endpoint counts as not answering: from then on one message at a time probes it.
pub(super) const OPEN_AFTER: u32 = 3;

/// What an endpoint is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// Nothing was ever sent to it.
    Idle,
    /// It took the newest message.
    Healthy,
    /// It did not take the newest attempts; tried again by itself.
    Failing,
    /// It answered 410: nothing is sent until it is enabled, or has another URL. What waits for it stays until it expires.
    Disabled,
}

impl EndpointState {
    /// The name in the API and console.
    pub fn as_str(self) -> &'static str {
        match self {
            EndpointState::Idle => "idle",
            EndpointState::Healthy => "healthy",
            EndpointState::Failing => "failing",
            EndpointState::Disabled => "disabled",
        }
    }
}

/// One endpoint as people see it. Times are wall clock, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointHealth {
    /// Its name.
    pub name: String,
    /// Scheme, host and port of its URL: a path may hold a secret.
    pub origin: String,
    /// What it is doing.
    pub state: EndpointState,
    /// When it last took a message.
    pub last_success_at: Option<i64>,
    /// Attempts in a row that it could not take.
    pub consecutive_failures: u32,
    /// What went wrong last; escaped and bounded.
    pub last_error: Option<String>,
    /// When.
    pub last_error_at: Option<i64>,
    /// Messages that wait for it.
    pub pending: u64,
    /// When the oldest of them was queued.
    pub oldest_pending_at: Option<i64>,
}

/// Every configured endpoint, in the order of the configuration.
///
/// # Errors
/// When the database cannot be read.
pub fn health(db: &Connection, endpoints: &[Endpoint]) -> rusqlite::Result<Vec<EndpointHealth>> {
    endpoints.iter().map(|endpoint| health_of(db, endpoint)).collect()
}

fn health_of(db: &Connection, endpoint: &Endpoint) -> rusqlite::Result<EndpointHealth> {
    let record = Record::load(db, endpoint.name())?;
    let (last_success_at, pending, oldest_pending_at): (Option<i64>, i64, Option<i64>) = db
        .prepare_cached(
            "SELECT max(delivered_at), count(*) FILTER (WHERE state IN ('pending', 'rejected')),
                    min(created_at) FILTER (WHERE state IN ('pending', 'rejected')) FROM outbox WHERE endpoint = ?1",
        )?
        .query_row([endpoint.name()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let state = if record.is_disabled(endpoint) {
        EndpointState::Disabled
    } else if record.failures > 0 || (record.last_error_at > last_success_at) {
        EndpointState::Failing
    } else if last_success_at.is_some() {
        EndpointState::Healthy
    } else {
        EndpointState::Idle
    };
    Ok(EndpointHealth {
        name: endpoint.name().to_owned(),
        origin: endpoint.url().origin().ascii_serialization(),
        state,
        last_success_at,
        consecutive_failures: record.failures,
        last_error: record.last_error,
        last_error_at: record.last_error_at,
        pending: pending.unsigned_abs(),
        oldest_pending_at,
    })
}

/// Sends to an endpoint again that had answered 410. The worker notices within ten seconds.
///
/// # Errors
/// When the database cannot be written.
pub fn enable(tx: &Transaction<'_>, endpoint: &str, actor: &str, now_ms: i64) -> rusqlite::Result<()> {
    let record = Record { disabled: None, failures: 0, ..Record::load(tx, endpoint)? };
    record.save(tx, endpoint)?;
    queue::hasten(tx, endpoint, now_ms)?;
    audit(tx, now_ms, actor, "endpoint_enabled", endpoint, &serde_json::json!({}))
}

/// What is remembered of an endpoint, in `meta` under `endpoint:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    /// Attempts in a row that it could not take.
    pub(super) failures: u32,
    last_error: Option<String>,
    last_error_at: Option<i64>,
    disabled: Option<Disabled>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Disabled {
    at: i64,
    /// Under which URL it wanted nothing more: another one is another place.
    url: String,
}

impl Record {
    pub(super) fn load(db: &Connection, endpoint: &str) -> rusqlite::Result<Self> {
        let text: Option<String> = db
            .prepare_cached("SELECT value FROM meta WHERE name = 'endpoint:' || ?1")?
            .query_row([endpoint], |row| row.get(0))
            .optional()?;
        text.map_or_else(
            || Ok(Self::default()),
            |text| serde_json::from_str(&text).map_err(|error| column_error(0, error)),
        )
    }

    fn save(&self, tx: &Transaction<'_>, endpoint: &str) -> rusqlite::Result<()> {
        let text = serde_json::to_string(self).map_err(unwritable)?;
        tx.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES ('endpoint:' || ?1, ?2)")?
            .execute((endpoint, text))?;
        Ok(())
    }

    /// Whether it wanted nothing more at the URL that is configured.
    pub(super) fn is_disabled(&self, endpoint: &Endpoint) -> bool {
        self.disabled.as_ref().is_some_and(|disabled| disabled.url == endpoint.url().as_str())
    }

    /// Takes in how an attempt ended, and stores it.
    pub(super) fn observe(
        tx: &Transaction<'_>,
        endpoint: &Endpoint,
        outcome: &Outcome,
        now_ms: i64,
    ) -> rusqlite::Result<Self> {
        let mut record = Self::load(tx, endpoint.name())?;
        let before = record.clone();
        if let Some(detail) = outcome.detail() {
            record.last_error = Some(detail.to_owned());
            record.last_error_at = Some(now_ms);
        }
        match outcome {
            // A refusal is an answer: the receiver is there.
            Outcome::Delivered | Outcome::Rejected { .. } => record.failures = 0,
            Outcome::Unavailable { .. } | Outcome::RetryAfter { .. } => {
                record.failures = record.failures.saturating_add(1);
            }
            Outcome::Gone => {
                record.disabled = Some(Disabled { at: now_ms, url: endpoint.url().to_string() });
                let detail = serde_json::json!({ "reason": "410 Gone" });
                audit(tx, now_ms, "driftwatch", "endpoint_disabled", endpoint.name(), &detail)?;
            }
        }
        if record != before {
            record.save(tx, endpoint.name())?;
        }
        Ok(record)
    }
}
