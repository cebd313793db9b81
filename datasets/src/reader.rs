//! Reads event files: good lines become events, bad ones are kept with their bytes and the reason.
//!
//! [`AnyReader`] reads a file of any [`Format`] and is what a program that is given files should use; [`EventReader`] reads
//! native events line by line. A file may be plain, gzip (also of several members) or zstd; its first bytes say which, never its name. Everything is
//! streamed: memory is bounded by one line (of a foreign format, one record) and the decompressor's window, whatever a file
//! unpacks to.
//!
//! ```
//! use datasets::reader::EventReader;
//!
//! let file = b"{\"id\":\"1\",\"time\":\"2026-05-04T10:00:00Z\",\"identity\":\"bot\",\"tool\":\"search\"}\nnot an event\n";
//! let mut reader = EventReader::new(&file[..], "example")?;
//! let good = reader.next_entry()?.expect("a first line");
//! assert_eq!(&*good.expect("an event").event.tool, "search");
//! let bad = reader.next_entry()?.expect("a second line").expect_err("not an event");
//! assert_eq!((bad.line, bad.raw.as_slice()), (2, &b"not an event"[..]));
//! assert!(reader.next_entry()?.is_none());
//! # Ok::<(), datasets::reader::ReadError>(())
//! ```

mod any;
mod call;
pub mod cloudevents;
mod cloudtrail;
mod convert;
pub mod csv;
mod draft;
mod folder;
mod foreign;
mod format;
mod head;
pub mod labels;
mod lines;
mod mapping;
mod mcp;
mod ocsf;
mod otlp;
mod records;
mod target;
mod time;
mod trajectory;
mod unpack;
mod value;
mod verb;

use std::io::Read;
use std::path::Path;

use models::event::{Decoded, MAX_EVENT_BYTES, Rejection, RejectionCode, decode};

pub use any::{AnyReader, Converted, Options};
pub use cloudevents::decode_any;
pub use convert::Assumed;
pub use draft::Origin;
pub use folder::expand;
pub use format::{Format, FormatError};
pub use lines::{Line, LineReader};
pub use mapping::{Mapping, MappingError};
pub use records::MAX_RECORD_BYTES;

pub use unpack::Packing;

/// Why a file cannot be read on. What was read before stays good.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It could not be opened.
    #[error("`{name}` cannot be opened ({cause}); check the path and its permissions")]
    Open {
        /// The file.
        name: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A folder holds nothing to read.
    #[error(
        "`{name}` holds no file that ends in .json, .ndjson, .jsonl, .csv or .log (with or without .gz or .zst); name the files"
    )]
    NoFile {
        /// The folder.
        name: String,
    },
    /// A compressed file ends early or is damaged.
    #[error("`{name}` is cut short or damaged after line {line} ({packing}: {cause}); copy or fetch it again")]
    Damaged {
        /// The file.
        name: String,
        /// The last complete line.
        line: u64,
        /// What its first bytes said it is.
        packing: Packing,
        /// What the decompressor said.
        cause: std::io::Error,
    },
    /// The device or pipe failed.
    #[error("reading `{name}` failed after line {line} ({cause}); try again")]
    Io {
        /// The file.
        name: String,
        /// The last complete line.
        line: u64,
        /// What the system said.
        cause: std::io::Error,
    },
}

impl ReadError {
    fn in_the_middle(name: &str, line: u64, packing: Packing, cause: std::io::Error) -> Self {
        let name = name.to_owned();
        match packing {
            Packing::Plain => ReadError::Io { name, line, cause },
            packing => ReadError::Damaged { name, line, packing, cause },
        }
    }
}

/// A line that is no event, with everything a quarantine needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Its number, from 1.
    pub line: u64,
    /// Its bytes without the line end; at most [`MAX_EVENT_BYTES`] of them are kept.
    pub raw: Vec<u8>,
    /// Whether `raw` is only the beginning of the line.
    pub truncated: bool,
    /// Why it is no event.
    pub rejection: Rejection,
}

/// One line of an event file, read.
pub type Entry = Result<Decoded, Malformed>;

/// Streams the events of one file. As an iterator it ends after the first [`ReadError`].
#[derive(Debug)]
pub struct EventReader {
    lines: LineReader,
    ended: bool,
}

impl EventReader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be opened or its first bytes cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        LineReader::open(path).map(|lines| Self { lines, ended: false })
    }

    /// Reads from anything, such as standard input; `name` is what error messages call it.
    ///
    /// # Errors
    /// [`ReadError`] if the first bytes cannot be read.
    pub fn new(read: impl Read + Send + 'static, name: &str) -> Result<Self, ReadError> {
        LineReader::new(read, name).map(|lines| Self { lines, ended: false })
    }

    /// The next line that is not blank, decoded; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`] where the file cannot be read on.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        let Some(line) = self.lines.next_line()? else { return Ok(None) };
        Ok(Some(decode_line(&line).map_err(|rejection| Malformed {
            line: line.number,
            raw: line.raw.to_vec(),
            truncated: line.is_truncated(),
            rejection,
        })))
    }

    /// Hands every line and what became of it to `visit`, reusing one buffer for the raw bytes.
    ///
    /// # Errors
    /// The first error of `visit`, or a [`ReadError`].
    pub fn for_each_line<E: From<ReadError>>(
        mut self,
        mut visit: impl FnMut(Line<'_>, Result<Decoded, Rejection>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(line) = self.lines.next_line()? {
            let decoded = decode_line(&line);
            visit(line, decoded)?;
        }
        Ok(())
    }
}

impl Iterator for EventReader {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_entry().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Decodes one line as a native event.
///
/// # Errors
/// The [`Rejection`]; a line that was cut at [`MAX_EVENT_BYTES`] is too large, whatever its beginning looks like.
pub fn decode_line(line: &Line<'_>) -> Result<Decoded, Rejection> {
    if line.is_truncated() {
        let detail = format!("the line has {} bytes; at most {MAX_EVENT_BYTES} are accepted", line.length);
        return Err(Rejection::new(RejectionCode::EventTooLarge, detail));
    }
    decode(line.raw)
}

#[cfg(test)]
mod tests;
