//! The entries of the fleet's log.

use serde::{Deserialize, Serialize};

use super::FORMAT;
use super::pieces::Piece;
use crate::alert::AlertId;
use crate::calibration::Pending;
use crate::decision::Verdict;
use crate::engine::respond::Proposal;
use crate::event::Timestamp;
use crate::peers::{Habits, Sample};

/// Why an entry of the fleet's log cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Written by another version.
    #[error(
        "the entry has format {0}; this build reads format {FORMAT}: upgrade this process before it joins the fleet"
    )]
    Format(u8),
    /// Not readable.
    #[error("the entry is damaged: something else than driftwatch writes into the fleet's log, find and stop it")]
    Damaged,
}

/// What people decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// An alert was settled.
    Verdict {
        /// Which.
        alert: AlertId,
        /// Its tenant.
        tenant: Box<str>,
        /// Its identity.
        identity: Box<str>,
        /// What it was.
        verdict: Verdict,
        /// Why.
        note: Option<String>,
        /// Who says so.
        by: String,
        /// When, in milliseconds since the Unix epoch.
        at_ms: i64,
    },
    /// The brake was closed again.
    ReleaseBrake {
        /// By whom.
        by: String,
        /// When, in milliseconds since the Unix epoch.
        at_ms: i64,
    },
}

/// What a member has learned since it last said so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Lessons {
    /// By shard.
    pub learned: Vec<Pending>,
    pub events: u64,
    /// The time of its partition.
    pub time: Timestamp,
    pub identity_days: f64,
    /// Identities that acted, by day.
    pub acted: Vec<(i64, u32)>,
    /// Identities in the brake's window.
    pub active: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) enum Said {
    Lessons(Box<Lessons>),
    Opened {
        alert: AlertId,
        time: Timestamp,
    },
    Proposal {
        proposal: Box<Proposal>,
        active: u64,
    },
    /// What some of its identities do, for the groups of the round that follows `round`.
    Sample {
        round: u64,
        sample: Sample,
    },
    /// What its members of one group of `round` do.
    Habits {
        round: u64,
        tenant: u64,
        number: u32,
        habits: Box<Habits>,
    },
    /// That is all about `round`.
    Grouped {
        round: u64,
    },
}

/// What a member tells the fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub(in crate::engine) partition: u32,
    pub(in crate::engine) number: u64,
    pub(in crate::engine) said: Said,
}

/// One entry of the fleet's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// From a member.
    Report(Report),
    /// From a member whose report is too large for one.
    Piece(Piece),
    /// From a person.
    Order(Order),
}

impl Entry {
    /// The partition of the member that says it, the number of the report, and that of the piece; `None` if a person says it.
    pub fn origin(&self) -> Option<(u32, u64, u32)> {
        match self {
            Self::Report(report) => Some((report.partition, report.number, 0)),
            Self::Piece(piece) => Some((piece.partition, piece.number, piece.at)),
            Self::Order(_) => None,
        }
    }

    /// The bytes to write.
    pub fn encode(&self) -> Vec<u8> {
        // Serializing plain structs into a vector cannot fail; an empty entry would be found when it is read.
        postcard::to_extend(self, vec![FORMAT]).unwrap_or_default()
    }

    /// The entry that was written so.
    ///
    /// # Errors
    /// When it is of another format, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        match bytes.split_first() {
            Some((&FORMAT, rest)) => postcard::from_bytes(rest).map_err(|_| EntryError::Damaged),
            Some((format, _)) => Err(EntryError::Format(*format)),
            None => Err(EntryError::Damaged),
        }
    }
}
