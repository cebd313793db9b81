//! The engine thread without its thread: batches are taken and commits made by hand, so that a crash can be put between
//! any two of them.

use std::path::Path;
use std::sync::Arc;

use datasets::generator::{Population, PopulationConfig};
use models::decision::Verdict;
use models::engine::Trust;
use rusqlite::types::Value;
use tokio::sync::watch;

use super::*;
use crate::app::EngineHandle;
use crate::config::Config;
use crate::source::ingest::Ingest;
use crate::source::{Envelope, Item, Lease};
use crate::store::{Positions, Store};

fn open(path: &Path) -> EngineThread {
    let config = Config::parse("").expect("defaults");
    let store = Store::open(path).expect("a database");
    let engine = Engine::restore(config.engine.clone(), store.state().expect("state")).expect("restored");
    let ingest = Ingest::start(store.clone()).expect("a thread");
    let app = App::new(config, store, EngineHandle::channel().0, ingest, None).expect("an application");
    EngineThread::new(app, engine, Stopping::new(watch::channel(false).1))
}

/// What the engine would be asked to do at a commit.
fn commit(thread: &mut EngineThread) {
    thread.try_commit().expect("committed");
}

/// Input of a small population, one line in fifty broken and one in twenty sent twice.
fn input(n: usize) -> Vec<Vec<u8>> {
    let config = PopulationConfig { seed: 11, agents: 12, ..PopulationConfig::default() };
    let population = Population::new(config).expect("a population");
    let mut lines = Vec::new();
    for event in population.events() {
        let line = serde_json::to_vec(&event.to_record()).expect("json");
        if lines.len() % 50 == 7 {
            lines.push(b"{\"id\": broken".to_vec());
        }
        if lines.len() % 20 == 3 {
            lines.push(line.clone());
        }
        lines.push(line);
        if lines.len() >= n {
            break;
        }
    }
    lines
}

fn batch(lines: &[Vec<u8>], from: usize, lease: &Lease) -> Batch {
    let item = |(i, raw): (usize, &Vec<u8>)| Item {
        position: i64::try_from(from + i).expect("small"),
        received_at: 1_772_409_600_000,
        trust: Trust::Revoke,
        raw: raw.clone(),
        length: raw.len() as u64,
        envelope: Envelope::default(),
    };
    let items = lines[from..].iter().take(97).enumerate().map(item).collect();
    Batch { source: "kafka:t".into(), partition: 3, lease: lease.clone(), items }
}

/// Everything that the database says, apart from wall-clock columns.
fn contents(store: &Store) -> Vec<Vec<Value>> {
    let queries = [
        "SELECT key, blob FROM state ORDER BY key",
        "SELECT source, partition, position FROM positions ORDER BY source, partition",
        "SELECT name, value FROM counters ORDER BY name",
        "SELECT source, partition, position, code, field, detail, raw FROM quarantine ORDER BY position",
        "SELECT id, seq, kind, tenant, identity, updated, closed, severity, decision, body FROM alerts ORDER BY seq",
        "SELECT id, seq, alert, requested, body FROM revocations ORDER BY seq",
    ];
    let mut rows = Vec::new();
    for query in queries {
        let read = store.read(|db| {
            let mut select = db.prepare(query)?;
            let columns = select.column_count();
            select.query_map((), |row| (0..columns).map(|i| row.get(i)).collect())?.collect::<Result<Vec<_>, _>>()
        });
        rows.extend(read.expect("read"));
    }
    rows
}

fn position(positions: &Positions) -> usize {
    positions.get(&(Arc::from("kafka:t"), 3)).map_or(0, |p| *p as usize)
}

#[tokio::test]
async fn a_crash_between_handling_and_commit_loses_nothing_and_doubles_nothing() {
    let lines = input(3_000);
    let directory = tempfile::tempdir().expect("a directory");
    let lease = Lease::default();
    let mut calm = open(&directory.path().join("calm.db"));
    let mut from = 0;
    while from < lines.len() {
        calm.take(batch(&lines, from, &lease));
        commit(&mut calm);
        from += 97;
    }
    let path = directory.path().join("crashed.db");
    let mut thread = open(&path);
    let mut crashes = 0;
    loop {
        let from = position(&thread.app.store().positions().expect("positions"));
        if from >= lines.len() {
            break;
        }
        thread.take(batch(&lines, from, &lease));
        // Every third batch is handled, and forgotten before its commit.
        if from / 97 % 3 == crashes % 3 && crashes < 20 {
            crashes += 1;
            drop(thread);
            thread = open(&path);
            continue;
        }
        commit(&mut thread);
    }
    assert!(crashes >= 10, "{crashes}");
    let counts = thread.app.store().counts().expect("counts");
    assert_eq!((counts.consumed, counts.gap()), (lines.len() as u64, 0));
    assert!(counts.duplicate > 100 && counts.quarantined > 50, "{counts:?}");
    assert!(
        contents(thread.app.store()) == contents(calm.app.store()),
        "the crashed database differs from the calm one"
    );
}

#[tokio::test]
async fn when_commits_happen_changes_nothing_that_people_see() {
    let lines = input(3_000);
    let directory = tempfile::tempdir().expect("a directory");
    let lease = Lease::default();
    let mut often = open(&directory.path().join("often.db"));
    let mut once = open(&directory.path().join("once.db"));
    let mut from = 0;
    while from < lines.len() {
        for thread in [&mut often, &mut once] {
            thread.take(batch(&lines, from, &lease));
        }
        commit(&mut often);
        // And with a restart now and then.
        if from / 97 % 5 == 4 {
            drop(often);
            often = open(&directory.path().join("often.db"));
        }
        from += 97;
    }
    commit(&mut once);
    let alerts = |thread: &EngineThread| {
        let all = "SELECT id, body FROM alerts UNION ALL SELECT id, body FROM revocations ORDER BY id";
        thread.app.store().read(|db| {
            let mut select = db.prepare(all)?;
            select.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<(String, String)>, _>>()
        })
    };
    assert_eq!(alerts(&often).expect("read"), alerts(&once).expect("read"));
    assert_eq!(often.app.store().counts().expect("counts"), once.app.store().counts().expect("counts"));
}

#[tokio::test]
async fn input_below_the_taken_position_is_skipped_even_before_the_commit() {
    let lines = input(97);
    let directory = tempfile::tempdir().expect("a directory");
    let mut thread = open(&directory.path().join("d.db"));
    let lease = Lease::default();
    for _ in 0..2 {
        thread.take(batch(&lines, 0, &lease));
    }
    commit(&mut thread);
    thread.take(batch(&lines, 0, &lease));
    assert_eq!(thread.intake.uncommitted(), 0);
    assert_eq!(thread.app.telemetry().counts().consumed, 97);
}

#[tokio::test]
async fn a_batch_of_a_partition_given_away_is_dropped_and_its_position_stays() {
    let lines = input(97);
    let directory = tempfile::tempdir().expect("a directory");
    let mut thread = open(&directory.path().join("d.db"));
    let lease = Lease::default();
    lease.revoke();
    thread.take(batch(&lines, 0, &lease));
    assert_eq!(thread.intake.uncommitted(), 0);
    thread.take(batch(&lines, 0, &Lease::default()));
    commit(&mut thread);
    assert_eq!(position(&thread.app.committed().borrow()), lines.len());
}

#[tokio::test]
async fn a_database_that_cannot_be_written_stops_consumption_and_loses_nothing() {
    let lines = input(97);
    let directory = tempfile::tempdir().expect("a directory");
    let mut thread = open(&directory.path().join("d.db"));
    thread.take(batch(&lines, 0, &Lease::default()));
    // SQLite's own way to say that the disk is full.
    let pages = thread.app.store().read(|db| db.query_row("PRAGMA page_count", (), |row| row.get::<_, i64>(0)));
    let limit = format!("PRAGMA max_page_count = {}", pages.expect("pages"));
    thread.app.store().write(|tx| tx.execute_batch(&limit)).expect("set");
    let app = thread.app.clone();
    let (ask, mut asks) = tokio::sync::mpsc::channel(4);
    let committing = tokio::spawn(async move { (thread.commit(&mut asks).await, thread) });
    let state = || app.readiness().sources.into_iter().find(|s| s.name == "store").expect("registered");
    while state().state != State::Failing {
        tokio::task::yield_now().await;
    }
    assert!(!app.readiness().ready);
    assert!(state().last_error.is_some_and(|e| e.contains("full")), "{:?}", state());
    // Questions are answered, orders are not taken.
    let (reply, answer) = oneshot::channel();
    ask.send(Ask::View { reply }).await.expect("open");
    assert!(answer.await.is_ok());
    let (reply, answer) = oneshot::channel();
    ask.send(Ask::ReleaseBrake { by: "ada".to_owned(), reply }).await.expect("open");
    assert!(answer.await.is_err());
    app.store().write(|tx| tx.execute_batch("PRAGMA max_page_count = 1000000")).expect("room again");
    let (done, thread) = committing.await.expect("no panic");
    done.expect("committed");
    assert!(app.readiness().ready);
    assert_eq!(app.store().counts().expect("counts").consumed, 97);
    assert_eq!(thread.intake.uncommitted(), 0);
}

#[tokio::test]
async fn a_verdict_on_no_alert_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut thread = open(&directory.path().join("d.db"));
    let (reply, answer) = oneshot::channel();
    thread.answer(Ask::Verdict {
        alert: AlertId("alt_0".into()),
        tenant: "default".to_owned(),
        identity: "bot".to_owned(),
        verdict: Verdict::True,
        by: "ada".to_owned(),
        note: None,
        reply,
    });
    assert!(matches!(answer.await, Ok(Err(VerdictError::Unknown(_)))));
}

#[tokio::test]
async fn a_released_brake_is_answered_when_it_is_in_the_audit() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut thread = open(&directory.path().join("d.db"));
    let (reply, mut answer) = oneshot::channel();
    thread.answer(Ask::ReleaseBrake { by: "ada".to_owned(), reply });
    assert!(answer.try_recv().is_err());
    commit(&mut thread);
    answer.try_recv().expect("answered");
    let audited = |db: &rusqlite::Connection| {
        db.query_row("SELECT actor, action FROM audit", (), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
    };
    let (actor, action) = thread.app.store().read(audited).expect("one line");
    assert_eq!((actor.as_str(), action.as_str()), ("ada", "release_brake"));
}
