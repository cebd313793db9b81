//! The stories. One binary for all, since each would link the same crates again.

#[path = "stories/architecture.rs"]
mod architecture;
#[path = "stories/backlog.rs"]
mod backlog;
#[path = "stories/console.rs"]
mod console;
#[path = "stories/crash.rs"]
mod crash;
#[path = "stories/dead_endpoint.rs"]
mod dead_endpoint;
#[path = "stories/demo.rs"]
mod demo;
#[path = "stories/fleet.rs"]
mod fleet;
#[path = "stories/flow.rs"]
mod flow;
#[path = "stories/harness.rs"]
mod harness;
#[path = "stories/kafka.rs"]
mod kafka;
#[path = "stories/poison.rs"]
mod poison;
#[path = "stories/report.rs"]
mod report;
#[path = "stories/same_everywhere.rs"]
mod same_everywhere;
#[path = "stories/secured.rs"]
mod secured;
#[path = "stories/topics.rs"]
mod topics;
