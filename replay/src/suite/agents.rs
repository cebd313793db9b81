//! One set of recorded agent traces: baseline learned, test part scored against it, frozen.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use models::alert::Alert;
use models::assessment::{Assessment, Outcome};
use models::config::CheckedConfig;
use models::decision::Revocation;
use models::dimension::Dimension;
use models::event::Event;

use super::{Ablation, Measured, NewTasks, Point, Set, SuiteError, Worth, judging, order_only};
use crate::drive::{Half, Plan, Role, Watch, Window, drive};
use crate::label::Labels;
use crate::quality::{Collector, Method, Quality};
use crate::trace::{Rejected, Surveyed, survey};

/// A set whose files have been looked through.
#[derive(Debug)]
struct Opened {
    set: Set,
    folder: PathBuf,
    learn: Vec<Surveyed>,
    events: Vec<Surveyed>,
    labels: Labels,
}

/// How a set is run.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    without_task: bool,
    new_tasks: Option<Half>,
}

impl Opened {
    fn open(root: &Path, set: Set) -> Result<Self, SuiteError> {
        let folder = root.join(set.name);
        let file = |name: &str| {
            let path = folder.join(format!("{name}.ndjson.gz"));
            if path.is_file() { Ok(path) } else { Err(SuiteError::Missing(path.display().to_string())) }
        };
        let learn = survey(&[file("baseline")?], NonZeroUsize::MIN)?;
        let events = survey(&[file("test")?], NonZeroUsize::MIN)?;
        let labels = Labels::read(&[file("labels")?])?;
        Ok(Self { set, folder, learn, events, labels })
    }

    fn run(&self, run: Run, config: &CheckedConfig) -> Result<Meter<'_>, SuiteError> {
        let plan = Plan {
            config,
            policies: &[],
            learn: &self.learn,
            events: &self.events,
            as_recorded: false,
            freeze: true,
            without_task: run.without_task,
            new_tasks: run.new_tasks,
            shift: shift(&self.learn, &self.events),
            threads: NonZeroUsize::MIN,
        };
        let mut meter = Meter {
            collector: Collector::new(self.labels.clone(), self.set.real_times),
            folder: &self.folder,
            learned: 0,
            events: 0,
            unscored: 0,
            days: BTreeSet::new(),
            alerts: BTreeSet::new(),
            spoken: BTreeSet::new(),
        };
        drive(&plan, Window::default(), &mut meter)?;
        Ok(meter)
    }

    fn config(&self) -> CheckedConfig {
        if self.set.real_times { CheckedConfig::default() } else { order_only() }
    }
}

/// Scores a set against its whole baseline.
pub(super) fn measure_set(root: &Path, set: Set, without_task: bool) -> Result<Measured, SuiteError> {
    let opened = Opened::open(root, set)?;
    let meter = opened.run(Run { without_task, new_tasks: None }, &opened.config())?;
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

/// Scores each half of the tasks against a baseline of the other half; the figures are over both together.
pub(super) fn measure_new_tasks(root: &Path, set: Set) -> Result<NewTasks, SuiteError> {
    let opened = Opened::open(root, set)?;
    let mut pooled: Option<Collector> = None;
    for half in Half::ALL {
        let meter = opened.run(Run { new_tasks: Some(half), ..Run::default() }, &opened.config())?;
        match &mut pooled {
            Some(pooled) => pooled.absorb(meter.collector),
            None => pooled = Some(meter.collector),
        }
    }
    let quality = pooled.map(|collector| collector.figures()).unwrap_or_default();
    Ok(NewTasks { set: set.name, quality })
}

/// Scores a set without each dimension, and with each alone. A dimension that no event of the set says anything about is
/// left out: without it everything stays as it is.
pub(super) fn measure_ablation(root: &Path, set: Set) -> Result<Ablation, SuiteError> {
    let opened = Opened::open(root, set)?;
    let run = |config: &CheckedConfig| -> Result<(Point, BTreeSet<Dimension>), SuiteError> {
        let mut meter = opened.run(Run::default(), config)?;
        meter.collector.keep_only(Method::Evidence);
        Ok((point(&meter.collector.figures()), meter.spoken))
    };
    let (all, spoken) = run(&opened.config())?;
    let mut dimensions = Vec::new();
    for dimension in &spoken {
        let without = judging(spoken.iter().copied().filter(|other| other != dimension));
        let alone = judging([*dimension]);
        let (Some(without), Some(alone)) = (without, alone) else { continue };
        let (without, alone) = (run(&without)?.0, run(&alone)?.0);
        dimensions.push(Worth { dimension: *dimension, without, alone });
    }
    Ok(Ablation { set: set.name, all, dimensions })
}

fn point(quality: &Quality) -> Point {
    let Some(figures) = quality.method(Method::Evidence) else { return Point::default() };
    let found = figures.detection.iter().find(|d| d.rate.total_cmp(&0.01).is_eq());
    Point { area: figures.session_auroc, found: found.map(|d| d.detected) }
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
    /// Dimensions that some scored event said something about.
    spoken: BTreeSet<Dimension>,
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
        let judged = Dimension::ALL.into_iter().zip(assessment.dimensions);
        self.spoken.extend(judged.filter(|(_, nats)| nats.is_some()).map(|(dimension, _)| dimension));
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
