//! Quarantine: input that is not an event, with its bytes, its position and the reason.

use std::sync::Arc;

use models::event::Rejection;
use rusqlite::{Connection, Transaction, params_from_iter};
use serde::Serialize;

use super::inbox;

/// Longest reason that is kept, in bytes: it quotes the sender.
const MAX_DETAIL_BYTES: usize = 1024;

/// One input to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The source it came from.
    pub source: Arc<str>,
    /// Partition of the source.
    pub partition: i32,
    /// Offset, inbox sequence or line.
    pub position: i64,
    /// When it came, in milliseconds since the Unix epoch.
    pub received_at: i64,
    /// Why it is not an event.
    pub rejection: Rejection,
    /// The bytes as they came.
    pub raw: Vec<u8>,
}

/// One row of the quarantine, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its number, to replay it by.
    pub seq: i64,
    /// The source it came from.
    pub source: String,
    /// Partition of the source.
    pub partition: i32,
    /// Offset, inbox sequence or line.
    pub position: i64,
    /// When it came, in milliseconds since the Unix epoch.
    pub received_at: i64,
    /// The named reason.
    pub code: String,
    /// The field to blame, if one is.
    pub field: Option<String>,
    /// The reason in a sentence.
    pub detail: String,
    /// The bytes as they came; whatever is not UTF-8 is replaced here, not in the database.
    pub raw: String,
}

/// Which rows are meant. All that is set must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Row numbers; empty: every row.
    pub seqs: Vec<i64>,
    /// One source.
    pub source: Option<String>,
    /// One reason.
    pub code: Option<String>,
}

/// Sets one input aside.
pub(super) fn insert(tx: &Transaction<'_>, rejected: &Rejected) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO quarantine (source, partition, position, received_at, code, field, detail, raw)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let r = rejected;
    let detail = bounded(&r.rejection.detail);
    let code = r.rejection.code.as_str();
    insert.execute((&*r.source, r.partition, r.position, r.received_at, code, r.rejection.field, detail, &r.raw))?;
    Ok(())
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_DETAIL_BYTES)]
}

/// The newest rows that match, newest first, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub fn list(connection: &Connection, filter: &Filter, limit: u32) -> rusqlite::Result<Vec<Row>> {
    let (matches, values) = filter.to_sql();
    let mut select = connection.prepare(&format!(
        "SELECT seq, source, partition, position, received_at, code, field, detail, raw
         FROM quarantine WHERE {matches} ORDER BY seq DESC LIMIT {limit}"
    ))?;
    let rows = select.query_map(params_from_iter(values), |row| {
        Ok(Row {
            seq: row.get(0)?,
            source: row.get(1)?,
            partition: row.get(2)?,
            position: row.get(3)?,
            received_at: row.get(4)?,
            code: row.get(5)?,
            field: row.get(6)?,
            detail: row.get(7)?,
            raw: String::from_utf8_lossy(&row.get::<_, Vec<u8>>(8)?).into_owned(),
        })
    })?;
    rows.collect()
}

/// Moves the rows that match back to the end of the inbox; returns how many. What is still no event comes back.
///
/// # Errors
/// When the database cannot be written.
pub fn replay(tx: &Transaction<'_>, filter: &Filter, now_ms: i64) -> rusqlite::Result<usize> {
    let (matches, values) = filter.to_sql();
    let mut taken = tx.prepare(&format!("DELETE FROM quarantine WHERE {matches} RETURNING seq, raw"))?;
    let mut rows: Vec<(i64, Vec<u8>)> =
        taken.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    // In the order they came: the engine drops what is too late.
    rows.sort_unstable_by_key(|(seq, _)| *seq);
    inbox::append(tx, rows.iter().map(|(_, raw)| raw.as_slice()), true, now_ms)?;
    Ok(rows.len())
}

impl Filter {
    /// A condition with placeholders, and their values: what the caller says never becomes SQL.
    fn to_sql(&self) -> (String, Vec<rusqlite::types::Value>) {
        let mut conditions = vec!["1".to_owned()];
        let mut values: Vec<rusqlite::types::Value> = Vec::new();
        if !self.seqs.is_empty() {
            conditions.push(format!("seq IN ({})", vec!["?"; self.seqs.len()].join(", ")));
            values.extend(self.seqs.iter().map(|seq| (*seq).into()));
        }
        for (column, value) in [("source", &self.source), ("code", &self.code)] {
            if let Some(value) = value {
                conditions.push(format!("{column} = ?"));
                values.push(value.clone().into());
            }
        }
        (conditions.join(" AND "), values)
    }
}
