//! `driftwatch serve`: the service, from its first line to its last commit.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::service::Service;

/// Run the service: take events, score them, alert and revoke.
///
/// Stops on SIGTERM or ctrl-c: sources first, then a last commit. A second signal ends it at once, which loses nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  driftwatch serve\n  driftwatch serve -c driftwatch.toml\n  \
                        tail -F actions.ndjson | driftwatch serve -c stdin.toml   # [[source.file]] path = \"-\"\n\n\
                        RUST_LOG sets what is logged, e.g. RUST_LOG=debug or RUST_LOG=detector=debug,librdkafka=debug.")]
pub(super) struct Args {
    /// The configuration file (TOML). Without one: defaults, events over HTTP on loopback only.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::config(args.config.as_deref())?;
    log();
    let runtime = tokio::runtime::Runtime::new().context("the async runtime cannot be started")?;
    runtime.block_on(serve(config))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let printed = config.to_redacted_toml()?;
    let default_key = config.has_default_fingerprint_key();
    // Before anything is taken, so that no signal finds us without a handler.
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be handled")?;
    let scheme = if config.http.tls_cert.is_some() { "https" } else { "http" };
    let mut service = Service::start(config)?;
    announce(&printed, &format!("{scheme}://{}/", service.address()))?;
    if default_key {
        tracing::warn!("engine.fingerprint_key is the default; set one of your own before real use");
    }
    let broken = tokio::select! {
        error = service.broken() => Some(error),
        _ = terminate.recv() => None,
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None)?,
    };
    tracing::info!("stopping: sources first, then a last commit");
    if let Some(error) = broken {
        // The thread that would take the rest is gone; what is not committed is read again at the next start.
        return Err(error.into());
    }
    tokio::select! {
        stopped = service.stop() => stopped?,
        _ = terminate.recv() => anyhow::bail!("ended at the second signal; what was not committed is read again"),
        _ = tokio::signal::ctrl_c() => anyhow::bail!("ended at the second signal; what was not committed is read again"),
    }
    tracing::info!("stopped; everything that was taken is stored");
    Ok(())
}

fn announce(config: &str, url: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{config}\ndriftwatch {} listens on {url}", env!("CARGO_PKG_VERSION"))?;
    out.flush()
}

fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
