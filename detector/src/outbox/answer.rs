//! What brokers and people do with a revocation after it was decided. Every act is audited.

use models::alert::{Alert, AlertKind};
use models::decision::Revocation;
use models::event::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::audit;
use super::message::{self, UNDO_SUFFIX};
use super::queue::{insert, milliseconds, unwritable};
use super::state::{Change, RevocationState, column_error, set_state, state_of};
use crate::store::feed;
use crate::webhook::Endpoint;

/// Most characters kept of a broker's explanation.
const MAX_DETAIL_CHARS: usize = 300;

/// What a broker says of a revocation: the body of `POST /v1/revocations/{id}/confirm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum Confirmation {
    /// It is done: the credential is dead.
    Revoked,
    /// It could not be done.
    Failed {
        /// Why, in one sentence.
        detail: String,
    },
}

/// Takes a broker's answer. The same answer again is `Already`.
///
/// # Errors
/// When the database cannot be written.
pub fn confirm(
    tx: &Transaction<'_>,
    id: &str,
    confirmation: &Confirmation,
    actor: &str,
    now_ms: i64,
) -> rusqlite::Result<Change> {
    let (next, detail) = match confirmation {
        Confirmation::Revoked => (RevocationState::Confirmed, json!({})),
        Confirmation::Failed { detail } => {
            let detail: String = detail.chars().take(MAX_DETAIL_CHARS).collect();
            (RevocationState::Failed, json!({ "detail": detail }))
        }
    };
    let change = set_state(tx, id, next, now_ms)?;
    if change.moved() {
        audit(tx, now_ms, actor, "revocation_answered", id, &with("state", next.as_str(), detail))?;
    }
    Ok(change)
}

/// Takes in that the engine saw a revoked credential in use: `still_used`, if a broker had the request by then. Use between
/// decision and delivery is what a revocation looks like from outside, and changes nothing (`Refused`).
///
/// # Errors
/// When the database cannot be read or written.
pub fn used_again(tx: &Transaction<'_>, alert: &Alert, now_ms: i64) -> rusqlite::Result<Change> {
    let id = match &alert.revocation {
        Some(revocation) if alert.kind == AlertKind::RevokedCredentialUsed => &*revocation.0,
        _ => return Ok(Change::Unknown),
    };
    let Some(state) = state_of(tx, id)? else { return Ok(Change::Unknown) };
    let delivered_at: Option<i64> =
        tx.prepare_cached("SELECT min(delivered_at) FROM outbox WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
    match delivered_at {
        Some(delivered_at) if milliseconds(alert.opened) > delivered_at => {
            set_state(tx, id, RevocationState::StillUsed, now_ms)
        }
        _ => Ok(Change::Refused(state)),
    }
}

/// Takes a revocation back: what was not delivered yet is not sent any more, and every endpoint is told, in order behind
/// what it may have received.
///
/// # Errors
/// When the database cannot be written.
pub fn undo(
    tx: &Transaction<'_>,
    id: &str,
    endpoints: &[Endpoint],
    actor: &str,
    reason: &str,
    now_ms: i64,
) -> rusqlite::Result<Change> {
    let change = set_state(tx, id, RevocationState::Undone, now_ms)?;
    let Some(revocation) = revocation(tx, id)?.filter(|_| change.moved()) else { return Ok(change) };
    tx.prepare_cached(
        "UPDATE outbox SET state = 'failed', last_error = 'undone before it was delivered'
         WHERE id = ?1 AND state IN ('pending', 'rejected')",
    )?
    .execute([id])?;
    // The first attempt may be under way while nothing says so yet; so everyone is told, not only who has answered.
    let body = message::undone(&revocation, Timestamp::from_millis(now_ms)).map_err(unwritable)?;
    // A token's end does not matter to its undoing, as a broker may have locked more than the token.
    let undoing = Revocation { expires_at: None, ..revocation };
    for endpoint in endpoints {
        insert(tx, &format!("{id}{UNDO_SUFFIX}"), &undoing, endpoint, &body, now_ms)?;
    }
    audit(tx, now_ms, actor, "revocation_undone", id, &json!({ "reason": bounded(reason) }))?;
    Ok(change)
}

/// Sends a revocation to every endpoint once more, with its old id and body: to be done by hand after an endpoint was
/// repaired. It is retried for the endpoint's `max_age`, even if the credential has expired.
///
/// `Moved` if it had failed or expired, `Already` if it goes out without a change of state.
///
/// # Errors
/// When the database cannot be written.
pub fn resend(
    tx: &Transaction<'_>,
    id: &str,
    endpoints: &[Endpoint],
    actor: &str,
    now_ms: i64,
) -> rusqlite::Result<Change> {
    let Some(state) = state_of(tx, id)? else { return Ok(Change::Unknown) };
    let change = match state {
        RevocationState::Undone => return Ok(Change::Refused(state)),
        RevocationState::Failed | RevocationState::Expired => set_state(tx, id, RevocationState::Requested, now_ms)?,
        _ => Change::Already,
    };
    let Some(revocation) = revocation(tx, id)? else { return Ok(Change::Unknown) };
    let stored: Option<String> = tx
        .prepare_cached("SELECT body FROM outbox WHERE id = ?1 LIMIT 1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let body = match stored {
        Some(body) => body,
        None => message::requested(&revocation, Timestamp::from_millis(now_ms)).map_err(unwritable)?,
    };
    for endpoint in endpoints {
        insert(tx, id, &revocation, endpoint, &body, now_ms)?;
        tx.prepare_cached(
            "UPDATE outbox SET state = 'pending', created_at = ?3, next_at = ?3, expires_at = NULL
             WHERE id = ?1 AND endpoint = ?2",
        )?
        .execute((id, endpoint.name(), now_ms))?;
    }
    // The feed moves even if the state does not: that wakes the worker.
    tx.prepare_cached("UPDATE revocations SET seq = ?2 WHERE id = ?1")?.execute((id, feed::next_seq(tx)?))?;
    audit(tx, now_ms, actor, "revocation_resent", id, &json!({}))?;
    Ok(change)
}

fn revocation(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<Revocation>> {
    let body: Option<String> = tx
        .prepare_cached("SELECT body FROM revocations WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    body.map(|body| serde_json::from_str(&body).map_err(|error| column_error(0, error))).transpose()
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_DETAIL_CHARS).collect()
}

fn with(name: &str, value: &str, mut object: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value.into());
    }
    object
}
