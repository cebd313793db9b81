//! A revocation as the story of what happened to it.

use models::decision::RevocationSubject;
use models::event::Timestamp;

use super::format::When;
use super::row::id;
use super::text::Shown;
use crate::http::records::revocations::{AuditEntry, Delivery, RevocationRecord};

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
        for entry in audit {
            let name = format!("{} by {}", entry.action.replace('_', " "), entry.actor);
            let detail = Some(entry.detail.as_str()).filter(|d| !d.is_empty() && *d != "{}");
            steps.push((entry.at_ms, step("done", &name, entry.at_ms, detail, now)));
        }
        if !matches!(record.state.as_str(), "requested" | "delivered") {
            let named = step(class(&record.state), state_name(&record.state), record.state_at_ms, None, now);
            steps.push((record.state_at_ms, named));
        }
        steps.sort_by_key(|(at, _)| *at);
        let state = record.state.as_str();
        Self {
            id: id(&record.revocation.id.0),
            subject: subject(&record.revocation.subject),
            steps: steps.into_iter().map(|(_, step)| step).collect(),
            can_confirm: matches!(state, "requested" | "delivered" | "still_used" | "failed" | "expired"),
            can_undo: state != "undone",
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
pub(crate) fn class(state: &str) -> &'static str {
    match state {
        "confirmed" => "ok",
        "still_used" | "failed" => "bad",
        "undone" | "expired" => "plain",
        _ => "wait",
    }
}

/// A state of a revocation as people say it.
pub(crate) fn state_name(state: &str) -> &'static str {
    match state {
        "requested" => "requested",
        "delivered" => "delivered",
        "confirmed" => "confirmed",
        "still_used" => "still used",
        "failed" => "failed",
        "expired" => "expired",
        "undone" => "undone",
        _ => "unknown",
    }
}

fn at(delivery: &Delivery) -> i64 {
    delivery.delivered_at_ms.unwrap_or(delivery.next_at_ms)
}

fn delivery(delivery: &Delivery, now: Timestamp) -> Step {
    let attempts = match delivery.attempts {
        1 => "1 attempt".to_owned(),
        n => format!("{n} attempts"),
    };
    let (class, name) = match delivery.state.as_str() {
        "delivered" => ("done", format!("accepted by {}", delivery.endpoint)),
        "pending" if delivery.attempts == 0 => ("wait", format!("to be sent to {}", delivery.endpoint)),
        "pending" => ("wait", format!("next attempt at {}", delivery.endpoint)),
        "expired" => ("bad", format!("not accepted by {} before the credential expired", delivery.endpoint)),
        _ => ("bad", format!("given up at {}", delivery.endpoint)),
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
