//! The runtime around the engine: sources, store, outbox, webhooks, console and service.
fn main() {}
