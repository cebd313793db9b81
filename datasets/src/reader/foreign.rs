//! A file of a foreign format: its records one after the other, shown to what makes events of them.

use models::event::{Rejection, RejectionCode, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::convert::{Convert, Out, Place, Raw};
use super::csv::{ObjectRow, ObjectRows};
use super::records::{MAX_RECORD_BYTES, Record, RecordReader};
use super::{Assumed, Converted, Malformed, ReadError};

/// Deepest nesting of a foreign record. Native events are checked by their own limit.
const MAX_DEPTH: usize = 100;
/// Longest name of a file that ids and sessions begin with.
const MAX_STEM_BYTES: usize = 96;

/// A file of JSON records of a foreign format.
pub(super) struct Foreign {
    records: Records,
    convert: Box<dyn Convert>,
    stem: String,
    out: Out,
    ended: bool,
}

/// Where records come from.
pub(super) enum Records {
    Json(RecordReader),
    Table(ObjectRows),
}

impl Foreign {
    pub(super) fn new(records: Records, convert: Box<dyn Convert>, name: &str, assumed: Assumed) -> Self {
        Self { records, convert, stem: stem(name), out: Out::new(assumed), ended: false }
    }

    pub(super) fn ignored(&self) -> u64 {
        self.out.ignored
    }

    pub(super) fn assumed_time(&self) -> Option<Timestamp> {
        self.out.assumed_time()
    }

    pub(super) fn next_entry(&mut self) -> Result<Option<Result<Converted, Malformed>>, ReadError> {
        loop {
            if let Some(ready) = self.out.ready.pop_front() {
                return Ok(Some(ready));
            }
            if self.ended {
                return Ok(None);
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => {
                    self.ended = true;
                    self.convert.finish(&mut self.out);
                }
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
    }

    /// Takes the next record; false at the end.
    fn advance(&mut self) -> Result<bool, ReadError> {
        let Self { records, convert, stem, out, .. } = self;
        match records {
            Records::Json(records) => {
                let Some(record) = records.next_record()? else { return Ok(false) };
                let Record { line, document, in_list, raw: bytes, length, .. } = record;
                let raw = Raw { bytes, length };
                let place = Place { stem, line, document, in_list, raw };
                match parse(&record) {
                    Ok(value) => convert.record(&place, &value, out),
                    Err(rejection) => match as_text(&record).and_then(|text| convert.line(text)) {
                        Some(value) => convert.record(&place, &value, out),
                        None => out.reject(line, raw, rejection),
                    },
                }
            }
            Records::Table(rows) => {
                let Some(ObjectRow { line, raw, object }) = rows.next_row()? else { return Ok(false) };
                let raw = Raw { bytes: &raw, length: raw.len() as u64 };
                match object {
                    Ok(value) => {
                        convert.record(&Place { stem, line, document: line, in_list: false, raw }, &value, out);
                    }
                    Err(rejection) => out.reject(line, raw, rejection),
                }
            }
        }
        Ok(true)
    }
}

/// A whole line that does not even begin as JSON.
fn as_text<'a>(record: &Record<'a>) -> Option<&'a str> {
    let is_whole = record.complete && record.length == record.raw.len() as u64;
    let is_text = is_whole && !matches!(record.raw.first(), Some(b'{'));
    std::str::from_utf8(record.raw).ok().filter(|_| is_text)
}

/// A record as JSON, within the limits of what is read.
fn parse(record: &Record<'_>) -> Result<Value, Rejection> {
    let reject = |code, detail: String| Err(Rejection::new(code, detail));
    if record.length > record.raw.len() as u64 {
        let detail = format!("the record has {} bytes; at most {MAX_RECORD_BYTES} are read", record.length);
        return reject(RejectionCode::EventTooLarge, detail);
    }
    if !record.complete {
        let detail = "the record ends before it is complete; the file was cut short, or a bracket or quote is missing";
        return reject(RejectionCode::NotJson, detail.to_owned());
    }
    if record.depth > MAX_DEPTH {
        let detail = format!("the record is nested {} levels deep; at most {MAX_DEPTH} are read", record.depth);
        return reject(RejectionCode::EventTooDeep, detail);
    }
    let text = match std::str::from_utf8(record.raw) {
        Ok(text) => text,
        Err(e) => return reject(RejectionCode::NotUtf8, format!("byte {} is not UTF-8", e.valid_up_to())),
    };
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => reject(RejectionCode::NotJson, "the record is no JSON object".to_owned()),
        Err(error) => reject(RejectionCode::NotJson, format!("the record cannot be read: {error}")),
    }
}

/// What is named after the file: its path without the endings, where that is too long a digest of it.
fn stem(name: &str) -> String {
    let file = name.rfind(['/', '\\']).map_or(0, |slash| slash + 1);
    let dot =
        name.get(file..).and_then(|file_name| file_name.match_indices('.').map(|(dot, _)| dot).find(|dot| *dot > 0));
    let stem = dot.and_then(|dot| name.get(..file + dot)).unwrap_or(name);
    if stem.len() <= MAX_STEM_BYTES {
        return stem.to_owned();
    }
    let mut digest = format!("{:x}", Sha256::digest(stem.as_bytes()));
    digest.truncate(32);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_in_two_folders_have_two_stems() {
        for (name, expected) in [
            ("a.json.gz", "a"),
            ("runs/1/a.json", "runs/1/a"),
            ("./.a.json", "./.a"),
            ("standard input", "standard input"),
        ] {
            assert_eq!(stem(name), expected);
        }
        let long = |end: &str| stem(&format!("{}{end}", "x".repeat(200)));
        assert!(long("1").len() == 32 && long("1") != long("2"));
    }
}
