//! A bounded set of recently used fingerprints: buckets of eight, least recently used evicted.
//!
//! Where a Bloom filter of the same size errs by per cents when full, a stored 32-bit fingerprint errs by less than one
//! in ten million: `WAYS / 2^(32 - log2 buckets)`.

use serde::{Deserialize, Serialize};

use super::counts::WAYS;

/// A set of at most `capacity` fingerprints, 4 bytes each. Starts empty and doubles while it is small.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentSet {
    slots: Box<[u32]>,
}

fn stored(fingerprint: u64) -> u32 {
    ((fingerprint >> 32) as u32).max(1)
}

impl RecentSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many fingerprints it holds. O(capacity).
    pub fn len(&self) -> usize {
        self.slots.iter().filter(|s| **s != 0).count()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|s| *s == 0)
    }

    /// Heap memory in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    fn bucket(&self, stored: u32) -> std::ops::Range<usize> {
        let start = (stored as usize & (self.slots.len() / WAYS - 1)) * WAYS;
        start..start + WAYS
    }

    /// Whether the fingerprint is held. O(1).
    pub fn contains(&self, fingerprint: u64) -> bool {
        let stored = stored(fingerprint);
        !self.slots.is_empty() && self.slots.get(self.bucket(stored)).is_some_and(|b| b.contains(&stored))
    }

    /// What it holds, in no particular but a fixed order; only the stored half of each fingerprint is set.
    pub fn fingerprints(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().filter(|s| **s != 0).map(|s| u64::from(*s) << 32)
    }

    /// Adds the fingerprint as the most recent of its bucket. Returns whether it was new. Amortised O(1).
    pub fn push(&mut self, fingerprint: u64, capacity: usize) -> bool {
        if self.slots.is_empty() {
            self.slots = vec![0; WAYS].into();
        }
        let stored = stored(fingerprint);
        loop {
            let (range, size) = (self.bucket(stored), self.slots.len());
            let bucket = self.slots.get_mut(range).unwrap_or_default();
            if let Some(at) = bucket.iter().position(|s| *s == stored) {
                if let Some(front) = bucket.get_mut(..=at) {
                    front.rotate_right(1);
                }
                return false;
            }
            // Most recent first, so a bucket is full when its last slot is taken.
            if bucket.last().is_some_and(|last| *last != 0) && size < capacity {
                self.grow();
                continue;
            }
            bucket.rotate_right(1);
            if let Some(first) = bucket.first_mut() {
                *first = stored;
            }
            return true;
        }
    }

    fn grow(&mut self) {
        let doubled = vec![0; self.slots.len() * 2].into();
        let old = std::mem::replace(&mut self.slots, doubled);
        for stored in old.into_iter().filter(|s| *s != 0) {
            let range = self.bucket(stored);
            if let Some(free) = self.slots.get_mut(range).unwrap_or_default().iter_mut().find(|s| **s == 0) {
                *free = stored;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::fingerprint::mix;

    #[test]
    fn the_least_recently_used_is_evicted() {
        let mut set = RecentSet::new();
        for key in 1..=8_u64 {
            set.push(key << 48, WAYS);
        }
        assert!(!set.push(1 << 48, WAYS)); // refreshed, so 2 is now the oldest
        assert!(set.push(9 << 48, WAYS));
        assert!(set.contains(1 << 48) && set.contains(9 << 48) && !set.contains(2 << 48));
    }

    proptest! {
        // With room enough it is a set.
        #[test]
        fn is_a_set_while_nothing_is_evicted(keys in prop::collection::vec(0_u64..300, 0..400)) {
            let (mut set, mut naive) = (RecentSet::new(), BTreeSet::new());
            for key in keys {
                prop_assert_eq!(set.push(mix(key, 3), 1 << 16), naive.insert(key));
            }
            prop_assert_eq!(set.len(), naive.len());
            prop_assert!(naive.iter().all(|key| set.contains(mix(*key, 3))));
        }

        // Memory never passes the capacity.
        #[test]
        fn never_grows_past_its_capacity(keys in prop::collection::vec(any::<u64>(), 0..2000)) {
            let mut set = RecentSet::new();
            for key in keys {
                set.push(key, 128);
            }
            prop_assert!(set.len() <= 128 && set.bytes() <= 512);
        }
    }
}
