//! What if: attacks put into recorded traffic, and traffic that is lost, late, or told by a clock that is wrong.
//!
//! An attack is made of the host's own recent calls (`attack`), so that nothing but the scenario tells it apart, and comes in
//! the session that the host is in at that time. It brings its own label, and everything else that was recorded is taken for
//! benign. Everything follows from the seed and the recording.

mod asked;
mod attack;
mod lasting;
mod profile;
mod recipe;

use std::collections::{BTreeMap, HashSet, VecDeque};

use datasets::generator::Dice;
use datasets::reader::labels::Label;
use datasets::scenario::Scenario;
use models::event::{Event, Timestamp};

pub use asked::{Delay, Injection, Skew, WhatIf, share};

use crate::floor::key;
use lasting::Lasting;
use profile::Profiles;

/// A label that an injection made, with the tenant of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Tenant.
    pub tenant: Box<str>,
    /// The label.
    pub label: Label,
}

/// Changes events on their way to the engine. Memory: `Profiles`, and the events that are held back.
#[derive(Debug)]
pub struct Injector {
    what_if: WhatIf,
    profiles: Profiles,
    /// Injections to come, the next one last.
    to_come: Vec<Injection>,
    lasting: Vec<Lasting>,
    held: BTreeMap<(Timestamp, u64), Event>,
    number: u64,
    labels: VecDeque<Made>,
}

impl Injector {
    /// Nothing has been seen yet.
    pub fn new(what_if: WhatIf) -> Self {
        let mut to_come = what_if.injections.clone();
        to_come.sort_by_key(|injection| std::cmp::Reverse(injection.at));
        let named: Option<HashSet<Box<str>>> =
            to_come.iter().map(|injection| injection.identity.as_deref().map(Into::into)).collect();
        Self {
            profiles: Profiles::new(named),
            to_come,
            lasting: Vec::new(),
            held: BTreeMap::new(),
            number: 0,
            labels: VecDeque::new(),
            what_if,
        }
    }

    /// Looks at an event of the history.
    pub fn learn(&mut self, event: &Event) {
        if !self.to_come.is_empty() {
            self.profiles.push(event);
        }
    }

    /// Takes an event of the recording and gives what is handed over by now, in order.
    pub fn take(&mut self, event: Event) -> Vec<Event> {
        let now = event.time;
        self.inject(&event);
        let mut ready = self.due(now);
        if !self.to_come.is_empty() || !self.lasting.is_empty() {
            self.profiles.push(&event);
        }
        ready.extend(self.disturb(event, now));
        ready
    }

    /// What is held back at the end.
    pub fn rest(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.held).into_values().collect()
    }

    /// The next label that was made.
    pub fn label(&mut self) -> Option<Made> {
        self.labels.pop_front()
    }

    fn due(&mut self, now: Timestamp) -> Vec<Event> {
        let later = self.held.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.held, later).into_values().collect()
    }

    fn hold(&mut self, until: Timestamp, event: Event) {
        self.number += 1;
        self.held.insert((until, self.number), event);
    }

    /// Begins the attacks that are due and find their host in this event.
    fn inject(&mut self, host: &Event) {
        let finds = |injection: &Injection| {
            injection.at <= host.time
                && injection.identity.as_deref().is_none_or(|identity| *identity == *host.identity)
        };
        while let Some(place) = self.to_come.iter().rposition(finds) {
            let Injection { scenario, at, identity } = self.to_come.remove(place);
            if lasting::lasts(scenario) {
                self.lasting.push(Lasting::begin(scenario, host, identity.is_some()));
            } else {
                self.put_in(scenario, at, host);
            }
        }
    }

    /// Puts an attack into the session of `host` and labels it.
    fn put_in(&mut self, scenario: Scenario, at: Timestamp, host: &Event) {
        self.number += 1;
        let mut dice = Dice::new(self.what_if.seed, key((scenario.name(), at, self.number)));
        let name = format!("injected-{}", self.number);
        // Without a name of its own a session cannot be found again by its label.
        let session: Box<str> = host.session.clone().unwrap_or_else(|| name.as_str().into());
        let host = Event { session: Some(session.clone()), ..host.clone() };
        let events = attack::events(scenario, &host, &name, &self.profiles, &mut dice);
        let session = events.first().and_then(|event| event.session.clone()).unwrap_or(session);
        let ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
        self.label_session(&host, scenario, &session, ids);
        for event in events {
            self.hold(event.time, event);
        }
    }

    fn label_session(&mut self, host: &Event, scenario: Scenario, session: &str, ids: Vec<String>) {
        let label = Label {
            session: session.to_owned(),
            identity: Some(host.identity.to_string()),
            label: "attacked_succeeded".to_owned(),
            attack: Some(scenario.name().to_owned()),
            scenario: Some(scenario.name().to_owned()),
            first_malicious_event: ids.first().cloned(),
            malicious_events: ids,
            observable: true,
            ..Label::default()
        };
        self.labels.push_back(Made { tenant: host.tenant.clone(), label });
    }

    /// What becomes of an event of the recording: changed, held back, or nothing.
    fn disturb(&mut self, mut event: Event, now: Timestamp) -> Option<Event> {
        self.lasting(&mut event);
        for skew in self.what_if.skew.iter().filter(|skew| event.identity.starts_with(&skew.prefix)) {
            let shifted = event.time;
            event.time = if skew.ahead { shifted.saturating_add(skew.by) } else { shifted.saturating_sub(skew.by) };
        }
        let chance = |salt: u64| {
            let bits = key((self.what_if.seed, salt, &event.tenant, &event.identity, &event.id));
            (bits >> 11) as f64 / (1_u64 << 53) as f64
        };
        if chance(1) < self.what_if.drop {
            return None;
        }
        match self.what_if.delay.filter(|delay| chance(2) < delay.share) {
            Some(delay) => {
                self.hold(now.saturating_add(delay.by), event);
                None
            }
            None => Some(event),
        }
    }

    /// What attacks that are under way make of an event of the recording.
    fn lasting(&mut self, event: &mut Event) {
        let begun: Vec<Scenario> =
            self.lasting.iter_mut().filter_map(|lasting| lasting.take(event).then_some(lasting.scenario)).collect();
        for scenario in begun {
            if recipe::stages(scenario).is_empty() {
                let session = event.session.clone().unwrap_or_default();
                self.label_session(event, scenario, &session, Vec::new());
            } else {
                self.put_in(scenario, event.time, event);
            }
        }
    }
}

#[cfg(test)]
mod tests;
