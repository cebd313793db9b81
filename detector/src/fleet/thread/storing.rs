//! State goes to the changelog, and what was heard to the database of this process.

use std::time::Instant;

use tokio::task::JoinSet;

use super::{FLUSH_AFTER, FLUSH_EVENTS, FleetThread, RETRY, Reply, Slot};
use crate::app::State;
use crate::fleet::clients::FleetError;
use crate::fleet::handover::Reading;
use crate::service::EndError;
use crate::store::StoreError;

impl FleetThread {
    pub(super) fn is_due(&self, nothing_waits: bool) -> bool {
        let events = self
            .since
            .is_some_and(|since| nothing_waits || self.unflushed >= FLUSH_EVENTS || since.elapsed() >= FLUSH_AFTER);
        // Whoever has nothing to store still wants to know what others have learned.
        events || (self.since.is_none() && self.members().any(|partition| partition.is_due(&self.log)))
    }

    /// Flushes these partitions (`None`: all) that have something to store. One that fails is claimed again.
    pub(super) async fn flush(&mut self, only: Option<&[i32]>) -> Result<(), EndError> {
        let wanted = |number: i32| only.is_none_or(|only| only.contains(&number));
        let mut rejected = Vec::new();
        let mut flushes = JoinSet::new();
        for (number, slot) in &mut self.partitions {
            let Slot::Running(partition, _) = slot else { continue };
            if !wanted(*number) || !partition.is_due(&self.log) {
                continue;
            }
            rejected.append(&mut partition.rejected);
            if let Some(flush) = partition.flush(&self.log) {
                let clients = self.clients.clone();
                flushes.spawn(async move { (flush.number(), flush.write(&clients).await) });
            }
        }
        if only.is_none() {
            (self.unflushed, self.since) = (0, None);
        }
        if flushes.is_empty() {
            return Ok(());
        }
        // Before the state that has gone past it: a repeat is recognised by its position.
        if !rejected.is_empty() {
            self.pending.rejected.append(&mut rejected);
            self.commit().await?;
        }
        while let Some(flushed) = flushes.join_next().await {
            let Ok((number, written)) = flushed else { continue };
            self.flushed(number, written);
        }
        self.uncommitted = true;
        Ok(())
    }

    pub(super) fn flushed(&mut self, number: i32, written: Result<models::changelog::Writer, FleetError>) {
        let Some(Slot::Running(partition, _)) = self.partitions.get_mut(&number) else { return };
        match written {
            Ok(writer) => {
                partition.flushed(writer);
                self.pending.counts.add(std::mem::take(&mut partition.counts));
                let next = partition.next();
                self.publish_position(number, next);
            }
            Err(error) => {
                tracing::warn!(%error, partition = number, "a flush is not known to be stored; the partition is claimed again");
                let _ = self.owner.readings.send(Reading::Pause(number));
                self.restore(number, RETRY);
            }
        }
    }

    /// What was heard and passed on becomes durable here, for the console and the webhooks of this process.
    pub(super) async fn commit(&mut self) -> Result<(), EndError> {
        while let Err(error) = self.try_commit() {
            tracing::error!(%error, "nothing more is taken until the database can be written");
            self.store.failing(error.to_string());
            if self.stopping.is_requested() {
                return Err(error.into());
            }
            tokio::time::sleep(RETRY).await;
        }
        Ok(())
    }

    pub(super) fn try_commit(&mut self) -> Result<(), StoreError> {
        let started = Instant::now();
        let (pending, endpoints, now_ms) = (&self.pending, &self.app.config().webhooks, self.app.now_ms());
        let committed = self.app.store().write(|tx| pending.write(tx, endpoints, now_ms))?;
        let done = std::mem::take(&mut self.pending);
        self.uncommitted = false;
        self.store.set(State::Running);
        let telemetry = self.app.telemetry();
        telemetry.committed(done.counts, started.elapsed());
        for (severity, n) in committed.opened {
            telemetry.alerts(severity, n);
        }
        if committed.requested > 0 {
            telemetry.revocations("requested", committed.requested);
        }
        self.stored.extend(done.positions.iter().map(|(key, at)| (key.clone(), *at)));
        self.app.publish_positions(&done.positions);
        self.app.publish_feed(committed.feed);
        let later = self.ordered.split_off(&self.log.at());
        for reply in std::mem::replace(&mut self.ordered, later).into_values() {
            match reply {
                Reply::Verdict(reply) => drop(reply.send(Ok(()))),
                Reply::Brake(reply) => drop(reply.send(())),
            }
        }
        Ok(())
    }
}
