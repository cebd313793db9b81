//! The runtime around the engine: sources, store, outbox, webhooks, console and service.

use std::process::ExitCode;

fn main() -> ExitCode {
    detector::cli::run()
}
