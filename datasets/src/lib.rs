//! Readers and writers of event files, seeded populations of agents and attack scenarios with ground truth.
//!
//! [`reader`] turns bytes at the edge (NDJSON files, plain or compressed, `CloudEvents`, CSV, and the logs of
//! agents, clouds and tracers) into checked [`models::event::Event`]s and keeps what it cannot read; [`writer`] is the way back. [`generator`] is a population of
//! agents with habits of their own, and [`scenario`] what goes wrong with them, or only looks as if it did. [`recorded`] is what
//! a live run keeps beside each event, so that a replay repeats it.

mod columns;
pub mod generator;
pub mod reader;
pub mod recorded;
pub mod scenario;
pub mod writer;
