//! What a receiver reads: built once, stored, and sent byte for byte at every attempt.

use models::decision::{Revocation, RevocationSubject};
use models::event::Timestamp;
use serde::Serialize;

/// Type of the message that asks for a revocation.
pub const REQUESTED: &str = "identity.token_revocation_requested";
/// Type of the message that takes it back.
pub const UNDONE: &str = "identity.token_revocation_undone";
/// What the id of the second message has behind that of the first.
pub const UNDO_SUFFIX: &str = "_undo";

/// Most characters of the explanation: Standard Webhooks wants bodies below 20 kB.
const MAX_DETAIL_CHARS: usize = 1_000;
/// Most tags.
const MAX_TAGS: usize = 32;

#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    decision_id: &'a str,
    alert: &'a str,
    tenant: &'a str,
    identity: &'a str,
    session: &'a str,
    /// `credential` or `session`: what `sub_id` names.
    subject: &'static str,
    sub_id: SubjectId<'a>,
    reason: &'static str,
    detail: String,
    score: f64,
    requested: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    taxonomy: Vec<&'a str>,
}

/// A subject identifier of RFC 9493 (`opaque`) or of the Shared Signals Framework (`jwt_id`).
#[derive(Serialize)]
#[serde(tag = "format", rename_all = "snake_case")]
enum SubjectId<'a> {
    JwtId { iss: &'a str, jti: &'a str },
    Opaque { id: &'a str },
}

/// The body that asks for a revocation.
pub(super) fn requested(revocation: &Revocation, now: Timestamp) -> serde_json::Result<String> {
    body(REQUESTED, revocation, now)
}

/// The body that takes it back.
pub(super) fn undone(revocation: &Revocation, now: Timestamp) -> serde_json::Result<String> {
    body(UNDONE, revocation, now)
}

fn body(r#type: &'static str, revocation: &Revocation, now: Timestamp) -> serde_json::Result<String> {
    let (subject, sub_id) = match &revocation.subject {
        RevocationSubject::Credential { id, issuer: Some(iss) } => ("credential", SubjectId::JwtId { iss, jti: id }),
        RevocationSubject::Credential { id, issuer: None } => ("credential", SubjectId::Opaque { id }),
        RevocationSubject::Session { session } => ("session", SubjectId::Opaque { id: session }),
    };
    serde_json::to_string(&Message {
        r#type,
        timestamp: now,
        data: Data {
            decision_id: &revocation.id.0,
            alert: &revocation.alert.0,
            tenant: &revocation.tenant,
            identity: &revocation.identity,
            session: &revocation.session,
            subject,
            sub_id,
            reason: "scope_drift",
            detail: revocation.reason.chars().take(MAX_DETAIL_CHARS).collect(),
            score: revocation.score,
            requested: revocation.requested,
            expires_at: revocation.expires_at,
            taxonomy: revocation.tags.iter().take(MAX_TAGS).map(|tag| &**tag).collect(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::tests::revocation;
    use crate::webhook::{MessageId, Signer};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn body_is_the_published_one() {
        let mut revocation =
            revocation("0123456789abcdef0123456789abcdef", "spiffe://prod.example.com/agent/invoice-bot");
        revocation.expires_at = Some(at("2026-05-04T11:00:00Z"));
        let body = requested(&revocation, at("2026-05-04T10:00:00.12Z")).unwrap();
        assert_eq!(body, include_str!("../../tests/golden/revocation_requested.json").trim_end());
    }

    const GUIDE: &str = include_str!("../../../docs/webhooks.md");

    #[test]
    fn guide_for_receivers_shows_the_published_body_and_its_signatures() {
        let golden = include_str!("../../tests/golden/revocation_requested.json").trim_end();
        let shown = GUIDE.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
        let parse = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(shown), parse(golden));

        let header = |name: &str| GUIDE.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let id = MessageId::new(header("webhook-id: ")).unwrap();
        let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".parse().unwrap();
        let key = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".parse().unwrap();
        let signer = Signer::new(vec![secret], vec![key]).unwrap();
        let timestamp = header("webhook-timestamp: ").parse().unwrap();
        assert_eq!(signer.sign(&id, timestamp, golden.as_bytes()), header("webhook-signature: "));
    }

    #[test]
    fn undo_says_the_same_of_the_same_subject() {
        let revocation = revocation("0123456789abcdef0123456789abcdef", "bot");
        let now = at("2026-05-04T10:00:00.12Z");
        let undone = undone(&revocation, now).unwrap();
        assert_eq!(undone.replace(UNDONE, REQUESTED), requested(&revocation, now).unwrap());
    }

    #[test]
    fn subject_without_issuer_is_opaque() {
        let mut revocation = revocation("1", "bot");
        revocation.subject = RevocationSubject::Credential { id: "tok-1".into(), issuer: None };
        assert_eq!(subject_of(&revocation), r#"{"format":"opaque","id":"tok-1"} credential"#);
        revocation.subject = RevocationSubject::Session { session: "run-7".into() };
        assert_eq!(subject_of(&revocation), r#"{"format":"opaque","id":"run-7"} session"#);
    }

    #[test]
    fn body_of_the_longest_names_stays_below_20_kb() {
        let mut revocation = revocation("1", &"i".repeat(2_048));
        revocation.subject =
            RevocationSubject::Credential { id: "\"".repeat(2_048).into(), issuer: Some("\\".repeat(2_048).into()) };
        revocation.reason = "ü".repeat(100_000);
        revocation.tags = vec!["x".repeat(64).into(); 1_000];
        assert!(requested(&revocation, Timestamp::EPOCH).unwrap().len() < 20_000);
    }

    fn subject_of(revocation: &Revocation) -> String {
        let body: serde_json::Value = serde_json::from_str(&requested(revocation, Timestamp::EPOCH).unwrap()).unwrap();
        format!("{} {}", body["data"]["sub_id"], body["data"]["subject"].as_str().unwrap())
    }
}
