//! The pure core of driftwatch: event vocabulary, estimators, baselines, calibration and the engine that turns an event
//! into an assessment, alerts and revocation decisions.
//!
//! Nothing here does IO, reads a clock, spawns a task or rolls a global die: time is an argument, and the same input
//! gives the same bytes out. The service, the replay and every test are drivers of the same [`engine::Engine::handle`].

pub mod alert;
pub mod assessment;
mod baseline;
mod calibration;
pub mod changelog;
pub mod config;
pub mod decision;
pub mod dimension;
pub mod engine;
pub mod estimator;
pub mod event;
mod fingerprint;
mod peers;
mod sorted;
mod text;
pub mod view;
