//! `driftwatch token`: a new API token and what the configuration keeps of it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use crate::keys::Token;

/// Draw a new API token. It is printed once and kept nowhere; the configuration gets its hash.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  driftwatch token\n  driftwatch token --json | jq -r .hash")]
pub(super) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let token = Token::generate().context("the operating system has no random numbers")?;
    let mut out = std::io::stdout().lock();
    if args.json {
        let both = serde_json::json!({ "token": token.reveal(), "hash": token.hash().to_string() });
        writeln!(out, "{both}")?;
    } else {
        writeln!(out, "# For whoever calls the API, as `Authorization: Bearer …`; keep it secret.")?;
        writeln!(out, "{}", token.reveal())?;
        writeln!(out, "# For http.token_hashes of the configuration.")?;
        writeln!(out, "\"{}\"", token.hash())?;
    }
    Ok(ExitCode::SUCCESS)
}
