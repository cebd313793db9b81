//! The outbox's part: what is due, how an attempt ends, and what brokers and people do with a revocation.

use models::event::Timestamp;

use super::{Lane, World};
use crate::outbox::dispatch::{Dispatch, Look};
use crate::outbox::{self, Confirmation, queue};
use crate::service::faults::receivers::Mood;
use crate::service::faults::tally::Fault;

impl World<'_> {
    /// What a worker does when it is woken.
    pub(super) fn fill(&mut self, at: usize) -> Option<i64> {
        let Lane { endpoint, dispatch, .. } = &mut self.lanes[at];
        let look = self.disk.store().read(|db| Look::at(db, endpoint)).expect("readable");
        let plan = dispatch.plan(look, self.clock);
        for row in plan.start {
            self.launch(at, &row.id);
        }
        if !plan.expired.is_empty() {
            self.tally.count(Fault::Expired);
            let (endpoint, clock) = (&self.lanes[at].endpoint, self.clock);
            let done = self.disk.write(|tx| Dispatch::expire(tx, endpoint, &plan.expired, clock));
            self.note(format!("lane {at}: {} rows expire: {}", plan.expired.len(), done.is_ok()));
        }
        plan.wake_at
    }

    fn launch(&mut self, at: usize, id: &str) {
        let lane = &mut self.lanes[at];
        let name = lane.endpoint.name();
        let body = self.disk.store().read(|db| queue::body(db, id, name)).expect("readable");
        let overtaken: Vec<String> = self
            .disk
            .store()
            .read(|db| {
                let mut earlier = db.prepare_cached(
                    "SELECT earlier.id FROM outbox AS own JOIN outbox AS earlier USING (endpoint, tenant, identity)
                     WHERE own.id = ?1 AND endpoint = ?2 AND own.state = 'pending' AND earlier.state = 'pending'
                       AND (earlier.created_at, earlier.id) < (own.created_at, own.id)
                       AND coalesce(earlier.expires_at, earlier.created_at + ?3) > ?4",
                )?;
                let max_age = i64::try_from(lane.endpoint.max_age().as_millis()).expect("small");
                earlier.query_map((id, name, max_age, self.clock), |row| row.get(0))?.collect()
            })
            .expect("readable");
        assert!(overtaken.is_empty(), "{id} overtakes {overtaken:?}");
        match body {
            Some(body) => lane.flights.push((id.to_owned(), body)),
            None => drop(lane.dispatch.ended(id, None, Timestamp::from_millis(self.clock))),
        }
        self.note(format!("lane {at}: {id} is sent"));
    }

    /// An attempt ends.
    pub(super) fn land(&mut self, at: usize) {
        let now = self.now();
        let lane = &mut self.lanes[at];
        if lane.flights.is_empty() {
            return;
        }
        let (id, body) = lane.flights.swap_remove(self.dice.below(lane.flights.len() as u64) as usize);
        let outcome = lane.receiver.take(&id, &body, &mut self.dice, &mut self.tally);
        let step = format!("lane {at}: {id} ends: {outcome:?}");
        let Some(ended) = lane.dispatch.ended(&id, Some(outcome), now) else { return };
        let settled = self.disk.write(|tx| ended.settle(tx, &lane.endpoint));
        match &settled {
            Ok(settled) => lane.dispatch.pace(&lane.endpoint, &ended, *settled),
            Err(_) => lane.dispatch.unsettled(&ended),
        }
        self.note(format!("{step}; stored: {}", settled.is_ok()));
    }

    /// What brokers and people do.
    pub(super) fn answer(&mut self, at: usize) {
        let (clock, endpoints) = (self.clock, &self.base.endpoints);
        let known: Vec<&String> = self.lanes[at].receiver.got.keys().filter(|id| !id.ends_with("_undo")).collect();
        if self.lanes[at].receiver.mood != Mood::Gone && !known.is_empty() && self.dice.below(2) == 0 {
            let id = known[self.dice.below(known.len() as u64) as usize].clone();
            let step = match self.dice.below(6) {
                0 => {
                    let _ = self.disk.write(|tx| outbox::undo(tx, &id, endpoints, "ada", "a mistake", clock));
                    "is undone"
                }
                1 => {
                    let _ = self.disk.write(|tx| outbox::resend(tx, &id, endpoints, "ada", clock));
                    "is sent again"
                }
                _ => {
                    let _ = self.disk.write(|tx| outbox::confirm(tx, &id, &Confirmation::Revoked, "broker", clock));
                    "is confirmed"
                }
            };
            self.note(format!("{id} {step}"));
        } else {
            let name = self.lanes[at].endpoint.name();
            let _ = self.disk.write(|tx| outbox::enable(tx, name, "ada", clock));
            self.note(format!("lane {at} is enabled"));
        }
    }

    /// Delivered revocations whose credential has expired.
    pub(super) fn sweep(&mut self) {
        let clock = self.clock;
        let _ = self.disk.write(|tx| queue::expire_delivered(tx, clock));
    }
}
