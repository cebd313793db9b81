//! What must be in the database: the bare engine over the same input and orders, never stopped, with maps for tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use models::alert::AlertId;
use models::assessment::Outcome;
use models::config::CheckedConfig;
use models::decision::Verdict;
use models::engine::{Engine, Input, Output, Phase};
use models::event::Timestamp;
use rusqlite::{Connection, Row};

use crate::outcome::Counts;
use crate::service::clock_of;
use crate::source::Item;
use crate::store::{Blobs, Positions, Store};

/// What the engine was told, in order.
#[derive(Debug, Clone)]
pub(super) enum Told {
    Item(Arc<str>, i32, Item),
    Tick(Timestamp),
    Verdict { alert: AlertId, tenant: String, identity: String, verdict: Verdict },
    Release,
}

/// Tables by their keys.
#[derive(Debug, Default, PartialEq)]
struct Tables {
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    positions: Positions,
    counts: Counts,
    /// Body and verdict.
    alerts: BTreeMap<String, (String, Option<String>)>,
    revocations: BTreeMap<String, String>,
    /// Reason and bytes, by source, partition and position.
    quarantine: BTreeMap<(String, i32, i64), (String, Vec<u8>)>,
    /// Orders in their order: what, and of what.
    orders: Vec<(String, String)>,
}

#[derive(Debug)]
pub(super) struct Oracle {
    engine: Engine,
    tables: Tables,
}

impl Oracle {
    pub(super) fn new(config: CheckedConfig, blobs: Blobs) -> Self {
        let tables = Tables { state: blobs.iter().cloned().collect(), ..Tables::default() };
        Self { engine: Engine::restore(config, blobs).expect("ours"), tables }
    }

    pub(super) fn revocations(&self) -> u64 {
        self.tables.revocations.len() as u64
    }

    /// What one commit contains.
    pub(super) fn commit(&mut self, told: impl IntoIterator<Item = Told>) {
        for told in told {
            self.take(told);
        }
        let checkpoint = self.engine.checkpoint();
        self.tables.state.extend(checkpoint.put);
        for key in checkpoint.delete {
            self.tables.state.remove(&key);
        }
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Item(source, partition, item) => {
                self.tables.positions.insert((Arc::clone(&source), partition), item.position + 1);
                self.tables.counts.consumed += 1;
                match item.decode() {
                    Ok(decoded) => {
                        let (arrival, phase) = (Some(Timestamp::from_millis(item.received_at)), Phase::Live);
                        let partition = clock_of(&source, partition);
                        self.handle(Input::Event {
                            event: &decoded.event,
                            trust: item.trust,
                            arrival,
                            phase,
                            partition,
                        });
                    }
                    Err(rejection) => {
                        self.tables.counts.quarantined += 1;
                        let key = (source.to_string(), partition, item.position);
                        self.tables.quarantine.insert(key, (rejection.code.as_str().to_owned(), item.into_raw()));
                    }
                }
            }
            Told::Tick(now) => self.handle(Input::Tick(now)),
            Told::Verdict { alert, tenant, identity, verdict } => {
                self.handle(Input::Verdict { alert: &alert, tenant: &tenant, identity: &identity, verdict });
                if let Some((_, settled)) = self.tables.alerts.get_mut(&*alert.0) {
                    *settled = Some(verdict.as_str().to_owned());
                }
                self.tables.orders.push(("verdict".to_owned(), alert.0.into()));
            }
            Told::Release => {
                self.handle(Input::ReleaseBrake);
                self.tables.orders.push(("release_brake".to_owned(), "brake".to_owned()));
            }
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.engine.handle(input, &mut out);
        let counts = &mut self.tables.counts;
        for output in out {
            match output {
                Output::Assessed(assessment) => match assessment.outcome {
                    Outcome::Scored => counts.scored += 1,
                    Outcome::Duplicate => counts.duplicate += 1,
                    Outcome::Late => counts.late += 1,
                },
                Output::Alert(alert) => {
                    let body = serde_json::to_string(&alert).expect("plain");
                    self.tables.alerts.entry(alert.id.0.to_string()).or_default().0 = body;
                }
                Output::Revocation(revocation) => {
                    let body = serde_json::to_string(&revocation).expect("plain");
                    self.tables.revocations.insert(revocation.id.0.to_string(), body);
                }
            }
        }
    }

    /// Fails unless the database says the same, table by table.
    pub(super) fn check(&self, store: &Store) {
        let found = Tables::of(store);
        let ours = &self.tables;
        assert_eq!(found.counts.gap(), 0, "events whose end is not known");
        assert_eq!(found.positions, ours.positions, "positions");
        assert_eq!(found.counts, ours.counts, "counters");
        assert_eq!(found.quarantine, ours.quarantine, "quarantine");
        assert_eq!(found.alerts, ours.alerts, "alerts");
        assert_eq!(found.revocations, ours.revocations, "revocations");
        assert_eq!(found.orders, ours.orders, "audited orders");
        assert!(found.state == ours.state, "the state differs");
    }
}

fn select<T>(db: &Connection, sql: &str, row: impl Fn(&Row<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<Vec<T>> {
    db.prepare_cached(sql)?.query_map((), row)?.collect()
}

impl Tables {
    fn of(store: &Store) -> Self {
        let read = |db: &Connection| {
            let state = select(db, "SELECT key, blob FROM state", |row| Ok((row.get(0)?, row.get(1)?)))?;
            let alerts = select(db, "SELECT id, body, verdict FROM alerts", |row| {
                Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
            })?;
            let revocations = select(db, "SELECT id, body FROM revocations", |row| Ok((row.get(0)?, row.get(1)?)))?;
            let quarantine = select(db, "SELECT source, partition, position, code, raw FROM quarantine", |row| {
                Ok(((row.get(0)?, row.get(1)?, row.get(2)?), (row.get(3)?, row.get(4)?)))
            })?;
            let orders = "SELECT action, object FROM audit WHERE action IN ('verdict', 'release_brake') ORDER BY seq";
            let orders = select(db, orders, |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Self {
                state: state.into_iter().collect(),
                alerts: alerts.into_iter().collect(),
                revocations: revocations.into_iter().collect(),
                quarantine: quarantine.into_iter().collect(),
                orders,
                ..Self::default()
            })
        };
        let tables = store.read(read).expect("readable");
        // Unknown fields are counted beside the outcomes; the input has none.
        Self { positions: store.positions().expect("readable"), counts: store.counts().expect("readable"), ..tables }
    }
}
