//! Simple detectors to stand beside: whatever cannot beat these is not worth its price.
//!
//! All learn from the history only and stay as they are while scoring, whatever the engine does.

mod features;
mod first_seen;
mod forest;
mod moments;
mod z_score;

use std::hash::{Hash, Hasher};

use models::event::{Event, Timestamp};

pub use features::SessionFloors;
pub use first_seen::FirstSeen;
pub use forest::Forest;
pub(crate) use moments::Moments;
pub use z_score::ZScore;

/// A key of 64 bits. The hash is seeded with zeros, so that the same events give the same keys.
pub(crate) fn key(parts: impl Hash) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// A random number for an event, 0 to 1: what a score is worth that knows nothing. Long sessions get larger ones.
pub fn random(seed: u64, event: &Event) -> f64 {
    let bits = key((seed, &event.tenant, &event.identity, &event.id));
    // 53 bits are what a double holds.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn identity_key(event: &Event) -> u64 {
    key((&event.tenant, &event.identity))
}

/// Events without a session count as one endless session of their identity.
fn session_key(event: &Event) -> u64 {
    key((&event.tenant, &event.identity, &event.session))
}

pub(crate) fn tool_key(event: &Event) -> u64 {
    key((&event.server, &event.tool, event.action))
}

/// Seconds between two events of a session, never negative.
fn gap(from: Timestamp, to: Timestamp) -> f64 {
    to.seconds_since(from).max(0.0)
}
