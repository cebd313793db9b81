//! The engine thread: takes batches, asks the engine, and makes what follows durable in one transaction.

use std::thread;
use std::time::{Duration, Instant};

use models::alert::AlertId;
use models::engine::{Engine, Input, Output, Phase};
use models::event::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval_at};

use super::{EndError, Stopping};
use crate::app::{App, Ask, Source, State, VerdictError};
use crate::source::{Batch, Item};
use crate::store::StoreError;
use crate::store::commit::{Act, Pending, Ruling};
use crate::store::quarantine::Rejected;

// When to commit. A commit costs one fsync, some milliseconds: as soon as nothing more is waiting, so that a lone event is
// acted upon at once; under load only every so many events, which makes the fsync cheap for each; and never later than a
// quarter of a second, because a revocation is sent only after its commit.
const COMMIT_EVENTS: usize = 8_192;
const COMMIT_AFTER: Duration = Duration::from_millis(250);

/// How often time moves on without events, so that idle sessions and episodes end.
const TICK: Duration = Duration::from_mins(1);

/// First and longest pause between attempts to write a database that cannot be written.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Everything that the engine thread owns.
#[derive(Debug)]
pub(super) struct EngineThread {
    app: App,
    engine: Engine,
    stopping: Stopping,
    store: Source,
    pending: Pending,
    /// Inputs since the last commit, and when the first of them came.
    uncommitted: usize,
    since: Option<Instant>,
    /// Who waits for the next commit.
    waiting: Vec<Reply>,
    outputs: Vec<Output>,
}

#[derive(Debug)]
enum Reply {
    Verdict(oneshot::Sender<Result<(), VerdictError>>),
    Brake(oneshot::Sender<()>),
}

impl EngineThread {
    pub(super) fn new(app: App, engine: Engine, stopping: Stopping) -> Self {
        let store = app.sources().register("store");
        store.set(State::Running);
        Self {
            app,
            engine,
            stopping,
            store,
            pending: Pending::default(),
            uncommitted: 0,
            since: None,
            waiting: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Starts the thread. It ends when all senders of batches are gone, with a last commit.
    pub(super) fn spawn(
        self,
        batches: mpsc::Receiver<Batch>,
        asks: mpsc::Receiver<Ask>,
    ) -> std::io::Result<oneshot::Receiver<Result<(), EndError>>> {
        let (ended, end) = oneshot::channel();
        let runtime = Handle::current();
        // A thread of its own: scoring and fsync would starve the async threads, and one owner needs no lock.
        thread::Builder::new().name("engine".to_owned()).spawn(move || {
            // Nobody to tell is no failure: the service was dropped without being stopped.
            let _ = ended.send(runtime.block_on(self.run(batches, asks)));
        })?;
        Ok(end)
    }

    async fn run(mut self, mut batches: mpsc::Receiver<Batch>, mut asks: mpsc::Receiver<Ask>) -> Result<(), EndError> {
        let mut ticks = interval_at(tokio::time::Instant::now() + TICK, TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        self.measure();
        loop {
            tokio::select! {
                batch = batches.recv() => match batch {
                    Some(batch) => self.take(batch),
                    None => break,
                },
                Some(ask) = asks.recv() => self.answer(ask),
                _ = ticks.tick() => self.tick(batches.is_empty()),
            }
            if self.is_due(batches.is_empty()) {
                self.commit(&mut asks).await?;
            }
        }
        self.commit(&mut asks).await
    }

    fn take(&mut self, batch: Batch) {
        if !batch.lease.holds() {
            return;
        }
        let key = (batch.source, batch.partition);
        let taken = self.pending.positions.get(&key).copied();
        let mut next = taken.or_else(|| self.app.committed().borrow().get(&key).copied()).unwrap_or(i64::MIN);
        let (before, mut again) = (next, 0_usize);
        let clock = clock_of(&key.0, key.1);
        for item in batch.items {
            // Read twice, as after a rebalance: its effects are in the state already.
            if item.position < next {
                again += 1;
                continue;
            }
            next = item.position.saturating_add(1);
            self.one(&key.0, key.1, clock, item);
        }
        if again > 0 {
            tracing::warn!(source = %key.0.escape_debug(), partition = key.1, position = before, skipped = again,
                "input below the stored position was skipped; if the source was created anew, give it a new name");
        }
        if next > before {
            self.pending.positions.insert(key, next);
        }
    }

    fn one(&mut self, source: &std::sync::Arc<str>, partition: i32, clock: u32, item: Item) {
        self.changed();
        self.pending.counts.consumed += 1;
        match item.decode() {
            Ok(decoded) => {
                self.pending.counts.unknown_fields += u64::from(decoded.unknown_fields);
                let arrival = Some(Timestamp::from_millis(item.received_at));
                let event = &decoded.event;
                self.handle(Input::Event { event, trust: item.trust, arrival, phase: Phase::Live, partition: clock });
            }
            Err(rejection) => {
                self.pending.counts.quarantined += 1;
                self.app.telemetry().quarantined(rejection.code);
                self.pending.rejected.push(Rejected {
                    source: source.clone(),
                    partition,
                    position: item.position,
                    received_at: item.received_at,
                    rejection,
                    raw: item.into_raw(),
                });
            }
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        let started = Instant::now();
        self.engine.handle(input, &mut self.outputs);
        if matches!(input, Input::Event { .. }) {
            self.app.telemetry().scored(started.elapsed());
        }
        for output in self.outputs.drain(..) {
            if let Output::Assessed(assessment) = &output {
                self.pending.counts.judged(assessment.outcome);
            }
            self.pending.take(output);
        }
    }

    fn tick(&mut self, nothing_waits: bool) {
        if nothing_waits && self.app.sources().caught_up() {
            self.changed();
            self.handle(Input::Tick(self.app.now()));
        }
        self.measure();
    }

    fn measure(&self) {
        let view = self.engine.view();
        self.app.telemetry().state(view.identities, view.bytes as u64);
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            // Whoever does not wait any more needs no answer: a failed send is none of our concern.
            Ask::Identity { tenant, identity, reply } => {
                let _ = reply.send(self.engine.identity(&tenant, &identity));
            }
            Ask::View { reply } => {
                let _ = reply.send(self.engine.view());
            }
            Ask::Verdict { alert, tenant, identity, verdict, by, note, reply } => {
                if let Err(error) = self.find(&alert, &tenant, &identity) {
                    let _ = reply.send(Err(error));
                    return;
                }
                self.handle(Input::Verdict { alert: &alert, tenant: &tenant, identity: &identity, verdict });
                self.rule(by, Act::Verdict { alert, verdict, note }, Reply::Verdict(reply));
            }
            Ask::ReleaseBrake { by, reply } => {
                self.handle(Input::ReleaseBrake);
                self.rule(by, Act::ReleaseBrake, Reply::Brake(reply));
            }
        }
    }

    /// Whether there is such an alert, committed or about to be.
    fn find(&self, alert: &AlertId, tenant: &str, identity: &str) -> Result<(), VerdictError> {
        let stored = self.app.store().read(|db| {
            db.prepare_cached("SELECT 1 FROM alerts WHERE id = ?1 AND tenant = ?2 AND identity = ?3")?
                .exists((&*alert.0, tenant, identity))
        })?;
        if stored { Ok(()) } else { Err(VerdictError::Unknown(alert.clone())) }
    }

    fn rule(&mut self, by: String, act: Act, reply: Reply) {
        self.changed();
        self.pending.rulings.push(Ruling { by, at_ms: self.app.now_ms(), act });
        self.waiting.push(reply);
    }

    fn changed(&mut self) {
        self.uncommitted += 1;
        self.since.get_or_insert_with(Instant::now);
    }

    fn is_due(&self, nothing_waits: bool) -> bool {
        let Some(since) = self.since else { return false };
        nothing_waits || self.uncommitted >= COMMIT_EVENTS || since.elapsed() >= COMMIT_AFTER
    }

    /// Makes everything durable. While the database cannot be written, nothing more is taken: the channel fills, sources
    /// wait where they are, and `/readyz` says why. What is in memory stays and is written when there is room again.
    async fn commit(&mut self, asks: &mut mpsc::Receiver<Ask>) -> Result<(), EndError> {
        if self.since.is_none() {
            return Ok(());
        }
        self.pending.state = self.engine.checkpoint();
        let mut pause = RETRY.0;
        while let Err(error) = self.try_commit() {
            tracing::error!(%error, "nothing more is taken until the database can be written");
            self.store.failing(error.to_string());
            if self.stopping.is_requested() {
                return Err(error.into());
            }
            self.wait(pause, asks).await;
            pause = (pause * 2).min(RETRY.1);
        }
        Ok(())
    }

    fn try_commit(&mut self) -> Result<(), StoreError> {
        let started = Instant::now();
        let (pending, endpoints, now_ms) = (&self.pending, &self.app.config().webhooks, self.app.now_ms());
        let committed = self.app.store().write(|tx| pending.write(tx, endpoints, now_ms))?;
        let done = std::mem::take(&mut self.pending);
        (self.uncommitted, self.since) = (0, None);
        self.store.set(State::Running);
        let telemetry = self.app.telemetry();
        telemetry.committed(done.counts, started.elapsed());
        for (severity, n) in committed.opened {
            telemetry.alerts(severity, n);
        }
        if committed.requested > 0 {
            telemetry.revocations("requested", committed.requested);
        }
        self.app.publish_positions(&done.positions);
        self.app.publish_feed(committed.feed);
        for reply in self.waiting.drain(..) {
            match reply {
                Reply::Verdict(reply) => drop(reply.send(Ok(()))),
                Reply::Brake(reply) => drop(reply.send(())),
            }
        }
        Ok(())
    }

    /// Questions are answered meanwhile; orders are not taken, because they could not be kept.
    async fn wait(&mut self, pause: Duration, asks: &mut mpsc::Receiver<Ask>) {
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return,
                () = self.stopping.requested() => return,
                Some(ask) = asks.recv() => match ask {
                    question @ (Ask::Identity { .. } | Ask::View { .. }) => self.answer(question),
                    Ask::Verdict { .. } | Ask::ReleaseBrake { .. } => {}
                },
            }
        }
    }
}

/// Which clock the engine keeps for a source's partition: the same after a restart, whichever sources there are.
pub(crate) fn clock_of(source: &str, partition: i32) -> u32 {
    let digest = Sha256::new().chain_update(partition.to_be_bytes()).chain_update(source).finalize();
    digest.iter().take(4).fold(0, |key, byte| key << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests;
