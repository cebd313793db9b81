//! What a process that runs alone does with its input, without its thread: batches and orders go to the engine, and what follows
//! from them is made durable together. No clock, and one thing that can fail. The engine thread drives it, and so do the
//! simulated faults.

use std::sync::Arc;
use std::time::Instant;

use models::engine::{Engine, Input, Output, Phase};
use models::event::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::source::{Batch, Item};
use crate::store::commit::{Pending, Ruling, Storage, Stored};
use crate::store::quarantine::Rejected;
use crate::store::{Positions, StoreError};
use crate::telemetry::Telemetry;
use crate::webhook::Endpoint;

/// The engine, and what has happened to it since the last commit.
#[derive(Debug)]
pub(super) struct Intake {
    engine: Engine,
    /// How far sources have been taken for good.
    committed: Positions,
    pending: Pending,
    /// Inputs since the last commit.
    uncommitted: usize,
    /// Whether `pending` has the engine's state already, because a commit has failed.
    sealed: bool,
    outputs: Vec<Output>,
}

impl Intake {
    /// Goes on with an engine and the positions that were stored together.
    pub(super) fn new(engine: Engine, committed: Positions) -> Self {
        Self { engine, committed, pending: Pending::default(), uncommitted: 0, sealed: false, outputs: Vec::new() }
    }

    /// The engine, for questions.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Inputs since the last commit: 0 says that there is nothing to store.
    pub(super) fn uncommitted(&self) -> usize {
        self.uncommitted
    }

    /// Takes what of a batch was not taken before.
    pub(super) fn take(&mut self, batch: Batch, telemetry: &Telemetry) {
        if !batch.lease.holds() {
            return;
        }
        let key = (batch.source, batch.partition);
        let taken = self.pending.positions.get(&key).or_else(|| self.committed.get(&key));
        let mut next = taken.copied().unwrap_or(i64::MIN);
        let (before, mut again) = (next, 0_usize);
        let clock = clock_of(&key.0, key.1);
        for item in batch.items {
            // Read twice, as after a rebalance: its effects are in the state already.
            if item.position < next {
                again += 1;
                continue;
            }
            next = item.position.saturating_add(1);
            self.one(&key.0, key.1, clock, item, telemetry);
        }
        if again > 0 {
            tracing::warn!(source = %key.0.escape_debug(), partition = key.1, position = before, skipped = again,
                "input below the stored position was skipped; if the source was created anew, give it a new name");
        }
        if next > before {
            self.pending.positions.insert(key, next);
        }
    }

    fn one(&mut self, source: &Arc<str>, partition: i32, clock: u32, item: Item, telemetry: &Telemetry) {
        self.pending.counts.consumed += 1;
        match item.decode() {
            Ok(decoded) => {
                self.pending.counts.unknown_fields += u64::from(decoded.unknown_fields);
                let arrival = Some(Timestamp::from_millis(item.received_at));
                let event = &decoded.event;
                // A stopwatch for the metric; nothing depends on it.
                let started = Instant::now();
                self.handle(Input::Event { event, trust: item.trust, arrival, phase: Phase::Live, partition: clock });
                telemetry.scored(started.elapsed());
            }
            Err(rejection) => {
                self.uncommitted += 1;
                self.pending.counts.quarantined += 1;
                telemetry.quarantined(rejection.code);
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

    /// Time passed without events.
    pub(super) fn tick(&mut self, now: Timestamp) {
        self.handle(Input::Tick(now));
    }

    /// Does what a person has decided, and keeps the record of it.
    pub(super) fn rule(&mut self, order: Input<'_>, ruling: Ruling) {
        self.handle(order);
        self.pending.rulings.push(ruling);
    }

    fn handle(&mut self, input: Input<'_>) {
        debug_assert!(!self.sealed, "what is handled after the state was taken would not be in it");
        self.uncommitted += 1;
        self.engine.handle(input, &mut self.outputs);
        for output in self.outputs.drain(..) {
            if let Output::Assessed(assessment) = &output {
                self.pending.counts.judged(assessment.outcome);
            }
            self.pending.take(output);
        }
    }

    /// Makes everything durable; `None` if there was nothing. After an error everything is kept, to be tried again: nothing may
    /// be taken in between.
    ///
    /// # Errors
    /// When it is not known to be durable.
    pub(super) fn commit(
        &mut self,
        storage: &impl Storage,
        endpoints: &[Endpoint],
        now_ms: i64,
    ) -> Result<Option<Stored>, StoreError> {
        if self.uncommitted == 0 {
            return Ok(None);
        }
        if !self.sealed {
            self.pending.state = self.engine.checkpoint();
            self.sealed = true;
        }
        let stored = self.pending.commit(storage, endpoints, now_ms)?;
        self.committed.extend(stored.pending.positions.iter().map(|(key, next)| (key.clone(), *next)));
        (self.uncommitted, self.sealed) = (0, false);
        Ok(Some(stored))
    }
}

/// Which clock the engine keeps for a source's partition: the same after a restart, whichever sources there are.
pub(crate) fn clock_of(source: &str, partition: i32) -> u32 {
    let digest = Sha256::new().chain_update(partition.to_be_bytes()).chain_update(source).finalize();
    digest.iter().take(4).fold(0, |key, byte| key << 8 | u32::from(*byte))
}
