//! `validate`: which lines are no events, and why.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use datasets::reader::{Converted, Malformed};
use models::event::{RejectionCode, Timestamp, json_schema};
use serde::Serialize;

use super::Outcome;
use super::input::{self, Entry, Reading, shown_name};
use super::terminal::{escaped, print_json};

/// Most bytes of a bad line that are shown.
const EXAMPLE_CHARS: usize = 160;

/// Check files of events: exits 1 if any line is no event, or with --sorted if any is out of order
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  driftwatch-datasets validate events.ndjson.gz
  driftwatch-datasets validate --json --sorted baseline.ndjson.gz test.ndjson.gz
  driftwatch-datasets validate --from cloudtrail trail/
  driftwatch-datasets validate --schema > event.schema.json")]
pub(crate) struct Args {
    #[command(flatten)]
    reading: Reading,
    /// Fail also if an event is earlier than the one before it
    #[arg(long)]
    sorted: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of an event and do nothing else
    #[arg(long, conflicts_with_all = ["files", "from", "mapping", "sorted"])]
    schema: bool,
    /// Files or folders to check, or `-`
    #[arg(required_unless_present = "schema")]
    files: Vec<PathBuf>,
}

/// What was found in one file.
#[derive(Debug, Default, Serialize)]
struct Report {
    file: String,
    /// What it was read as.
    format: &'static str,
    lines: u64,
    events: u64,
    bad_lines: u64,
    /// Records of a foreign format that hold no action.
    without_action: u64,
    out_of_order: u64,
    events_with_unknown_fields: u64,
    reasons: BTreeMap<RejectionCode, Reason>,
}

/// One reason, and the first line it is true of.
#[derive(Debug, Serialize)]
struct Reason {
    count: u64,
    first_line: u64,
    detail: String,
    example: String,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    if args.schema {
        print_json(&json_schema())?;
        return Ok(Outcome::Done);
    }
    let mut reports = Vec::new();
    let mut failure = None;
    let mut input = args.reading.input()?;
    for file in &input::files(&args.files)? {
        let mut report = Report { file: file.to_string_lossy().into_owned(), ..Report::default() };
        let mut newest = None;
        let read = input.for_each(file, |entry| {
            report.note(&entry, &mut newest);
            Ok(ControlFlow::Continue(()))
        });
        let read = read.map(|told| (report.format, report.without_action) = (told.format, told.ignored));
        if !args.json {
            report.print();
        }
        reports.push(report);
        if let Err(error) = read {
            // What was found before still counts, and is shown.
            failure = Some(error);
            break;
        }
    }
    if args.json {
        print_json(&reports)?;
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    let found = reports.iter().any(|r| r.bad_lines > 0 || (args.sorted && r.out_of_order > 0));
    Ok(if found { Outcome::Found } else { Outcome::Done })
}

impl Report {
    fn note(&mut self, entry: &Entry, newest: &mut Option<Timestamp>) {
        self.lines += 1;
        match entry {
            Ok(Converted { decoded, .. }) => {
                self.events += 1;
                self.events_with_unknown_fields += u64::from(decoded.unknown_fields > 0);
                self.out_of_order += u64::from(newest.is_some_and(|newest| decoded.event.time < newest));
                *newest = (*newest).max(Some(decoded.event.time));
            }
            Err(Malformed { line, raw, rejection, .. }) => {
                self.bad_lines += 1;
                let reason = self.reasons.entry(rejection.code).or_insert_with(|| Reason {
                    count: 0,
                    first_line: *line,
                    detail: rejection.detail.chars().take(300).collect(),
                    example: String::from_utf8_lossy(raw).chars().take(EXAMPLE_CHARS).collect(),
                });
                reason.count += 1;
            }
        }
    }

    fn print(&self) {
        println!(
            "{} ({}): {} records, {} events, {} bad, {} without an action, {} out of order, {} with unknown fields",
            shown_name(self.file.as_ref()),
            self.format,
            self.lines,
            self.events,
            self.bad_lines,
            self.without_action,
            self.out_of_order,
            self.events_with_unknown_fields
        );
        for (code, reason) in &self.reasons {
            println!(
                "  {:>8}  {code}, first in line {}: {}",
                reason.count,
                reason.first_line,
                escaped(&reason.detail, 300)
            );
            println!("            {}", escaped(&reason.example, EXAMPLE_CHARS));
        }
    }
}
