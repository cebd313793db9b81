//! The engine measured on whole collections of labelled traces, always with the default settings.
//!
//! Every set is scored twice: as it is, and with the field `task` taken out of every event. Where each task of a set is
//! a fixed script, knowing the task says more than it would in life.

mod page;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use indicatif::ProgressBar;
use models::alert::Alert;
use models::assessment::{Assessment, Outcome};
use models::config::CheckedConfig;
use models::decision::Revocation;
use models::event::Event;
use serde::Serialize;

pub use page::page;

use crate::drive::{DriveError, Plan, Role, Watch, drive};
use crate::label::{Labels, LabelsError};
use crate::quality::{Collector, Quality};
use crate::trace::{Rejected, Surveyed, TraceError, survey};

/// What the labels of a set are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Attacks with labels by rule.
    Attacks,
    /// Judged by a rule and a language model that often disagree: not for headlines.
    Judged,
    /// No attacks: shows what novelty costs.
    Benign,
}

/// A set of the collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Its folder.
    pub name: &'static str,
    /// What its labels are good for.
    pub kind: Kind,
    /// Whether the time between events was recorded, not made up; else no detector may use it.
    pub real_times: bool,
}

const fn set(name: &'static str, kind: Kind, real_times: bool) -> Set {
    Set { name, kind, real_times }
}

/// Every set, in the order of the tables.
pub const SETS: [Set; 8] = [
    set("agentdojo-steady", Kind::Attacks, false),
    set("agentdojo-app", Kind::Attacks, false),
    set("agentdojo-agent", Kind::Attacks, false),
    set("agentdyn-steady", Kind::Attacks, false),
    set("agentdyn-app", Kind::Attacks, false),
    set("agentdyn-agent", Kind::Attacks, false),
    set("openagentsafety", Kind::Judged, true),
    set("tau-bench-airline", Kind::Benign, false),
];

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that holds `agent-traces`.
    pub data: PathBuf,
    /// Names of sets; empty: all.
    pub sets: Vec<String>,
    /// How many sets are measured at a time.
    pub threads: NonZeroUsize,
    /// Whether to show progress on the terminal.
    pub progress: bool,
}

/// Figures of one set, scored one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The set.
    pub set: &'static str,
    /// What its labels are good for.
    pub kind: Kind,
    /// Whether `task` was taken out of every event.
    pub without_task: bool,
    /// Events learned.
    pub learned: u64,
    /// Events of the test part.
    pub events: u64,
    /// Those of them that ended as duplicate or late and have no score.
    pub unscored: u64,
    /// Identities and days: the sum over UTC days of the identities that acted.
    pub identity_days: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// The figures.
    pub quality: Quality,
}

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// An unknown name.
    #[error("there is no set `{0}`; choose among {known}", known = SETS.map(|set| set.name).join(", "))]
    UnknownSet(String),
    /// A missing folder.
    #[error("`{0}` is not there; name the folder that holds `agent-traces` with --data")]
    Missing(String),
    /// Reading or scoring.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The labels.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// A line that is no event: figures over part of a set would not be comparable.
    #[error("line {line} of `{file}` is no event: {detail}; fetch the data set again")]
    Malformed {
        /// The file.
        file: String,
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        detail: String,
    },
}

impl From<TraceError> for SuiteError {
    fn from(error: TraceError) -> Self {
        Self::Drive(error.into())
    }
}

/// Measures every set asked for, with and without `task`. The result does not depend on the number of threads.
///
/// # Errors
/// When a set is unknown or missing, or one of its files cannot be used.
pub fn measure(options: &Options) -> Result<Vec<Measured>, SuiteError> {
    let root = options.data.join("agent-traces");
    let sets = chosen(&options.sets)?;
    let jobs: Vec<(Set, bool)> = [false, true].iter().flat_map(|w| sets.iter().map(move |set| (*set, *w))).collect();
    let bar = if options.progress { ProgressBar::new(jobs.len() as u64) } else { ProgressBar::hidden() };
    let (next, (done, results)) = (AtomicUsize::new(0), channel());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.get().min(jobs.len()) {
            let (next, jobs, root, bar, done) = (&next, &jobs, &root, &bar, done.clone());
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((set, without_task)) = jobs.get(index) else { return };
                    let _ = done.send((index, measure_set(root, *set, *without_task)));
                    bar.inc(1);
                }
            });
        }
    });
    drop(done);
    bar.finish_and_clear();
    let mut measured: Vec<_> = results.into_iter().collect();
    measured.sort_by_key(|(index, _)| *index);
    measured.into_iter().map(|(_, result)| result).collect()
}

fn chosen(names: &[String]) -> Result<Vec<Set>, SuiteError> {
    if names.is_empty() {
        return Ok(SETS.to_vec());
    }
    let find = |name: &String| SETS.into_iter().find(|set| set.name == name);
    names.iter().map(|name| find(name).ok_or_else(|| SuiteError::UnknownSet(name.clone()))).collect()
}

fn measure_set(root: &Path, set: Set, without_task: bool) -> Result<Measured, SuiteError> {
    let folder = root.join(set.name);
    let file = |name: &str| {
        let path = folder.join(format!("{name}.ndjson.gz"));
        if path.is_file() { Ok(path) } else { Err(SuiteError::Missing(path.display().to_string())) }
    };
    let learn = survey(&[file("baseline")?], NonZeroUsize::MIN)?;
    let events = survey(&[file("test")?], NonZeroUsize::MIN)?;
    let labels = Labels::read(&[file("labels")?])?;
    let config = CheckedConfig::default();
    let plan = Plan {
        config: &config,
        learn: &learn,
        events: &events,
        freeze: true,
        without_task,
        shift: shift(&learn, &events),
        threads: NonZeroUsize::MIN,
    };
    let mut meter = Meter {
        collector: Collector::new(labels, set.real_times),
        folder: &folder,
        learned: 0,
        events: 0,
        unscored: 0,
        days: BTreeSet::new(),
        alerts: BTreeSet::new(),
    };
    drive(&plan, &mut meter)?;
    Ok(Measured {
        set: set.name,
        kind: set.kind,
        without_task,
        learned: meter.learned,
        events: meter.events,
        unscored: meter.unscored,
        identity_days: meter.days.len() as u64,
        alerts: meter.alerts.len() as u64,
        quality: meter.collector.figures(),
    })
}

/// Whole days that bring the test part behind the baseline, where they were recorded side by side: an engine that has
/// learned an identity's later events takes earlier ones for late. Order, gaps and hours stay.
fn shift(learn: &[Surveyed], events: &[Surveyed]) -> Duration {
    let last = learn.iter().filter_map(|file| file.span).map(|(_, last)| last).max();
    let first = events.iter().filter_map(|file| file.span).map(|(first, _)| first).min();
    let overlap = last.zip(first).map_or(0, |(last, first)| last.as_seconds() - first.as_seconds());
    Duration::from_secs(u64::try_from(overlap).map_or(0, |seconds| (seconds / 86_400 + 1) * 86_400))
}

/// Keeps what the figures need and writes nothing.
struct Meter<'a> {
    collector: Collector,
    folder: &'a Path,
    learned: u64,
    events: u64,
    unscored: u64,
    days: BTreeSet<(Box<str>, i64)>,
    alerts: BTreeSet<Box<str>>,
}

impl Watch for Meter<'_> {
    type Error = SuiteError;

    fn learned(&mut self, event: &Event, _: &Assessment) -> Result<(), SuiteError> {
        self.learned += 1;
        self.collector.learn(event);
        Ok(())
    }

    fn published(&mut self) -> Result<(), SuiteError> {
        self.collector.freeze();
        Ok(())
    }

    fn assessed(&mut self, event: &Event, assessment: &Assessment) -> Result<(), SuiteError> {
        self.events += 1;
        self.unscored += u64::from(assessment.outcome != Outcome::Scored);
        self.days.insert((event.identity.clone(), event.time.as_seconds().div_euclid(86_400)));
        self.collector.push(event, assessment);
        Ok(())
    }

    fn alerted(&mut self, alert: Alert) -> Result<(), SuiteError> {
        self.alerts.insert(alert.id.0);
        Ok(())
    }

    fn revoked(&mut self, _: Revocation) -> Result<(), SuiteError> {
        Ok(())
    }

    fn rejected(&mut self, role: Role, rejected: &Rejected) -> Result<(), SuiteError> {
        let name = match role {
            Role::Learn => "baseline.ndjson.gz",
            Role::Events => "test.ndjson.gz",
        };
        Err(SuiteError::Malformed {
            file: self.folder.join(name).display().to_string(),
            line: rejected.line,
            detail: rejected.rejection.detail.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use models::event::Timestamp;

    use super::*;
    use crate::trace::Order;

    #[test]
    fn a_test_part_beside_its_baseline_is_moved_behind_it_by_whole_days() {
        let file = |first, last| Surveyed {
            path: PathBuf::new(),
            bytes: 0,
            sha256: String::new(),
            lines: 2,
            order: Order::Sorted,
            span: Some((Timestamp::from_seconds(first), Timestamp::from_seconds(last))),
        };
        let day = 86_400;
        assert_eq!(shift(&[file(0, 10)], &[file(11, 20)]), Duration::ZERO);
        assert_eq!(shift(&[file(0, 10)], &[file(10, 20)]), Duration::from_secs(day));
        assert_eq!(shift(&[file(0, 90_000)], &[file(5, 20)]), Duration::from_secs(2 * day));
    }
}
