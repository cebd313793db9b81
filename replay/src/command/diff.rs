//! `diff`: two results side by side.

use std::io::{self, Write};
use std::process::ExitCode;

use super::gate;
use crate::args::DiffArgs;
use crate::diff::{Change, Diff, diff, html};
use crate::report::shown;

/// Differences that are printed.
const PRINTED: usize = 20;

pub(super) fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let found = diff(&args.a, &args.b)?;
    let cases = gate::of_diff(&args.fail_on, &found);
    if let Some(path) = &args.html {
        gate::write_text(path, &html(&found)?)?;
    }
    gate::write(args.junit.as_deref(), "driftwatch-replay diff", &found.properties(), &cases)?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &found)?;
        writeln!(out)?;
    } else {
        print(&mut out, &found)?;
        for case in &cases {
            let verdict = case.failure.as_ref().map_or_else(|| "holds".to_owned(), |(why, _)| format!("fails: {why}"));
            writeln!(out, "{} {verdict}", case.name)?;
        }
    }
    Ok(ExitCode::from(u8::from(gate::fails(&cases))))
}

fn print(out: &mut impl Write, diff: &Diff) -> io::Result<()> {
    for (name, shared) in [("events", diff.coverage.events), ("sessions", diff.coverage.sessions)] {
        if let Some(shared) = shared {
            writeln!(
                out,
                "{name}: {} on both sides, {} only on the first, {} only on the second",
                shared.both, shared.only_a, shared.only_b
            )?;
        }
    }
    for warning in &diff.warnings {
        writeln!(out, "note: {warning}")?;
    }
    let counts: Vec<String> = Change::ALL.iter().map(|c| format!("{} {}", diff.count(*c), c.as_str())).collect();
    writeln!(out, "{} alerts are the same; {}", diff.same, counts.join(", "))?;
    for entry in diff.changes.iter().take(PRINTED) {
        let (identity, why) = (shown(&entry.identity, 80), shown(&entry.reason.detail, 160));
        writeln!(out, "  {:17} {identity}: {why}", entry.change.as_str())?;
    }
    let more = diff.changes.len().saturating_sub(PRINTED) + diff.left_out;
    if more > 0 {
        writeln!(out, "  and {more} more: --json or --html has them")?;
    }
    Ok(())
}
