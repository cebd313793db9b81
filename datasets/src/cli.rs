//! The command line: one module per subcommand.

mod convert;
mod describe;
mod generate;
mod input;
mod output;
mod preview;
pub(crate) mod terminal;
mod validate;

use clap::{Parser, Subcommand};

/// Make, convert, check and describe files of agent events.
///
/// Files are NDJSON (one event a line), `CloudEvents` in JSON, CSV, or logs that are there already: agents' conversations,
/// OpenTelemetry spans, CloudTrail, MCP, OCSF, and anything a mapping file describes; plain, gzip or zstd by their first bytes.
/// `-` is standard input or output. Exits 0 when done, 1 when it found what it was asked to fail on, 2 when it could not run.
#[derive(Debug, Parser)]
#[command(name = "driftwatch-datasets", version, max_term_width = 110)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Generate(generate::Args),
    Convert(convert::Args),
    Validate(validate::Args),
    Describe(describe::Args),
}

/// How a run that could be carried out ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it should.
    Done,
    /// It found what it was asked to fail on.
    Found,
}

pub(crate) fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.command {
        Command::Generate(args) => generate::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Describe(args) => describe::run(&args),
    }
}
