//! One side: a result folder, or alerts as the service exports them.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use models::alert::Alert;
use models::config::EngineConfig;
use models::event::Timestamp;
use serde::{Deserialize, Serialize};

use super::rows::{self, Moment, Rows};
use crate::provenance::{self, Property};
use crate::summary::FORMAT;
use crate::table::Format;
use crate::trace::{TraceError, digest};

/// Why a side cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// Nothing to read, or not readable.
    #[error("cannot read `{path}`: {source}; name a result folder of `run`, or an NDJSON file of alerts")]
    Refused {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Nor can its bytes be told apart from others.
    #[error(transparent)]
    Digest(TraceError),
    /// Not the result of a replay.
    #[error("`{path}` is no result of this version ({problem}); run the replay again")]
    Foreign {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Not alerts.
    #[error("`{path}` holds something that is no alert ({source}); export alerts with `GET /v1/alerts`")]
    NoAlert {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// An input file that a result names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `learn`, `events`, `labels` or `verdicts`; `alerts` for a file of exported alerts itself.
    pub role: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// What is needed of `summary.json`.
#[derive(Debug, Deserialize)]
struct Head {
    format: String,
    version: String,
    model_version: String,
    digest: String,
    config_version: String,
    frozen: bool,
    seed: u64,
    inputs: Vec<Source>,
    settings: EngineConfig,
    events: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// What a side says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct About {
    /// The folder or file as named.
    pub path: String,
    /// Version of the program that made it; absent for exported alerts, and so on.
    pub version: Option<String>,
    /// Version of the engine's model.
    pub model_version: Option<String>,
    /// Digest of its settings.
    pub config_version: Option<String>,
    /// Digest of scores, decisions and alerts.
    pub digest: Option<String>,
    /// Seed.
    pub seed: Option<u64>,
    /// The files that it was made from.
    pub inputs: Vec<Source>,
    /// Whether its baseline was frozen.
    pub frozen: Option<bool>,
    /// Events scored.
    pub events: Option<u64>,
    /// Alerts.
    pub alerts: u64,
    /// Revocations asked for.
    pub revocations: u64,
    /// Earliest event scored, or earliest alert.
    pub first: Option<Timestamp>,
    /// Latest event scored, or latest alert.
    pub last: Option<Timestamp>,
}

impl About {
    /// What it says of its making, as names that begin with `side` and values.
    pub(super) fn properties(&self, side: &str) -> Vec<Property> {
        let seed = self.seed.map(|seed| seed.to_string());
        let facts = [
            ("version", &self.version),
            ("model_version", &self.model_version),
            ("config_version", &self.config_version),
            ("seed", &seed),
            ("digest", &self.digest),
        ];
        let known = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        let inputs = provenance::of_inputs(self.inputs.iter().map(|file| (file.role.as_str(), file.sha256.as_str())));
        known.chain(inputs).map(|(name, value)| (format!("{side}.{name}"), value)).collect()
    }
}

/// One side, without its rows.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) about: About,
    pub(super) alerts: Vec<Alert>,
    pub(super) settings: Option<EngineConfig>,
    /// The file of rows, if there is one that can be read.
    pub(super) table: Option<(Format, PathBuf)>,
}

/// One value of a file of alerts: an alert a line, or pages as the API answers them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Exported {
    Page { alerts: Vec<Alert> },
    One(Box<Alert>),
}

impl Side {
    pub(super) fn open(path: &Path) -> Result<Self, SideError> {
        if path.is_dir() { Self::folder(path) } else { Self::exported(path) }
    }

    fn folder(path: &Path) -> Result<Self, SideError> {
        let summary = path.join("summary.json");
        let foreign = |problem: String| SideError::Foreign { path: summary.display().to_string(), problem };
        let text = std::fs::read(&summary).map_err(|source| refused(&summary, source))?;
        let head: Head = serde_json::from_slice(&text).map_err(|error| foreign(error.to_string()))?;
        if head.format != FORMAT {
            return Err(foreign(format!("its format is `{}`", head.format.escape_debug())));
        }
        let alerts = read_alerts(&path.join("alerts.ndjson"))?;
        let tables = [Format::Parquet, Format::Ndjson].into_iter();
        let table =
            tables.filter_map(|format| Some((format, path.join(format.file_name()?)))).find(|(_, p)| p.is_file());
        let about = About {
            version: Some(head.version),
            model_version: Some(head.model_version),
            config_version: Some(head.config_version),
            digest: Some(head.digest),
            seed: Some(head.seed),
            inputs: head.inputs,
            frozen: Some(head.frozen),
            events: Some(head.events),
            first: head.first,
            last: head.last,
            ..about(path, &alerts)
        };
        Ok(Self { about, alerts, settings: Some(head.settings), table })
    }

    fn exported(path: &Path) -> Result<Self, SideError> {
        let alerts = read_alerts(path)?;
        let (_, sha256) = digest(path).map_err(SideError::Digest)?;
        let itself = Source { role: "alerts".to_owned(), sha256 };
        let about = About { inputs: vec![itself], ..about(path, &alerts) };
        Ok(Self { about, alerts, settings: None, table: None })
    }

    /// Digests of the files of one role, in the order of their bytes.
    pub(super) fn digests(&self, role: &str) -> Vec<&str> {
        let mut digests: Vec<&str> =
            self.about.inputs.iter().filter(|input| input.role == role).map(|input| input.sha256.as_str()).collect();
        digests.sort_unstable();
        digests
    }

    /// The rows of these moments.
    pub(super) fn rows(&self, moments: &[Moment]) -> Result<Rows, SideError> {
        match &self.table {
            Some((format, path)) => rows::find(*format, path, moments),
            None => Ok(Rows::default()),
        }
    }
}

pub(super) fn refused(path: &Path, source: std::io::Error) -> SideError {
    SideError::Refused { path: path.display().to_string(), source }
}

fn about(path: &Path, alerts: &[Alert]) -> About {
    About {
        path: path.display().to_string(),
        alerts: alerts.len() as u64,
        revocations: alerts.iter().filter(|alert| super::pair::revokes(alert)).count() as u64,
        first: alerts.iter().map(|alert| alert.opened).min(),
        last: alerts.iter().map(|alert| alert.updated).max(),
        ..About::default()
    }
}

/// Alerts of a file; of an alert that stands there more than once, as in a stream of changes, the last form counts.
fn read_alerts(path: &Path) -> Result<Vec<Alert>, SideError> {
    let file = File::open(path).map_err(|source| refused(path, source))?;
    let mut alerts: Vec<Alert> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for exported in serde_json::Deserializer::from_reader(BufReader::new(file)).into_iter::<Exported>() {
        let exported = exported.map_err(|source| SideError::NoAlert { path: path.display().to_string(), source })?;
        let read = match exported {
            Exported::Page { alerts } => alerts,
            Exported::One(alert) => vec![*alert],
        };
        for alert in read {
            let place = *places.entry(alert.id.clone()).or_insert(alerts.len());
            match alerts.get_mut(place) {
                Some(known) => *known = alert,
                None => alerts.push(alert),
            }
        }
    }
    Ok(alerts)
}
