//! `driftwatch check-config`: what a configuration comes to, or what is wrong with it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Check a configuration and print what it comes to.
///
/// Prints every setting, defaults filled in and secrets hidden. Exits with 2 and one sentence if it cannot be used.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  driftwatch check-config driftwatch.toml")]
pub(super) struct Args {
    /// The configuration file (TOML).
    file: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::config(Some(&args.file))?;
    std::io::stdout().write_all(config.to_redacted_toml()?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
