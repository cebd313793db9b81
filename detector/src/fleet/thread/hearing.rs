//! What the fleet tells everybody is heard: entries of its log, and alerts.

use std::sync::Arc;

use models::alert::Alert;
use models::engine::{Order, Output};
use models::event::Timestamp;

use super::{FleetThread, Slot};
use crate::fleet::log::{IMAGE_EVERY, decoded};
use crate::fleet::reader::{Ear, Told};
use crate::fleet::topics::Topic;
use crate::service::EndError;
use crate::store::commit::{Act, Granted, Ruling};

impl FleetThread {
    pub(super) fn hear_all(&mut self, first: Told, ear: &mut Ear) -> Result<(), EndError> {
        let mut told = Some(first);
        while let Some(next) = told {
            match next {
                Told::Entry { offset, appended, bytes } => self.hear(offset, appended, &bytes)?,
                Told::Alert { partition, offset, body } => self.alert(partition, offset, &body),
            }
            told = ear.try_recv().ok();
        }
        self.uncommitted = true;
        self.restore_waiting();
        Ok(())
    }

    pub(super) fn hear(&mut self, offset: i64, appended: Timestamp, bytes: &[u8]) -> Result<(), EndError> {
        let Some(entry) = decoded(offset, bytes)? else { return Ok(()) };
        let heard = self.log.take(offset, appended, entry);
        let key = (Arc::clone(&self.names[0]), 0);
        let new = self.stored.get(&key).is_none_or(|stored| offset >= *stored);
        if new {
            self.pending.positions.insert(key, offset + 1);
            let owned = |partition: i32| matches!(self.partitions.get(&partition), Some(Slot::Running(_)));
            for output in heard.outputs {
                match (output, heard.partition) {
                    (Output::Revocation(revocation), Some(partition)) => {
                        let (owned, at_ms) = (owned(partition), appended.as_nanos() / 1_000_000);
                        self.pending.granted.push(Granted { partition, owned, at_ms, revocation: *revocation });
                    }
                    (output, _) => self.pending.take(output),
                }
            }
            self.pending.rulings.extend(heard.order.map(ruling));
        }
        if self.log.at() % IMAGE_EVERY == 0 && self.partitions.contains_key(&0) {
            self.write_image();
        }
        Ok(())
    }

    /// In the background: an image is only a shorter way to the same state.
    pub(super) fn write_image(&self) {
        let (clients, image) = (self.clients.clone(), [self.log.image()]);
        tokio::spawn(async move {
            if let Err(error) = clients.write(&clients.topic(Topic::Snapshots), Some(0), &image).await {
                tracing::warn!(%error, "an image of what the fleet shares could not be written");
            }
        });
    }

    pub(super) fn alert(&mut self, partition: i32, offset: i64, body: &[u8]) {
        match serde_json::from_slice::<Alert>(body) {
            Ok(alert) => self.pending.take(Output::Alert(Box::new(alert))),
            Err(error) => {
                tracing::error!(%error, partition, offset, "an alert of the fleet cannot be read; use one version");
            }
        }
        self.pending.positions.insert((Arc::clone(&self.names[1]), partition), offset + 1);
    }
}

fn ruling(order: Order) -> Ruling {
    match order {
        Order::Verdict { alert, verdict, note, by, at_ms, .. } => {
            Ruling { by, at_ms, act: Act::Verdict { alert, verdict, note } }
        }
        Order::ReleaseBrake { by, at_ms } => Ruling { by, at_ms, act: Act::ReleaseBrake },
    }
}
