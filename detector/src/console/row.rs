//! One alert as one line.

use models::alert::AlertKind;
use models::assessment::Decision;
use models::decision::Withheld;
use models::event::{DEFAULT_TENANT, Timestamp};

use super::format::{self, When};
use super::text::{Shown, plain};
use super::timeline::{self, state_name};
use crate::http::records::alerts::AlertRecord;
use crate::http::url;
use crate::outbox::RevocationState;

/// The line of an alert: who, what, why, and what was done.
#[derive(Debug)]
pub(crate) struct Row {
    /// Id of the alert, `[a-z0-9_]`.
    pub(crate) id: String,
    /// Sorts as text in the order of opening.
    pub(crate) key: String,
    /// Name of the severity.
    pub(crate) severity: &'static str,
    /// When it opened.
    pub(crate) opened: When,
    /// Whether the episode goes on.
    pub(crate) open: bool,
    /// What raised it, where it is not behaviour.
    pub(crate) kind: Option<&'static str>,
    /// Who.
    pub(crate) identity: Shown,
    /// Who, in full, for a title.
    pub(crate) identity_title: String,
    /// Page of the baseline.
    pub(crate) identity_href: String,
    /// Tenant, where it is not the default.
    pub(crate) tenant: Option<Shown>,
    /// On which task.
    pub(crate) task: Option<Shown>,
    /// What happened.
    pub(crate) summary: Shown,
    /// The strongest dimension, with its share.
    pub(crate) strongest: Option<(&'static str, String)>,
    /// Evidence in bits.
    pub(crate) evidence: String,
    /// What the rank says.
    pub(crate) rank: String,
    /// What was done.
    pub(crate) response: Response,
    /// What an analyst said.
    pub(crate) verdict: Option<&'static str>,
}

/// What was done about an alert.
#[derive(Debug)]
pub(crate) struct Response {
    /// In two words.
    pub(crate) label: &'static str,
    /// Class of its colour.
    pub(crate) class: &'static str,
    /// What to add.
    pub(crate) detail: Option<&'static str>,
}

impl Row {
    /// The line of a record.
    pub(crate) fn new(record: &AlertRecord, now: Timestamp) -> Self {
        let alert = &record.alert;
        let named_tenant = (&*alert.tenant != DEFAULT_TENANT).then(|| Shown::brief(&alert.tenant));
        Self {
            id: id(&alert.id.0),
            key: format!("{:020}{}", i128::from(alert.opened.as_nanos()) - i128::from(i64::MIN), id(&alert.id.0)),
            severity: alert.severity.as_str(),
            opened: When::new(alert.opened, now),
            open: !alert.closed,
            kind: (alert.kind != AlertKind::ScopeDrift).then(|| kind(alert.kind)),
            identity: Shown::brief(&alert.identity),
            identity_title: plain(&alert.identity),
            identity_href: identity_href(&alert.tenant, &alert.identity),
            tenant: named_tenant,
            task: alert.task.as_deref().map(Shown::brief),
            summary: Shown::brief_sentence(&alert.summary),
            strongest: alert.contributions.first().map(|c| (c.dimension.as_str(), format::percent(c.share))),
            evidence: format::bits(alert.evidence),
            rank: format::rank(alert.p, alert.ranked_among),
            response: response(record),
            verdict: record.verdict.as_ref().map(|v| verdict_name(&v.verdict)),
        }
    }
}

/// Ids of alerts and revocations are made by the engine; in HTML ids and paths nothing else may get through.
pub(super) fn id(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Page of an identity's baseline.
pub(super) fn identity_href(tenant: &str, identity: &str) -> String {
    format!("/identity?tenant={}&identity={}", url::encode(tenant), url::encode(identity))
}

/// What raised an alert.
pub(super) fn kind(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::ScopeDrift => "scope drift",
        AlertKind::RevokedCredentialUsed => "revoked credential used",
        AlertKind::BrakeOpened => "brake opened",
        AlertKind::ExpiredCredentialUsed => "expired credential used",
        AlertKind::SlowDrift => "slow drift",
        AlertKind::Rebaseline => "re-baseline?",
    }
}

/// A verdict as people say it.
pub(super) fn verdict_name(verdict: &str) -> &'static str {
    match verdict {
        "true" => "attack",
        "benign_expected" => "meant to happen",
        "false" => "false alarm",
        _ => "settled",
    }
}

fn response(record: &AlertRecord) -> Response {
    match record.alert.decision {
        Decision::Revoke => {
            let state = record.revocation_state.unwrap_or(RevocationState::Requested);
            let class = timeline::class(state);
            Response { label: "revoke", class, detail: Some(state_name(state)) }
        }
        Decision::Record => Response { label: "recorded", class: "wait", detail: Some("shadow mode") },
        Decision::Alert | Decision::None => {
            Response { label: "alert only", class: "plain", detail: record.alert.withheld.map(withheld_word) }
        }
    }
}

/// Why there was no revocation, in two words.
fn withheld_word(withheld: Withheld) -> &'static str {
    match withheld {
        Withheld::Policy => "by policy",
        Withheld::Immature => "too little history",
        Withheld::Source => "source only observed",
        Withheld::Ledger => "budget spent",
        Withheld::Brake => "brake open",
        Withheld::Stale => "event too old",
        Withheld::BreakGlass => "break-glass",
    }
}
