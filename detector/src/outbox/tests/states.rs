//! What becomes of a revocation after its request: undone, confirmed, failed, expired or still used.

use models::alert::{Alert, AlertKind};
use models::event::Timestamp;

use super::super::queue::{self, milliseconds};
use super::super::{Change, Confirmation, RevocationState, UNDONE, confirm, resend, set_state, undo};
use super::receiver::Receiver;
use super::{Bench, after, revocation, start};

#[tokio::test]
async fn undo_follows_what_was_delivered() {
    let mut receiver = Receiver::answering(&[204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, start()).await;

    assert_eq!(undone(&bench, after(9)), Change::Moved(RevocationState::Delivered));
    bench.work(0, after(9)).await;

    assert_eq!(receiver.next().id, "rev_1");
    let second = receiver.next();
    assert_eq!(second.id, "rev_1_undo");
    assert!(second.body.starts_with(&format!("{{\"type\":\"{UNDONE}\"")), "{}", second.body);
    assert_eq!(bench.state("rev_1"), RevocationState::Undone);
}

#[tokio::test]
async fn undo_stops_what_was_not_delivered_yet() {
    let mut receiver = Receiver::answering(&[500, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, start()).await;
    undone(&bench, after(9));
    bench.work(0, after(9)).await;
    bench.work(0, after(900)).await;
    assert_eq!((receiver.next().id, receiver.next().id), ("rev_1".to_owned(), "rev_1_undo".to_owned()));
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn undo_does_not_overtake_an_attempt_under_way() {
    let mut receiver = Receiver::silent().await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.lanes[0].fill(start()).await.unwrap();
    assert_eq!(receiver.arrived().await.id, "rev_1");

    undone(&bench, start());
    bench.lanes[0].fill(start()).await.unwrap();
    assert_eq!(receiver.count(), 1);

    receiver.release();
    bench.work(0, start()).await;
    assert_eq!(receiver.arrived().await.id, "rev_1_undo");
    assert_eq!(bench.state("rev_1"), RevocationState::Undone);
}

fn undone(bench: &Bench, now: Timestamp) -> Change {
    let endpoints = &bench.app.config().webhooks;
    bench.app.store().write(|tx| undo(tx, "rev_1", endpoints, "ada", "false alarm", milliseconds(now))).unwrap()
}

#[tokio::test]
async fn broker_confirms_once_and_everyone_is_told() {
    let receiver = Receiver::answering(&[204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, start()).await;
    let feed = bench.feed();
    let now_ms = milliseconds(start());
    let say = |confirmation: &Confirmation| {
        bench.app.store().write(|tx| confirm(tx, "rev_1", confirmation, "broker", now_ms)).unwrap()
    };

    assert_eq!(say(&Confirmation::Revoked), Change::Moved(RevocationState::Delivered));
    assert_eq!(say(&Confirmation::Revoked), Change::Already);
    let failed = Confirmation::Failed { detail: "no such token".to_owned() };
    assert_eq!(say(&failed), Change::Refused(RevocationState::Confirmed));
    assert_eq!(bench.feed(), feed + 1);
    assert_eq!(bench.text("SELECT count(*) || action FROM audit WHERE object = ?1", "rev_1"), "1revocation_answered");
}

#[tokio::test]
async fn failed_revocation_is_sent_again_by_hand_with_its_old_body() {
    let mut receiver = Receiver::answering(&[500, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    let mut revocation = revocation("1", "bot");
    revocation.expires_at = Some(after(60));
    bench.request(&revocation, start());
    bench.work(0, start()).await;
    bench.work(0, after(60)).await;
    assert_eq!(bench.state("rev_1"), RevocationState::Expired);

    let later = after(3_600);
    let endpoints = &bench.app.config().webhooks;
    let change = bench.app.store().write(|tx| resend(tx, "rev_1", endpoints, "ada", milliseconds(later))).unwrap();
    assert_eq!(change, Change::Moved(RevocationState::Expired));
    bench.work(0, later).await;
    assert_eq!(receiver.next().body, receiver.next().body);
    assert_eq!(bench.state("rev_1"), RevocationState::Delivered);
}

#[tokio::test]
async fn undone_revocation_is_never_sent_again() {
    let receiver = Receiver::answering(&[204]).await;
    let bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    undone(&bench, start());
    let endpoints = &bench.app.config().webhooks;
    let change = bench.app.store().write(|tx| resend(tx, "rev_1", endpoints, "ada", 0)).unwrap();
    assert_eq!(change, Change::Refused(RevocationState::Undone));
}

#[tokio::test]
async fn revocation_that_nobody_can_be_told_has_failed() {
    let bench = Bench::new(&[]);
    bench.request(&revocation("1", "bot"), start());
    assert_eq!(bench.state("rev_1"), RevocationState::Failed);
}

#[tokio::test]
async fn what_waits_for_an_endpoint_that_was_removed_is_given_up_and_shown() {
    let receiver = Receiver::answering(&[204]).await;
    let bench = Bench::new(&[("old", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    let retired = bench.app.store().write(|tx| queue::retire(tx, &["new"], milliseconds(start()))).unwrap();
    assert_eq!(retired, ["rev_1"]);
    assert_eq!(bench.state("rev_1"), RevocationState::Failed);
    assert_eq!(bench.row("rev_1", "last_error"), "the endpoint is not configured any more");
}

#[tokio::test]
async fn unconfirmed_revocation_expires_with_its_credential() {
    let receiver = Receiver::answering(&[204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    let mut revocation = revocation("1", "bot");
    revocation.expires_at = Some(after(60));
    bench.request(&revocation, start());
    bench.work(0, start()).await;
    let sweep = |seconds| {
        let now_ms = milliseconds(after(seconds));
        bench.app.store().write(|tx| queue::expire_delivered(tx, now_ms)).unwrap()
    };
    assert_eq!((sweep(59), sweep(60), sweep(61)), (0, 1, 0));
    assert_eq!(bench.state("rev_1"), RevocationState::Expired);
}

#[tokio::test]
async fn use_counts_as_still_used_only_after_a_broker_had_the_request() {
    let receiver = Receiver::answering(&[204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    let delivered = after(2);
    bench.work(0, delivered).await;
    let used = |at: Timestamp, kind| {
        let alert = used_alert(at, kind);
        bench.app.store().write(|tx| super::super::used_again(tx, &alert, milliseconds(at))).unwrap()
    };

    assert_eq!(used(start(), AlertKind::RevokedCredentialUsed), Change::Refused(RevocationState::Delivered));
    assert_eq!(used(after(3), AlertKind::ScopeDrift), Change::Unknown);
    let change = used(after(3), AlertKind::RevokedCredentialUsed);
    assert_eq!(change, Change::Moved(RevocationState::Delivered));
    assert_eq!(bench.state("rev_1"), RevocationState::StillUsed);
}

fn used_alert(opened: Timestamp, kind: AlertKind) -> Alert {
    let alert = serde_json::json!({
        "id": "alt_1", "kind": kind, "tenant": "default", "identity": "bot", "session": "run-7", "task": null,
        "opened": opened, "updated": opened, "closed": true, "severity": "critical", "score": 0.0, "p": 1.0,
        "ranked_among": 0, "evidence": 0.0, "history_sessions": 0, "summary": "used again", "contributions": [],
        "events": [], "event_count": 1, "credential": null, "decision": "alert", "withheld": null,
        "revocation": "rev_1", "tags": [], "approvals": [], "model_version": "1", "config_version": "1",
    });
    serde_json::from_value(alert).unwrap()
}

#[tokio::test]
async fn state_moves_only_along_the_table_and_takes_a_place_in_the_feed() {
    let bench = Bench::new(&[]);
    bench.request(&revocation("1", "bot"), start());
    let feed = bench.feed();
    let set = |id: &str, state| bench.app.store().write(|tx| set_state(tx, id, state, 5)).unwrap();
    assert_eq!(set("rev_1", RevocationState::StillUsed), Change::Refused(RevocationState::Failed));
    assert_eq!(set("rev_none", RevocationState::Failed), Change::Unknown);
    assert_eq!(bench.feed(), feed);
    assert_eq!(set("rev_1", RevocationState::Requested), Change::Moved(RevocationState::Failed));
    assert_eq!(bench.feed(), feed + 1);
    assert_eq!(
        bench.text("SELECT seq || ' ' || state_at FROM revocations WHERE id = ?1", "rev_1"),
        format!("{} 5", feed + 1)
    );
}
