//! Cuts a stream of JSON into records, whatever surrounds them: lines, lists, or lists inside of an object.
//!
//! A record is one JSON object. It may stand by itself (NDJSON, or one object over many lines), in a list, or in a list
//! that is a member of an object with a known name, as in `{"Records":[…]}`. Only one record is held at a time, so a
//! file of any size costs the memory of its largest record. What is no JSON becomes a record of its own: its line.

use std::io::{self, BufRead, BufReader, Read};

use super::ReadError;
use super::unpack::Packing;

/// The longest record that is read. A longer one is skipped, and handed over with its first bytes.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;
/// Lists and objects that may surround a record.
const MAX_AROUND: usize = 8;
/// Brackets of one record that are told apart; deeper ones are only counted.
const MAX_OPEN: usize = 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// One record, lent until the next one is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// Line on which it begins, from 1.
    pub(super) line: u64,
    /// Counts what belongs together: one line, one file over many lines, or one list inside of a list.
    pub(super) document: u64,
    /// Whether it stands in a list.
    pub(super) in_list: bool,
    /// Its bytes, at most [`MAX_RECORD_BYTES`].
    pub(super) raw: &'a [u8],
    /// Its whole length; more than `raw.len()` if it was too long to be kept.
    pub(super) length: u64,
    /// How deep it is nested.
    pub(super) depth: usize,
    /// Whether it is there to its end.
    pub(super) complete: bool,
}

/// What a record is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    List,
    /// An object whose list was read; what else it holds is skipped.
    Object,
}

/// How a record ended.
enum End {
    Complete,
    /// The file ends, or the next record begins before this one is complete.
    Cut,
    /// It was no record but the beginning of an object around a list of them.
    Opened,
}

pub(super) struct RecordReader {
    name: String,
    packing: Packing,
    input: BufReader<Box<dyn Read + Send>>,
    /// Names of members that hold a list of records.
    lists: Vec<String>,
    around: Vec<Around>,
    buffer: Vec<u8>,
    length: u64,
    depth: usize,
    line: u64,
    document: u64,
    /// Whether nothing but white space came since the last line end.
    at_line_start: bool,
    /// Whether records outside of lists were seen to take a line each: a line end then ends a record, come what may.
    by_line: bool,
}

impl RecordReader {
    pub(super) fn new(input: Box<dyn Read + Send>, packing: Packing, name: &str, lists: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            packing,
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            lists: lists.iter().map(ToString::to_string).collect(),
            around: Vec::new(),
            buffer: Vec::new(),
            length: 0,
            depth: 0,
            line: 1,
            document: 0,
            at_line_start: true,
            by_line: false,
        }
    }

    /// The next record; `None` at the end.
    pub(super) fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        match self.find() {
            Ok(None) => Ok(None),
            Ok(Some((line, end))) => Ok(Some(Record {
                line,
                document: self.document,
                in_list: !self.around.is_empty(),
                raw: &self.buffer,
                length: self.length,
                depth: self.depth,
                complete: matches!(end, End::Complete),
            })),
            Err(cause) => Err(ReadError::in_the_middle(&self.name, self.line - 1, self.packing, cause)),
        }
    }

    fn find(&mut self) -> io::Result<Option<(u64, End)>> {
        loop {
            self.buffer.clear();
            (self.length, self.depth) = (0, 0);
            let line = self.line;
            let Some(byte) = self.peek()? else {
                // A list that nobody closed: the file was cut short.
                let cut = !self.around.is_empty();
                self.around.clear();
                return Ok(cut.then_some((line, End::Cut)));
            };
            match (self.around.last().copied(), byte) {
                (_, b' ' | b'\t' | b'\r' | b'\n') | (Some(Around::List), b',') => self.skip(byte),
                (Some(Around::Object), _) => self.leave_object()?,
                (Some(Around::List), b']') => {
                    self.skip(byte);
                    self.around.pop();
                }
                (_, b'[') if self.around.len() < MAX_AROUND => {
                    self.skip(byte);
                    self.document += 1;
                    self.around.push(Around::List);
                }
                (around, b'{') => {
                    self.document += u64::from(around.is_none());
                    match self.object()? {
                        End::Opened => self.around.extend([Around::Object, Around::List]),
                        End::Cut => {
                            if self.peek()?.is_none() {
                                self.around.clear();
                            }
                            return Ok(Some((line, End::Cut)));
                        }
                        End::Complete => {
                            // An empty object is written on one line everywhere.
                            let takes_a_line = around.is_none() && line == self.line && self.length > 2;
                            self.by_line |= takes_a_line && matches!(self.peek()?, Some(b'\n' | b'\r'));
                            return Ok(Some((line, End::Complete)));
                        }
                    }
                }
                _ if line == 1 && self.length == 0 && byte == 0xEF => self.skip_mark()?,
                (around, _) => {
                    let inside = around.is_some();
                    self.document += u64::from(!inside);
                    self.garbage(inside)?;
                    return Ok(Some((line, End::Complete)));
                }
            }
        }
    }

    /// Reads an object, with what is inside of it.
    fn object(&mut self) -> io::Result<End> {
        let (mut open, mut deeper) = (Vec::new(), 0_usize);
        // The last byte that means something, and where the last key of the outermost object begins and ends.
        let (mut last, mut key) = (0, 0..0);
        let (mut in_string, mut escaped) = (false, false);
        while let Some(byte) = self.peek()? {
            if in_string {
                if byte == b'\n' {
                    // No JSON string goes over a line end: this one was never closed.
                    return Ok(End::Cut);
                }
                self.take(byte);
                if byte == b'"' && !escaped {
                    in_string = false;
                    last = byte;
                    key.end = self.buffer.len();
                }
                escaped = byte == b'\\' && !escaped;
                continue;
            }
            match byte {
                b'{' | b'[' => {
                    let fits = match open.last() {
                        None => true,
                        Some(b'{') => last == b':',
                        Some(_) => matches!(last, b'[' | b','),
                    };
                    if !fits && self.at_line_start {
                        return Ok(End::Cut);
                    }
                    if byte == b'[' && last == b':' && open.len() == 1 && self.is_list(key.clone()) {
                        self.skip(byte);
                        return Ok(End::Opened);
                    }
                    if open.len() < MAX_OPEN {
                        open.push(byte);
                    } else {
                        deeper += 1;
                    }
                    self.depth = self.depth.max(open.len() + deeper);
                }
                b'}' | b']' if deeper > 0 => deeper -= 1,
                b'}' | b']' => {
                    open.pop();
                    if open.is_empty() {
                        self.take(byte);
                        return Ok(End::Complete);
                    }
                }
                b'"' => {
                    in_string = true;
                    key.start = self.buffer.len();
                }
                b'\n' if self.by_line && self.around.is_empty() => return Ok(End::Cut),
                _ => {}
            }
            self.take(byte);
            if !byte.is_ascii_whitespace() {
                last = byte;
            }
        }
        Ok(End::Cut)
    }

    /// Whether the quoted key in this part of the buffer names a list of records.
    fn is_list(&self, key: std::ops::Range<usize>) -> bool {
        let quoted = self.buffer.get(key).unwrap_or_default();
        self.lists
            .iter()
            .any(|list| quoted.strip_prefix(b"\"").and_then(|k| k.strip_suffix(b"\"")) == Some(list.as_bytes()))
    }

    /// Skips the rest of an object whose list was read.
    fn leave_object(&mut self) -> io::Result<()> {
        let (mut open, mut in_string, mut escaped) = (1_usize, false, false);
        while let Some(byte) = self.peek()? {
            self.skip(byte);
            match byte {
                b'\n' if in_string => break,
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => open += 1,
                b'}' | b']' if !in_string => open -= 1,
                _ => {}
            }
            if open == 0 {
                break;
            }
        }
        self.around.pop();
        Ok(())
    }

    /// What is no object: to the end of the line, in a list to the end of the entry.
    fn garbage(&mut self, in_list: bool) -> io::Result<()> {
        while let Some(byte) = self.peek()? {
            if byte == b'\n' || (in_list && matches!(byte, b',' | b']')) {
                break;
            }
            self.take(byte);
        }
        Ok(())
    }

    /// A byte order mark, as some editors write it.
    fn skip_mark(&mut self) -> io::Result<()> {
        for expected in *b"\xEF\xBB\xBF" {
            match self.peek()? {
                Some(byte) if byte == expected => self.input.consume(1),
                _ => break,
            }
        }
        Ok(())
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(bytes) => return Ok(bytes.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn skip(&mut self, byte: u8) {
        self.input.consume(1);
        if byte == b'\n' {
            self.line += 1;
            self.at_line_start = true;
        } else if !byte.is_ascii_whitespace() {
            self.at_line_start = false;
        }
    }

    fn take(&mut self, byte: u8) {
        self.skip(byte);
        self.length += 1;
        if self.buffer.len() < MAX_RECORD_BYTES {
            self.buffer.push(byte);
        }
    }
}

#[cfg(test)]
mod tests;
