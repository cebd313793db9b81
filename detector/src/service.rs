//! Wires tasks and channels, and owns the order in which they stop.
//!
//! Stop: sources first, then the engine thread takes what is in the channel and commits, then the workers and the listener
//! that show what was committed. Nothing is waited for without a limit except the final commit.

mod engine;
#[cfg(test)]
mod faults;
mod intake;
mod sink;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::app::{App, EngineHandle};
use crate::config::Config;
use crate::fleet::handover::Handover;
use crate::fleet::{FleetError, FleetThread, session_timeout};
use crate::http::{self, ServeError};
use crate::source::ingest::Ingest;
use crate::source::{Batch, CHANNEL_BATCHES, file, inbox, kafka};
use crate::store::{Lock, Store, StoreError};

pub(crate) use intake::clock_of;
pub use sink::{Sink, Stopping};

/// How often what is older than `store.keep` is deleted.
const RETENTION: Duration = Duration::from_hours(1);

/// How long connections and workers may take to end.
const GRACE: Duration = Duration::from_secs(8);

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored state cannot be used.
    #[error(transparent)]
    Restore(#[from] models::engine::RestoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`; free it or set another http.listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// What the fleet shares cannot be read.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The system gives no further thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// Why the service ended without everything it had taken being durable.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The last commit failed.
    #[error("the last events are not stored and will be read again: {0}")]
    Store(#[from] StoreError),
    /// What the fleet shares is of another version.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The listener ended.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The listener is gone.
    #[error("the listener ended by a fault of ours; what was committed is safe, please report the log")]
    Listener,
    /// The engine thread is gone.
    #[error("the engine thread ended by a fault of ours; what was committed is safe, please report the log")]
    Engine,
}

/// The engine thread and the application around it, without sources, listener or workers.
#[derive(Debug)]
pub struct Core {
    app: App,
    batches: mpsc::Sender<Batch>,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<Result<(), EndError>>,
    _lock: Lock,
}

impl Core {
    /// Opens the store, restores the engine and starts its thread. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// When the database or the state in it cannot be used.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let lock = Lock::take(&config.store.path)?;
        let store = Store::open(&config.store.path)?;
        let (handle, asks) = EngineHandle::channel();
        let (batches, receiver) = mpsc::channel(CHANNEL_BATCHES);
        let stop = watch::Sender::new(false);
        let stopping = Stopping::new(stop.subscribe());
        let ingest = Ingest::start(store.clone())?;
        let shared = config.fleet.clone().zip(config.source.kafka.first().cloned());
        let (app, ended) = if let Some((fleet, source)) = shared {
            // Half of what the broker waits for, so that giving up a partition never costs the membership.
            let (handover, owner) = Handover::new(session_timeout(&source) / 2);
            let app = App::new(config, store, handle, ingest, Some(handover))?;
            let ended = FleetThread::new(app.clone(), stopping, owner, (&fleet, &source))?.spawn(receiver, asks)?;
            (app, ended)
        } else {
            let restored = models::engine::Engine::restore(config.engine.clone(), store.state()?)?;
            let app = App::new(config, store, handle, ingest, None)?;
            let engine = engine::EngineThread::new(app.clone(), restored, stopping);
            let ended = engine.spawn(receiver, asks).map_err(StartError::Thread)?;
            (app, ended)
        };
        Ok(Self { app, batches, stop, ended, _lock: lock })
    }

    /// What every part shares.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Where a source puts its batches.
    pub fn sink(&self) -> Sink {
        Sink::new(self.app.clone(), self.batches.clone(), Stopping::new(self.stop.subscribe()))
    }

    /// Asks everything that listens to stop.
    fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Lets the engine thread take what is in the channel and commit.
    ///
    /// # Errors
    /// When that cannot be made durable.
    pub async fn finish(self) -> Result<(), EndError> {
        self.stop();
        drop(self.batches);
        self.ended.await.unwrap_or(Err(EndError::Engine))
    }
}

/// The whole running service.
#[derive(Debug)]
pub struct Service {
    core: Core,
    sources: JoinSet<()>,
    workers: JoinSet<()>,
    address: SocketAddr,
    listener: JoinHandle<Result<(), ServeError>>,
    // Workers and listener end after the engine, so that they see what it committed last.
    end_workers: watch::Sender<bool>,
}

impl Service {
    /// Starts everything. When it returns, the listener takes connections.
    ///
    /// # Errors
    /// When the store or the address cannot be used.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let address = config.http.listen;
        let failed = |source| StartError::Listen { address, source };
        // First, so that a second service on the same port changes nothing.
        let socket = TcpListener::bind(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let core = Core::start(config)?;
        let app = core.app();
        let end_workers = watch::Sender::new(false);
        let mut closing = Stopping::new(end_workers.subscribe());
        let listener = tokio::spawn(http::serve(app.clone(), socket, async move { closing.requested().await }));
        let mut workers = JoinSet::new();
        workers.spawn(crate::outbox::run(app.clone(), end_workers.subscribe()));
        workers.spawn(expire(app.clone(), Stopping::new(end_workers.subscribe())));
        let mut sources = JoinSet::new();
        sources.spawn(inbox::run(core.sink()));
        for config in &app.config().source.kafka {
            sources.spawn(kafka::run(config.clone(), core.sink()));
        }
        for config in &app.config().source.file {
            sources.spawn(file::run(config.clone(), core.sink()));
        }
        Ok(Self { core, sources, workers, address, listener, end_workers })
    }

    /// What every part shares.
    pub fn app(&self) -> &App {
        self.core.app()
    }

    /// Where the listener really listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns only when the engine thread or the listener has ended although nobody asked it to.
    pub async fn broken(&mut self) -> EndError {
        tokio::select! {
            ended = &mut self.core.ended => match ended {
                Ok(Err(error)) => error,
                _ => EndError::Engine,
            },
            ended = &mut self.listener => match ended {
                Ok(Err(error)) => error.into(),
                _ => EndError::Listener,
            },
        }
    }

    /// Stops in order; when it returns `Ok`, everything that was taken is durable.
    ///
    /// # Errors
    /// When the last commit failed.
    pub async fn stop(mut self) -> Result<(), EndError> {
        self.core.stop();
        // A source ends at its next look at the stop; a batch that it still hands over is taken.
        while self.sources.join_next().await.is_some() {}
        let finished = self.core.finish().await;
        self.end_workers.send_replace(true);
        let ended = async {
            while self.workers.join_next().await.is_some() {}
            // Its own grace for open requests is shorter than ours.
            if let Ok(Err(error)) = self.listener.await {
                tracing::warn!(%error, "the listener failed while it closed");
            }
        };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!(
                "a worker did not end in time and was left; its work is durable and goes on at the next start"
            );
        }
        finished
    }
}

/// Deletes what is older than `store.keep`, every hour.
async fn expire(app: App, mut stopping: Stopping) {
    let keep_ms = i64::try_from(app.config().store.keep.0.as_millis()).unwrap_or(i64::MAX);
    let mut hourly = tokio::time::interval(RETENTION);
    loop {
        tokio::select! { _ = hourly.tick() => {}, () = stopping.requested() => return }
        let taken = app.committed().borrow().get(&(inbox::NAME.into(), 0)).copied().unwrap_or(1);
        let (store, before_ms) = (app.store().clone(), app.now_ms().saturating_sub(keep_ms));
        match tokio::task::spawn_blocking(move || store.expire(taken, before_ms)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(rows)) => tracing::info!(rows, "deleted input older than store.keep"),
            Ok(Err(error)) => tracing::warn!(%error, "old input could not be deleted; trying again in an hour"),
            Err(error) => tracing::error!(%error, "retention failed"),
        }
    }
}

#[cfg(test)]
mod tests;
