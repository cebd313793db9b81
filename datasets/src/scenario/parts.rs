//! What attacks are made of, whether they are put into generated sessions or into recorded ones.

use std::time::Duration;

use models::event::{Action, BreakGlass, Credential, Event, Origin, Sensitivity, Timestamp};

use crate::generator::{Dice, TargetForm, Tool, call};

/// Days within which keys that leaked together are all tried.
pub const LEAK_DAYS: f64 = 1.0;

/// What data is sent out with, if the agent has no tool of its own that reaches outside.
pub(super) static UPLOAD: Tool = Tool {
    name: "http.post",
    server: "egress",
    action: Action::Execute,
    sensitivity: Sensitivity::Internal,
    external: true,
    target: TargetForm::Words("https://", ""),
    pool: 1,
    novelty: 1.0,
    bytes_in: 1000.0,
    bytes_out: 120.0,
    records: 0.0,
    spread: 0.3,
    pause_s: 2.0,
    scope: "egress.write",
};

/// Where credentials lie. No role has it among its tools.
pub(super) static SECRETS: Tool = Tool {
    name: "credential.export",
    server: "iam",
    action: Action::Read,
    sensitivity: Sensitivity::Restricted,
    external: false,
    target: TargetForm::Words("iam://credentials/", ""),
    pool: 1,
    novelty: 1.0,
    bytes_in: 70.0,
    bytes_out: 420.0,
    records: 1.0,
    spread: 0.3,
    pause_s: 1.0,
    scope: "iam.read",
};

/// A target that the agent never used, where the tool has room for one.
pub(super) fn unseen(tool: &Tool, dice: &mut Dice) -> Option<String> {
    tool.target.unseen(dice.bits()).or_else(|| tool.target.render(dice.bits()))
}

/// A call that sends something outside, to a target of the attacker's.
pub fn upload(frame: &Event, time: Timestamp, dice: &mut Dice) -> Event {
    let target = UPLOAD.target.of_attacker(dice.bits());
    Event { external: Some(true), ..call(frame, &UPLOAD, Some(target), 1.0, time, dice) }
}

/// A call that takes a credential where they lie.
pub fn credential_export(frame: &Event, time: Timestamp, dice: &mut Dice) -> Event {
    let target = unseen(&SECRETS, dice);
    call(frame, &SECRETS, target, 1.0, time, dice)
}

/// A source that nobody has: an address that is set aside for documentation (RFC 5737).
pub fn elsewhere(dice: &mut Dice) -> Origin {
    Origin {
        ip: Some(format!("203.0.113.{}", dice.between(1, 254)).into()),
        workload: None,
        region: Some("ap-southeast-1".into()),
        user_agent: Some("python-requests/2.32".into()),
    }
}

/// The one place from which keys that leaked together are tried.
pub fn buyer() -> Origin {
    Origin {
        ip: Some("203.0.113.77".into()),
        workload: None,
        region: Some("us-east-2".into()),
        user_agent: Some("go-http-client/1.1".into()),
    }
}

/// A documented elevation, for an hour.
pub fn elevation(since: Timestamp, dice: &mut Dice) -> BreakGlass {
    BreakGlass {
        id: format!("bg-{:08x}", dice.bits() >> 32).into(),
        expires_at: Some(since.saturating_add(Duration::from_hours(1))),
    }
}

/// Turns a credential into that of the account which several agents use between them.
pub fn share_account(credential: &mut Credential) {
    credential.id = "svc-automation".into();
    // It was issued once and does not end with a session.
    credential.issued_at = None;
    credential.expires_at = None;
}

/// The event with its bytes and records multiplied by `factor`.
#[must_use]
pub fn grow(mut event: Event, factor: f64) -> Event {
    for volume in [&mut event.bytes_in, &mut event.bytes_out, &mut event.records] {
        *volume = volume.map(|v| (v as f64 * factor).round() as u64);
    }
    event
}
