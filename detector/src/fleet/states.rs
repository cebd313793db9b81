//! How far revocations have come, told to the whole fleet: whoever delivers one, or whoever's console settles it, says so.

use serde::{Deserialize, Serialize};

use super::clients::{Clients, FleetError, Put};
use super::topics::Topic;
use crate::app::App;
use crate::outbox::RevocationState;
use crate::service::Stopping;
use crate::store::StoreError;

/// Most states that are told at once.
const CHUNK: i64 = 500;

/// One record of the topic; its key is the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Id of the revocation.
    pub id: String,
    /// How far it has come.
    pub state: RevocationState,
    /// Since when, in milliseconds since the Unix epoch.
    pub at: i64,
}

impl Told {
    /// From the bytes of a record; `None` if they are none that this version writes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Tells every state that the fleet does not know yet, until the service stops.
pub async fn tell(app: App, clients: Clients, mut stopping: Stopping) {
    let mut feed = app.feed();
    loop {
        if let Err(error) = tell_all(&app, &clients).await {
            tracing::warn!(%error, "states of revocations could not be told to the fleet; trying again with the next change");
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

async fn tell_all(app: &App, clients: &Clients) -> Result<(), TellError> {
    let news: Vec<(i64, Told)> = app
        .read(|db| {
            db.prepare_cached(
                "SELECT granted.partition, revocations.id, revocations.state, revocations.state_at
                 FROM revocations JOIN granted USING (id) WHERE revocations.state <> granted.told
                 ORDER BY revocations.seq LIMIT ?1",
            )?
            .query_map([CHUNK], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?)))?
            .filter_map(|row| {
                row.map(|(partition, id, state, at)| Some((partition, Told { id, state: state.parse().ok()?, at })))
                    .transpose()
            })
            .collect()
        })
        .await?;
    let topic = clients.topic(Topic::Revocations);
    for (partition, told) in news {
        let value = serde_json::to_vec(&told).ok();
        let partition = i32::try_from(partition).ok();
        clients.write(&topic, partition, &[Put { key: told.id.clone().into_bytes(), value }]).await?;
        // Not before it is there: what is told twice says the same.
        app.write(move |tx| {
            tx.prepare_cached("UPDATE granted SET told = ?2 WHERE id = ?1")?.execute((&told.id, told.state.as_str()))
        })
        .await?;
    }
    Ok(())
}
