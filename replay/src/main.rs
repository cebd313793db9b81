//! `driftwatch-replay`: history through the engine.

use std::process::ExitCode;

use clap::Parser;
use replay::args::Cli;
use replay::command::execute;

fn main() -> ExitCode {
    execute(Cli::parse().command).unwrap_or_else(|error| {
        eprintln!("driftwatch-replay: {error:#}");
        ExitCode::from(2)
    })
}
