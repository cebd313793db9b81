//! External sort: events in any order in, events in the total order out, in bounded memory.
//!
//! Events are gathered until they fill a run, sorted, and written one run after the other to a nameless temporary file,
//! which the system removes whatever happens to us. At the end the runs are merged. Events that fit into one run are
//! never written. Time is `n log n`; the disk holds about as many bytes as the events have as JSON.

mod spill;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use models::event::{Event, decode};

use super::{Item, Position, TraceError};
use spill::{Run, Spill};

/// Memory of the events of one run, as JSON.
const RUN_BYTES: usize = 64 << 20;
/// Runs merged at a time; each has a buffer.
const FAN_IN: usize = 256;

/// Takes events in any order.
pub(super) struct Sorter {
    folder: PathBuf,
    run_bytes: usize,
    fan_in: usize,
    held: Held,
    spill: Option<Spill>,
    runs: Vec<Run>,
}

/// Events in memory.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    places: Vec<(Position, Range<usize>)>,
}

impl Sorter {
    pub(super) fn new(folder: &Path) -> Self {
        Self::with_limits(folder, RUN_BYTES, FAN_IN)
    }

    fn with_limits(folder: &Path, run_bytes: usize, fan_in: usize) -> Self {
        let held = Held::default();
        Self { folder: folder.to_path_buf(), run_bytes, fan_in, held, spill: None, runs: Vec::new() }
    }

    pub(super) fn push(&mut self, position: Position, event: &Event) -> Result<(), TraceError> {
        let start = self.held.bytes.len();
        serde_json::to_writer(&mut self.held.bytes, &event.to_record()).map_err(|e| self.refused(e.into()))?;
        self.held.places.push((position, start..self.held.bytes.len()));
        if self.held.bytes.len() >= self.run_bytes { self.write_run().map_err(|e| self.refused(e)) } else { Ok(()) }
    }

    /// Ends the input.
    pub(super) fn finish(mut self) -> Result<Sorted, TraceError> {
        match self.merge_down() {
            Ok(source) => Ok(Sorted { folder: self.folder, source, head: None }),
            Err(source) => Err(self.refused(source)),
        }
    }

    fn merge_down(&mut self) -> io::Result<Source> {
        self.held.places.sort_unstable_by_key(|(position, _)| *position);
        let Some(spill) = &mut self.spill else {
            return Ok(Source::Memory(std::mem::take(&mut self.held), 0));
        };
        if !self.held.places.is_empty() {
            self.runs.push(self.held.write(spill)?);
        }
        self.held = Held::default();
        while self.runs.len() > self.fan_in {
            let mut merge = Merge::open(spill, self.runs.drain(..self.fan_in).collect())?;
            let mut writer = spill.begin();
            while let Some((position, bytes)) = merge.next()? {
                writer.push(position, &bytes)?;
            }
            self.runs.push(writer.end()?);
        }
        Ok(Source::Disk(Merge::open(spill, std::mem::take(&mut self.runs))?))
    }

    fn write_run(&mut self) -> io::Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill::create(&self.folder)?),
        };
        self.held.places.sort_unstable_by_key(|(position, _)| *position);
        self.runs.push(self.held.write(spill)?);
        self.held.places.clear();
        self.held.bytes.clear();
        Ok(())
    }

    fn refused(&self, source: io::Error) -> TraceError {
        TraceError::Sort { folder: self.folder.display().to_string(), source }
    }
}

impl Held {
    fn write(&self, spill: &mut Spill) -> io::Result<Run> {
        let mut writer = spill.begin();
        for (position, range) in &self.places {
            writer.push(*position, self.bytes.get(range.clone()).unwrap_or_default())?;
        }
        writer.end()
    }
}

/// Gives events in order.
pub(super) struct Sorted {
    folder: PathBuf,
    source: Source,
    head: Option<Item>,
}

enum Source {
    /// Everything fitted into one run; with the number of events taken.
    Memory(Held, usize),
    Disk(Merge),
}

impl Sorted {
    /// Puts the next event at the head and gives its place.
    pub(super) fn advance(&mut self) -> Result<Option<Position>, TraceError> {
        let next =
            self.next().map_err(|source| TraceError::Sort { folder: self.folder.display().to_string(), source })?;
        let (position, event) = next.unzip();
        self.head = event;
        Ok(position)
    }

    /// Takes the head.
    pub(super) fn take(&mut self) -> Option<Item> {
        self.head.take()
    }

    fn next(&mut self) -> io::Result<Option<(Position, Item)>> {
        match &mut self.source {
            Source::Memory(held, taken) => {
                let Some((position, range)) = held.places.get(*taken) else { return Ok(None) };
                *taken += 1;
                Ok(Some((*position, read_back(held.bytes.get(range.clone()).unwrap_or_default())?)))
            }
            Source::Disk(merge) => {
                let Some((position, bytes)) = merge.next()? else { return Ok(None) };
                Ok(Some((position, read_back(&bytes)?)))
            }
        }
    }
}

/// What was an event when it was written is one when it is read.
fn read_back(bytes: &[u8]) -> io::Result<Item> {
    let decoded = decode(bytes).map_err(|rejection| io::Error::new(io::ErrorKind::InvalidData, rejection.detail))?;
    Ok(Item::Event(Box::new(decoded.event)))
}

/// Sorted runs as one.
struct Merge {
    runs: Vec<spill::Reader>,
    heads: BinaryHeap<Reverse<(Position, usize)>>,
}

impl Merge {
    fn open(spill: &Spill, runs: Vec<Run>) -> io::Result<Self> {
        let runs = runs.into_iter().map(|run| spill.read(run)).collect();
        let mut merge = Self { runs, heads: BinaryHeap::new() };
        for run in 0..merge.runs.len() {
            merge.advance(run)?;
        }
        Ok(merge)
    }

    fn next(&mut self) -> io::Result<Option<(Position, Vec<u8>)>> {
        let Some(Reverse((position, run))) = self.heads.pop() else { return Ok(None) };
        let bytes = self.runs.get_mut(run).map(spill::Reader::take).unwrap_or_default();
        self.advance(run)?;
        Ok(Some((position, bytes)))
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        if let Some(reader) = self.runs.get_mut(run)
            && let Some(position) = reader.advance()?
        {
            self.heads.push(Reverse((position, run)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use models::event::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn event(id: u64) -> Event {
        let json = format!(r#"{{"id":"{id}","time":"2026-01-01T00:00:00Z","identity":"a","tool":"t"}}"#);
        decode(json.as_bytes()).unwrap().event
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Law: whatever the size of a run and the number of runs merged at a time, everything comes back in order.
        #[test]
        fn everything_comes_back_in_order(times in prop::collection::vec(0_i64..50, 0..200), run_bytes in 1_usize..4000, fan_in in 2_usize..6) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::with_limits(folder.path(), run_bytes, fan_in);
            let mut expected = Vec::new();
            for (line, second) in (1_u64..).zip(times) {
                let position = Position { time: Timestamp::from_seconds(second), file: 0, line };
                expected.push(position);
                sorter.push(position, &event(line)).unwrap();
            }
            expected.sort();
            let mut sorted = sorter.finish().unwrap();
            let mut found = Vec::new();
            while let Some(position) = sorted.advance().unwrap() {
                let Some(Item::Event(event)) = sorted.take() else { panic!("no event") };
                prop_assert_eq!(&*event.id, position.line.to_string());
                found.push(position);
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
