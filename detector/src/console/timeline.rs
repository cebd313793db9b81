//! A revocation as the story of what happened to it.

use models::decision::RevocationSubject;
use models::event::Timestamp;

use super::format::When;
use super::row::id;
use super::text::Shown;
use crate::http::records::revocations::{AuditEntry, Delivery, RevocationRecord};
use crate::outbox::RevocationState;

/// The story, and what a person may do about it.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// Id of the revocation.
    pub(crate) id: String,
    /// What is revoked.
    pub(crate) subject: Shown,
    /// What happened, in order.
    pub(crate) steps: Vec<Step>,
    /// Whether a person may say that it is done.
    pub(crate) can_confirm: bool,
    /// Whether it can be taken back.
    pub(crate) can_undo: bool,
    /// Whether it can be sent once more.
    pub(crate) can_resend: bool,
}

/// One thing that happened.
#[derive(Debug)]
pub(crate) struct Step {
    /// Class of its mark.
    pub(crate) class: &'static str,
    /// What.
    pub(crate) name: Shown,
    /// When.
    pub(crate) at: When,
    /// More about it.
    pub(crate) detail: Option<Shown>,
}

impl Timeline {
    /// The story of a revocation.
    pub(crate) fn new(record: &RevocationRecord, audit: &[AuditEntry], now: Timestamp) -> Self {
        let mut steps = vec![(record.requested_at_ms, step("done", "requested", record.requested_at_ms, None, now))];
        steps.extend(record.deliveries.iter().map(|d| (at(d), delivery(d, now))));
        steps.extend(audit.iter().map(|entry| (entry.at_ms, act(entry, now))));
        let told = matches!(record.state, RevocationState::Requested | RevocationState::Delivered)
            || audit.iter().any(|entry| entry.at_ms == record.state_at_ms);
        if !told {
            let named = step(class(record.state), state_name(record.state), record.state_at_ms, None, now);
            steps.push((record.state_at_ms, named));
        }
        steps.sort_by_key(|(at, _)| *at);
        Self {
            id: id(&record.revocation.id.0),
            subject: subject(&record.revocation.subject),
            steps: steps.into_iter().map(|(_, step)| step).collect(),
            can_confirm: record.state.may_become(RevocationState::Confirmed),
            can_undo: record.state.may_become(RevocationState::Undone),
            can_resend: matches!(record.state, RevocationState::Failed | RevocationState::Expired),
        }
    }
}

/// What is revoked, in words.
pub(crate) fn subject(subject: &RevocationSubject) -> Shown {
    match subject {
        RevocationSubject::Credential { id, issuer: Some(issuer) } => {
            Shown::line(&format!("credential {id} of {issuer}"))
        }
        RevocationSubject::Credential { id, issuer: None } => Shown::line(&format!("credential {id}")),
        RevocationSubject::Session { session } => Shown::line(&format!("session {session}")),
    }
}

/// Class of a state's colour.
pub(crate) fn class(state: RevocationState) -> &'static str {
    match state {
        RevocationState::Confirmed => "ok",
        RevocationState::StillUsed | RevocationState::Failed => "bad",
        RevocationState::Undone | RevocationState::Expired => "plain",
        RevocationState::Requested | RevocationState::Delivered => "wait",
    }
}

/// A state of a revocation as people say it.
pub(crate) fn state_name(state: RevocationState) -> &'static str {
    match state {
        RevocationState::StillUsed => "still used",
        other => other.as_str(),
    }
}

/// What a person or broker did.
fn act(entry: &AuditEntry, now: Timestamp) -> Step {
    let what = match entry.action.as_str() {
        "revocation_answered" => "answered",
        "revocation_undone" => "taken back",
        "revocation_resent" => "sent again",
        other => other,
    };
    // The details of an audit line are a JSON object; its texts are what a person wants to read.
    let detail = serde_json::from_str::<serde_json::Map<_, _>>(&entry.detail).unwrap_or_default();
    let texts: Vec<_> = detail.values().filter_map(serde_json::Value::as_str).filter(|t| !t.is_empty()).collect();
    let detail = texts.join("; ");
    step("done", &format!("{what} by {}", entry.actor), entry.at_ms, Some(&*detail).filter(|d| !d.is_empty()), now)
}

fn at(delivery: &Delivery) -> i64 {
    delivery.delivered_at_ms.unwrap_or(delivery.next_at_ms)
}

fn delivery(delivery: &Delivery, now: Timestamp) -> Step {
    let attempts = match delivery.attempts {
        1 => "1 attempt".to_owned(),
        n => format!("{n} attempts"),
    };
    let what = if delivery.undo { "undo " } else { "" };
    let endpoint = &delivery.endpoint;
    let (class, name) = match delivery.state.as_str() {
        "delivered" => ("done", format!("{what}accepted by {endpoint}")),
        "pending" if delivery.attempts == 0 => ("wait", format!("{what}to be sent to {endpoint}")),
        "pending" => ("wait", format!("{what}next attempt at {endpoint}")),
        "rejected" => ("bad", format!("{what}refused by {endpoint}, next attempt")),
        "expired" => ("bad", format!("{what}not accepted by {endpoint} in time")),
        _ => ("bad", format!("{what}given up at {endpoint}")),
    };
    let detail = match &delivery.last_error {
        Some(error) if delivery.state != "delivered" => format!("{attempts}; {error}"),
        _ => attempts,
    };
    step(class, &name, at(delivery), Some(&detail).filter(|_| delivery.attempts > 0).map(String::as_str), now)
}

fn step(class: &'static str, name: &str, at_ms: i64, detail: Option<&str>, now: Timestamp) -> Step {
    Step { class, name: Shown::line(name), at: When::from_millis(at_ms, now), detail: detail.map(Shown::line) }
}
