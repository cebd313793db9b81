//! Public benchmarks: the engine with its default settings on other people's data, scored by their protocols.
//!
//! A set brings a column mapping (which column is session, tool, target, bytes) and the split of its protocol; everything
//! that scores is [`models::engine::Engine::handle`]. One file a set; what several share is in `feed`, `scorer`,
//! `session`, `runs` and `stream`. A set whose folder is missing is not measured, which is no error.

mod adfa;
mod cloudtrail;
mod darpa;
mod feed;
mod kdd;
mod nab;
mod nab_score;
mod runs;
mod schonlau;
mod scorer;
mod session;
mod stream;

use std::path::Path;

use datasets::reader::ReadError;
use models::engine::RestoreError;
use serde::Serialize;

use crate::drive::DriveError;
use crate::suite::Mark;

/// The sets, in the order of the page, and what measures each.
const SETS: [(&str, Measure); 6] = [
    ("schonlau", schonlau::measure),
    ("adfa-ld", adfa::measure),
    ("nab", nab::measure),
    ("darpa-edges", darpa::measure),
    ("kdd99-10pct", kdd::measure),
    ("cloudtrail", cloudtrail::measure),
];

type Measure = fn(&Path) -> Result<Benchmark, BenchmarkError>;

/// Names of the sets, in the order of the page.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETS.iter().map(|(name, _)| *name)
}

/// One column of a table of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Column {
    /// What it holds, with its unit.
    pub name: &'static str,
    /// Digits after the point.
    pub decimals: usize,
}

const fn column(name: &'static str, decimals: usize) -> Column {
    Column { name, decimals }
}

/// Figures of one method, in the order of the columns; `None` where nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The method.
    pub by: String,
    /// Its figures.
    pub figures: Vec<Option<f64>>,
}

/// What the engine did on one set, with what others did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Benchmark {
    /// The set.
    pub set: &'static str,
    /// How columns are mapped and what the figures are: one paragraph.
    pub note: &'static str,
    /// What is counted, such as `1000 blocks (30 attacks)`.
    pub counted: String,
    /// The columns of the three tables below.
    pub columns: Vec<Column>,
    /// The engine's figures; the first line is the headline.
    pub ours: Vec<Line>,
    /// Figures of others on the whole set, as its README quotes them.
    pub published: Vec<Line>,
    /// Simple baselines on the part that is here, as its README gives them.
    pub baselines: Vec<Line>,
    /// Area under the ROC curve of every statistic of the engine: what would order better, and what worse.
    pub areas: Vec<(String, Option<f64>)>,
    /// What was promised of this set.
    pub marks: Vec<Mark>,
    /// Events handled.
    pub events: u64,
    /// How long it took, in seconds; not on the page, which is the same on every machine.
    pub seconds: f64,
}

/// Why a set cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchmarkError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A line is not what the set's README says.
    #[error("`{file}`, line {line}: {detail}; fetch the data set again")]
    Malformed {
        /// The file.
        file: String,
        /// Line number, from 1; 0 if it is about the file as a whole.
        line: u64,
        /// What is wrong.
        detail: String,
    },
    /// The engine.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// Its state.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// Measures the set `name` in `folder/name`; `None` if there is no such folder or set.
///
/// # Errors
/// When a file of the set is missing or damaged.
pub fn measure(folder: &Path, name: &str) -> Result<Option<Benchmark>, BenchmarkError> {
    let path = folder.join(name);
    match SETS.iter().find(|(set, _)| *set == name) {
        Some((_, measure)) if path.is_dir() => measure(&path).map(Some),
        _ => Ok(None),
    }
}

/// Lines of constants; `NAN` stands for what is not known.
fn lines<const N: usize>(table: &[(&str, [f64; N])]) -> Vec<Line> {
    let figure = |x: &f64| (!x.is_nan()).then_some(*x);
    table.iter().map(|(by, row)| Line { by: (*by).to_owned(), figures: row.iter().map(figure).collect() }).collect()
}
