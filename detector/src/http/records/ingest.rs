//! What came in and how it ended: the counters, and what was put into quarantine.

use std::collections::BTreeMap;

use rusqlite::{Connection, Error, named_params};

use super::count;

/// Most bytes of a quarantined input that are read for display.
const RAW: u32 = 512;
/// Examples of each reason.
const EXAMPLES: u32 = 3;

/// The counters of the store by name.
pub(crate) fn counters(conn: &Connection) -> Result<BTreeMap<String, u64>, Error> {
    let mut statement = conn.prepare_cached("SELECT name, value FROM counters")?;
    statement.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?.collect()
}

/// Inputs that were no events, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quarantined {
    /// The reason.
    pub(crate) code: String,
    /// How many are kept.
    pub(crate) kept: u64,
    /// The newest few.
    pub(crate) examples: Vec<Example>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Example {
    /// Where it came from, as `source[partition]@position`.
    pub(crate) place: String,
    /// When, milliseconds of wall clock.
    pub(crate) received_at_ms: i64,
    /// What was wrong with it.
    pub(crate) detail: String,
    /// Its first bytes; what is not UTF-8 is replaced.
    pub(crate) raw: String,
    /// How long it is altogether.
    pub(crate) bytes: u64,
}

/// What is in quarantine, most frequent reason first.
pub(crate) fn quarantine(conn: &Connection) -> Result<Vec<Quarantined>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT code, count(*) AS kept FROM quarantine GROUP BY code ORDER BY kept DESC, code")?;
    let codes = statement.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?.collect::<Result<Vec<_>, _>>()?;
    codes
        .into_iter()
        .map(|(code, kept): (String, u64)| {
            let examples = examples(conn, &code)?;
            Ok(Quarantined { code, kept, examples })
        })
        .collect()
}

fn examples(conn: &Connection, code: &str) -> Result<Vec<Example>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT source, partition, position, received_at, detail, substr(raw, 1, :raw), length(raw) \
         FROM quarantine WHERE code = :code ORDER BY seq DESC LIMIT :limit",
    )?;
    let params = named_params! { ":code": code, ":raw": RAW, ":limit": EXAMPLES };
    let rows = statement.query_map(params, |row| {
        let (source, partition, position): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Example {
            place: format!("{source}[{partition}]@{position}"),
            received_at_ms: row.get(3)?,
            detail: row.get(4)?,
            raw: String::from_utf8_lossy(row.get_ref(5)?.as_blob()?).into_owned(),
            bytes: count(row, 6)?,
        })
    })?;
    rows.collect()
}
