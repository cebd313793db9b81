//! Input files of every format, with a progress bar on a terminal.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use datasets::reader::{AnyReader, Assumed, Converted, Format, Malformed, Mapping, Options, expand};
use indicatif::{ProgressBar, ProgressStyle};
use models::event::Timestamp;

use super::terminal::escaped;

/// How to read, the same for every subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    /// What the files hold [default: told from their first bytes]
    #[arg(long, visible_alias = "format", value_name = "FORMAT", value_parser = formats())]
    from: Option<Format>,
    /// Read them by a mapping file (see docs/formats.md)
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    mapping: Option<PathBuf>,
    /// Who acted, where the files do not say
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// Time of the first action, where the files have none (agents' conversations, MCP logs)
    #[arg(long, value_name = "TIME")]
    start: Option<Timestamp>,
}

fn formats() -> impl TypedValueParser<Value = Format> {
    let values = Format::ALL.map(|format| PossibleValue::new(format.name()).help(format.about()));
    PossibleValuesParser::new(values).try_map(|name| name.parse())
}

/// Reads files one after the other; where times are assumed, they go on from file to file.
pub(crate) struct Input {
    options: Options,
}

/// What one file was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// The format it was read as.
    pub(crate) format: &'static str,
    /// Records that hold no action.
    pub(crate) ignored: u64,
}

/// An event of a file, or what should have been one.
pub(crate) type Entry = Result<Converted, Malformed>;

impl Reading {
    /// Reads the mapping, if there is one.
    pub(crate) fn input(&self) -> anyhow::Result<Input> {
        let mapping = match &self.mapping {
            None => None,
            Some(path) => {
                let name = shown_name(path);
                let text = fs::read_to_string(path)
                    .with_context(|| format!("`{name}` cannot be read; check the path and its permissions"))?;
                Some(Arc::new(text.parse::<Mapping>().with_context(|| format!("`{name}` is no mapping"))?))
            }
        };
        let assumed = Assumed { identity: self.identity.clone(), start: self.start };
        Ok(Input { options: Options { format: self.from, mapping, assumed } })
    }
}

impl Input {
    /// Hands every entry of a file to `visit`, until it has seen enough.
    pub(crate) fn for_each(
        &mut self,
        path: &Path,
        mut visit: impl FnMut(Entry) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<Told> {
        let (input, name, bar) = open(path)?;
        let mut reader = AnyReader::new(input, &name, &self.options)?;
        while let Some(entry) = reader.next_entry()? {
            if visit(entry)?.is_break() {
                break;
            }
        }
        bar.finish_and_clear();
        self.options.assumed.start = reader.assumed_time().or(self.options.assumed.start);
        Ok(Told { format: reader.format().map_or("mapping", Format::name), ignored: reader.ignored() })
    }
}

/// The files that were named, with those in named folders.
pub(crate) fn files(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        files.extend(expand(path)?);
    }
    Ok(files)
}

/// The name of a file as it may be shown.
pub(crate) fn shown_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { escaped(&path.to_string_lossy(), 500).to_string() }
}

fn open(path: &Path) -> anyhow::Result<(Box<dyn Read + Send>, String, ProgressBar)> {
    let name = shown_name(path);
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), name, ProgressBar::hidden()));
    }
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) =
        opened.with_context(|| format!("`{name}` cannot be opened; check the path and its permissions"))?;
    // Hidden by itself where standard error is no terminal.
    let bar = ProgressBar::new(metadata.len()).with_style(style("{bytes}/{total_bytes}")).with_message(name.clone());
    Ok((Box::new(bar.wrap_read(file)), name, bar))
}

/// One line with a bar; `count` says how far it is.
pub(crate) fn style(count: &str) -> ProgressStyle {
    let template = format!("{{msg}} {{wide_bar}} {count} {{eta}}");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
