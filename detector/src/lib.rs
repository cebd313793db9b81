//! The runtime around the engine: sources, store, outbox, webhooks, console and service.
//!
//! One engine thread owns the [`models::engine::Engine`]. [`source`]s hand it raw bytes with positions, [`service`] wires
//! and stops everything in order, and [`store`] makes state, alerts, revocations, positions and counters durable in one
//! transaction, so that `kill -9` at any moment loses nothing and doubles nothing. Scoring is the engine's alone:
//! nothing in this crate decides what is strange.

pub mod app;
pub mod broker;
pub mod cli;
pub mod config;
pub mod console;
pub mod demo;
pub mod doctor;
pub mod fleet;
pub mod http;
pub mod keys;
pub mod outbox;
pub mod outcome;
pub mod service;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod webhook;
