//! Between the consumer of the events, which is told by the broker who owns what, and the thread that owns the state.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::source::Lease;

/// What the broker changed.
#[derive(Debug)]
pub enum Change {
    /// These partitions are ours; nothing of them is read before it is resumed.
    Assigned(Vec<i32>),
    /// These are not ours any more as soon as `done` is answered, or the broker loses patience.
    Revoked {
        /// Which.
        partitions: Vec<i32>,
        /// Answered when what was taken of them is stored.
        done: SyncSender<()>,
    },
}

/// What the thread wants to be read.
#[derive(Debug, Clone)]
pub enum Reading {
    /// From this offset on, or the first after it that is there. What is read comes under this lease, and is taken under no
    /// other: an order that waited while the partition went and came back would otherwise leave a gap.
    Resume(i32, i64, Lease),
    /// Not any more, for now.
    Pause(i32),
}

impl Reading {
    /// Of which partition.
    pub fn partition(&self) -> i32 {
        let (Self::Resume(partition, ..) | Self::Pause(partition)) = self;
        *partition
    }
}

/// The consumer's end.
#[derive(Debug)]
pub struct Handover {
    changes: mpsc::UnboundedSender<Change>,
    /// Taken by the one task that reads.
    readings: Mutex<Option<mpsc::UnboundedReceiver<Reading>>>,
    patience: Duration,
}

/// The thread's end. Neither queue needs a bound: both are as long as there are partitions and rebalances.
#[derive(Debug)]
pub struct Owner {
    /// What the broker changed.
    pub changes: mpsc::UnboundedReceiver<Change>,
    /// What is to be read.
    pub readings: mpsc::UnboundedSender<Reading>,
}

impl Handover {
    /// Both ends. `patience`: how long a revocation may be held up, at most half of what the broker has.
    pub fn new(patience: Duration) -> (Self, Owner) {
        let (changes, changed) = mpsc::unbounded_channel();
        let (read, readings) = mpsc::unbounded_channel();
        let handover = Self { changes, readings: Mutex::new(Some(readings)), patience };
        (handover, Owner { changes: changed, readings: read })
    }

    /// The task that reads takes its orders, once.
    pub fn readings(&self) -> Option<mpsc::UnboundedReceiver<Reading>> {
        self.readings.lock().ok()?.take()
    }

    /// Partitions came.
    pub fn assigned(&self, partitions: Vec<i32>) {
        // Whoever is gone owns nothing.
        let _ = self.changes.send(Change::Assigned(partitions));
    }

    /// Partitions go: waits until what was taken of them is stored, but not longer than the broker would. Whether it was.
    pub fn revoked(&self, partitions: Vec<i32>) -> bool {
        let (done, stored): (_, Receiver<()>) = sync_channel(1);
        if self.changes.send(Change::Revoked { partitions, done }).is_err() {
            return true;
        }
        !matches!(stored.recv_timeout(self.patience), Err(RecvTimeoutError::Timeout))
    }
}
