//! What the fleet tells everybody is heard: entries of its log, and alerts.

use std::time::Instant;

use models::engine::{Order, Output};
use serde::de::DeserializeOwned;

use super::{FleetThread, Slot, name_of};
use crate::fleet::log::{IMAGE_EVERY, decoded};
use crate::fleet::reader::{Ear, Told};
use crate::fleet::states::Settled;
use crate::fleet::topics::Topic;
use crate::service::EndError;
use crate::store::commit::{Act, Granted, Heard, Ruling};

impl FleetThread {
    pub(super) fn hear_all(&mut self, first: Told, ear: &mut Ear) -> Result<(), EndError> {
        let mut told = Some(first);
        while let Some(next) = told {
            match next.topic {
                Topic::Log => self.hear(&next)?,
                Topic::Alerts => {
                    if let Some(alert) = read(&next) {
                        self.pending.take(Output::Alert(Box::new(alert)));
                    }
                }
                Topic::Revocations => self.pending.told.extend(read(&next)),
                Topic::Verdicts => {
                    self.pending.settled.extend(read(&next).map(|settled| (settled, Heard::Topic)));
                }
                Topic::Changelog | Topic::Snapshots => {}
            }
            // The log is heard from an image on, which is older than what is stored: a position never goes back.
            if self.position(next.topic, next.partition).is_none_or(|stored| next.offset >= stored) {
                self.pending.positions.insert((name_of(&self.clients, next.topic), next.partition), next.offset + 1);
            }
            told = ear.try_recv().ok();
        }
        self.uncommitted.get_or_insert_with(Instant::now);
        self.restore_waiting();
        Ok(())
    }

    fn hear(&mut self, told: &Told) -> Result<(), EndError> {
        let Some(entry) = decoded(told.offset, &told.value)? else { return Ok(()) };
        // What was heard before the last commit is in the database already; only the copy needs it again.
        let new = self.position(Topic::Log, 0).is_none_or(|stored| told.offset >= stored);
        let heard = self.log.take(told.offset, told.appended, entry);
        if new {
            let owned = |partition: i32| matches!(self.partitions.get(&partition), Some(Slot::Running { .. }));
            for output in heard.outputs {
                match (output, heard.partition) {
                    (Output::Revocation(revocation), Some(partition)) => {
                        let (owned, at_ms) = (owned(partition), told.appended.as_nanos() / 1_000_000);
                        self.pending.granted.push(Granted { partition, owned, at_ms, revocation: *revocation });
                    }
                    (output, _) => self.pending.take(output),
                }
            }
            if let Some(order) = heard.order {
                self.ruled(told.offset, order);
            }
            if self.log.at() % IMAGE_EVERY == 0 && self.partitions.contains_key(&0) {
                self.write_image();
            }
        }
        Ok(())
    }

    /// In the background: an image is only a shorter way to the same state.
    fn write_image(&self) {
        let (clients, image) = (self.clients.clone(), [self.log.image()]);
        tokio::spawn(async move {
            if let Err(error) = clients.write(&clients.topic(Topic::Snapshots), Some(0), &image).await {
                tracing::warn!(%error, "an image of what the fleet shares could not be written");
            }
        });
    }

    /// What a person decided is shown and audited by every process.
    fn ruled(&mut self, offset: i64, order: Order) {
        let (by, at_ms, act) = match order {
            Order::Verdict { alert, verdict, note, by, at_ms, .. } => {
                let here = self.ordered.contains_key(&offset);
                let (shown, reason, who) = (alert.clone(), note.clone(), by.clone());
                let settled = Settled { alert: shown, verdict, note: reason, by: who, at: at_ms };
                self.pending.settled.push((settled, Heard::Log { here }));
                (by, at_ms, Act::Verdict { alert, verdict, note })
            }
            Order::ReleaseBrake { by, at_ms } => (by, at_ms, Act::ReleaseBrake),
        };
        self.pending.rulings.push(Ruling { by, at_ms, act });
    }
}

/// What consoles are told; `None`, with a line in the log, if this version does not write such.
fn read<T: DeserializeOwned>(told: &Told) -> Option<T> {
    let Told { topic, partition, offset, .. } = told;
    serde_json::from_slice(&told.value)
        .inspect_err(|error| {
            tracing::error!(%error, ?topic, partition, offset, "what the fleet tells cannot be read; use one version");
        })
        .ok()
}
