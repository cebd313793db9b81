//! The durable outbox: every revocation reaches every endpoint at least once, or its state says that it did not.
//!
//! ```text
//! engine's transaction      enqueue        one row per endpoint, with the exact bytes to send
//! worker, per endpoint      plan           what is due, in order of the identity
//!                           deliver        one signed attempt, outside of any transaction
//!                           settle         row, endpoint's health and revocation's state, in one transaction
//! broker, people            confirm, undo, resend
//! ```
//!
//! Rules:
//! - The id and the body never change; signature and timestamp are new for each attempt. A crash between an attempt and
//!   its result repeats the attempt, so receivers must treat an id as an idempotency key.
//! - Order is kept per identity within an endpoint: a message waits until every earlier one of its identity was delivered
//!   or given up. One exception: a message that the receiver answered with a refusal (row state `rejected`) is retried,
//!   but holds nobody back, or one bad credential id would shield every later one of the same identity.
//! - Endpoints share nothing: each has its own task, client and connections. A dead one delays no other, and never scoring.
//! - A row is retried until its credential has expired by itself, or for the endpoint's `max_age` where that is unknown.

mod answer;
pub(crate) mod dispatch;
mod health;
mod lane;
mod message;
pub(crate) mod plan;
pub(crate) mod queue;
mod schedule;
mod state;
mod worker;

pub use answer::{Confirmation, confirm, resend, undo, used_again};
pub use health::{EndpointHealth, EndpointState, enable, health};
pub use message::{REQUESTED, UNDO_SUFFIX, UNDONE};
pub use queue::enqueue;
pub(crate) use queue::{enqueue_as, requested};
pub use state::{Change, RevocationState, set_state};
pub use worker::run;

/// Writes one line of the audit. `detail` is JSON.
fn audit(
    tx: &rusqlite::Transaction<'_>,
    now_ms: i64,
    actor: &str,
    action: &str,
    object: &str,
    detail: &serde_json::Value,
) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT INTO audit (at, actor, action, object, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((now_ms, actor, action, object, detail.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests;
