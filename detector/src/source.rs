//! Where events come from: each source hands over raw bytes with positions, and learns from the committed positions what
//! has been taken for good.

mod envelope;
pub mod file;
pub mod http;
pub mod inbox;
pub mod ingest;
pub mod kafka;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use models::engine::Trust;
use models::event::{Decoded, Rejection, RejectionCode, Timestamp};

pub use envelope::Envelope;

/// Most items of one batch: enough to make handing over cheap, few enough that a full channel stays small.
pub const BATCH_ITEMS: usize = 512;

/// Most batches between the sources and the engine thread. When it is full, sources wait: Kafka and files are simply not
/// read on, and the inbox keeps HTTP events on disk until its own limit answers 503.
pub const CHANNEL_BATCHES: usize = 16;

/// Whether a partition is still ours. Taken away when the broker gives it to somebody else; batches in flight are then
/// dropped unseen, which loses nothing, because their positions do not move either.
#[derive(Debug, Clone)]
pub struct Lease(Arc<AtomicBool>);

impl Default for Lease {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Lease {
    /// Whether what was read under it may still be taken.
    pub fn holds(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Whether both were given together.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Nothing read under it may be taken any more.
    pub fn revoke(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Input of one source and partition, in order of position.
#[derive(Debug)]
pub struct Batch {
    /// Name of the source, as in the positions.
    pub source: Arc<str>,
    /// Partition; 0 where there is only one.
    pub partition: i32,
    /// Whether the partition is still ours.
    pub lease: Lease,
    /// The input.
    pub items: Vec<Item>,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Offset, inbox sequence or line.
    pub position: i64,
    /// When it reached us, in milliseconds since the Unix epoch.
    pub received_at: i64,
    /// How far its sender is trusted.
    pub trust: Trust,
    /// The bytes as they came, cut at the size limit.
    pub raw: Vec<u8>,
    /// Its whole length in bytes; more than `raw` if it was cut.
    pub length: u64,
    /// What stood beside the bytes.
    pub envelope: Envelope,
}

impl Item {
    /// The event in it, bare or as a `CloudEvent`.
    ///
    /// # Errors
    /// Why it is no event.
    pub fn decode(&self) -> Result<Decoded, Rejection> {
        if self.length > self.raw.len() as u64 {
            let limit = models::event::MAX_EVENT_BYTES;
            let detail = format!("the event has {} bytes; at most {limit} are accepted", self.length);
            return Err(Rejection::new(RejectionCode::EventTooLarge, detail));
        }
        self.envelope.decode(&self.raw)
    }

    /// When the event in it happened, if it is one.
    pub fn happened_at(&self) -> Option<Timestamp> {
        self.decode().ok().map(|decoded| decoded.event.time)
    }

    /// The bytes to set aside: those that came, and in them what stood beside them, so that a replay sees the same.
    pub fn into_raw(self) -> Vec<u8> {
        self.envelope.wrap(self.raw)
    }
}
