//! The first pass over a file: its digest, its length, and whether it is in order of time.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use datasets::reader::LineReader;
use models::event::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::chunk::open_csv;
use super::encoding::Encoding;
use super::table::{Field, TableReader};
use super::{TraceError, reorder};

/// How far a file is in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Every event is at least as late as the one before.
    Sorted,
    /// Sorted once a few thousand events are held back.
    NearlySorted,
    /// Not even then: the file is sorted first, on disk where it is large.
    Unsorted,
}

/// What the first pass found out about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes as they are on disk, in hex.
    pub sha256: String,
    /// Lines that are not blank, or rows.
    pub lines: u64,
    /// How far it is in order of time.
    pub order: Order,
    /// Its earliest and latest event time.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl Surveyed {
    /// Whether the file can be merged as it is read. A file without any time is no run of a merge either.
    pub(super) fn is_in_order(&self) -> bool {
        self.order != Order::Unsorted && self.span.is_some()
    }
}

/// Surveys every file, several at a time.
///
/// # Errors
/// When a file cannot be read to its end: the first such file in the order given.
pub fn survey(files: &[PathBuf], threads: NonZeroUsize) -> Result<Vec<Surveyed>, TraceError> {
    let next = AtomicUsize::new(0);
    let (done, results) = channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(files.len()) {
            let (next, done) = (&next, done.clone());
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = files.get(index) else { return };
                    let _ = done.send((index, survey_file(path)));
                }
            });
        }
    });
    drop(done);
    let mut found: Vec<_> = results.into_iter().collect();
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, result)| result).collect()
}

/// The one field that tells the order. A line without a readable time has no place in it and is skipped.
#[derive(Deserialize)]
struct Timed<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
}

fn survey_file(path: &Path) -> Result<Surveyed, TraceError> {
    let (bytes, sha256) = digest(path)?;
    let (mut lines, mut clock) = (0, Clock::default());
    let mut push = |time: Option<Timestamp>| {
        lines += 1;
        if let Some(time) = time {
            clock.push(time);
        }
    };
    match Encoding::of(path).map_err(|source| TraceError::refused(path, source))? {
        Encoding::Lines => {
            let mut reader = LineReader::open(path)?;
            while let Some(line) = reader.next_line()? {
                let timed = serde_json::from_slice::<Timed<'_>>(line.raw).ok();
                push(timed.and_then(|timed| timed.time.parse().ok()));
            }
        }
        Encoding::Csv => {
            let mut reader = open_csv(path)?;
            while let Some(entry) = reader.next_entry()? {
                push(entry.ok().map(|decoded| decoded.event.time));
            }
        }
        table => {
            let mut reader = TableReader::open(path, table, &[Field::Time])?;
            while let Some(rows) = reader.next()? {
                rows.range.clone().for_each(|row| push(rows.frame.time(row)));
            }
        }
    }
    Ok(Surveyed { path: path.to_path_buf(), bytes, sha256, lines, order: clock.order(), span: clock.span })
}

/// Size and SHA-256 of a file as it is on disk.
pub(crate) fn digest(path: &Path) -> Result<(u64, String), TraceError> {
    let mut hasher = Sha256::new();
    let copied = File::open(path).and_then(|mut file| io::copy(&mut file, &mut hasher));
    let bytes = copied.map_err(|source| TraceError::refused(path, source))?;
    Ok((bytes, hex(&hasher.finalize())))
}

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Runs the reorder window on times alone, to see whether it is wide enough.
#[derive(Default)]
struct Clock {
    span: Option<(Timestamp, Timestamp)>,
    held: BinaryHeap<Reverse<Timestamp>>,
    released: Option<Timestamp>,
    disordered: bool,
    overflowed: bool,
}

impl Clock {
    fn push(&mut self, time: Timestamp) {
        let (earliest, latest) = self.span.unwrap_or((time, time));
        self.disordered |= time < latest;
        self.span = Some((earliest.min(time), latest.max(time)));
        self.overflowed |= self.released.is_some_and(|released| time < released);
        self.held.push(Reverse(time));
        if self.held.len() > reorder::WINDOW {
            self.released = self.held.pop().map(|Reverse(time)| time);
        }
    }

    fn order(&self) -> Order {
        match (self.disordered, self.overflowed) {
            (false, _) => Order::Sorted,
            (true, false) => Order::NearlySorted,
            (true, true) => Order::Unsorted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of(times: impl IntoIterator<Item = i64>) -> Order {
        let mut clock = Clock::default();
        times.into_iter().for_each(|t| clock.push(Timestamp::from_seconds(t)));
        clock.order()
    }

    #[test]
    fn disorder_is_told_from_disorder_beyond_the_window() {
        let window = i64::try_from(reorder::WINDOW).unwrap();
        assert_eq!(order_of([1, 1, 2, 5]), Order::Sorted);
        assert_eq!(order_of([2, 1, 5]), Order::NearlySorted);
        assert_eq!(order_of((1..=window).chain([0])), Order::NearlySorted);
        assert_eq!(order_of((1..=window + 1).chain([0])), Order::Unsorted);
    }

    #[test]
    fn a_line_that_is_no_event_does_not_disturb_the_survey() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{\"time\":\"2026-01-01T00:00:00Z\"}\nnot json\n").unwrap();
        let surveyed = survey(&[file.path().to_path_buf()], NonZeroUsize::MIN).unwrap();
        assert_eq!((surveyed[0].lines, surveyed[0].order, surveyed[0].bytes), (2, Order::Sorted, 41));
        // Reference: hashlib.sha256 of CPython.
        assert_eq!(surveyed[0].sha256, "47f39f77210c8ed0c77e7ce7f016e8fd34e1cfdc3d586793f2b2067dfc0a7efb");
    }
}
