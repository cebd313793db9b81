//! `driftwatch verify`: a fleet's decisions, computed once more.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::fleet::{clients::Clients, verify};

/// Compute a fleet's alerts and revocations once more, in one process, and compare.
///
/// Reads the fleet's topics and writes nothing. Run it while no events come: what is under way is reported as a difference.
/// Exits with 1 if anything differs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  driftwatch verify -c driftwatch.toml\n  driftwatch verify -c driftwatch.toml --json"
)]
pub(super) struct Args {
    /// The configuration file (TOML) of any process of the fleet.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::config(Some(&args.config))?;
    let (Some(fleet), Some(source)) = (&config.fleet, config.source.kafka.first()) else {
        anyhow::bail!(
            "{}: there is no [fleet]; `driftwatch record` and `driftwatch-replay run --as-recorded` compare a process that is alone",
            args.config.display()
        );
    };
    let clients = Clients::new(source, fleet)?;
    let found = verify::verify(&clients, &config.engine, source)?;
    if args.json {
        println!("{}", serde_json::to_string(&found).context("the result cannot be written")?);
    } else {
        println!(
            "{} events in {} partitions, {} entries of the fleet's log heard in {} turns: {} alerts, {} revocations",
            found.events, found.partitions, found.entries, found.turns, found.alerts, found.revocations
        );
        if found.not_taken > 0 {
            println!("{} events are not taken yet", found.not_taken);
        }
        found.differences.iter().for_each(|difference| println!("differs: {difference}"));
        if found.differences.is_empty() {
            println!("the same as from one process");
        }
    }
    Ok(if found.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
