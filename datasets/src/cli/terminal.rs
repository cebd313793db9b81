//! What may be shown on a terminal: texts of events are written by whoever wants to be overlooked.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};

/// A text with control and direction-changing characters escaped, cut after `limit` characters.
pub(crate) fn escaped(text: &str, limit: usize) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        for (place, c) in text.chars().enumerate() {
            if place == limit {
                return f.write_str("…");
            }
            if is_deceptive(c) { write!(f, "{}", c.escape_unicode())? } else { fmt::Write::write_char(f, c)? }
        }
        Ok(())
    })
}

/// Moves the cursor, rings, colours, hides, or turns the direction of what follows.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Writes a value as indented JSON that is as safe to look at.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let formatter = Escaping(PrettyFormatter::new());
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))?;
    out.write_all(b"\n")
}

/// JSON itself escapes only the first 32 control characters.
struct Escaping(PrettyFormatter<'static>);

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_deceptive(*c)) {
            writer.write_all(rest.get(..at).unwrap_or_default().as_bytes())?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = rest.get(at + c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_shown_not_obeyed() {
        let shown = escaped("a\u{1b}[2J\u{9b}\u{202e}é\n", 100).to_string();
        assert_eq!(shown, "a\\u{1b}[2J\\u{9b}\\u{202e}é\\u{a}");
        assert_eq!(escaped("abcdef", 3).to_string(), "abc…");
    }

    #[test]
    fn json_is_escaped_to_the_same_value() {
        let mut out = Vec::new();
        let value = vec!["a\u{9b}b\u{202e}\u{7f}", "\u{1b}é"];
        let formatter = Escaping(PrettyFormatter::new());
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter)).unwrap();
        assert!(out.iter().all(|byte| *byte == b'\n' || *byte >= b' '));
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\\u009b") && text.contains('é') && !text.chars().any(|c| c != '\n' && is_deceptive(c)));
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), value);
    }
}
