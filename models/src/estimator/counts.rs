//! Decayed counts of fingerprints in bounded memory: a bucketed table that evicts the smallest.
//!
//! Like `SpaceSaving` (Metwally, Agrawal, El Abbadi, ICDT 2005) a newcomer takes the slot of the smallest count; unlike
//! it, it starts at its own weight instead of the evicted count plus one, because here "seen before" is asked more often
//! than "how often" (`model-notes`, section 2). Eviction is per bucket of [`WAYS`] slots, one or two cache lines.

use serde::{Deserialize, Serialize};

/// Slots a bucket.
pub const WAYS: usize = 8;

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Slot {
    fingerprint: u32,
    count: f32,
}

/// Counts of at most `capacity` fingerprints, 8 bytes a slot. Starts with one bucket and doubles while it is small.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BoundedCounts {
    slots: Vec<Slot>,
    held: u32,
}

/// The part of a fingerprint that is stored; 0 marks an empty slot.
fn stored(fingerprint: u64) -> u32 {
    ((fingerprint >> 32) as u32).max(1)
}

impl BoundedCounts {
    /// An empty table; memory is taken as it fills.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many fingerprints it holds.
    pub fn len(&self) -> usize {
        self.held as usize
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Heap memory in bytes.
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    fn bucket(&self, stored: u32) -> std::ops::Range<usize> {
        // The stored bits themselves choose the bucket, so that the table can grow without the full fingerprints.
        let buckets = self.slots.len() / WAYS;
        let start = (stored as usize & (buckets - 1)) * WAYS;
        start..start + WAYS
    }

    /// The count of a fingerprint; 0 if it is not held. O(1).
    pub fn count(&self, fingerprint: u64) -> f64 {
        if self.slots.is_empty() {
            return 0.0;
        }
        let stored = stored(fingerprint);
        let bucket = self.slots.get(self.bucket(stored)).unwrap_or_default();
        bucket.iter().find(|s| s.fingerprint == stored).map_or(0.0, |s| f64::from(s.count))
    }

    /// Adds `weight`. Returns whether the fingerprint was new to the table. Amortised O(1).
    pub fn push(&mut self, fingerprint: u64, weight: f64, capacity: usize) -> bool {
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); WAYS];
        }
        let stored = stored(fingerprint);
        loop {
            let (range, size) = (self.bucket(stored), self.slots.len());
            let bucket = self.slots.get_mut(range).unwrap_or_default();
            if let Some(slot) = bucket.iter_mut().find(|s| s.fingerprint == stored) {
                slot.count += weight as f32;
                return false;
            }
            if let Some(slot) = bucket.iter_mut().find(|s| s.fingerprint == 0) {
                *slot = Slot { fingerprint: stored, count: weight as f32 };
                self.held += 1;
                return true;
            }
            if size < capacity {
                self.grow();
                continue;
            }
            if let Some(smallest) = bucket.iter_mut().min_by(|a, b| a.count.total_cmp(&b.count)) {
                *smallest = Slot { fingerprint: stored, count: weight as f32 };
            }
            return true;
        }
    }

    fn grow(&mut self) {
        let doubled = vec![Slot::default(); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, doubled);
        for slot in old.into_iter().filter(|s| s.fingerprint != 0) {
            let range = self.bucket(slot.fingerprint);
            // A bucket splits in two, so each half has room for all of it.
            if let Some(free) = self.slots.get_mut(range).unwrap_or_default().iter_mut().find(|s| s.fingerprint == 0) {
                *free = slot;
            }
        }
    }

    /// What it holds, in no particular but a fixed order; only the stored half of each fingerprint is set.
    pub fn fingerprints(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().filter(|s| s.fingerprint != 0).map(|s| u64::from(s.fingerprint) << 32)
    }

    /// Multiplies every count by `factor`; what falls below a twentieth is forgotten.
    pub fn decay(&mut self, factor: f64) {
        for slot in self.slots.iter_mut().filter(|s| s.fingerprint != 0) {
            slot.count *= factor as f32;
            if slot.count < 0.05 {
                *slot = Slot::default();
                self.held -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::fingerprint::mix;

    #[test]
    fn a_newcomer_replaces_the_smallest_and_starts_at_its_own_weight() {
        let mut counts = BoundedCounts::new();
        for key in 0..WAYS as u64 {
            // The same low stored bits: all in one bucket, whatever the size.
            for _ in 0..=key {
                counts.push((key + 1) << 48, 1.0, WAYS);
            }
        }
        assert!(counts.push(99 << 48, 1.0, WAYS));
        assert_eq!((counts.count(1 << 48), counts.count(99 << 48), counts.count(2 << 48)), (0.0, 1.0, 2.0));
        assert_eq!(counts.len(), WAYS);
    }

    proptest! {
        // With room enough it counts like a map.
        #[test]
        fn counts_like_a_map_while_nothing_is_evicted(keys in prop::collection::vec(0_u64..200, 0..400)) {
            let mut counts = BoundedCounts::new();
            let mut naive = BTreeMap::new();
            for key in keys {
                let fingerprint = mix(key, 1);
                prop_assert_eq!(counts.push(fingerprint, 1.0, 1 << 16), !naive.contains_key(&fingerprint));
                *naive.entry(fingerprint).or_insert(0.0) += 1.0;
            }
            prop_assert_eq!(counts.len(), naive.len());
            for (fingerprint, count) in naive {
                prop_assert_eq!(counts.count(fingerprint), count);
            }
        }

        // Memory never passes the capacity.
        #[test]
        fn never_grows_past_its_capacity(keys in prop::collection::vec(any::<u64>(), 0..2000)) {
            let mut counts = BoundedCounts::new();
            for key in keys {
                counts.push(key, 1.0, 64);
            }
            prop_assert!(counts.len() <= 64 && counts.bytes() <= 64 * 8);
        }
    }

    #[test]
    fn decay_scales_counts_and_forgets_what_is_small() {
        let mut counts = BoundedCounts::new();
        counts.push(mix(1, 1), 4.0, 64);
        counts.push(mix(2, 1), 0.08, 64);
        counts.decay(0.5);
        assert_eq!((counts.count(mix(1, 1)), counts.count(mix(2, 1)), counts.len()), (2.0, 0.0, 1));
    }
}
