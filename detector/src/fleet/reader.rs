//! What the fleet tells everybody: its log, its alerts and how far revocations have come, each topic read by a thread of its own.

use std::thread;

use models::event::Timestamp;
use rdkafka::message::Message as _;
use tokio::sync::mpsc;

use super::clients::{Clients, appended};
use super::error::FleetError;
use super::topics::Topic;
use crate::service::Stopping;

/// Records between a reader and the thread that owns the state. When it is full, the reader waits: the topic keeps the rest.
const QUEUE: usize = 1024;

/// One record that was told.
#[derive(Debug)]
pub struct Told {
    /// Where.
    pub topic: Topic,
    /// In which partition of it.
    pub partition: i32,
    /// At which offset there.
    pub offset: i64,
    /// When the topic took it.
    pub appended: Timestamp,
    /// What.
    pub value: Vec<u8>,
}

/// Where told records come out.
pub type Ear = mpsc::Receiver<Told>;

/// A queue for what is told.
pub fn queue() -> (mpsc::Sender<Told>, Ear) {
    mpsc::channel(QUEUE)
}

/// Reads one of the fleet's topics from these offsets until the service stops.
///
/// # Errors
/// When there can be no further thread.
pub fn follow(
    clients: Clients,
    topic: Topic,
    from: Vec<(i32, i64)>,
    out: mpsc::Sender<Told>,
    stopping: Stopping,
) -> std::io::Result<()> {
    thread::Builder::new().name(format!("fleet-{topic:?}").to_lowercase()).spawn(move || {
        let mut from = from;
        while !stopping.is_requested() && !out.is_closed() {
            if let Err(error) = read(&clients, topic, &mut from, &out, &stopping) {
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
    out: &mpsc::Sender<Told>,
    stopping: &Stopping,
) -> Result<(), FleetError> {
    let mut reading = clients.follow(&clients.topic(topic), from)?;
    while !stopping.is_requested() && !out.is_closed() {
        reading.next_record(|record| {
            // Nobody hears any more: the service stops.
            let _ = out.blocking_send(Told {
                topic,
                partition: record.partition(),
                offset: record.offset(),
                appended: appended(record),
                value: record.payload().unwrap_or_default().to_vec(),
            });
            if let Some((_, at)) = from.iter_mut().find(|(known, _)| *known == record.partition()) {
                *at = record.offset() + 1;
            }
        })?;
    }
    Ok(())
}
