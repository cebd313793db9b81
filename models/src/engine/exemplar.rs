//! Representative past sessions of an identity, each by the set of tools that it used: what a strange session is nearest to, and
//! whether tools have been used together before that never were.

use serde::{Deserialize, Serialize};

use crate::alert::NearestSession;
use crate::event::Timestamp;

use super::names::Names;

/// Past sessions kept of an identity.
const EXEMPLARS: usize = 6;
/// Distinct tools of a session that are told apart (4 bytes each).
const TOOLS: usize = 48;
/// Longest name of a session that is kept: longer ones cannot be shown.
const NAME_BYTES: usize = 128;
/// Sets this similar (Jaccard) are of one kind: the newest stands for it.
const SAME_KIND: f64 = 0.75;
/// Sessions after which the weight of a kind has halved, so that a kind that is no longer seen makes room.
const HALF_LIFE: f32 = 64.0;

/// The distinct tools of a session, in order, at most 48.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ToolSet(Vec<u32>);

impl ToolSet {
    /// Adds a tool; whether it is new to the session.
    pub(super) fn insert(&mut self, tool: u32) -> bool {
        match self.0.binary_search(&tool) {
            Err(at) if self.0.len() < TOOLS => {
                self.0.insert(at, tool);
                true
            }
            _ => false,
        }
    }

    /// Tools that both have. O(n + m).
    fn shared(&self, other: &ToolSet) -> usize {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut shared = 0;
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let order = a.cmp(b);
            shared += usize::from(order.is_eq());
            if order.is_le() {
                left.next();
            }
            if order.is_ge() {
                right.next();
            }
        }
        shared
    }

    /// Shared tools over all tools of both, 0 to 1 (Jaccard, Bull. Soc. Vaud. Sci. Nat. 37, 1901).
    fn similarity(&self, other: &ToolSet) -> f64 {
        let shared = self.shared(other);
        let all = self.0.len() + other.0.len() - shared;
        if all == 0 { 1.0 } else { shared as f64 / all as f64 }
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }
}

/// The newest calm session of a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Exemplar {
    session: Box<str>,
    ended: Timestamp,
    tools: ToolSet,
    /// Sessions of this kind, decayed.
    weight: f32,
}

/// Representative past sessions of an identity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Exemplars(Vec<Exemplar>);

impl Exemplars {
    /// Learns a calm session. The newest stands for its kind; a new kind displaces the rarest.
    pub(super) fn learn(&mut self, session: &str, ended: Timestamp, tools: &ToolSet) {
        if tools.0.is_empty() || session.len() > NAME_BYTES {
            return;
        }
        for exemplar in &mut self.0 {
            exemplar.weight *= (-1.0 / HALF_LIFE).exp2();
        }
        let mut newest = Exemplar { session: session.into(), ended, tools: tools.clone(), weight: 1.0 };
        newest.tools.0.shrink_to_fit();
        let kind = self.nearest(tools).filter(|(_, similarity)| *similarity >= SAME_KIND).map(|(at, _)| at);
        let rarest = || self.0.iter().enumerate().min_by(|a, b| a.1.weight.total_cmp(&b.1.weight)).map(|(at, _)| at);
        let place = kind.or_else(|| rarest().filter(|_| self.0.len() >= EXEMPLARS));
        if let Some(slot) = place.and_then(|at| self.0.get_mut(at)) {
            newest.weight += if kind.is_some() { slot.weight } else { 0.0 };
            *slot = newest;
        } else {
            self.0.reserve_exact(1);
            self.0.push(newest);
        }
    }

    fn nearest(&self, tools: &ToolSet) -> Option<(usize, f64)> {
        let similar = self.0.iter().map(|exemplar| exemplar.tools.similarity(tools)).enumerate();
        // The first of equals.
        similar.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// The past session that is most like one that used these tools, in words; `None` if none has been learned.
    pub(super) fn nearest_session(&self, tools: &ToolSet, names: &Names) -> Option<NearestSession> {
        let exemplar = self.nearest(tools).and_then(|(at, _)| self.0.get(at))?;
        let without = |these: &ToolSet, those: &ToolSet| -> Vec<Box<str>> {
            let missing = these.0.iter().filter(|tool| those.0.binary_search(tool).is_err());
            missing.take(NearestSession::MAX_TOOLS).map(|tool| names.tool(*tool)).collect()
        };
        Some(NearestSession {
            session: exemplar.session.clone(),
            ended: exemplar.ended,
            shared_tools: exemplar.tools.shared(tools) as u32,
            tools: exemplar.tools.0.len() as u32,
            added: without(tools, &exemplar.tools),
            absent: without(&exemplar.tools, tools),
        })
    }

    pub(super) fn bytes(&self) -> usize {
        let heap = |e: &Exemplar| e.session.len() + e.tools.bytes();
        self.0.capacity() * size_of::<Exemplar>() + self.0.iter().map(heap).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tools: &[u32]) -> ToolSet {
        let mut set = ToolSet::default();
        for tool in tools {
            set.insert(*tool);
        }
        set
    }

    #[test]
    fn the_most_similar_session_is_named_with_what_is_added_and_what_is_absent() {
        let mut exemplars = Exemplars::default();
        exemplars.learn("mail", Timestamp::EPOCH, &set(&[1, 2, 3]));
        exemplars.learn("deploy", Timestamp::EPOCH, &set(&[7, 8, 9]));
        let nearest = exemplars.nearest_session(&set(&[2, 1, 9, 2]), &Names::default()).unwrap();
        assert_eq!((&*nearest.session, nearest.shared_tools, nearest.tools), ("mail", 2, 3));
        assert_eq!((nearest.added, nearest.absent), (vec!["#00000009".into()], vec!["#00000003".into()]));
    }

    #[test]
    fn the_newest_stands_for_its_kind_and_a_new_kind_displaces_the_rarest() {
        let mut exemplars = Exemplars::default();
        for (n, start) in (0..EXEMPLARS as u32).map(|n| (n, n * 10)) {
            exemplars.learn(&format!("first-{n}"), Timestamp::EPOCH, &set(&[start, start + 1, start + 2]));
            if n != 3 {
                exemplars.learn(&format!("second-{n}"), Timestamp::EPOCH, &set(&[start, start + 1, start + 2]));
            }
        }
        exemplars.learn("other", Timestamp::EPOCH, &set(&[900, 901]));
        let names: Vec<_> = exemplars.0.iter().map(|e| &*e.session).collect();
        assert_eq!(names, ["second-0", "second-1", "second-2", "other", "second-4", "second-5"]);
        exemplars.learn(&"x".repeat(NAME_BYTES + 1), Timestamp::EPOCH, &set(&[5000]));
        assert!(exemplars.0.iter().all(|e| e.tools != set(&[5000])));
    }
}
