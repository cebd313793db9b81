//! Group commit: concurrent requests become durable in the inbox by one `fsync` together.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use tokio::sync::{mpsc, oneshot, watch};

use crate::store::{Store, StoreError, inbox};

/// Requests that may wait for one commit. When it is full, the next is answered with 503: the disk is slower than the
/// senders, and making them wait would only move the queue into memory.
const WAITING_REQUESTS: usize = 256;

/// Requests that one commit takes at most, so that the first of them is not kept waiting for the last.
const GROUP: usize = 64;

/// Events of one request on their way into the inbox.
#[derive(Debug)]
struct Append {
    events: Vec<Vec<u8>>,
    now_ms: i64,
    reply: oneshot::Sender<Result<Range, String>>,
}

/// The places that the events of one request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Of the first event.
    pub first: i64,
    /// Of the last event.
    pub last: i64,
}

/// Why a request was not taken. Nothing of it is in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much is waiting; try again.
    #[error("too many events are waiting to be scored; send them again later")]
    Full,
    /// The database cannot be written.
    #[error("events cannot be stored now: {0}")]
    Store(String),
    /// The service is stopping.
    #[error("the service is stopping; send the events again later")]
    Stopping,
}

/// Appends to the inbox. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingest {
    appends: mpsc::Sender<Append>,
    newest: Arc<AtomicI64>,
    wake: watch::Sender<i64>,
}

impl Ingest {
    /// Starts the thread that writes the inbox. It ends with the last clone of the handle.
    ///
    /// # Errors
    /// When the inbox cannot be read or there can be no further thread.
    pub fn start(store: Store) -> Result<Self, StoreError> {
        let newest = store.read(inbox::newest)?;
        let (appends, receiver) = mpsc::channel(WAITING_REQUESTS);
        let ingest = Self { appends, newest: Arc::new(AtomicI64::new(newest)), wake: watch::Sender::new(newest) };
        let (newest, wake) = (Arc::clone(&ingest.newest), ingest.wake.clone());
        thread::Builder::new()
            .name("inbox".to_owned())
            .spawn(move || write(&store, receiver, &newest, &wake))
            .map_err(|e| StoreError::Open { path: "inbox thread".into(), reason: e.to_string() })?;
        Ok(ingest)
    }

    /// Makes events durable; returns their places.
    ///
    /// # Errors
    /// When too many requests wait already, or the database cannot be written.
    pub async fn append(&self, events: Vec<Vec<u8>>, now_ms: i64) -> Result<Range, Refused> {
        let (reply, answer) = oneshot::channel();
        self.appends.try_send(Append { events, now_ms, reply }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Refused::Full,
            mpsc::error::TrySendError::Closed(_) => Refused::Stopping,
        })?;
        answer.await.map_err(|_| Refused::Stopping)?.map_err(Refused::Store)
    }

    /// The newest place that was given by this process.
    pub fn newest(&self) -> i64 {
        self.newest.load(Ordering::Acquire)
    }

    /// Changes with every commit.
    pub fn wake(&self) -> watch::Receiver<i64> {
        self.wake.subscribe()
    }
}

fn write(store: &Store, mut appends: mpsc::Receiver<Append>, newest: &AtomicI64, wake: &watch::Sender<i64>) {
    while let Some(first) = appends.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match appends.try_recv() {
                Ok(append) => group.push(append),
                Err(_) => break,
            }
        }
        let written = store.write(|tx| {
            group.iter().map(|a| inbox::append(tx, a.events.iter().map(Vec::as_slice), false, a.now_ms)).collect()
        });
        answer(group, written, newest, wake);
    }
}

fn answer(
    group: Vec<Append>,
    written: Result<Vec<Option<(i64, i64)>>, StoreError>,
    newest: &AtomicI64,
    wake: &watch::Sender<i64>,
) {
    match written {
        Ok(ranges) => {
            if let Some((_, last)) = ranges.iter().copied().flatten().next_back() {
                newest.store(last, Ordering::Release);
                wake.send_replace(last);
            }
            for (append, range) in group.into_iter().zip(ranges) {
                let (first, last) =
                    range.unwrap_or((newest.load(Ordering::Acquire) + 1, newest.load(Ordering::Acquire)));
                // A request that was given up is not waited for; its events are durable all the same.
                let _ = append.reply.send(Ok(Range { first, last }));
            }
        }
        Err(error) => {
            let error = error.to_string();
            for append in group {
                let _ = append.reply.send(Err(error.clone()));
            }
        }
    }
}
