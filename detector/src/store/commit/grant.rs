//! Revocations in a fleet: granted where the log is heard, which is everywhere; delivered by whoever owns the partition that asked.

use models::alert::Alert;
use models::decision::{Revocation, RevocationId};
use rusqlite::{OptionalExtension as _, ToSql, Transaction};

use super::{insert_revocation, write_alert};
use crate::fleet::states::Told;
use crate::outbox::{self, RevocationState};
use crate::webhook::Endpoint;

/// A revocation that the fleet has granted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Granted {
    /// Which partition asked for it.
    pub partition: i32,
    /// Whether that is ours.
    pub owned: bool,
    /// When, by the log, in milliseconds since the Unix epoch: whoever delivers it says the same.
    pub at_ms: i64,
    /// What.
    pub revocation: Revocation,
}

/// Writes what was granted, and on its alert that it was; queues it, if it is ours to deliver. Whether it is new.
pub(super) fn write(tx: &Transaction<'_>, granted: &Granted, endpoints: &[Endpoint]) -> rusqlite::Result<bool> {
    let Granted { partition, owned, at_ms, revocation } = granted;
    // Made here once: a number that went through JSON and back may have lost its last bit.
    let request = outbox::requested(revocation, *at_ms)?;
    let new = insert(tx, *partition, revocation, &request, *at_ms)?;
    if *owned {
        // The topic may have said of it before the log did.
        deliver(tx, "granted.id = ?1", &*revocation.id.0, endpoints)?;
    }
    Ok(new)
}

fn insert(
    tx: &Transaction<'_>,
    partition: i32,
    revocation: &Revocation,
    request: &str,
    at_ms: i64,
) -> rusqlite::Result<bool> {
    let id = &*revocation.id.0;
    tx.prepare_cached("INSERT OR IGNORE INTO granted (id, partition, mine, body) VALUES (?1, ?2, 0, ?3)")?
        .execute((id, partition, request))?;
    let new = insert_revocation(tx, revocation, at_ms)?;
    let body: Option<String> = tx
        .prepare_cached("SELECT body FROM alerts WHERE id = ?1")?
        .query_row([&*revocation.alert.0], |row| row.get(0))
        .optional()?;
    // The alert may come later than what it asked for; it is looked up then.
    if let Some(alert) = body.and_then(|body| serde_json::from_str::<Alert>(&body).ok()).filter(|_| new) {
        write_alert(tx, &alert)?;
    }
    Ok(new)
}

/// The alert with what was granted on it, unless it says so already or nothing was.
pub(super) fn of(tx: &Transaction<'_>, alert: &Alert) -> rusqlite::Result<Option<Alert>> {
    if alert.revocation.is_some() {
        return Ok(None);
    }
    let granted: Option<String> = tx
        .prepare_cached(
            "SELECT revocations.id FROM revocations JOIN granted USING (id) WHERE alert = ?1
             ORDER BY requested_at DESC LIMIT 1",
        )?
        .query_row([&*alert.id.0], |row| row.get(0))
        .optional()?;
    Ok(granted.map(|id| {
        let mut alert = alert.clone();
        alert.grant(&RevocationId(id.into()));
        alert
    }))
}

/// Queues what a partition that came to us has asked for and nobody is known to have delivered. The one before may have: receivers
/// recognise it by its id.
pub(super) fn adopt(tx: &Transaction<'_>, partition: i32, endpoints: &[Endpoint]) -> rusqlite::Result<()> {
    deliver(tx, "granted.partition = ?1", partition, endpoints)
}

/// From now on these are ours to deliver and to tell of.
fn deliver(tx: &Transaction<'_>, which: &str, value: impl ToSql, endpoints: &[Endpoint]) -> rusqlite::Result<()> {
    tx.prepare_cached(&format!("UPDATE granted SET mine = 1 WHERE {which}"))?.execute([&value])?;
    let open: Vec<(i64, String, String)> = tx
        .prepare_cached(&format!(
            "SELECT revocations.requested_at, revocations.body, granted.body FROM revocations JOIN granted USING (id)
             WHERE {which} AND revocations.state = 'requested'
               AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = revocations.id)
             ORDER BY revocations.requested_at, revocations.id"
        ))?
        .query_map([&value], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (at_ms, revocation, body) in open {
        if let Ok(revocation) = serde_json::from_str::<Revocation>(&revocation) {
            outbox::enqueue_as(tx, &revocation, endpoints, &body, at_ms)?;
        }
    }
    Ok(())
}

/// Writes what the fleet's topic says of a revocation and how far it has come, where the table of moves allows it; what another
/// process has delivered is not delivered again. Whether the revocation is new here.
pub(super) fn told(tx: &Transaction<'_>, told: &Told) -> rusqlite::Result<bool> {
    let Told { partition, state, at, requested_at, request, revocation } = told;
    let id = &*revocation.id.0;
    let new = insert(tx, *partition, revocation, request, *requested_at)?;
    tx.prepare_cached("UPDATE granted SET told = ?2 WHERE id = ?1")?.execute((id, state.as_str()))?;
    if *state != RevocationState::Requested {
        outbox::set_state(tx, id, *state, *at)?;
        tx.prepare_cached(
            "UPDATE outbox SET state = 'delivered', delivered_at = ?2 WHERE id = ?1 AND state = 'pending' AND attempts = 0",
        )?
        .execute((id, at))?;
    }
    Ok(new)
}
