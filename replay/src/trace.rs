//! Event files as one stream in one total order.
//!
//! **The order.** Items come by event time, then by file, then by line (or row). Files count as partitions and lines as
//! offsets: lines of one file are never swapped within one instant. Which of two files comes first within one instant
//! follows from the files alone, never from the order in which they are named: the one whose first event is earlier, then
//! the one whose last event is earlier, then by the digest of its bytes. So a file that was rotated in the middle of an
//! instant goes on where it stopped, and naming files in another order changes nothing.
//!
//! A line that is no event takes the time of the event before it, so it has a place in the order like any other.
//!
//! **How.** Every file is a run in order of time; runs are merged by a heap of their heads. A survey has told which files
//! are not in order: those are cut into sorted runs that are written to one temporary file and merged from there
//! (`sort`). Files are opened when the stream reaches their first event and closed at their end. Worker threads read,
//! decompress and decode ahead; what they return is put back in order, so the stream is the same on any number of threads.
//!
//! **Memory.** Some chunks of every file that is open, one row group of a Parquet file, 64 MiB while sorting.

mod chunk;
mod encoding;
mod feed;
mod files;
mod merge;
mod order;
mod pool;
mod recorded;
mod reorder;
mod sort;
mod stream;
mod survey;
mod table;

use std::path::Path;

use datasets::reader::ReadError;
use models::event::{Event, Rejection, Timestamp};
use serde::{Deserialize, Serialize};

pub use files::expand;
pub use merge::Trace;
pub use recorded::{AsRecorded, recording};
pub use survey::{Order, Surveyed, survey};
pub(crate) use survey::{digest, hex};
pub(crate) use table::EventTable;

/// Why event files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Nothing is there, or nothing that is an event file.
    #[error(
        "no event file at `{0}`; name a file, a folder of *.ndjson, *.csv, *.parquet or *.arrow files, or a pattern such as `day-*.parquet`"
    )]
    NoFile(String),
    /// The file cannot be read, or is damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A Parquet or Arrow file cannot be read.
    #[error("`{path}` cannot be read as a table after row {row} ({cause}); write it again, or convert it to NDJSON")]
    Table {
        /// The file.
        path: String,
        /// The last row that was read.
        row: u64,
        /// What the reader said, on one line.
        cause: String,
    },
    /// A column has a type that no field can be read from.
    #[error("column `{column}` of `{path}` is of type {found}; write it as {wanted}")]
    Column {
        /// The file.
        path: String,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What it may be.
        wanted: &'static str,
    },
    /// Sorting needs room on disk.
    #[error(
        "cannot sort in `{folder}`: {source}; events that are far out of order of time are sorted there, so make room"
    )]
    Sort {
        /// The folder of the temporary file.
        folder: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The operating system refuses.
    #[error("cannot read `{path}`: {source}; check that it is there and readable")]
    Refused {
        /// The file or folder.
        path: String,
        /// What it says.
        source: std::io::Error,
    },
    /// What is to be replayed as it was recorded is something else.
    #[error(
        "--as-recorded keeps the order of one file: name one alone in --events, NDJSON as `driftwatch record` writes it"
    )]
    Recording,
    /// A line of a recording does not say how its event reached the engine.
    #[error(
        "line {line} of `{path}` does not say how its event reached the engine ({cause}); record it with `driftwatch record`, or leave out --as-recorded"
    )]
    NotRecorded {
        /// The file.
        path: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        cause: String,
    },
    /// A worker thread ended early.
    #[error("a worker thread of the reader ended early at `{0}`; please report this with the file")]
    Worker(String),
}

impl TraceError {
    fn refused(path: &Path, source: std::io::Error) -> Self {
        Self::Refused { path: path.display().to_string(), source }
    }
}

/// A place in the total order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Event time; the earliest possible one for a line that is no event in a file without a known order.
    pub time: Timestamp,
    /// Rank of the file. It follows from the files, not from the order in which they are named.
    pub file: u32,
    /// Line or row in the file, from 1.
    pub line: u64,
}

impl Position {
    const UNDATED: Timestamp = Timestamp::from_nanos(i64::MIN);
}

/// Which part of the stream is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Part {
    /// Only what comes after this place.
    pub after: Option<Position>,
    /// No event before this time.
    pub from: Option<Timestamp>,
    /// No event at or after this time.
    pub until: Option<Timestamp>,
}

impl Part {
    fn holds(&self, position: Position) -> bool {
        let dated = position.time != Position::UNDATED;
        self.after.is_none_or(|after| position > after)
            && (!dated || self.from.is_none_or(|from| position.time >= from))
            && self.until.is_none_or(|until| position.time < until)
    }

    /// Whether nothing of a file is wanted whose events lie in this span.
    fn excludes(&self, (first, last): (Timestamp, Timestamp)) -> bool {
        self.after.is_some_and(|after| last < after.time)
            || self.from.is_some_and(|from| last < from)
            || self.until.is_some_and(|until| first >= until)
    }
}

/// A line that is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Which of the files, in the order in which they were named.
    pub file: usize,
    /// Line or row number, from 1.
    pub line: u64,
    /// Why.
    pub rejection: Rejection,
    /// The first bytes of the line, readable.
    pub excerpt: String,
}

/// What the stream yields.
#[derive(Debug)]
pub enum Item {
    /// An event.
    Event(Box<Event>),
    /// A line that is not an event.
    Rejected(Box<Rejected>),
}

#[cfg(test)]
mod tests;
