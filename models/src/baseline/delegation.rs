//! `delegation`: who delegates to whom, and for whom?
//!
//! Stored: 60 bytes. Score: once a session and on every change, the surprises added up of {parent known, new}, {person acted
//! for known, new} and {grants within those of the parent, beyond}; each at a learned rate: an agent that serves everybody always
//! meets new people, one that never delegates hardly ever a parent, and some children are meant to reach further. With little data
//! the peers' rates decide. Grants are compared word by word with those of the parent's newest credential.

use serde::{Deserialize, Serialize};

use crate::estimator::novelty::{NoveltyRate, surprise};
use crate::estimator::small_set::{Membership, SmallSet};

/// Stands for "nobody": that a run which is always delegated starts by itself is a change as well.
const NOBODY: u64 = 0x4e4f_424f_4459;

/// Who stands behind a session, as fingerprints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DelegationKeys {
    /// The identity that delegated the run; 0 for none.
    pub parent: u64,
    /// The person or service acted for; 0 for none.
    pub on_behalf_of: u64,
    /// Whether its credential grants what that of the parent does not; `None` where either is not told.
    pub beyond_parent: Option<bool>,
}

/// Who an identity acts for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delegation {
    parents: SmallSet<4>,
    rates: DelegationRates,
}

/// How often somebody new stands behind a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct DelegationRates {
    parent: NoveltyRate,
    person: NoveltyRate,
    beyond: NoveltyRate,
}

/// What was new when one session was learned; the first parent of an identity is not told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct DelegationNews {
    parent: Option<bool>,
    person: Option<bool>,
    beyond: Option<bool>,
}

fn parent_key(keys: DelegationKeys) -> u64 {
    if keys.parent == 0 { NOBODY << 16 } else { keys.parent }
}

impl Delegation {
    /// Surprise in nats, to be ranked. `knows_person`: whether it has acted for this person before. `None` where nobody has
    /// ever stood behind a session of it, nor does now.
    pub(crate) fn score(&self, keys: DelegationKeys, knows_person: bool, peers: &DelegationRates) -> Option<f64> {
        let parent = self.parents.outcome(parent_key(keys));
        if keys.parent == 0 && keys.on_behalf_of == 0 && (parent == Membership::Known || self.parents.is_empty()) {
            return None;
        }
        let rate = |own: NoveltyRate, peers: NoveltyRate| [own.shrunk(peers.alone())];
        let mut nats = 0.0;
        if !self.parents.is_empty() {
            nats += surprise(&rate(self.rates.parent, peers.parent), usize::from(parent == Membership::New));
        }
        if keys.on_behalf_of != 0 {
            nats += surprise(&rate(self.rates.person, peers.person), usize::from(!knows_person));
        }
        if let Some(beyond) = keys.beyond_parent {
            nats += surprise(&rate(self.rates.beyond, peers.beyond), usize::from(beyond));
        }
        Some(nats)
    }

    /// Whether the parent is one that has delegated to it before.
    pub(crate) fn knows_parent(&self, keys: DelegationKeys) -> bool {
        self.parents.outcome(parent_key(keys)) == Membership::Known
    }

    /// Learns who stood behind a session.
    pub(crate) fn learn(&mut self, keys: DelegationKeys, new_person: bool) -> DelegationNews {
        let first = self.parents.is_empty();
        let new = self.parents.push(parent_key(keys)) == Membership::New;
        let news = DelegationNews {
            parent: (!first).then_some(new),
            person: (keys.on_behalf_of != 0).then_some(new_person),
            beyond: keys.beyond_parent,
        };
        self.rates.learn(news);
        news
    }

    pub(crate) fn decay(&mut self, factor: f64) {
        self.parents.decay(factor);
        self.rates.decay(factor);
    }
}

impl DelegationRates {
    pub(crate) fn learn(&mut self, news: DelegationNews) {
        let rates = [&mut self.parent, &mut self.person, &mut self.beyond];
        for (rate, new) in rates.into_iter().zip([news.parent, news.person, news.beyond]) {
            if let Some(new) = new {
                rate.push(new);
            }
        }
    }

    pub(crate) fn decay(&mut self, factor: f64) {
        self.parent.decay(factor);
        self.person.decay(factor);
        self.beyond.decay(factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_parent_surprises_and_so_does_none_where_there_always_was_one() {
        let (mut own, mut peers) = (Delegation::default(), DelegationRates::default());
        let usual = DelegationKeys { parent: 7 << 40, on_behalf_of: 0, beyond_parent: Some(false) };
        for _ in 0..100 {
            peers.learn(own.learn(usual, false));
        }
        let score = |keys| own.score(keys, true, &peers).unwrap();
        let known = score(usual);
        assert!(score(DelegationKeys { parent: 9 << 40, ..usual }) > known + 4.0);
        assert!(score(DelegationKeys { parent: 0, ..usual }) > known + 4.0);
        assert!(score(DelegationKeys { beyond_parent: Some(true), ..usual }) > known + 4.0);
    }

    #[test]
    fn who_has_never_been_delegated_to_is_not_judged() {
        let mut own = Delegation::default();
        assert_eq!(own.score(DelegationKeys::default(), true, &DelegationRates::default()), None);
        own.learn(DelegationKeys::default(), false);
        assert_eq!(own.score(DelegationKeys::default(), true, &DelegationRates::default()), None);
    }
}
