//! `context`: same workload, network and client as ever, and the same throughout the session?
//!
//! Stored: 124 bytes. Score: when a session starts and whenever its source changes, the surprises of {known, new} for
//! workload, network and client, of {same, changed} within a session, and of {own credential, one that another identity used
//! last}, added up; each at a learned rate, since pods move with every release, addresses hardly ever, and some agents share
//! an account. The sum is not a probability (the parts hang together): the group's table
//! makes it one. With little data the peers' rates decide. Nothing in between, so its cost is one hash an event.

use serde::{Deserialize, Serialize};

use crate::estimator::novelty::{NoveltyRate, surprise};
use crate::estimator::small_set::{Membership, SmallSet};
use crate::event::Origin;
use crate::fingerprint::{Fingerprinter, Kind};

/// Workload, network and client as fingerprints; 0 where the event does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContextKeys([u64; 3]);

impl ContextKeys {
    /// Of an event's source.
    pub(crate) fn of(f: &Fingerprinter, source: &Origin) -> Self {
        let key = |part: &str, text: &str| if text.is_empty() { 0 } else { f.of(Kind::Source, &[part, text]).max(1) };
        let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_owned();
        let client = format!("{}\n{}", text(&source.region), text(&source.user_agent));
        Self([
            key("workload", source.workload.as_deref().unwrap_or_default()),
            key("network", network_of(source.ip.as_deref().unwrap_or_default())),
            key("client", if client.len() > 1 { &client } else { "" }),
        ])
    }

    fn told(self) -> bool {
        self.0 != [0; 3]
    }
}

/// The network of an address: its first three numbers (IPv4), its first three groups (IPv6), else the whole.
fn network_of(ip: &str) -> &str {
    let separator = if ip.contains(':') { ':' } else { '.' };
    ip.match_indices(separator).nth(2).and_then(|(at, _)| ip.get(..at)).unwrap_or(ip)
}

/// What an identity acts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Context {
    sets: [SmallSet<4>; 3],
    changed: NoveltyRate,
    shared: NoveltyRate,
}

/// How often members of a group act from something new, or change it within a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContextRates {
    new: [NoveltyRate; 3],
    changed: NoveltyRate,
    shared: NoveltyRate,
}

/// What was new when one session's source was learned; the first of an identity is not told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContextNews {
    new: [Option<bool>; 3],
    changed: Option<bool>,
    shared: Option<bool>,
}

impl Context {
    /// Surprise in nats, to be ranked; `None` if the event does not say where it came from and its credential is not another's.
    pub(crate) fn score(
        &self,
        keys: ContextKeys,
        changed: bool,
        shared: Option<bool>,
        peers: &ContextRates,
    ) -> Option<f64> {
        let told = self.sets.iter().zip(peers.new).zip(keys.0).filter(|(_, key)| *key != 0);
        let parts: f64 = told.map(|((set, rate), key)| set.surprise(set.outcome(key), rate)).sum();
        let change = surprise(&[self.changed.shrunk(peers.changed.alone())], usize::from(changed));
        let sharing =
            shared.map_or(0.0, |shared| surprise(&[self.shared.shrunk(peers.shared.alone())], usize::from(shared)));
        (keys.told() || shared == Some(true)).then_some(parts + change + sharing)
    }

    /// Which of workload, network and client are new, where told.
    pub(crate) fn novelties(&self, keys: ContextKeys) -> [bool; 3] {
        let mut new = [false; 3];
        for ((new, set), key) in new.iter_mut().zip(&self.sets).zip(keys.0) {
            *new = key != 0 && set.outcome(key) == Membership::New;
        }
        new
    }

    /// Learns one source of a session.
    pub(crate) fn learn(&mut self, keys: ContextKeys, changed: bool, shared: Option<bool>) -> ContextNews {
        let mut new = [None; 3];
        for ((new, set), key) in new.iter_mut().zip(&mut self.sets).zip(keys.0).filter(|(_, key)| *key != 0) {
            let first = set.is_empty();
            *new = Some(set.push(key) == Membership::New).filter(|_| !first);
        }
        let changed = keys.told().then_some(changed);
        if let Some(changed) = changed {
            self.changed.push(changed);
        }
        if let Some(shared) = shared {
            self.shared.push(shared);
        }
        ContextNews { new, changed, shared }
    }

    pub(crate) fn decay(&mut self, factor: f64) {
        self.sets.iter_mut().for_each(|set| set.decay(factor));
        self.changed.decay(factor);
        self.shared.decay(factor);
    }
}

impl ContextRates {
    pub(crate) fn learn(&mut self, news: ContextNews) {
        for (rate, new) in self.new.iter_mut().zip(news.new) {
            if let Some(new) = new {
                rate.push(new);
            }
        }
        for (rate, new) in [(&mut self.changed, news.changed), (&mut self.shared, news.shared)] {
            if let Some(new) = new {
                rate.push(new);
            }
        }
    }

    pub(crate) fn decay(&mut self, factor: f64) {
        self.new.iter_mut().for_each(|rate| rate.decay(factor));
        self.changed.decay(factor);
        self.shared.decay(factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(workload: &str, ip: &str, client: &str) -> ContextKeys {
        let text = |t: &str| (!t.is_empty()).then(|| t.into());
        let source = Origin { ip: text(ip), workload: text(workload), region: None, user_agent: text(client) };
        ContextKeys::of(&Fingerprinter::new(&[3; 16]), &source)
    }

    #[test]
    fn networks_are_the_first_three_parts() {
        for (ip, want) in
            [("10.1.2.3", "10.1.2"), ("2001:db8:1::5", "2001:db8:1"), ("::1", "::1"), ("host", "host"), ("", "")]
        {
            assert_eq!(network_of(ip), want);
        }
    }

    #[test]
    fn a_moved_pod_surprises_less_than_another_network_and_client() {
        let (mut context, mut peers) = (Context::default(), ContextRates::default());
        for session in 0..200 {
            // A new pod every tenth session, always the same network and client.
            let pod = format!("pod-{}", session / 10);
            peers.learn(context.learn(keys(&pod, "10.0.0.7", "agents/2"), false, Some(false)));
        }
        let score = |keys, changed| context.score(keys, changed, Some(false), &peers).unwrap();
        let usual = score(keys("pod-19", "10.0.0.9", "agents/2"), false);
        let moved = score(keys("pod-77", "10.0.0.9", "agents/2"), false);
        let stolen = score(keys("", "203.0.113.9", "curl"), true);
        assert!(usual < 0.8 + 4.0 * 0.7 && moved > usual + 1.0 && stolen > moved + 8.0, "{usual} {moved} {stolen}");
        assert_eq!(context.score(ContextKeys::default(), false, Some(false), &peers), None);
        let shared = context.score(ContextKeys::default(), false, Some(true), &peers).unwrap();
        assert!(shared > usual + 4.0, "{shared}");
    }
}
