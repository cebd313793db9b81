//! Flags of the commands that measure the engine itself.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

const QUALITY_HELP: &str = "\
Recorded agents (folder agent-traces): learns the baseline of each set and scores its test part against it, frozen, with
the default settings; once as recorded, once without the field `task`, and two sets on new tasks. Public benchmarks (folder
benchmarks): each by its own protocol. A set that is not there is reported as not measured.

Examples:
  driftwatch-replay quality --data datasets
  driftwatch-replay quality --data datasets --sets agentdojo-steady,adfa-ld --json
  driftwatch-replay quality --data datasets --out docs/quality.md

Exit status: 0 done, 2 could not run.";

/// Flags of `quality`.
#[derive(Debug, Args)]
#[command(after_help = QUALITY_HELP)]
pub struct QualityArgs {
    /// Folder that holds `agent-traces` and `benchmarks`.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Sets to measure [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub sets: Vec<String>,
    /// Also write the page to this file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Sets measured at a time [default: one per processor].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Print all figures as JSON instead of the page.
    #[arg(long)]
    pub json: bool,
}

const POPULATION_HELP: &str = "\
Generates a population of honest agents with honest changes, runs it through the engine at each budget, and counts false
alerts and revocations. Then plays attacked sessions, each against a copy of the warm engine, with two simple methods beside
it. Attacks are measured at 20 and 200 false alarms per million events. Without --agents and --days it is small and takes
seconds; 300 agents and 60 days take minutes.

Examples:
  driftwatch-replay population --out population.md
  driftwatch-replay population --agents 300 --days 60 --attacked 300 --ramped 30 --out docs/population.md

Exit status: 0 done, 2 could not run.";

/// Flags of `population`.
#[derive(Debug, Args)]
#[command(after_help = POPULATION_HELP)]
pub struct PopulationArgs {
    /// Everything follows from it.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Agents, spread over all roles.
    #[arg(long, default_value_t = 20)]
    pub agents: u32,
    /// Days; the first third is learned without alerting.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(3..=3650))]
    pub days: u32,
    /// Sessions of an average agent on an average day; one has about eight events.
    #[arg(long, default_value_t = 12.0)]
    pub sessions_per_day: f64,
    /// Budgets, in false alerts per 1,000 identity-days; the engine of the first one is attacked.
    #[arg(long = "budget", value_name = "RATES", value_delimiter = ',', default_values_t = [5.0, 1.0, 20.0])]
    pub budgets: Vec<f64>,
    /// Attacked sessions of each kind.
    #[arg(long, default_value_t = 20)]
    pub attacked: usize,
    /// Agents whose volumes grow, for each growth.
    #[arg(long, default_value_t = 4)]
    pub ramped: usize,
    /// File for the page.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Passes at a time [default: one per processor].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}
