//! One file as decoded chunks in order, read ahead by the workers.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};

use models::event::Event;

use super::chunk::Reader;
use super::pool::Pool;
use super::{Rejected, TraceError};

/// One decoded line.
pub(super) enum Line {
    /// An event, with its line number.
    Event(Box<Event>, u64),
    /// Not an event.
    Rejected(Box<Rejected>),
}

type Decoded = Result<Option<Vec<Line>>, TraceError>;

/// The reader of a file, handed from job to job; `taken` numbers the chunks in file order.
struct Source {
    reader: Reader,
    taken: u64,
}

pub(super) struct Feed {
    path: String,
    file: usize,
    source: Arc<Mutex<Source>>,
    depth: usize,
    under_way: VecDeque<Receiver<(u64, Decoded)>>,
    early: BTreeMap<u64, Decoded>,
    next: u64,
    ended: bool,
}

impl Feed {
    /// Opens a file and lets the workers begin with it. `file` is its place among those named.
    pub(super) fn open(path: &Path, file: usize, depth: usize, pool: &Pool) -> Result<Self, TraceError> {
        let source = Source { reader: Reader::open(path)?, taken: 0 };
        let mut feed = Self {
            path: path.display().to_string(),
            file,
            source: Arc::new(Mutex::new(source)),
            depth: depth.max(1),
            under_way: VecDeque::new(),
            early: BTreeMap::new(),
            next: 0,
            ended: false,
        };
        feed.submit(pool);
        Ok(feed)
    }

    /// The lines of the next chunk; `None` at the end of the file.
    pub(super) fn next(&mut self, pool: &Pool) -> Result<Option<Vec<Line>>, TraceError> {
        if self.ended {
            return Ok(None);
        }
        // Two workers may take the chunks of two jobs in either order, so a chunk can arrive early.
        let decoded = loop {
            while self.under_way.len() + self.early.len() < self.depth {
                self.submit(pool);
            }
            if let Some(decoded) = self.early.remove(&self.next) {
                break decoded;
            }
            let job = self.under_way.pop_front().and_then(|job| job.recv().ok());
            let (number, decoded) = job.ok_or_else(|| TraceError::Worker(self.path.clone()))?;
            self.early.insert(number, decoded);
        };
        self.next += 1;
        let lines = decoded?;
        self.ended = lines.is_none();
        if !self.ended {
            self.submit(pool);
        }
        Ok(lines)
    }

    fn submit(&mut self, pool: &Pool) {
        let (done, receive) = channel();
        let (source, file) = (Arc::clone(&self.source), self.file);
        pool.run(move || {
            let (number, chunk) = {
                let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
                let number = source.taken;
                source.taken += 1;
                (number, source.reader.chunk(file))
            };
            // The other end is gone when the replay stopped early.
            let _ = done.send((number, chunk.map(|chunk| chunk.map(|chunk| chunk.decode(file)))));
        });
        self.under_way.push_back(receive);
    }
}
