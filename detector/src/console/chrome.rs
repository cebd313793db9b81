//! What stands around every page: where one is, whether the brake is open, and whether scoring keeps up.

use std::time::Duration;

use models::view::EngineView;

use crate::http::{Actor, Web};

/// The places of the console: name in code, address, name for people.
pub(crate) const NAV: [(Place, &str, &str); 4] = [
    (Place::Alerts, "/", "Alerts"),
    (Place::Identities, "/identities", "Identities"),
    (Place::Revocations, "/revocations", "Revocations"),
    (Place::Ingest, "/health", "Ingest"),
];

/// How long a page waits for the engine, which answers between two batches, before it is shown without.
const PATIENCE: Duration = Duration::from_secs(2);

/// A place of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The list of alerts.
    Alerts,
    /// Baselines.
    Identities,
    /// Revocations.
    Revocations,
    /// Sources, counts, engine.
    Ingest,
}

/// What the base template shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chrome {
    /// Where one is.
    pub(crate) place: Option<Place>,
    /// Whether the brake is open.
    pub(crate) brake_open: bool,
    /// Partitions in which events wait and none is taken.
    pub(crate) stalled: usize,
    /// Whether events wait for so long that nothing is revoked because of them.
    pub(crate) stale: bool,
    /// Whether one can sign out.
    pub(crate) session: bool,
}

impl Chrome {
    /// For a page that knows nothing of the service.
    pub(crate) fn bare() -> Self {
        Self { place: None, brake_open: false, stalled: 0, stale: false, session: false }
    }

    /// For a page at a place, with the state of the engine where it answers.
    pub(crate) async fn load(web: &Web, actor: &Actor, place: Place) -> (Self, Option<EngineView>) {
        let view = tokio::time::timeout(PATIENCE, web.app.engine().view()).await.ok().and_then(Result::ok);
        let brake_open = view.as_ref().is_some_and(|v| v.brake_open);
        let sources = web.app.readiness().sources;
        let stalled = sources.iter().map(|source| source.stalled.len()).sum();
        let oldest = web.app.now().saturating_sub(web.app.config().engine.settings().stale_after.0);
        let stale = sources.iter().any(|source| source.oldest_event_at.is_some_and(|time| time < oldest));
        (Self { place: Some(place), brake_open, stalled, stale, session: actor.session }, view)
    }
}
