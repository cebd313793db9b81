//! From a changelog partition to a partition that can go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use models::changelog::{Committed, Fold, PART_BYTES, Restored};
use models::config::CheckedConfig;
use models::engine::Member;
use rand::rngs::OsRng;
use rand::{RngCore as _, TryRngCore as _};
use rdkafka::message::{BorrowedMessage, Message as _};
use tokio::runtime::Handle;

use super::clients::{Clients, Put};
use super::error::FleetError;
use super::log::{Log, Recent};
use super::partition::{Partition, Stored};
use super::topics::Topic;
use super::wire::{self, Outputs};

/// What a restore has done so far, for people.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<[AtomicU64; 2]>);

impl Progress {
    fn set(&self, read: i64, of: i64) {
        self.0[0].store(read.max(0).cast_unsigned(), Ordering::Relaxed);
        self.0[1].store(of.max(0).cast_unsigned(), Ordering::Relaxed);
    }

    /// Records of the changelog that were read, and how far it reaches.
    pub fn get(&self) -> (u64, u64) {
        (self.0[0].load(Ordering::Relaxed), self.0[1].load(Ordering::Relaxed))
    }
}

/// Claims a partition, restores what was committed last, and tells its outputs again. Blocks. `warm` is what has been read of its
/// changelog already; `recent` reaches up to `at` in the fleet's log.
///
/// # Errors
/// When a topic cannot be read or written, or what is in it cannot be used.
pub fn restore(
    clients: &Clients,
    config: &CheckedConfig,
    number: i32,
    warm: Fold,
    (recent, at): (&Recent, i64),
    progress: &Progress,
    runtime: &Handle,
) -> Result<Partition, FleetError> {
    let (restored, committed) = claim(clients, number, warm, progress, runtime)?;
    let Restored { blobs, turn } = restored;
    let (turns, blobs): (Vec<_>, Vec<_>) =
        blobs.into_iter().partition(|(key, blob)| wire::turn_of(key, blob).is_some());
    let known = turn.map_or(at, |turn| turn.fleet);
    let past;
    let missed = if recent.view(known).is_some() {
        recent
    } else {
        past = Log::past(clients, config, known, at)?;
        &past
    };
    let view = missed.view(known).cloned().ok_or_else(|| FleetError::Silent(clients.topic(Topic::Log)))?;
    let partition = u32::try_from(number).unwrap_or_default();
    let member = Member::restore(config.clone(), partition, &view, blobs)?;
    let outputs = Outputs::decode(committed.outputs())?;
    runtime.block_on(tell(clients, number, &outputs))?;
    let stored = Stored {
        next: turn.map_or(0, |turn| turn.next),
        view,
        turns: turns.iter().filter_map(|(key, blob)| wire::turn_of(key, blob)).collect(),
        missed: missed.orders(known, at).cloned().collect(),
        heard: at,
    };
    Ok(Partition::new(number, member, committed.told(), stored))
}

fn claim(
    clients: &Clients,
    number: i32,
    mut fold: Fold,
    progress: &Progress,
    runtime: &Handle,
) -> Result<(Restored, Committed), FleetError> {
    let topic = clients.topic(Topic::Changelog);
    let mut reading = clients.read(&topic, number, (fold.position() > 0).then(|| fold.position()))?;
    loop {
        let end = reading.end()?;
        reading.until(end, |record| {
            progress.set(record.offset() + 1, end);
            fold_in(&mut fold, record)
        })?;
        let nonce = OsRng.unwrap_err().next_u64();
        let claim = fold.claim(nonce);
        let claim = [Put { key: claim.key, value: claim.value }];
        let offsets = runtime.block_on(clients.write(&topic, Some(number), &claim))?;
        let claimed = offsets.first().copied().unwrap_or_default() + 1;
        reading.until(claimed, |record| fold_in(&mut fold, record))?;
        if fold.owner().is_some_and(|owner| owner.nonce == nonce) && fold.position() == claimed {
            return Ok(fold.into_owned(nonce, PART_BYTES)?);
        }
    }
}

/// Takes a record of a changelog.
pub(super) fn fold_in(fold: &mut Fold, record: &BorrowedMessage<'_>) -> Result<(), FleetError> {
    Ok(fold.take(record.offset(), record.key().unwrap_or_default(), record.payload())?)
}

/// Tells the outputs of a flush, and waits until they are acknowledged.
///
/// # Errors
/// When they are not.
pub async fn tell(clients: &Clients, number: i32, outputs: &Outputs) -> Result<(), FleetError> {
    let (topics, alerts, reports) = ([Topic::Alerts, Topic::Log], outputs.alert_records(), outputs.report_records());
    let [to_alerts, to_log] = topics.map(|topic| clients.topic(topic));
    // Beside each other: whoever hears of a revocation before its alert looks it up when the alert comes.
    tokio::try_join!(clients.write(&to_alerts, Some(number), &alerts), clients.write(&to_log, Some(0), &reports))?;
    Ok(())
}
