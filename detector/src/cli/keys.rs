//! `driftwatch keys`: new keys, printed once.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use crate::keys::{WebhookKeys, fingerprint_key};

/// Draw new keys for the configuration. They are printed once and kept nowhere.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  driftwatch keys webhook\n  driftwatch keys fingerprint")]
pub(super) struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, clap::Subcommand)]
enum Kind {
    /// Keys of one webhook: a shared secret and an ed25519 pair, as lines of the configuration.
    Webhook {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// A value for `engine.fingerprint_key`. Draw it once: another one forgets every baseline.
    Fingerprint {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let drawn = "the operating system has no random numbers";
    let mut out = std::io::stdout().lock();
    match args.kind {
        Kind::Webhook { json: false } => writeln!(out, "{}", WebhookKeys::generate().context(drawn)?)?,
        Kind::Webhook { json: true } => {
            let WebhookKeys { secret, signing_key, public_key } = WebhookKeys::generate().context(drawn)?;
            let keys = serde_json::json!({ "secret": secret, "signing_key": signing_key, "public_key": public_key });
            writeln!(out, "{keys}")?;
        }
        Kind::Fingerprint { json: false } => {
            writeln!(out, "fingerprint_key = \"{}\"", fingerprint_key().context(drawn)?)?;
        }
        Kind::Fingerprint { json: true } => {
            writeln!(out, "{}", serde_json::json!({ "fingerprint_key": fingerprint_key().context(drawn)? }))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
