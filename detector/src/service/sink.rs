//! Where sources put their batches, and how they learn that it is time to stop.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::app::App;
use crate::source::Batch;

/// Says when the service stops. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(super) fn new(flag: watch::Receiver<bool>) -> Self {
        Self(flag)
    }

    /// Returns when the service stops.
    pub async fn requested(&mut self) {
        // An error says that the service itself is gone, which is the same to us.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }

    /// Whether the service stops.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}

/// Where one source puts its batches.
#[derive(Debug)]
pub struct Sink {
    app: App,
    batches: mpsc::Sender<Batch>,
    stopping: Stopping,
}

/// The service stops; the batch was not taken, and its positions have not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotTaken;

impl Sink {
    pub(super) fn new(app: App, batches: mpsc::Sender<Batch>, stopping: Stopping) -> Self {
        Self { app, batches, stopping }
    }

    /// What every part shares.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The next position of a source that is not taken yet; absent if it was never read.
    pub fn position(&self, source: &Arc<str>, partition: i32) -> Option<i64> {
        self.app.committed().borrow().get(&(Arc::clone(source), partition)).copied()
    }

    /// Hands a batch to the engine thread; waits while the channel is full.
    ///
    /// # Errors
    /// When the service stops before there is room.
    pub async fn send(&mut self, batch: Batch) -> Result<(), NotTaken> {
        tokio::select! {
            sent = self.batches.send(batch) => sent.map_err(|_| NotTaken),
            () = self.stopping.requested() => Err(NotTaken),
        }
    }

    /// Returns when the service stops.
    pub async fn stopping(&mut self) {
        self.stopping.requested().await;
    }
}
