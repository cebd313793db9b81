//! The outbox against real sockets and a real database. Time is an argument, so nothing here waits for it.

mod receiver;
mod states;

use std::time::Duration;

use models::alert::AlertId;
use models::decision::{Revocation, RevocationId, RevocationSubject};
use models::event::Timestamp;
use tempfile::TempDir;

use self::receiver::Receiver;
use super::health::{EndpointState, enable, health};
use super::lane::Lane;
use super::queue::milliseconds;
use super::{RevocationState, enqueue};
use crate::app::{App, EngineHandle};
use crate::config::Config;
use crate::source::ingest::Ingest;
use crate::store::Store;
use crate::webhook::Sender;

pub(super) fn revocation(id: &str, identity: &str) -> Revocation {
    Revocation {
        id: RevocationId(format!("rev_{id}").into()),
        alert: AlertId("alt_fedcba9876543210fedcba9876543210".into()),
        tenant: "default".into(),
        identity: identity.into(),
        session: "run-7".into(),
        subject: RevocationSubject::Credential {
            id: "tok-91ab".into(),
            issuer: Some("https://idp.example.com/".into()),
        },
        requested: "2026-05-04T09:59:59.5Z".parse().unwrap(),
        expires_at: None,
        score: 17.25,
        reason: "first use of `db.export`, 40 times the usual volume".to_owned(),
        tags: vec!["ASI03".into(), "MCP02:2025".into()],
    }
}

fn start() -> Timestamp {
    "2026-05-04T10:00:00Z".parse().unwrap()
}

fn after(seconds: u64) -> Timestamp {
    start().saturating_add(Duration::from_secs(seconds))
}

/// A database, its application, and the endpoints of its configuration.
struct Bench {
    app: App,
    lanes: Vec<Lane>,
    dir: TempDir,
    config: String,
}

impl Bench {
    fn new(endpoints: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let webhooks: Vec<String> = endpoints.iter().map(|(name, url)| receiver::config(name, url)).collect();
        let config = format!("[store]\npath = '{}'\n{}", dir.path().join("test.db").display(), webhooks.join("\n"));
        Self::open(dir, config)
    }

    fn open(dir: TempDir, config: String) -> Self {
        let checked = Config::parse(&config).unwrap();
        let store = Store::open(&checked.store.path).unwrap();
        let ingest = Ingest::start(store.clone()).unwrap();
        let app = App::new(checked, store, EngineHandle::channel().0, ingest, None).unwrap();
        let lane = |endpoint: &crate::webhook::Endpoint| Lane::new(app.clone(), Sender::new(endpoint.clone()).unwrap());
        let lanes = app.config().webhooks.iter().map(lane).collect();
        Self { app, lanes, dir, config }
    }

    /// The process dies and starts again on the same database.
    fn restart(self) -> Self {
        let Self { dir, config, lanes, app } = self;
        drop((lanes, app));
        Self::open(dir, config)
    }

    /// What the engine's commit does.
    fn request(&self, revocation: &Revocation, now: Timestamp) {
        let (now_ms, endpoints) = (milliseconds(now), &self.app.config().webhooks);
        self.app
            .store()
            .write(|tx| {
                let seq = App::next_seq(tx)?;
                tx.execute(
                    "INSERT OR IGNORE INTO revocations
                         (id, seq, alert, tenant, identity, requested, requested_at, state, state_at, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'requested', ?7, ?8)",
                    (
                        &*revocation.id.0,
                        seq,
                        &*revocation.alert.0,
                        &*revocation.tenant,
                        &*revocation.identity,
                        revocation.requested.as_nanos(),
                        now_ms,
                        serde_json::to_string(revocation).unwrap(),
                    ),
                )?;
                enqueue(tx, revocation, endpoints, now_ms)
            })
            .unwrap();
    }

    /// Does everything that is due at `now` at one endpoint, and says when it wants to be called again.
    async fn work(&mut self, lane: usize, now: Timestamp) -> Option<i64> {
        let lane = &mut self.lanes[lane];
        loop {
            let wake_at = lane.fill(now).await.unwrap();
            if !lane.is_flying() {
                return wake_at;
            }
            let landed = lane.landed().await;
            lane.settle(landed, now).await;
        }
    }

    fn state(&self, id: &str) -> RevocationState {
        self.text("SELECT state FROM revocations WHERE id = ?1", id).parse().unwrap()
    }

    fn row(&self, id: &str, column: &str) -> String {
        self.text(&format!("SELECT coalesce(CAST({column} AS TEXT), '') FROM outbox WHERE id = ?1"), id)
    }

    fn text(&self, sql: &str, id: &str) -> String {
        self.app.store().read(|db| db.query_row(sql, [id], |row| row.get(0))).unwrap()
    }

    fn feed(&self) -> i64 {
        self.app.store().read(crate::store::feed::newest).unwrap()
    }

    fn health(&self) -> super::EndpointHealth {
        let endpoints = &self.app.config().webhooks;
        self.app.store().read(|db| health(db, endpoints)).unwrap().remove(0)
    }
}

#[tokio::test]
async fn retry_has_the_same_id_and_body_and_a_new_timestamp_and_signature() {
    let mut receiver = Receiver::answering(&[503, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());

    let wake_at = bench.work(0, start()).await.unwrap();
    let later = after(7);
    assert!(wake_at <= milliseconds(later), "the first retry comes within 2 s");
    bench.work(0, later).await;

    let (first, second) = (receiver.next(), receiver.next());
    assert_eq!((&*first.id, &first.body), ("rev_1", &second.body));
    assert_eq!(first.id, second.id);
    assert_eq!(second.timestamp - first.timestamp, 7);
    assert_ne!(first.signature, second.signature);
    assert!(first.is_genuine() && second.is_genuine());
    assert_eq!(bench.state("rev_1"), RevocationState::Delivered);
}

#[tokio::test]
async fn nothing_is_tried_before_its_time() {
    let receiver = Receiver::answering(&[500, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    let wake_at = bench.work(0, start()).await.unwrap();

    bench.work(0, Timestamp::from_millis(wake_at - 1)).await;
    assert_eq!(receiver.count(), 1);
    bench.work(0, Timestamp::from_millis(wake_at)).await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn requesting_again_after_a_crash_sends_nothing_twice() {
    let receiver = Receiver::answering(&[204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, start()).await;
    bench.request(&revocation("1", "bot"), after(60));
    bench.work(0, after(60)).await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn what_was_waiting_when_the_process_died_is_delivered_after_the_restart() {
    let mut receiver = Receiver::answering(&[500, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, start()).await;

    let mut bench = bench.restart();
    bench.work(0, after(5)).await;

    assert_eq!(receiver.next().body, receiver.next().body);
    assert_eq!(bench.state("rev_1"), RevocationState::Delivered);
    assert_eq!(bench.row("rev_1", "attempts"), "2");
}

#[tokio::test]
async fn attempt_cut_off_by_a_crash_is_repeated_under_the_same_id() {
    let mut receiver = Receiver::silent().await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.lanes[0].fill(start()).await.unwrap();
    let first = receiver.arrived().await;

    let mut bench = bench.restart();
    bench.lanes[0].fill(after(1)).await.unwrap();
    let second = receiver.arrived().await;
    assert_eq!((first.id, first.body), (second.id, second.body));
}

#[tokio::test]
async fn dead_endpoint_does_not_delay_the_other() {
    let live = Receiver::answering(&[204]).await;
    let mut dead = Receiver::silent().await;
    let mut bench = Bench::new(&[("dead", dead.url()), ("live", live.url())]);
    bench.request(&revocation("1", "bot"), start());

    bench.lanes[0].fill(start()).await.unwrap();
    dead.arrived().await;
    bench.work(1, start()).await;

    assert!(bench.lanes[0].is_flying(), "the dead endpoint still has not answered");
    assert_eq!(live.count(), 1);
    assert_eq!(bench.state("rev_1"), RevocationState::Delivered);
}

#[tokio::test]
async fn messages_of_an_identity_arrive_in_order_and_others_pass() {
    let mut receiver = Receiver::answering(&[500, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("z-first", "bot"), start());
    bench.work(0, start()).await;
    let then = start().saturating_add(Duration::from_millis(1));
    bench.request(&revocation("a-second", "bot"), then);
    bench.request(&revocation("other", "other"), then);
    bench.work(0, then).await;
    bench.work(0, after(10)).await;
    let ids: Vec<_> = (0..4).map(|_| receiver.next().id).collect();
    assert_eq!(ids, ["rev_z-first", "rev_other", "rev_z-first", "rev_a-second"]);
}

#[tokio::test]
async fn refused_message_is_tried_again_and_shields_no_later_one() {
    let mut receiver = Receiver::answering(&[404, 204, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("bogus", "bot"), start());
    bench.work(0, start()).await;
    assert_eq!(bench.row("rev_bogus", "state"), "rejected");
    assert_eq!(bench.row("rev_bogus", "last_error"), "404 Not Found");
    bench.request(&revocation("real", "bot"), start());
    bench.work(0, start()).await;
    bench.work(0, after(10)).await;

    let ids: Vec<_> = (0..3).map(|_| receiver.next().id).collect();
    assert_eq!(ids, ["rev_bogus", "rev_real", "rev_bogus"]);
    assert_eq!(bench.state("rev_bogus"), RevocationState::Delivered);
}

#[tokio::test]
async fn gone_disables_the_endpoint_until_it_is_enabled_and_loses_nothing() {
    let receiver = Receiver::answering(&[410, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, start()).await;
    assert_eq!(bench.health().state, EndpointState::Disabled);

    let mut bench = bench.restart();
    bench.work(0, after(600)).await;
    assert_eq!(receiver.count(), 1);

    let enabled_ms = milliseconds(after(601));
    bench.app.store().write(|tx| enable(tx, "broker", "ada", enabled_ms)).unwrap();
    bench.work(0, after(602)).await;
    assert_eq!(bench.state("rev_1"), RevocationState::Delivered);
    assert_eq!(bench.health().state, EndpointState::Healthy);
}

#[tokio::test]
async fn gone_endpoint_is_used_again_under_another_url() {
    let receiver = Receiver::answering(&[410, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, start()).await;

    bench.config = bench.config.replace("/hook'", "/hook?moved'");
    let mut bench = bench.restart();
    bench.work(0, after(600)).await;
    assert_eq!(bench.state("rev_1"), RevocationState::Delivered);
}

#[tokio::test]
async fn retries_end_when_the_credential_has_expired() {
    let receiver = Receiver::answering(&[500]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    let mut revocation = revocation("1", "bot");
    revocation.expires_at = Some(after(3_600));
    bench.request(&revocation, start());
    bench.work(0, after(3_599)).await;
    assert_eq!((receiver.count(), bench.state("rev_1")), (1, RevocationState::Requested));

    bench.work(0, after(3_600)).await;
    assert_eq!((receiver.count(), bench.state("rev_1")), (1, RevocationState::Expired));
    assert_eq!(bench.row("rev_1", "state"), "expired");
}

#[tokio::test]
async fn without_a_known_expiry_retries_end_at_max_age() {
    let receiver = Receiver::answering(&[500]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, after(3 * 86_400 - 1)).await;
    assert_eq!(bench.state("rev_1"), RevocationState::Requested);
    bench.work(0, after(3 * 86_400)).await;
    assert_eq!(bench.state("rev_1"), RevocationState::Expired);
}

#[tokio::test]
async fn endpoint_that_does_not_answer_is_probed_one_by_one_and_recovery_frees_all() {
    let receiver = Receiver::answering(&[500, 500, 500, 500, 204]).await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    for identity in ["a", "b", "c"] {
        bench.request(&revocation(identity, identity), start());
    }
    bench.work(0, start()).await;
    assert_eq!(receiver.count(), 3);
    assert_eq!((bench.health().state, bench.health().consecutive_failures), (EndpointState::Failing, 3));

    // All three are due, but only one of them is risked, and it fails as well.
    bench.work(0, after(300)).await;
    assert_eq!(receiver.count(), 4);
    bench.work(0, after(400)).await;
    assert_eq!(receiver.count(), 7);
    assert_eq!((bench.health().pending, bench.health().state), (0, EndpointState::Healthy));
}

#[tokio::test]
async fn retry_after_holds_the_whole_endpoint_for_as_long_as_it_asked() {
    let receiver = Receiver::answering_with(&[429, 204], "30").await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, start()).await;
    bench.request(&revocation("2", "other"), start());
    bench.work(0, after(29)).await;
    assert_eq!(receiver.count(), 1);
    bench.work(0, after(30)).await;
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn endless_retry_after_is_cut() {
    let receiver = Receiver::answering_with(&[503, 204], "999999999").await;
    let mut bench = Bench::new(&[("broker", receiver.url())]);
    bench.request(&revocation("1", "bot"), start());
    bench.work(0, start()).await;
    bench.work(0, after(15 * 60)).await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn worker_delivers_what_is_committed_while_it_runs_and_stops_when_asked() {
    let mut receiver = Receiver::answering(&[204]).await;
    let bench = Bench::new(&[("broker", receiver.url())]);
    let stop = tokio::sync::watch::Sender::new(false);
    let worker = tokio::spawn(super::run(bench.app.clone(), stop.subscribe()));

    bench.request(&revocation("1", "bot"), bench.app.now());
    bench.app.write(App::next_seq).await.unwrap();
    assert!(receiver.arrived().await.is_genuine());

    stop.send_replace(true);
    worker.await.unwrap();
    assert_eq!(bench.state("rev_1"), RevocationState::Delivered);
    assert!(bench.app.telemetry().render().contains("driftwatch_webhook_attempts_total{outcome=\"delivered\"} 1"));
}
