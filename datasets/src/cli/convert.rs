//! `convert`: the same events in another format.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use datasets::reader::Malformed;
use models::event::{Event, RejectionCode};
use serde::Serialize;

use super::Outcome;
use super::input::{self, Input, Reading, shown_name};
use super::output::{Format, Output, create};
use super::preview::Preview;
use super::terminal::escaped;

/// Turn files of any format into events, or events into another format or packing
///
/// What is no event is left out, counted by reason, and makes it exit 1; --quarantine keeps it, --strict stops there with
/// exit 2. Events are written in the order of the files.
#[derive(Debug, clap::Args)]
#[command(override_usage = "driftwatch-datasets convert [OPTIONS] <INPUT>... <OUTPUT>")]
#[command(after_help = "Examples:
  driftwatch-datasets convert trail/ events.ndjson.gz
  driftwatch-datasets convert --preview 3 agent-runs.jsonl
  driftwatch-datasets convert --mapping gateway.toml --quarantine bad.ndjson gateway.log events.ndjson.zst
  driftwatch-datasets convert --to cloudevents events.ndjson.gz - | kcat -P -b localhost:9092 -t agent.actions
  driftwatch-datasets convert --to csv events.ndjson.gz table.csv")]
pub(crate) struct Args {
    #[command(flatten)]
    reading: Reading,
    /// What to write
    #[arg(long, default_value = "native")]
    to: Format,
    /// Show the first N events and where each field came from, and write nothing; OUTPUT may be left out
    #[arg(long, value_name = "N")]
    preview: Option<u64>,
    /// Keep what is no event in this file, one JSON object each: file, line, reason and bytes as they were
    #[arg(long, value_name = "FILE", conflicts_with = "preview")]
    quarantine: Option<PathBuf>,
    /// Stop with exit 2 at the first record that is no event
    #[arg(long)]
    strict: bool,
    /// Files or folders to read, or `-`; then the file to write, or `-` (`.gz` and `.zst` are packed)
    #[arg(required = true, value_name = "INPUT|OUTPUT")]
    paths: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut input = args.reading.input()?;
    if let Some(events) = args.preview {
        return Preview::new(events).run(&mut input, &input::files(previewed(&args.paths))?);
    }
    let Some((output, inputs)) = args.paths.split_last().filter(|(_, inputs)| !inputs.is_empty()) else {
        bail!("name the file to write after those to read, or `-`; or look first with --preview 3");
    };
    let inputs = input::files(inputs)?;
    for written in std::iter::once(output).chain(&args.quarantine) {
        let same =
            |path: &PathBuf| path.canonicalize().is_ok_and(|path| written.canonicalize().is_ok_and(|o| o == path));
        let read = inputs.iter().find(|path| same(path));
        ensure!(read.is_none(), "`{}` would be overwritten while it is read; name another output", shown_name(written));
    }
    Conversion::new(args, output).run(&mut input, &inputs)
}

/// The inputs among the paths of a preview: an output that was named as well is not there yet.
fn previewed(paths: &[PathBuf]) -> &[PathBuf] {
    match paths.split_last() {
        Some((last, inputs)) if !inputs.is_empty() && !last.exists() => inputs,
        _ => paths,
    }
}

/// A line of the quarantine.
#[derive(Debug, Serialize)]
struct Quarantined<'a> {
    file: &'a str,
    line: u64,
    code: RejectionCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    detail: &'a str,
    /// Whether `raw` is only the beginning.
    truncated: bool,
    raw: &'a str,
}

/// Why records were left out: how many, and the first.
struct Reason {
    count: u64,
    first: String,
}

struct Conversion<'a> {
    args: &'a Args,
    path: &'a Path,
    output: Option<Output>,
    quarantine: Option<BufWriter<File>>,
    written: u64,
    bad: u64,
    ignored: u64,
    reasons: BTreeMap<RejectionCode, Reason>,
}

impl<'a> Conversion<'a> {
    fn new(args: &'a Args, path: &'a Path) -> Self {
        let (output, quarantine) = (None, None);
        Self { args, path, output, quarantine, written: 0, bad: 0, ignored: 0, reasons: BTreeMap::new() }
    }

    /// Whatever ends it early, what was written before is whole.
    fn run(mut self, input: &mut Input, files: &[PathBuf]) -> anyhow::Result<Outcome> {
        let ended = files.iter().try_for_each(|file| self.file(input, file));
        match self.output.take() {
            Some(output) => output.finish()?,
            None if ended.is_ok() => Output::create(self.path, self.args.to)?.finish()?,
            None => {}
        }
        if let Some(mut quarantine) = self.quarantine.take() {
            quarantine.flush()?;
        }
        self.report();
        ended?;
        Ok(if self.bad > 0 { Outcome::Found } else { Outcome::Done })
    }

    fn file(&mut self, input: &mut Input, file: &Path) -> anyhow::Result<()> {
        let name = shown_name(file);
        let told = input.for_each(file, |entry| {
            match entry {
                Ok(converted) => self.write(&converted.decoded.event)?,
                Err(bad) => self.leave_out(&name, &bad)?,
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.ignored += told.ignored;
        Ok(())
    }

    fn write(&mut self, event: &Event) -> anyhow::Result<()> {
        // Created late: an input that cannot be read leaves an existing output alone.
        let output = match &mut self.output {
            Some(output) => output,
            none => none.insert(Output::create(self.path, self.args.to)?),
        };
        output.write(event)?;
        self.written += 1;
        Ok(())
    }

    fn leave_out(&mut self, file: &str, bad: &Malformed) -> anyhow::Result<()> {
        let Malformed { line, raw, truncated, rejection } = bad;
        let first = || format!("{file} line {line}: {}", rejection.detail);
        if self.args.strict {
            bail!("{}: {}; it is the first record that is no event, and --strict stops there", rejection.code, first());
        }
        self.bad += 1;
        let reason = self.reasons.entry(rejection.code).or_insert_with(|| Reason { count: 0, first: first() });
        reason.count += 1;
        let Some(path) = &self.args.quarantine else { return Ok(()) };
        let quarantine = match &mut self.quarantine {
            Some(quarantine) => quarantine,
            none => none.insert(BufWriter::new(create(path)?)),
        };
        let (code, field, detail) = (rejection.code, rejection.field, rejection.detail.as_str());
        let raw = String::from_utf8_lossy(raw);
        let kept = Quarantined { file, line: *line, code, field, detail, truncated: *truncated, raw: &raw };
        serde_json::to_writer(&mut *quarantine, &kept)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(quarantine.write_all(b"\n")?))
            .with_context(|| format!("`{}` cannot be written; is the disk full?", shown_name(path)))
    }

    fn report(&self) {
        eprintln!("{} events written, {} records left out, {} without an action", self.written, self.bad, self.ignored);
        for (code, Reason { count, first }) in &self.reasons {
            eprintln!("  {count:>8}  {code}, first in {}", escaped(first, 800));
        }
        if let Some(path) = self.args.quarantine.as_ref().filter(|_| self.bad > 0) {
            eprintln!("what was left out is in {}", shown_name(path));
        }
    }
}
