//! One endpoint's worker: starts what [`Dispatch`] says and tells it how that ended. The clock is an argument.

use std::collections::BTreeMap;

use models::event::Timestamp;
use tokio::task::{Id, JoinError, JoinSet};

use super::dispatch::{Dispatch, Ended, Look};
use super::plan::{Plan, Waiting};
use super::queue::{self, milliseconds};
use super::state::RevocationState;
use crate::app::App;
use crate::store::StoreError;
use crate::webhook::{MessageId, Outcome, Sender};

/// What an attempt came to; `None` if the row waits no longer.
type Landed = Option<Outcome>;

/// The deliveries to one endpoint.
#[derive(Debug)]
pub(super) struct Lane {
    app: App,
    sender: Sender,
    dispatch: Dispatch,
    flights: JoinSet<Landed>,
    /// Which row each of them attempts.
    ids: BTreeMap<Id, String>,
}

impl Lane {
    pub(super) fn new(app: App, sender: Sender) -> Self {
        Self { app, sender, dispatch: Dispatch::default(), flights: JoinSet::new(), ids: BTreeMap::new() }
    }

    fn name(&self) -> &str {
        self.sender.endpoint().name()
    }

    /// Whether attempts are under way.
    pub(super) fn is_flying(&self) -> bool {
        self.dispatch.is_flying()
    }

    /// Gives up what is over and starts what is due at `now`. Returns when to call again, in milliseconds since the Unix
    /// epoch, unless something happens earlier.
    pub(super) async fn fill(&mut self, now: Timestamp) -> Result<Option<i64>, StoreError> {
        let now_ms = milliseconds(now);
        let endpoint = self.sender.endpoint().clone();
        let look = self.app.read(move |db| Look::at(db, &endpoint)).await?;
        let Plan { expired, start, wake_at } = self.dispatch.plan(look, now_ms);
        for row in start {
            self.launch(row, now);
        }
        if !expired.is_empty() {
            let endpoint = self.sender.endpoint().clone();
            let expired = self.app.write(move |tx| Dispatch::expire(tx, &endpoint, &expired, now_ms)).await?;
            self.app.telemetry().revocations(RevocationState::Expired.as_str(), expired);
        }
        Ok(wake_at)
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
        self.ids.insert(task.id(), row.id);
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
        let Some(id) = self.ids.remove(&task) else { return };
        let Some(ended) = self.dispatch.ended(&id, outcome, now) else { return };
        self.app.telemetry().webhook_attempt(ended.outcome().label());
        if let Err(error) = self.record(&ended).await {
            tracing::error!(endpoint = self.name(), id = %id, %error, "a delivery could not be recorded; it will be repeated");
            self.dispatch.unsettled(&ended);
        }
    }

    async fn record(&mut self, ended: &Ended) -> Result<(), StoreError> {
        let (endpoint, ending) = (self.sender.endpoint().clone(), ended.clone());
        let settled = self.app.write(move |tx| ending.settle(tx, &endpoint)).await?;
        if settled.delivered {
            self.app.telemetry().revocations(RevocationState::Delivered.as_str(), 1);
        }
        self.dispatch.pace(self.sender.endpoint(), ended, settled);
        let (id, attempts) = (ended.id(), ended.attempts());
        match ended.outcome().detail() {
            None => tracing::info!(endpoint = self.name(), id, attempts, "delivered"),
            // The detail is escaped and bounded where it is made.
            Some(detail) => tracing::warn!(endpoint = self.name(), id, attempts, detail, "not delivered"),
        }
        Ok(())
    }
}
