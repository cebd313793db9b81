//! What several tests start from.

use models::alert::{Alert, AlertId, AlertKind, Severity};
use models::assessment::Decision;
use models::event::Timestamp;

/// An alert that was opened about an identity in its session `s`, with nothing about it that a test would look at.
pub(crate) fn alert(identity: &str, id: &str, opened: Timestamp) -> Alert {
    Alert {
        id: AlertId(id.into()),
        kind: AlertKind::ScopeDrift,
        tenant: "default".into(),
        identity: identity.into(),
        session: "s".into(),
        task: None,
        opened,
        updated: opened,
        closed: false,
        severity: Severity::High,
        score: 9.0,
        p: 0.001,
        ranked_among: 1000,
        evidence: 9.0,
        history_sessions: 30,
        nearest_session: None,
        summary: String::new(),
        contributions: Vec::new(),
        events: Vec::new(),
        event_count: 1,
        credential: None,
        decision: Decision::Alert,
        withheld: None,
        revocation: None,
        tags: Vec::new(),
        approvals: Vec::new(),
        model_version: "m".into(),
        config_version: "c".into(),
    }
}
