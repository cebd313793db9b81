//! What consoles of the whole fleet show: revocations with how far they have come, and what people said of alerts. Whoever
//! delivers a revocation, or whoever's console settles something, tells it; the topics keep the newest form of each.

use models::alert::AlertId;
use models::decision::{Revocation, Verdict};
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

use super::clients::{Clients, Put};
use super::error::FleetError;
use super::topics::Topic;
use crate::app::App;
use crate::outbox::RevocationState;
use crate::service::Stopping;
use crate::store::StoreError;

/// Most that is told at once.
const CHUNK: u32 = 500;

/// A revocation, as its topic has it; the key is its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Which partition asked for it.
    pub partition: i32,
    /// How far it has come.
    pub state: RevocationState,
    /// Since when, in milliseconds since the Unix epoch.
    pub at: i64,
    /// When the fleet granted it, in milliseconds since the Unix epoch.
    pub requested_at: i64,
    /// The exact bytes that ask for it: whoever delivers it sends these.
    pub request: String,
    /// What it is.
    pub revocation: Revocation,
}

/// What a person said of an alert, as its topic has it; the key is the alert's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Which.
    pub alert: AlertId,
    /// What it was.
    pub verdict: Verdict,
    /// Why.
    pub note: Option<String>,
    /// Who says so.
    pub by: String,
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
}

/// Tells everything that the fleet does not know yet, until the service stops.
pub async fn tell(app: App, clients: Clients, mut stopping: Stopping) {
    let mut feed = app.feed();
    loop {
        match tell_all(&app, &clients).await {
            // There may be more.
            Ok(told) if told >= CHUNK as usize => continue,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "what consoles show could not be told to the fleet; trying again with the next change");
            }
        }
        tokio::select! {
            changed = feed.changed() => if changed.is_err() { return },
            () = stopping.requested() => return,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum TellError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Fleet(#[from] FleetError),
}

/// The most of one kind that was told.
async fn tell_all(app: &App, clients: &Clients) -> Result<usize, TellError> {
    let (revocations, verdicts) = (app.read(revocations).await?, app.read(verdicts).await?);
    let most = revocations.len().max(verdicts.len());
    for told in revocations {
        let id = told.revocation.id.0.clone();
        let record = Put { key: id.as_bytes().to_vec(), value: serde_json::to_vec(&told).ok() };
        clients.write(&clients.topic(Topic::Revocations), Some(told.partition), &[record]).await?;
        // Not before it is there: what is told twice says the same.
        let sql = "UPDATE granted SET told = ?2 WHERE id = ?1";
        app.write(move |tx| tx.prepare_cached(sql)?.execute((&*id, told.state.as_str()))).await?;
    }
    for settled in verdicts {
        let key = settled.alert.0.as_bytes().to_vec();
        let record = Put { key, value: serde_json::to_vec(&settled).ok() };
        clients.write(&clients.topic(Topic::Verdicts), None, &[record]).await?;
        // Unless it was taken back meanwhile.
        let sql = "UPDATE settled SET told = 1 WHERE alert = ?1 AND at = ?2";
        app.write(move |tx| tx.prepare_cached(sql)?.execute((&*settled.alert.0, settled.at))).await?;
    }
    Ok(most)
}

/// Revocations of which the fleet does not know how far they have come. That one was granted is told by whoever delivers it.
pub(crate) fn revocations(db: &Connection) -> rusqlite::Result<Vec<Told>> {
    let told = |row: &Row<'_>| {
        let (state, revocation): (String, String) = (row.get(1)?, row.get(5)?);
        let (Ok(state), Ok(revocation)) = (state.parse(), serde_json::from_str(&revocation)) else { return Ok(None) };
        let (partition, at, requested_at, request) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(Some(Told { partition, state, at, requested_at, request, revocation }))
    };
    db.prepare_cached(
        "SELECT granted.partition, revocations.state, revocations.state_at, revocations.requested_at, granted.body,
                revocations.body
         FROM revocations JOIN granted USING (id)
         WHERE revocations.state <> coalesce(granted.told, CASE WHEN granted.mine THEN '' ELSE 'requested' END)
         ORDER BY revocations.seq LIMIT ?1",
    )?
    .query_map([CHUNK], told)?
    .filter_map(Result::transpose)
    .collect()
}

/// Verdicts that were given here and that the topic does not have yet.
pub(crate) fn verdicts(db: &Connection) -> rusqlite::Result<Vec<Settled>> {
    db.prepare_cached("SELECT body FROM settled WHERE told = 0 ORDER BY at, alert LIMIT ?1")?
        .query_map([CHUNK], |row| Ok(serde_json::from_slice(row.get_ref(0)?.as_bytes()?).ok()))?
        .filter_map(Result::transpose)
        .collect()
}
