//! Decayed counts of fingerprints in bounded memory: a bucketed table that evicts the smallest.
//!
//! Like `SpaceSaving` (Metwally, Agrawal, El Abbadi, ICDT 2005) a newcomer takes the slot of the smallest count; unlike
//! it, it starts at its own weight instead of the evicted count plus one, because here "seen before" is asked more often
//! than "how often" (`model-notes`, section 2). Eviction is per bucket of [`WAYS`] slots, one or two cache lines.

use serde::{Deserialize, Serialize};

/// Slots a bucket.
pub const WAYS: usize = 8;

/// How a table stores a count.
pub trait Count: std::fmt::Debug + Copy + Default + PartialEq + Serialize {
    /// The count.
    fn read(self) -> f64;
    /// A count to be stored, as near as it can be.
    fn of(count: f64) -> Self;
}

impl Count for f32 {
    fn read(self) -> f64 {
        f64::from(self)
    }

    fn of(count: f64) -> Self {
        count as f32
    }
}

/// A count in two bytes: thirty-seconds, at most 2047. Enough for one identity, whose counts are halved at a thousand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Small(u16);

impl Count for Small {
    fn read(self) -> f64 {
        f64::from(self.0) / 32.0
    }

    fn of(count: f64) -> Self {
        Self((count * 32.0).round() as u16)
    }
}

/// Counts of at most `capacity` fingerprints, 4 bytes a slot and those of the count. Starts with one bucket and doubles
/// while it is small.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "C: Deserialize<'de>"))]
pub struct BoundedCounts<C: Count = f32> {
    // Two arrays: side by side, four and two bytes would be padded to eight.
    fingerprints: Box<[u32]>,
    counts: Box<[C]>,
    held: u32,
}

/// The part of a fingerprint that is stored; 0 marks an empty slot.
fn stored(fingerprint: u64) -> u32 {
    ((fingerprint >> 32) as u32).max(1)
}

impl<C: Count> BoundedCounts<C> {
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
        size_of_val(&*self.fingerprints) + size_of_val(&*self.counts)
    }

    fn bucket(&self, stored: u32) -> std::ops::Range<usize> {
        // The stored bits themselves choose the bucket, so that the table can grow without the full fingerprints.
        let buckets = self.fingerprints.len() / WAYS;
        let start = (stored as usize & (buckets - 1)) * WAYS;
        start..start + WAYS
    }

    /// Where a fingerprint is, or an empty slot (`0`), within its bucket.
    fn find(&self, bucket: &std::ops::Range<usize>, wanted: u32) -> Option<usize> {
        let held = self.fingerprints.get(bucket.clone()).unwrap_or_default();
        held.iter().position(|f| *f == wanted).map(|at| bucket.start + at)
    }

    /// The count of a fingerprint; 0 if it is not held. O(1).
    pub fn count(&self, fingerprint: u64) -> f64 {
        if self.fingerprints.is_empty() {
            return 0.0;
        }
        let stored = stored(fingerprint);
        let at = self.find(&self.bucket(stored), stored);
        at.and_then(|at| self.counts.get(at)).map_or(0.0, |count| count.read())
    }

    fn set(&mut self, at: usize, fingerprint: u32, count: C) {
        if let (Some(f), Some(c)) = (self.fingerprints.get_mut(at), self.counts.get_mut(at)) {
            (*f, *c) = (fingerprint, count);
        }
    }

    /// Adds `weight`. Returns whether the fingerprint was new to the table. Amortised O(1).
    pub fn push(&mut self, fingerprint: u64, weight: f64, capacity: usize) -> bool {
        if self.fingerprints.is_empty() {
            (self.fingerprints, self.counts) = (vec![0; WAYS].into(), vec![C::default(); WAYS].into());
        }
        let stored = stored(fingerprint);
        loop {
            let bucket = self.bucket(stored);
            if let Some(at) = self.find(&bucket, stored) {
                let count = self.counts.get(at).map_or(0.0, |count| count.read());
                self.set(at, stored, C::of(count + weight));
                return false;
            }
            if let Some(at) = self.find(&bucket, 0) {
                self.set(at, stored, C::of(weight));
                self.held += 1;
                return true;
            }
            if self.fingerprints.len() < capacity {
                self.grow();
                continue;
            }
            let read = |at: &usize| self.counts.get(*at).map_or(f64::INFINITY, |count| count.read());
            if let Some(smallest) = bucket.min_by(|a, b| read(a).total_cmp(&read(b))) {
                self.set(smallest, stored, C::of(weight));
            }
            return true;
        }
    }

    /// Adds what another table counts.
    pub fn merge(&mut self, other: &Self, capacity: usize) {
        for (fingerprint, count) in other.fingerprints.iter().zip(&other.counts).filter(|(f, _)| **f != 0) {
            self.push(u64::from(*fingerprint) << 32, count.read(), capacity);
        }
    }

    fn grow(&mut self) {
        let doubled = self.fingerprints.len() * 2;
        let fingerprints = std::mem::replace(&mut self.fingerprints, vec![0; doubled].into());
        let counts = std::mem::replace(&mut self.counts, vec![C::default(); doubled].into());
        for (fingerprint, count) in fingerprints.into_iter().zip(counts).filter(|(f, _)| *f != 0) {
            // A bucket splits in two, so each half has room for all of it.
            if let Some(free) = self.find(&self.bucket(fingerprint), 0) {
                self.set(free, fingerprint, count);
            }
        }
    }

    /// What it holds, in no particular but a fixed order; only the stored half of each fingerprint is set.
    pub fn fingerprints(&self) -> impl Iterator<Item = u64> {
        self.fingerprints.iter().filter(|f| **f != 0).map(|f| u64::from(*f) << 32)
    }

    /// Multiplies every count by `factor`; what falls below a twentieth is forgotten.
    pub fn decay(&mut self, factor: f64) {
        for (fingerprint, count) in self.fingerprints.iter_mut().zip(&mut self.counts).filter(|(f, _)| **f != 0) {
            *count = C::of(count.read() * factor);
            if count.read() < 0.05 {
                (*fingerprint, *count) = (0, C::default());
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
        let mut counts = BoundedCounts::<f32>::new();
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
            let mut counts = BoundedCounts::<f32>::new();
            let mut naive = BTreeMap::new();
            for key in keys {
                let fingerprint = mix(key, 1);
                prop_assert_eq!(counts.push(fingerprint, 1.0, 1 << 16), !naive.contains_key(&fingerprint));
                *naive.entry(fingerprint).or_insert(0.0) += 1.0;
            }
            prop_assert_eq!(counts.len(), naive.len());
            for (fingerprint, count) in naive {
                prop_assert!((counts.count(fingerprint) - count).abs() < 1e-9);
            }
        }

        // Memory never passes the capacity.
        #[test]
        fn never_grows_past_its_capacity(keys in prop::collection::vec(any::<u64>(), 0..2000)) {
            let mut counts = BoundedCounts::<f32>::new();
            for key in keys {
                counts.push(key, 1.0, 64);
            }
            prop_assert!(counts.len() <= 64 && counts.bytes() <= 64 * 8);
        }
    }

    #[test]
    fn two_bytes_count_to_two_thousand_and_forget_like_four() {
        let mut counts = BoundedCounts::<Small>::new();
        (0..2100).for_each(|_| {
            counts.push(mix(1, 1), 1.0, 64);
        });
        counts.push(mix(2, 1), 1.0, 64);
        assert!(counts.count(mix(1, 1)) > 2047.0);
        (0..5).for_each(|_| counts.decay(0.5));
        assert_eq!((counts.count(mix(1, 1)).round(), counts.count(mix(2, 1)), counts.len()), (64.0, 0.0, 1));
        assert_eq!(counts.bytes(), WAYS * 6);
    }

    #[test]
    fn decay_scales_counts_and_forgets_what_is_small() {
        let mut counts = BoundedCounts::<f32>::new();
        counts.push(mix(1, 1), 4.0, 64);
        counts.push(mix(2, 1), 0.08, 64);
        counts.decay(0.5);
        assert_eq!((counts.count(mix(1, 1)), counts.count(mix(2, 1)), counts.len()), (2.0, 0.0, 1));
    }
}
