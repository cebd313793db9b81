//! What one endpoint is sent and when, and what an answer of it changes: a lane without its tasks. The clock is an argument, and
//! the database is lent for each step.

use std::collections::BTreeMap;
use std::time::Duration;

use models::event::Timestamp;
use rusqlite::{Connection, Transaction};

use super::health::{OPEN_AFTER, Record};
use super::plan::{Capacity, Plan, Waiting, plan};
use super::queue::{self, milliseconds};
use super::schedule::{self, ENDPOINT_CAP, MESSAGE_CAP, RETRY_AFTER_CAP};
use super::state::{Change, RevocationState};
use crate::webhook::{Endpoint, Outcome};

/// Attempts under way at one endpoint.
const MAX_IN_FLIGHT: usize = 8;
/// The pause after the database failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What is known of one endpoint between two looks at the database.
#[derive(Debug, Default)]
pub(crate) struct Dispatch {
    /// Rows being attempted, by id. Bounded by `MAX_IN_FLIGHT`; the rest waits in the database.
    flying: BTreeMap<String, Waiting>,
    failures: u32,
    hold_until: i64,
}

/// What the database says of an endpoint.
#[derive(Debug)]
pub(crate) struct Look {
    waiting: Vec<Waiting>,
    failures: u32,
    disabled: bool,
}

impl Look {
    pub(crate) fn at(db: &Connection, endpoint: &Endpoint) -> rusqlite::Result<Self> {
        let record = Record::load(db, endpoint.name())?;
        let waiting = queue::waiting(db, endpoint.name(), endpoint.max_age())?;
        Ok(Self { waiting, failures: record.failures, disabled: record.is_disabled(endpoint) })
    }
}

/// An attempt that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    row: Waiting,
    outcome: Outcome,
    /// Whether the attempts before it failed.
    recovering: bool,
    at: Timestamp,
}

/// What an attempt has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Whether it was the first to reach anybody.
    pub(crate) delivered: bool,
    failures: u32,
}

impl Dispatch {
    /// Whether attempts are under way.
    pub(crate) fn is_flying(&self) -> bool {
        !self.flying.is_empty()
    }

    /// What is to be given up and what to be attempted. The latter counts as under way from now on, until it has [`ended`].
    ///
    /// [`ended`]: Self::ended
    pub(crate) fn plan(&mut self, look: Look, now_ms: i64) -> Plan {
        if look.failures < self.failures {
            // Enabled by a person meanwhile.
            self.hold_until = 0;
        }
        self.failures = look.failures;
        let flying: Vec<Waiting> = self.flying.values().cloned().collect();
        let plan = plan(look.waiting, &flying, self.capacity(look.disabled), now_ms);
        self.flying.extend(plan.start.iter().map(|row| (row.id.clone(), row.clone())));
        plan
    }

    /// An endpoint that does not answer is probed with one message at a time.
    fn capacity(&self, disabled: bool) -> Capacity {
        let limit = if self.failures >= OPEN_AFTER { 1 } else { MAX_IN_FLIGHT };
        let hold_until = if disabled { i64::MAX } else { self.hold_until };
        Capacity { slots: limit.saturating_sub(self.flying.len()), hold_until }
    }

    /// Gives up rows whose time is over; how many revocations have expired by that.
    pub(crate) fn expire(
        tx: &Transaction<'_>,
        endpoint: &Endpoint,
        ids: &[String],
        now_ms: i64,
    ) -> rusqlite::Result<u64> {
        let mut expired = 0;
        for id in ids {
            let change = queue::give_up(tx, id, endpoint.name(), RevocationState::Expired, now_ms)?;
            expired += u64::from(change.moved());
        }
        Ok(expired)
    }

    /// The attempt at this row is over. `None` if there was none, or the row waited no longer and nothing was sent.
    pub(crate) fn ended(&mut self, id: &str, outcome: Option<Outcome>, at: Timestamp) -> Option<Ended> {
        let row = self.flying.remove(id)?;
        Some(Ended { row, outcome: outcome?, recovering: self.failures > 0, at })
    }

    /// How long the whole endpoint is left alone after an attempt that was stored.
    pub(crate) fn pace(&mut self, endpoint: &Endpoint, ended: &Ended, settled: Settled) {
        self.failures = settled.failures;
        match &ended.outcome {
            Outcome::Delivered | Outcome::Rejected { .. } => self.hold_until = 0,
            Outcome::RetryAfter { after, .. } => self.hold(ended.at, (*after).min(RETRY_AFTER_CAP)),
            Outcome::Unavailable { .. } if self.failures >= OPEN_AFTER => {
                let beyond = self.failures - OPEN_AFTER + 1;
                let jitter = schedule::jitter(endpoint.name(), "", self.failures);
                self.hold(ended.at, schedule::delay(beyond, ENDPOINT_CAP, jitter));
            }
            Outcome::Unavailable { .. } | Outcome::Gone => {}
        }
    }

    /// How an attempt ended could not be stored: it will be repeated, a little later.
    pub(crate) fn unsettled(&mut self, ended: &Ended) {
        self.hold(ended.at, STORE_PAUSE);
    }

    fn hold(&mut self, now: Timestamp, pause: Duration) {
        self.hold_until = self.hold_until.max(milliseconds(now.saturating_add(pause)));
    }
}

impl Ended {
    pub(crate) fn id(&self) -> &str {
        &self.row.id
    }

    pub(crate) fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Attempts at this row, this one included.
    pub(crate) fn attempts(&self) -> u32 {
        self.row.attempts.saturating_add(1)
    }

    /// Writes row, health of the endpoint and state of the revocation.
    pub(crate) fn settle(&self, tx: &Transaction<'_>, endpoint: &Endpoint) -> rusqlite::Result<Settled> {
        let (id, now_ms, attempts) = (self.id(), milliseconds(self.at), self.attempts());
        let pause = schedule::delay(attempts, MESSAGE_CAP, schedule::jitter(endpoint.name(), id, attempts));
        let next_at = milliseconds(self.at.saturating_add(pause));
        let change = queue::record(tx, id, endpoint.name(), &self.outcome, next_at, now_ms)?;
        let record = Record::observe(tx, endpoint, &self.outcome, now_ms)?;
        if self.recovering && record.failures == 0 {
            queue::hasten(tx, endpoint.name(), now_ms)?;
        }
        Ok(Settled { delivered: matches!(change, Change::Moved(_)), failures: record.failures })
    }
}
