//! One endpoint's worker: starts what is due, records how it ended. The clock is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use models::event::Timestamp;
use tokio::task::{Id, JoinError, JoinSet};

use super::health::{OPEN_AFTER, Record};
use super::plan::{Capacity, Plan, Waiting, plan};
use super::queue::{self, milliseconds};
use super::schedule::{self, ENDPOINT_CAP, MESSAGE_CAP, RETRY_AFTER_CAP};
use super::state::{Change, RevocationState};
use crate::app::App;
use crate::store::StoreError;
use crate::webhook::{MessageId, Outcome, Sender};

/// Attempts under way at one endpoint.
const MAX_IN_FLIGHT: usize = 8;
/// The pause after the database failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What an attempt came to; `None` if the row waits no longer.
type Landed = Option<Outcome>;

/// The deliveries to one endpoint.
#[derive(Debug)]
pub(super) struct Lane {
    app: App,
    sender: Sender,
    // Bounded by `MAX_IN_FLIGHT`; the rest waits in the database.
    flights: JoinSet<Landed>,
    flying: BTreeMap<Id, Waiting>,
    failures: u32,
    hold_until: i64,
}

impl Lane {
    pub(super) fn new(app: App, sender: Sender) -> Self {
        Self { app, sender, flights: JoinSet::new(), flying: BTreeMap::new(), failures: 0, hold_until: 0 }
    }

    fn name(&self) -> &str {
        self.sender.endpoint().name()
    }

    /// Whether attempts are under way.
    pub(super) fn is_flying(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Gives up what is over and starts what is due at `now`. Returns when to call again, in milliseconds since the Unix
    /// epoch, unless something happens earlier.
    pub(super) async fn fill(&mut self, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let now_ms = milliseconds(now);
        let endpoint = self.sender.endpoint().clone();
        let (waiting, record, disabled) = self
            .app
            .read(move |db| {
                let record = Record::load(db, endpoint.name())?;
                let waiting = queue::waiting(db, endpoint.name(), endpoint.max_age())?;
                let disabled = record.is_disabled(&endpoint);
                Ok((waiting, record, disabled))
            })
            .await?;
        if record.failures < self.failures {
            // Enabled by a person meanwhile.
            self.hold_until = 0;
        }
        self.failures = record.failures;
        let flying: Vec<Waiting> = self.flying.values().cloned().collect();
        let Plan { expired, start, wake_at } = plan(waiting, &flying, self.capacity(disabled), now_ms);
        self.expire(expired, now_ms).await?;
        for row in start {
            self.launch(row, now);
        }
        Ok(wake_at)
    }

    /// An endpoint that does not answer is probed with one message at a time.
    fn capacity(&self, disabled: bool) -> Capacity {
        let limit = if self.failures >= OPEN_AFTER { 1 } else { MAX_IN_FLIGHT };
        let hold_until = if disabled { i64::MAX } else { self.hold_until };
        Capacity { slots: limit.saturating_sub(self.flights.len()), hold_until }
    }

    async fn expire(&self, ids: Vec<String>, now_ms: i64) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let name = self.name().to_owned();
        let changes = self
            .app
            .write(move |tx| {
                let give_up = |id: &String| queue::give_up(tx, id, &name, RevocationState::Expired, now_ms);
                ids.iter().map(give_up).collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let expired = changes.into_iter().filter(|change| change.moved()).count();
        self.app.telemetry().revocations(RevocationState::Expired.as_str(), expired as u64);
        Ok(())
    }

    fn launch(&mut self, row: Waiting, now: Timestamp) {
        let (app, sender, id) = (self.app.clone(), self.sender.clone(), row.id.clone());
        let flight = async move {
            let name = sender.endpoint().name().to_owned();
            let key = id.clone();
            let body = match app.read(move |db| queue::body(db, &key, &name)).await {
                Ok(body) => body?,
                Err(error) => return Some(Outcome::Unavailable { detail: error.to_string() }),
            };
            // Ids are ours; one that cannot be a header was damaged on disk.
            let Some(id) = MessageId::new(&id) else {
                return Some(Outcome::Rejected { detail: "the id is damaged and cannot be sent".to_owned() });
            };
            Some(sender.deliver(&id, body, now).await)
        };
        let task = self.flights.spawn(flight);
        self.flying.insert(task.id(), row);
    }

    /// Waits until an attempt has ended; pending for ever if none is under way.
    pub(super) async fn landed(&mut self) -> Result<(Id, Landed), JoinError> {
        match self.flights.join_next_with_id().await {
            Some(landed) => landed,
            None => std::future::pending().await,
        }
    }

    /// Records how an attempt ended.
    pub(super) async fn settle(&mut self, landed: Result<(Id, Landed), JoinError>, now: Timestamp) {
        let (task, outcome) = match landed {
            Ok((task, outcome)) => (task, outcome),
            Err(error) => {
                tracing::error!(endpoint = self.name(), %error, "a delivery failed by a fault of ours; trying it again");
                (error.id(), Some(Outcome::Unavailable { detail: "a fault of driftwatch; see its log".to_owned() }))
            }
        };
        let Some(row) = self.flying.remove(&task) else { return };
        let Some(outcome) = outcome else { return };
        self.app.telemetry().webhook_attempt(outcome.label());
        if let Err(error) = self.record(&row, &outcome, now).await {
            tracing::error!(endpoint = self.name(), id = %row.id, %error, "a delivery could not be recorded; it will be repeated");
            self.hold(now, STORE_PAUSE);
        }
    }

    async fn record(&mut self, row: &Waiting, outcome: &Outcome, now: Timestamp) -> Result<(), StoreError> {
        let now_ms = milliseconds(now);
        let failed = row.attempts.saturating_add(1);
        let pause = schedule::delay(failed, MESSAGE_CAP, schedule::jitter(self.name(), &row.id, failed));
        let next_at = milliseconds(now.saturating_add(pause));
        let (endpoint, id, ended) = (self.sender.endpoint().clone(), row.id.clone(), outcome.clone());
        let recovering = self.failures > 0;
        let (change, record) = self
            .app
            .write(move |tx| {
                let change = queue::record(tx, &id, endpoint.name(), &ended, next_at, now_ms)?;
                let record = Record::observe(tx, &endpoint, &ended, now_ms)?;
                if recovering && record.failures == 0 {
                    queue::hasten(tx, endpoint.name(), now_ms)?;
                }
                Ok((change, record))
            })
            .await?;
        self.failures = record.failures;
        if let Change::Moved(_) = change {
            self.app.telemetry().revocations(RevocationState::Delivered.as_str(), 1);
        }
        self.pace(outcome, now);
        match outcome.detail() {
            None => tracing::info!(endpoint = self.name(), id = %row.id, attempts = failed, "delivered"),
            // The detail is escaped and bounded where it is made.
            Some(detail) => {
                tracing::warn!(endpoint = self.name(), id = %row.id, attempts = failed, detail, "not delivered");
            }
        }
        Ok(())
    }

    /// How long the whole endpoint is left alone.
    fn pace(&mut self, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Delivered | Outcome::Rejected { .. } => self.hold_until = 0,
            Outcome::RetryAfter { after, .. } => self.hold(now, (*after).min(RETRY_AFTER_CAP)),
            Outcome::Unavailable { .. } if self.failures >= OPEN_AFTER => {
                let beyond = self.failures - OPEN_AFTER + 1;
                let jitter = schedule::jitter(self.name(), "", self.failures);
                self.hold(now, schedule::delay(beyond, ENDPOINT_CAP, jitter));
            }
            Outcome::Unavailable { .. } | Outcome::Gone => {}
        }
    }

    fn hold(&mut self, now: Timestamp, pause: Duration) {
        self.hold_until = self.hold_until.max(milliseconds(now.saturating_add(pause)));
    }
}
