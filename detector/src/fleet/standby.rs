//! Warm copies of the changelogs of partitions that others own, so that taking one over means reading only what came last.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use models::changelog::Fold;
use rdkafka::message::Message as _;

use super::clients::Clients;
use super::error::FleetError;
use super::restore::fold_in;
use super::topics::Topic;
use crate::service::Stopping;

/// The copies. Memory: the live state of each partition that is not ours.
#[derive(Debug, Clone, Default)]
pub struct Standby(Arc<Mutex<Copies>>);

#[derive(Debug, Default)]
struct Copies {
    folds: BTreeMap<i32, Fold>,
    /// Grows when partitions come or go, so that the reader reads others.
    version: u64,
}

impl Standby {
    /// Starts to follow these partitions.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn start(clients: Clients, partitions: i32, stopping: Stopping) -> std::io::Result<Self> {
        let standby = Self::default();
        (0..partitions).for_each(|number| standby.give_back(number));
        let copies = standby.clone();
        thread::Builder::new().name("fleet-standby".to_owned()).spawn(move || {
            while !stopping.is_requested() {
                if let Err(error) = copies.follow(&clients, &stopping) {
                    tracing::warn!(%error, "the changelogs of others cannot be followed; trying again");
                }
            }
        })?;
        Ok(standby)
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been read of a partition that is ours from now on; nothing without standby.
    pub fn take(&self, number: i32) -> Fold {
        let mut copies = self.copies();
        copies.version += 1;
        copies.folds.remove(&number).unwrap_or_default()
    }

    /// A partition is not ours any more: it is read again, from its beginning.
    pub fn give_back(&self, number: i32) {
        let mut copies = self.copies();
        copies.version += 1;
        copies.folds.insert(number, Fold::default());
    }

    /// Reads until the partitions change.
    fn follow(&self, clients: &Clients, stopping: &Stopping) -> Result<(), FleetError> {
        let (from, version): (Vec<_>, u64) = {
            let copies = self.copies();
            (copies.folds.iter().map(|(number, fold)| (*number, fold.position())).collect(), copies.version)
        };
        let mut reading = clients.follow(&clients.topic(Topic::Changelog), &from)?;
        while !stopping.is_requested() && self.copies().version == version {
            reading.next_record(|record| {
                let mut copies = self.copies();
                if copies.version != version {
                    return;
                }
                let Some(fold) = copies.folds.get_mut(&record.partition()) else { return };
                if let Err(error) = fold_in(fold, record) {
                    // Compaction works on while one reads; who needs the partition reads it anew and sees.
                    tracing::info!(%error, partition = record.partition(), "a warm copy is begun anew");
                    copies.folds.insert(record.partition(), Fold::default());
                    copies.version += 1;
                }
            })?;
        }
        Ok(())
    }
}
