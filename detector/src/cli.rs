//! The command line: one file a command.

mod check_config;
mod demo;
mod doctor;
mod keys;
mod quarantine;
mod record;
mod score;
mod serve;
mod token;
mod topics;
mod verify;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::Config;

/// Exit status when a command found what it was asked to fail on.
const FOUND: u8 = 1;
/// Exit status when a command could not run.
const FAILED: u8 = 2;

/// Learns what every agent normally does, scores each action as it arrives, and asks the broker to revoke what drifts.
#[derive(Debug, Parser)]
#[command(name = "driftwatch", version, max_term_width = 120)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything on this machine: agents at work, a hijack, and the end of the hijacked agent's credential.
    Demo(demo::Args),
    /// Run the service: take events, score them, alert and revoke.
    Serve(serve::Args),
    /// Score events from files or stdin, without a service or a database.
    Score(score::Args),
    /// Check a configuration and print what it comes to.
    CheckConfig(check_config::Args),
    /// Check that everything a configuration asks for is there: disk, brokers, topics, keys, clocks, webhooks.
    Doctor(doctor::Args),
    /// List input that was set aside, or put it back.
    Quarantine(quarantine::Args),
    /// Write the events that were taken to a file, to replay them.
    Record(record::Args),
    /// Draw new keys for webhooks and fingerprints.
    Keys(keys::Args),
    /// Draw a new API token.
    Token(token::Args),
    /// Create the Kafka topics that a fleet needs, and compare those that are there.
    Topics(topics::Args),
    /// Compute a fleet's alerts and revocations once more, in one process, and compare.
    Verify(verify::Args),
}

/// Runs the command that the arguments name. Errors are printed as one sentence.
pub fn run() -> ExitCode {
    // Usage errors leave with 2 as well: clap's own status for them.
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Score(args) => score::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Quarantine(args) => quarantine::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Topics(args) => topics::run(&args),
        Command::Verify(args) => verify::run(&args),
    };
    done.unwrap_or_else(|error| {
        if is_closed_pipe(&error) {
            // `driftwatch score … | head`: the reader has what it wanted.
            return ExitCode::SUCCESS;
        }
        fail(&error)
    })
}

fn fail(error: &anyhow::Error) -> ExitCode {
    note(format_args!("{error:#}"));
    ExitCode::from(FAILED)
}

/// One line for the person at the terminal, beside the output.
fn note(line: std::fmt::Arguments<'_>) {
    // If stderr is gone, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "driftwatch: {line}");
}

/// What a sender wrote must not move the cursor, hide text or turn it around.
fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() {
            c.to_string()
        } else {
            c.escape_unicode().to_string()
        }
    };
    text.chars().map(shown).collect()
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

/// The configuration in `file`, or the defaults without one.
fn config(file: Option<&Path>) -> anyhow::Result<Config> {
    match file {
        Some(path) => Config::load(path).with_context(|| format!("`{}`", path.display())),
        None => Ok(Config::parse("")?),
    }
}
