//! A shard owns its identities: each event of one identity is handled here, in order, without locks.

use super::Output;
use super::Phase;
use super::clock::Clocks;
use super::exemplar::Exemplars;
use super::handling::Handling;
use super::names::Names;
use super::review::Review;
use super::state::{History, ID_SLOTS, IdentityState};
use super::verdict::Verdicts;
use crate::alert::AlertId;
use crate::assessment::{Assessment, Decision, Outcome};
use crate::baseline::{Baseline, Minute};
use crate::calibration::{Pending, Snapshot, TenantModel};
use crate::config::CheckedConfig;
use crate::decision::Verdict;
use crate::dimension::Dimension;
use crate::estimator::drift::FrozenReference;
use crate::estimator::exceedance::Exceedances;
use crate::estimator::recent::RecentSet;
use crate::event::{Event, Timestamp};
use crate::fingerprint::{FingerprintMap, Fingerprinter, Kind, mix};
use crate::peers::group_of;

/// What a shard needs to know of the world; constant while it handles an event.
pub(super) struct World<'a> {
    pub config: &'a CheckedConfig,
    pub fingerprinter: &'a Fingerprinter,
    pub snapshot: &'a Snapshot,
    pub nobody: &'a TenantModel,
    pub clocks: &'a Clocks,
}

impl World<'_> {
    /// What is shared within a tenant; nothing yet if it is not known.
    pub(super) fn tenant(&self, fingerprint: u64) -> &TenantModel {
        self.snapshot.tenant(fingerprint).unwrap_or(self.nobody)
    }
}

/// Whose event it is, where in the stream it stands, and when it happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub identity: u64,
    pub partition: u32,
    pub time: Timestamp,
    pub others: Others,
}

/// What other identities say about an event; `None` where nobody does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Others {
    /// Whether another identity used its credential last.
    pub credential_shared: Option<bool>,
    /// Whether its credential grants what that of its parent does not.
    pub beyond_parent: Option<bool>,
}

/// What a shard found out about one event.
pub(super) struct Assessed {
    pub assessment: Assessment,
    /// Where the identity is, if an episode is open and this event belongs to it.
    pub alarm: Option<Alarm>,
    /// What a person should look at, whatever the score.
    pub reviews: Vec<Review>,
    /// Whether the identity had not acted before on this day.
    pub first_of_day: bool,
    /// When it had acted before.
    pub last_seen: Option<Timestamp>,
}

/// An event of an open episode.
pub(super) struct Alarm {
    pub index: usize,
    /// Whether it opened the episode.
    pub opened: bool,
    /// Whether the evidence passes the revocation budget, and the session is beyond all past ones.
    pub revocable: bool,
    pub mature: bool,
}

/// What a sweep completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    /// Episodes that have been quiet until now.
    Episodes(Timestamp),
    /// By the clock of each partition, these and sessions that have been idle, and lessons cleared by time.
    Idle,
    /// And every session.
    All,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub state: Box<IdentityState>,
    dirty: bool,
    listed: bool,
}

/// The identities of one shard, and what they have learned since the last snapshot.
#[derive(Debug, Default)]
pub(super) struct Shard {
    index: FingerprintMap<u32>,
    pub slots: Vec<Slot>,
    /// Identities with live sessions, open episodes or waiting lessons.
    active: Vec<u32>,
    dirty: Vec<u32>,
    pub names: Names,
    pub pending: Pending,
}

impl Shard {
    pub(super) fn find(&self, fingerprint: u64) -> Option<&Slot> {
        self.slots.get(*self.index.get(&fingerprint)? as usize)
    }

    pub(super) fn insert(&mut self, state: Box<IdentityState>) -> usize {
        let at = self.slots.len();
        self.index.insert(state.fingerprint, at as u32);
        let active = !state.live.is_empty() || state.episode.is_some() || !state.waiting.is_empty();
        self.slots.push(Slot { state, dirty: false, listed: active });
        if active {
            self.active.push(at as u32);
        }
        at
    }

    fn open(&mut self, world: &World<'_>, place: Place, event: &Event) -> usize {
        let Place { identity: fingerprint, partition, time, .. } = place;
        if let Some(at) = self.index.get(&fingerprint) {
            return *at as usize;
        }
        let f = world.fingerprinter;
        self.insert(Box::new(IdentityState {
            fingerprint,
            partition,
            identity: event.identity.clone(),
            tenant: event.tenant.clone(),
            tenant_fingerprint: f.of(Kind::Tenant, &[&event.tenant]),
            group: f.of(Kind::Group, &[&event.tenant, group_of(&event.identity)]),
            behaviour: None,
            first_seen: time,
            last_seen: time,
            decayed: time,
            day: i64::MIN,
            events: 0,
            minute: Minute::default(),
            baseline: Baseline::default(),
            history: History::default(),
            ids: RecentSet::new(),
            across: [0.0; 2],
            habits: Exceedances::default(),
            exemplars: Exemplars::default(),
            drift: FrozenReference::default(),
            revision: 0,
            regime_until: None,
            granted: Vec::new(),
            notices: RecentSet::new(),
            live: Vec::new(),
            waiting: Vec::new(),
            verdicts: Verdicts::default(),
            episode: None,
        }))
    }

    pub(super) fn touch(&mut self, at: usize) {
        if let Some(slot) = self.slots.get_mut(at) {
            if !slot.dirty {
                slot.dirty = true;
                self.dirty.push(at as u32);
            }
            if !slot.listed {
                slot.listed = true;
                self.active.push(at as u32);
            }
        }
    }

    /// The identities changed since the last call, in the order in which they first changed.
    pub(super) fn take_dirty(&mut self) -> Vec<u32> {
        for at in &self.dirty {
            if let Some(slot) = self.slots.get_mut(*at as usize) {
                slot.dirty = false;
            }
        }
        std::mem::take(&mut self.dirty)
    }

    /// Handles one event of one of its identities.
    pub(super) fn assess(
        &mut self,
        world: &World<'_>,
        place: Place,
        event: &Event,
        phase: Phase,
        out: &mut Vec<Output>,
    ) -> Assessed {
        let at = self.open(world, place, event);
        let time = place.time;
        let lateness = world.config.settings().lateness.0;
        let id = world.fingerprinter.of(Kind::EventId, &[&event.id]);
        let Some(slot) = self.slots.get_mut(at) else { return unscored(Outcome::Late, event) };
        let state = &mut *slot.state;
        if time < state.last_seen.saturating_sub(lateness) {
            return unscored(Outcome::Late, event);
        }
        if !state.ids.push(id, ID_SLOTS) {
            return unscored(Outcome::Duplicate, event);
        }
        state.partition = place.partition;
        self.touch(at);
        let Self { slots, names, pending, .. } = self;
        let Some(slot) = slots.get_mut(at) else { return unscored(Outcome::Late, event) };
        let mut identity = Handling { world, names, pending, state: &mut slot.state };
        identity.complete_idle(time, out);
        identity.event(event, place, phase, at)
    }

    /// Completes what is over.
    pub(super) fn sweep(&mut self, world: &World<'_>, what: Sweep, out: &mut Vec<Output>) {
        let mut active = std::mem::take(&mut self.active);
        // In an order that a restart does not change.
        active.sort_by_key(|at| self.slots.get(*at as usize).map(|slot| slot.state.fingerprint));
        for at in active {
            let Self { slots, names, pending, .. } = self;
            let Some(slot) = slots.get_mut(at as usize) else { continue };
            let partition = slot.state.partition;
            let mut identity = Handling { world, names, pending, state: &mut slot.state };
            let changed = match what {
                Sweep::Episodes(now) => identity.close_quiet_episode(now, out),
                Sweep::Idle => identity.complete_idle(world.clocks.of(partition), out),
                Sweep::All => identity.complete_all(out),
            };
            let state = &slot.state;
            slot.listed = !state.live.is_empty() || state.episode.is_some() || !state.waiting.is_empty();
            if slot.listed {
                self.active.push(at);
            }
            if changed && !slot.dirty {
                slot.dirty = true;
                self.dirty.push(at);
            }
        }
    }

    /// Applies a verdict: what waited for it is learned or forgotten.
    pub(super) fn settle(&mut self, world: &World<'_>, fingerprint: u64, alert: &AlertId, verdict: Verdict) {
        let Some(at) = self.index.get(&fingerprint).map(|at| *at as usize) else { return };
        self.touch(at);
        let Self { slots, names, pending, .. } = self;
        let Some(slot) = slots.get_mut(at) else { return };
        Handling { world, names, pending, state: &mut slot.state }.settle(alert, verdict);
    }
}

pub(super) fn unscored(outcome: Outcome, event: &Event) -> Assessed {
    Assessed {
        assessment: Assessment {
            outcome,
            session: event.session.clone().unwrap_or_default(),
            score: 0.0,
            p: 1.0,
            dimensions: [None; Dimension::COUNT],
            evidence: 0.0,
            history_sessions: 0,
            maturity: 0.0,
            decision: Decision::None,
            alert: None,
            learned: false,
        },
        alarm: None,
        reviews: Vec::new(),
        first_of_day: false,
        last_seen: None,
    }
}

/// The shard of an identity.
pub(super) fn shard_of(fingerprint: u64, shards: usize) -> usize {
    (mix(fingerprint, 0x5348) % shards as u64) as usize
}
