//! What every part of the service shares: configuration, store, engine, telemetry and the clock.

mod backlog;
mod engine;
mod readiness;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use models::event::Timestamp;
use rusqlite::{Connection, Transaction};
use tokio::sync::watch;

use crate::config::Config;
use crate::fleet::handover::Handover;
use crate::source::ingest::Ingest;
use crate::store::commit::Stored;
use crate::store::{Positions, Store, StoreError, feed};
use crate::telemetry::Telemetry;

pub use backlog::Handed;
pub use engine::{Ask, EngineHandle, Stopped, VerdictError};
pub use readiness::{Readiness, Source, SourceState, Sources, State};

/// Wall clock. The one place that reads it.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since_epoch)
}

/// The running service, cheap to clone: the state of every route and worker.
#[derive(Debug, Clone)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    store: Store,
    feed: watch::Sender<i64>,
    committed: watch::Sender<Positions>,
    engine: EngineHandle,
    telemetry: Telemetry,
    sources: Sources,
    ingest: Ingest,
    handover: Option<Handover>,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the feed and the positions cannot be read.
    pub(crate) fn new(
        config: Config,
        store: Store,
        engine: EngineHandle,
        ingest: Ingest,
        handover: Option<Handover>,
    ) -> Result<Self, StoreError> {
        let feed = watch::Sender::new(store.read(feed::newest)?);
        let committed = watch::Sender::new(store.positions()?);
        let telemetry = Telemetry::new(store.counts()?);
        Ok(Self(Arc::new(Inner {
            config,
            store,
            feed,
            committed,
            engine,
            telemetry,
            sources: Sources::default(),
            ingest,
            handover,
        })))
    }

    /// The checked configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The database file.
    pub fn store_path(&self) -> &Path {
        self.0.store.path()
    }

    /// The database, for threads that may block.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Runs `f` on a read-only connection, off the async threads.
    ///
    /// # Errors
    /// When the database cannot be read or `f` fails.
    pub async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.0.store.clone();
        tokio::task::spawn_blocking(move || store.read(f)).await.map_err(|_| StoreError::Stopped)?
    }

    /// Runs `f` in one write transaction, off the async threads, and wakes those who follow the feed if it moved.
    ///
    /// # Errors
    /// When the database cannot be written or `f` fails; then nothing has changed.
    pub async fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let app = self.clone();
        let written = move || {
            let (value, newest) = app.0.store.write(|tx| Ok((f(tx)?, feed::newest(tx)?)))?;
            app.publish_feed(newest);
            Ok(value)
        };
        tokio::task::spawn_blocking(written).await.map_err(|_| StoreError::Stopped)?
    }

    /// Takes the next value of the feed.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn next_seq(tx: &Transaction<'_>) -> Result<i64, rusqlite::Error> {
        feed::next_seq(tx)
    }

    /// The newest committed value of the change feed; changes wake SSE streams and the outbox.
    pub fn feed(&self) -> watch::Receiver<i64> {
        self.0.feed.subscribe()
    }

    pub(crate) fn publish_feed(&self, newest: i64) {
        // Two writers may publish in another order than they committed; the feed never goes back.
        self.0.feed.send_if_modified(|seq| {
            newest > *seq && {
                *seq = newest;
                true
            }
        });
    }

    /// How far every source has been taken durably; changes are the acknowledgement that sources wait for.
    pub fn committed(&self) -> watch::Receiver<Positions> {
        self.0.committed.subscribe()
    }

    pub(crate) fn publish_positions(&self, moved: &Positions) {
        if !moved.is_empty() {
            self.0.committed.send_modify(|all| all.extend(moved.iter().map(|(key, at)| (key.clone(), *at))));
        }
    }

    /// Tells everybody who waits for it what has become durable, and that the database can be written.
    pub(crate) fn publish(&self, stored: &Stored, took: Duration, database: &Source) {
        database.set(State::Running);
        self.0.telemetry.committed(stored.pending.counts, took);
        for (severity, n) in &stored.committed.opened {
            self.0.telemetry.alerts(*severity, *n);
        }
        if stored.committed.requested > 0 {
            self.0.telemetry.revocations("requested", stored.committed.requested);
        }
        self.publish_positions(&stored.pending.positions);
        self.publish_feed(stored.committed.feed);
    }

    /// Questions and orders to the engine thread.
    pub fn engine(&self) -> &EngineHandle {
        &self.0.engine
    }

    /// Every metric.
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// The writer of the inbox.
    pub(crate) fn ingest(&self) -> &Ingest {
        &self.0.ingest
    }

    /// Where the consumer hands partitions over; `None` outside of a fleet.
    pub(crate) fn handover(&self) -> Option<&Handover> {
        self.0.handover.as_ref()
    }

    /// What each source is doing.
    pub fn sources(&self) -> &Sources {
        &self.0.sources
    }

    /// Whether traffic should be sent here, and what each source is doing.
    pub fn readiness(&self) -> Readiness {
        self.0.sources.readiness(&self.0.committed.borrow(), self.now(), self.0.config.source.stalled_after.0)
    }

    /// Every metric in the Prometheus text format, those of the sources as they are now.
    pub fn metrics(&self) -> String {
        self.0.telemetry.sources(&self.readiness().sources, self.now());
        self.0.telemetry.render()
    }

    /// Wall clock, for arrival times and `_at` columns.
    pub fn now(&self) -> Timestamp {
        now()
    }

    /// Wall clock in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.now().as_nanos() / 1_000_000
    }
}
