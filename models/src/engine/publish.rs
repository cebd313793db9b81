//! What was learned becomes shared knowledge: by itself, or through the fleet.

use std::sync::Arc;

use super::shard::Sweep;
use super::{Engine, Output, SHARED_DECAY_EVERY, SHARED_HALF_LIFE, persist};
use crate::calibration::Pending;
use crate::event::Timestamp;

/// A part of what a shard has learned since the last snapshot.
#[derive(Debug)]
pub(super) struct Segment {
    pub shard: usize,
    /// The number under which a checkpoint has written it.
    pub written: Option<u32>,
    pub pending: Pending,
}

impl Engine {
    /// Publishes what has been learned so far at once, as at the end of an epoch, after completing every live session:
    /// between learning a baseline and scoring against it. Alerts that close on the way are appended to `out`.
    pub fn publish(&mut self, out: &mut Vec<Output>) {
        self.sweep(Sweep::All, out);
        self.publish_pending();
    }

    pub(super) fn publish_pending(&mut self) {
        let events = std::mem::take(&mut self.since_publish);
        // First what checkpoints have written, then the rest, each in shard order: the same after a restart.
        for (number, shard) in self.shards.iter_mut().enumerate() {
            if !shard.pending.is_empty() {
                let pending = std::mem::take(&mut shard.pending);
                self.set_aside.push(Segment { shard: number, written: None, pending });
            }
        }
        self.set_aside.sort_by_key(|segment| segment.shard);
        let mut learned: Vec<Pending> = Vec::new();
        let mut of = None;
        for segment in std::mem::take(&mut self.set_aside) {
            // The segments of a shard are learned as one: how often a checkpoint cut them changes nothing, to the last bit.
            match learned.last_mut().filter(|_| of == Some(segment.shard)) {
                Some(news) => news.append(segment.pending),
                None => learned.push(segment.pending),
            }
            of = Some(segment.shard);
            self.obsolete.extend(segment.written.map(|number| persist::segment_key(segment.shard, number)));
        }
        self.tell_sample();
        if let Some(member) = &mut self.member {
            return member.teach(learned, events, self.clocks.latest(), self.live_identity_days);
        }
        let snapshot = Arc::make_mut(&mut self.snapshot);
        for news in &learned {
            snapshot.learn(news);
        }
        let passed = self.clocks.latest().seconds_since(self.last_decay);
        if passed > SHARED_DECAY_EVERY {
            if self.last_decay != Timestamp::EPOCH {
                Arc::make_mut(&mut self.snapshot).decay((-passed / SHARED_HALF_LIFE).exp2());
            }
            self.last_decay = self.clocks.latest();
            self.regroup();
        }
        Arc::make_mut(&mut self.snapshot)
            .publish(self.config.settings().budget.false_alerts_per_1000_identity_days / 1e3);
        let identity_days = self.live_identity_days;
        self.governor.fill(identity_days, self.config.settings());
        self.alternatives.fill(identity_days);
        self.published = true;
    }

    /// In a fleet, once a day: what some identities do, before what has been learned, which may be what the groups wait for.
    fn tell_sample(&mut self) {
        let now = self.clocks.latest();
        let Some(round) = self.member.as_mut().and_then(|member| member.round_to_sample(now)) else { return };
        let sample = self.sample();
        if let Some(member) = &mut self.member {
            member.tell_sample(round, sample);
        }
    }
}
