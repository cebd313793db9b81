//! Writes down what a replay says, as it says it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};

use indicatif::ProgressBar;
use models::alert::{Alert, AlertId};
use models::assessment::Assessment;
use models::decision::Revocation;
use models::event::{Event, RejectionCode, Timestamp};
use serde::Serialize;

use super::folder::{ALERTS, FolderError, QUARANTINE, REVOCATIONS, refused};
use super::{Digest, Folder, RunError, write_line};
use crate::drive::{Role, Watch};
use crate::quality::{Collector, Judgement, Quality};
use crate::summary::{InputFile, Learned};
use crate::table::{Format, Row, Table};
use crate::tally::Tally;
use crate::trace::Rejected;
use crate::verdict::{Handed, Settlement, Verdicts};

/// The bar is drawn a few times a second; it need not hear of every event.
const PROGRESS_STEP: u64 = 1024;

/// What is known at the end.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) digest: String,
    pub(crate) learned: Learned,
    pub(crate) quarantined: u64,
    pub(crate) tally: Tally,
    /// The final state of each alert, by opening.
    pub(crate) alerts: Vec<Alert>,
    pub(crate) revocations: u64,
    pub(crate) quality: Option<Quality>,
    pub(crate) judgement: Option<Judgement>,
    pub(crate) verdicts: Option<Handed>,
}

impl Recording {
    /// Events scored, in all outcomes.
    pub(crate) fn events(&self) -> u64 {
        self.tally.outcomes.values().sum()
    }
}

/// A line of `quarantine.ndjson`. The file named still holds the whole line.
#[derive(Serialize)]
struct Quarantined<'a> {
    role: Role,
    file: &'a str,
    line: u64,
    code: RejectionCode,
    field: Option<&'static str>,
    detail: &'a str,
    excerpt: &'a str,
}

pub(super) struct Recorder {
    table: Table,
    table_name: &'static str,
    quarantine: BufWriter<File>,
    revoked: BufWriter<File>,
    learn_files: Vec<String>,
    event_files: Vec<String>,
    collector: Option<Collector>,
    verdicts: Option<Verdicts>,
    alert_numbers: HashMap<AlertId, usize>,
    digest: Digest,
    recording: Recording,
    handled: u64,
    bar: ProgressBar,
}

impl Recorder {
    pub(super) fn new(
        folder: &mut Folder,
        scores: Format,
        collector: Option<Collector>,
        inputs: &[InputFile],
        bar: ProgressBar,
    ) -> Result<Self, FolderError> {
        let table_name = scores.file_name().unwrap_or("scores");
        let table = if scores == Format::None {
            Table::none()
        } else {
            let path = folder.partial(table_name);
            Table::create(scores, &path).map_err(|source| refused(&path, source))?
        };
        let named = |role| inputs.iter().filter(|file| file.role == role).map(|file| file.path.clone()).collect();
        Ok(Self {
            table,
            table_name,
            quarantine: folder.create(QUARANTINE)?,
            revoked: folder.create(REVOCATIONS)?,
            learn_files: named("learn"),
            event_files: named("events"),
            collector,
            verdicts: None,
            alert_numbers: HashMap::new(),
            digest: Digest::default(),
            recording: Recording::default(),
            handled: 0,
            bar,
        })
    }

    /// Tells the engine these verdicts, each when it is known.
    pub(super) fn with_verdicts(mut self, verdicts: Option<Verdicts>) -> Self {
        self.verdicts = verdicts;
        self
    }

    /// Writes what is left and ends every file.
    pub(super) fn finish(mut self, folder: &mut Folder) -> Result<Recording, RunError> {
        self.bar.finish_and_clear();
        self.table.finish().map_err(|source| cannot_write(self.table_name, source))?;
        let mut alerts = folder.create(ALERTS)?;
        for alert in &self.recording.alerts {
            self.digest.alert(alert)?;
            self.recording.tally.settled(alert);
            write_line(&mut alerts, alert).map_err(|source| cannot_write(ALERTS, source))?;
        }
        for (name, file) in
            [(ALERTS, &mut alerts), (QUARANTINE, &mut self.quarantine), (REVOCATIONS, &mut self.revoked)]
        {
            file.flush().map_err(|source| cannot_write(name, source))?;
        }
        self.recording.digest = self.digest.finish();
        self.recording.quality = self.collector.as_ref().map(Collector::figures);
        self.recording.verdicts = self.verdicts.as_ref().map(Verdicts::handed);
        self.recording.judgement = self.collector.as_ref().map(Collector::judgement);
        Ok(self.recording)
    }

    fn step(&mut self) {
        self.handled += 1;
        if self.handled.is_multiple_of(PROGRESS_STEP) {
            self.bar.set_position(self.handled);
        }
    }
}

fn cannot_write(name: &str, source: std::io::Error) -> FolderError {
    FolderError::Io { path: name.to_owned(), source }
}

impl Watch for Recorder {
    type Error = RunError;

    fn learned(&mut self, event: &Event, _: &Assessment) -> Result<(), RunError> {
        self.step();
        self.recording.learned.events += 1;
        if let Some(collector) = &mut self.collector {
            collector.learn(event);
        }
        Ok(())
    }

    fn published(&mut self) -> Result<(), RunError> {
        self.bar.set_message("scoring");
        if let Some(collector) = &mut self.collector {
            collector.freeze();
        }
        Ok(())
    }

    fn assessed(&mut self, event: &Event, assessment: &Assessment) -> Result<(), RunError> {
        self.step();
        self.digest.event(event, assessment);
        self.recording.tally.event(event, assessment);
        if let Some(collector) = &mut self.collector {
            collector.push(event, assessment);
        }
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.assessed(event, assessment);
        }
        let pushed = self.table.push(&Row::of(event, assessment));
        Ok(pushed.map_err(|source| cannot_write(self.table_name, source))?)
    }

    fn alerted(&mut self, alert: Alert) -> Result<(), RunError> {
        if let Some(collector) = &mut self.collector {
            collector.alerted(&alert);
        }
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.alerted(&alert, !self.alert_numbers.contains_key(&alert.id));
        }
        let known = self.alert_numbers.get(&alert.id).and_then(|number| self.recording.alerts.get_mut(*number));
        if let Some(known) = known {
            *known = alert;
        } else {
            self.recording.tally.opened(&alert);
            self.alert_numbers.insert(alert.id.clone(), self.recording.alerts.len());
            self.recording.alerts.push(alert);
        }
        Ok(())
    }

    fn revoked(&mut self, revocation: Revocation) -> Result<(), RunError> {
        self.recording.revocations += 1;
        self.recording.tally.revocation(&revocation);
        if let Some(collector) = &mut self.collector {
            collector.revoked(&revocation);
        }
        Ok(write_line(&mut self.revoked, &revocation).map_err(|source| cannot_write(REVOCATIONS, source))?)
    }

    fn verdict(&mut self, now: Timestamp) -> Option<Settlement> {
        self.verdicts.as_mut()?.due(now)
    }

    fn rejected(&mut self, role: Role, rejected: &Rejected) -> Result<(), RunError> {
        self.step();
        let (files, count) = match role {
            Role::Learn => (&self.learn_files, &mut self.recording.learned.quarantined),
            Role::Events => (&self.event_files, &mut self.recording.quarantined),
        };
        *count += 1;
        let line = Quarantined {
            role,
            file: files.get(rejected.file).map_or("", String::as_str),
            line: rejected.line,
            code: rejected.rejection.code,
            field: rejected.rejection.field,
            detail: &rejected.rejection.detail,
            excerpt: &rejected.excerpt,
        };
        Ok(write_line(&mut self.quarantine, &line).map_err(|source| cannot_write(QUARANTINE, source))?)
    }
}
