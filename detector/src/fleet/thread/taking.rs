//! Events of the fleet's topic are taken; what came another way is passed on to it.

use std::sync::Arc;
use std::time::Instant;

use models::engine::{Input, Phase};
use models::event::{Rejection, Timestamp};

use super::{FleetThread, RETRY, Slot};
use crate::fleet::clients::Forward;
use crate::source::{Batch, Item};
use crate::store::quarantine::Rejected;

impl FleetThread {
    pub(super) async fn take(&mut self, batch: Batch) {
        if !batch.lease.holds() {
            return;
        }
        if batch.source != self.events {
            return self.forward(batch).await;
        }
        let Some(Slot::Running { partition, lease, .. }) = self.partitions.get_mut(&batch.partition) else { return };
        if !lease.is(&batch.lease) {
            return;
        }
        let telemetry = self.app.telemetry();
        for item in batch.items {
            if !partition.advance(item.position) {
                continue;
            }
            partition.counts.consumed += 1;
            match item.decode() {
                Ok(decoded) => {
                    partition.counts.unknown_fields += u64::from(decoded.unknown_fields);
                    let arrival = (item.received_at > 0).then(|| Timestamp::from_millis(item.received_at));
                    let (trust, phase, clock) = (item.trust, Phase::Live, batch.partition.unsigned_abs());
                    let started = Instant::now();
                    partition.handle(
                        Input::Event { event: &decoded.event, trust, arrival, phase, partition: clock },
                        &mut self.outputs,
                    );
                    telemetry.scored(started.elapsed());
                }
                Err(rejection) => {
                    partition.counts.quarantined += 1;
                    telemetry.quarantined(rejection.code);
                    partition.rejected.push(rejected(&self.events, batch.partition, item, rejection));
                }
            }
        }
    }

    /// What came over HTTP or from a file belongs to whoever owns the identity: it is passed on to the topic.
    pub(super) async fn forward(&mut self, batch: Batch) {
        let key = (Arc::clone(&batch.source), batch.partition);
        let taken = self.pending.positions.get(&key).or_else(|| self.stored.get(&key)).copied().unwrap_or(i64::MIN);
        let (mut next, mut events) = (taken, Vec::new());
        for item in batch.items.into_iter().filter(|item| item.position >= taken) {
            next = item.position.saturating_add(1);
            match item.decode() {
                Ok(decoded) => {
                    let (identity, trust) = (decoded.event.identity, item.trust);
                    events.push(Forward { identity, trust, event: item.into_raw() });
                }
                Err(rejection) => {
                    self.pending.counts.consumed += 1;
                    self.pending.counts.quarantined += 1;
                    self.app.telemetry().quarantined(rejection.code);
                    self.pending.rejected.push(rejected(&batch.source, batch.partition, item, rejection));
                }
            }
        }
        while let Err(error) = self.clients.forward(&events).await {
            tracing::warn!(%error, "events that came here cannot be passed on; trying again");
            if self.stopping.is_requested() {
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
        self.pending.positions.insert(key, next);
        self.uncommitted.get_or_insert_with(Instant::now);
    }
}

fn rejected(source: &Arc<str>, partition: i32, item: Item, rejection: Rejection) -> Rejected {
    let (source, position, received_at) = (Arc::clone(source), item.position, item.received_at);
    Rejected { source, partition, position, received_at, rejection, raw: item.into_raw() }
}
