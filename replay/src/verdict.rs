//! Verdicts of analysts, handed to the engine when they become known and not before.
//!
//! Either a file says them, or labels do: then every alert is settled by the labels of its sessions, so long after it was
//! opened. An event sees a verdict only if the verdict's time, with the delay, is not after its own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datasets::reader::{LineReader, ReadError};
use models::alert::{Alert, AlertId, AlertKind};
use models::assessment::Assessment;
use models::decision::Verdict;
use models::engine::{Input, Output};
use models::event::{Event, Timestamp};
use serde::{Deserialize, Serialize};

use crate::label::{Class, Labels};

/// Why verdicts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VerdictsError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A line is no verdict.
    #[error(
        "`{path}`, line {line} is no verdict ({cause}); write `{{\"time\":…,\"verdict\":\"true\"|\"benign_expected\"|\"false\",\
         \"alert\":…}}`, or `identity` and `session` instead of `alert`"
    )]
    Invalid {
        /// The file.
        path: String,
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        cause: String,
    },
}

/// A line of a verdicts file.
#[derive(Debug, Deserialize)]
struct Record {
    time: Timestamp,
    verdict: Verdict,
    alert: Option<Box<str>>,
    identity: Option<Box<str>>,
    session: Option<Box<str>>,
}

/// What a verdict is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum About {
    Alert(AlertId),
    Session { identity: Box<str>, session: Box<str> },
}

/// An alert that has been opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Opened {
    tenant: Box<str>,
    identity: Box<str>,
    /// What the labels of its sessions say so far.
    by_labels: Option<Verdict>,
}

/// A verdict that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    alert: AlertId,
    tenant: Box<str>,
    identity: Box<str>,
    verdict: Verdict,
}

impl Settlement {
    /// What to tell the engine.
    pub fn input(&self) -> Input<'_> {
        Input::Verdict { alert: &self.alert, tenant: &self.tenant, identity: &self.identity, verdict: self.verdict }
    }
}

/// What became of the verdicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// Verdicts in files, or alerts that labels were to settle.
    pub known: u64,
    /// Verdicts that the engine was told.
    pub told: u64,
    /// Verdicts whose time came before there was such an alert, or whose sessions have no label.
    pub without_alert: u64,
    /// Seconds from a verdict's time, or the opening of an alert, to its being told.
    pub delay_seconds: u64,
}

/// Verdicts to come, and the alerts that they may be about. Memory grows with both, and with sessions that alarmed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Verdicts {
    to_come: BTreeMap<(Timestamp, u64), (About, Option<Verdict>)>,
    number: u64,
    delay: Duration,
    /// Not stored: whoever goes on has them from the files, see [`Verdicts::resume`].
    #[serde(skip)]
    labels: Option<Arc<Labels>>,
    /// Alerts that a verdict by labels was scheduled for.
    opened: HashSet<AlertId>,
    alerts: HashMap<AlertId, Opened>,
    sessions: HashMap<(Box<str>, Box<str>), AlertId>,
    handed: Handed,
}

impl Verdicts {
    /// Verdicts of files, each told `delay` after its time.
    ///
    /// # Errors
    /// When a file cannot be read or holds a line that is no verdict.
    pub fn read(files: &[PathBuf], delay: Duration) -> Result<Self, VerdictsError> {
        let mut verdicts = Self::with_delay(delay);
        for path in files {
            verdicts.read_file(path)?;
        }
        verdicts.handed.known = verdicts.to_come.len() as u64;
        Ok(verdicts)
    }

    /// Verdicts that follow from labels, each told `delay` after its alert was opened.
    pub fn of_labels(labels: Arc<Labels>, delay: Duration) -> Self {
        Self { labels: Some(labels), ..Self::with_delay(delay) }
    }

    /// Goes on where another process stood with the same files.
    #[must_use]
    pub fn resume(self, stood: Self) -> Self {
        Self { labels: self.labels, ..stood }
    }

    fn with_delay(delay: Duration) -> Self {
        let handed = Handed { delay_seconds: delay.as_secs(), ..Handed::default() };
        Self { delay, handed, ..Self::default() }
    }

    fn read_file(&mut self, path: &Path) -> Result<(), VerdictsError> {
        let mut lines = LineReader::open(path)?;
        while let Some(line) = lines.next_line()? {
            let invalid =
                |cause: String| VerdictsError::Invalid { path: path.display().to_string(), line: line.number, cause };
            let record: Record = serde_json::from_slice(line.raw).map_err(|e| invalid(e.to_string()))?;
            let about = match (record.alert, record.identity, record.session) {
                (Some(alert), ..) => About::Alert(AlertId(alert)),
                (None, Some(identity), Some(session)) => About::Session { identity, session },
                _ => return Err(invalid("it names neither an alert nor identity and session".to_owned())),
            };
            self.schedule(record.time, about, Some(record.verdict));
        }
        Ok(())
    }

    fn schedule(&mut self, time: Timestamp, about: About, verdict: Option<Verdict>) {
        self.number += 1;
        self.to_come.insert((time.saturating_add(self.delay), self.number), (about, verdict));
    }

    /// Takes in what the engine said of an event.
    pub fn said(&mut self, event: &Event, output: &Output) {
        match output {
            Output::Assessed(assessment) => self.assessed(event, assessment),
            Output::Alert(alert) => self.alerted(alert),
            Output::Revocation(_) => {}
        }
    }

    fn assessed(&mut self, event: &Event, assessment: &Assessment) {
        let Some(alert) = &assessment.alert else { return };
        let session = event.session.as_deref().unwrap_or(&assessment.session);
        self.sessions.insert((event.identity.clone(), session.into()), alert.clone());
        let label = self.labels.as_ref().and_then(|labels| labels.find(&event.identity, session));
        let verdict = label.and_then(|label| match Class::of(label) {
            Class::Positive => Some(Verdict::True),
            Class::Negative | Class::CleanFailed => Some(Verdict::False),
            Class::LeftOut => None,
        });
        let opened = self.alerts.entry(alert.clone()).or_insert_with(|| Opened {
            tenant: event.tenant.clone(),
            identity: event.identity.clone(),
            by_labels: None,
        });
        // One attacked session makes the alert a true one, whatever else it holds.
        if opened.by_labels != Some(Verdict::True) {
            opened.by_labels = verdict.or(opened.by_labels);
        }
    }

    /// Schedules the verdict of an alert that has just been opened.
    fn alerted(&mut self, alert: &Alert) {
        let opens = alert.updated == alert.opened && self.opened.insert(alert.id.clone());
        if opens && !alert.closed && alert.kind == AlertKind::ScopeDrift && self.labels.is_some() {
            self.handed.known += 1;
            self.schedule(alert.opened, About::Alert(alert.id.clone()), None);
        }
    }

    /// The next verdict that is known at `now`.
    pub fn due(&mut self, now: Timestamp) -> Option<Settlement> {
        while self.to_come.first_key_value().is_some_and(|((time, _), _)| *time <= now) {
            let (_, (about, verdict)) = self.to_come.pop_first()?;
            if let Some(settlement) = self.settle(about, verdict) {
                self.handed.told += 1;
                return Some(settlement);
            }
            self.handed.without_alert += 1;
        }
        None
    }

    fn settle(&self, about: About, verdict: Option<Verdict>) -> Option<Settlement> {
        let alert = match about {
            About::Alert(alert) => alert,
            About::Session { identity, session } => self.sessions.get(&(identity, session))?.clone(),
        };
        let opened = self.alerts.get(&alert)?;
        let verdict = verdict.or(opened.by_labels)?;
        Some(Settlement { alert, tenant: opened.tenant.clone(), identity: opened.identity.clone(), verdict })
    }

    /// What became of them.
    pub fn handed(&self) -> Handed {
        self.handed
    }
}

#[cfg(test)]
mod tests {
    use models::assessment::{Decision, Outcome};
    use models::dimension::Dimension;
    use models::event::decode;

    use super::*;

    const AT: i64 = 1_767_225_600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(AT + second)
    }

    fn verdicts(lines: &str, delay: u64) -> Result<Verdicts, VerdictsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines).unwrap();
        Verdicts::read(&[file.path().to_path_buf()], Duration::from_secs(delay))
    }

    /// An event of session `s` of identity `a` joins the alert `alt_1`.
    fn alarm(verdicts: &mut Verdicts) {
        let json = format!(r#"{{"id":"e","time":"{}","identity":"a","session":"s","tool":"t"}}"#, at(0));
        let event = decode(json.as_bytes()).unwrap().event;
        let assessment = Assessment {
            outcome: Outcome::Scored,
            session: "s".into(),
            score: 9.0,
            p: 0.001,
            dimensions: [None; Dimension::COUNT],
            evidence: 9.0,
            history_sessions: 0,
            maturity: 0.0,
            decision: Decision::Alert,
            alert: Some(AlertId("alt_1".into())),
            learned: false,
        };
        verdicts.assessed(&event, &assessment);
    }

    #[test]
    fn a_verdict_is_told_at_its_time_plus_the_delay_and_once() {
        let line = format!(r#"{{"time":"{}","verdict":"false","alert":"alt_1"}}"#, at(100));
        let mut verdicts = verdicts(&line, 50).unwrap();
        alarm(&mut verdicts);
        assert_eq!(verdicts.due(at(149)), None);
        let told = verdicts.due(at(150)).unwrap();
        assert_eq!((&*told.alert.0, &*told.identity, told.verdict), ("alt_1", "a", Verdict::False));
        assert_eq!(verdicts.due(at(9_999)), None);
        assert_eq!(verdicts.handed(), Handed { known: 1, told: 1, without_alert: 0, delay_seconds: 50 });
    }

    #[test]
    fn a_verdict_by_session_finds_the_alert_and_one_that_comes_too_early_is_counted() {
        let line =
            |time| format!("{{\"time\":\"{}\",\"verdict\":\"true\",\"identity\":\"a\",\"session\":\"s\"}}\n", at(time));
        let mut verdicts = verdicts(&[line(1), line(5)].concat(), 0).unwrap();
        assert_eq!(verdicts.due(at(2)), None);
        alarm(&mut verdicts);
        assert_eq!(verdicts.due(at(5)).unwrap().verdict, Verdict::True);
        assert_eq!((verdicts.handed().told, verdicts.handed().without_alert), (1, 1));
    }

    #[test]
    fn a_line_that_is_about_nothing_is_refused_with_its_number() {
        let good = format!("{{\"time\":\"{}\",\"verdict\":\"true\",\"alert\":\"x\"}}\n", at(0));
        for bad in [r#"{"time":"2026-01-01T00:00:00Z","verdict":"true","session":"s"}"#, r#"{"verdict":"maybe"}"#] {
            let refused = verdicts(&(good.clone() + bad), 0).unwrap_err().to_string();
            assert!(refused.contains("line 2") && refused.contains("is no verdict"), "{refused}");
        }
    }
}
