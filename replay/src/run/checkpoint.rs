//! What a replay leaves behind so that it can go on: written as a whole or not at all.
//!
//! `checkpoint.partial` says how much of every other file counts. Those are made durable first; then the checkpoint is
//! written under another name and renamed. So whatever moment the process ends at, the checkpoint and what it speaks of
//! belong together, and anything behind is cut off when the replay goes on.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use models::event::Timestamp;
use serde::{Deserialize, Serialize};

use super::folder::{CHECKPOINT, FolderError, refused};
use super::recorder::RecorderState;
use super::state_log::LogState;
use crate::drive::Place;
use crate::table::Format;
use crate::verdict::Verdicts;

/// Begins every checkpoint; raise it with every change of a stored struct.
const FORMAT: &str = "driftwatch-checkpoint/3";

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It is of another replay.
    #[error(
        "the checkpoint in `{folder}` was left by a replay with {what}; run that one again, or leave out --resume to start anew"
    )]
    Other {
        /// The result folder.
        folder: String,
        /// What differs.
        what: &'static str,
    },
    /// It cannot be read, or what it speaks of is gone.
    #[error("the checkpoint in `{folder}` cannot be used ({cause}); leave out --resume to start anew")]
    Damaged {
        /// The result folder.
        folder: String,
        /// What is wrong.
        cause: String,
    },
}

impl CheckpointError {
    pub(super) fn damaged(folder: &Path, cause: &impl ToString) -> Self {
        Self::Damaged { folder: folder.display().to_string(), cause: cause.to_string() }
    }
}

/// What the result follows from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cause {
    /// Version of this program.
    pub(super) program: String,
    /// Digest of the engine's settings.
    pub(super) config: String,
    pub(super) as_recorded: bool,
    pub(super) freeze: bool,
    pub(super) scores: Format,
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) warmup: Duration,
    pub(super) seed: u64,
    /// What is changed, every part of it written out.
    pub(super) what_if: String,
    pub(super) label_delay: Option<Duration>,
    /// Digests of the files, in order of the digests: their names and the order of those do not matter.
    pub(super) learn: Vec<String>,
    pub(super) events: Vec<String>,
    pub(super) labels: Vec<String>,
    pub(super) verdicts: Vec<String>,
}

impl Cause {
    fn difference(&self, other: &Self) -> Option<&'static str> {
        [
            (self.program != other.program, "another version of this program"),
            (self.config != other.config, "other settings"),
            (self.as_recorded != other.as_recorded, "another --as-recorded"),
            (self.freeze != other.freeze, "another --freeze"),
            (self.scores != other.scores, "another --scores"),
            ((self.from, self.until) != (other.from, other.until), "another --from or --to"),
            (self.warmup != other.warmup, "another --warmup"),
            (self.seed != other.seed, "another --seed"),
            (self.what_if != other.what_if, "another --inject, --drop, --delay or --skew"),
            (self.label_delay != other.label_delay, "another --label-delay"),
            (self.learn != other.learn, "other files in --learn"),
            (self.events != other.events, "other files in --events"),
            (self.labels != other.labels, "other files in --labels"),
            (self.verdicts != other.verdicts, "other files in --verdicts"),
        ]
        .into_iter()
        .find_map(|(differs, what)| differs.then_some(what))
    }
}

/// How far the replay is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) place: Place,
    pub(super) verdicts: Option<Verdicts>,
    /// Lines taken from the files.
    pub(super) handled: u64,
    /// Wall time spent, over all processes.
    pub(super) seconds: f64,
}

/// Everything that is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept<'a> {
    pub(super) mark: Mark,
    pub(super) log: LogState,
    pub(super) recorder: RecorderState<'a>,
}

/// Replaces the checkpoint.
pub(super) fn write(folder: &Path, cause: &Cause, kept: &Kept<'_>) -> Result<(), FolderError> {
    let (path, next) = (folder.join(CHECKPOINT), folder.join(format!("{CHECKPOINT}.next")));
    let replace = || -> io::Result<()> {
        let bytes = postcard::to_stdvec(&(FORMAT, cause, kept)).map_err(io::Error::other)?;
        let mut file = File::create(&next)?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        std::fs::rename(&next, &path)
    };
    replace().map_err(|source| refused(&path, source))
}

/// Reads the checkpoint of a replay that follows from `cause`; `None` if there is none.
pub(super) fn read(folder: &Path, cause: &Cause) -> Result<Option<Kept<'static>>, CheckpointError> {
    let bytes = match std::fs::read(folder.join(CHECKPOINT)) {
        Ok(bytes) => bytes,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CheckpointError::damaged(folder, &source)),
    };
    let other = |what| CheckpointError::Other { folder: folder.display().to_string(), what };
    let damaged = |cause| CheckpointError::damaged(folder, &cause);
    // The format first: what follows it is laid out as that format says.
    let (format, rest) = postcard::take_from_bytes::<&str>(&bytes).map_err(damaged)?;
    if format != FORMAT {
        return Err(other("another version of this program"));
    }
    let (found, rest) = postcard::take_from_bytes::<Cause>(rest).map_err(damaged)?;
    if let Some(what) = found.difference(cause) {
        return Err(other(what));
    }
    postcard::from_bytes(rest).map(Some).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_of_other_files_or_settings_is_told_from_the_same_one() {
        let cause = Cause {
            program: "1".to_owned(),
            config: "c".to_owned(),
            as_recorded: false,
            freeze: false,
            scores: Format::Parquet,
            from: None,
            until: None,
            warmup: Duration::ZERO,
            seed: 7,
            what_if: String::new(),
            label_delay: None,
            learn: vec!["a".to_owned()],
            events: vec!["b".to_owned()],
            labels: Vec::new(),
            verdicts: Vec::new(),
        };
        assert_eq!(cause.difference(&cause.clone()), None);
        let other = Cause { events: vec!["c".to_owned()], ..cause.clone() };
        assert_eq!(cause.difference(&other), Some("other files in --events"));
        let other = Cause { until: Some(Timestamp::EPOCH), ..cause.clone() };
        assert_eq!(cause.difference(&other), Some("another --from or --to"));
        let other = Cause { what_if: "drop".to_owned(), ..cause.clone() };
        assert_eq!(cause.difference(&other), Some("another --inject, --drop, --delay or --skew"));
        let other = Cause { labels: vec!["d".to_owned()], ..cause.clone() };
        assert_eq!(cause.difference(&other), Some("other files in --labels"));
    }
}
