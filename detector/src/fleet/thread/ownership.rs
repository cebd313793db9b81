//! Partitions come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::{FleetThread, RETRY, Slot};
use crate::fleet::error::FleetError;
use crate::fleet::handover::{Change, Reading};
use crate::fleet::partition::Partition;
use crate::fleet::restore::{Progress, restore};
use crate::service::EndError;
use crate::source::Lease;

impl FleetThread {
    pub(super) async fn change(&mut self, change: Change) -> Result<(), EndError> {
        match change {
            Change::Assigned(partitions) => {
                self.waiting.extend(partitions);
                self.restore_waiting();
            }
            Change::Revoked { partitions, done } => self.give_up(&partitions, &done).await?,
        }
        self.status();
        Ok(())
    }

    pub(super) async fn give_up(&mut self, partitions: &[i32], done: &SyncSender<()>) -> Result<(), EndError> {
        self.waiting.retain(|waiting| !partitions.contains(waiting));
        self.settle(Some(partitions)).await?;
        for number in partitions {
            self.partitions.remove(number);
            if let Some(standby) = &self.standby {
                standby.give_back(*number);
            }
        }
        // Nobody waits any more: the broker was faster.
        let _ = done.try_send(());
        Ok(())
    }

    pub(super) fn restore_waiting(&mut self) {
        if self.log.at() < self.log_end {
            return;
        }
        for number in std::mem::take(&mut self.waiting) {
            self.restore(number, Duration::ZERO);
        }
    }

    pub(super) fn restore(&mut self, number: i32, after: Duration) {
        self.attempts += 1;
        let (attempt, progress) = (self.attempts, Progress::default());
        self.partitions.insert(number, Slot::Restoring { attempt, progress: progress.clone() });
        let (clients, config) = (self.clients.clone(), self.app.config().engine.clone());
        let (recent, at, runtime) = (self.log.recent().clone(), self.log.at(), Handle::current());
        let warm = self.standby.as_ref().map(|standby| standby.take(number)).unwrap_or_default();
        self.restores.spawn_blocking(move || {
            thread::sleep(after);
            let started = Instant::now();
            let restored = restore(&clients, &config, number, warm, (&recent, at), &progress, &runtime);
            tracing::info!(
                partition = number,
                records = progress.get().0,
                seconds = started.elapsed().as_secs_f64(),
                "read the changelog"
            );
            (number, attempt, restored)
        });
    }

    pub(super) fn restored(&mut self, number: i32, attempt: u64, restored: Result<Partition, FleetError>) {
        // Given away meanwhile, or given away and back.
        if !matches!(self.partitions.get(&number), Some(Slot::Restoring { attempt: current, .. }) if *current == attempt)
        {
            return;
        }
        match restored {
            Ok(partition) => {
                self.publish_position(number, partition.next());
                // The reader may have ended with the service.
                let lease = Lease::default();
                let _ = self.owner.readings.send(Reading::Resume(number, partition.next(), lease.clone()));
                let partition = Box::new(partition);
                self.partitions.insert(number, Slot::Running { attempt, partition, lease });
                self.pending.adopted.push(number);
                self.uncommitted.get_or_insert_with(Instant::now);
            }
            Err(error) => {
                tracing::warn!(%error, partition = number, "a partition could not be taken over; trying again");
                self.restore(number, RETRY);
            }
        }
        self.status();
    }

    pub(super) fn publish_position(&self, number: i32, next: i64) {
        self.app.publish_positions(&BTreeMap::from([((Arc::clone(&self.events), number), next)]));
    }
}
