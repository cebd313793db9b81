//! Input files of every format, with a progress bar on a terminal.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use datasets::reader::cloudevents::decode_structured;
use datasets::reader::csv::CsvReader;
use datasets::reader::{LineReader, decode_any, decode_line};
use indicatif::{ProgressBar, ProgressStyle};
use models::event::{Decoded, Rejection};

use super::terminal::escaped;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One native event a line.
    Native,
    /// One structured `CloudEvents` event a line, with the native event as its data.
    Cloudevents,
    /// A table with a header row; columns are named like the fields, nested ones with dots.
    Csv,
}

/// One entry of a file, lent.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) line: u64,
    /// Of a bad entry, its bytes.
    pub(crate) raw: &'a [u8],
    pub(crate) decoded: Result<Decoded, Rejection>,
}

/// Hands every entry of a file to `visit`. Without a format, the name tells CSV, and each line may be native or `CloudEvents`.
pub(crate) fn for_each(
    path: &Path,
    format: Option<Format>,
    mut visit: impl FnMut(Seen<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (input, name, bar) = open(path)?;
    let is_csv = format == Some(Format::Csv) || (format.is_none() && is_named_csv(path));
    if is_csv {
        let mut rows = CsvReader::new(input, &name)?;
        while let Some(entry) = rows.next_entry()? {
            match entry {
                Ok(decoded) => visit(Seen { line: rows.line(), raw: &[], decoded: Ok(decoded) })?,
                Err(bad) => visit(Seen { line: bad.line, raw: &bad.raw, decoded: Err(bad.rejection) })?,
            }
        }
    } else {
        let mut lines = LineReader::new(input, &name)?;
        let no_headers: [(&str, &[u8]); 0] = [];
        while let Some(line) = lines.next_line()? {
            let decoded = match format {
                _ if line.is_truncated() => decode_line(&line),
                Some(Format::Native) => decode_line(&line),
                Some(_) => decode_structured(line.raw, None),
                None => decode_any(line.raw, None, no_headers),
            };
            visit(Seen { line: line.number, raw: line.raw, decoded })?;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// The name of a file as it may be shown.
pub(crate) fn shown_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { escaped(&path.to_string_lossy(), 500).to_string() }
}

fn is_named_csv(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    [".csv", ".csv.gz", ".csv.zst"].iter().any(|end| name.ends_with(end))
}

fn open(path: &Path) -> anyhow::Result<(Box<dyn Read + Send>, String, ProgressBar)> {
    let name = shown_name(path);
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), name, ProgressBar::hidden()));
    }
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) =
        opened.with_context(|| format!("`{name}` cannot be opened; check the path and its permissions"))?;
    anyhow::ensure!(!metadata.is_dir(), "`{name}` is a directory; name the files in it");
    // Hidden by itself where standard error is no terminal.
    let bar = ProgressBar::new(metadata.len()).with_style(style("{bytes}/{total_bytes}")).with_message(name.clone());
    Ok((Box::new(bar.wrap_read(file)), name, bar))
}

/// One line with a bar; `count` says how far it is.
pub(crate) fn style(count: &str) -> ProgressStyle {
    let template = format!("{{msg}} {{wide_bar}} {count} {{eta}}");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
