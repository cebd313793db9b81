//! The change feed: one sequence shared by alerts and revocations.

use rusqlite::{Connection, Transaction};

/// Takes the next value of the feed. Every insert or update of an alert or a revocation carries one.
///
/// # Errors
/// When the database cannot be written.
pub fn next_seq(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.prepare_cached("UPDATE feed SET seq = seq + 1 RETURNING seq")?.query_row((), |row| row.get(0))
}

/// The newest value of the feed.
///
/// # Errors
/// When the database cannot be read.
pub fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT seq FROM feed")?.query_row((), |row| row.get(0))
}
