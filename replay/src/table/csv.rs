//! Rows as RFC 4180 text that a spreadsheet cannot be tricked with.

use std::io::{self, Write};

use super::{COLUMNS, Row};

pub(super) fn write_header(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.join(","))
}

pub(super) fn write_row(out: &mut impl Write, row: &Row<'_>) -> io::Result<()> {
    write_text(out, row.id)?;
    write!(out, ",{},", row.time)?;
    write_text(out, row.identity)?;
    out.write_all(b",")?;
    write_text(out, row.session)?;
    write!(out, ",{},{}", row.score, row.p)?;
    for nats in row.dimensions() {
        out.write_all(b",")?;
        if let Some(nats) = nats {
            write!(out, "{nats}")?;
        }
    }
    writeln!(out, ",{},{},{},{}", row.evidence, row.decision, row.alert.unwrap_or_default(), row.outcome)
}

/// Quotes where commas, quotes or line ends ask for it. A text that a spreadsheet would run as a formula gets an
/// apostrophe in front: names come from whoever sends events. The other formats keep texts as they are.
fn write_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        write!(out, "\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        write!(out, "{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_text(&mut out, text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_quoted_where_needed_and_formulas_are_disarmed() {
        assert_eq!(written("plain"), "plain");
        assert_eq!(written("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(written("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
    }
}
