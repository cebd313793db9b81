//! The harness of the end-to-end stories: a real broker, real sockets, a real browser, and the binaries as they ship.
//!
//! The stories see driftwatch from outside only, as a broker service, an analyst or an operator does. Nothing here links
//! the `detector` crate: a receiver that verified signatures with the code that made them would agree with any mistake.
//!
//! | part | what it is |
//! |---|---|
//! | [`driftwatch::Driftwatch`] | the real binary with a generated configuration: start, kill, restart, read its database |
//! | [`kafka::Kafka`] | Apache Kafka in a process of its own |
//! | [`fleet::Fleet`] | several `driftwatch` on one topic, and what a second run over it finds |
//! | [`receiver::Receiver`] | a webhook receiver that checks every signature and misbehaves on request |
//! | [`browser::Browser`] | headless Chromium: click, read, take screenshots, see what the console complained about |
//! | [`trace::Trace`] | what agents did, with attacks among it, as `driftwatch-datasets` generates it |
//! | [`eventually::eventually`] | how a story waits: by asking again, never by sleeping and hoping |
//!
//! A part that is not installed fails the story and says what to run; nothing is skipped silently.

#![expect(
    clippy::missing_errors_doc,
    reason = "here every error means the same: the story fails, and the error says why"
)]

pub mod browser;
pub mod built;
pub mod driftwatch;
pub mod eventually;
pub mod fleet;
pub mod http1;
pub mod kafka;
pub mod process;
pub mod receiver;
pub mod scratch;
pub mod trace;
