//! The engine measured on whole collections of labelled traces, always with the default settings.
//!
//! Every set is scored twice: as it is, and with the field `task` taken out of every event. Where each task of a set is
//! a fixed script, knowing the task says more than it would in life.

mod agents;
mod mark;
mod page;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use indicatif::ProgressBar;
use models::config::{CheckedConfig, EngineConfig};
use models::dimension::Dimension;
use serde::Serialize;

pub use mark::Mark;
pub use page::page;

use crate::benchmark::{self, Benchmark, BenchmarkError};
use crate::drive::DriveError;
use crate::label::LabelsError;
use crate::quality::Quality;
use crate::trace::TraceError;

/// What the labels of a set are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Attacks with labels by rule.
    Attacks,
    /// Judged by a rule and a language model that often disagree: not for headlines.
    Judged,
    /// No attacks: shows what novelty costs.
    Benign,
}

/// A set of the collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Its folder.
    pub name: &'static str,
    /// What its labels are good for.
    pub kind: Kind,
    /// Whether the time between events was recorded, not made up; else no detector may use it.
    pub real_times: bool,
    /// Whether it is measured on new tasks as well: its identities run many tasks.
    pub new_tasks: bool,
}

const fn set(name: &'static str, kind: Kind) -> Set {
    Set { name, kind, real_times: false, new_tasks: false }
}

/// Every set, in the order of the tables.
pub const SETS: [Set; 8] = [
    set("agentdojo-steady", Kind::Attacks),
    Set { new_tasks: true, ..set("agentdojo-app", Kind::Attacks) },
    set("agentdojo-agent", Kind::Attacks),
    set("agentdyn-steady", Kind::Attacks),
    Set { new_tasks: true, ..set("agentdyn-app", Kind::Attacks) },
    set("agentdyn-agent", Kind::Attacks),
    Set { real_times: true, ..set("openagentsafety", Kind::Judged) },
    set("tau-bench-airline", Kind::Benign),
];

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that holds `agent-traces`.
    pub data: PathBuf,
    /// Names of sets; empty: all.
    pub sets: Vec<String>,
    /// How many sets are measured at a time.
    pub threads: NonZeroUsize,
    /// Whether to show progress on the terminal.
    pub progress: bool,
}

/// Figures of one set, scored one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The set.
    pub set: &'static str,
    /// What its labels are good for.
    pub kind: Kind,
    /// Whether `task` was taken out of every event.
    pub without_task: bool,
    /// Events learned.
    pub learned: u64,
    /// Events of the test part.
    pub events: u64,
    /// Those of them that ended as duplicate or late and have no score.
    pub unscored: u64,
    /// Identities and days: the sum over UTC days of the identities that acted.
    pub identity_days: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// The figures.
    pub quality: Quality,
}

/// Figures of one set on tasks that its baseline does not hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewTasks {
    /// The set.
    pub set: &'static str,
    /// The figures over both halves of the tasks.
    pub quality: Quality,
}

/// What one dimension is worth to the evidence of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Worth {
    /// The dimension.
    pub dimension: Dimension,
    /// With this one switched off.
    pub without: Point,
    /// With all others switched off.
    pub alone: Point,
}

/// How well the evidence orders sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Point {
    /// Session AUROC.
    pub area: Option<f64>,
    /// Share of attacks found at 1 % of benign sessions.
    pub found: Option<f64>,
}

/// What each dimension that a set says something about is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ablation {
    /// The set.
    pub set: &'static str,
    /// With all dimensions.
    pub all: Point,
    /// One entry a dimension.
    pub dimensions: Vec<Worth>,
}

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// An unknown name.
    #[error("there is no set `{0}`; choose among {known}", known = known().collect::<Vec<_>>().join(", "))]
    UnknownSet(String),
    /// A missing folder.
    #[error("`{0}` is not there; name the folder that holds `agent-traces` and `benchmarks` with --data")]
    Missing(String),
    /// Reading or scoring.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The labels.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// A benchmark.
    #[error(transparent)]
    Benchmark(#[from] BenchmarkError),
    /// A line that is no event: figures over part of a set would not be comparable.
    #[error("line {line} of `{file}` is no event: {detail}; fetch the data set again")]
    Malformed {
        /// The file.
        file: String,
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        detail: String,
    },
}

impl From<TraceError> for SuiteError {
    fn from(error: TraceError) -> Self {
        Self::Drive(error.into())
    }
}

/// Everything that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Promises about the sets that were asked for.
    pub marks: Vec<Mark>,
    /// Recorded agent traces.
    pub agents: Vec<Measured>,
    /// The same on tasks that the baseline does not hold.
    pub new_tasks: Vec<NewTasks>,
    /// What each dimension is worth on recorded agents.
    pub ablations: Vec<Ablation>,
    /// Public benchmarks.
    pub benchmarks: Vec<Benchmark>,
    /// Sets that were asked for and are not in the folder.
    pub missing: Vec<&'static str>,
}

/// Where the sets are in the data folder.
const AGENTS: &str = "agent-traces";
const BENCHMARKS: &str = "benchmarks";

/// One thing to measure.
#[derive(Debug, Clone, Copy)]
enum Job {
    Agents { set: Set, without_task: bool },
    NewTasks(Set),
    Ablation(Set),
    Benchmark(&'static str),
}

/// What came of it.
enum Done {
    Agents(Box<Measured>),
    NewTasks(Box<NewTasks>),
    Ablation(Ablation),
    Benchmark(Box<Benchmark>),
    Missing(&'static str),
}

/// Measures every set asked for; recorded agents with and without `task`. The result does not depend on the number of
/// threads, but for the seconds that benchmarks took.
///
/// # Errors
/// When a set is unknown, the folder holds none at all, or one of its files cannot be used.
pub fn measure(options: &Options) -> Result<Report, SuiteError> {
    let jobs = jobs(&options.sets)?;
    let results = run(&jobs, options);
    let mut report = Report::default();
    for result in results {
        match result? {
            Done::Agents(measured) => report.agents.push(*measured),
            Done::NewTasks(measured) => report.new_tasks.push(*measured),
            Done::Ablation(ablation) => report.ablations.push(ablation),
            Done::Benchmark(benchmark) => report.benchmarks.push(*benchmark),
            Done::Missing(set) if !report.missing.contains(&set) => report.missing.push(set),
            Done::Missing(_) => {}
        }
    }
    if report.agents.is_empty() && report.benchmarks.is_empty() {
        return Err(SuiteError::Missing(options.data.display().to_string()));
    }
    let asked = |name: &str| options.sets.is_empty() || options.sets.iter().any(|set| set == name);
    report.marks = mark::marks(&report, asked);
    Ok(report)
}

/// Results in the order of the jobs.
fn run(jobs: &[Job], options: &Options) -> Vec<Result<Done, SuiteError>> {
    let bar = if options.progress { ProgressBar::new(jobs.len() as u64) } else { ProgressBar::hidden() };
    let (next, (done, results)) = (AtomicUsize::new(0), channel());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.get().min(jobs.len()) {
            let (next, bar, done) = (&next, &bar, done.clone());
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { return };
                    let _ = done.send((index, job.run(&options.data)));
                    bar.inc(1);
                }
            });
        }
    });
    drop(done);
    bar.finish_and_clear();
    let mut results: Vec<_> = results.into_iter().collect();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

impl Job {
    fn run(self, data: &Path) -> Result<Done, SuiteError> {
        match self {
            Job::Agents { set, .. } | Job::NewTasks(set) | Job::Ablation(set)
                if !data.join(AGENTS).join(set.name).is_dir() =>
            {
                Ok(Done::Missing(set.name))
            }
            Job::Agents { set, without_task } => {
                let measured = agents::measure_set(&data.join(AGENTS), set, without_task)?;
                Ok(Done::Agents(Box::new(measured)))
            }
            Job::NewTasks(set) => Ok(Done::NewTasks(Box::new(agents::measure_new_tasks(&data.join(AGENTS), set)?))),
            Job::Ablation(set) => agents::measure_ablation(&data.join(AGENTS), set).map(Done::Ablation),
            Job::Benchmark(name) => {
                let measured = benchmark::measure(&data.join(BENCHMARKS), name)?;
                Ok(measured.map_or(Done::Missing(name), |benchmark| Done::Benchmark(Box::new(benchmark))))
            }
        }
    }
}

/// The longest first, so that no thread is left with it at the end.
fn jobs(names: &[String]) -> Result<Vec<Job>, SuiteError> {
    if let Some(unknown) = names.iter().find(|name| !known().any(|known| known == name.as_str())) {
        return Err(SuiteError::UnknownSet(unknown.clone()));
    }
    let asked = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let mut jobs: Vec<Job> = benchmark::names().filter(|name| asked(name)).map(Job::Benchmark).collect();
    let attacked = SETS.into_iter().filter(|set| set.kind == Kind::Attacks && asked(set.name));
    jobs.extend(attacked.map(Job::Ablation));
    for without_task in [false, true] {
        let sets = SETS.into_iter().filter(|set| asked(set.name));
        jobs.extend(sets.map(|set| Job::Agents { set, without_task }));
    }
    let again = SETS.into_iter().filter(|set| set.new_tasks && asked(set.name));
    jobs.extend(again.map(Job::NewTasks));
    Ok(jobs)
}

/// Names of every set that can be measured.
fn known() -> impl Iterator<Item = &'static str> {
    SETS.iter().map(|set| set.name).chain(benchmark::names())
}

/// The default settings for a set whose times were made up and carry order only: what looks at time is switched off.
pub fn order_only() -> CheckedConfig {
    let timed = [Dimension::Schedule, Dimension::Rate];
    judging(Dimension::ALL.into_iter().filter(|dimension| !timed.contains(dimension))).unwrap_or_default()
}

/// The default settings, judging only some dimensions; `None` where the engine cannot do without the others.
fn judging(dimensions: impl IntoIterator<Item = Dimension>) -> Option<CheckedConfig> {
    EngineConfig { dimensions: dimensions.into_iter().collect(), ..EngineConfig::default() }.check().ok()
}
