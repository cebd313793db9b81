//! Event files as one stream in order of event time.
//!
//! Events are ordered by time, then by the order of the files, then by line. Worker threads read, decompress and decode
//! ahead; what they return is put back in order, so the stream is the same on any number of threads. Memory is one or a
//! few chunks a file, except for a file that the survey found unsorted: that one is held and sorted in memory.

mod chunk;
mod feed;
mod files;
mod pool;
mod reorder;
mod survey;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroUsize;

use datasets::reader::ReadError;
use models::event::{Event, Rejection, Timestamp};

pub use files::expand;
pub use survey::{Order, Surveyed, survey};
pub(crate) use survey::{digest, hex};

use feed::{Feed, Line};
use pool::Pool;
use reorder::Reorder;

/// Why event files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Nothing is there, or nothing that is an event file.
    #[error(
        "no event file at `{0}`; name a file, a folder of *.ndjson[.gz|.zst] files, or a pattern such as `day-*.ndjson`"
    )]
    NoFile(String),
    /// The file cannot be read, or is damaged.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The operating system refuses.
    #[error("cannot read `{path}`: {source}; check that it is there and readable")]
    Refused {
        /// The file or folder.
        path: String,
        /// What it says.
        source: std::io::Error,
    },
    /// A worker thread ended early.
    #[error("a worker thread of the reader ended early at `{0}`; please report this with the file")]
    Worker(String),
}

/// A line that is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Which of the files, in their order.
    pub file: usize,
    /// Line number, from 1.
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

struct Stream {
    feed: Feed,
    lines: std::vec::IntoIter<Line>,
    reorder: Reorder,
    head: Option<Box<Event>>,
}

/// The merged stream. See the module for its order.
pub struct Trace {
    pool: Pool,
    streams: Vec<Stream>,
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    rejected: VecDeque<Rejected>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("files", &self.streams.len()).finish_non_exhaustive()
    }
}

impl Trace {
    /// Opens surveyed files for reading with `threads` workers.
    ///
    /// # Errors
    /// When a file cannot be opened or its first chunk cannot be read.
    pub fn open(files: &[Surveyed], threads: NonZeroUsize) -> Result<Self, TraceError> {
        // Few files: read far ahead in each. Many files: one chunk ahead in each, so that memory stays bounded.
        let depth = if files.len() <= 4 { 2 * threads.get() } else { 1 };
        let streams = files
            .iter()
            .enumerate()
            .map(|(file, surveyed)| {
                let feed = Feed::open(&surveyed.path, file, depth)?;
                let reorder = Reorder::new(surveyed.order);
                Ok(Stream { feed, lines: Vec::new().into_iter(), reorder, head: None })
            })
            .collect::<Result<_, TraceError>>()?;
        let mut trace =
            Self { pool: Pool::start(threads), streams, heads: BinaryHeap::new(), rejected: VecDeque::new() };
        for file in 0..files.len() {
            trace.advance(file)?;
        }
        Ok(trace)
    }

    /// Puts the next event of `file` at the head of its stream.
    fn advance(&mut self, file: usize) -> Result<(), TraceError> {
        let Some(stream) = self.streams.get_mut(file) else { return Ok(()) };
        stream.head = stream.pull(&self.pool, &mut self.rejected)?;
        if let Some(event) = &stream.head {
            self.heads.push(Reverse((event.time, file)));
        }
        Ok(())
    }
}

impl Iterator for Trace {
    type Item = Result<Item, TraceError>;

    /// The next event, or line that is not one. After an error the stream cannot be relied on.
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(rejected) = self.rejected.pop_front() {
            return Some(Ok(Item::Rejected(Box::new(rejected))));
        }
        let Reverse((_, file)) = self.heads.pop()?;
        let event = self.streams.get_mut(file)?.head.take()?;
        Some(self.advance(file).map(|()| Item::Event(event)))
    }
}

impl Stream {
    fn pull(&mut self, pool: &Pool, rejected: &mut VecDeque<Rejected>) -> Result<Option<Box<Event>>, TraceError> {
        loop {
            match self.lines.next() {
                Some(Line::Event(event, line)) => {
                    if let Some(event) = self.reorder.push(event, line) {
                        return Ok(Some(event));
                    }
                }
                Some(Line::Rejected(line)) => rejected.push_back(line),
                None => match self.feed.next(pool)? {
                    Some(lines) => self.lines = lines.into_iter(),
                    None => return Ok(self.reorder.pop()),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
