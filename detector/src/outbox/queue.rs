//! The rows of the outbox: all SQL that adds, reads and settles them.

use std::time::Duration;

use models::decision::Revocation;
use models::event::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::message::{self, UNDO_SUFFIX};
use super::plan::Waiting;
use super::state::{Change, RevocationState, set_state};
use crate::webhook::{Endpoint, Outcome};

/// Queues a revocation for every endpoint, inside the engine's transaction and after its row in `revocations`. Doing it
/// again changes nothing. With no endpoint there is nobody to tell, and the revocation has failed.
///
/// # Errors
/// When the database cannot be written.
pub fn enqueue(
    tx: &Transaction<'_>,
    revocation: &Revocation,
    endpoints: &[Endpoint],
    now_ms: i64,
) -> rusqlite::Result<()> {
    enqueue_as(tx, revocation, endpoints, &requested(revocation, now_ms)?, now_ms)
}

/// The exact bytes that ask for a revocation, as of `now_ms`.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn requested(revocation: &Revocation, now_ms: i64) -> rusqlite::Result<String> {
    message::requested(revocation, Timestamp::from_millis(now_ms)).map_err(unwritable)
}

/// [`enqueue`] with bytes that were made before.
pub(crate) fn enqueue_as(
    tx: &Transaction<'_>,
    revocation: &Revocation,
    endpoints: &[Endpoint],
    body: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    if endpoints.is_empty() {
        return set_state(tx, &revocation.id.0, RevocationState::Failed, now_ms).map(drop);
    }
    for endpoint in endpoints {
        insert(tx, &revocation.id.0, revocation, endpoint, body, now_ms)?;
    }
    Ok(())
}

/// Adds one row unless it is there.
pub(super) fn insert(
    tx: &Transaction<'_>,
    id: &str,
    revocation: &Revocation,
    endpoint: &Endpoint,
    body: &str,
    now_ms: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO outbox (id, endpoint, tenant, identity, created_at, expires_at, next_at, attempts, state, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, 0, 'pending', ?7)",
    )?
    .execute((
        id,
        endpoint.name(),
        &*revocation.tenant,
        &*revocation.identity,
        now_ms,
        revocation.expires_at.map(milliseconds),
        body,
    ))?;
    Ok(())
}

/// Everything that waits for an endpoint, in order of creation.
pub(super) fn waiting(db: &Connection, endpoint: &str, max_age: Duration) -> rusqlite::Result<Vec<Waiting>> {
    let max_age_ms = i64::try_from(max_age.as_millis()).unwrap_or(i64::MAX);
    db.prepare_cached(
        "SELECT id, tenant, identity, attempts, next_at, coalesce(expires_at, created_at + ?2), state = 'rejected'
         FROM outbox WHERE endpoint = ?1 AND state IN ('pending', 'rejected') ORDER BY created_at, id",
    )?
    .query_map((endpoint, max_age_ms), |row| {
        Ok(Waiting {
            id: row.get(0)?,
            tenant: row.get(1)?,
            identity: row.get(2)?,
            attempts: row.get(3)?,
            next_at: row.get(4)?,
            deadline: row.get(5)?,
            rejected: row.get(6)?,
        })
    })?
    .collect()
}

/// The exact bytes to send; `None` if the row waits no longer.
pub(crate) fn body(db: &Connection, id: &str, endpoint: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT body FROM outbox WHERE id = ?1 AND endpoint = ?2 AND state IN ('pending', 'rejected')")?
        .query_row((id, endpoint), |row| row.get(0))
        .optional()
}

/// Records how an attempt ended; `next_at` is when to try again. A row that was settled meanwhile stays as it is.
pub(super) fn record(
    tx: &Transaction<'_>,
    id: &str,
    endpoint: &str,
    outcome: &Outcome,
    next_at: i64,
    now_ms: i64,
) -> rusqlite::Result<Change> {
    if *outcome == Outcome::Delivered {
        let settled = tx
            .prepare_cached(
                "UPDATE outbox SET state = 'delivered', attempts = attempts + 1, delivered_at = ?3, last_error = NULL
                 WHERE id = ?1 AND endpoint = ?2 AND state IN ('pending', 'rejected')",
            )?
            .execute((id, endpoint, now_ms))?;
        // The id of an undo names no revocation, and a revocation that was undone meanwhile refuses the move.
        return if settled > 0 { set_state(tx, id, RevocationState::Delivered, now_ms) } else { Ok(Change::Unknown) };
    }
    let rejected = matches!(outcome, Outcome::Rejected { .. });
    tx.prepare_cached(
        "UPDATE outbox SET attempts = attempts + 1, next_at = ?3, last_error = ?4,
                           state = CASE WHEN ?5 THEN 'rejected' ELSE state END
         WHERE id = ?1 AND endpoint = ?2 AND state IN ('pending', 'rejected')",
    )?
    .execute((id, endpoint, next_at, outcome.detail(), rejected))?;
    Ok(Change::Already)
}

/// Gives a row up.
pub(super) fn give_up(
    tx: &Transaction<'_>,
    id: &str,
    endpoint: &str,
    state: RevocationState,
    now_ms: i64,
) -> rusqlite::Result<Change> {
    tx.prepare_cached(
        "UPDATE outbox SET state = ?3 WHERE id = ?1 AND endpoint = ?2 AND state IN ('pending', 'rejected')",
    )?
    .execute((id, endpoint, state.as_str()))?;
    conclude(tx, id, now_ms)
}

/// Gives up everything that waits for an endpoint that is configured no more.
pub(super) fn retire(tx: &Transaction<'_>, configured: &[&str], now_ms: i64) -> rusqlite::Result<Vec<String>> {
    let orphans: Vec<(String, String)> = tx
        .prepare_cached("SELECT id, endpoint FROM outbox WHERE state IN ('pending', 'rejected')")?
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let orphans = orphans.into_iter().filter(|(_, endpoint)| !configured.contains(&endpoint.as_str()));
    let mut failed = Vec::new();
    for (id, endpoint) in orphans {
        tx.prepare_cached("UPDATE outbox SET last_error = ?3 WHERE id = ?1 AND endpoint = ?2")?.execute((
            &id,
            &endpoint,
            "the endpoint is not configured any more",
        ))?;
        give_up(tx, &id, &endpoint, RevocationState::Failed, now_ms)?;
        failed.push(id);
    }
    Ok(failed)
}

/// A revocation that nobody has received and nobody will: `expired` if time ran out anywhere, `failed` otherwise.
fn conclude(tx: &Transaction<'_>, id: &str, now_ms: i64) -> rusqlite::Result<Change> {
    if id.ends_with(UNDO_SUFFIX) {
        return Ok(Change::Unknown);
    }
    let (open, expired): (i64, i64) = tx
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE state IN ('pending', 'rejected', 'delivered')),
                    count(*) FILTER (WHERE state = 'expired') FROM outbox WHERE id = ?1",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match (open, expired) {
        (0, 0) => set_state(tx, id, RevocationState::Failed, now_ms),
        (0, _) => set_state(tx, id, RevocationState::Expired, now_ms),
        _ => Ok(Change::Already),
    }
}

/// Delivered revocations whose credential has died by itself since, unconfirmed: nothing is left to wait for.
pub(crate) fn expire_delivered(tx: &Transaction<'_>, now_ms: i64) -> rusqlite::Result<u64> {
    let over: Vec<String> = tx
        .prepare_cached(
            "SELECT DISTINCT revocations.id FROM revocations JOIN outbox USING (id)
             WHERE revocations.state = 'delivered' AND outbox.expires_at <= ?1
               AND NOT EXISTS (SELECT 1 FROM outbox AS open WHERE open.id = revocations.id
                                                              AND open.state IN ('pending', 'rejected'))",
        )?
        .query_map([now_ms], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut moved = 0;
    for id in over {
        moved += u64::from(set_state(tx, &id, RevocationState::Expired, now_ms)?.moved());
    }
    Ok(moved)
}

/// Makes everything that waits for an endpoint due: it answers again.
pub(super) fn hasten(tx: &Transaction<'_>, endpoint: &str, now_ms: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE outbox SET next_at = min(next_at, ?2) WHERE endpoint = ?1 AND state = 'pending'")?
        .execute((endpoint, now_ms))?;
    Ok(())
}

pub(super) fn milliseconds(time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(1_000_000)
}

pub(super) fn unwritable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
