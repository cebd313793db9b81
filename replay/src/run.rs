//! One replay: learn, score, and write the result folder.

mod checkpoint;
mod digest;
pub(crate) mod folder;
mod pace;
mod progress;
mod recorder;
mod scribe;
mod state_log;
mod stop;
mod walk;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use models::alert::Alert;
use models::config::{CheckedConfig, EngineConfig};
use models::engine::RestoreError;

pub use checkpoint::CheckpointError;
pub use digest::Digest;
pub use folder::FolderError;
pub use pace::{Pace, PaceError};
pub use progress::Progress;
pub use stop::on_signals;

use crate::drive::{DriveError, Window};
use crate::inject::{Injector, WhatIf};
use crate::label::{Labels, LabelsError};
use crate::provenance::{InputFile, Provenance};
use crate::quality::{Collector, Unlabelled};
use crate::report::{Report, ReportError};
use crate::summary::{Breakdown, BudgetFigures, FORMAT, Summary, Timing};
use crate::table::Format;
use crate::trace::{Surveyed, TraceError, digest, expand, recording, survey};
use crate::verdict::{Verdicts, VerdictsError};
use folder::Folder;
pub(crate) use recorder::Recording;
use walk::{Told, Walk, Walked};

#[expect(clippy::struct_excessive_bools, reason = "each is one switch that stands for itself")]
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
    /// What is changed about the scored events.
    pub what_if: WhatIf,
    /// Which part of `events` is used, and how.
    pub window: Window,
    /// Whether `events` is one recorded file, to be told to the engine in its own order with what was told then.
    pub as_recorded: bool,
    /// Whether scored events are kept from being learned.
    pub freeze: bool,
    /// The engine's settings.
    pub config: CheckedConfig,
    /// Seed of intervals and random scores.
    pub seed: u64,
    /// The result folder.
    pub out: PathBuf,
    /// How the rows are written.
    pub scores: Format,
    /// How many threads decode. The result does not depend on it.
    pub threads: NonZeroUsize,
    /// Whether to write into a folder that holds something else.
    pub force: bool,
    /// Whether a line that is no event ends the replay.
    pub strict: bool,
    /// How fast the scored events come. The result does not depend on it.
    pub pace: Pace,
    /// Whether to go on from a checkpoint in the result folder, if there is one.
    pub resume: bool,
    /// When to write a checkpoint. The result does not depend on it.
    pub checkpoints: Checkpoints,
    /// How progress is shown.
    pub progress: Progress,
    /// Set by whoever wants the replay to end early, with a checkpoint.
    pub stop: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            learn: Vec::new(),
            events: Vec::new(),
            labels: Vec::new(),
            verdicts: Vec::new(),
            label_delay: None,
            what_if: WhatIf::default(),
            window: Window::default(),
            as_recorded: false,
            freeze: false,
            config: CheckedConfig::default(),
            seed: 7,
            out: PathBuf::new(),
            scores: Format::default(),
            threads: NonZeroUsize::MIN,
            force: false,
            strict: false,
            pace: Pace::default(),
            resume: false,
            checkpoints: Checkpoints::default(),
            progress: Progress::None,
            stop: Arc::default(),
        }
    }
}

/// When a checkpoint is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Checkpoints {
    /// Every 30 seconds, or less often where writing one takes more than a twentieth of the time.
    #[default]
    Timed,
    /// Whenever so many lines were handled.
    Every(u64),
}

/// What came of a replay, besides its folder.
#[derive(Debug)]
pub struct Outcome {
    /// The numbers.
    pub summary: Summary,
    /// The final state of each alert, by opening.
    pub alerts: Vec<Alert>,
}

/// Why a replay could not run, or not to its end.
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
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The engine's state in it.
    #[error("the checkpoint cannot be used: {0}; leave out --resume to start anew")]
    Restore(#[from] RestoreError),
    /// The report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Something has no JSON form.
    #[error("cannot write the result as JSON: {0}; please report this")]
    Json(#[from] serde_json::Error),
    /// A line is no event, and that was to end the replay.
    #[error("line {line} of `{file}` is no event: {detail}; correct it, or leave out --strict to go on without it")]
    Strict {
        /// The file.
        file: String,
        /// Line or row number, from 1.
        line: u64,
        /// What is wrong.
        detail: String,
    },
    /// Somebody stopped it.
    #[error(
        "stopped after {handled} of {total} events; a checkpoint is kept: run the same command with --resume to go on"
    )]
    Stopped {
        /// Lines handled.
        handled: u64,
        /// Lines there are.
        total: u64,
    },
    /// The thread that writes ended early.
    #[error("the thread that writes the result ended early; please report this")]
    Scribe,
}

impl From<TraceError> for RunError {
    fn from(error: TraceError) -> Self {
        Self::Drive(error.into())
    }
}

/// Runs a replay and writes its result folder.
///
/// Memory is the engine's, that of the streams (see [`crate::trace`]), one row group, the alerts, that of
/// [`crate::tally::Tally`] and, with labels, of [`Collector`]; nothing grows with the number of events.
///
/// # Errors
/// When an input cannot be read or the result cannot be written. The folder then holds no summary.
pub fn run(options: &Options) -> Result<Outcome, RunError> {
    let learn = survey(&expand(&options.learn)?, options.threads)?;
    let events = survey(&expand(&options.events)?, options.threads)?;
    if options.as_recorded {
        // Before anything of an earlier result is gone.
        recording(&events)?;
    }
    let label_files = expand(&options.labels)?;
    let labels = if label_files.is_empty() { None } else { Some(Arc::new(Labels::read(&label_files)?)) };
    let verdict_files = expand(&options.verdicts)?;
    let verdicts = verdicts(options, &verdict_files, labels.as_ref())?;
    let mut inputs = inputs(&learn, &events, [("labels", &label_files), ("verdicts", &verdict_files)])?;
    if options.as_recorded {
        for file in &mut inputs {
            file.order = None;
        }
    }

    let mut folder = Folder::prepare(&options.out, options.force)?;
    let collector = collector(options, labels);
    let injector = (!options.what_if.is_nothing()).then(|| Injector::new(options.what_if.clone()));
    let provenance = Provenance::new(&options.config, options.seed, inputs);
    let walk = Walk { options, learn: &learn, events: &events, inputs: &provenance.inputs };
    let Walked { recorder, seconds, verdicts } = walk.walk(&mut folder, Told { collector, verdicts, injector })?;
    let recording = Recording { verdicts, ..recorder.finish(&mut folder, &provenance)? };
    let handled = recording.learned.events + recording.events();
    let timing =
        Timing { seconds, events_per_second: handled as f64 / seconds.max(1e-9), threads: options.threads.get() };
    let summary = summarise(options, provenance, &recording, timing);
    let report = Report::of(&summary, &recording.alerts).render()?;
    folder.write(folder::REPORT, report.as_bytes())?;
    let mut json = serde_json::to_vec_pretty(&summary)?;
    json.push(b'\n');
    folder.write(folder::SUMMARY, &json)?;
    folder.publish()?;
    Ok(Outcome { summary, alerts: recording.alerts })
}

/// Injected attacks need no labels: what was recorded then counts as benign.
fn collector(options: &Options, labels: Option<Arc<Labels>>) -> Option<Collector> {
    let collector = match labels {
        Some(labels) => Collector::new(labels, true),
        None if options.what_if.injections.is_empty() => return None,
        None => Collector::new(Labels::default(), true).with_unlabelled(Unlabelled::Benign),
    };
    Some(collector.with_seed(options.seed))
}

fn verdicts(
    options: &Options,
    files: &[PathBuf],
    labels: Option<&Arc<Labels>>,
) -> Result<Option<Verdicts>, VerdictsError> {
    if !files.is_empty() {
        return Verdicts::read(files, options.label_delay.unwrap_or_default()).map(Some);
    }
    Ok(options.label_delay.zip(labels).map(|(delay, labels)| Verdicts::of_labels(Arc::clone(labels), delay)))
}

pub(crate) fn inputs(
    learn: &[Surveyed],
    events: &[Surveyed],
    others: [(&'static str, &Vec<PathBuf>); 2],
) -> Result<Vec<InputFile>, TraceError> {
    let mut inputs: Vec<InputFile> = learn.iter().map(|file| InputFile::surveyed("learn", file)).collect();
    inputs.extend(events.iter().map(|file| InputFile::surveyed("events", file)));
    for (role, path) in others.into_iter().flat_map(|(role, paths)| paths.iter().map(move |path| (role, path))) {
        let (bytes, sha256) = digest(path)?;
        inputs.push(InputFile { role, path: path.display().to_string(), bytes, sha256, lines: None, order: None });
    }
    Ok(inputs)
}

fn summarise(options: &Options, provenance: Provenance, recording: &Recording, timing: Timing) -> Summary {
    let tally = &recording.tally;
    let budget = options.config.settings().budget;
    let (alerts, revocations, identity_days) =
        (recording.alerts.len() as u64, recording.revocations, tally.identity_days());
    let rate = (identity_days > 0).then(|| 1000.0 * alerts as f64 / identity_days as f64);
    Summary {
        format: FORMAT,
        digest: recording.digest.clone(),
        settings: EngineConfig { fingerprint_key: String::new(), ..options.config.settings().clone() },
        frozen: options.freeze,
        notes: crate::report::notes(options, &provenance.inputs, recording),
        provenance,
        learned: recording.learned,
        events: recording.events(),
        quarantined: recording.quarantined,
        rejected: recording.rejected.clone(),
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
        what_if: options.what_if.words(),
        breakdown: Breakdown::of(tally),
        timing,
    }
}

/// Writes one JSON value and a line end.
fn write_line(out: &mut impl Write, value: &impl serde::Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
