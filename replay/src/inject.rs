//! What if: attacks put into recorded traffic, and traffic that is lost, late, or told by a clock that is wrong.
//!
//! An attack is made of the host's own recent calls (`attack`), so that nothing but the scenario tells it apart, and comes in
//! the session that the host is in at that time. It brings its own label, and everything else that was recorded is taken for
//! benign. Everything follows from the seed and the recording.

mod attack;
mod profile;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::str::FromStr;
use std::time::Duration;

use datasets::generator::Dice;
use datasets::reader::labels::Label;
use datasets::scenario::{RAMP_DAYS, Scenario, grow};
use models::config::Span;
use models::event::{Event, Timestamp};

use crate::floor::key;
use crate::report::shown;
use profile::Profiles;

/// Characters of a name that are shown.
const NAME: usize = 120;

/// One attack to put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    scenario: Scenario,
    at: Timestamp,
    /// Whoever acts next, if nobody is named.
    identity: Option<String>,
}

impl FromStr for Injection {
    type Err = String;

    /// `SCENARIO@TIME` or `SCENARIO@TIME:IDENTITY`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once('@').ok_or_else(|| format!("`{text}` is not SCENARIO@TIME[:IDENTITY]"))?;
        let scenario: Scenario = name.parse().map_err(|error| format!("{error}"))?;
        if !attack::can(scenario) && scenario.daily_growth().is_none() {
            return Err(format!("`{name}` needs a generated population; `driftwatch-datasets generate` makes one"));
        }
        // Times and identities both hold colons: the first part that is a time is the time.
        let ends = rest.match_indices(':').map(|(place, _)| place).chain([rest.len()]);
        let mut split = ends.filter_map(|end| Some((rest.get(..end)?.parse::<Timestamp>().ok()?, rest.get(end + 1..))));
        let (at, identity) =
            split.next_back().ok_or_else(|| format!("`{rest}` does not begin with an RFC 3339 time"))?;
        Ok(Self { scenario, at, identity: identity.map(ToOwned::to_owned) })
    }
}

/// A share of events that come later than they happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    share: f64,
    by: Duration,
}

impl FromStr for Delay {
    type Err = String;

    /// `SHARE:SPAN`, such as `0.1:10m`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, span) =
            text.split_once(':').ok_or_else(|| format!("`{text}` is not SHARE:SPAN, such as `0.1:10m`"))?;
        Ok(Self { share: share(number)?, by: span.parse::<Span>()?.0 })
    }
}

/// Identities whose clock is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skew {
    prefix: String,
    ahead: bool,
    by: Duration,
}

impl FromStr for Skew {
    type Err = String;

    /// `IDENTITY-PREFIX:SPAN`, the span with a minus for a clock that is slow.
    fn from_str(text: &str) -> Result<Self, String> {
        let (prefix, span) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` is not IDENTITY-PREFIX:SPAN"))?;
        let slow = span.strip_prefix('-');
        let by = slow.unwrap_or(span).parse::<Span>()?.0;
        Ok(Self { prefix: prefix.to_owned(), ahead: slow.is_none(), by })
    }
}

/// Reads a share of events.
///
/// # Errors
/// When it is no number from 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}` is not a share from 0 to 1"))
}

/// What is changed about the scored events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WhatIf {
    /// Attacks to put in.
    pub injections: Vec<Injection>,
    /// Share of the events that never come.
    pub drop: f64,
    /// Events that come late.
    pub delay: Option<Delay>,
    /// Clocks that are wrong.
    pub skew: Vec<Skew>,
    /// Everything follows from it.
    pub seed: u64,
}

impl WhatIf {
    /// What is changed, for people.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self
            .injections
            .iter()
            .map(|i| {
                let who = i.identity.as_deref().map_or_else(|| "whoever acts next".to_owned(), |who| shown(who, NAME));
                format!("{} was put in from {} on, into {who}", i.scenario.name(), i.at)
            })
            .collect();
        words.extend((self.drop > 0.0).then(|| format!("a share of {} never comes", self.drop)));
        words.extend(self.delay.map(|d| format!("a share of {} comes {} late", d.share, Span(d.by))));
        words.extend(self.skew.iter().map(|skew| {
            let direction = if skew.ahead { "ahead" } else { "behind" };
            format!("the clock of `{}…` is {} {direction}", shown(&skew.prefix, NAME), Span(skew.by))
        }));
        words
    }

    /// Whether nothing is changed.
    pub fn is_nothing(&self) -> bool {
        self.injections.is_empty() && self.drop <= 0.0 && self.delay.is_none() && self.skew.is_empty()
    }
}

/// A label that an injection made, with the tenant of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Tenant.
    pub tenant: Box<str>,
    /// The label.
    pub label: Label,
}

/// A ramp that is under way.
#[derive(Debug)]
struct Ramp {
    scenario: Scenario,
    identity: Box<str>,
    since: Timestamp,
    labelled: HashSet<Box<str>>,
}

/// Changes events on their way to the engine. Memory: `Profiles`, and the events that are held back.
#[derive(Debug)]
pub struct Injector {
    what_if: WhatIf,
    profiles: Profiles,
    /// Injections to come, the next one last.
    to_come: Vec<Injection>,
    ramps: Vec<Ramp>,
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
            ramps: Vec::new(),
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
        if !self.to_come.is_empty() {
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
            let injection = self.to_come.remove(place);
            if injection.scenario.daily_growth().is_some() {
                self.ramps.push(Ramp {
                    scenario: injection.scenario,
                    identity: host.identity.clone(),
                    since: host.time,
                    labelled: HashSet::new(),
                });
                continue;
            }
            self.number += 1;
            let mut dice = Dice::new(self.what_if.seed, key((injection.scenario.name(), injection.at, self.number)));
            let name = format!("injected-{}", self.number);
            // Without a name of its own a session cannot be found again by its label.
            let session: Box<str> = host.session.clone().unwrap_or_else(|| name.as_str().into());
            let host = Event { session: Some(session.clone()), ..host.clone() };
            let events = attack::events(injection.scenario, &host, &name, &self.profiles, &mut dice);
            let ids: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
            self.label_session(&host, injection.scenario, &session, ids);
            for event in events {
                self.hold(event.time, event);
            }
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
        self.ramp(&mut event);
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

    fn ramp(&mut self, event: &mut Event) {
        let mut begun = Vec::new();
        for ramp in &mut self.ramps {
            if ramp.identity != event.identity {
                continue;
            }
            let days = event.time.seconds_since(ramp.since) / 86_400.0;
            if days > RAMP_DAYS {
                continue;
            }
            *event = grow(event.clone(), (1.0 + ramp.scenario.daily_growth().unwrap_or(0.0)).powf(days.max(0.0)));
            if let Some(session) = event.session.as_ref().filter(|session| ramp.labelled.insert((*session).clone())) {
                begun.push((ramp.scenario, session.clone()));
            }
        }
        for (scenario, session) in begun {
            self.label_session(event, scenario, &session, Vec::new());
        }
    }
}

#[cfg(test)]
mod tests;
