//! `driftwatch topics`: the Kafka topics of a fleet.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;

use super::FOUND;
use crate::fleet::topics::{Cluster, Difference, Wanted};

const HELP: &str = "\
A topic that is there is never changed. Where one differs from what the fleet needs, the command that mends it is printed, and
the exit status is 1. Kafka's own tools take the security settings from a file: --command-config client.properties.

Examples:
  driftwatch topics create -c driftwatch.toml --dry-run
  driftwatch topics create -c driftwatch.toml --partitions 24   # the topic of the events as well, if it is absent
  driftwatch topics create -c driftwatch.toml --json | jq 'select(.state == \"differs\")'";

/// Create the topics that a fleet needs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create what is missing, and compare what is there.
    #[command(after_help = HELP)]
    Create {
        /// The configuration file, with `[fleet]` and one `[[source.kafka]]`.
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
        /// Create the topic of the events too, with so many partitions, if it is absent.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// Change nothing; say what would be created.
        #[arg(long)]
        dry_run: bool,
        /// One JSON object a topic.
        #[arg(long)]
        json: bool,
    },
}

/// What became of one topic.
#[derive(Debug, Serialize)]
struct Line<'a> {
    topic: &'a str,
    state: State,
    partitions: i32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Created,
    WouldBeCreated,
    Right,
    Differs,
}

impl State {
    const fn words(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::WouldBeCreated => "would be created",
            Self::Right => "is right",
            Self::Differs => "differs",
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Command::Create { config, partitions, dry_run, json } = &args.command;
    let config = super::config(Some(config))?;
    let fleet =
        config.fleet.as_ref().context("the configuration has no [fleet]; one process needs no topics of its own")?;
    let source = config.source.kafka.first().context("the configuration has no [[source.kafka]]")?;
    let cluster = Cluster::of(source)?;
    let present = cluster.topics()?;
    let (events, mut wanted) = match (present.get(&source.topic), partitions) {
        (Some(found), _) => (found.partitions, Vec::new()),
        (None, Some(partitions)) => (*partitions, vec![source.wanted(*partitions, fleet.replication)]),
        (None, None) => {
            let topic = &source.topic;
            anyhow::bail!("topic `{topic}` of the events does not exist; give --partitions to create it");
        }
    };
    wanted.extend(fleet.topics(events));
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().context("the async runtime cannot be started")?;
    let (mut out, mut differs) = (std::io::stdout(), false);
    for wanted in &wanted {
        let (state, differences) = match present.get(&wanted.name) {
            None if *dry_run => (State::WouldBeCreated, Vec::new()),
            None => {
                runtime.block_on(cluster.create(wanted))?;
                (State::Created, Vec::new())
            }
            Some(found) => {
                let mut found = found.clone();
                found.settings = runtime.block_on(cluster.settings(&wanted.name))?;
                let differences = wanted.differences(&found, cluster.brokers());
                (if differences.is_empty() { State::Right } else { State::Differs }, differences)
            }
        };
        differs |= state == State::Differs;
        let line = Line { topic: &wanted.name, state, partitions: wanted.partitions, differences };
        if *json {
            serde_json::to_writer(&mut out, &line)?;
            writeln!(out)?;
        } else {
            print(&mut out, wanted, &line)?;
        }
    }
    Ok(if differs { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn print(out: &mut impl Write, wanted: &Wanted, line: &Line<'_>) -> std::io::Result<()> {
    let Wanted { name, partitions, replication, .. } = wanted;
    write!(out, "{name}: {}", line.state.words())?;
    if matches!(line.state, State::Created | State::WouldBeCreated) {
        write!(out, ", partitions={partitions} replication={replication}")?;
        for (setting, value) in wanted.settings() {
            write!(out, " {setting}={value}")?;
        }
    }
    writeln!(out)?;
    for Difference { setting, value, should_be, mend } in &line.differences {
        writeln!(out, "  {setting} is {value} and should be {should_be}\n    {mend}")?;
    }
    Ok(())
}
