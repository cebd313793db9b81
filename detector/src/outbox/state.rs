//! The states of a revocation and the moves between them.
//!
//! ```text
//! from         to
//! requested    delivered (2xx) · confirmed (its callback overtook our 2xx) · failed · expired · undone
//! delivered    confirmed · still_used · failed (the broker says so) · expired · undone
//! confirmed    still_used · undone
//! still_used   confirmed · failed · undone
//! failed       requested (sent again by hand) · confirmed · undone
//! expired      requested (sent again by hand) · confirmed (late callback) · still_used
//! undone       nothing: a new decision has a new id
//! ```

use std::fmt;
use std::str::FromStr;

use rusqlite::{OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};

use crate::store::feed;

/// How far a revocation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationState {
    /// Decided and queued.
    Requested,
    /// At least one endpoint answered 2xx.
    Delivered,
    /// A broker says that it is done.
    Confirmed,
    /// The credential was used after the broker had the request.
    StillUsed,
    /// No endpoint could be told, or a broker says that it could not do it.
    Failed,
    /// The credential expired by itself before anyone confirmed.
    Expired,
    /// Taken back by a person.
    Undone,
}

impl RevocationState {
    /// Every state, in the order of the documentation.
    pub const ALL: [RevocationState; 7] = [
        RevocationState::Requested,
        RevocationState::Delivered,
        RevocationState::Confirmed,
        RevocationState::StillUsed,
        RevocationState::Failed,
        RevocationState::Expired,
        RevocationState::Undone,
    ];

    /// The name in database, API, metrics and console.
    pub fn as_str(self) -> &'static str {
        match self {
            RevocationState::Requested => "requested",
            RevocationState::Delivered => "delivered",
            RevocationState::Confirmed => "confirmed",
            RevocationState::StillUsed => "still_used",
            RevocationState::Failed => "failed",
            RevocationState::Expired => "expired",
            RevocationState::Undone => "undone",
        }
    }

    /// Whether a revocation may move from `self` to `next`: the table above.
    pub fn may_become(self, next: RevocationState) -> bool {
        use RevocationState::{Confirmed, Delivered, Expired, Failed, Requested, StillUsed, Undone};
        match self {
            Requested => matches!(next, Delivered | Confirmed | Failed | Expired | Undone),
            Delivered => matches!(next, Confirmed | StillUsed | Failed | Expired | Undone),
            Confirmed => matches!(next, StillUsed | Undone),
            StillUsed => matches!(next, Confirmed | Failed | Undone),
            Failed => matches!(next, Requested | Confirmed | Undone),
            Expired => matches!(next, Requested | Confirmed | StillUsed),
            Undone => false,
        }
    }
}

impl fmt::Display for RevocationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a state of a revocation")]
pub struct UnknownState;

impl FromStr for RevocationState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        RevocationState::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownState)
    }
}

/// What became of a wish to change a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It moved, from this state.
    Moved(RevocationState),
    /// It was there already: nothing was written.
    Already,
    /// It is in this state, from which there is no way: nothing was written.
    Refused(RevocationState),
    /// There is no such revocation.
    Unknown,
}

impl Change {
    /// Whether it moved.
    pub fn moved(self) -> bool {
        matches!(self, Change::Moved(_))
    }
}

/// Moves a revocation to `next`, if the table allows it, and gives it the next place in the feed.
///
/// # Errors
/// When the database cannot be written.
pub fn set_state(tx: &Transaction<'_>, id: &str, next: RevocationState, now_ms: i64) -> rusqlite::Result<Change> {
    let Some(now) = state_of(tx, id)? else { return Ok(Change::Unknown) };
    if now == next {
        return Ok(Change::Already);
    }
    if !now.may_become(next) {
        return Ok(Change::Refused(now));
    }
    let seq = feed::next_seq(tx)?;
    tx.prepare_cached("UPDATE revocations SET state = ?2, state_at = ?3, seq = ?4 WHERE id = ?1")?.execute((
        id,
        next.as_str(),
        now_ms,
        seq,
    ))?;
    Ok(Change::Moved(now))
}

/// The state of a revocation, if there is one of this id.
pub(super) fn state_of(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<RevocationState>> {
    let text: Option<String> = tx
        .prepare_cached("SELECT state FROM revocations WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    text.map(|text| text.parse().map_err(|error| column_error(0, error))).transpose()
}

/// A column holds what this program never writes.
pub(super) fn column_error(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation's table, read by the test so that the two cannot part.
    fn documented() -> Vec<(RevocationState, Vec<RevocationState>)> {
        let table = include_str!("state.rs").lines().skip_while(|line| !line.contains("from         to")).skip(1);
        let rows = table.take_while(|line| !line.contains("```")).map(|line| {
            let mut words = line.trim_start_matches("//! ").split("  ").filter(|word| !word.is_empty());
            let from = words.next().unwrap().trim().parse().unwrap();
            let to = words.next().unwrap().split('·').filter_map(|one| one.split_whitespace().next()?.parse().ok());
            (from, to.collect())
        });
        rows.collect()
    }

    #[test]
    fn moves_are_exactly_those_of_the_documented_table() {
        let table = documented();
        assert_eq!(table.len(), RevocationState::ALL.len());
        for (from, allowed) in table {
            for next in RevocationState::ALL {
                assert_eq!(from.may_become(next), allowed.contains(&next), "{from} to {next}");
            }
        }
    }

    #[test]
    fn guide_for_receivers_shows_the_same_moves() {
        let rows = include_str!("../../../docs/webhooks.md").lines().skip_while(|line| !line.starts_with("| state |"));
        for (row, from) in rows.skip(2).zip(RevocationState::ALL) {
            let cells: Vec<_> = row.split('|').collect();
            assert_eq!(cells[1].trim().trim_matches('`'), from.as_str());
            let shown: Vec<RevocationState> = cells[3].split('`').filter_map(|word| word.parse().ok()).collect();
            let allowed = RevocationState::ALL.into_iter().filter(|next| from.may_become(*next));
            assert!(allowed.clone().all(|next| shown.contains(&next)) && allowed.count() == shown.len(), "{from}");
        }
    }

    #[test]
    fn every_state_is_read_back_from_its_name() {
        for state in RevocationState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
    }

    #[test]
    fn what_was_undone_never_comes_back() {
        assert!(RevocationState::ALL.into_iter().all(|next| !RevocationState::Undone.may_become(next)));
    }
}
