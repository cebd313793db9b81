//! Rows of a benchmark's files: one JSON object a line.

use std::path::{Path, PathBuf};

use datasets::reader::LineReader;
use models::event::{ActionOutcome, Event, EventRecord, Rejection, TargetRecord, Text};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::BenchmarkError;

/// A row of an events file. A set has only the columns that its source supports; other columns are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct Row<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    pub time: Text<'a>,
    pub identity: Option<Text<'a>>,
    pub session: Option<Text<'a>>,
    pub tool: Option<Text<'a>>,
    pub action: Option<Text<'a>>,
    pub target: Option<Text<'a>>,
    pub outcome: Option<Text<'a>>,
    pub bytes_in: Option<u64>,
    pub bytes_out: Option<u64>,
    pub value: Option<f64>,
}

impl Row<'_> {
    /// The event with the columns that need no mapping, `identity` and `tool` where the row has none.
    pub(super) fn event(&self, identity: &str, tool: &str) -> Result<Event, Rejection> {
        let text = |text: &Option<Text<'_>>| text.as_ref().map(|t| Text::from(t.0.as_ref().to_owned()));
        Event::try_from(EventRecord {
            id: Some(Text::from(self.id.0.as_ref())),
            time: Some(Text::from(self.time.0.as_ref())),
            identity: Some(text(&self.identity).unwrap_or(Text::from(identity))),
            session: text(&self.session),
            tool: Some(text(&self.tool).unwrap_or(Text::from(tool))),
            target: text(&self.target).map(TargetRecord::One),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            ..EventRecord::default()
        })
    }

    /// The text of `outcome`, sorted into the engine's three.
    pub(super) fn outcome(&self, denied: impl Fn(&str) -> bool, success: impl Fn(&str) -> bool) -> ActionOutcome {
        match self.outcome.as_ref().map(|o| o.0.as_ref()) {
            Some(text) if denied(text) => ActionOutcome::Denied,
            Some(text) if !success(text) => ActionOutcome::Error,
            _ => ActionOutcome::Success,
        }
    }
}

/// Hands every row of a file to `visit`.
pub(super) fn rows(
    path: &Path,
    mut visit: impl FnMut(&Row<'_>) -> Result<(), BenchmarkError>,
) -> Result<(), BenchmarkError> {
    let mut lines = LineReader::open(path)?;
    while let Some(line) = lines.next_line()? {
        let row: Row<'_> = serde_json::from_slice(line.raw).map_err(|e| malformed(path, line.number, e.to_string()))?;
        visit(&row)?;
    }
    Ok(())
}

/// Every line of a labels file.
pub(super) fn labels<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, BenchmarkError> {
    let (mut lines, mut all) = (LineReader::open(path)?, Vec::new());
    while let Some(line) = lines.next_line()? {
        all.push(serde_json::from_slice(line.raw).map_err(|e| malformed(path, line.number, e.to_string()))?);
    }
    Ok(all)
}

/// A line, or with 0 the file, is not what it should be.
pub(super) fn malformed(path: &Path, line: u64, detail: impl Into<String>) -> BenchmarkError {
    BenchmarkError::Malformed { file: path.display().to_string(), line, detail: detail.into() }
}

/// Where the events and the labels of a set of one stream are.
pub(super) fn files(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("events.ndjson.gz"), folder.join("labels.ndjson.gz"))
}
