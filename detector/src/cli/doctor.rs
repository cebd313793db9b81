//! `driftwatch doctor`: whether everything that a configuration asks for is there.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::{FOUND, printable};
use crate::doctor::{Level, examine};

const HELP: &str = "\
Looks at the real things: database, disk, listener, certificate, brokers, topics, keys of the newest records, clocks, webhooks.
Changes nothing: no group is joined, no offset moved, no event sent (a webhook is asked HEAD /). Works beside a running service.

Exits with 1 if there is an error, which says what to do; warnings do not change the status.

Examples:
  driftwatch doctor -c driftwatch.toml
  driftwatch doctor -c driftwatch.toml --json | jq 'select(.level != \"ok\")'";

/// Check that everything a configuration asks for is there.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// The configuration file (TOML).
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON object a check.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("the async runtime cannot be started")?;
    let findings = runtime.block_on(examine(args.config.as_deref()));
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        if args.json {
            serde_json::to_writer(&mut out, finding)?;
            writeln!(out)?;
            continue;
        }
        let found = printable(&finding.found);
        writeln!(out, "{:<8} {}: {found}", finding.level.as_str(), finding.check)?;
        if let Some(to_do) = &finding.to_do {
            writeln!(out, "         do: {}", printable(to_do))?;
        }
    }
    let failed = findings.iter().any(|finding| finding.level == Level::Error);
    Ok(if failed { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}
