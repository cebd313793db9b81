//! Some raw lines or rows in a row: what one job reads and another thread may decode.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use datasets::reader::csv::CsvReader;
use datasets::reader::{self, LineReader, ReadError, decode_line};
use models::event::Rejection;

use super::encoding::Encoding;
use super::feed::Line;
use super::table::{Field, Rows, TableReader};
use super::{Rejected, TraceError};

/// A chunk of lines ends with the line that brings it to this many bytes: some hundreds of events.
const CHUNK_BYTES: usize = 64 * 1024;
/// Rows of a chunk of CSV, which is decoded as it is read.
const CHUNK_ROWS: usize = 256;
/// How much of a rejected line is kept for people.
const EXCERPT_BYTES: usize = 256;

/// The reader of a file.
pub(super) enum Reader {
    Lines(LineReader),
    Csv(Box<CsvReader>),
    Table(Box<TableReader>),
}

/// What one job has read.
pub(super) enum Chunk {
    Lines(Lines),
    Decoded(Vec<Line>),
    Rows(Rows),
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        let encoding = Encoding::of(path).map_err(|source| TraceError::refused(path, source))?;
        Ok(match encoding {
            Encoding::Lines => Reader::Lines(LineReader::open(path)?),
            Encoding::Csv => Reader::Csv(Box::new(open_csv(path)?)),
            table => Reader::Table(Box::new(TableReader::open(path, table, &Field::all())?)),
        })
    }

    /// The next lines or rows; `None` at the end. `file` is the place of the file among those named.
    pub(super) fn chunk(&mut self, file: usize) -> Result<Option<Chunk>, TraceError> {
        Ok(match self {
            Reader::Lines(lines) => Lines::read(lines)?.map(Chunk::Lines),
            Reader::Csv(rows) => csv_rows(rows, file)?.map(Chunk::Decoded),
            Reader::Table(table) => table.next()?.map(Chunk::Rows),
        })
    }
}

impl Chunk {
    pub(super) fn decode(self, file: usize) -> Vec<Line> {
        match self {
            Chunk::Lines(lines) => lines.decode(file),
            Chunk::Decoded(lines) => lines,
            Chunk::Rows(rows) => decode_rows(&rows, file),
        }
    }
}

pub(super) fn open_csv(path: &Path) -> Result<CsvReader, TraceError> {
    let file = File::open(path).map_err(|source| TraceError::refused(path, source))?;
    Ok(CsvReader::new(file, &path.to_string_lossy().escape_debug().to_string())?)
}

fn csv_rows(reader: &mut CsvReader, file: usize) -> Result<Option<Vec<Line>>, ReadError> {
    let mut lines = Vec::new();
    while lines.len() < CHUNK_ROWS {
        let Some(entry) = reader.next_entry()? else { break };
        lines.push(match entry {
            Ok(decoded) => Line::Event(Box::new(decoded.event), reader.line()),
            Err(bad) => rejected(file, bad.line, bad.rejection, excerpt(&bad.raw)),
        });
    }
    Ok((!lines.is_empty()).then_some(lines))
}

fn decode_rows(rows: &Rows, file: usize) -> Vec<Line> {
    let decode = |row: usize| {
        let line = rows.first + row as u64;
        match rows.frame.event(row) {
            Ok(event) => Line::Event(Box::new(event), line),
            Err(rejection) => rejected(file, line, rejection, rows.frame.excerpt(row, EXCERPT_BYTES)),
        }
    };
    rows.range.clone().map(decode).collect()
}

fn rejected(file: usize, line: u64, rejection: Rejection, excerpt: String) -> Line {
    Line::Rejected(Box::new(Rejected { file, line, rejection, excerpt }))
}

pub(super) fn excerpt(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw.get(..EXCERPT_BYTES).unwrap_or(raw)).into_owned()
}

/// Raw lines, one after the other in one buffer.
#[derive(Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

struct Place {
    number: u64,
    length: u64,
    range: Range<usize>,
}

impl Lines {
    fn read(reader: &mut LineReader) -> Result<Option<Self>, ReadError> {
        let mut lines = Lines::default();
        while lines.bytes.len() < CHUNK_BYTES {
            let Some(line) = reader.next_line()? else { break };
            let start = lines.bytes.len();
            lines.bytes.extend_from_slice(line.raw);
            lines.places.push(Place { number: line.number, length: line.length, range: start..lines.bytes.len() });
        }
        Ok((!lines.places.is_empty()).then_some(lines))
    }

    fn decode(&self, file: usize) -> Vec<Line> {
        let decode = |place: &Place| {
            let raw = self.bytes.get(place.range.clone()).unwrap_or_default();
            match decode_line(&reader::Line { number: place.number, length: place.length, raw }) {
                Ok(decoded) => Line::Event(Box::new(decoded.event), place.number),
                Err(rejection) => rejected(file, place.number, rejection, excerpt(raw)),
            }
        };
        self.places.iter().map(decode).collect()
    }
}
