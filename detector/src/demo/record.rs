//! What happened, as lines to tell and as numbers, and whether it is what the demo promises. Does no IO and reads no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use datasets::scenario::Scenario;
use models::alert::{Alert, AlertId, AlertKind};
use models::decision::{Revocation, RevocationSubject};
use models::event::Timestamp;

use super::home::{Cast, Home};
use super::past::Learned;
use super::settings::{FALSE_ALERTS, FALSE_REVOCATIONS};
use super::story::{Grouped, Line, Tone};
use super::summary::{Revocations, Summary};
use crate::broker::Sight;
use crate::console::text::plain;
use crate::outcome::Counts;

/// Malicious actions told one by one; the rest is only counted.
const TOLD_ACTS: u64 = 3;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Fact {
    /// Somebody else has got hold of an agent.
    Hijacked { name: String, identity: String, task: String, scenario: Scenario, is_to: &'static str },
    /// The agent has done what somebody else wants.
    Malicious(Act),
    /// An agent found its credential dead after `done` of `of` actions, and stopped.
    Dead { name: String, identity: String, credential: String, done: usize, of: usize },
    /// An agent got no answer, and stopped.
    Unheard { name: String, whom: &'static str, problem: String },
    /// The service has opened or changed an alert.
    Alert(Box<Alert>),
    /// The service has requested a revocation, or its state has changed.
    Revocation { revocation: Box<Revocation>, state: String },
    /// The broker saw or did something.
    Broker(Sight),
}

/// One malicious action.
#[derive(Debug)]
pub(super) struct Act {
    pub name: String,
    pub credential: String,
    pub tool: Box<str>,
    pub target: Option<Box<str>>,
}

/// Everything so far.
#[derive(Debug)]
pub(super) struct Record {
    url: String,
    /// When the run began: what an earlier one has left is not its doing.
    since: Timestamp,
    hijacked: Option<(String, String, Scenario)>,
    acts: u64,
    /// Credentials that malicious actions were done with.
    misused: BTreeSet<String>,
    first_act: Option<Duration>,
    first_alert: Option<Duration>,
    first_dead: Option<Duration>,
    withheld: Option<&'static str>,
    alerts: BTreeMap<AlertId, Box<str>>,
    revocations: BTreeMap<String, Requested>,
    /// What the broker did before it was read in the store that it had been asked: told after that.
    early: BTreeMap<String, Vec<(Tone, String)>>,
    unheard: Option<String>,
}

#[derive(Debug)]
struct Requested {
    identity: String,
    credential: Option<String>,
    delivered: bool,
    confirmed: bool,
}

impl Record {
    /// Nothing yet; `url` is where the console is.
    pub(super) fn new(url: String, since: Timestamp) -> Self {
        Self {
            url,
            since,
            hijacked: None,
            acts: 0,
            misused: BTreeSet::new(),
            first_act: None,
            first_alert: None,
            first_dead: None,
            withheld: None,
            alerts: BTreeMap::new(),
            revocations: BTreeMap::new(),
            early: BTreeMap::new(),
            unheard: None,
        }
    }

    /// What to know before it begins.
    pub(super) fn opening(&self, home: &Home, learned: &Learned, webhook: &str) -> Vec<Line> {
        let Cast { seed, agents, days } = home.cast();
        let (events, ranked) = (Grouped(learned.events), Grouped(learned.ranked));
        let mut texts = vec![
            format!(
                "{} {days} days of {agents} agents (seed {seed}): {events} events, {} baselines, a session ranks among {ranked} earlier ones",
                if learned.earlier { "known from an earlier run:" } else { "learned" },
                learned.identities
            ),
            format!("console  {}/", self.url),
            format!("broker   {webhook} issues the agents' credentials, and kills what a signed webhook names"),
            format!(
                "budget   {FALSE_ALERTS} false alerts and {} false revocation per 1,000 identity-days: a credential is revoked only if its\nsession is stranger than all {ranked} earlier ones, and if the identity has enough history of its own",
                FALSE_REVOCATIONS / 1e3
            ),
        ];
        if let Some(kept) = home.kept() {
            texts.push(format!("state    {} is kept; run the demo there again to go on", kept.display()));
        }
        texts.push(format!("{agents} agents go to work"));
        texts.into_iter().map(|text| Line { at: Duration::ZERO, tone: Tone::Plain, text }).collect()
    }

    /// Takes a fact; the lines that tell it, if it is worth telling.
    pub(super) fn take(&mut self, fact: Fact, at: Duration) -> Vec<Line> {
        let told = match fact {
            Fact::Hijacked { name, identity, task, scenario, is_to } => {
                let what = format!("during `{}` it is to {is_to}", plain(&task));
                self.take_hijack(name, identity, scenario, &what)
            }
            Fact::Malicious(act) => self.take_act(act, at),
            Fact::Dead { name, identity, credential, done, of } => {
                let guilty = self.is_hijacked(&identity);
                let tone = if guilty { Tone::Good } else { Tone::Bad };
                Some((
                    tone,
                    format!(
                        "{name} finds its credential {credential} dead before action {} of {of}, and stops",
                        done + 1
                    ),
                ))
            }
            Fact::Unheard { name, whom, problem } => {
                let text = format!("{name} stops: {whom} does not take its request ({})", plain(&problem));
                self.unheard.get_or_insert_with(|| text.clone());
                Some((Tone::Bad, text))
            }
            Fact::Alert(alert) => self.take_alert(&alert, at),
            Fact::Revocation { revocation, state } => {
                let id = revocation.id.to_string();
                let told = self.take_revocation(*revocation, &state);
                let early = self.early.remove(&id).unwrap_or_default();
                return lines(at, told.into_iter().chain(early));
            }
            Fact::Broker(sight) => {
                let about = revocation_of(&sight).map(ToOwned::to_owned);
                let told = self.take_sight(sight, at);
                match about {
                    Some(id) if !self.revocations.contains_key(&id) => {
                        self.early.entry(id).or_default().extend(told);
                        None
                    }
                    _ => told,
                }
            }
        };
        lines(at, told)
    }

    fn take_hijack(
        &mut self,
        name: String,
        identity: String,
        scenario: Scenario,
        what: &str,
    ) -> Option<(Tone, String)> {
        let told = self.hijacked.is_none();
        let text = format!("{name} is hijacked ({}): {what}", scenario.name());
        self.hijacked.get_or_insert((name, identity, scenario));
        told.then_some((Tone::Bad, text))
    }

    fn take_act(&mut self, act: Act, at: Duration) -> Option<(Tone, String)> {
        self.acts += 1;
        self.first_act.get_or_insert(at);
        let on = act.target.map(|target| format!(" on {}", plain(&target))).unwrap_or_default();
        let text = format!("{} with {}: {}{on}", act.name, act.credential, plain(&act.tool));
        self.misused.insert(act.credential);
        (self.acts <= TOLD_ACTS).then_some((Tone::Bad, text))
    }

    fn take_alert(&mut self, alert: &Alert, at: Duration) -> Option<(Tone, String)> {
        if self.is_hijacked(&alert.identity) {
            if self.first_act.is_some() {
                self.first_alert.get_or_insert(at);
            }
            self.withheld = alert.withheld.map(models::decision::Withheld::reason);
        }
        if alert.opened < self.since || self.alerts.insert(alert.id.clone(), alert.identity.clone()).is_some() {
            return None;
        }
        let about = match alert.kind {
            AlertKind::BrakeOpened => String::new(),
            _ => format!("{}: ", name_of(&alert.identity)),
        };
        let (severity, summary) = (alert.severity.as_str(), plain(&alert.summary));
        Some((Tone::Found, format!("ALERT {severity}  {about}{summary}\n{}/alerts/{}", self.url, alert.id)))
    }

    fn take_revocation(&mut self, revocation: Revocation, state: &str) -> Option<(Tone, String)> {
        let credential = match revocation.subject {
            RevocationSubject::Credential { id, .. } => Some(String::from(id)),
            RevocationSubject::Session { .. } => None,
        };
        if revocation.requested < self.since {
            return None;
        }
        let id = revocation.id.to_string();
        let mut told = None;
        let requested = self.revocations.entry(id.clone()).or_insert_with(|| {
            let what = credential.as_deref().unwrap_or("its session");
            let whose = name_of(&revocation.identity);
            let strange = plain(&format!("{:.1}", revocation.score));
            told = Some((
                Tone::Found,
                format!("REVOKE {what} of {whose}: evidence {strange} nats, beyond every earlier session\n{id}"),
            ));
            Requested { identity: revocation.identity.into(), credential, delivered: false, confirmed: false }
        });
        match state {
            "delivered" => requested.delivered = true,
            "confirmed" | "still_used" => (requested.delivered, requested.confirmed) = (true, true),
            "failed" | "expired" => told = told.or(Some((Tone::Bad, format!("revocation {id} is {state}")))),
            _ => {}
        }
        told
    }

    fn take_sight(&mut self, sight: Sight, at: Duration) -> Option<(Tone, String)> {
        Some(match sight {
            Sight::Revoked { message, credentials } => {
                if credentials.iter().any(|credential| self.misused.contains(credential)) {
                    self.first_dead.get_or_insert(at);
                }
                let dead = if credentials.is_empty() { "nothing it knows".to_owned() } else { credentials.join(", ") };
                (Tone::Good, format!("broker verifies the signature of {message} and kills {dead}"))
            }
            Sight::Confirmed(id) => (Tone::Good, format!("broker confirms {id}: {}/revocations", self.url)),
            Sight::Unconfirmed { revocation, detail } => {
                (Tone::Bad, format!("broker cannot confirm {revocation}: {}", plain(&detail)))
            }
            Sight::Restored { message, credentials } => {
                (Tone::Plain, format!("broker verifies {message} and gives back {}", credentials.join(", ")))
            }
            Sight::Repeated(message) => (Tone::Plain, format!("broker has seen {message} before, and does nothing")),
            Sight::Untrusted(error) => (Tone::Bad, format!("broker refuses a webhook: {error}")),
            Sight::Unusable(problem) => (Tone::Bad, format!("broker cannot act upon a webhook: {}", plain(&problem))),
            Sight::Issued { .. } => return None,
        })
    }

    fn is_hijacked(&self, identity: &str) -> bool {
        self.hijacked.as_ref().is_some_and(|(_, hijacked, _)| hijacked == identity)
    }

    /// What it all came to.
    pub(super) fn summary(&self, cast: Cast, learned: &Learned, events: Counts, identities: u64) -> Summary {
        let benign = |identities: &mut dyn Iterator<Item = &str>| -> u64 {
            identities.filter(|identity| !self.is_hijacked(identity)).collect::<BTreeSet<_>>().len() as u64
        };
        let since_first = |at: Option<Duration>| Some((at?.checked_sub(self.first_act?)?).as_secs_f64());
        let count = |is: fn(&Requested) -> bool| self.revocations.values().filter(|r| is(r)).count() as u64;
        Summary {
            cast,
            history_events: learned.events,
            ranked_sessions: learned.ranked,
            events: events.into(),
            identities,
            alerts: self.alerts.len() as u64,
            revocations: Revocations {
                requested: self.revocations.len() as u64,
                delivered: count(|r| r.delivered),
                confirmed: count(|r| r.confirmed),
            },
            hijacked: self.hijacked.as_ref().map(|(_, identity, _)| identity.clone()),
            scenario: self.hijacked.as_ref().map(|(_, _, scenario)| scenario.name()),
            benign_agents_alerted: benign(&mut self.alerts.values().map(|identity| &**identity)),
            benign_agents_revoked: benign(&mut self.revocations.values().map(|r| &*r.identity)),
            seconds_to_alert: since_first(self.first_alert),
            seconds_to_dead_credential: since_first(self.first_dead),
            failure: self.failure(),
        }
    }

    /// Why this is not what the demo promises.
    fn failure(&self) -> Option<String> {
        let innocent: Vec<&str> = self
            .revocations
            .values()
            .filter(|r| !self.is_hijacked(&r.identity))
            .map(|r| name_of(&r.identity))
            .collect();
        if !innocent.is_empty() {
            return Some(format!("the credential of an innocent agent was revoked: {}", innocent.join(", ")));
        }
        if let Some(unheard) = &self.unheard {
            return Some(unheard.clone());
        }
        let Some((name, ..)) = &self.hijacked else {
            return Some("it was stopped before the hijack".to_owned());
        };
        let misused =
            |r: &&Requested| r.credential.as_ref().is_some_and(|credential| self.misused.contains(credential));
        match self.revocations.values().find(misused) {
            Some(_) if self.first_dead.is_none() => Some(format!("the broker did not kill the credential of {name}")),
            Some(revocation) if !revocation.confirmed => {
                Some(format!("the broker did not confirm the revocation of the credential of {name}"))
            }
            Some(_) => None,
            None if self.first_alert.is_none() => Some(format!("the hijack of {name} was not noticed")),
            None => {
                let why = self.withheld.unwrap_or("the evidence did not pass the budget of revocations");
                Some(format!("the credential of {name} was not revoked: {why}"))
            }
        }
    }
}

fn lines(at: Duration, told: impl IntoIterator<Item = (Tone, String)>) -> Vec<Line> {
    told.into_iter().map(|(tone, text)| Line { at, tone, text }).collect()
}

/// Which revocation the broker has acted upon.
fn revocation_of(sight: &Sight) -> Option<&str> {
    match sight {
        Sight::Revoked { message, .. } => Some(message.as_str()),
        Sight::Confirmed(revocation) | Sight::Unconfirmed { revocation, .. } => Some(revocation),
        _ => None,
    }
}

/// The last part of an identity.
fn name_of(identity: &str) -> &str {
    identity.rsplit('/').next().unwrap_or(identity)
}

#[cfg(test)]
mod tests;
