//! The merge of all files.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroUsize;
use std::path::Path;

use models::event::Timestamp;

use super::order::ranks;
use super::pool::Pool;
use super::sort::{Sorted, Sorter};
use super::stream::{Found, Stream, Unordered, Waiting};
use super::{Item, Part, Position, Surveyed, TraceError};

/// The merged stream. See [`super`] for its order.
pub struct Trace {
    pool: Pool,
    depth: usize,
    part: Part,
    /// Files that have to be sorted first.
    unordered: VecDeque<Waiting>,
    reading: Option<Unordered>,
    sorter: Option<Sorter>,
    sorted: Option<Sorted>,
    /// Files in order of time that the stream has not come to.
    waiting: VecDeque<Waiting>,
    streams: Vec<Option<Stream>>,
    heads: BinaryHeap<Reverse<(Position, Run)>>,
}

/// Where the head of the heap comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Run {
    Sorted,
    Stream(usize),
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Trace {
    /// Opens a part of surveyed files for reading with `threads` workers. What has to be sorted and does not fit into
    /// memory is written to a nameless file in `scratch`.
    ///
    /// Files are opened on the way, so what cannot be read is told by the stream.
    pub fn open(files: &[Surveyed], part: Part, threads: NonZeroUsize, scratch: &Path) -> Self {
        let named = files.iter().zip(ranks(files)).enumerate();
        let wanted = named.filter(|(_, (file, _))| file.span.is_none_or(|span| !part.excludes(span)));
        let (mut unordered, mut waiting): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
        for (place, (file, rank)) in wanted {
            let list = if file.is_in_order() { &mut waiting } else { &mut unordered };
            list.push(Waiting::new(place, rank, file));
        }
        unordered.sort_by_key(|file| file.rank);
        waiting.sort_by_key(|file| (file.first, file.rank));
        // Few files at a time: read far ahead in each. Many: one chunk ahead in each, so that memory stays bounded.
        let depth = (2 * threads.get() / most_at_a_time(&waiting).max(1)).max(1);
        Self {
            pool: Pool::start(threads),
            depth,
            part,
            sorter: (!unordered.is_empty()).then(|| Sorter::new(scratch)),
            unordered: unordered.into(),
            reading: None,
            sorted: None,
            waiting: waiting.into(),
            streams: Vec::new(),
            heads: BinaryHeap::new(),
        }
    }

    fn step(&mut self) -> Result<Option<(Position, Item)>, TraceError> {
        if let Some(rejected) = self.sort()? {
            return Ok(Some(rejected));
        }
        loop {
            self.open_what_is_due()?;
            let Some(Reverse((position, run))) = self.heads.pop() else { return Ok(None) };
            let item = match run {
                Run::Sorted => self.sorted.as_mut().and_then(Sorted::take),
                Run::Stream(place) => self.streams.get_mut(place).and_then(Option::as_mut).and_then(|s| s.head.take()),
            };
            self.advance(run)?;
            if self.part.until.is_some_and(|until| position.time >= until) {
                return Ok(None);
            }
            if let Some(item) = item.filter(|_| self.part.holds(position)) {
                return Ok(Some((position, item)));
            }
        }
    }

    /// Goes through the files that have to be sorted; gives their lines that are no events on the way, and `None` when
    /// all are done.
    fn sort(&mut self) -> Result<Option<(Position, Item)>, TraceError> {
        let Some(sorter) = &mut self.sorter else { return Ok(None) };
        loop {
            let Some(file) = &mut self.reading else {
                match self.unordered.pop_front() {
                    Some(next) => self.reading = Some(Unordered::open(next, &self.pool, self.depth)?),
                    None => break,
                }
                continue;
            };
            match file.pull(&self.pool)? {
                Some(Found::Event(position, event)) if self.part.holds(position) => sorter.push(position, &event)?,
                Some(Found::Rejected(position, item)) if self.part.holds(position) => {
                    return Ok(Some((position, item)));
                }
                Some(Found::Event(..) | Found::Rejected(..)) => {}
                None => self.reading = None,
            }
        }
        if let Some(sorter) = self.sorter.take() {
            self.sorted = Some(sorter.finish()?);
            self.advance(Run::Sorted)?;
        }
        Ok(None)
    }

    /// Opens every file whose first event may be next, and lets the workers begin with the one after it.
    fn open_what_is_due(&mut self) -> Result<(), TraceError> {
        loop {
            let head = self.heads.peek().map(|Reverse((position, _))| position.time);
            let due = self.waiting.pop_front_if(|next| head.is_none_or(|head| next.first <= head));
            let Some(due) = due else { return Ok(()) };
            let stream = Stream::open(due, &self.pool, self.depth)?;
            let place = self.streams.iter().position(Option::is_none).unwrap_or(self.streams.len());
            match self.streams.get_mut(place) {
                Some(free) => *free = Some(stream),
                None => self.streams.push(Some(stream)),
            }
            self.advance(Run::Stream(place))?;
            if let Some(after) = self.waiting.front_mut() {
                after.prepare(&self.pool, self.depth)?;
            }
        }
    }

    /// Puts the next item of a run at its head.
    fn advance(&mut self, run: Run) -> Result<(), TraceError> {
        let position = match run {
            Run::Sorted => match &mut self.sorted {
                Some(sorted) => sorted.advance()?,
                None => None,
            },
            Run::Stream(place) => {
                let Some(slot) = self.streams.get_mut(place) else { return Ok(()) };
                let next = match slot {
                    Some(stream) => stream.pull(&self.pool)?,
                    None => None,
                };
                if let (Some((position, item)), Some(stream)) = (next, slot.as_mut()) {
                    stream.head = Some(item);
                    Some(position)
                } else {
                    *slot = None;
                    None
                }
            }
        };
        self.heads.extend(position.map(|position| Reverse((position, run))));
        Ok(())
    }
}

impl Iterator for Trace {
    type Item = Result<(Position, Item), TraceError>;

    /// The next event, or line that is not one. After an error the stream cannot be relied on.
    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// How many of the files are open at the same time at most. They come by their first event.
fn most_at_a_time(files: &[Waiting]) -> usize {
    let (mut most, mut ends) = (0, BinaryHeap::<Reverse<Timestamp>>::new());
    for file in files {
        while ends.peek().is_some_and(|Reverse(end)| *end < file.first) {
            ends.pop();
        }
        ends.push(Reverse(file.last));
        most = most.max(ends.len());
    }
    most
}
