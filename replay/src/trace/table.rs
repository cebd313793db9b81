//! Parquet and Arrow files as events, some thousand rows at a time.
//!
//! Columns have the names of the native fields. A field of an object is a column with a dot in its name
//! (`credential.id`) or a field of a struct column. Columns that are no field are not read.

mod arrow;
mod cells;
mod field;
mod frame;
mod parquet;
mod write;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{PolarsError, PolarsResult};

pub(super) use field::Field;
pub(super) use frame::Frame;
pub(crate) use write::EventTable;

use super::TraceError;
use super::encoding::Encoding;

/// Rows that one job decodes.
const CHUNK_ROWS: usize = 2048;

/// Some rows in a row.
pub(super) struct Rows {
    pub(super) frame: Arc<Frame>,
    pub(super) range: Range<usize>,
    /// Number of the frame's first row in the file, from 1.
    pub(super) first: u64,
}

/// Reads a table from its beginning. Memory is one row group or record batch.
pub(super) struct TableReader {
    path: String,
    source: Source,
    frame: Arc<Frame>,
    /// First row of the frame, from 1, and how many of its rows were given.
    first: u64,
    given: usize,
}

enum Source {
    Parquet(parquet::Reader),
    Arrow(arrow::Reader),
}

impl TableReader {
    /// Opens a file; `wanted` are the fields that will be asked for.
    pub(super) fn open(path: &Path, encoding: Encoding, wanted: &[Field]) -> Result<Self, TraceError> {
        let named = path.display().to_string();
        let source = match encoding {
            Encoding::ArrowFile | Encoding::ArrowStream => {
                Source::Arrow(arrow::Reader::open(path, encoding == Encoding::ArrowFile, wanted)?)
            }
            _ => Source::Parquet(parquet::Reader::open(path, wanted)?),
        };
        Ok(Self { path: named, source, frame: Arc::new(Frame::default()), first: 1, given: 0 })
    }

    /// The next rows; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Rows>, TraceError> {
        while self.given == self.frame.rows() {
            self.first += self.frame.rows() as u64;
            let columns = guarded(|| match &mut self.source {
                Source::Parquet(reader) => reader.next(),
                Source::Arrow(reader) => reader.next(),
            });
            let columns = columns.map_err(|cause| damaged(&self.path, self.first - 1, &cause))?;
            let Some((rows, columns)) = columns else { return Ok(None) };
            self.frame = Arc::new(Frame::of(rows, columns, &self.path)?);
            self.given = 0;
        }
        let end = self.frame.rows().min(self.given + CHUNK_ROWS);
        let range = std::mem::replace(&mut self.given, end)..end;
        Ok(Some(Rows { frame: Arc::clone(&self.frame), range, first: self.first }))
    }
}

/// polars panics on some damaged files, and where one asks for what it was built without. A file is written by whoever wants
/// to: that is to end with a sentence. The reader is not used again after it.
fn guarded<T>(read: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<T> {
    let panicked = |_| Err(PolarsError::ComputeError("it is damaged, or of a kind that is not read here".into()));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(panicked)
}

fn damaged(path: &str, row: u64, cause: &impl std::fmt::Display) -> TraceError {
    let cause = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    TraceError::Table { path: path.to_owned(), row, cause: cause.escape_debug().to_string() }
}

#[cfg(test)]
mod tests;
