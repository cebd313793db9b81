//! The governor as format 4 has stored it. It goes when the format is raised again: only the one before is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Activity, Governor};
use crate::alert::AlertId;
use crate::decision::RevocationId;
use crate::engine::promise::Promise;
use crate::event::Timestamp;

/// It did not know which alert had asked for a revocation.
#[derive(Debug, Deserialize)]
struct Watched {
    revocation: RevocationId,
    requested: Timestamp,
    used: bool,
}

#[derive(Debug, Deserialize)]
pub(in crate::engine) struct Previous {
    ledger: f64,
    filled_to: f64,
    recent: Vec<(Timestamp, u64)>,
    activity: Activity,
    brake_open: bool,
    watched: BTreeMap<u64, Watched>,
    promise: Promise,
    alerts_opened: u64,
    proposed: Vec<AlertId>,
}

impl From<Previous> for Governor {
    fn from(previous: Previous) -> Self {
        let Previous { ledger, filled_to, recent, activity, brake_open, watched, promise, alerts_opened, proposed } =
            previous;
        let watched = watched.into_iter().map(|(subject, Watched { revocation, requested, used })| {
            // Asked for by members of a fleet only, and there was none.
            (subject, super::Watched { revocation, alert: AlertId("".into()), requested, used })
        });
        Self {
            ledger,
            filled_to,
            recent,
            activity,
            brake_open,
            watched: watched.collect(),
            promise,
            alerts_opened,
            proposed,
        }
    }
}
