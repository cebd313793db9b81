//! What must be true of the outbox and the receivers, after each crash and at the end.

use std::collections::BTreeMap;

use super::World;
use crate::outbox;
use crate::service::faults::receivers::Mood;

impl World<'_> {
    /// Nothing was sent that is not committed, and nothing is called delivered that was not received.
    pub(super) fn check_sent(&self) {
        let rows = self.rows("SELECT id, endpoint || ' ' || state, body FROM outbox");
        let rows: BTreeMap<(&str, &str), (&str, &str)> = rows
            .iter()
            .filter_map(|[id, place, body]| {
                let (endpoint, state) = place.split_once(' ')?;
                Some(((&**id, endpoint), (state, &**body)))
            })
            .collect();
        for lane in &self.lanes {
            for (id, body) in &lane.receiver.got {
                let row = rows.get(&(id, lane.endpoint.name()));
                assert_eq!(row.map(|row| row.1), Some(&**body), "{id} was sent and is not committed");
            }
            for ((id, _), (state, _)) in rows.iter().filter(|((_, endpoint), _)| *endpoint == lane.endpoint.name()) {
                assert!(*state != "delivered" || lane.receiver.got.contains_key(*id), "{id} never arrived");
            }
        }
    }

    /// All faults end, and time passes: then everything has happened that was to happen.
    pub(in crate::service::faults) fn end(&mut self) {
        self.note("all faults end");
        self.disk.leave(None);
        self.commit();
        for at in 0..self.lanes.len() {
            self.lanes[at].receiver.mood = Mood::Well;
            let (clock, name) = (self.clock, self.lanes[at].endpoint.name());
            self.disk.write(|tx| outbox::enable(tx, name, "ada", clock)).expect("written");
            for round in 0.. {
                assert!(round < 1_000, "lane {at} does not come to an end");
                let wake_at = self.fill(at);
                while !self.lanes[at].flights.is_empty() {
                    self.land(at);
                }
                match wake_at {
                    Some(wake_at) => self.clock = self.clock.max(wake_at),
                    None => break,
                }
            }
        }
        self.oracle.check(self.disk.store());
        self.check_sent();
        self.check_delivered();
    }

    /// Every revocation has reached every endpoint, or its row says why it did not.
    fn check_delivered(&self) {
        let rows = self.rows("SELECT id, endpoint, state, coalesce(last_error, '') FROM outbox");
        for [id, endpoint, state, error] in &rows {
            let settled = match &**state {
                "delivered" | "expired" => true,
                "failed" => error.starts_with("undone"),
                _ => false,
            };
            assert!(settled, "{id} is {state} at {endpoint}");
        }
        for [id, state] in self.rows("SELECT id, state FROM revocations") {
            let of: Vec<_> = rows.iter().filter(|[row, ..]| *row == id).collect();
            assert_eq!(of.len(), self.lanes.len(), "{id} has not a row for every endpoint");
            let delivered = of.iter().any(|[_, _, state, _]| state == "delivered");
            let told = match &*state {
                "delivered" => delivered,
                "confirmed" | "still_used" | "expired" | "undone" => true,
                _ => false,
            };
            assert!(told, "{id} is {state}, and delivered: {delivered}");
        }
    }
}
