//! What a process of a fleet hears comes in any order, from the log and from topics; its database ends the same.

use models::decision::{Revocation, Verdict};

use super::*;
use crate::config::Config;
use crate::http::fixture::{alert, revoked};
use crate::outbox::RevocationState;
use crate::store::Store;

struct Fixture {
    store: Store,
    endpoints: Vec<Endpoint>,
    _directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = format!(
            "[store]\npath = '{}'\n[[webhook]]\nname = 'idp'\nurl = 'https://idp.example/revoke'\nsecret = 'whsec_bXkgc2VjcmV0IGtleSBvZiAyNCBieXRlcw=='",
            directory.path().join("d.db").display()
        );
        let config = Config::parse(&config).expect("valid");
        let store = Store::open(&config.store.path).expect("a new database");
        Self { store, endpoints: config.webhooks, _directory: directory }
    }

    fn commit(&self, pending: &Pending) -> Committed {
        self.store.write(|tx| pending.write(tx, &self.endpoints, 9_000)).expect("written")
    }

    fn text(&self, sql: &str) -> String {
        self.store.read(|db| db.query_row(sql, (), |row| row.get(0))).expect("one row")
    }

    fn count(&self, sql: &str) -> i64 {
        self.store.read(|db| db.query_row(sql, (), |row| row.get(0))).expect("one row")
    }
}

fn opened() -> Alert {
    alert(0)
}

fn revocation() -> Revocation {
    let [_, Output::Revocation(revocation)] = revoked(opened()) else { unreachable!("the second is a revocation") };
    *revocation
}

fn granted(owned: bool) -> Pending {
    let granted = Granted { partition: 2, owned, at_ms: 5_000, revocation: revocation() };
    Pending { granted: vec![granted], ..Pending::default() }
}

fn told(state: RevocationState) -> Pending {
    let revocation = revocation();
    let request = outbox::requested(&revocation, 5_000).expect("plain");
    let told = Told { partition: 2, state, at: 6_000, requested_at: 5_000, request, revocation };
    // As it comes over the topic.
    let bytes = serde_json::to_vec(&told).expect("plain");
    Pending { told: vec![serde_json::from_slice(&bytes).expect("its own")], ..Pending::default() }
}

const STATE: &str = "SELECT state FROM revocations";
const WAITING: &str = "SELECT count(*) FROM outbox WHERE state = 'pending'";

#[test]
fn a_state_that_overtakes_its_revocation_is_kept() {
    let fixture = Fixture::new();
    assert_eq!(fixture.commit(&told(RevocationState::Confirmed)).requested, 1);
    assert_eq!(fixture.text(STATE), "confirmed");
    assert_eq!(fixture.commit(&granted(false)).requested, 0, "it is known");
    assert_eq!(fixture.text(STATE), "confirmed");
    assert_eq!(fixture.count("SELECT requested_at FROM revocations"), 5_000);
}

#[test]
fn whoever_owns_the_partition_delivers_what_the_topic_said_first() {
    let fixture = Fixture::new();
    fixture.commit(&told(RevocationState::Requested));
    assert_eq!(fixture.count(WAITING), 0, "it is not known to be ours");
    fixture.commit(&granted(true));
    assert_eq!(fixture.count(WAITING), 1);
    // The same bytes as whoever heard of it first in the log.
    let other = Fixture::new();
    other.commit(&granted(true));
    let body = "SELECT body FROM outbox";
    assert_eq!(fixture.text(body), other.text(body));
    assert_eq!(fixture.commit(&granted(true)).requested, 0);
    assert_eq!(fixture.count(WAITING), 1, "once");
}

#[test]
fn a_partition_that_comes_brings_what_nobody_delivered_and_nothing_else() {
    for (state, waiting) in [(RevocationState::Requested, 1), (RevocationState::Delivered, 0)] {
        let fixture = Fixture::new();
        fixture.commit(&granted(false));
        fixture.commit(&told(state));
        fixture.commit(&Pending { adopted: vec![1], ..Pending::default() });
        assert_eq!(fixture.count(WAITING), 0, "another partition");
        fixture.commit(&Pending { adopted: vec![2], ..Pending::default() });
        assert_eq!(fixture.count(WAITING), waiting, "{state}");
    }
}

#[test]
fn the_one_that_delivers_tells_that_it_was_granted_and_everybody_what_they_changed() {
    let fixture = Fixture::new();
    let untold = || fixture.store.read(crate::fleet::states::revocations).expect("read").len();
    fixture.commit(&granted(false));
    assert_eq!(untold(), 0, "its owner tells that");
    fixture.commit(&Pending { adopted: vec![2], ..Pending::default() });
    assert_eq!(untold(), 1, "the owner died before it did");
    fixture.commit(&told(RevocationState::Requested));
    assert_eq!(untold(), 0);
    let undone = RevocationState::Undone;
    fixture.store.write(|tx| outbox::set_state(tx, &revocation().id.0, undone, 7_000)).expect("written");
    assert_eq!(untold(), 1);
}

fn settled(verdict: Verdict, at: i64, heard: Heard) -> Pending {
    let settled = Settled { alert: opened().id, verdict, note: None, by: "ana".to_owned(), at };
    Pending { settled: vec![(settled, heard)], ..Pending::default() }
}

fn alerted() -> Pending {
    let mut pending = Pending::default();
    pending.take(Output::Alert(Box::new(opened())));
    pending
}

#[test]
fn a_verdict_that_overtakes_its_alert_is_shown_when_it_comes() {
    let fixture = Fixture::new();
    fixture.commit(&settled(Verdict::False, 100, Heard::Topic));
    fixture.commit(&alerted());
    let verdict = "SELECT verdict || ' ' || verdict_by || ' ' || verdict_at FROM alerts";
    assert_eq!(fixture.text(verdict), "false ana 100");
    fixture.commit(&settled(Verdict::True, 90, Heard::Topic));
    assert_eq!(fixture.text(verdict), "false ana 100", "the topic is behind");
    fixture.commit(&settled(Verdict::True, 90, Heard::Log { here: false }));
    assert_eq!(fixture.text(verdict), "true ana 90", "the order of the log decides, not a clock");
}

#[test]
fn a_verdict_is_told_by_whoever_took_it() {
    for (here, untold) in [(false, 0), (true, 1)] {
        let fixture = Fixture::new();
        fixture.commit(&settled(Verdict::True, 90, Heard::Log { here }));
        assert_eq!(fixture.store.read(crate::fleet::states::verdicts).expect("read").len(), untold);
    }
}
