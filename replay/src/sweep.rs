//! Many settings over the same history: what each would have done, what it costs, and which to choose.
//!
//! Settings that only decide about responses (mode, policy, brake, age) have no effect on what is scored, alarmed or
//! learned, so all that differ in nothing else share one pass of one engine ([`models::engine::Engine::consider`]). Everything
//! else feeds back into what is learned or carried from session to session and gets a pass of its own. The result says
//! which it was for each setting; a test holds one pass to what passes apart give.

mod choice;
mod grid;
mod page;
mod pass;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use models::config::{CheckedConfig, Span};
use models::event::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use choice::{Choice, Costs, CurvePoint};
pub use grid::{Axis, GridError, Setting};
pub use pass::Counted;

use crate::drive::{DriveError, Window};
use crate::label::{Labels, LabelsError};
use crate::population::parallel;
use crate::provenance::Provenance;
use crate::report::ReportError;
use crate::run::folder::{Folder, REPORT, SUMMARY};
use crate::run::{FolderError, inputs};
use crate::trace::{Surveyed, TraceError, expand, hex, survey};

/// Marks a folder as the result of a sweep.
pub const FORMAT: &str = "driftwatch-sweep/1";

/// What is swept, and where the result goes.
#[derive(Debug, Clone)]
pub struct Options {
    /// History, learned without alerting. May be empty.
    pub learn: Vec<PathBuf>,
    /// What is scored.
    pub events: Vec<PathBuf>,
    /// Ground truth by session. Without it nothing can be recommended.
    pub labels: Vec<PathBuf>,
    /// Which part of `events` is used, and how.
    pub window: Window,
    /// Whether scored events are kept from being learned.
    pub freeze: bool,
    /// What every point starts from.
    pub config: CheckedConfig,
    /// What is varied.
    pub axes: Vec<Axis>,
    /// What mistakes cost.
    pub costs: Costs,
    /// Seed of the intervals.
    pub seed: u64,
    /// The result folder.
    pub out: PathBuf,
    /// Whether to write into a folder that holds something else.
    pub force: bool,
    /// Passes at a time; each has an engine of its own.
    pub threads: NonZeroUsize,
}

/// Why a sweep could not run.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The grid.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// Reading or scoring.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The labels.
    #[error(transparent)]
    Labels(#[from] LabelsError),
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

impl From<TraceError> for SweepError {
    fn from(error: TraceError) -> Self {
        Self::Drive(error.into())
    }
}

/// Whether a setting needs a pass of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Varied {
    /// Its path inside `[engine]`.
    pub setting: String,
    /// Its values.
    pub values: Vec<serde_json::Value>,
    /// `false`: all values share a pass. `true`: each has a pass of its own.
    pub feeds_back: bool,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// One point of the grid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// What is set, in the order of the axes.
    pub settings: Vec<Setting>,
    /// Digest of the settings.
    pub config_version: String,
    /// Which pass it was in, from 1.
    pub pass: usize,
    /// What it would have done.
    pub counted: Counted,
    /// What its mistakes cost; absent without labels.
    pub cost: Option<f64>,
}

/// The result of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// [`FORMAT`].
    pub format: &'static str,
    /// SHA-256 over the JSON of every point: two sweeps with the same one counted the same at each.
    pub digest: String,
    /// What it was made from, and with which settings every point starts.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// No event before this time was used, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// No event at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// How long events were learned without alerting, from the first one on.
    pub warmup: Span,
    /// Whether scored events were kept from being learned.
    pub frozen: bool,
    /// What was varied.
    pub varied: Vec<Varied>,
    /// Passes that it took.
    pub passes: usize,
    /// What mistakes cost.
    pub costs: Costs,
    /// Every point.
    pub points: Vec<Point>,
    /// Which point is best for each price of a missed attack.
    pub curve: Vec<CurvePoint>,
    /// Which to choose; absent without labels.
    pub choice: Option<Choice>,
}

/// Runs a sweep and writes its result folder.
///
/// Memory is that of `threads` engines, and about 200 bytes a session for each point.
///
/// # Errors
/// When the grid is none, an input cannot be read or the result cannot be written.
pub fn sweep(options: &Options) -> Result<Sweep, SweepError> {
    let points = grid::points(options.config.settings(), &options.axes)?;
    let learn = survey(&expand(&options.learn)?, options.threads)?;
    let events = survey(&expand(&options.events)?, options.threads)?;
    let label_files = expand(&options.labels)?;
    let labels = if label_files.is_empty() { None } else { Some(Arc::new(Labels::read(&label_files)?)) };
    let mut folder = Folder::prepare(&options.out, options.force)?;

    let inputs = inputs(&learn, &events, [("labels", &label_files), ("verdicts", &Vec::new())])?;
    let (points, passes) = measure(options, points, [&learn, &events], labels.as_ref())?;
    let sweep = Sweep {
        format: FORMAT,
        digest: hex(&Sha256::digest(serde_json::to_vec(&points)?)),
        provenance: Provenance::new(&options.config, options.seed, inputs),
        from: options.window.from,
        to: options.window.until,
        warmup: Span(options.window.warmup),
        frozen: options.freeze,
        varied: options.axes.iter().map(|axis| axis.varied(options.config.settings())).collect::<Result<_, _>>()?,
        passes,
        costs: options.costs,
        curve: if labels.is_some() { choice::curve(&points, options.costs) } else { Vec::new() },
        choice: labels.is_some().then(|| choice::choose(&points, options.costs)).flatten(),
        points,
    };
    folder.write(REPORT, page::html(&sweep)?.as_bytes())?;
    let mut json = serde_json::to_vec_pretty(&sweep)?;
    json.push(b'\n');
    folder.write(SUMMARY, &json)?;
    folder.publish()?;
    Ok(sweep)
}

/// Measures all points, those that share what is learned in one pass, and says how many passes it took.
fn measure(
    options: &Options,
    points: Vec<grid::GridPoint>,
    [learn, events]: [&[Surveyed]; 2],
    labels: Option<&Arc<Labels>>,
) -> Result<(Vec<Point>, usize), SweepError> {
    let passes = grid::passes(&points)?;
    let frame =
        pass::Frame { learn, events, window: options.window, freeze: options.freeze, labels, seed: options.seed };
    let counted = parallel(options.threads.get(), &passes, |pass| pass::run(&frame, pass));
    let counted = counted.into_iter().collect::<Result<Vec<Vec<Counted>>, DriveError>>()?;
    let mut measured: Vec<Option<(usize, Counted)>> = vec![None; points.len()];
    for ((number, pass), counted) in (1..).zip(&passes).zip(counted) {
        for (place, counted) in pass.places.iter().zip(counted) {
            if let Some(slot) = measured.get_mut(*place) {
                *slot = Some((number, counted));
            }
        }
    }
    let point = |(point, measured): (grid::GridPoint, Option<(usize, Counted)>)| {
        let (pass, counted) = measured?;
        let cost = labels.is_some().then(|| options.costs.of(&counted));
        Some(Point { settings: point.settings, config_version: point.config.version().to_owned(), pass, counted, cost })
    };
    Ok((points.into_iter().zip(measured).filter_map(point).collect(), passes.len()))
}
