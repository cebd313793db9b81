//! One file in order of time, as a run of the merge.

use std::collections::VecDeque;
use std::path::PathBuf;

use models::event::{Event, Timestamp};

use super::feed::{Feed, Line};
use super::pool::Pool;
use super::reorder::Reorder;
use super::{Item, Order, Position, Surveyed, TraceError};

/// A file that the merge will come to.
pub(super) struct Waiting {
    path: PathBuf,
    /// Its place among the files as they were named.
    file: usize,
    pub(super) rank: u32,
    order: Order,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    ready: Option<Feed>,
}

impl Waiting {
    pub(super) fn new(file: usize, rank: u32, surveyed: &Surveyed) -> Self {
        let (first, last) = surveyed.span.unwrap_or((Position::UNDATED, Position::UNDATED));
        Self { path: surveyed.path.clone(), file, rank, order: surveyed.order, first, last, ready: None }
    }

    /// Opens the file and lets the workers begin with it.
    pub(super) fn prepare(&mut self, pool: &Pool, depth: usize) -> Result<(), TraceError> {
        if self.ready.is_none() {
            self.ready = Some(Feed::open(&self.path, self.file, depth, pool)?);
        }
        Ok(())
    }

    fn into_feed(self, pool: &Pool, depth: usize) -> Result<Feed, TraceError> {
        self.ready.map_or_else(|| Feed::open(&self.path, self.file, depth, pool), Ok)
    }
}

/// An open file.
pub(super) struct Stream {
    feed: Feed,
    rank: u32,
    lines: VecDeque<Line>,
    reorder: Reorder,
    /// Time of the last event, which a line that is no event takes.
    last: Timestamp,
    pub(super) head: Option<Item>,
}

impl Stream {
    pub(super) fn open(waiting: Waiting, pool: &Pool, depth: usize) -> Result<Self, TraceError> {
        let (rank, last, reorder) = (waiting.rank, waiting.first, Reorder::new(waiting.order));
        Ok(Self { feed: waiting.into_feed(pool, depth)?, rank, lines: VecDeque::new(), reorder, last, head: None })
    }

    /// The next item of the file and its place; `None` at the end.
    pub(super) fn pull(&mut self, pool: &Pool) -> Result<Option<(Position, Item)>, TraceError> {
        loop {
            while let Some(line) = self.lines.pop_front() {
                let (line, item) = match line {
                    Line::Event(event, line) => {
                        self.last = event.time;
                        (line, Item::Event(event))
                    }
                    Line::Rejected(rejected) => (rejected.line, Item::Rejected(rejected)),
                };
                let position = Position { time: self.last, file: self.rank, line };
                if let Some(next) = self.reorder.push(position, item) {
                    return Ok(Some(next));
                }
            }
            match self.feed.next(pool)? {
                Some(lines) => self.lines = lines.into(),
                None => return Ok(self.reorder.pop()),
            }
        }
    }
}

/// A file whose order of time is not known to be any: what is read of it goes to the sort.
pub(super) struct Unordered {
    feed: Feed,
    rank: u32,
    lines: VecDeque<Line>,
}

/// What an unordered file yields.
pub(super) enum Found {
    /// An event, for the sort.
    Event(Position, Box<Event>),
    /// A line that is no event. It has no time, and comes at once.
    Rejected(Position, Item),
}

impl Unordered {
    pub(super) fn open(waiting: Waiting, pool: &Pool, depth: usize) -> Result<Self, TraceError> {
        let rank = waiting.rank;
        Ok(Self { feed: waiting.into_feed(pool, depth)?, rank, lines: VecDeque::new() })
    }

    /// The next line of the file; `None` at the end.
    pub(super) fn pull(&mut self, pool: &Pool) -> Result<Option<Found>, TraceError> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(match line {
                    Line::Event(event, line) => {
                        Found::Event(Position { time: event.time, file: self.rank, line }, event)
                    }
                    Line::Rejected(rejected) => Found::Rejected(
                        Position { time: Position::UNDATED, file: self.rank, line: rejected.line },
                        Item::Rejected(rejected),
                    ),
                }));
            }
            match self.feed.next(pool)? {
                Some(lines) => self.lines = lines.into(),
                None => return Ok(None),
            }
        }
    }
}
