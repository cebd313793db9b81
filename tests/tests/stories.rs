//! The stories. One binary for all, since each would link the same crates again.

#[path = "stories/architecture.rs"]
mod architecture;
#[path = "stories/demo.rs"]
mod demo;
#[path = "stories/harness.rs"]
mod harness;
