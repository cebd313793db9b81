//! Lines of bounded length out of any byte stream, in one reused buffer.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use models::event::MAX_EVENT_BYTES;

use super::ReadError;
use super::unpack::{Packing, unpack};

const BUFFER_BYTES: usize = 64 * 1024;

/// One line, lent until the next one is read.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Its number in the file, from 1; blank lines count.
    pub number: u64,
    /// Its bytes without the line end, at most [`MAX_EVENT_BYTES`].
    pub raw: &'a [u8],
    /// Its whole length in bytes; more than `raw.len()` if it was cut.
    pub length: u64,
}

impl Line<'_> {
    /// Whether the line was too long to be kept whole.
    pub fn is_truncated(&self) -> bool {
        self.length > self.raw.len() as u64
    }
}

/// Reads lines, unpacking on the way, skipping blank ones. Holds at most one line of [`MAX_EVENT_BYTES`].
pub struct LineReader {
    name: String,
    packing: Packing,
    input: BufReader<Box<dyn Read + Send>>,
    buffer: Vec<u8>,
    number: u64,
}

impl std::fmt::Debug for LineReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineReader").field("name", &self.name).field("line", &self.number).finish_non_exhaustive()
    }
}

impl LineReader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be opened or its first bytes cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let name = path.as_ref().to_string_lossy().escape_debug().to_string();
        match File::open(path) {
            Ok(file) => Self::new(file, &name),
            Err(cause) => Err(ReadError::Open { name, cause }),
        }
    }

    /// Reads from anything; `name` is what error messages call it.
    ///
    /// # Errors
    /// [`ReadError`] if the first bytes cannot be read.
    pub fn new(read: impl Read + Send + 'static, name: &str) -> Result<Self, ReadError> {
        match unpack(read) {
            Ok((packing, input)) => Ok(Self::unpacked(packing, input, name)),
            Err(cause) => Err(ReadError::Open { name: name.to_owned(), cause }),
        }
    }

    /// Reads what is unpacked already; `packing` is only for error messages.
    pub(super) fn unpacked(packing: Packing, input: Box<dyn Read + Send>, name: &str) -> Self {
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        Self { name: name.to_owned(), packing, input, buffer: Vec::new(), number: 0 }
    }

    /// The next line that is not blank; `None` at the end. A last line without a line end counts.
    ///
    /// # Errors
    /// [`ReadError`] if the input fails or its compression is damaged; the unfinished line is dropped then.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        loop {
            let length = match self.fill() {
                Ok(0) => return Ok(None),
                Ok(length) => length,
                Err(cause) => return Err(self.failed(cause)),
            };
            self.number += 1;
            let cut = length > self.buffer.len() as u64;
            if self.number == 1 && self.buffer.starts_with(b"\xEF\xBB\xBF") {
                // A byte order mark, as some editors write it.
                self.buffer.drain(..3);
            }
            let line_end = if self.buffer.ends_with(b"\r\n") { 2 } else { usize::from(self.buffer.ends_with(b"\n")) };
            self.buffer.truncate(self.buffer.len() - line_end);
            if !cut && self.buffer.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let length = if cut { length } else { self.buffer.len() as u64 };
            self.buffer.truncate(MAX_EVENT_BYTES);
            return Ok(Some(Line { number: self.number, raw: &self.buffer, length }));
        }
    }

    /// Reads one line with its end into the buffer; what goes beyond the limit is read and dropped. Returns the length of
    /// the whole line, line end included while it fits.
    fn fill(&mut self) -> io::Result<u64> {
        self.buffer.clear();
        // Two more than the limit, so that a line of exactly the limit keeps its `\r\n`.
        let limit = MAX_EVENT_BYTES as u64 + 2;
        let kept = self.input.by_ref().take(limit).read_until(b'\n', &mut self.buffer)? as u64;
        if kept < limit || self.buffer.ends_with(b"\n") {
            return Ok(kept);
        }
        let dropped = self.input.skip_until(b'\n')? as u64;
        Ok(kept + dropped)
    }

    fn failed(&self, cause: io::Error) -> ReadError {
        ReadError::in_the_middle(&self.name, self.number, self.packing, cause)
    }
}
