//! CSV to native events: one row an event, the header names the fields, nested ones with dots (`credential.id`).

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::ByteRecord;
use models::event::{Decoded, MAX_EVENT_BYTES, Rejection, RejectionCode, decode};
use serde_json::{Map, Value};

use super::unpack::unpack;
use super::{Entry, Malformed, ReadError};
use crate::columns::{Column, Kind};

/// The most input one row may take: an unclosed quote would otherwise swallow the whole file into memory.
const MAX_ROW_BYTES: u64 = 2 * MAX_EVENT_BYTES as u64;

/// Rows of a table, each with the line on which it begins.
struct Table {
    name: String,
    rows: csv::Reader<Bounded>,
    budget: Arc<AtomicU64>,
    header: ByteRecord,
    row: ByteRecord,
    line: u64,
}

impl Table {
    fn new(input: Box<dyn Read + Send>, name: &str, delimiter: u8) -> Result<Self, ReadError> {
        let budget = Arc::new(AtomicU64::new(MAX_ROW_BYTES));
        let bounded = Bounded { inner: input, budget: Arc::clone(&budget) };
        let mut rows = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(bounded);
        let header = match rows.byte_headers() {
            Ok(header) => header.clone(),
            Err(error) => return Err(ReadError::Open { name: name.to_owned(), cause: error.into() }),
        };
        Ok(Self { name: name.to_owned(), rows, budget, header, row: ByteRecord::new(), line: 1 })
    }

    /// Goes to the next row; false at the end.
    fn advance(&mut self) -> Result<bool, ReadError> {
        self.budget.store(MAX_ROW_BYTES, Ordering::Relaxed);
        match self.rows.read_byte_record(&mut self.row) {
            Ok(false) => return Ok(false),
            Ok(true) => {}
            Err(error) => {
                return Err(ReadError::Io { name: self.name.clone(), line: self.line, cause: error.into() });
            }
        }
        self.line = self.row.position().map_or(self.line + 1, csv::Position::line);
        Ok(true)
    }

    /// The cells of the row as they are kept where it is no event.
    fn raw(&self) -> Vec<u8> {
        self.row.iter().collect::<Vec<&[u8]>>().join(&b',')
    }

    fn check_length(&self) -> Result<(), Rejection> {
        if self.row.len() == self.header.len() {
            return Ok(());
        }
        let (cells, columns) = (self.row.len(), self.header.len());
        let detail = format!("the row has {cells} cells and the header {columns}; quote cells that hold commas");
        Err(Rejection::new(RejectionCode::InvalidEnvelope, detail))
    }
}

/// Streams the events of one CSV file with a header row. Columns that are no field are ignored and counted.
pub struct CsvReader {
    table: Table,
    header: Vec<Option<&'static Column>>,
    ended: bool,
}

impl std::fmt::Debug for CsvReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, line) = (&self.table.name, self.table.line);
        f.debug_struct("CsvReader").field("name", name).field("line", &line).finish_non_exhaustive()
    }
}

impl CsvReader {
    /// Reads from anything, unpacking as [`super::EventReader`] does; `name` is what error messages call it.
    ///
    /// # Errors
    /// [`ReadError`] if the header row cannot be read.
    pub fn new(read: impl Read + Send + 'static, name: &str) -> Result<Self, ReadError> {
        match unpack(read) {
            Ok((_, input)) => Self::unpacked(input, name),
            Err(cause) => Err(ReadError::Open { name: name.to_owned(), cause }),
        }
    }

    pub(super) fn unpacked(input: Box<dyn Read + Send>, name: &str) -> Result<Self, ReadError> {
        let table = Table::new(input, name, b',')?;
        let column = |cell: &[u8]| Column::named(std::str::from_utf8(cell).ok()?.trim());
        let header = table.header.iter().map(column).collect();
        Ok(Self { table, header, ended: false })
    }

    /// The next row, decoded; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`] where the file cannot be read on, also at a row of more than twice [`MAX_EVENT_BYTES`].
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        if !self.table.advance()? {
            return Ok(None);
        }
        Ok(Some(self.decode_row().map_err(|rejection| {
            let mut raw = self.table.raw();
            let truncated = raw.len() > MAX_EVENT_BYTES;
            raw.truncate(MAX_EVENT_BYTES);
            Malformed { line: self.table.line, raw, truncated, rejection }
        })))
    }

    /// The line of the file where the last row begins.
    pub fn line(&self) -> u64 {
        self.table.line
    }

    fn decode_row(&self) -> Result<Decoded, Rejection> {
        self.table.check_length()?;
        let mut event = Map::new();
        let mut unknown_fields = 0;
        for (column, cell) in self.header.iter().zip(&self.table.row) {
            let Some(column) = column else {
                unknown_fields += u32::from(!cell.is_empty());
                continue;
            };
            if cell.is_empty() {
                continue;
            }
            let text = std::str::from_utf8(cell).map_err(|_| {
                Rejection::new(RejectionCode::NotUtf8, format!("the cell of `{}` is not UTF-8", column.name))
            })?;
            let value = value(column.kind, text);
            match column.name.split_once('.') {
                None => event.insert(column.name.to_owned(), value),
                Some((object, field)) => {
                    let object = event.entry(object).or_insert_with(|| Value::Object(Map::new()));
                    object.as_object_mut().and_then(|object| object.insert(field.to_owned(), value))
                }
            };
        }
        let mut decoded = decode(Value::Object(event).to_string().as_bytes())?;
        decoded.unknown_fields += unknown_fields;
        Ok(decoded)
    }
}

/// Rows of any table as JSON objects of texts, for a mapping. Empty cells are absent.
pub(super) struct ObjectRows {
    table: Table,
}

/// One row, with its line and its bytes.
pub(super) struct ObjectRow {
    pub(super) line: u64,
    pub(super) raw: Vec<u8>,
    pub(super) object: Result<Value, Rejection>,
}

impl ObjectRows {
    pub(super) fn new(input: Box<dyn Read + Send>, name: &str, delimiter: u8) -> Result<Self, ReadError> {
        Ok(Self { table: Table::new(input, name, delimiter)? })
    }

    pub(super) fn next_row(&mut self) -> Result<Option<ObjectRow>, ReadError> {
        if !self.table.advance()? {
            return Ok(None);
        }
        let cells = self.table.header.iter().zip(&self.table.row).filter(|(_, cell)| !cell.is_empty());
        let text = |bytes: &[u8]| {
            std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| {
                let column = self.table.header.iter().zip(&self.table.row).position(|(_, cell)| cell == bytes);
                let detail = format!("column {} is not UTF-8", column.map_or(0, |place| place + 1));
                Rejection::new(RejectionCode::NotUtf8, detail)
            })
        };
        let object = cells.map(|(name, cell)| Ok((text(name)?.trim().to_owned(), Value::from(text(cell)?))));
        let object =
            self.table.check_length().and_then(|()| object.collect::<Result<Map<_, _>, _>>().map(Value::Object));
        Ok(Some(ObjectRow { line: self.table.line, raw: self.table.raw(), object }))
    }
}

/// Ends after the first [`ReadError`].
impl Iterator for CsvReader {
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

/// A cell that is not of its kind stays a text: the decoder then says what is wrong with it.
fn value(kind: Kind, text: &str) -> Value {
    let as_text = || Value::from(text);
    let list = || serde_json::from_str::<Vec<String>>(text).ok().filter(|_| text.starts_with('[')).map(Value::from);
    match kind {
        Kind::Text => as_text(),
        Kind::Number => text.parse::<u64>().map_or_else(|_| as_text(), Value::from),
        Kind::Flag => match text.to_ascii_lowercase().as_str() {
            "true" => Value::from(true),
            "false" => Value::from(false),
            _ => as_text(),
        },
        Kind::Targets => list().unwrap_or_else(as_text),
        Kind::Scopes => list().unwrap_or_else(|| text.split_ascii_whitespace().map(Value::from).collect()),
    }
}

/// Fails once more was read than one row may take.
struct Bounded {
    inner: Box<dyn Read + Send>,
    budget: Arc<AtomicU64>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let budget = self.budget.load(Ordering::Relaxed);
        if budget == 0 {
            return Err(io::Error::other(format!("a row is longer than {MAX_ROW_BYTES} bytes; is a quote missing?")));
        }
        let read = self.inner.read(buffer)?;
        self.budget.store(budget.saturating_sub(read as u64), Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<Result<Entry, ReadError>> {
        CsvReader::new(io::Cursor::new(text.to_owned()), "table").unwrap().collect()
    }

    fn only(text: &str) -> Entry {
        entries(text).pop().unwrap().unwrap()
    }

    #[test]
    fn nested_columns_numbers_flags_and_lists_become_fields() {
        let event = only(
            "id,time,identity,tool,target,external,bytes_in,credential.id,credential.scopes,note\n\
             1,2026-05-04T10:00:00Z,bot,send,\"mailto:a@b,mailto:c@d\",TRUE,12,t,crm.read mail.send,hello\n",
        )
        .unwrap();
        assert_eq!(event.unknown_fields, 1);
        let event = event.event;
        assert_eq!((event.targets.len(), event.external, event.bytes_in), (2, Some(true), Some(12)));
        let credential = event.credential.unwrap();
        assert_eq!((&*credential.id, credential.scopes.len()), ("t", 2));
    }

    #[test]
    fn a_bad_row_is_kept_with_its_line_and_the_next_one_is_read() {
        let text = "id,time,identity,tool,bytes_in\n1,2026-05-04T10:00:00Z,bot,send,many\nshort\n\
                    2,2026-05-04T10:00:00Z,bot,send,\n";
        let entries: Vec<Entry> = entries(text).into_iter().map(Result::unwrap).collect();
        let wrong = entries[0].as_ref().unwrap_err();
        assert_eq!((wrong.line, wrong.rejection.code), (2, RejectionCode::WrongType));
        assert_eq!(wrong.raw, b"1,2026-05-04T10:00:00Z,bot,send,many");
        assert_eq!(entries[1].as_ref().unwrap_err().rejection.code, RejectionCode::InvalidEnvelope);
        assert_eq!(&*entries[2].as_ref().unwrap().event.id, "2");
    }

    #[test]
    fn an_unclosed_quote_ends_with_an_error_instead_of_taking_all_memory() {
        let text = format!("id,time,identity,tool\n1,\"{}", "x".repeat(3 * MAX_EVENT_BYTES));
        let error = entries(&text).remove(0).unwrap_err();
        assert!(error.to_string().contains("is a quote missing?"), "{error}");
    }
}
