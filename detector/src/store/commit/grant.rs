//! Revocations in a fleet: granted where the log is heard, which is everywhere; delivered by whoever owns the partition that asked.

use models::alert::Alert;
use models::decision::{Revocation, RevocationId};
use rusqlite::{OptionalExtension as _, Transaction};

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
    let id = &*revocation.id.0;
    // Made here once: a number that went through JSON and back may have lost its last bit.
    let body = outbox::requested(revocation, *at_ms)?;
    tx.prepare_cached("INSERT OR IGNORE INTO granted (id, partition, body) VALUES (?1, ?2, ?3)")?
        .execute((id, partition, &body))?;
    let new = insert_revocation(tx, revocation, *at_ms)?;
    if new && *owned {
        outbox::enqueue_as(tx, revocation, endpoints, &body, *at_ms)?;
    }
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
    let open: Vec<(i64, String, String)> = tx
        .prepare_cached(
            "SELECT revocations.requested_at, revocations.body, granted.body FROM revocations JOIN granted USING (id)
             WHERE granted.partition = ?1 AND revocations.state = 'requested'
               AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = revocations.id)
             ORDER BY revocations.requested_at, revocations.id",
        )?
        .query_map([partition], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (at_ms, revocation, body) in open {
        if let Ok(revocation) = serde_json::from_str::<Revocation>(&revocation) {
            outbox::enqueue_as(tx, &revocation, endpoints, &body, at_ms)?;
        }
    }
    Ok(())
}

/// Writes how far another process has brought a revocation, where the table of moves allows it; what it has delivered is not
/// delivered again.
pub(super) fn told(tx: &Transaction<'_>, told: &Told) -> rusqlite::Result<()> {
    let known =
        tx.prepare_cached("UPDATE granted SET told = ?2 WHERE id = ?1")?.execute((&told.id, told.state.as_str()))?;
    if known > 0 && told.state != RevocationState::Requested {
        outbox::set_state(tx, &told.id, told.state, told.at)?;
        tx.prepare_cached(
            "UPDATE outbox SET state = 'delivered', delivered_at = ?2 WHERE id = ?1 AND state = 'pending' AND attempts = 0",
        )?
        .execute((&told.id, told.at))?;
    }
    Ok(())
}
