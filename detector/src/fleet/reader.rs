//! What the fleet tells everybody: its log and its alerts, read by a thread of its own and handed over in order.

use std::thread;

use models::event::Timestamp;
use tokio::sync::mpsc;

use super::clients::{Clients, FleetError};
use super::topics::Topic;
use crate::service::Stopping;

/// Records between a reader and the thread that owns the state. When it is full, the reader waits: the topic keeps the rest.
const QUEUE: usize = 1024;
/// Most records that are read before they are handed over.
const CHUNK: i64 = 512;

/// One record that was told.
#[derive(Debug)]
pub enum Told {
    /// An entry of the fleet's log.
    Entry {
        /// Its offset.
        offset: i64,
        /// When the log took it.
        appended: Timestamp,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// An alert of a partition.
    Alert {
        /// Of which.
        partition: i32,
        /// Its offset there.
        offset: i64,
        /// Its JSON.
        body: Vec<u8>,
    },
}

/// Where told records come out.
pub type Ear = mpsc::Receiver<Told>;

/// A queue for what is told.
pub fn queue() -> (mpsc::Sender<Told>, Ear) {
    mpsc::channel(QUEUE)
}

/// Reads the fleet's log from an offset until the service stops.
///
/// # Errors
/// When there can be no further thread.
pub fn log(clients: Clients, from: i64, out: mpsc::Sender<Told>, stopping: Stopping) -> std::io::Result<()> {
    let told = move |_: i32, offset, appended, value: &[u8]| Told::Entry { offset, appended, bytes: value.to_vec() };
    follow("fleet-log", clients, Topic::Log, vec![(0, from)], told, out, stopping)
}

/// Reads the alerts of all partitions from these offsets until the service stops.
///
/// # Errors
/// When there can be no further thread.
pub fn alerts(
    clients: Clients,
    from: Vec<(i32, i64)>,
    out: mpsc::Sender<Told>,
    stopping: Stopping,
) -> std::io::Result<()> {
    let told = move |partition, offset, _, value: &[u8]| Told::Alert { partition, offset, body: value.to_vec() };
    follow("fleet-alerts", clients, Topic::Alerts, from, told, out, stopping)
}

fn follow(
    name: &str,
    clients: Clients,
    topic: Topic,
    from: Vec<(i32, i64)>,
    told: impl Fn(i32, i64, Timestamp, &[u8]) -> Told + Send + 'static,
    out: mpsc::Sender<Told>,
    stopping: Stopping,
) -> std::io::Result<()> {
    let name = name.to_owned();
    thread::Builder::new().name(name).spawn(move || {
        let mut from = from;
        while !stopping.is_requested() && !out.is_closed() {
            if let Err(error) = read(&clients, topic, &mut from, &told, &out, &stopping) {
                // The client reconnects by itself; what it cannot mend is tried again from where we are.
                tracing::warn!(%error, "the fleet cannot be heard; trying again");
            }
        }
    })?;
    Ok(())
}

fn read(
    clients: &Clients,
    topic: Topic,
    from: &mut [(i32, i64)],
    told: &impl Fn(i32, i64, Timestamp, &[u8]) -> Told,
    out: &mpsc::Sender<Told>,
    stopping: &Stopping,
) -> Result<(), FleetError> {
    let mut reading = clients.follow(&clients.topic(topic), from)?;
    while !stopping.is_requested() && !out.is_closed() {
        let mut left = CHUNK;
        while left > 0
            && let Some((partition, offset, appended, value)) = reading.next_record()?
        {
            left -= 1;
            if out.blocking_send(told(partition, offset, appended, &value)).is_err() {
                return Ok(());
            }
            if let Some((_, at)) = from.iter_mut().find(|(known, _)| *known == partition) {
                *at = offset + 1;
            }
        }
    }
    Ok(())
}
