//! The thread that owns the state of the partitions that this process has: as `service::engine` is for a process alone.
//!
//! It takes batches and hands each event to the member of its partition. Now and then, and before a partition goes, all that
//! changed in it is flushed to the changelog beside the taking, and only then told. The fleet's log and alerts are heard in between.

mod hearing;
mod orders;
mod ownership;
mod storing;
mod taking;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use models::engine::Output;
use models::view::EngineView;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::storing::Written;
use super::clients::Clients;
use super::error::FleetError;
use super::handover::Owner;
use super::log::Log;
use super::partition::Partition;
use super::reader::{self, Ear};
use super::restore::Progress;
use super::standby::Standby;
use super::states;
use super::topics::Topic;
use crate::app::{App, Ask, Source, State, VerdictError};
use crate::config::{Fleet, KafkaSource};
use crate::service::{EndError, Stopping};
use crate::source::{Batch, Lease, kafka};
use crate::store::commit::Pending;
use crate::telemetry::Owned;

/// How long counts and positions may wait for their commit: it ends with an fsync, and nobody waits for them.
const COMMIT_AFTER: Duration = Duration::from_millis(250);
/// How often it is looked whether anything waits.
const TICK: Duration = Duration::from_millis(50);
/// Pause before what failed is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// How often the state is measured.
const MEASURE: Duration = Duration::from_mins(1);

/// A partition that is ours; attempts to own one are numbered, so that what comes late of an older one is known.
#[derive(Debug)]
enum Slot {
    /// How far it is.
    Restoring { attempt: u64, progress: Progress },
    /// And the lease that what is read of it comes under.
    Running { attempt: u64, partition: Box<Partition>, lease: Lease },
}

type Restored = (i32, u64, Result<Partition, FleetError>);

/// Everything that the thread owns.
#[derive(Debug)]
pub(crate) struct FleetThread {
    app: App,
    stopping: Stopping,
    clients: Clients,
    owner: Owner,
    status: Source,
    store: Source,
    log: Log,
    /// Up to where the log must be heard before anything is restored.
    log_end: i64,
    /// Entries of the log and alerts below these offsets are in the store.
    stored: BTreeMap<(Arc<str>, i32), i64>,
    partitions: BTreeMap<i32, Slot>,
    /// Assigned, but the log was not heard yet.
    waiting: Vec<i32>,
    attempts: u64,
    restores: JoinSet<Restored>,
    flushes: JoinSet<Written>,
    pending: Pending,
    /// When the first of it came.
    uncommitted: Option<Instant>,
    /// Orders that are written, by their offset in the log, answered when they are heard and stored.
    ordered: BTreeMap<i64, Reply>,
    standby: Option<Standby>,
    events: Arc<str>,
    outputs: Vec<Output>,
    measured: Instant,
}

#[derive(Debug)]
enum Reply {
    Verdict(oneshot::Sender<Result<(), VerdictError>>),
    Brake(oneshot::Sender<()>),
}

impl FleetThread {
    /// Reads what the fleet shares up to now. Blocks.
    ///
    /// # Errors
    /// When the fleet's topics cannot be read, or are of another version.
    pub(crate) fn new(
        app: App,
        stopping: Stopping,
        owner: Owner,
        (fleet, source): (&Fleet, &KafkaSource),
    ) -> Result<Self, FleetError> {
        let config = app.config();
        let clients = Clients::new(source, fleet)?;
        let log_end = clients.read(&clients.topic(Topic::Log), 0, None)?.end()?;
        let status = app.sources().register("fleet");
        let store = app.sources().register("store");
        store.set(State::Running);
        let stored = app.committed().borrow().clone();
        let log_name = name_of(&clients, Topic::Log);
        let log = Log::begin(&clients, &config.engine, stored.get(&(log_name, 0)).copied(), log_end)?;
        Ok(Self {
            events: kafka::name(source).into(),
            app,
            stopping,
            clients,
            owner,
            status,
            store,
            log,
            log_end,
            stored,
            partitions: BTreeMap::new(),
            waiting: Vec::new(),
            attempts: 0,
            restores: JoinSet::new(),
            flushes: JoinSet::new(),
            pending: Pending::default(),
            uncommitted: None,
            ordered: BTreeMap::new(),
            standby: None,
            outputs: Vec::new(),
            measured: Instant::now(),
        })
    }

    /// Starts the thread. It ends when all senders of batches are gone, with a last flush.
    ///
    /// # Errors
    /// When there can be no further thread, or the fleet's topics are not there.
    pub(crate) fn spawn(
        mut self,
        batches: mpsc::Receiver<Batch>,
        asks: mpsc::Receiver<Ask>,
    ) -> Result<oneshot::Receiver<Result<(), EndError>>, FleetError> {
        let (told, ear) = reader::queue();
        let partitions = self.clients.partitions()?;
        let follow =
            |topic, from| reader::follow(self.clients.clone(), topic, from, told.clone(), self.stopping.clone());
        follow(Topic::Log, vec![(0, self.log.at())])?;
        for topic in Topic::COPIED {
            follow(topic, (0..partitions).map(|number| (number, self.position(topic, number).unwrap_or(0))).collect())?;
        }
        drop(told);
        if self.app.config().fleet.as_ref().is_some_and(|fleet| fleet.standby) {
            let standby = Standby::start(self.clients.clone(), partitions, self.stopping.clone())?;
            self.standby = Some(standby);
        }
        tokio::spawn(states::tell(self.app.clone(), self.clients.clone(), self.stopping.clone()));
        let (ended, end) = oneshot::channel();
        let runtime = Handle::current();
        thread::Builder::new().name("engine".to_owned()).spawn(move || {
            // Nobody to tell is no failure: the service was dropped without being stopped.
            let _ = ended.send(runtime.block_on(self.run(batches, asks, ear)));
        })?;
        Ok(end)
    }

    async fn run(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
        mut asks: mpsc::Receiver<Ask>,
        mut ear: Ear,
    ) -> Result<(), EndError> {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                Some(change) = self.owner.changes.recv() => self.change(change).await?,
                Some(restored) = self.restores.join_next() => {
                    if let Ok((number, attempt, restored)) = restored { self.restored(number, attempt, restored); }
                }
                Some(written) = self.flushes.join_next() => {
                    if let Ok(written) = written { self.flushed(written); }
                }
                Some(told) = ear.recv() => self.hear_all(told, &mut ear)?,
                Some(ask) = asks.recv() => self.answer(ask).await,
                batch = batches.recv() => match batch {
                    Some(batch) => self.take(batch).await,
                    None => break,
                },
                _ = ticks.tick() => self.measure(),
            }
            self.flush_due(batches.is_empty()).await?;
            let waited = self.uncommitted.map(|since| since.elapsed());
            if waited.is_some_and(|waited| self.pending.is_told() || waited >= COMMIT_AFTER) {
                self.commit().await?;
            }
        }
        self.settle(None).await?;
        self.commit().await
    }

    /// Up to where a topic of the fleet is in the database.
    fn position(&self, topic: Topic, partition: i32) -> Option<i64> {
        self.stored.get(&(name_of(&self.clients, topic), partition)).copied()
    }

    fn status(&self) {
        let waiting = self.waiting.len();
        let mut owned = Owned { scored: 0, waiting, restoring: Vec::new() };
        for (number, slot) in &self.partitions {
            match slot {
                Slot::Running { .. } => owned.scored += 1,
                Slot::Restoring { progress, .. } => {
                    let (read, of) = progress.get();
                    owned.restoring.push((*number, read, of));
                }
            }
        }
        if owned.restoring.is_empty() && waiting == 0 && self.log.at() >= self.log_end {
            self.status.set(State::Running);
        } else {
            let reading = owned.restoring.iter().map(|(number, read, of)| format!("{number} ({read} of {of} records)"));
            self.status.failing(format!(
                "{} partitions are scored, {waiting} wait for the fleet's log, restoring: {}",
                owned.scored,
                reading.collect::<Vec<_>>().join(", ")
            ));
        }
        self.app.telemetry().owned(owned);
    }

    fn measure(&mut self) {
        if self.measured.elapsed() >= MEASURE {
            self.measured = Instant::now();
            let view = self.view();
            self.app.telemetry().state(view.identities, view.bytes as u64);
        }
        self.status();
    }

    fn members(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.values().filter_map(|slot| match slot {
            Slot::Running { partition, .. } => Some(&**partition),
            Slot::Restoring { .. } => None,
        })
    }

    fn view(&self) -> EngineView {
        self.log.fleet().engine_view(self.members().map(|partition| partition.member().view()))
    }
}

/// Name of one of the fleet's topics in the positions.
fn name_of(clients: &Clients, topic: Topic) -> Arc<str> {
    format!("kafka:{}", clients.topic(topic)).into()
}
