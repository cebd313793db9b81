//! Gathers, event by event, what the figures are computed from.

use std::collections::BTreeMap;

use datasets::reader::labels::Label;
use models::assessment::{Assessment, Decision};
use models::dimension::Dimension;
use models::event::Event;
use serde::Serialize;

use super::figures::Quality;
use crate::floor::{FirstSeen, ZScore};
use crate::label::{Class, Labels};

/// A way to score an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The engine's score of the event.
    Score,
    /// The engine's evidence of the session so far.
    Evidence,
    /// One dimension of the engine alone; an event that says nothing about it scores 0.
    Dimension(Dimension),
    /// The first-seen rule.
    FirstSeen,
    /// Summed z-scores.
    ZScore,
}

/// Every method, in the order of the columns of a [`Collector`].
pub const METHODS: [Method; 8] = [
    Method::Score,
    Method::Evidence,
    Method::Dimension(Dimension::Tool),
    Method::Dimension(Dimension::Target),
    Method::Dimension(Dimension::Chain),
    Method::Dimension(Dimension::Volume),
    Method::FirstSeen,
    Method::ZScore,
];

impl Method {
    /// Its name in tables and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Score => "score",
            Method::Evidence => "evidence",
            Method::Dimension(dimension) => dimension.as_str(),
            Method::FirstSeen => "first-seen rule",
            Method::ZScore => "summed z-scores",
        }
    }
}

/// The scores of one labelled session, one row an event.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    pub(super) rows: Vec<[f64; METHODS.len()]>,
    pub(super) malicious: Vec<usize>,
    pub(super) alarmed: bool,
}

/// Gathers the scores of labelled sessions, and runs the floors beside the engine.
///
/// Memory is 64 bytes an event of a labelled session.
#[derive(Debug)]
pub struct Collector {
    labels: Labels,
    tracks: BTreeMap<String, Track>,
    first_seen: FirstSeen,
    z_score: ZScore,
    unlabelled_events: u64,
}

impl Collector {
    /// A collector that has seen nothing. Without `with_gaps` the z-scores ignore the time between events.
    pub fn new(labels: Labels, with_gaps: bool) -> Self {
        Self {
            labels,
            tracks: BTreeMap::new(),
            first_seen: FirstSeen::default(),
            z_score: ZScore::new(with_gaps),
            unlabelled_events: 0,
        }
    }

    /// Takes in an event of the history.
    pub fn learn(&mut self, event: &Event) {
        self.first_seen.learn(event);
        self.z_score.learn(event);
    }

    /// Ends the history.
    pub fn freeze(&mut self) {
        self.first_seen.freeze();
        self.z_score.freeze();
    }

    /// Takes in a scored event.
    pub fn push(&mut self, event: &Event, assessment: &Assessment) {
        let floors = [self.first_seen.score(event), self.z_score.score(event)];
        let session = event.session.as_deref().unwrap_or(&assessment.session);
        let Some(label) = self.labels.find(&event.identity, session) else {
            self.unlabelled_events += 1;
            return;
        };
        let track = self.tracks.entry(label.session.clone()).or_default();
        let [tool, target, chain, volume] = assessment.dimensions.map(|nats| nats.unwrap_or(0.0));
        if carries_out(label, &event.id) {
            track.malicious.push(track.rows.len());
        }
        track.alarmed |= assessment.decision >= Decision::Record;
        let [first_seen, z_score] = floors;
        let row = [assessment.score, assessment.evidence, tool, target, chain, volume, first_seen, z_score];
        track.rows.push(row);
    }

    /// The figures of everything taken in.
    pub fn figures(&self) -> Quality {
        let empty = Track::default();
        let sessions: Vec<(Class, &Track)> = self
            .labels
            .all()
            .map(|label| (Class::of(label), self.tracks.get(&label.session).unwrap_or(&empty)))
            .collect();
        Quality::of(&sessions, self.unlabelled_events)
    }
}

/// Whether an event carries out the attack that the label tells of.
fn carries_out(label: &Label, event: &str) -> bool {
    label.first_malicious_event.as_deref() == Some(event) || label.malicious_events.iter().any(|id| id == event)
}
