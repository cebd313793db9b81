//! Revocations as rows, with what became of each at every endpoint, and who did what to them.

use models::decision::Revocation;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Row, named_params};
use serde::Serialize;

use super::{Cursor, Page, body, feed, page};
use crate::outbox::{RevocationState, UNDO_SUFFIX};

/// A revocation and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RevocationRecord {
    /// The request as the engine wrote it.
    #[serde(flatten)]
    pub(crate) revocation: Revocation,
    /// Position in the change feed.
    pub(crate) seq: i64,
    /// How far it has come.
    pub(crate) state: RevocationState,
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
    /// Whether it is about taking the revocation back.
    pub(crate) undo: bool,
    /// `pending`, `rejected`, `delivered`, `failed` or `expired`.
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
    state: Option<RevocationState>,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<RevocationRecord>, Error> {
    let sql = format!(
        "SELECT {FIELDS} FROM revocations WHERE (:state IS NULL OR state = :state) \
         AND (:at IS NULL OR (requested_at, id) < (:at, :id)) ORDER BY requested_at DESC, id DESC LIMIT :limit"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let params = named_params! {
        ":state": state.map(RevocationState::as_str),
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

/// What was done to an object (an alert or a revocation), oldest first.
pub(crate) fn audit(conn: &Connection, object: &str) -> Result<Vec<AuditEntry>, Error> {
    let mut statement = conn
        .prepare_cached("SELECT at, actor, action, detail FROM audit WHERE object = :object ORDER BY seq LIMIT 100")?;
    let rows = statement.query_map(named_params! { ":object": object }, |row| {
        Ok(AuditEntry { at_ms: row.get(0)?, actor: row.get(1)?, action: row.get(2)?, detail: row.get(3)? })
    })?;
    rows.collect()
}

fn deliveries(conn: &Connection, id: &str) -> Result<Vec<Delivery>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT endpoint, id <> :id, state, attempts, next_at, last_error, delivered_at FROM outbox \
         WHERE id IN (:id, :id || :undo) ORDER BY id, endpoint",
    )?;
    let rows = statement.query_map(named_params! { ":id": id, ":undo": UNDO_SUFFIX }, |row| {
        Ok(Delivery {
            endpoint: row.get(0)?,
            undo: row.get(1)?,
            state: row.get(2)?,
            attempts: row.get(3)?,
            next_at_ms: row.get(4)?,
            last_error: row.get(5)?,
            delivered_at_ms: row.get(6)?,
        })
    })?;
    rows.collect()
}

fn record(row: &Row<'_>) -> Result<RevocationRecord, Error> {
    Ok(RevocationRecord {
        revocation: body(4, row.get_ref(4)?.as_str()?)?,
        seq: row.get(0)?,
        state: state(1, row)?,
        state_at_ms: row.get(2)?,
        requested_at_ms: row.get(3)?,
        deliveries: Vec::new(),
    })
}

/// A state column.
pub(super) fn state(column: usize, row: &Row<'_>) -> Result<RevocationState, Error> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|e| Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))
}
