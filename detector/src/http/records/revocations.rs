//! Revocations as rows, with what became of each at every endpoint, and who did what to them.

use models::decision::Revocation;
use rusqlite::{Connection, Error, OptionalExtension, Row, named_params};
use serde::Serialize;

use super::{Cursor, Page, body, count, feed, page};

/// A revocation and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RevocationRecord {
    /// The request as the engine wrote it.
    #[serde(flatten)]
    pub(crate) revocation: Revocation,
    /// Position in the change feed.
    pub(crate) seq: i64,
    /// `requested`, `delivered`, `confirmed`, `still_used`, `failed`, `expired` or `undone`.
    pub(crate) state: String,
    /// Since when, milliseconds of wall clock.
    pub(crate) state_at_ms: i64,
    /// When it was requested, milliseconds of wall clock.
    pub(crate) requested_at_ms: i64,
    /// One entry an endpoint.
    pub(crate) deliveries: Vec<Delivery>,
}

/// What became of a revocation at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Delivery {
    /// Name of the webhook.
    pub(crate) endpoint: String,
    /// `pending`, `delivered`, `failed` or `expired`.
    pub(crate) state: String,
    /// Attempts so far.
    pub(crate) attempts: u32,
    /// When the next attempt is due, milliseconds of wall clock.
    pub(crate) next_at_ms: i64,
    /// Why the last attempt failed.
    pub(crate) last_error: Option<String>,
    /// When it was accepted, milliseconds of wall clock.
    pub(crate) delivered_at_ms: Option<i64>,
}

/// Deliveries of one endpoint by state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct EndpointHealth {
    /// Name of the webhook.
    pub(crate) endpoint: String,
    /// Waiting, or between two attempts.
    pub(crate) pending: u64,
    /// Accepted.
    pub(crate) delivered: u64,
    /// Given up.
    pub(crate) failed: u64,
    /// Not accepted before the credential expired by itself.
    pub(crate) expired: u64,
    /// When one was last accepted, milliseconds of wall clock.
    pub(crate) last_delivered_at_ms: Option<i64>,
    /// The error of a delivery that is still pending.
    pub(crate) pending_error: Option<String>,
}

impl EndpointHealth {
    /// An endpoint that has had nothing to do yet.
    pub(crate) fn idle(endpoint: String) -> Self {
        Self {
            endpoint,
            pending: 0,
            delivered: 0,
            failed: 0,
            expired: 0,
            last_delivered_at_ms: None,
            pending_error: None,
        }
    }
}

/// One line of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AuditEntry {
    /// When, milliseconds of wall clock.
    pub(crate) at_ms: i64,
    /// Who.
    pub(crate) actor: String,
    /// Did what.
    pub(crate) action: String,
    /// In other words.
    pub(crate) detail: String,
}

const FIELDS: &str = "seq, state, state_at, requested_at, body";

/// A page of revocations, newest first, in one state or in all.
pub(crate) fn list(
    conn: &Connection,
    state: Option<&str>,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<RevocationRecord>, Error> {
    let sql = format!(
        "SELECT {FIELDS} FROM revocations WHERE (:state IS NULL OR state = :state) \
         AND (:at IS NULL OR (requested_at, id) < (:at, :id)) ORDER BY requested_at DESC, id DESC LIMIT :limit"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let params = named_params! {
        ":state": state,
        ":at": after.map(|c| c.at),
        ":id": after.map(|c| c.id.as_str()),
        ":limit": i64::from(limit) + 1,
    };
    let mut rows = statement.query_map(params, record)?.collect::<Result<Vec<_>, _>>()?;
    for row in &mut rows {
        row.deliveries = deliveries(conn, &row.revocation.id.0)?;
    }
    let feed = feed::newest(conn)?;
    Ok(page(rows, limit, feed, |last| Cursor { at: last.requested_at_ms, id: last.revocation.id.to_string() }))
}

/// One revocation.
pub(crate) fn one(conn: &Connection, id: &str) -> Result<Option<RevocationRecord>, Error> {
    let sql = format!("SELECT {FIELDS} FROM revocations WHERE id = :id");
    let found = conn.prepare_cached(&sql)?.query_row(named_params! { ":id": id }, record).optional()?;
    let Some(mut found) = found else { return Ok(None) };
    found.deliveries = deliveries(conn, id)?;
    Ok(Some(found))
}

/// Deliveries of every endpoint, by state.
pub(crate) fn endpoints(conn: &Connection) -> Result<Vec<EndpointHealth>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT endpoint, sum(state = 'pending'), sum(state = 'delivered'), sum(state = 'failed'), \
         sum(state = 'expired'), max(delivered_at), max(CASE WHEN state = 'pending' THEN last_error END) \
         FROM outbox GROUP BY endpoint ORDER BY endpoint",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(EndpointHealth {
            endpoint: row.get(0)?,
            pending: count(row, 1)?,
            delivered: count(row, 2)?,
            failed: count(row, 3)?,
            expired: count(row, 4)?,
            last_delivered_at_ms: row.get(5)?,
            pending_error: row.get(6)?,
        })
    })?;
    rows.collect()
}

/// What was done to an object (an alert or a revocation), oldest first.
pub(crate) fn audit(conn: &Connection, object: &str) -> Result<Vec<AuditEntry>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT at, actor, action, detail FROM audit WHERE object = :object ORDER BY seq LIMIT 100")?;
    let rows = statement.query_map(named_params! { ":object": object }, |row| {
        Ok(AuditEntry { at_ms: row.get(0)?, actor: row.get(1)?, action: row.get(2)?, detail: row.get(3)? })
    })?;
    rows.collect()
}

fn deliveries(conn: &Connection, id: &str) -> Result<Vec<Delivery>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT endpoint, state, attempts, next_at, last_error, delivered_at FROM outbox WHERE id = :id ORDER BY endpoint",
    )?;
    let rows = statement.query_map(named_params! { ":id": id }, |row| {
        Ok(Delivery {
            endpoint: row.get(0)?,
            state: row.get(1)?,
            attempts: row.get(2)?,
            next_at_ms: row.get(3)?,
            last_error: row.get(4)?,
            delivered_at_ms: row.get(5)?,
        })
    })?;
    rows.collect()
}

fn record(row: &Row<'_>) -> Result<RevocationRecord, Error> {
    Ok(RevocationRecord {
        revocation: body(4, row.get_ref(4)?.as_str()?)?,
        seq: row.get(0)?,
        state: row.get(1)?,
        state_at_ms: row.get(2)?,
        requested_at_ms: row.get(3)?,
        deliveries: Vec::new(),
    })
}
