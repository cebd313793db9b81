//! The engine over history: event files in, one row an event out, with a digest, a report and quality figures.
//!
//! The crate is a driver of [`models::engine::Engine::handle`] and nothing else scores here: [`trace`] turns files into
//! one stream in order of event time, [`drive`] hands it to the engine, [`run`] writes what comes out, [`quality`]
//! compares it with labels, [`benchmark`] follows the protocols of public data, [`suite`] measures whole collections of
//! both, [`population`] needs no files and measures a generated fleet, and [`convert`] turns event
//! files into Parquet. There is no network client in here.

pub mod args;
pub mod benchmark;
pub mod command;
pub mod config;
pub mod convert;
pub mod diff;
pub mod drive;
#[cfg(test)]
mod fixture;
pub mod floor;
pub mod inject;
pub mod junit;
pub mod label;
pub mod population;
pub mod provenance;
pub mod quality;
pub mod report;
pub mod run;
pub mod suite;
pub mod summary;
pub mod sweep;
pub mod table;
pub mod tally;
pub mod trace;
pub mod verdict;
