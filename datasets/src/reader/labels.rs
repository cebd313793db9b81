//! Ground truth: one line per session, as the labelled data sets and our own generator write it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Line, LineReader, ReadError};

/// What is known about one session. Everything but `session` and `label` may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The session.
    pub session: String,
    /// Which file its events are in: `baseline` or `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Who ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Kind of task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// What it is: see [`Verdict`].
    pub label: String,
    /// Name of the attack, where there is one.
    #[serde(default)]
    pub attack: Option<String>,
    /// Name of the generated scenario, attack or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Id of the first event that carries the attack out.
    #[serde(default)]
    pub first_malicious_event: Option<String>,
    /// Ids of the events that carry the attack out.
    #[serde(default)]
    pub malicious_events: Vec<String>,
    /// Whether any event can show the attack; assumed where absent.
    #[serde(default = "yes")]
    pub observable: bool,
    /// How many events the session has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
}

fn yes() -> bool {
    true
}

/// What a label means for a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// No attack, or one that the agent ignored: an alert is a false alarm.
    Benign,
    /// An attack that was carried out: it must be found.
    Attacked,
    /// An attack of which the agent did a part: neither a miss nor a false alarm.
    Attempted,
    /// To be left out: the labels do not say, or no event can show it.
    Excluded,
}

impl Label {
    /// What the label means for a detector.
    pub fn verdict(&self) -> Verdict {
        match self.label.as_str() {
            "benign" => Verdict::Benign,
            "attacked_failed" if self.malicious_events.is_empty() => Verdict::Benign,
            "attacked_failed" => Verdict::Attempted,
            "attacked_succeeded" if self.observable => Verdict::Attacked,
            _ => Verdict::Excluded,
        }
    }
}

/// Why a file of labels cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A line is no label.
    #[error("line {line} is no label ({cause}); each line is one JSON object with at least `session` and `label`")]
    Invalid {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// One session has two labels.
    #[error("line {line} labels session `{session}` a second time; keep one line per session")]
    Duplicate {
        /// Its number, from 1.
        line: u64,
        /// The session, escaped.
        session: String,
    },
}

/// Reads a whole file of labels, by session.
///
/// # Errors
/// [`LabelError`]: wrong ground truth is worse than none, so the first bad line ends it.
pub fn open(path: impl AsRef<Path>) -> Result<BTreeMap<String, Label>, LabelError> {
    collect(LineReader::open(path)?)
}

/// Reads labels from anything; `name` is what error messages call it.
///
/// # Errors
/// As [`open`].
pub fn read(input: impl Read + Send + 'static, name: &str) -> Result<BTreeMap<String, Label>, LabelError> {
    collect(LineReader::new(input, name)?)
}

fn collect(mut lines: LineReader) -> Result<BTreeMap<String, Label>, LabelError> {
    let mut labels = BTreeMap::new();
    while let Some(line) = lines.next_line()? {
        let label = parse(&line)?;
        if let Some(earlier) = labels.insert(label.session.clone(), label) {
            let session = earlier.session.escape_debug().to_string();
            return Err(LabelError::Duplicate { line: line.number, session });
        }
    }
    Ok(labels)
}

fn parse(line: &Line<'_>) -> Result<Label, LabelError> {
    serde_json::from_slice(line.raw).map_err(|cause| LabelError::Invalid { line: line.number, cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &'static str) -> Result<Label, LabelError> {
        read(text.as_bytes(), "labels").map(|mut all| all.pop_first().expect("a label").1)
    }

    #[test]
    fn only_session_and_label_are_required_and_unknown_fields_are_ignored() {
        let label = one(r#"{"session":"s","label":"judged_safe","reward":0.5,"attack":null}"#).unwrap();
        assert_eq!((label.session.as_str(), label.observable, label.verdict()), ("s", true, Verdict::Excluded));
        let missing = one(r#"{"session":"s"}"#).unwrap_err();
        assert!(missing.to_string().starts_with("line 1 is no label"), "{missing}");
    }

    #[test]
    fn a_failed_attack_is_benign_unless_the_agent_did_a_part_of_it() {
        let clean = one(r#"{"session":"s","label":"attacked_failed","malicious_events":[]}"#).unwrap();
        let attempted = one(r#"{"session":"s","label":"attacked_failed","malicious_events":["e"]}"#).unwrap();
        assert_eq!((clean.verdict(), attempted.verdict()), (Verdict::Benign, Verdict::Attempted));
    }

    #[test]
    fn an_attack_that_no_event_shows_is_left_out() {
        let hidden = one(r#"{"session":"s","label":"attacked_succeeded","observable":false}"#).unwrap();
        let shown = one(r#"{"session":"s","label":"attacked_succeeded","observable":true}"#).unwrap();
        assert_eq!((hidden.verdict(), shown.verdict()), (Verdict::Excluded, Verdict::Attacked));
    }

    #[test]
    fn a_second_label_for_a_session_is_an_error() {
        let twice = one("{\"session\":\"s\",\"label\":\"benign\"}\n{\"session\":\"s\",\"label\":\"benign\"}\n");
        assert!(matches!(twice, Err(LabelError::Duplicate { line: 2, .. })), "{twice:?}");
    }
}
