//! Any file as a stream of events, whatever its format: the one entry for programs that read what they are given.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use models::event::{Decoded, Timestamp};

use super::cloudtrail::CloudTrail;
use super::csv::{CsvReader, ObjectRows};
use super::foreign::{Foreign, Records};
use super::head::Head;
use super::mcp::Mcp;
use super::ocsf::Ocsf;
use super::otlp::Otlp;
use super::records::RecordReader;
use super::trajectory::Trajectory;
use super::unpack::unpack;
use super::{Assumed, Format, LineReader, Malformed, Mapping, Origin, ReadError, cloudevents, decode_any, decode_line};

/// How a file is to be read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What it holds; without it, its first bytes tell (and a name that ends in `.csv`).
    pub format: Option<Format>,
    /// A mapping, which decides instead of a format.
    pub mapping: Option<Arc<Mapping>>,
    /// What the source does not say.
    pub assumed: Assumed,
}

/// One event, with the line on which its record begins and where its fields came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// From 1.
    pub line: u64,
    /// The event.
    pub decoded: Decoded,
    /// For events of a foreign format, where each field came from; empty for native ones.
    pub origins: Vec<Origin>,
}

/// Streams the events of one file of any [`Format`]. As an iterator it ends after the first [`ReadError`].
///
/// What is no event is handed over as [`Malformed`], with its line, its bytes and the reason, and the stream goes on.
/// Events come in the order of the file, which may not be that of time. Memory is bounded by the largest record
/// ([`MAX_RECORD_BYTES`](super::MAX_RECORD_BYTES); a parsed record takes up to some ten times its bytes) and by what a format has to remember
/// between records, which `docs/formats.md` states for each.
///
/// ```
/// use datasets::reader::{AnyReader, Format, Options};
///
/// let file = br#"{"session_id":"s","agent":"bot","created":1777888999,"messages":[
///     {"role":"assistant","tool_calls":[{"id":"c","function":{"name":"read_file","arguments":"{\"path\":\"/a\"}"}}]},
///     {"role":"tool","tool_call_id":"c","content":"hello"}]}"#;
/// let mut reader = AnyReader::new(&file[..], "example.json", &Options::default())?;
/// assert_eq!(reader.format(), Some(Format::Trajectory));
/// let converted = reader.next().expect("one call")?.expect("an event");
/// assert_eq!((&*converted.decoded.event.tool, converted.line), ("read_file", 1));
/// assert!(reader.next().is_none());
/// # Ok::<(), datasets::reader::ReadError>(())
/// ```
pub struct AnyReader {
    name: String,
    format: Option<Format>,
    source: Source,
    ended: bool,
}

enum Source {
    /// One event a line; without a format, native or `CloudEvents`.
    Lines(LineReader, Option<Format>),
    Table(CsvReader),
    Foreign(Box<Foreign>),
}

impl std::fmt::Debug for AnyReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyReader").field("name", &self.name).field("format", &self.format).finish_non_exhaustive()
    }
}

impl AnyReader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be opened or its beginning cannot be read.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Self, ReadError> {
        let name = path.as_ref().to_string_lossy().escape_debug().to_string();
        match File::open(path) {
            Ok(file) => Self::new(file, &name, options),
            Err(cause) => Err(ReadError::Open { name, cause }),
        }
    }

    /// Reads from anything, such as standard input; `name` is what error messages call it, and, without its endings,
    /// what sessions and events are named after where the source does not name them.
    ///
    /// # Errors
    /// [`ReadError`] if the first bytes cannot be read.
    pub fn new(read: impl Read + Send + 'static, name: &str, options: &Options) -> Result<Self, ReadError> {
        let (packing, mut input) = unpack(read).map_err(|cause| ReadError::Open { name: name.to_owned(), cause })?;
        let foreign =
            |records, convert| Source::Foreign(Box::new(Foreign::new(records, convert, name, options.assumed.clone())));
        if let Some(mapping) = &options.mapping {
            let records = match mapping.table_delimiter() {
                Some(delimiter) => Records::Table(ObjectRows::new(input, name, delimiter)?),
                None => Records::Json(RecordReader::new(input, packing, name, &mapping.lists())),
            };
            let source = foreign(records, Box::new(Mapping::clone(mapping)));
            return Ok(Self { name: name.to_owned(), format: None, source, ended: false });
        }
        let format = match options.format {
            Some(format) => format,
            None if is_named_csv(name) => Format::Csv,
            None => {
                let head = Head::of(&mut input);
                let format = Format::detect(&head.bytes);
                input = Box::new(head.before(input));
                format
            }
        };
        let json = |input, lists: &[&str], convert| {
            foreign(Records::Json(RecordReader::new(input, packing, name, lists)), convert)
        };
        let source = match format {
            Format::Native | Format::Cloudevents => {
                Source::Lines(LineReader::unpacked(packing, input, name), options.format)
            }
            Format::Csv => Source::Table(CsvReader::unpacked(input, name)?),
            Format::Trajectory => json(input, &[], Box::<Trajectory>::default()),
            Format::Otlp => json(input, Otlp::LISTS, Box::<Otlp>::default()),
            Format::Cloudtrail => json(input, CloudTrail::LISTS, Box::new(CloudTrail)),
            Format::Mcp => json(input, &[], Box::<Mcp>::default()),
            Format::Ocsf => json(input, &[], Box::new(Ocsf)),
        };
        Ok(Self { name: name.to_owned(), format: Some(format), source, ended: false })
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The format that it is read as; `None` if a mapping reads it.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// Records so far that hold no action: messages without a call, spans of something else. They are no mistakes.
    pub fn ignored(&self) -> u64 {
        match &self.source {
            Source::Foreign(foreign) => foreign.ignored(),
            Source::Lines(..) | Source::Table(_) => 0,
        }
    }

    /// Where times are assumed ([`Assumed::start`]): the next one, to go on with in the next file.
    pub fn assumed_time(&self) -> Option<Timestamp> {
        match &self.source {
            Source::Foreign(foreign) => foreign.assumed_time(),
            Source::Lines(..) | Source::Table(_) => None,
        }
    }

    /// The next event, or what should have been one; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`] where the file cannot be read on.
    pub fn next_entry(&mut self) -> Result<Option<Result<Converted, Malformed>>, ReadError> {
        match &mut self.source {
            Source::Lines(lines, format) => next_line(lines, *format),
            Source::Table(rows) => Ok(rows.next_entry()?.map(|entry| entry.map(|e| as_it_is(rows.line(), e)))),
            Source::Foreign(foreign) => foreign.next_entry(),
        }
    }
}

impl Iterator for AnyReader {
    type Item = Result<Result<Converted, Malformed>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_entry().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

fn as_it_is(line: u64, decoded: Decoded) -> Converted {
    Converted { line, decoded, origins: Vec::new() }
}

fn next_line(
    lines: &mut LineReader,
    format: Option<Format>,
) -> Result<Option<Result<Converted, Malformed>>, ReadError> {
    let Some(line) = lines.next_line()? else { return Ok(None) };
    let no_headers: [(&str, &[u8]); 0] = [];
    let decoded = match format {
        _ if line.is_truncated() => decode_line(&line),
        Some(Format::Cloudevents) => cloudevents::decode_structured(line.raw, None),
        Some(_) => decode_line(&line),
        None => decode_any(line.raw, None, no_headers),
    };
    Ok(Some(decoded.map(|decoded| as_it_is(line.number, decoded)).map_err(|rejection| Malformed {
        line: line.number,
        raw: line.raw.to_vec(),
        truncated: line.is_truncated(),
        rejection,
    })))
}

fn is_named_csv(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".csv", ".csv.gz", ".csv.zst"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
