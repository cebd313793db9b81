//! The runtime around the engine: sources, store, outbox, webhooks, console and service.

pub mod keys;
pub mod webhook;
