//! An honest population through the engine: what every alert in it costs, and which honest change it came from.

use std::collections::{BTreeMap, HashMap, HashSet};

use datasets::generator::EventStream;
use models::alert::AlertKind;
use models::assessment::Decision;
use models::config::CheckedConfig;
use models::engine::{Engine, Input, Output, Phase, Trust};
use models::event::{Event, Timestamp};
use serde::Serialize;

use super::world::World;

/// Days after which a change is no longer new.
const NEW_DAYS: f64 = 3.0;
/// What sessions outside any change are counted as.
pub const OUTSIDE: &str = "none";

/// What was counted of some sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Sessions.
    pub sessions: u64,
    /// Sessions in which an alert was due.
    pub alarmed: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// Days on which an identity was active.
    pub identity_days: u64,
}

/// A kind of change, and whether it has only just happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// Name of the scenario, or [`OUTSIDE`].
    pub name: String,
    /// Whether it set in within the last three days.
    pub new: bool,
}

/// What an honest population got at one budget, in the days after the warm-up.
#[derive(Debug, Default)]
pub struct Benign {
    /// The budget: false alerts per 1,000 identity-days.
    pub budget: f64,
    /// Events scored.
    pub events: u64,
    /// Everything together.
    pub all: Tally,
    /// By kind of change.
    pub kinds: BTreeMap<Kind, Tally>,
    /// Alerts and active days of each identity.
    pub identities: BTreeMap<Box<str>, (u64, u64)>,
    /// Revocations requested.
    pub revocations: u64,
    /// Times the brake opened.
    pub brakes: u64,
}

/// The engine at the end of a run, as blobs to restore from, and the stream that goes on.
#[derive(Debug)]
pub struct Warm {
    /// The stored state.
    pub blobs: Vec<(Vec<u8>, Vec<u8>)>,
    /// What the agents do next.
    pub stream: EventStream,
}

/// A session that is running.
#[derive(Debug)]
struct Running {
    kind: Kind,
    left: u64,
    alarmed: bool,
}

#[derive(Debug, Default)]
struct Watcher {
    benign: Benign,
    running: HashMap<Box<str>, Running>,
    /// When each identity first showed a change.
    set_in: HashMap<(Box<str>, String), Timestamp>,
    active: HashSet<(Box<str>, i64)>,
    active_in: HashSet<(Box<str>, i64, Kind)>,
    alerts: HashSet<Box<str>>,
}

/// Lives through a world with these settings.
pub fn run(world: &World, config: &CheckedConfig) -> (Benign, Warm) {
    let mut engine = Engine::new(config.clone());
    let mut stream = world.stream();
    let mut watcher = Watcher::default();
    watcher.benign.budget = config.settings().budget.false_alerts_per_1000_identity_days;
    let mut outputs = Vec::new();
    while let Some(event) = stream.next_before(world.end) {
        let live = event.time >= world.warm;
        for label in stream.take_labels() {
            if live {
                watcher.begin(&label, event.time);
            }
        }
        let phase = if live { Phase::Live } else { Phase::Warmup };
        engine.handle(Input::recorded(&event, Trust::Revoke, phase), &mut outputs);
        if live {
            watcher.see(&event, &outputs);
        }
        outputs.clear();
    }
    let blobs = engine.checkpoint().put;
    (watcher.benign, Warm { blobs, stream })
}

impl Watcher {
    fn begin(&mut self, label: &datasets::reader::labels::Label, now: Timestamp) {
        let identity = label.identity.as_deref().unwrap_or_default();
        let kind = match &label.scenario {
            None => Kind { name: OUTSIDE.to_owned(), new: false },
            Some(name) => {
                let first = *self.set_in.entry((identity.into(), name.clone())).or_insert(now);
                Kind { name: name.clone(), new: now.seconds_since(first) < NEW_DAYS * 86_400.0 }
            }
        };
        let left = label.events.unwrap_or(0);
        self.running.insert(label.session.as_str().into(), Running { kind, left, alarmed: false });
    }

    fn see(&mut self, event: &Event, outputs: &[Output]) {
        let benign = &mut self.benign;
        let Some(session) = event.session.as_deref() else { return };
        // Sessions that began before the warm-up ended are not counted: they are half learned.
        let Some(running) = self.running.get_mut(session) else { return };
        let of_kind = benign.kinds.entry(running.kind.clone()).or_default();
        let day = event.time.as_seconds().div_euclid(86_400);
        let of_identity = benign.identities.entry(event.identity.clone()).or_default();
        benign.events += 1;
        if self.active.insert((event.identity.clone(), day)) {
            benign.all.identity_days += 1;
            of_identity.1 += 1;
        }
        if self.active_in.insert((event.identity.clone(), day, running.kind.clone())) {
            of_kind.identity_days += 1;
        }
        for output in outputs {
            match output {
                Output::Assessed(assessment) => running.alarmed |= assessment.decision >= Decision::Alert,
                Output::Alert(alert) if alert.kind == AlertKind::BrakeOpened => benign.brakes += 1,
                Output::Alert(alert) => {
                    if *alert.identity == *event.identity && self.alerts.insert(alert.id.0.clone()) {
                        benign.all.alerts += 1;
                        of_kind.alerts += 1;
                        of_identity.0 += 1;
                    }
                }
                Output::Revocation(_) => benign.revocations += 1,
            }
        }
        running.left = running.left.saturating_sub(1);
        if running.left == 0 {
            for tally in [of_kind, &mut benign.all] {
                tally.sessions += 1;
                tally.alarmed += u64::from(running.alarmed);
            }
            self.running.remove(session);
        }
    }
}
