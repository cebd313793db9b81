//! What the tests of every format need.

use std::io::Cursor;

use models::event::Event;

use super::*;

pub(in crate::reader) fn read(format: Format, text: &str, assumed: Assumed) -> Vec<Result<Converted, Malformed>> {
    let options = Options { format: Some(format), assumed, ..Options::default() };
    let reader = AnyReader::new(Cursor::new(text.to_owned()), "file.json", &options).unwrap();
    reader.map(Result::unwrap).collect()
}

/// The events of a file that holds nothing else.
pub(in crate::reader) fn events(format: Format, text: &str) -> Vec<Event> {
    read(format, text, Assumed::default()).into_iter().map(|entry| entry.unwrap().decoded.event).collect()
}

pub(in crate::reader) fn rejections(format: Format, text: &str, assumed: Assumed) -> Vec<Malformed> {
    read(format, text, assumed).into_iter().map(Result::unwrap_err).collect()
}
