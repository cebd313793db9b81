//! What the service has decided, read from its store as the console reads it: after the commit, by the change feed.

use std::time::Duration;

use models::alert::Alert;
use models::decision::Revocation;
use rusqlite::Connection;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::record::Fact;
use crate::app::App;

/// How long changes that are under way at the end are waited for.
const SETTLE: Duration = Duration::from_secs(5);

/// Hands over every alert and revocation that changes from now on, in the order of the feed, until nobody listens.
pub(super) async fn follow(app: App, facts: mpsc::Sender<Fact>) {
    let mut feed = app.feed();
    let mut seen = *feed.borrow_and_update();
    while feed.changed().await.is_ok() {
        feed.borrow_and_update();
        match app.read(move |db| changes(db, seen)).await {
            Ok(changes) => {
                for (seq, fact) in changes {
                    seen = seen.max(seq);
                    if facts.send(fact).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the demo cannot read what was decided"),
        }
    }
}

fn changes(db: &Connection, since: i64) -> rusqlite::Result<Vec<(i64, Fact)>> {
    let mut changes = Vec::new();
    let mut alerts = db.prepare_cached("SELECT seq, body FROM alerts WHERE seq > ?1 AND shown = 1")?;
    for row in alerts.query_map([since], |row| Ok((row.get(0)?, json::<Alert>(&row.get::<_, String>(1)?)?)))? {
        let (seq, alert) = row?;
        changes.push((seq, Fact::Alert(Box::new(alert))));
    }
    let mut revocations = db.prepare_cached("SELECT seq, state, body FROM revocations WHERE seq > ?1")?;
    let rows = revocations.query_map([since], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, json::<Revocation>(&row.get::<_, String>(2)?)?))
    })?;
    for row in rows {
        let (seq, state, revocation) = row?;
        changes.push((seq, Fact::Revocation { revocation: Box::new(revocation), state }));
    }
    changes.sort_by_key(|(seq, _)| *seq);
    Ok(changes)
}

fn json<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}

/// Waits until no revocation is on its way any more.
pub(super) async fn settled(app: &App) {
    let mut feed = app.feed();
    let quiet = async {
        loop {
            feed.borrow_and_update();
            let open = app
                .read(|db| {
                    db.prepare("SELECT 1 FROM revocations WHERE state IN ('requested', 'delivered')")?.exists(())
                })
                .await;
            if !open.unwrap_or(false) || feed.changed().await.is_err() {
                return;
            }
        }
    };
    // What does not settle in time shows in the summary.
    let _ = tokio::time::timeout(SETTLE, quiet).await;
}
