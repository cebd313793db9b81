//! One replay: learn, score, and write the result folder.

mod digest;
pub(crate) mod folder;
mod recorder;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use models::alert::Alert;
use models::config::{CheckedConfig, EngineConfig};

pub use digest::Digest;
pub use folder::FolderError;

use crate::drive::{DriveError, Plan, drive};
use crate::label::{Labels, LabelsError};
use crate::quality::Collector;
use crate::report::{Report, ReportError};
use crate::summary::{Breakdown, BudgetFigures, FORMAT, InputFile, Summary, Timing};
use crate::table::Format;
use crate::trace::{Surveyed, TraceError, digest, expand, survey};
use crate::verdict::{Verdicts, VerdictsError};
use folder::Folder;
use recorder::Recorder;
pub(crate) use recorder::Recording;

/// What to replay, and where to.
#[derive(Debug, Clone)]
pub struct Options {
    /// History, learned without alerting: files, folders or patterns. May be empty.
    pub learn: Vec<PathBuf>,
    /// What is scored: files, folders or patterns.
    pub events: Vec<PathBuf>,
    /// Ground truth by session. May be empty.
    pub labels: Vec<PathBuf>,
    /// Verdicts of analysts. May be empty.
    pub verdicts: Vec<PathBuf>,
    /// How long after its time a verdict is told to the engine. Without verdicts, labels become verdicts on alerts so long
    /// after those were opened; `None` keeps labels from the engine.
    pub label_delay: Option<Duration>,
    /// Whether scored events are kept from being learned.
    pub freeze: bool,
    /// The engine's settings.
    pub config: CheckedConfig,
    /// Seed of intervals, random scores and injections.
    pub seed: u64,
    /// The result folder.
    pub out: PathBuf,
    /// How the rows are written.
    pub scores: Format,
    /// How many threads decode. The result does not depend on it.
    pub threads: NonZeroUsize,
    /// Whether to write into a folder that holds something else.
    pub force: bool,
    /// Whether to show progress on the terminal.
    pub progress: bool,
}

/// What came of a replay, besides its folder.
#[derive(Debug)]
pub struct Outcome {
    /// The numbers.
    pub summary: Summary,
    /// The final state of each alert, by opening.
    pub alerts: Vec<Alert>,
}

/// Why a replay could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Reading or scoring.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The labels.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// The verdicts.
    #[error(transparent)]
    Verdicts(#[from] VerdictsError),
    /// The result folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Something has no JSON form.
    #[error("cannot write the result as JSON: {0}; please report this")]
    Json(#[from] serde_json::Error),
}

impl From<TraceError> for RunError {
    fn from(error: TraceError) -> Self {
        Self::Drive(error.into())
    }
}

/// Runs a replay and writes its result folder.
///
/// Memory is the engine's, one row group, the alerts, that of [`crate::tally::Tally`] and, with labels, of [`Collector`];
/// nothing grows with the number of events.
///
/// # Errors
/// When an input cannot be read or the result cannot be written. The folder then holds no summary.
pub fn run(options: &Options) -> Result<Outcome, RunError> {
    let learn = survey(&expand(&options.learn)?, options.threads)?;
    let events = survey(&expand(&options.events)?, options.threads)?;
    let label_files = expand(&options.labels)?;
    let labels = if label_files.is_empty() { None } else { Some(Labels::read(&label_files)?) };
    let verdict_files = expand(&options.verdicts)?;
    let verdicts = verdicts(options, &verdict_files, labels.as_ref())?;
    let inputs = inputs(&learn, &events, [("labels", &label_files), ("verdicts", &verdict_files)])?;

    let mut folder = Folder::prepare(&options.out, options.force)?;
    let collector = labels.map(|labels| Collector::new(labels, true).with_seed(options.seed));
    let lines = learn.iter().chain(&events).map(|file| file.lines).sum();
    let mut recorder = Recorder::new(&mut folder, options.scores, collector, &inputs, progress(options, lines))?
        .with_verdicts(verdicts);
    let plan = Plan {
        config: &options.config,
        policies: &[],
        learn: &learn,
        events: &events,
        freeze: options.freeze,
        without_task: false,
        new_tasks: None,
        shift: Duration::ZERO,
        threads: options.threads,
    };
    let started = Instant::now();
    drive(&plan, &mut recorder)?;
    let seconds = started.elapsed().as_secs_f64();

    let recording = recorder.finish(&mut folder)?;
    let handled = recording.learned.events + recording.events();
    let timing =
        Timing { seconds, events_per_second: handled as f64 / seconds.max(1e-9), threads: options.threads.get() };
    let summary = summarise(options, inputs, &recording, timing);
    let report = Report::of(&summary, &recording.alerts).render()?;
    folder.write(folder::REPORT, report.as_bytes())?;
    let mut json = serde_json::to_vec_pretty(&summary)?;
    json.push(b'\n');
    folder.write(folder::SUMMARY, &json)?;
    folder.publish()?;
    Ok(Outcome { summary, alerts: recording.alerts })
}

fn verdicts(options: &Options, files: &[PathBuf], labels: Option<&Labels>) -> Result<Option<Verdicts>, VerdictsError> {
    if !files.is_empty() {
        return Verdicts::read(files, options.label_delay.unwrap_or_default()).map(Some);
    }
    Ok(options.label_delay.zip(labels).map(|(delay, labels)| Verdicts::of_labels(labels.clone(), delay)))
}

pub(crate) fn inputs(
    learn: &[Surveyed],
    events: &[Surveyed],
    others: [(&'static str, &Vec<PathBuf>); 2],
) -> Result<Vec<InputFile>, TraceError> {
    let surveyed = |role, file: &Surveyed| InputFile {
        role,
        path: shown(&file.path),
        bytes: file.bytes,
        sha256: file.sha256.clone(),
        lines: Some(file.lines),
        order: Some(file.order),
    };
    let mut inputs: Vec<InputFile> = learn.iter().map(|file| surveyed("learn", file)).collect();
    inputs.extend(events.iter().map(|file| surveyed("events", file)));
    for (role, path) in others.into_iter().flat_map(|(role, paths)| paths.iter().map(move |path| (role, path))) {
        let (bytes, sha256) = digest(path)?;
        inputs.push(InputFile { role, path: shown(path), bytes, sha256, lines: None, order: None });
    }
    Ok(inputs)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn progress(options: &Options, lines: u64) -> ProgressBar {
    if !options.progress {
        return ProgressBar::hidden();
    }
    // indicatif draws on a terminal only.
    let bar = ProgressBar::new(lines);
    let style = ProgressStyle::with_template("{msg:9} {bar:30} {human_pos}/{human_len} events  {per_sec}  {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message("learning");
    bar
}

fn summarise(options: &Options, inputs: Vec<InputFile>, recording: &Recording, timing: Timing) -> Summary {
    let tally = &recording.tally;
    let budget = options.config.settings().budget;
    let (alerts, revocations, identity_days) =
        (recording.alerts.len() as u64, recording.revocations, tally.identity_days());
    let rate = (identity_days > 0).then(|| 1000.0 * alerts as f64 / identity_days as f64);
    Summary {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION"),
        digest: recording.digest.clone(),
        config_version: options.config.version().to_owned(),
        settings: EngineConfig { fingerprint_key: String::new(), ..options.config.settings().clone() },
        seed: options.seed,
        frozen: options.freeze,
        notes: crate::report::notes(options.freeze, &inputs, recording),
        inputs,
        learned: recording.learned,
        events: recording.events(),
        quarantined: recording.quarantined,
        outcomes: tally.outcomes.clone(),
        decisions: tally.decisions.clone(),
        identities: tally.identities.len() as u64,
        sessions: tally.sessions(),
        first: tally.span.map(|(first, _)| first),
        last: tally.span.map(|(_, last)| last),
        identity_days,
        alerts,
        revocations,
        budget: BudgetFigures {
            promised_false_alerts_per_1000_identity_days: budget.false_alerts_per_1000_identity_days,
            alerts_per_1000_identity_days: rate,
            promised_false_revocations_per_million_identity_days: budget.false_revocations_per_million_identity_days,
            revocations,
        },
        quality: recording.quality.clone(),
        judgement: recording.judgement.clone(),
        verdicts: recording.verdicts,
        breakdown: Breakdown::of(tally),
        timing,
    }
}

/// Writes one JSON value and a line end.
fn write_line(out: &mut impl Write, value: &impl serde::Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
