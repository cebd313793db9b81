//! The engine: an input in, outputs out. No IO, no clock; time moves by events and ticks.

mod alternative;
mod change;
mod clock;
mod credentials;
mod episode;
mod exemplar;
mod explain;
mod fleet;
mod governor;
mod handling;
mod learning;
mod member;
mod names;
mod persist;
mod promise;
mod publish;
mod regroup;
mod respond;
mod review;
mod scoring;
mod session;
mod shard;
mod state;
mod verdict;
mod views;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::alternative::Alternatives;
pub use self::alternative::Considered;
use self::clock::Clocks;
use self::credentials::{Credentials, credential_key};
pub use self::fleet::{Entry, EntryError, Fleet, Order, Piece, Report, View};
use self::governor::Governor;
pub use self::member::Member;
use self::member::Membership;
use self::publish::Segment;
use self::respond::{Authority, Case};
use self::shard::{Others, Place, Shard, Sweep, World, shard_of};
use crate::alert::{Alert, AlertId};
use crate::assessment::{Assessment, Outcome};
use crate::baseline::key_of;
use crate::calibration::{Snapshot, TenantModel};
use crate::config::CheckedConfig;
use crate::decision::{Revocation, Verdict};
use crate::event::{Event, Timestamp};
use crate::fingerprint::{Fingerprinter, Kind};

/// Version of the statistical model, written on every alert.
pub const MODEL_VERSION: &str = "2";
/// Shards of identities. Fixed, so that nothing depends on the number of threads.
const SHARDS: usize = 16;
/// How often shared knowledge is published, in event time and in events.
const EPOCH_SECONDS: i64 = 3600;
const EPOCH_EVENTS: u64 = 16_384;
/// Half-life of shared knowledge, and how often it is applied; as often, identities are grouped by what they do.
const SHARED_HALF_LIFE: f64 = 20.0 * 86_400.0;
const SHARED_DECAY_EVERY: f64 = 86_400.0;
/// How far ahead of its arrival an event's own clock is believed.
const CLOCK_AHEAD: Duration = Duration::from_mins(5);

/// How far an event's source is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Its events can raise alerts, but never revoke on their own.
    #[default]
    Observe,
    /// Its events may lead to revocations.
    Revoke,
}

/// Whether an event is learned from and acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Phase {
    /// History: learned, scored, never alerted.
    Warmup,
    /// Scored, alerted, and learned unless suspicious.
    #[default]
    Live,
    /// Scored and alerted against a baseline that stays as it is.
    Frozen,
}

/// What the engine can be told.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Something happened.
    Event {
        /// The action.
        event: &'a Event,
        /// How far its source is trusted.
        trust: Trust,
        /// When it reached us; `None` in replay, where nothing is stale.
        arrival: Option<Timestamp>,
        /// Whether it is learned from and acted upon.
        phase: Phase,
        /// Which ordered part of the stream it stands in: events of one identity come in one partition. 0 where there is one.
        partition: u32,
    },
    /// Time passed without events: episodes that are over are closed. Sessions are completed and epochs end only by events,
    /// so that ticks, which only a live run has, change no score.
    Tick(Timestamp),
    /// An analyst settled an alert.
    Verdict {
        /// Which alert.
        alert: &'a AlertId,
        /// Tenant of the alert.
        tenant: &'a str,
        /// Identity of the alert.
        identity: &'a str,
        /// What it was.
        verdict: Verdict,
    },
    /// A second person closed the brake again.
    ReleaseBrake,
}

impl<'a> Input<'a> {
    /// An event of one ordered recording: nothing in it is stale.
    pub fn recorded(event: &'a Event, trust: Trust, phase: Phase) -> Self {
        Self::Event { event, trust, arrival: None, phase, partition: 0 }
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "every event has exactly one assessment: a box would cost each an allocation"
)]
/// What the engine has to say. An event gives exactly one `Assessed`, first.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// What was found out about the event.
    Assessed(Assessment),
    /// An alert was opened, updated or closed; always the whole alert.
    Alert(Box<Alert>),
    /// A revocation is to be requested.
    Revocation(Box<Revocation>),
}

/// What changed since the last checkpoint, to be stored in one transaction with the source's position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Blobs by key. Each replaces the one stored under the same key. Keys are at most 64 bytes.
    pub put: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys whose blobs are no longer needed. To be deleted after `put` is applied; none of them is in `put`.
    pub delete: Vec<Vec<u8>>,
}

/// Why stored state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Written by another version.
    #[error(
        "the stored state has format {found}; this build reads format {expected} and the one before: use the matching version or move the database away"
    )]
    Format {
        /// Format number found.
        found: u32,
        /// Format number that this build writes.
        expected: u32,
    },
    /// Another fingerprint key.
    #[error(
        "the stored state was made with another `engine.fingerprint_key`: restore the old key or move the database away"
    )]
    Key,
    /// Of another partition, or of no fleet.
    #[error(
        "the stored state is not that of partition {0}: another topic, or a database that was used without a fleet; move it away"
    )]
    Partition(u32),
    /// Not readable.
    #[error("the stored state is damaged at key {0}: restore a backup or move the database away")]
    Damaged(String),
}

/// How an event reached the engine.
#[derive(Debug, Clone, Copy)]
struct Origin {
    trust: Trust,
    arrival: Option<Timestamp>,
    partition: u32,
}

/// All detection state.
#[derive(Debug)]
pub struct Engine {
    config: CheckedConfig,
    fingerprinter: Fingerprinter,
    shards: Vec<Shard>,
    snapshot: Arc<Snapshot>,
    nobody: TenantModel,
    governor: Governor,
    /// In a fleet: what stands in the place of the governor, and of publishing snapshots.
    member: Option<Box<Membership>>,
    alternatives: Alternatives,
    credentials: Credentials,
    /// Largest event times seen, bounded by arrival.
    clocks: Clocks,
    epoch: i64,
    since_publish: u64,
    last_decay: Timestamp,
    live_identity_days: f64,
    /// What shards have learned since the last snapshot, beyond what they still hold.
    set_aside: Vec<Segment>,
    /// Number of the next segment: never used twice, so that an obsolete key is never written again.
    segments: u32,
    obsolete: Vec<Vec<u8>>,
    published: bool,
    saved: bool,
}

impl Engine {
    /// An engine that knows nothing.
    pub fn new(config: CheckedConfig) -> Self {
        Self {
            fingerprinter: Fingerprinter::new(config.key()),
            config,
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            snapshot: Arc::default(),
            nobody: TenantModel::default(),
            governor: Governor::default(),
            member: None,
            alternatives: Alternatives::default(),
            credentials: Credentials::default(),
            clocks: Clocks::default(),
            epoch: i64::MIN,
            since_publish: 0,
            last_decay: Timestamp::EPOCH,
            live_identity_days: 0.0,
            set_aside: Vec::new(),
            segments: 0,
            obsolete: Vec::new(),
            published: false,
            saved: false,
        }
    }

    /// Takes one input and appends what follows from it to `out`.
    pub fn handle(&mut self, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::Event { event, trust, arrival, phase, partition } => {
                let origin = Origin { trust, arrival, partition };
                self.event(event, origin, phase, out);
            }
            Input::Tick(now) => self.sweep(Sweep::Episodes(now), out),
            Input::Verdict { alert, tenant, identity, verdict } => self.verdict(alert, tenant, identity, verdict),
            Input::ReleaseBrake => {
                self.governor.release_brake();
                self.alternatives.release_brake();
            }
        }
    }

    fn event(&mut self, event: &Event, origin: Origin, phase: Phase, out: &mut Vec<Output>) {
        let Origin { trust, arrival, partition } = origin;
        // A fast clock is believed five minutes, so that it can move neither the epoch nor its own identity far ahead.
        let time = arrival.map_or(event.time, |arrival| event.time.min(arrival.saturating_add(CLOCK_AHEAD)));
        let mut closed = Vec::new();
        // A frozen baseline is not even forgotten: epochs stand still.
        if phase != Phase::Frozen {
            self.advance(partition, time, &mut closed);
        }
        let identity = self.fingerprinter.of(Kind::Identity, &[&event.tenant, &event.identity]);
        let others = self.others(event, identity);
        let world = World {
            config: &self.config,
            fingerprinter: &self.fingerprinter,
            snapshot: &self.snapshot,
            nobody: &self.nobody,
            clocks: &self.clocks,
        };
        let Some(shard) = self.shards.get_mut(shard_of(identity, SHARDS)) else { return };
        let place = Place { identity, partition, time, others };
        let mut assessed = shard.assess(&world, place, event, phase, &mut closed);
        let case =
            Case { config: &self.config, fingerprinter: &self.fingerprinter, identity, event, time, trust, arrival };
        self.alternatives.begin(&closed);
        let mut effects = Vec::new();
        let authority: &mut dyn Authority = match &mut self.member {
            Some(member) => &mut **member,
            None => &mut self.governor,
        };
        if let Some(alarm) = &assessed.alarm {
            let slot = shard.slots.get_mut(alarm.index);
            if let Some(episode) = slot.and_then(|s| s.state.episode.as_mut()) {
                self.alternatives.decide(&case, alarm, &episode.alert);
                assessed.assessment.decision =
                    respond::decide(authority, &case, alarm, &mut episode.alert, &mut effects);
                effects.insert(0, Output::Alert(Box::new(episode.alert.clone())));
            }
        }
        if assessed.assessment.outcome == Outcome::Scored && phase != Phase::Warmup {
            authority.acted(time, self.config.settings(), assessed.last_seen, assessed.first_of_day);
            self.live_identity_days += f64::from(u8::from(assessed.first_of_day));
            effects.extend(respond::watch(authority, &case).map(|alert| Output::Alert(Box::new(alert))));
            for review in &assessed.reviews {
                let alert = respond::review(authority, &case, review);
                effects.extend(alert.map(|alert| Output::Alert(Box::new(alert))));
            }
            self.alternatives.observe(&case, assessed.last_seen, &assessed.reviews);
        }
        out.push(Output::Assessed(assessed.assessment));
        out.append(&mut closed);
        out.append(&mut effects);
    }

    /// What other identities say about an event: whether one of them used its credential last, and whether its parent was granted
    /// what it was granted.
    fn others(&mut self, event: &Event, identity: u64) -> Others {
        let Some(credential) = &event.credential else { return Others::default() };
        let key = credential_key(&self.fingerprinter, event, credential);
        let beyond_parent = event.parent.as_ref().filter(|_| !credential.scopes.is_empty()).and_then(|parent| {
            let parent = self.fingerprinter.of(Kind::Identity, &[&event.tenant, &parent.identity]);
            let granted = &self.shards.get(shard_of(parent, SHARDS))?.find(parent)?.state.granted;
            let scope = |scope: &str| key_of(self.fingerprinter.of(Kind::Scope, &[scope]));
            (!granted.is_empty()).then(|| credential.scopes.iter().any(|own| !granted.contains(&scope(own))))
        });
        Others { credential_shared: Some(self.credentials.used(key, identity)), beyond_parent }
    }

    /// Moves the clock, and publishes shared knowledge when an epoch ends.
    fn advance(&mut self, partition: u32, time: Timestamp, out: &mut Vec<Output>) {
        self.since_publish += 1;
        self.clocks.advance(partition, time);
        let epoch = self.clocks.latest().as_seconds().div_euclid(EPOCH_SECONDS);
        if epoch > self.epoch {
            self.epoch = epoch;
            self.sweep(Sweep::Idle, out);
            self.publish_pending();
        } else if self.since_publish >= EPOCH_EVENTS {
            // Looking through every active identity costs more than it finds within an hour.
            self.publish_pending();
        }
    }

    fn sweep(&mut self, what: Sweep, out: &mut Vec<Output>) {
        let world = World {
            config: &self.config,
            fingerprinter: &self.fingerprinter,
            snapshot: &self.snapshot,
            nobody: &self.nobody,
            clocks: &self.clocks,
        };
        for shard in &mut self.shards {
            shard.sweep(&world, what, out);
        }
    }

    fn verdict(&mut self, alert: &AlertId, tenant: &str, identity: &str, verdict: Verdict) {
        let fingerprint = self.fingerprinter.of(Kind::Identity, &[tenant, identity]);
        let world = World {
            config: &self.config,
            fingerprinter: &self.fingerprinter,
            snapshot: &self.snapshot,
            nobody: &self.nobody,
            clocks: &self.clocks,
        };
        if let Some(shard) = self.shards.get_mut(shard_of(fingerprint, SHARDS)) {
            shard.settle(&world, fingerprint, alert, verdict);
        }
        self.governor.settle(alert, verdict);
        self.alternatives.settle(alert, verdict);
    }
}
