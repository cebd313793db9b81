//! The inbox: events accepted over HTTP, durable before the answer is sent.

use rusqlite::{Connection, Transaction};

/// One accepted event, not looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its place in the inbox.
    pub seq: i64,
    /// When it came, in milliseconds since the Unix epoch.
    pub received_at: i64,
    /// Whether it comes out of quarantine. Such events can raise alerts, but never revoke: who sent them is not known
    /// any more.
    pub replayed: bool,
    /// The bytes as they came.
    pub raw: Vec<u8>,
}

/// Appends events; returns the first and the last sequence number they got.
///
/// # Errors
/// When the database cannot be written.
pub fn append<'a>(
    tx: &Transaction<'_>,
    events: impl IntoIterator<Item = &'a [u8]>,
    replayed: bool,
    now_ms: i64,
) -> rusqlite::Result<Option<(i64, i64)>> {
    let mut insert = tx.prepare_cached("INSERT INTO inbox (received_at, replayed, raw) VALUES (?1, ?2, ?3)")?;
    let mut range = None;
    for raw in events {
        let seq = insert.insert((now_ms, replayed, raw))?;
        range = Some(range.map_or((seq, seq), |(first, _)| (first, seq)));
    }
    Ok(range)
}

/// The first events from `seq` on, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub fn from(connection: &Connection, seq: i64, limit: u32) -> rusqlite::Result<Vec<Accepted>> {
    let mut select = connection
        .prepare_cached("SELECT seq, received_at, replayed, raw FROM inbox WHERE seq >= ?1 ORDER BY seq LIMIT ?2")?;
    let rows = select.query_map((seq, limit), |row| {
        Ok(Accepted { seq: row.get(0)?, received_at: row.get(1)?, replayed: row.get(2)?, raw: row.get(3)? })
    })?;
    rows.collect()
}

/// The newest sequence number ever given, 0 if none.
///
/// # Errors
/// When the database cannot be read.
pub fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    // Not `max(seq)`: rows may have been deleted by retention.
    connection
        .prepare_cached("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'inbox'")?
        .query_row((), |row| row.get(0))
}
