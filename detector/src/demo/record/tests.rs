use super::*;
use crate::webhook::MessageId;

const VICTIM: &str = "spiffe://acme.example/finance/invoice-bot-03";
const OTHER: &str = "spiffe://acme.example/support/support-agent-01";
const LEARNED: Learned = Learned { share: 1.0, events: 9, identities: 2, ranked: 20_000, earlier: false };

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn hijack() -> Fact {
    Fact::Hijacked {
        name: "invoice-bot-03".to_owned(),
        identity: VICTIM.to_owned(),
        task: "pay".to_owned(),
        scenario: Scenario::Exfiltration,
        is_to: "send records out",
    }
}

fn act() -> Fact {
    Fact::Malicious(Act {
        name: "invoice-bot-03".to_owned(),
        credential: "tok-9".to_owned(),
        tool: "payment.send".into(),
        target: Some("iban:DE00".into()),
    })
}

fn alert(identity: &str, summary: &str, withheld: Option<&str>) -> Fact {
    let alert = serde_json::json!({
        "id": format!("alt_{}", identity.len()), "kind": "scope_drift", "tenant": "default", "identity": identity,
        "session": "run-7", "task": null, "opened": "2026-05-04T10:00:00Z", "updated": "2026-05-04T10:00:00Z",
        "closed": false, "severity": "high", "score": 9.0, "p": 1e-4, "ranked_among": 20000, "evidence": 9.0,
        "history_sessions": 90, "summary": summary, "contributions": [], "events": [], "event_count": 1,
        "credential": null, "decision": "alert", "withheld": withheld, "revocation": null, "tags": [],
        "approvals": [], "model_version": "1", "config_version": "c",
    });
    Fact::Alert(serde_json::from_value(alert).unwrap())
}

fn revocation(identity: &str, credential: &str, state: &str) -> Fact {
    let revocation = serde_json::json!({
        "id": format!("rev_{credential}"), "alert": "alt_1", "tenant": "default", "identity": identity,
        "session": "run-7", "subject": { "kind": "credential", "id": credential, "issuer": null },
        "requested": "2026-05-04T10:00:00Z", "expires_at": null, "score": 12.5, "reason": "why", "tags": [],
    });
    Fact::Revocation { revocation: serde_json::from_value(revocation).unwrap(), state: state.to_owned() }
}

fn killed(credential: &str) -> Fact {
    let message = MessageId::new(&format!("rev_{credential}")).unwrap();
    Fact::Broker(Sight::Revoked { message, credentials: vec![credential.to_owned()] })
}

/// The record after these facts, one a second.
fn after(facts: Vec<Fact>) -> Record {
    let mut record = Record::new("http://127.0.0.1:8321".to_owned(), "2026-05-04T09:59:00Z".parse().unwrap());
    for (second, fact) in facts.into_iter().enumerate() {
        record.take(fact, at(second as f64));
    }
    record
}

fn summary(record: &Record) -> Summary {
    record.summary(Cast::default(), &LEARNED, Counts::default(), 2)
}

fn failure(facts: Vec<Fact>) -> String {
    summary(&after(facts)).failure.unwrap()
}

fn whole() -> Vec<Fact> {
    vec![
        hijack(),
        act(),
        alert(VICTIM, "a new payee", None),
        revocation(VICTIM, "tok-9", "requested"),
        killed("tok-9"),
        revocation(VICTIM, "tok-9", "delivered"),
        revocation(VICTIM, "tok-9", "confirmed"),
    ]
}

#[test]
fn hijack_that_ends_with_the_dead_credential_is_what_was_promised() {
    let summary = summary(&after(whole()));
    assert_eq!(summary.failure, None);
    assert_eq!(summary.revocations, Revocations { requested: 1, delivered: 1, confirmed: 1 });
    assert_eq!((summary.seconds_to_alert, summary.seconds_to_dead_credential), (Some(1.0), Some(3.0)));
    assert_eq!((summary.alerts, summary.benign_agents_alerted, summary.benign_agents_revoked), (1, 0, 0));
    assert_eq!(summary.hijacked.as_deref(), Some(VICTIM));
}

#[test]
fn every_missing_part_is_named() {
    let without = |gone: &[usize]| {
        let facts = whole().into_iter().enumerate().filter(|(place, _)| !gone.contains(place));
        failure(facts.map(|(_, fact)| fact).collect())
    };
    assert!(without(&[0, 1, 2, 3, 4, 5, 6]).contains("before the hijack"));
    assert!(without(&[2, 3, 4, 5, 6]).contains("not noticed"));
    assert!(without(&[3, 4, 5, 6]).contains("did not pass the budget"));
    assert!(without(&[4]).contains("did not kill"));
    assert!(without(&[6]).contains("did not confirm"));
}

#[test]
fn what_the_engine_says_against_a_revocation_is_passed_on() {
    let facts = vec![hijack(), act(), alert(VICTIM, "a new payee", Some("ledger"))];
    assert!(failure(facts).ends_with("the revocation budget is spent; a person has to decide"));
}

#[test]
fn revoked_innocent_fails_the_demo_whatever_else_went_well() {
    let mut facts = whole();
    facts.extend([alert(OTHER, "odd", None), revocation(OTHER, "tok-4", "confirmed")]);
    let record = after(facts);
    let summary = summary(&record);
    assert_eq!((summary.benign_agents_alerted, summary.benign_agents_revoked), (1, 1));
    assert!(summary.failure.unwrap().ends_with("support-agent-01"));
}

#[test]
fn alert_of_before_the_first_malicious_action_is_no_detection() {
    let facts = vec![hijack(), alert(VICTIM, "odd", None), act()];
    assert!(failure(facts).contains("not noticed"));
}

#[test]
fn what_an_earlier_run_has_left_counts_for_nothing() {
    let mut record = Record::new("http://127.0.0.1:8321".to_owned(), "2026-05-04T10:00:01Z".parse().unwrap());
    for fact in [alert(OTHER, "odd", None), revocation(OTHER, "tok-4", "confirmed")] {
        assert!(record.take(fact, at(0.0)).is_empty());
    }
    let summary = summary(&record);
    assert_eq!((summary.alerts, summary.revocations.requested, summary.benign_agents_revoked), (0, 0, 0));
}

#[test]
fn broker_that_is_quicker_than_the_store_is_told_afterwards() {
    let mut record = after(vec![hijack(), act()]);
    assert!(record.take(killed("tok-9"), at(2.0)).is_empty());
    let told = record.take(revocation(VICTIM, "tok-9", "requested"), at(2.1));
    assert!(told[0].text.starts_with("REVOKE tok-9") && told[1].text.ends_with("kills tok-9"), "{told:?}");
    assert_eq!(summary(&record).seconds_to_dead_credential, Some(1.0));
}

#[test]
fn alert_is_told_once_and_cannot_move_the_cursor() {
    let mut record = after(vec![hijack(), act()]);
    let told = record.take(alert(VICTIM, "first use of `\u{1b}[2Jx\u{202e}`", None), at(2.0));
    assert!(told[0].text.contains("/alerts/alt_") && !told[0].text.contains(['\u{1b}', '\u{202e}']), "{told:?}");
    assert!(record.take(alert(VICTIM, "first use", None), at(3.0)).is_empty());
}
