//! Writes down what a replay says, as it says it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};

use datasets::reader::labels::Label;
use models::alert::{Alert, AlertId};
use models::assessment::Assessment;
use models::decision::Revocation;
use models::event::{Event, RejectionCode};
use serde::{Deserialize, Serialize};

use super::folder::{ALERTS, FolderError, LABELS, QUARANTINE, REVOCATIONS, refused};
use super::{Digest, Folder, RunError, write_line};
use crate::drive::{Role, Watch};
use crate::inject::Made;
use crate::provenance::{InputFile, Provenance};
use crate::quality::{Collector, Judgement, Quality};
use crate::summary::Learned;
use crate::table::{Format, Row, Table, TableState};
use crate::tally::Tally;
use crate::trace::Rejected;
use crate::verdict::Handed;

/// What is known at the end.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) digest: String,
    pub(crate) learned: Learned,
    pub(crate) quarantined: u64,
    /// Why lines are no events, learned ones included.
    pub(crate) rejected: BTreeMap<RejectionCode, u64>,
    pub(crate) tally: Tally,
    /// The final state of each alert, by opening.
    pub(crate) alerts: Vec<Alert>,
    pub(crate) revocations: u64,
    pub(crate) quality: Option<Quality>,
    pub(crate) judgement: Option<Judgement>,
    pub(crate) verdicts: Option<Handed>,
    /// Labels that injections made.
    pub(crate) injected: Vec<Label>,
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

/// How far everything is written, and what was counted: see [`Recorder::resume`].
#[derive(Serialize, Deserialize)]
pub(super) struct RecorderState<'a> {
    table: TableState,
    /// Lengths of files in bytes.
    quarantine: u64,
    revoked: u64,
    digest: Cow<'a, Digest>,
    learned: Learned,
    quarantined: u64,
    rejected: Cow<'a, BTreeMap<RejectionCode, u64>>,
    tally: Cow<'a, Tally>,
    alerts: Cow<'a, [Alert]>,
    revocations: u64,
    collector: Option<Cow<'a, Collector>>,
}

pub(super) struct Recorder {
    table: Table,
    table_name: &'static str,
    quarantine: BufWriter<File>,
    revoked: BufWriter<File>,
    learn_files: Vec<String>,
    event_files: Vec<String>,
    collector: Option<Collector>,
    alert_numbers: HashMap<AlertId, usize>,
    digest: Digest,
    recording: Recording,
}

impl Recorder {
    pub(super) fn new(
        folder: &mut Folder,
        scores: Format,
        collector: Option<Collector>,
        inputs: &[InputFile],
    ) -> Result<Self, FolderError> {
        let table_name = scores.file_name().unwrap_or("scores");
        let table = if scores == Format::None {
            Table::none()
        } else {
            let path = folder.partial(table_name);
            Table::create(scores, &path).map_err(|source| refused(&path, source))?
        };
        Ok(Self {
            table,
            table_name,
            quarantine: folder.create(QUARANTINE)?,
            revoked: folder.create(REVOCATIONS)?,
            learn_files: named(inputs, "learn"),
            event_files: named(inputs, "events"),
            collector,
            alert_numbers: HashMap::new(),
            digest: Digest::default(),
            recording: Recording::default(),
        })
    }

    /// Goes on where `state` was taken, when these labels had been made; what was written after it is cut off.
    pub(super) fn resume(
        folder: &mut Folder,
        scores: Format,
        collector: Option<Collector>,
        inputs: &[InputFile],
        made: Vec<Made>,
        state: RecorderState<'_>,
    ) -> Result<Self, FolderError> {
        let table_name = scores.file_name().unwrap_or("scores");
        let path = if scores == Format::None { folder.path().to_path_buf() } else { folder.unfinished(table_name)? };
        let table = Table::resume(scores, &path, &state.table).map_err(|source| refused(&path, source))?;
        let alerts = state.alerts.into_owned();
        let injected: Vec<Label> = made.into_iter().map(|made| made.label).collect();
        let gathered = state.collector.map(Cow::into_owned);
        let collector = collector.zip(gathered).map(|(collector, gathered)| collector.resume(gathered, &injected));
        Ok(Self {
            table,
            table_name,
            quarantine: folder.reopen(QUARANTINE, state.quarantine)?,
            revoked: folder.reopen(REVOCATIONS, state.revoked)?,
            learn_files: named(inputs, "learn"),
            event_files: named(inputs, "events"),
            collector,
            alert_numbers: alerts.iter().enumerate().map(|(number, alert)| (alert.id.clone(), number)).collect(),
            digest: state.digest.into_owned(),
            recording: Recording {
                learned: state.learned,
                quarantined: state.quarantined,
                rejected: state.rejected.into_owned(),
                tally: state.tally.into_owned(),
                alerts,
                revocations: state.revocations,
                injected,
                ..Recording::default()
            },
        })
    }

    /// Makes durable what was written, and tells how to go on from here. The labels that were made are not in it.
    pub(super) fn state(&mut self) -> Result<RecorderState<'_>, FolderError> {
        let table = self.table.state().map_err(|source| cannot_write(self.table_name, source))?;
        let quarantine = length(&mut self.quarantine).map_err(|source| cannot_write(QUARANTINE, source))?;
        let revoked = length(&mut self.revoked).map_err(|source| cannot_write(REVOCATIONS, source))?;
        let recording = &self.recording;
        Ok(RecorderState {
            table,
            quarantine,
            revoked,
            digest: Cow::Borrowed(&self.digest),
            learned: recording.learned,
            quarantined: recording.quarantined,
            rejected: Cow::Borrowed(&recording.rejected),
            tally: Cow::Borrowed(&recording.tally),
            alerts: Cow::Borrowed(&recording.alerts),
            revocations: recording.revocations,
            collector: self.collector.as_ref().map(Cow::Borrowed),
        })
    }

    /// Writes what is left and ends every file; the table last, because it carries the digest.
    pub(super) fn finish(mut self, folder: &mut Folder, provenance: &Provenance) -> Result<Recording, RunError> {
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
        if !self.recording.injected.is_empty() {
            let mut labels = folder.create(LABELS)?;
            let mut write = || -> io::Result<()> {
                self.recording.injected.iter().try_for_each(|label| write_line(&mut labels, label))?;
                labels.flush()
            };
            write().map_err(|source| cannot_write(LABELS, source))?;
        }
        self.recording.digest = self.digest.finish();
        let properties = provenance.properties(&self.recording.digest);
        self.table.finish(&properties).map_err(|source| cannot_write(self.table_name, source))?;
        self.recording.quality = self.collector.as_ref().map(Collector::figures);
        self.recording.judgement = self.collector.as_ref().map(Collector::judgement);
        Ok(self.recording)
    }
}

fn named(inputs: &[InputFile], role: &str) -> Vec<String> {
    inputs.iter().filter(|file| file.role == role).map(|file| file.path.clone()).collect()
}

/// Makes a file durable and gives its length.
fn length(file: &mut BufWriter<File>) -> io::Result<u64> {
    file.flush()?;
    file.get_ref().sync_data()?;
    file.stream_position()
}

fn cannot_write(name: &str, source: io::Error) -> FolderError {
    FolderError::Io { path: name.to_owned(), source }
}

impl Watch for Recorder {
    type Error = RunError;

    fn learned(&mut self, event: &Event, _: &Assessment) -> Result<(), RunError> {
        self.recording.learned.events += 1;
        if let Some(collector) = &mut self.collector {
            collector.learn(event);
        }
        Ok(())
    }

    fn published(&mut self) -> Result<(), RunError> {
        if let Some(collector) = &mut self.collector {
            collector.freeze();
        }
        Ok(())
    }

    fn assessed(&mut self, event: &Event, assessment: &Assessment) -> Result<(), RunError> {
        self.digest.event(event, assessment);
        self.recording.tally.event(event, assessment);
        if let Some(collector) = &mut self.collector {
            collector.push(event, assessment);
        }
        let pushed = self.table.push(&Row::of(event, assessment));
        Ok(pushed.map_err(|source| cannot_write(self.table_name, source))?)
    }

    fn alerted(&mut self, alert: Alert) -> Result<(), RunError> {
        if let Some(collector) = &mut self.collector {
            collector.alerted(&alert);
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

    fn labelled(&mut self, made: &Made) -> Result<(), RunError> {
        if let Some(collector) = &mut self.collector {
            collector.label(&made.tenant, made.label.clone());
        }
        self.recording.injected.push(made.label.clone());
        Ok(())
    }

    fn rejected(&mut self, role: Role, rejected: &Rejected) -> Result<(), RunError> {
        let (files, count) = match role {
            Role::Learn => (&self.learn_files, &mut self.recording.learned.quarantined),
            Role::Events => (&self.event_files, &mut self.recording.quarantined),
        };
        *count += 1;
        *self.recording.rejected.entry(rejected.rejection.code).or_default() += 1;
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
