//! What people read of the store: alerts, revocations, the feed and the ingest counts, for API and console alike.
//!
//! Everything here only reads, inside the one transaction of [`crate::app::App::read`], so that a page and its feed
//! position belong together. Statements are constant texts; what a caller asks for arrives as bound parameters.

pub(crate) mod alerts;
pub(crate) mod feed;
pub(crate) mod identities;
pub(crate) mod ingest;
pub(crate) mod revocations;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::types::Type;
use rusqlite::{Error, Row};
use serde::de::DeserializeOwned;

/// Most rows of one page.
pub(crate) const MAX_PAGE: u32 = 200;
/// Rows of one page, unless asked otherwise.
pub(crate) const DEFAULT_PAGE: u32 = 50;

/// Where a page ended: the key of its last row. Keys never change, so whoever walks all pages sees every row that was
/// there at the start exactly once, whatever arrives meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The number that rows are ordered by.
    pub(crate) at: i64,
    /// The id that breaks ties.
    pub(crate) id: String,
}

impl Cursor {
    /// The opaque form for URLs.
    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.at, self.id))
    }

    /// Reads the opaque form.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (at, id) = std::str::from_utf8(&bytes).ok()?.split_once(' ')?;
        Some(Self { at: at.parse().ok()?, id: id.to_owned() })
    }
}

/// One page of rows, and where the next begins.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// The rows.
    pub(crate) rows: Vec<T>,
    /// Cursor of the next page; absent on the last.
    pub(crate) next: Option<Cursor>,
    /// Feed position of the page: what changed since comes by the stream after it.
    pub(crate) feed: i64,
}

/// Cuts the one row read beyond the page off again.
fn page<T>(mut rows: Vec<T>, limit: u32, feed: i64, key: impl FnOnce(&T) -> Cursor) -> Page<T> {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(key);
    Page { rows, next, feed }
}

/// A body column as the type it was written from.
fn body<T: DeserializeOwned>(column: usize, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|e| Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))
}

/// A count column; `SQLite` has signed numbers only.
fn count(row: &Row<'_>, column: usize) -> Result<u64, Error> {
    row.get::<_, i64>(column).map(|n| n.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_way_through_a_url() {
        let cursor = Cursor { at: -5, id: "spiffe://a b".into() };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        assert_eq!(Cursor::decode("no cursor!"), None);
        assert_eq!(Cursor::decode(&URL_SAFE_NO_PAD.encode("x y")), None);
    }
}
