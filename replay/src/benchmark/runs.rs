//! Labels given as runs of equal ones: `{"first":id,"last":id,"attack":0|1,["name"]}`, ids counting from 1.

use std::path::Path;

use serde::Deserialize;

use super::BenchmarkError;
use super::feed::{labels, malformed};

#[derive(Debug, Deserialize)]
struct Run {
    first: u64,
    last: u64,
    attack: u8,
    #[serde(default)]
    name: String,
}

/// Labels of a stream, asked in its order.
#[derive(Debug)]
pub(super) struct Runs {
    runs: std::iter::Peekable<std::vec::IntoIter<Run>>,
}

impl Runs {
    pub(super) fn read(path: &Path) -> Result<Self, BenchmarkError> {
        let runs: Vec<Run> = labels(path)?;
        let mut next = None;
        for (line, run) in (1..).zip(&runs) {
            // A later part of a stream may start at any id.
            if run.last < run.first || next.is_some_and(|next| next != run.first) {
                return Err(malformed(path, line, "the runs leave events out or overlap"));
            }
            next = Some(run.last + 1);
        }
        Ok(Self { runs: runs.into_iter().peekable() })
    }

    /// Whether event `id` is an attack, and the name of its run; `None` if no label covers it. Ids must not fall.
    pub(super) fn of(&mut self, id: u64) -> Option<(bool, &str)> {
        while self.runs.next_if(|run| run.last < id).is_some() {}
        self.runs.peek().filter(|run| run.first <= id).map(|run| (run.attack == 1, run.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_the_label_of_its_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.ndjson");
        std::fs::write(
            &path,
            "{\"first\":5,\"last\":6,\"attack\":0}\n{\"first\":7,\"last\":7,\"attack\":1,\"name\":\"x\"}\n",
        )
        .unwrap();
        let mut runs = Runs::read(&path).unwrap();
        let found: Vec<_> = (4..=8).map(|id| runs.of(id).map(|(attack, _)| attack)).collect();
        assert_eq!(found, [None, Some(false), Some(false), Some(true), None]);
        std::fs::write(&path, "{\"first\":1,\"last\":2,\"attack\":0}\n{\"first\":4,\"last\":4,\"attack\":1}\n")
            .unwrap();
        assert!(Runs::read(&path).is_err());
    }
}
