//! Gathers, event by event, what the figures are computed from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datasets::reader::labels::Label;
use models::alert::Alert;
use models::assessment::{Assessment, Decision};
use models::decision::Revocation;
use models::dimension::Dimension;
use models::event::Event;
use serde::{Deserialize, Serialize};

use super::alarms::{Alarms, Side};
use super::figures::Quality;
use super::judgement::Judgement;
use super::sample::Sample;
use super::track::Track;
use super::truth::{Truth, Unlabelled, unlabelled_key};
use crate::floor::{FirstSeen, SessionFloors, ZScore, random};
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
    /// A seeded random number for each event.
    Random,
}

/// Every method, in the order of the columns of a [`Collector`].
pub const METHODS: [Method; OURS + FLOORS.len()] = all_methods();

const OURS: usize = 2 + Dimension::COUNT;
const FLOORS: [Method; 5] = [Method::FirstSeen, Method::ZScore, Method::TwoSigma, Method::Forest, Method::Random];

/// One score a method.
pub(super) type Scores = [f64; METHODS.len()];

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
    /// The column of the evidence.
    pub(super) const EVIDENCE: usize = 1;

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
            Method::Random => "random score",
        }
    }

    /// Whether it judges whole sessions: then only its last score of a session counts, and it has none of single events.
    pub fn of_session(self) -> bool {
        matches!(self, Method::TwoSigma | Method::Forest)
    }

    /// Its column.
    pub(super) fn column(self) -> usize {
        METHODS.iter().position(|method| *method == self).unwrap_or(METHODS.len())
    }
}

/// The methods that are no part of the engine. Memory is that of the history they have seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Floors {
    first_seen: FirstSeen,
    z_score: ZScore,
    sessions: SessionFloors,
    seed: u64,
}

/// Gathers scores and alarms by session, and runs the floors beside the engine.
///
/// Memory is 250 bytes a session that is labelled (or counts as benign), up to 20 KiB for an attacked one, 35 MB for a
/// sample of events, and the floors'. Nothing grows with the number of events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Collector {
    /// Not stored: whoever goes on has it from the files, see [`Collector::resume`].
    #[serde(skip)]
    truth: Truth,
    tracks: BTreeMap<String, Track>,
    floors: Option<Floors>,
    alarms: Alarms,
    malicious: Sample,
    benign: Sample,
    labelled_events: u64,
    unlabelled_events: u64,
    #[serde(skip)]
    only: Option<Method>,
    seed: u64,
}

impl Collector {
    /// A collector that has seen nothing. Without `with_gaps` the z-scores ignore the time between events.
    pub fn new(labels: impl Into<Arc<Labels>>, with_gaps: bool) -> Self {
        let floors = Floors {
            first_seen: FirstSeen::default(),
            z_score: ZScore::new(with_gaps),
            sessions: SessionFloors::default(),
            seed: 0,
        };
        Self { floors: Some(floors), ..Self::of_alarms(labels) }
    }

    /// A collector that takes in alarms only: for many settings side by side, where no score is compared.
    pub fn of_alarms(labels: impl Into<Arc<Labels>>) -> Self {
        Self {
            truth: Truth { labels: labels.into(), unlabelled: Unlabelled::Unknown },
            tracks: BTreeMap::new(),
            floors: None,
            alarms: Alarms::default(),
            malicious: Sample::default(),
            benign: Sample::default(),
            labelled_events: 0,
            unlabelled_events: 0,
            only: None,
            seed: 0,
        }
    }

    /// Says what sessions without a label count as.
    #[must_use]
    pub fn with_unlabelled(mut self, unlabelled: Unlabelled) -> Self {
        self.truth.unlabelled = unlabelled;
        self
    }

    /// Seeds the random score and the bootstrap.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        if let Some(floors) = &mut self.floors {
            floors.seed = seed;
        }
        self
    }

    /// Goes on with what another process had gathered under the same labels, and those that had been added by then.
    #[must_use]
    pub fn resume<'a>(mut self, gathered: Self, added: impl IntoIterator<Item = &'a Label>) -> Self {
        for label in added {
            Arc::make_mut(&mut self.truth.labels).insert(label.clone());
        }
        Self { truth: self.truth, only: self.only, ..gathered }
    }

    /// Adds the label of a session of `tenant` while the replay runs; the session may have begun.
    pub fn label(&mut self, tenant: &str, label: Label) {
        let identity = label.identity.as_deref().unwrap_or_default();
        if let Some(mut begun) = self.tracks.remove(&unlabelled_key(tenant, identity, &label.session)) {
            begun.class = Class::of(&label);
            begun.attack = label.attack.as_deref().map(Into::into);
            self.tracks.insert(label.session.clone(), begun);
        }
        Arc::make_mut(&mut self.truth.labels).insert(label);
    }

    /// Takes in an event of the history.
    pub fn learn(&mut self, event: &Event) {
        if let Some(floors) = &mut self.floors {
            floors.first_seen.learn(event);
            floors.z_score.learn(event);
            floors.sessions.learn(event);
        }
    }

    /// Ends the history.
    pub fn freeze(&mut self) {
        if let Some(floors) = &mut self.floors {
            floors.first_seen.freeze();
            floors.z_score.freeze();
            floors.sessions.freeze();
        }
    }

    /// Takes in a scored event.
    pub fn push(&mut self, event: &Event, assessment: &Assessment) {
        let scores = self.floors.as_mut().map(|floors| floors.scores(event, assessment));
        let identity = self.alarms.active(event);
        let session = event.session.as_deref().unwrap_or(&assessment.session);
        let Some(known) = self.truth.of(event, session) else {
            self.unlabelled_events += 1;
            self.alarms.at(event, Side::Unknown, None);
            return;
        };
        self.labelled_events += 1;
        if !self.tracks.contains_key(&*known.key) {
            let track = Track::new(known.class, known.attack(), identity, event.time);
            self.tracks.insert(known.key.clone().into_owned(), track);
        }
        let Some(track) = self.tracks.get_mut(&*known.key) else { return };
        let place = track.count(event.time);
        let malicious = known.carried_out_by(&event.id);
        if malicious && track.malicious.is_none() {
            track.malicious = Some(place);
        }
        track.alarmed |= assessment.decision >= Decision::Record;
        if let Some(scores) = &scores {
            track.push(place, scores);
            match track.class {
                Class::Positive if malicious => self.malicious.push(scores),
                Class::Negative => self.benign.push(scores),
                _ => {}
            }
        }
        // Where no label says which event it is, the whole session is the attack.
        let named = known.names_events();
        let side = match track.class {
            Class::Positive if track.malicious.is_some() || !named => Side::Attack,
            Class::LeftOut => Side::Unknown,
            _ => Side::Benign,
        };
        self.alarms.at(event, side, (side == Side::Attack).then(|| (known.key.into_owned(), place)));
    }

    /// Takes in an alert that followed the newest event.
    pub fn alerted(&mut self, alert: &Alert) {
        let Some((key, place)) = self.alarms.alerted(alert) else { return };
        if let Some(track) = self.tracks.get_mut(&key) {
            track.alarmed = true;
            track.found = track.found.or(Some(place));
        }
    }

    /// Takes in a revocation that followed the newest event.
    pub fn revoked(&mut self, revocation: &Revocation) {
        self.alarms.revoked(revocation);
    }

    /// Takes in what another collector has gathered of other sessions under the same labels.
    pub fn absorb(&mut self, other: Self) {
        self.tracks.extend(other.tracks);
        self.malicious.absorb(&other.malicious);
        self.benign.absorb(&other.benign);
        self.unlabelled_events += other.unlabelled_events;
        self.labelled_events += other.labelled_events;
    }

    /// Gives figures of one method only: those of all take much longer.
    pub fn keep_only(&mut self, method: Method) {
        self.only = Some(method);
    }

    /// The figures of everything taken in.
    pub fn figures(&self) -> Quality {
        let tracks: Vec<&Track> = self.tracks.values().collect();
        let methods: &[Method] = self.only.as_ref().map_or(&METHODS, std::slice::from_ref);
        let mut quality = Quality::of(&tracks, [&self.malicious, &self.benign], methods);
        quality.sessions.without_events = self.labels_without_events();
        quality.sessions.unlabelled_events = self.unlabelled_events;
        quality
    }

    /// What the engine did at its settings, beside rules that anybody could follow.
    pub fn judgement(&self) -> Judgement {
        let tracks: Vec<&Track> = self.tracks.values().collect();
        let with_scores = self.floors.is_some();
        let mut judgement = Judgement::of(&tracks, &self.alarms, with_scores, self.seed);
        judgement.coverage.labels = self.truth.labels.len();
        judgement.coverage.labels_without_events = self.labels_without_events();
        judgement.coverage.labelled_events = self.labelled_events;
        judgement.coverage.unlabelled_events = self.unlabelled_events;
        judgement.coverage.unlabelled_count_as_benign = self.truth.unlabelled == Unlabelled::Benign;
        judgement
    }

    fn labels_without_events(&self) -> usize {
        let labels: BTreeSet<&str> = self.truth.labels.all().map(|label| label.session.as_str()).collect();
        labels.iter().filter(|session| !self.tracks.contains_key(**session)).count()
    }
}

impl Floors {
    fn scores(&mut self, event: &Event, assessment: &Assessment) -> Scores {
        let events = [self.first_seen.score(event), self.z_score.score(event)];
        self.sessions.push(event);
        let dimensions = assessment.dimensions.map(|nats| nats.unwrap_or(0.0));
        let ours = [assessment.score, assessment.evidence].into_iter().chain(dimensions);
        let mut row = [0.0; METHODS.len()];
        let scores = ours.chain(events).chain(self.sessions.scores(event)).chain([random(self.seed, event)]);
        for (value, score) in row.iter_mut().zip(scores) {
            *value = score;
        }
        row
    }
}
