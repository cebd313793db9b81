use std::collections::BTreeMap;

use models::engine::Checkpoint;
use models::event::{Rejection, RejectionCode};

use super::commit::Pending;
use super::quarantine::{Filter, Rejected};
use super::*;

struct Fixture {
    directory: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("d.db")).expect("a new database");
        Self { directory, store }
    }

    fn reopened(self) -> Self {
        let path = self.store.path().to_owned();
        drop(self.store);
        Self { directory: self.directory, store: Store::open(&path).expect("the same database") }
    }

    fn accept(&self, raws: &[&[u8]]) {
        self.store.write(|tx| inbox::append(tx, raws.iter().copied(), false, 1_000)).expect("written");
    }

    fn inbox(&self) -> Vec<Vec<u8>> {
        let rows = self.store.read(|db| inbox::from(db, 0, 100)).expect("read");
        rows.into_iter().map(|row| row.raw).collect()
    }
}

fn rejected(position: i64, raw: &[u8]) -> Rejected {
    Rejected {
        source: "kafka:t".into(),
        partition: 2,
        position,
        received_at: 5_000,
        rejection: Rejection::new(RejectionCode::NotJson, "é".repeat(1_000)),
        raw: raw.to_vec(),
    }
}

fn pending(state: &[(&[u8], &[u8])], consumed: u64) -> Pending {
    Pending {
        state: Checkpoint {
            put: state.iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect(),
            ..Checkpoint::default()
        },
        positions: BTreeMap::from([(("inbox".into(), 0), 7), (("kafka:t".into(), 2), 1 << 40)]),
        counts: Counts { consumed, quarantined: consumed, ..Counts::default() },
        rejected: vec![rejected(6, b"\xff{")],
        ..Pending::default()
    }
}

#[test]
fn what_one_commit_wrote_is_there_after_reopening() {
    let fixture = Fixture::new();
    let first = pending(&[(b"a", b"1"), (b"b", b"2")], 3);
    fixture.store.write(|tx| first.write(tx, &[], 0)).expect("written");
    let mut second = pending(&[(b"a", b"3")], 4);
    second.state.delete = vec![b"b".to_vec()];
    fixture.store.write(|tx| second.write(tx, &[], 0)).expect("written");
    let fixture = fixture.reopened();
    let store = &fixture.store;
    assert_eq!(store.state().expect("read"), [(b"a".to_vec(), b"3".to_vec())]);
    assert_eq!(store.positions().expect("read"), second.positions);
    let counts = store.counts().expect("read");
    assert_eq!((counts.consumed, counts.gap()), (7, 0));
}

#[test]
fn a_transaction_that_fails_leaves_no_trace() {
    let fixture = Fixture::new();
    let failed = fixture.store.write(|tx| {
        pending(&[(b"a", b"1")], 3).write(tx, &[], 0)?;
        tx.execute("INSERT INTO no_such_table VALUES (1)", ())
    });
    assert!(failed.is_err());
    assert!(fixture.store.state().expect("read").is_empty());
    assert_eq!(fixture.store.counts().expect("read"), Counts::default());
    // The connection goes on.
    fixture.accept(&[b"x"]);
    assert_eq!(fixture.inbox(), [b"x"]);
}

#[test]
fn a_database_of_another_version_is_refused_and_left_alone() {
    let fixture = Fixture::new();
    let later = "UPDATE meta SET value = '99' WHERE name = 'schema_version'";
    fixture.store.write(|tx| tx.execute(later, ())).expect("written");
    let message = Store::open(fixture.store.path()).expect_err("must be refused").to_string();
    assert!(message.contains("`99`") && message.contains("matching version"), "{message}");
}

#[test]
fn a_file_that_is_no_database_is_refused_with_its_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "these are notes, and quite a lot of them".repeat(50)).expect("written");
    let message = Store::open(&path).expect_err("must be refused").to_string();
    assert!(message.contains("notes.txt"), "{message}");
}

#[test]
fn one_database_serves_one_service() {
    let fixture = Fixture::new();
    let held = Lock::take(fixture.store.path()).expect("nobody has it");
    assert!(matches!(Lock::take(fixture.store.path()), Err(StoreError::InUse(_))));
    drop(held);
    Lock::take(fixture.store.path()).expect("free again");
}

#[test]
fn an_input_set_aside_twice_is_there_once() {
    let fixture = Fixture::new();
    for _ in 0..2 {
        fixture.store.write(|tx| pending(&[], 1).write(tx, &[], 0)).expect("written");
    }
    let rows = fixture.store.read(|db| quarantine::list(db, &Filter::default(), 10)).expect("read");
    assert_eq!(rows.len(), 1);
    assert!(rows[0].detail.len() <= 1_024 && rows[0].detail.starts_with('é'));
    assert_eq!(rows[0].raw, "\u{fffd}{");
}

#[test]
fn replayed_rows_move_to_the_end_of_the_inbox_in_order_and_once() {
    let fixture = Fixture::new();
    fixture.accept(&[b"earlier"]);
    let rows = Pending {
        rejected: vec![rejected(2, b"two"), rejected(1, b"\xff"), rejected(3, b"three")],
        ..Pending::default()
    };
    fixture.store.write(|tx| rows.write(tx, &[], 0)).expect("written");
    let other = Filter { source: Some("inbox".to_owned()), ..Filter::default() };
    assert_eq!(fixture.store.write(|tx| quarantine::replay(tx, &other, 9)).expect("written"), 0);
    let two = Filter { seqs: vec![1, 2], code: Some("not_json".to_owned()), ..Filter::default() };
    assert_eq!(fixture.store.write(|tx| quarantine::replay(tx, &two, 9)).expect("written"), 2);
    assert_eq!(fixture.store.write(|tx| quarantine::replay(tx, &two, 9)).expect("written"), 0);
    assert_eq!(fixture.inbox(), [&b"earlier"[..], b"two", b"\xff"]);
    let trusted = fixture.store.read(|db| inbox::from(db, 0, 9)).expect("read");
    assert_eq!(trusted.iter().map(|row| row.replayed).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_filter_is_a_value_and_never_sql() {
    let fixture = Fixture::new();
    fixture.store.write(|tx| pending(&[], 1).write(tx, &[], 0)).expect("written");
    let hostile = Filter { source: Some("x' OR '1'='1".to_owned()), ..Filter::default() };
    assert!(fixture.store.read(|db| quarantine::list(db, &hostile, 10)).expect("read").is_empty());
}

#[test]
fn retention_deletes_what_is_old_and_taken_and_nothing_else() {
    let fixture = Fixture::new();
    fixture.accept(&[b"taken", b"not taken"]);
    fixture.store.write(|tx| pending(&[], 1).write(tx, &[], 0)).expect("written");
    // Received at 1000 and set aside at 5000; sequence 1 is taken, sequence 2 is not.
    assert_eq!(fixture.store.expire(2, 1_000).expect("written"), 0);
    assert_eq!(fixture.store.expire(2, 5_000).expect("written"), 1);
    assert_eq!(fixture.inbox(), [b"not taken"]);
    assert_eq!(fixture.store.expire(2, 5_001).expect("written"), 1);
    assert_eq!(fixture.store.expire(2, i64::MAX).expect("written"), 0);
    // Numbers are not given again, even if every row is gone.
    assert_eq!(fixture.store.expire(3, i64::MAX).expect("written"), 1);
    assert_eq!(fixture.store.read(inbox::newest).expect("read"), 2);
    fixture.accept(&[b"next"]);
    assert_eq!(fixture.store.read(inbox::newest).expect("read"), 3);
}

#[test]
fn readers_see_one_state_and_cannot_write() {
    let fixture = Fixture::new();
    fixture.accept(&[b"x"]);
    let seen = fixture.store.read(|db| {
        let before = inbox::newest(db)?;
        fixture.accept(&[b"y"]);
        Ok((before, inbox::newest(db)?))
    });
    assert_eq!(seen.expect("read"), (1, 1));
    assert!(fixture.store.read(|db| db.execute("DELETE FROM inbox", ())).is_err());
}
