//! Event files as Parquet, sorted, one file a day.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use models::event::RejectionCode;

use crate::provenance::{self, Property};
use crate::tally::day_name;
use crate::trace::{EventTable, Item, Part, Surveyed, Trace, TraceError, expand, survey};

const SECONDS_PER_DAY: i64 = 86_400;

/// Why files cannot be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// Reading them.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A file that would be replaced.
    #[error("`{0}` is there already; name an empty folder")]
    Occupied(String),
    /// Writing.
    #[error("cannot write `{path}`: {source}; check the folder's permissions and free space")]
    Write {
        /// The file or folder.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
}

/// What was converted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// Events written.
    pub events: u64,
    /// Files written.
    pub files: u64,
    /// Lines that are no events, by reason: they were left out.
    pub rejected: BTreeMap<RejectionCode, u64>,
}

/// Writes the events of `files` to `out`, sorted, one file for each UTC day on which there are any.
///
/// Memory is that of the stream (see [`crate::trace`]) and one row group.
///
/// # Errors
/// When a file cannot be read or written, or would be replaced.
pub fn convert(files: &[PathBuf], out: &Path, threads: NonZeroUsize) -> Result<Converted, ConvertError> {
    let refused = |path: &Path, source| ConvertError::Write { path: path.display().to_string(), source };
    let files = survey(&expand(files)?, threads)?;
    std::fs::create_dir_all(out).map_err(|source| refused(out, source))?;
    let about = about(&files);
    let mut converted = Converted::default();
    let mut open: Option<(i64, PathBuf, EventTable)> = None;
    for item in Trace::open(&files, Part::default(), threads, out) {
        let event = match item?.1 {
            Item::Event(event) => event,
            Item::Rejected(line) => {
                *converted.rejected.entry(line.rejection.code).or_default() += 1;
                continue;
            }
        };
        let day = event.time.as_seconds().div_euclid(SECONDS_PER_DAY);
        if let Some((_, path, table)) = open.take_if(|(of, ..)| *of != day) {
            table.finish().map_err(|source| refused(&path, source))?;
        }
        if open.is_none() {
            let path = out.join(format!("events-{}.parquet", day_name(day)));
            if path.exists() {
                return Err(ConvertError::Occupied(path.display().to_string()));
            }
            let table = EventTable::create(&path, &about).map_err(|source| refused(&path, source))?;
            converted.files += 1;
            open = Some((day, path, table));
        }
        if let Some((_, path, table)) = &mut open {
            table.push(&event).map_err(|source| refused(path, source))?;
            converted.events += 1;
        }
    }
    if let Some((_, path, table)) = open {
        table.finish().map_err(|source| refused(&path, source))?;
    }
    Ok(converted)
}

/// No engine has seen the events, so all there is to say is what they were read from, and by what.
fn about(files: &[Surveyed]) -> Vec<Property> {
    let mut about = vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    about.extend(provenance::of_inputs(files.iter().map(|file| ("events", file.sha256.as_str()))));
    about
}
