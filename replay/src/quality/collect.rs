//! Gathers, event by event, what the figures are computed from.

use std::collections::BTreeMap;

use datasets::reader::labels::Label;
use models::assessment::{Assessment, Decision};
use models::dimension::Dimension;
use models::event::Event;
use serde::Serialize;

use super::figures::Quality;
use crate::floor::{FirstSeen, SessionFloors, ZScore};
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
    /// How many numbers of the session lie beyond two sigma.
    TwoSigma,
    /// An isolation forest over the numbers of the session.
    Forest,
}

/// Every method, in the order of the columns of a [`Collector`].
pub const METHODS: [Method; OURS + FLOORS.len()] = all_methods();

const OURS: usize = 2 + Dimension::COUNT;
const FLOORS: [Method; 4] = [Method::FirstSeen, Method::ZScore, Method::TwoSigma, Method::Forest];

const fn all_methods() -> [Method; OURS + FLOORS.len()] {
    let mut all = [Method::Score; OURS + FLOORS.len()];
    all[1] = Method::Evidence;
    let mut i = 0;
    while i < Dimension::COUNT {
        all[2 + i] = Method::Dimension(Dimension::ALL[i]);
        i += 1;
    }
    i = 0;
    while i < FLOORS.len() {
        all[OURS + i] = FLOORS[i];
        i += 1;
    }
    all
}

impl Method {
    /// Its name in tables and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Score => "score",
            Method::Evidence => "evidence",
            Method::Dimension(dimension) => dimension.as_str(),
            Method::FirstSeen => "first-seen rule",
            Method::ZScore => "summed z-scores",
            Method::TwoSigma => "counts beyond 2 sigma",
            Method::Forest => "isolation forest",
        }
    }

    /// Whether it judges whole sessions: then only its last score of a session counts, and it has none of single events.
    pub fn of_session(self) -> bool {
        matches!(self, Method::TwoSigma | Method::Forest)
    }
}

/// The scores of one labelled session, one row an event.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    pub(super) rows: Vec<[f64; METHODS.len()]>,
    pub(super) malicious: Vec<usize>,
    pub(super) alarmed: bool,
}

impl Track {
    /// The largest evidence of the session.
    pub(super) fn evidence(&self) -> f64 {
        self.rows.iter().filter_map(|row| row.get(1)).copied().fold(0.0, f64::max)
    }
}

/// Gathers the scores of labelled sessions, and runs the floors beside the engine.
///
/// Memory is 8 bytes a method for each event of a labelled session.
#[derive(Debug)]
pub struct Collector {
    labels: Labels,
    tracks: BTreeMap<String, Track>,
    first_seen: FirstSeen,
    z_score: ZScore,
    sessions: SessionFloors,
    unlabelled_events: u64,
    only: Option<Method>,
}

impl Collector {
    /// A collector that has seen nothing. Without `with_gaps` the z-scores ignore the time between events.
    pub fn new(labels: Labels, with_gaps: bool) -> Self {
        Self {
            labels,
            tracks: BTreeMap::new(),
            first_seen: FirstSeen::default(),
            z_score: ZScore::new(with_gaps),
            sessions: SessionFloors::default(),
            unlabelled_events: 0,
            only: None,
        }
    }

    /// Takes in an event of the history.
    pub fn learn(&mut self, event: &Event) {
        self.first_seen.learn(event);
        self.z_score.learn(event);
        self.sessions.learn(event);
    }

    /// Ends the history.
    pub fn freeze(&mut self) {
        self.first_seen.freeze();
        self.z_score.freeze();
        self.sessions.freeze();
    }

    /// Takes in a scored event.
    pub fn push(&mut self, event: &Event, assessment: &Assessment) {
        let events = [self.first_seen.score(event), self.z_score.score(event)];
        self.sessions.push(event);
        let session = event.session.as_deref().unwrap_or(&assessment.session);
        let Some(label) = self.labels.find(&event.identity, session) else {
            self.unlabelled_events += 1;
            return;
        };
        let track = self.tracks.entry(label.session.clone()).or_default();
        if carries_out(label, &event.id) {
            track.malicious.push(track.rows.len());
        }
        track.alarmed |= assessment.decision >= Decision::Record;
        let dimensions = assessment.dimensions.map(|nats| nats.unwrap_or(0.0));
        let ours = [assessment.score, assessment.evidence].into_iter().chain(dimensions);
        let mut row = [0.0; METHODS.len()];
        let scores = ours.chain(events).chain(self.sessions.scores(event));
        for (value, score) in row.iter_mut().zip(scores) {
            *value = score;
        }
        track.rows.push(row);
    }

    /// Takes in what another collector has gathered of other sessions under the same labels.
    pub fn absorb(&mut self, other: Self) {
        self.tracks.extend(other.tracks);
        self.unlabelled_events += other.unlabelled_events;
    }

    /// Gives figures of one method only: those of all take much longer.
    pub fn keep_only(&mut self, method: Method) {
        self.only = Some(method);
    }

    /// The figures of everything taken in.
    pub fn figures(&self) -> Quality {
        let empty = Track::default();
        let sessions: Vec<(Class, &Track)> = self
            .labels
            .all()
            .map(|label| (Class::of(label), self.tracks.get(&label.session).unwrap_or(&empty)))
            .collect();
        let methods: &[Method] = self.only.as_ref().map_or(&METHODS, std::slice::from_ref);
        Quality::of(&sessions, methods, self.unlabelled_events)
    }
}

/// Whether an event carries out the attack that the label tells of.
fn carries_out(label: &Label, event: &str) -> bool {
    label.first_malicious_event.as_deref() == Some(event) || label.malicious_events.iter().any(|id| id == event)
}
