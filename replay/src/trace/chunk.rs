//! Some raw lines in a row: what one job reads and another thread may decode.

use std::ops::Range;

use datasets::reader::{Line, LineReader, ReadError};

/// A chunk ends with the line that brings it to this many bytes: some hundreds of events.
const CHUNK_BYTES: usize = 64 * 1024;

/// Raw lines, one after the other in one buffer.
#[derive(Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

struct Place {
    number: u64,
    length: u64,
    range: Range<usize>,
}

impl Chunk {
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.places.iter().map(|place| Line {
            number: place.number,
            length: place.length,
            raw: self.bytes.get(place.range.clone()).unwrap_or_default(),
        })
    }
}

/// The next lines of a file; `None` at its end.
pub(super) fn chunk(reader: &mut LineReader) -> Result<Option<Chunk>, ReadError> {
    let mut chunk = Chunk::default();
    while chunk.bytes.len() < CHUNK_BYTES {
        let Some(line) = reader.next_line()? else { break };
        let start = chunk.bytes.len();
        chunk.bytes.extend_from_slice(line.raw);
        chunk.places.push(Place { number: line.number, length: line.length, range: start..chunk.bytes.len() });
    }
    Ok((!chunk.places.is_empty()).then_some(chunk))
}
