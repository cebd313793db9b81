//! The engine thread: drives the [`Intake`] by what comes through the channels, and decides when to commit.

use std::thread;
use std::time::{Duration, Instant};

use models::alert::AlertId;
use models::engine::{Engine, Input};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval_at};

use super::intake::Intake;
use super::{EndError, Stopping};
use crate::app::{App, Ask, Source, State, VerdictError};
use crate::source::Batch;
use crate::store::StoreError;
use crate::store::commit::{Act, Ruling};

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
    intake: Intake,
    stopping: Stopping,
    store: Source,
    /// When the first input since the last commit came.
    since: Option<Instant>,
    /// Who waits for the next commit.
    waiting: Vec<Reply>,
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
        let intake = Intake::new(engine, app.committed().borrow().clone());
        Self { app, intake, stopping, store, since: None, waiting: Vec::new() }
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
        let begun = Instant::now();
        self.intake.take(batch, self.app.telemetry());
        self.took(begun);
    }

    fn tick(&mut self, nothing_waits: bool) {
        if nothing_waits && self.app.sources().caught_up() {
            self.intake.tick(self.app.now());
            self.took(Instant::now());
        }
        self.measure();
    }

    fn took(&mut self, begun: Instant) {
        if self.intake.uncommitted() > 0 {
            self.since.get_or_insert(begun);
        }
    }

    fn measure(&self) {
        let view = self.intake.engine().view();
        self.app.telemetry().state(view.identities, view.bytes as u64);
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            // Whoever does not wait any more needs no answer: a failed send is none of our concern.
            Ask::Identity { tenant, identity, reply } => {
                let _ = reply.send(self.intake.engine().identity(&tenant, &identity));
            }
            Ask::View { reply } => {
                let _ = reply.send(self.intake.engine().view());
            }
            Ask::Verdict { alert, tenant, identity, verdict, by, note, reply } => {
                if let Err(error) = self.find(&alert, &tenant, &identity) {
                    let _ = reply.send(Err(error));
                    return;
                }
                let order = Input::Verdict { alert: &alert, tenant: &tenant, identity: &identity, verdict };
                self.rule(order, by, Act::Verdict { alert: alert.clone(), verdict, note }, Reply::Verdict(reply));
            }
            Ask::ReleaseBrake { by, reply } => {
                self.rule(Input::ReleaseBrake, by, Act::ReleaseBrake, Reply::Brake(reply));
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

    fn rule(&mut self, order: Input<'_>, by: String, act: Act, reply: Reply) {
        self.intake.rule(order, Ruling { by, at_ms: self.app.now_ms(), act });
        self.took(Instant::now());
        self.waiting.push(reply);
    }

    fn is_due(&self, nothing_waits: bool) -> bool {
        let Some(since) = self.since else { return false };
        nothing_waits || self.intake.uncommitted() >= COMMIT_EVENTS || since.elapsed() >= COMMIT_AFTER
    }

    /// Makes everything durable. While the database cannot be written, nothing more is taken: the channel fills, sources
    /// wait where they are, and `/readyz` says why. What is in memory stays and is written when there is room again.
    async fn commit(&mut self, asks: &mut mpsc::Receiver<Ask>) -> Result<(), EndError> {
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
        let stored = self.intake.commit(self.app.store(), &self.app.config().webhooks, self.app.now_ms())?;
        self.since = None;
        let Some(stored) = stored else { return Ok(()) };
        self.app.publish(&stored, started.elapsed(), &self.store);
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

#[cfg(test)]
mod tests;
