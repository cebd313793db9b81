//! `driftwatch demo`: the whole story on one machine, in a minute.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use models::config::Span;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::FOUND;
use crate::demo::{self, Options, Story};

/// How long a demo without a terminal runs.
const HEADLESS: Span = Span::seconds(45);

/// Show everything on this machine: agents at work, a hijack, and the end of the hijacked agent's credential.
///
/// Makes up a month of history of some agents and learns it, starts the service with its console and a small credential
/// broker, and sends the agents to work. One of them is hijacked after ten seconds. Needs nothing else: no Kafka, no
/// configuration, no network beyond loopback. Runs until ctrl-c.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  driftwatch demo\n  driftwatch demo --seed 8 --port 9000\n  \
                        driftwatch demo --dir demo-state          # goes on where it ended when run again\n  \
                        driftwatch demo --headless --json | jq .failure\n\n\
                        With --headless the exit status is 0 if the hijacked credential was revoked, and nobody else's; \
                        otherwise 1.")]
pub(super) struct Args {
    /// Chance: who the agents are, what they do, who is hijacked and how [default: 7].
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// How many agents [default: 120]. Fewer than 60 leave too little to compare with: a hijack is alerted, not revoked.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(8..=1_000))]
    agents: Option<u32>,
    /// How many days of history they have [default: 30]. Fewer than 12 have the same effect.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(2..=365))]
    days: Option<u32>,
    /// Keep state in this directory [default: a temporary one, removed at the end].
    #[arg(long, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
    /// Port of console and API [default: 8321, or the next free one].
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Exit status and summary at the end, 45 seconds after the agents started unless --for says otherwise.
    #[arg(long)]
    headless: bool,
    /// How long the agents work, e.g. `45s` or `10m` [default: until ctrl-c].
    #[arg(long = "for", value_name = "TIME")]
    lasting: Option<Span>,
    /// Print the summary as JSON on stdout; the story goes to stderr.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    log();
    let options = Options {
        seed: args.seed,
        agents: args.agents,
        days: args.days,
        dir: args.dir.clone(),
        port: args.port,
        lasting: args.lasting.or(args.headless.then_some(HEADLESS)).map(|span| span.0),
    };
    let runtime = tokio::runtime::Runtime::new().context("the async runtime cannot be started")?;
    let summary = runtime.block_on(async {
        // Before anything is started, so that no signal finds us without a handler.
        let mut terminate = signal(SignalKind::terminate()).context("signals cannot be handled")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be handled")?;
        let stop = async {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        };
        anyhow::Ok(demo::run(&options, &mut story(args), stop).await?)
    })?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &summary)?;
        writeln!(out)?;
    } else {
        writeln!(out, "\n{summary}")?;
    }
    match &summary.failure {
        Some(failure) if args.headless => {
            super::note(format_args!("the demo has not shown what it promises: {failure}"));
            Ok(ExitCode::from(FOUND))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn story(args: &Args) -> Story {
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let terminal = if args.json { stderr.is_terminal() } else { stdout.is_terminal() };
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match (terminal && !args.headless, args.json) {
        (true, true) => Story::on_terminal(stderr, colour),
        (true, false) => Story::on_terminal(stdout, colour),
        (false, true) => Story::plain(stderr),
        (false, false) => Story::plain(stdout),
    }
}

/// The service's own log only where something is wrong: the story is what is to be read.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
