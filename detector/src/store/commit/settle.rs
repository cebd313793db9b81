//! Verdicts in a fleet: heard in its log by whoever is up, and from their topic by whoever was not.

use rusqlite::{OptionalExtension as _, Transaction};

use super::{feed, json};
use crate::fleet::states::Settled;

/// From where a verdict is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The log, whose order decides; whether it was given here.
    Log {
        /// Then it is told to the topic from here, too.
        here: bool,
    },
    /// The topic, which may be behind.
    Topic,
}

/// Writes what was said of an alert, on the alert too if it is there already.
pub(super) fn write(tx: &Transaction<'_>, settled: &Settled, heard: Heard) -> rusqlite::Result<()> {
    let (sql, told) = match heard {
        Heard::Log { here } => {
            ("INSERT OR REPLACE INTO settled (alert, at, told, body) VALUES (?1, ?2, ?3, ?4)", !here)
        }
        Heard::Topic => (
            "INSERT INTO settled (alert, at, told, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (alert) DO UPDATE
             SET at = excluded.at, told = excluded.told, body = excluded.body WHERE excluded.at > settled.at",
            true,
        ),
    };
    let written = tx.prepare_cached(sql)?.execute((&*settled.alert.0, settled.at, told, json(settled)?))?;
    if written > 0 { show(tx, settled) } else { Ok(()) }
}

/// Writes on an alert that came just now what was said of it before.
pub(super) fn show_early(tx: &Transaction<'_>, alert: &str) -> rusqlite::Result<()> {
    let settled: Option<Settled> = tx
        .prepare_cached("SELECT body FROM settled WHERE alert = ?1")?
        .query_row([alert], |row| Ok(serde_json::from_slice(row.get_ref(0)?.as_bytes()?).ok()))
        .optional()?
        .flatten();
    settled.map_or(Ok(()), |settled| show(tx, &settled))
}

fn show(tx: &Transaction<'_>, settled: &Settled) -> rusqlite::Result<()> {
    let Settled { alert, verdict, note, by, at } = settled;
    let seq = feed::next_seq(tx)?;
    tx.prepare_cached(
        "UPDATE alerts SET seq = ?2, verdict = ?3, verdict_by = ?4, verdict_at = ?5, note = ?6 WHERE id = ?1",
    )?
    .execute((&*alert.0, seq, verdict.as_str(), by, at, note.as_deref()))?;
    Ok(())
}
