//! Several processes that share one topic of events: Kafka spreads its partitions over them and carries their state.
//!
//! ```text
//! events ──> consumer ──batches──> thread ── one member (engine) per partition
//!               ^   │ assigned, revoked │ flush: changelog, then alerts and reports
//!               └───┴──── resume ───────┤
//! fleet's log ──> reader ──entries──────┤ a copy of what the fleet shares, granted revocations ──> store ──> webhooks
//! alerts ───────> reader ──alerts───────┘ for the console
//! ```
//! - A partition has one owner. It reads the changelog, claims it ([`models::changelog`]), restores the member and goes on at the
//!   offset that its state contains.
//! - What one partition cannot decide alone goes through the fleet's log, of which every process keeps the state
//!   ([`models::engine::Fleet`]). Who owns the partition that asked delivers what was granted.
//! - Everything that is told has a constant id and is a function of the logs, so a repeat is no duplicate.

pub mod clients;
pub mod error;
pub mod handover;
mod images;
pub mod log;
pub mod partition;
pub mod reader;
pub mod restore;
pub mod standby;
pub mod states;
mod thread;
pub mod topics;
pub mod verify;
pub mod wire;

pub(crate) use clients::{appended, session_timeout};
pub use error::FleetError;
pub(crate) use thread::FleetThread;
