//! The change feed: everything after a position, in order.

use rusqlite::{Connection, Error, named_params};

/// What a position of the feed is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// An alert was opened, updated, closed or settled.
    Alert,
    /// A revocation was requested or changed its state.
    Revocation,
}

/// One row that changed; if it changed several times since, only its newest state is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its position.
    pub(crate) seq: i64,
    /// What it is.
    pub(crate) kind: ChangeKind,
    /// Id of the row.
    pub(crate) id: String,
}

/// The newest position.
pub(crate) fn newest(conn: &Connection) -> Result<i64, Error> {
    conn.query_row("SELECT seq FROM feed WHERE one = 1", [], |row| row.get(0))
}

/// At most `limit` changes after a position, in order.
pub(crate) fn after(conn: &Connection, seq: i64, limit: u32) -> Result<Vec<Change>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT seq, kind, id FROM ( \
           SELECT * FROM (SELECT seq, 0 AS kind, id FROM alerts WHERE seq > :seq ORDER BY seq LIMIT :limit) \
           UNION ALL \
           SELECT * FROM (SELECT seq, 1 AS kind, id FROM revocations WHERE seq > :seq ORDER BY seq LIMIT :limit) \
         ) ORDER BY seq LIMIT :limit",
    )?;
    let changes = statement.query_map(named_params! { ":seq": seq, ":limit": limit }, |row| {
        let kind = if row.get::<_, bool>(1)? { ChangeKind::Revocation } else { ChangeKind::Alert };
        Ok(Change { seq: row.get(0)?, kind, id: row.get(2)? })
    })?;
    changes.collect()
}
