//! The one transaction: everything that some events caused, together with how far their sources have been taken.

mod grant;
mod settle;

use std::collections::BTreeMap;

use models::alert::{Alert, AlertId, Severity};
use models::assessment::Decision;
use models::decision::{Revocation, Verdict};
use models::engine::{Checkpoint, Output};
use rusqlite::{Transaction, types::ToSqlOutput};
use serde::Serialize;

pub(crate) use self::grant::Granted;
pub(crate) use self::settle::Heard;
use super::quarantine::Rejected;
use super::{Positions, Store, StoreError, feed, quarantine};
use crate::fleet::states::{Settled, Told};
use crate::outbox;
use crate::outcome::Counts;
use crate::webhook::Endpoint;

/// What has happened since the last commit. Kept until a commit succeeds: a full disk delays it, and loses nothing.
#[derive(Debug, Default)]
pub struct Pending {
    /// Engine state that changed.
    pub state: Checkpoint,
    /// How far sources have been taken; only those that moved.
    pub positions: Positions,
    /// How events ended.
    pub counts: Counts,
    /// Input that is no event.
    pub rejected: Vec<Rejected>,
    /// What people said.
    pub rulings: Vec<Ruling>,
    // An alert changes with every event of its episode; only its newest form is written. The number keeps the order of
    // changes, which is the order of the feed.
    pub(crate) alerts: BTreeMap<AlertId, (usize, Box<Alert>)>,
    pub(crate) revocations: Vec<Revocation>,
    /// In a fleet: what was granted.
    pub(crate) granted: Vec<Granted>,
    /// In a fleet: partitions that came to us, with what is still to be delivered for them.
    pub(crate) adopted: Vec<i32>,
    /// In a fleet: revocations, and how far others have brought them.
    pub(crate) told: Vec<Told>,
    /// In a fleet: what was said of alerts, in order.
    pub(crate) settled: Vec<(Settled, Heard)>,
    pub(crate) changes: usize,
}

/// A person's decision, audited with what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Who.
    pub by: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What.
    pub act: Act,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// An alert was settled.
    Verdict {
        /// Which.
        alert: AlertId,
        /// What it was.
        verdict: Verdict,
        /// Why.
        note: Option<String>,
    },
    /// The brake was closed again.
    ReleaseBrake,
}

/// What a commit added, for those who wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Newest value of the change feed.
    pub feed: i64,
    /// Alerts that were opened, by severity.
    pub opened: BTreeMap<Severity, u64>,
    /// Revocations that were requested.
    pub requested: u64,
}

/// What became durable, and what that added.
#[derive(Debug)]
pub(crate) struct Stored {
    /// What was pending.
    pub(crate) pending: Pending,
    /// What it added.
    pub(crate) committed: Committed,
}

/// Where what is pending becomes durable, all of it or nothing: the one thing between the engine and its effects that may fail.
pub(crate) trait Storage {
    /// Returns when it is durable. After an error this process sees nothing of it, so the same may be tried again; whoever
    /// comes after the process may find all of it, positions included, so nothing is taken twice.
    fn commit(&self, pending: &Pending, endpoints: &[Endpoint], now_ms: i64) -> Result<Committed, StoreError>;
}

impl Storage for Store {
    fn commit(&self, pending: &Pending, endpoints: &[Endpoint], now_ms: i64) -> Result<Committed, StoreError> {
        self.write(|tx| pending.write(tx, endpoints, now_ms))
    }
}

impl Pending {
    /// Makes everything durable and starts anew; after an error everything is still pending.
    pub(crate) fn commit(
        &mut self,
        storage: &impl Storage,
        endpoints: &[Endpoint],
        now_ms: i64,
    ) -> Result<Stored, StoreError> {
        let committed = storage.commit(self, endpoints, now_ms)?;
        Ok(Stored { pending: std::mem::take(self), committed })
    }

    /// Takes what the engine said beyond its assessment.
    pub fn take(&mut self, output: Output) {
        match output {
            Output::Assessed(_) => {}
            Output::Alert(alert) => {
                self.changes += 1;
                self.alerts.insert(alert.id.clone(), (self.changes, alert));
            }
            Output::Revocation(revocation) => self.revocations.push(*revocation),
        }
    }

    /// In a fleet: whether there is something that a person or a webhook waits for, beside counts and positions.
    pub(crate) fn is_told(&self) -> bool {
        let alerts = !self.alerts.is_empty() || !self.settled.is_empty() || !self.rulings.is_empty();
        alerts || !self.granted.is_empty() || !self.told.is_empty() || !self.adopted.is_empty()
    }

    /// Writes everything. Repeating it after a failure gives the same database.
    ///
    /// # Errors
    /// When the database cannot be written; the caller rolls back and may try again.
    pub fn write(&self, tx: &Transaction<'_>, endpoints: &[Endpoint], now_ms: i64) -> rusqlite::Result<Committed> {
        let mut committed = Committed::default();
        self.write_state(tx)?;
        self.write_positions(tx)?;
        self.write_counts(tx)?;
        for rejected in &self.rejected {
            quarantine::insert(tx, rejected)?;
        }
        let mut alerts: Vec<_> = self.alerts.values().collect();
        alerts.sort_unstable_by_key(|(change, _)| *change);
        for (_, alert) in alerts {
            if write_alert(tx, alert)? {
                *committed.opened.entry(alert.severity).or_default() += 1;
            }
        }
        for revocation in &self.revocations {
            committed.requested += u64::from(write_revocation(tx, revocation, endpoints, now_ms)?);
        }
        for granted in &self.granted {
            committed.requested += u64::from(grant::write(tx, granted, endpoints)?);
        }
        for told in &self.told {
            committed.requested += u64::from(grant::told(tx, told)?);
        }
        for partition in &self.adopted {
            grant::adopt(tx, *partition, endpoints)?;
        }
        for (settled, heard) in &self.settled {
            settle::write(tx, settled, *heard)?;
        }
        for ruling in &self.rulings {
            write_ruling(tx, ruling)?;
        }
        committed.feed = feed::newest(tx)?;
        Ok(committed)
    }

    fn write_state(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut put = tx.prepare_cached("INSERT OR REPLACE INTO state (key, blob) VALUES (?1, ?2)")?;
        for (key, blob) in &self.state.put {
            put.execute((key, blob))?;
        }
        let mut delete = tx.prepare_cached("DELETE FROM state WHERE key = ?1")?;
        for key in &self.state.delete {
            delete.execute([key])?;
        }
        Ok(())
    }

    fn write_positions(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut put =
            tx.prepare_cached("INSERT OR REPLACE INTO positions (source, partition, position) VALUES (?1, ?2, ?3)")?;
        for ((source, partition), position) in &self.positions {
            put.execute((&**source, partition, position))?;
        }
        Ok(())
    }

    fn write_counts(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut add = tx.prepare_cached(
            "INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + ?2",
        )?;
        for (name, value) in self.counts.by_name().into_iter().filter(|(_, value)| *value > 0) {
            add.execute((name, value.cast_signed()))?;
        }
        Ok(())
    }
}

/// Writes the newest form of an alert beside its verdict; whether it is new.
fn write_alert(tx: &Transaction<'_>, alert: &Alert) -> rusqlite::Result<bool> {
    let seq = feed::next_seq(tx)?;
    let granted = grant::of(tx, alert)?;
    let alert = granted.as_ref().unwrap_or(alert);
    let shown = alert.decision > Decision::Record;
    let body = json(alert)?;
    let (severity, decision) = (alert.severity.as_str(), alert.decision.as_str());
    let times = (alert.updated.as_nanos(), alert.closed);
    let updated = tx
        .prepare_cached(
            "UPDATE alerts SET seq = ?2, updated = ?3, closed = ?4, severity = ?5, decision = ?6, shown = ?7, body = ?8
             WHERE id = ?1",
        )?
        .execute((&*alert.id.0, seq, times.0, times.1, severity, decision, shown, &body))?;
    if updated > 0 {
        return Ok(false);
    }
    tx.prepare_cached(
        "INSERT INTO alerts (id, seq, kind, tenant, identity, session, opened, updated, closed, severity, decision,
                             shown, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute((
        &*alert.id.0,
        seq,
        alert.kind.as_str(),
        &*alert.tenant,
        &*alert.identity,
        &*alert.session,
        alert.opened.as_nanos(),
        times.0,
        times.1,
        severity,
        decision,
        shown,
        &body,
    ))?;
    settle::show_early(tx, &alert.id.0)?;
    Ok(true)
}

/// Writes a revocation with its outbox rows, unless it was requested before: its id is the same after a crash.
fn write_revocation(
    tx: &Transaction<'_>,
    revocation: &Revocation,
    endpoints: &[Endpoint],
    now_ms: i64,
) -> rusqlite::Result<bool> {
    let new = insert_revocation(tx, revocation, now_ms)?;
    if new {
        outbox::enqueue(tx, revocation, endpoints, now_ms)?;
    }
    Ok(new)
}

/// Writes the row of a revocation; whether it is new.
fn insert_revocation(tx: &Transaction<'_>, revocation: &Revocation, now_ms: i64) -> rusqlite::Result<bool> {
    let known = tx.prepare_cached("SELECT 1 FROM revocations WHERE id = ?1")?.exists([&*revocation.id.0])?;
    if known {
        return Ok(false);
    }
    let seq = feed::next_seq(tx)?;
    tx.prepare_cached(
        "INSERT INTO revocations (id, seq, alert, tenant, identity, requested, requested_at, state, state_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'requested', ?7, ?8)",
    )?
    .execute((
        &*revocation.id.0,
        seq,
        &*revocation.alert.0,
        &*revocation.tenant,
        &*revocation.identity,
        revocation.requested.as_nanos(),
        now_ms,
        json(revocation)?,
    ))?;
    Ok(true)
}

fn write_ruling(tx: &Transaction<'_>, ruling: &Ruling) -> rusqlite::Result<()> {
    let (action, object, detail) = match &ruling.act {
        Act::Verdict { alert, verdict, note } => {
            let seq = feed::next_seq(tx)?;
            let note = note.as_deref();
            tx.prepare_cached(
                "UPDATE alerts SET seq = ?2, verdict = ?3, verdict_by = ?4, verdict_at = ?5, note = ?6 WHERE id = ?1",
            )?
            .execute((&*alert.0, seq, verdict.as_str(), &ruling.by, ruling.at_ms, note))?;
            let detail = serde_json::json!({ "verdict": verdict.as_str(), "note": note });
            ("verdict", &*alert.0, detail.to_string())
        }
        Act::ReleaseBrake => ("release_brake", "brake", "{}".to_owned()),
    };
    tx.prepare_cached("INSERT INTO audit (at, actor, action, object, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((ruling.at_ms, &ruling.by, action, object, detail))?;
    Ok(())
}

/// Alerts and revocations are plain structs; should one not be writable, the transaction fails as a whole.
fn json(value: &impl Serialize) -> rusqlite::Result<ToSqlOutput<'static>> {
    let text = serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    Ok(text.into())
}

#[cfg(test)]
mod tests;
