//! The command line.

mod measure;
mod time;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use models::config::Span;
use models::event::Timestamp;

pub use measure::{PopulationArgs, QualityArgs};

use crate::diff::Condition;
use crate::drive::Window;
use crate::inject::{self, Delay, Injection, Skew};
use crate::run::{Pace, Progress};
use crate::sweep::Axis;
use crate::table::Format;

/// Replays history through the driftwatch engine.
#[derive(Debug, Parser)]
#[command(name = "driftwatch-replay", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Learn one history, score another, and write what would have happened.
    Run(RunArgs),
    /// Compare two results, or a replay with the alerts of a running service.
    Diff(DiffArgs),
    /// Replay with many settings, and say what each would cost.
    Sweep(SweepArgs),
    /// Write event files as Parquet, sorted, one file a day.
    Convert(ConvertArgs),
    /// Measure the engine on recorded agent traces and public benchmarks, with floors and published figures beside it.
    Quality(QualityArgs),
    /// Measure the engine on a generated population: false alarms against the budget, and attacks.
    Population(PopulationArgs),
}

/// What `run` can be asked to fail on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// An alert would have been opened.
    Alert,
    /// A revocation would have been requested.
    Revoke,
    /// A line is no event.
    Quarantine,
}

/// Flags that say what is learned and what is scored.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// History to learn without alerting: files, folders or patterns.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub learn: Vec<PathBuf>,
    /// Events to score: files, folders or patterns.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub events: Vec<PathBuf>,
}

/// Flags that say which part of the scored files is used, and how.
#[derive(Debug, Clone, Copy, Args)]
pub struct WindowArgs {
    /// Leave out events of --events before this time: RFC 3339, or a date in UTC.
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    pub from: Option<Timestamp>,
    /// Leave out events of --events at or after this time.
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    pub to: Option<Timestamp>,
    /// Learn the first part of --events without alerting, for example 14d, 12h or 30m.
    #[arg(long, value_name = "SPAN", value_parser = time::span)]
    pub warmup: Option<Duration>,
}

impl WindowArgs {
    pub(crate) fn window(self) -> Window {
        Window { from: self.from, until: self.to, warmup: self.warmup.unwrap_or_default() }
    }
}

const RUN_HELP: &str = "\
Writes summary.json, report.html, alerts.ndjson, revocations.ndjson, quarantine.ndjson and
scores.parquet. Nothing is revoked. Files are NDJSON or CSV (plain, gzip or zstd), Parquet or Arrow
IPC. They are merged in order of event time; one that is far out of order is sorted in --out. The
same files and configuration give the same digest, in whatever order they are named, on any number
of threads, at any speed, and after any number of interruptions.

Ctrl-C leaves a checkpoint, and so does the run itself from time to time; the same command with
--resume goes on.

Examples:
  driftwatch-replay run --learn april.ndjson.gz --events may.ndjson.gz --out may
  driftwatch-replay run --learn history/ --events 'day=2026-05-*/*.parquet' --freeze --out may
  driftwatch-replay run --events year/ --from 2026-03-01 --warmup 14d --out spring --resume
  driftwatch-replay run --events may/ --config driftwatch.toml --out may --progress json
  driftwatch-replay run --config driftwatch.toml --events live.ndjson --as-recorded --out again
  driftwatch-replay run --events all.ndjson --scores none --out check --fail-on revoke --json

Exit status: 0 done, 1 found what --fail-on names, 2 could not run, or not to the end.";

#[expect(clippy::struct_excessive_bools, reason = "each is one flag that stands for itself")]
/// Flags of `run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
pub struct RunArgs {
    /// What is read.
    #[command(flatten)]
    pub files: FileArgs,
    /// Ground truth by session, for quality figures.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub labels: Vec<PathBuf>,
    /// Verdicts of analysts, told to the engine at their time: NDJSON with `time`, `verdict` (`true`,
    /// `benign_expected` or `false`) and `alert`, or `identity` and `session`.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub verdicts: Vec<PathBuf>,
    /// How much later than its time a verdict is told; without --verdicts, every alert is settled by --labels so long after
    /// it was opened (such as 2d).
    #[arg(long, value_name = "SPAN")]
    pub label_delay: Option<Span>,
    /// Which part of --events is used.
    #[command(flatten)]
    pub window: WindowArgs,
    /// How fast scored events come: max, or so many times as fast as they happened, such as 1x or 60x.
    #[arg(long, value_name = "PACE", default_value = "max")]
    pub speed: Pace,
    /// Put an attack into the scored events, in the session in which the identity (or whoever acts next) is at that time;
    /// may be repeated. It is measured like labelled data; without --labels everything recorded counts as benign.
    #[arg(long, value_name = "SCENARIO@TIME[:IDENTITY]")]
    pub inject: Vec<Injection>,
    /// Share of the scored events that never come.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = inject::share, hide_default_value = true)]
    pub drop: f64,
    /// Share of the scored events that come so much later than they happened, such as 0.1:10m.
    #[arg(long, value_name = "SHARE:SPAN")]
    pub delay: Option<Delay>,
    /// Identities whose clock is so far ahead (or behind, with a minus); may be repeated.
    #[arg(long, value_name = "IDENTITY-PREFIX:SPAN")]
    pub skew: Vec<Skew>,
    /// Tell the engine what `driftwatch record` wrote of a live run: in the order of the one file, with its trust and arrival.
    #[arg(long, conflicts_with_all = ["learn", "from", "to", "warmup", "freeze", "inject", "drop", "delay", "skew"])]
    pub as_recorded: bool,
    /// Score without learning.
    #[arg(long)]
    pub freeze: bool,
    /// Seed of the intervals, the random score and what is put in, dropped or delayed.
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
    /// Configuration whose `[engine]` table is used [default: the built-in settings].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder for the result; an earlier result in it is replaced.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// How to write one row per event.
    #[arg(long, value_enum, default_value_t)]
    pub scores: Format,
    /// Threads that read and decode [default: one per processor].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Stop at the first line that is no event, instead of keeping it aside in quarantine.ndjson.
    #[arg(long)]
    pub strict: bool,
    /// Go on from the checkpoint in --out; without one, start from the beginning.
    #[arg(long)]
    pub resume: bool,
    /// Write a checkpoint whenever so many lines were handled [default: every 30 seconds].
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint_every: Option<u64>,
    /// How to show progress on standard error.
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub progress: Progress,
    /// Write into --out even if it holds something else.
    #[arg(long)]
    pub force: bool,
    /// Exit with status 1 if there is one of these.
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,
    /// Write what --fail-on asked as `JUnit` XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print summary.json to standard output.
    #[arg(long)]
    pub json: bool,
}

const DIFF_HELP: &str = "\
A side is a result folder of `run`, or a file with alerts as `GET /v1/alerts` answers them (pages, or one alert a line).
Coverage comes first: which events and sessions are on both sides, and whether both read the same files. Then alerts and
revocations gained, lost, earlier and later, by identity, each with its reason.

--fail-on takes WHAT, WHAT=COUNT or WHAT=PERCENT% (of the first side's alerts, or revocations): gained, lost, earlier, later,
revocation-gained, revocation-lost, any, inputs.

Examples:
  driftwatch-replay diff may may-with-lower-budget
  driftwatch-replay diff main pull-request --fail-on lost=2%,revocation-gained --junit diff.xml
  driftwatch-replay diff replayed live-alerts.ndjson --html diff.html

Exit status: 0 done, 1 found what --fail-on names, 2 could not run.";

/// Flags of `diff`.
#[derive(Debug, Args)]
#[command(after_help = DIFF_HELP)]
pub struct DiffArgs {
    /// What is compared with: a result folder, or a file of alerts.
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// What is compared.
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// Exit with status 1 if there is more of it than allowed.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub fail_on: Vec<Condition>,
    /// Write the comparison as a page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write what --fail-on asked as `JUnit` XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print the comparison as JSON.
    #[arg(long)]
    pub json: bool,
}

const SWEEP_HELP: &str = "\
Every combination of the values of --set is a point. Points that differ in mode, policy, brake or stale_after only share one
pass; everything else feeds back into what is learned and gets a pass of its own. With --labels each point has a cost, and one
is recommended with its reasons. Writes summary.json and report.html.

Examples:
  driftwatch-replay sweep --learn april.ndjson.gz --events may.ndjson.gz --labels labels.ndjson --out sweep \\
    --set budget.false_alerts_per_1000_identity_days=1,5,20 --set mode=warn,enforce
  driftwatch-replay sweep --events may.ndjson.gz --labels labels.ndjson --set mature_sessions=10,20,40 \\
    --cost-missed 5000 --cost-false-alert 25 --out sweep
  driftwatch-replay sweep --events year/ --from 2026-03-01 --to 2026-06-01 --warmup 30d --out spring

Exit status: 0 done, 2 could not run.";

/// Flags of `sweep`.
#[derive(Debug, Args)]
#[command(after_help = SWEEP_HELP)]
pub struct SweepArgs {
    /// What is read.
    #[command(flatten)]
    pub files: FileArgs,
    /// Ground truth by session; without it nothing can be recommended.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub labels: Vec<PathBuf>,
    /// Which part of --events is used.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Score without learning.
    #[arg(long)]
    pub freeze: bool,
    /// Configuration that every point starts from [default: the built-in settings].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A setting of `[engine]` and its values; may be repeated.
    #[arg(
        long = "set",
        value_name = "SETTING=VALUES",
        default_value = "budget.false_alerts_per_1000_identity_days=1,2,5,10,20"
    )]
    pub axes: Vec<Axis>,
    /// What an attack that is not found costs, in any unit.
    #[arg(long, value_name = "COST", default_value_t = 1_000.0)]
    pub cost_missed: f64,
    /// What a wrong alert costs, in the same unit.
    #[arg(long, value_name = "COST", default_value_t = 10.0)]
    pub cost_false_alert: f64,
    /// What a wrong revocation costs, in the same unit.
    #[arg(long, value_name = "COST", default_value_t = 200.0)]
    pub cost_false_revocation: f64,
    /// Seed of the intervals.
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
    /// Folder for the result; an earlier result in it is replaced.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Passes at a time [default: one per processor].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Write into --out even if it holds something else.
    #[arg(long)]
    pub force: bool,
    /// Print summary.json to standard output.
    #[arg(long)]
    pub json: bool,
}

const CONVERT_HELP: &str = "\
Reads what `run` reads and writes events-YYYY-MM-DD.parquet for every UTC day on which there are
events. Lines that are no events are counted and left out.

Examples:
  driftwatch-replay convert --events year/ --out year-parquet
  driftwatch-replay run --events year-parquet --warmup 30d --out result

Exit status: 0 done, 2 could not run.";

/// Flags of `convert`.
#[derive(Debug, Args)]
#[command(after_help = CONVERT_HELP)]
pub struct ConvertArgs {
    /// Events: files, folders or patterns.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub events: Vec<PathBuf>,
    /// Folder for the Parquet files; none of them may be there yet.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Threads that read and decode [default: one per processor].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}
