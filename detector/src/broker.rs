//! The demo's small broker.
