//! `scope`: is the action inside what the credential was granted, and inside what was exercised so far?
//!
//! Stored: 124 bytes. Events tell the granted scopes and the call, not which scope a call needs, so the grant is read by its
//! words ([`covering`]) and where the words do not fit a deployment the learned rates say so: an identity whose calls are
//! never covered by name is not surprising. Score: {covered, not covered but so before with this tool, not covered} and
//! {scope exercised before, for the first time}, added up, to be ranked. With little data the peers' rates decide. Some
//! string comparisons an event: about 300 ns with eight scopes.

use serde::{Deserialize, Serialize};

use super::Step;
use crate::estimator::novelty::{NoveltyRate, surprise};
use crate::estimator::small_set::{Membership, SmallSet};
use crate::event::{Action, Event};

/// What a call's grant says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Grant {
    /// The event tells no scopes.
    #[default]
    Untold,
    /// No granted scope covers the call.
    Uncovered,
    /// The scope with this fingerprint does.
    Covered(u64),
}

/// Which scopes an identity has exercised, and how often a call is covered by none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scope {
    exercised: SmallSet<16>,
    uncovered: [NoveltyRate; 2],
}

/// How often calls of a group's members are not covered, and then not covered for the first time, or exercise a new scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScopeRates {
    uncovered: [NoveltyRate; 2],
    exercised: NoveltyRate,
}

/// What was new when one call was learned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScopeNews {
    /// Whether it was not covered, and that for the first time with its tool.
    uncovered: (bool, bool),
    /// Whether it was the first to exercise its scope.
    exercised: Option<bool>,
}

impl Scope {
    /// Surprise in nats, to be ranked. `uncovered_before`: whether the tool has been used without cover before.
    pub(crate) fn score(&self, step: &Step, uncovered_before: bool, peers: &ScopeRates) -> Option<f64> {
        let (mut rates, [any, first]) = ([0.0; 2], peers.uncovered);
        for ((rate, own), peers) in rates.iter_mut().zip(self.uncovered).zip([any, first]) {
            *rate = own.shrunk(peers.alone());
        }
        match step.grant {
            Grant::Untold => None,
            Grant::Uncovered => Some(surprise(&rates, if uncovered_before { 1 } else { 2 })),
            Grant::Covered(scope) => {
                let exercised = self.exercised.surprise(self.exercised.outcome(scope), peers.exercised);
                Some(surprise(&rates, 0) + exercised)
            }
        }
    }

    /// Learns one call; `None` if it tells no scopes.
    pub(crate) fn learn(&mut self, grant: Grant, first: bool) -> Option<ScopeNews> {
        let news = match grant {
            Grant::Untold => return None,
            Grant::Uncovered => ScopeNews { uncovered: (true, first), exercised: None },
            Grant::Covered(scope) => {
                let new = self.exercised.push(scope) == Membership::New;
                ScopeNews { uncovered: (false, false), exercised: Some(new) }
            }
        };
        push(&mut self.uncovered, news.uncovered);
        Some(news)
    }

    /// How often the scope was exercised, decayed.
    pub(crate) fn exercised(&self, scope: u64) -> f64 {
        self.exercised.count(scope)
    }

    pub(crate) fn decay(&mut self, factor: f64) {
        self.exercised.decay(factor);
        self.uncovered.iter_mut().for_each(|rate| rate.decay(factor));
    }
}

fn push(rates: &mut [NoveltyRate; 2], (uncovered, first): (bool, bool)) {
    let [any, fresh] = rates;
    any.push(uncovered);
    if uncovered {
        fresh.push(first);
    }
}

impl ScopeRates {
    pub(crate) fn learn(&mut self, news: ScopeNews) {
        push(&mut self.uncovered, news.uncovered);
        if let Some(new) = news.exercised {
            self.exercised.push(new);
        }
    }

    pub(crate) fn decay(&mut self, factor: f64) {
        self.uncovered.iter_mut().for_each(|rate| rate.decay(factor));
        self.exercised.decay(factor);
    }
}

/// The first granted scope that covers the call by its words, and its place in the list.
///
/// A scope covers a call if it is `*`, or the tool's name with or without its server, or if one of its words names the
/// server, the tool's first word or the target's scheme and its words about actions, if any, allow the action
/// (`crm.read`, `repo:write`, `mail-send`).
pub(crate) fn covering<'a>(event: &Event, action: Action, scopes: &'a [Box<str>]) -> Option<(usize, &'a str)> {
    let server = event.server.as_deref().unwrap_or_default();
    let scheme = event.targets.first().and_then(|t| t.split_once(':')).map_or("", |(scheme, _)| scheme);
    let covers = |scope: &str| {
        if scope == "*" || scope.eq_ignore_ascii_case(&event.tool) || names(scope, server, &event.tool) {
            return true;
        }
        let (mut resource, mut acts, mut allowed) = (false, false, false);
        for word in words(scope) {
            match verb(word) {
                Some(verb) => {
                    acts = true;
                    allowed |= verb.allows(action) || says(&event.tool, word);
                }
                None => resource |= says(server, word) || says(&event.tool, word) || word.eq_ignore_ascii_case(scheme),
            }
        }
        resource && (allowed || !acts)
    };
    scopes.iter().enumerate().find(|(_, scope)| covers(scope)).map(|(at, scope)| (at, &**scope))
}

/// Whether the scope is `server`, any separator, `tool`.
fn names(scope: &str, server: &str, tool: &str) -> bool {
    let (head, tail) = (scope.get(..server.len()), scope.get(server.len() + 1..));
    !server.is_empty()
        && head.is_some_and(|head| head.eq_ignore_ascii_case(server))
        && tail.is_some_and(|tail| tail.eq_ignore_ascii_case(tool))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '*').filter(|word| !word.is_empty())
}

fn says(text: &str, word: &str) -> bool {
    words(text).any(|w| w.eq_ignore_ascii_case(word))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Reads,
    Changes,
    Delegates,
    Everything,
}

impl Verb {
    fn allows(self, action: Action) -> bool {
        match self {
            Verb::Reads => action == Action::Read,
            Verb::Changes => matches!(action, Action::Write | Action::Execute),
            Verb::Delegates => action == Action::Delegate,
            Verb::Everything => true,
        }
    }
}

fn verb(word: &str) -> Option<Verb> {
    let is = |list: &[&str]| list.iter().any(|w| w.eq_ignore_ascii_case(word));
    if is(&["read", "readonly", "get", "list", "view", "search"]) {
        Some(Verb::Reads)
    } else if is(&["write", "create", "update", "edit", "delete", "send", "execute", "run", "invoke", "post", "call"]) {
        Some(Verb::Changes)
    } else if is(&["delegate", "impersonate"]) {
        Some(Verb::Delegates)
    } else if is(&["*", "all", "full", "admin", "manage", "readwrite"]) {
        Some(Verb::Everything)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(server: &str, tool: &str, target: &str) -> Event {
        let target = if target.is_empty() { String::new() } else { format!(r#","target":"{target}""#) };
        let raw = format!(
            r#"{{"id":"1","time":"2026-01-01T00:00:00Z","identity":"a","server":"{server}","tool":"{tool}"{target}}}"#
        );
        crate::event::decode(raw.as_bytes()).unwrap().event
    }

    #[test]
    fn grants_are_read_by_their_words() {
        let covered = |scope: &str, action| {
            covering(&event("crm", "accounts.search", "crm://a/1"), action, &[scope.into()]).is_some()
        };
        for scope in
            ["*", "crm.read", "CRM:read", "accounts.search", "crm/accounts.search", "crm", "accounts-list", "crm.*"]
        {
            assert!(covered(scope, Action::Read), "{scope}");
        }
        for scope in ["crm.write", "mail.read", "read", ""] {
            assert!(!covered(scope, Action::Read), "{scope}");
        }
        assert!(
            covered("crm.write", Action::Write)
                && !covered("crm.read", Action::Write)
                && covered("crm.admin", Action::Admin)
        );
    }

    #[test]
    fn a_call_outside_the_grant_surprises_unless_that_is_usual() {
        let (mut orderly, mut unnamed) = (Scope::default(), Scope::default());
        let (mut peers, mut others) = (ScopeRates::default(), ScopeRates::default());
        for _ in 0..300 {
            peers.learn(orderly.learn(Grant::Covered(5 << 40), false).unwrap());
            others.learn(unnamed.learn(Grant::Uncovered, false).unwrap());
        }
        let step = |grant| Step { grant, ..Step::default() };
        let known = orderly.score(&step(Grant::Covered(5 << 40)), false, &peers).unwrap();
        assert!(known < 1.5, "{known}");
        assert!(orderly.score(&step(Grant::Covered(6 << 40)), false, &peers).unwrap() > 4.0);
        assert!(orderly.score(&step(Grant::Uncovered), false, &peers).unwrap() > 5.0);
        assert!(unnamed.score(&step(Grant::Uncovered), true, &others).unwrap() < 1.5);
        assert_eq!(orderly.score(&step(Grant::Untold), false, &peers), None);
    }
}
