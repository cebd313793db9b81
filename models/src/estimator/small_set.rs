//! What an identity is seen with: the few sources, workloads, parents or issuers that it uses again and again.
//!
//! At most `N` fingerprints in a fixed array. A newcomer takes the place of the least used, and among equally used ones of
//! the one not seen for longest, so that a flood of one-time sources cannot push out the usual ones.

use serde::{Deserialize, Serialize};

use super::novelty::{NoveltyRate, surprise};
use super::scale::{Scale, halve};

/// At most `N` fingerprints with decayed counts, most recently seen first; and how often something new turned up.
///
/// 6 bytes a slot and 12 more. A count holds at least 511 observations, then all are halved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct SmallSet<const N: usize> {
    scale: Scale,
    rate: NoveltyRate,
    // Two arrays: side by side the six bytes would be padded to eight. Empty slots have fingerprint 0 and come last.
    fingerprints: [u32; N],
    counts: [u16; N],
}

/// Whether a set holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It does.
    Known,
    /// It does not, or not any more.
    New,
}

/// How a set is stored: only the slots in use, since serde knows no arrays of any length.
#[derive(Serialize, Deserialize)]
struct Stored {
    scale: Scale,
    rate: NoveltyRate,
    slots: Vec<(u32, u16)>,
}

impl<const N: usize> From<SmallSet<N>> for Stored {
    fn from(set: SmallSet<N>) -> Self {
        let slots = set.fingerprints.into_iter().zip(set.counts).filter(|(f, _)| *f != 0).collect();
        Self { scale: set.scale, rate: set.rate, slots }
    }
}

impl<const N: usize> From<Stored> for SmallSet<N> {
    fn from(stored: Stored) -> Self {
        let mut set = Self { scale: stored.scale, rate: stored.rate, ..Self::default() };
        for ((f, c), slot) in set.fingerprints.iter_mut().zip(&mut set.counts).zip(stored.slots) {
            (*f, *c) = slot;
        }
        set
    }
}

impl<const N: usize> Default for SmallSet<N> {
    fn default() -> Self {
        Self { scale: Scale::default(), rate: NoveltyRate::default(), fingerprints: [0; N], counts: [0; N] }
    }
}

/// The part of a fingerprint that is stored; 0 marks an empty slot.
fn stored(fingerprint: u64) -> u32 {
    ((fingerprint >> 32) as u32).max(1)
}

impl<const N: usize> SmallSet<N> {
    fn position(&self, stored: u32) -> Option<usize> {
        self.fingerprints.iter().position(|f| *f == stored)
    }

    /// How many fingerprints it holds.
    pub fn len(&self) -> usize {
        self.fingerprints.iter().filter(|f| **f != 0).count()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds the fingerprint; of its upper half 32 bits are kept.
    pub fn outcome(&self, fingerprint: u64) -> Membership {
        match self.position(stored(fingerprint)) {
            Some(_) => Membership::Known,
            None => Membership::New,
        }
    }

    /// How often the fingerprint was seen, decayed; 0 if it is not held.
    pub fn count(&self, fingerprint: u64) -> f64 {
        self.position(stored(fingerprint)).and_then(|at| self.counts.get(at)).map_or(0.0, |c| self.scale.read(*c))
    }

    /// How often an observation was new: what a group merges from its members.
    pub fn rate(&self) -> NoveltyRate {
        self.rate
    }

    /// Surprise in nats of the ordered outcome {known, new} by its mid-p, at the identity's own rate of new ones, shrunk to
    /// that of its peers. 0 as long as the set is empty: the first of anything is always new.
    ///
    /// ```text
    /// known: -ln((1 + r)/2)   new: -ln(r/2)
    /// ```
    pub fn surprise(&self, outcome: Membership, peers: NoveltyRate) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        surprise(&[self.rate.shrunk(peers.alone())], usize::from(outcome == Membership::New))
    }

    /// Learns one observation and says whether it was known before. O(N).
    pub fn push(&mut self, fingerprint: u64) -> Membership {
        let stored = stored(fingerprint);
        let known = self.position(stored);
        if !self.is_empty() {
            self.rate.push(known.is_none());
        }
        let Some(at) = known.or_else(|| self.least_used()) else { return Membership::New };
        if known.is_none() {
            self.counts.iter_mut().skip(at).take(1).for_each(|c| *c = 0);
            self.fingerprints.iter_mut().skip(at).take(1).for_each(|f| *f = stored);
        }
        if self.counts.get(at).is_some_and(|c| self.scale.add(*c).is_none()) {
            halve(&mut self.counts);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count = self.scale.add(*count).unwrap_or(*count);
        }
        // The order of the slots says who was seen last, so no time is kept.
        self.fingerprints.get_mut(..=at).unwrap_or_default().rotate_right(1);
        self.counts.get_mut(..=at).unwrap_or_default().rotate_right(1);
        if known.is_some() { Membership::Known } else { Membership::New }
    }

    /// The first empty slot; else, of those with the smallest count, the one seen longest ago. `None` if `N` is 0.
    fn least_used(&self) -> Option<usize> {
        let empty = self.position(0);
        empty.or_else(|| (0..N).rev().min_by_key(|at| self.counts.get(*at)))
    }

    /// Weighs all past observations by `factor`, in 0..=1; what falls to nothing is forgotten.
    pub fn decay(&mut self, factor: f64) {
        self.rate.decay(factor);
        self.scale.decay(factor, &mut self.counts);
        let (old, counts) = (self.fingerprints, self.counts);
        (self.fingerprints, self.counts) = ([0; N], [0; N]);
        let held = old.into_iter().zip(counts).filter(|(_, c)| *c > 0);
        for ((f, c), slot) in self.fingerprints.iter_mut().zip(&mut self.counts).zip(held) {
            (*f, *c) = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(i: u64) -> u64 {
        (i + 1) << 32
    }

    #[test]
    fn state_is_as_small_as_stated() {
        assert_eq!((size_of::<SmallSet<8>>(), size_of::<SmallSet<16>>()), (8 * 6 + 12, 16 * 6 + 12));
    }

    #[test]
    fn a_flood_of_newcomers_leaves_the_usual_ones() {
        let mut set = SmallSet::<4>::default();
        for usual in [1, 2, 1, 2] {
            set.push(key(usual));
        }
        assert!((100..200).all(|flood| set.push(key(flood)) == Membership::New));
        assert_eq!(set.outcome(key(1)), Membership::Known);
        assert_eq!(set.outcome(key(2)), Membership::Known);
        // Of those used once, the last two are left.
        assert_eq!(set.outcome(key(199)), Membership::Known);
        assert_eq!(set.outcome(key(198)), Membership::Known);
        assert_eq!(set.outcome(key(197)), Membership::New);
        assert_eq!(set.len(), 4);
    }

    #[test]
    fn of_equally_used_ones_the_longest_unseen_goes() {
        let mut set = SmallSet::<3>::default();
        for seen in [1, 2, 3, 1, 2, 3, 1] {
            set.push(key(seen));
        }
        // Counts 3, 2, 2; of 2 and 3 the second was seen earlier.
        set.push(key(4));
        assert_eq!(set.outcome(key(2)), Membership::New);
        assert_eq!(set.outcome(key(3)), Membership::Known);
    }

    #[test]
    fn how_strange_something_new_is_is_learned() {
        let peers = NoveltyRate::default();
        let (mut steady, mut roaming) = (SmallSet::<8>::default(), SmallSet::<8>::default());
        for i in 0..50 {
            steady.push(key(i % 2));
            roaming.push(key(i));
        }
        let new = |set: &SmallSet<8>| set.surprise(Membership::New, peers);
        // By hand: r = (2 + 4/3)/54, mid-p r/2.
        assert!((new(&steady) + ((1.0 + 4.0 / 3.0) / 53.0 / 2.0_f64).ln()).abs() < 1e-6);
        assert!(new(&roaming) < 1.0 && steady.surprise(Membership::Known, peers) < 0.7);
    }

    #[test]
    fn what_is_not_seen_again_is_forgotten() {
        let mut set = SmallSet::<4>::default();
        set.push(key(1));
        (0..10).for_each(|_| set.decay(0.5));
        assert!(set.is_empty());
        assert_eq!(set.push(key(1)), Membership::New);
    }

    proptest! {
        // With room enough it counts like a map; stored and read back it is the same.
        #[test]
        fn counts_like_a_map_and_survives_storage(keys in prop::collection::vec(0_u64..8, 0..200)) {
            let mut set = SmallSet::<8>::default();
            for key_of in &keys {
                set.push(key(*key_of));
            }
            for i in 0..8 {
                let want = keys.iter().filter(|k| **k == i).count();
                prop_assert!((set.count(key(i)) - want as f64).abs() < 1e-9);
            }
            let bytes = postcard::to_allocvec(&set).unwrap();
            prop_assert_eq!(postcard::from_bytes::<SmallSet<8>>(&bytes).unwrap(), set);
        }

        // The most used one is never evicted, whatever comes.
        #[test]
        fn the_most_used_stays(newcomers in prop::collection::vec(any::<u32>(), 0..200)) {
            let mut set = SmallSet::<2>::default();
            (0..400).for_each(|_| { set.push(key(7)); });
            for newcomer in newcomers {
                set.push(u64::from(newcomer) << 32);
                prop_assert_eq!(set.outcome(key(7)), Membership::Known);
                prop_assert!(set.len() <= 2);
            }
        }
    }
}
