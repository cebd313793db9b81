//! One recorded file in its own order, with what the engine was told beside each event.

use std::path::Path;

use datasets::reader::{Line, LineReader, decode_line};
use datasets::recorded::Recorded;
use models::event::Timestamp;
use serde::Deserialize;

use super::chunk::excerpt;
use super::encoding::Encoding;
use super::{Item, Position, Rejected, Surveyed, TraceError};

/// The file that can be replayed as it was recorded: the only one, and one of lines.
///
/// # Errors
/// When there are several, or it is a table.
pub fn recording(files: &[Surveyed]) -> Result<&Surveyed, TraceError> {
    let [file] = files else { return Err(TraceError::Recording) };
    match Encoding::of(&file.path).map_err(|source| TraceError::refused(&file.path, source))? {
        Encoding::Lines => Ok(file),
        _ => Err(TraceError::Recording),
    }
}

/// The stream of a recorded file: its order is that of its lines, whatever the times of the events.
pub struct AsRecorded {
    path: String,
    lines: LineReader,
    after: Option<Position>,
    /// Time of the last event, which a line that is no event takes.
    last: Timestamp,
}

impl std::fmt::Debug for AsRecorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsRecorded").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The rest of the line is that of the event.
#[derive(Deserialize)]
struct Beside {
    recorded: Recorded,
}

impl AsRecorded {
    /// Opens the one file that there may be, behind a line of it.
    ///
    /// # Errors
    /// When there are several, or it cannot be read as lines.
    pub fn open(files: &[Surveyed], after: Option<Position>) -> Result<Self, TraceError> {
        let path: &Path = &recording(files)?.path;
        let last = after.map_or(Position::UNDATED, |after| after.time);
        Ok(Self { path: path.display().to_string(), lines: LineReader::open(path)?, after, last })
    }

    fn step(&mut self) -> Result<Option<(Position, Item, Option<Recorded>)>, TraceError> {
        let line = loop {
            match self.lines.next_line()? {
                Some(line) if self.after.is_some_and(|after| line.number <= after.line) => {}
                Some(line) => break line,
                None => return Ok(None),
            }
        };
        let number = line.number;
        let (item, recorded) = match decode_line(&line) {
            Ok(decoded) => {
                self.last = decoded.event.time;
                (Item::Event(Box::new(decoded.event)), Some(told(&line, &self.path)?))
            }
            Err(rejection) => {
                let excerpt = excerpt(line.raw);
                (Item::Rejected(Box::new(Rejected { file: 0, line: number, rejection, excerpt })), None)
            }
        };
        Ok(Some((Position { time: self.last, file: 0, line: number }, item, recorded)))
    }
}

impl Iterator for AsRecorded {
    type Item = Result<(Position, Item, Option<Recorded>), TraceError>;

    /// The next event with what was told beside it, or line that is no event. After an error the stream cannot be relied on.
    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

fn told(line: &Line<'_>, path: &str) -> Result<Recorded, TraceError> {
    let beside = serde_json::from_slice::<Beside>(line.raw).map_err(|error| TraceError::NotRecorded {
        path: path.to_owned(),
        line: line.number,
        cause: error.to_string().escape_debug().to_string(),
    })?;
    Ok(beside.recorded)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::trace::survey;

    fn line(id: &str, second: i64) -> String {
        let time = Timestamp::from_seconds(second);
        let beside = r#"{"source":"inbox","partition":0,"position":1,"clock":7,"trust":"revoke"}"#;
        format!(r#"{{"id":"{id}","time":"{time}","identity":"a","tool":"t","recorded":{beside}}}"#)
    }

    fn surveyed(lines: &[String]) -> (tempfile::NamedTempFile, Vec<Surveyed>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let surveyed = survey(&[file.path().to_path_buf()], NonZeroUsize::MIN).unwrap();
        (file, surveyed)
    }

    #[test]
    fn lines_keep_their_order_and_the_stream_goes_on_behind_any_of_them() {
        let (_file, files) = surveyed(&[line("late", 9), "nonsense".to_owned(), line("early", 1), line("last", 5)]);
        let ids = |after| -> Vec<(Position, String)> {
            let shown = |item| match item {
                Item::Event(event) => event.id.to_string(),
                Item::Rejected(rejected) => format!("line {}", rejected.line),
            };
            let stream = AsRecorded::open(&files, after).unwrap().map(Result::unwrap);
            stream.map(|(position, item, _)| (position, shown(item))).collect()
        };
        let all = ids(None);
        assert_eq!(all.iter().map(|(_, id)| id).collect::<Vec<_>>(), ["late", "line 2", "early", "last"]);
        for (read, (position, _)) in all.iter().enumerate() {
            assert_eq!(ids(Some(*position)), all[read + 1..]);
        }
    }

    #[test]
    fn an_event_without_what_was_told_beside_it_is_named() {
        let bare = r#"{"id":"b","time":"2026-01-01T00:00:00Z","identity":"a","tool":"t"}"#.to_owned();
        let (_file, files) = surveyed(&[line("a", 1), bare]);
        let error = AsRecorded::open(&files, None).unwrap().find_map(Result::err).unwrap().to_string();
        assert!(error.starts_with("line 2 of ") && error.contains("driftwatch record"), "{error}");
    }

    #[test]
    fn several_files_have_no_order_to_keep() {
        let (_file, files) = surveyed(&[line("a", 1)]);
        let twice = [files.clone(), files].concat();
        assert!(matches!(AsRecorded::open(&twice, None), Err(TraceError::Recording)));
    }
}
