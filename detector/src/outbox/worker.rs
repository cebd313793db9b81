//! The outbox at work: one task per endpoint, woken by the feed and by the clock.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::lane::Lane;
use super::queue;
use super::state::RevocationState;
use crate::app::App;
use crate::webhook::{Endpoint, Sender};

/// Longest time without a look at the database: what another process changed there is noticed by then.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The pause after something outside failed: database, certificate store.
const PAUSE: Duration = Duration::from_secs(1);
/// How often delivered revocations are looked over for credentials that have expired.
const SWEEP: Duration = Duration::from_secs(30);
/// How long attempts under way may take to end when the service stops. One that is cut off is repeated at the next start.
const GRACE: Duration = Duration::from_secs(5);

/// Delivers until the service stops.
pub async fn run(app: App, shutdown: watch::Receiver<bool>) {
    let mut lanes = JoinSet::new();
    for endpoint in &app.config().webhooks {
        lanes.spawn(serve(app.clone(), endpoint.clone(), shutdown.clone()));
    }
    lanes.spawn(keep_house(app, shutdown));
    while let Some(ended) = lanes.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a delivery worker ended by a fault of ours; restart to deliver again");
        }
    }
}

async fn serve(app: App, endpoint: Endpoint, mut shutdown: watch::Receiver<bool>) {
    let sender = loop {
        match Sender::new(endpoint.clone()) {
            Ok(sender) => break sender,
            Err(error) => tracing::error!(%error, "trying again"),
        }
        if stopped_within(&mut shutdown, PAUSE).await {
            return;
        }
    };
    let mut feed = app.feed();
    let mut lane = Lane::new(app.clone(), sender);
    while !*shutdown.borrow_and_update() {
        // Before looking, so that what is committed while we look wakes us again.
        feed.mark_unchanged();
        let pause = match lane.fill(app.now()).await {
            Ok(wake_at) => until(wake_at, app.now_ms()),
            Err(error) => {
                tracing::error!(endpoint = endpoint.name(), %error, "the outbox cannot be read; trying again");
                PAUSE
            }
        };
        tokio::select! {
            changed = shutdown.changed() => if changed.is_err() { break },
            landed = lane.landed() => lane.settle(landed, app.now()).await,
            _ = feed.changed() => {}
            () = sleep(pause) => {}
        }
    }
    let last = async {
        while lane.is_flying() {
            let landed = lane.landed().await;
            lane.settle(landed, app.now()).await;
        }
    };
    if timeout(GRACE, last).await.is_err() {
        tracing::warn!(
            endpoint = endpoint.name(),
            "attempts under way were cut off; they are repeated at the next start"
        );
    }
}

/// Gives up what belongs to nobody any more, then looks after delivered revocations whose credential expires.
async fn keep_house(app: App, mut shutdown: watch::Receiver<bool>) {
    let configured: Vec<String> = app.config().webhooks.iter().map(|endpoint| endpoint.name().to_owned()).collect();
    let now_ms = app.now_ms();
    let retired = app
        .write(move |tx| queue::retire(tx, &configured.iter().map(String::as_str).collect::<Vec<_>>(), now_ms))
        .await;
    match retired {
        Ok(ids) if ids.is_empty() => {}
        Ok(ids) => {
            tracing::warn!(rows = ids.len(), "gave up what waited for endpoints that are not configured any more");
        }
        Err(error) => tracing::error!(%error, "the outbox cannot be written"),
    }
    loop {
        let now_ms = app.now_ms();
        match app.write(move |tx| queue::expire_delivered(tx, now_ms)).await {
            Ok(expired) => app.telemetry().revocations(RevocationState::Expired.as_str(), expired),
            Err(error) => tracing::error!(%error, "delivered revocations cannot be looked over; trying again"),
        }
        if stopped_within(&mut shutdown, SWEEP).await {
            return;
        }
    }
}

async fn stopped_within(shutdown: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    timeout(pause, shutdown.wait_for(|stop| *stop)).await.is_ok()
}

fn until(wake_at: Option<i64>, now_ms: i64) -> Duration {
    let pause = wake_at.map(|at| Duration::from_millis(u64::try_from(at.saturating_sub(now_ms)).unwrap_or(0)));
    pause.unwrap_or(HEARTBEAT).min(HEARTBEAT)
}
