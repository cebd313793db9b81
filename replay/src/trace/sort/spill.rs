//! Sorted runs in one nameless temporary file.
//!
//! A record is its place (time, file, line: 8, 4 and 8 bytes), the length of the event (4 bytes) and the event; numbers
//! are little-endian.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use models::event::Timestamp;

use super::super::Position;

const HEAD_BYTES: usize = 24;
const BUFFER_BYTES: usize = 64 << 10;

/// The temporary file. It has no name, so it goes when the process does.
pub(super) struct Spill {
    file: Arc<Mutex<File>>,
    length: u64,
}

/// Where a run is.
#[derive(Clone, Copy)]
pub(super) struct Run {
    start: u64,
    end: u64,
}

impl Spill {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(Mutex::new(tempfile::tempfile_in(folder)?)), length: 0 })
    }

    /// Begins a run behind the last one.
    pub(super) fn begin(&mut self) -> Writer<'_> {
        let at = Place { file: Arc::clone(&self.file), at: self.length, end: u64::MAX };
        Writer { start: self.length, out: BufWriter::with_capacity(BUFFER_BYTES, at), length: &mut self.length }
    }

    pub(super) fn read(&self, run: Run) -> Reader {
        let place = Place { file: Arc::clone(&self.file), at: run.start, end: run.end };
        Reader { input: BufReader::with_capacity(BUFFER_BYTES, place), event: Vec::new() }
    }
}

pub(super) struct Writer<'a> {
    start: u64,
    out: BufWriter<Place>,
    length: &'a mut u64,
}

impl Writer<'_> {
    pub(super) fn push(&mut self, position: Position, event: &[u8]) -> io::Result<()> {
        let length = u32::try_from(event.len()).map_err(io::Error::other)?;
        self.out.write_all(&position.time.as_nanos().to_le_bytes())?;
        self.out.write_all(&position.file.to_le_bytes())?;
        self.out.write_all(&position.line.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(event)
    }

    pub(super) fn end(mut self) -> io::Result<Run> {
        self.out.flush()?;
        *self.length = self.out.get_ref().at;
        Ok(Run { start: self.start, end: *self.length })
    }
}

pub(super) struct Reader {
    input: BufReader<Place>,
    event: Vec<u8>,
}

impl Reader {
    /// Reads the next record and gives its place; `None` at the end of the run.
    pub(super) fn advance(&mut self) -> io::Result<Option<Position>> {
        let mut head = [0; HEAD_BYTES];
        match self.input.read_exact(&mut head) {
            Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let [t0, t1, t2, t3, t4, t5, t6, t7, f0, f1, f2, f3, l0, l1, l2, l3, l4, l5, l6, l7, n0, n1, n2, n3] = head;
        self.event.resize(u32::from_le_bytes([n0, n1, n2, n3]) as usize, 0);
        self.input.read_exact(&mut self.event)?;
        Ok(Some(Position {
            time: Timestamp::from_nanos(i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7])),
            file: u32::from_le_bytes([f0, f1, f2, f3]),
            line: u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]),
        }))
    }

    /// Takes the event of the record.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.event)
    }
}

/// A part of the file with a place of its own: runs are read side by side.
struct Place {
    file: Arc<Mutex<File>>,
    at: u64,
    end: u64,
}

impl Read for Place {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..left).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let read = file.read(buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Write for Place {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let written = file.write(buffer)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
