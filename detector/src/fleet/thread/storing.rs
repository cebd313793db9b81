//! State goes to the changelog, and what was heard to the database of this process.

use std::time::Instant;

use super::{FleetThread, RETRY, Reply, Slot};
use crate::fleet::error::FleetError;
use crate::fleet::handover::Reading;
use crate::fleet::log::Log;
use crate::fleet::partition::{Flushed, Partition};
use crate::service::EndError;
use crate::store::StoreError;

/// Of which partition, at which attempt to own it, and whether it was stored.
pub(super) type Written = (i32, u64, Result<models::changelog::Writer, FleetError>);

impl FleetThread {
    /// Flushes every partition whose time has come. Events go on being taken: they are in the next flush.
    pub(super) async fn flush_due(&mut self, nothing_waits: bool) -> Result<(), EndError> {
        self.flush(|partition, log| partition.is_due(log, nothing_waits)).await
    }

    /// Flushes these partitions (`None`: all) until nothing of them is left to store. One that fails is claimed again, and is not
    /// waited for.
    pub(super) async fn settle(&mut self, only: Option<&[i32]>) -> Result<(), EndError> {
        let wanted = |number: i32| only.is_none_or(|only| only.contains(&number));
        loop {
            self.flush(|partition, log| {
                wanted(partition.number()) && !partition.is_flushing() && partition.is_changed(log)
            })
            .await?;
            if !self.members().any(|partition| wanted(partition.number()) && partition.is_flushing()) {
                return Ok(());
            }
            match self.flushes.join_next().await {
                Some(written) => written.into_iter().for_each(|written| self.flushed(written)),
                None => return Ok(()),
            }
        }
    }

    async fn flush(&mut self, which: impl Fn(&Partition, &Log) -> bool) -> Result<(), EndError> {
        let (mut rejected, mut flushes) = (Vec::new(), Vec::new());
        for slot in self.partitions.values_mut() {
            let Slot::Running { attempt, partition, .. } = slot else { continue };
            if which(partition, &self.log) {
                rejected.append(&mut partition.rejected);
                flushes.extend(partition.flush(&self.log).map(|flush| (*attempt, flush)));
            }
        }
        // Before the state that goes past it: a repeat is recognised by its position.
        if !rejected.is_empty() {
            self.pending.rejected.append(&mut rejected);
            self.commit().await?;
        }
        for (attempt, flush) in flushes {
            let clients = self.clients.clone();
            self.flushes.spawn(async move { (flush.number(), attempt, flush.write(&clients).await) });
        }
        Ok(())
    }

    pub(super) fn flushed(&mut self, (number, attempt, written): Written) {
        let Some(Slot::Running { attempt: current, partition, .. }) = self.partitions.get_mut(&number) else { return };
        // Given away and back since: what has its own claim now is none of the old one's concern.
        if *current != attempt {
            return;
        }
        match written {
            Ok(writer) => {
                let Flushed { counts, next } = partition.flushed(writer);
                self.pending.counts.add(counts);
                self.uncommitted.get_or_insert_with(Instant::now);
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
        let stored = self.pending.commit(self.app.store(), &self.app.config().webhooks, self.app.now_ms())?;
        self.uncommitted = None;
        self.app.publish(&stored, started.elapsed(), &self.store);
        self.stored.extend(stored.pending.positions);
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
