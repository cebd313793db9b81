//! A small map from fingerprints in key order: same content, same bytes when stored.

use serde::{Deserialize, Serialize};

/// Values by fingerprint, in a sorted vector: fit for some hundred keys that are read far more often than added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SortedMap<V> {
    entries: Vec<(u64, V)>,
}

impl<V> Default for SortedMap<V> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<V: Default> SortedMap<V> {
    /// The value of a key. O(log n).
    pub(crate) fn find(&self, key: u64) -> Option<&V> {
        let at = self.entries.binary_search_by_key(&key, |(k, _)| *k).ok()?;
        self.entries.get(at).map(|(_, v)| v)
    }

    /// The value of a key, made if absent. O(n) for a new key.
    #[expect(clippy::indexing_slicing, reason = "the index is that of the entry just found or inserted")]
    pub(crate) fn entry(&mut self, key: u64) -> &mut V {
        let at = match self.entries.binary_search_by_key(&key, |(k, _)| *k) {
            Ok(at) => at,
            Err(at) => {
                self.entries.insert(at, (key, V::default()));
                at
            }
        };
        &mut self.entries[at].1
    }

    /// Changes every value, in key order.
    pub(crate) fn for_each(&mut self, f: impl FnMut(&mut V)) {
        self.entries.iter_mut().map(|(_, v)| v).for_each(f);
    }

    /// Changes every value by its key, in key order.
    pub(crate) fn for_each_entry(&mut self, mut f: impl FnMut(u64, &mut V)) {
        self.entries.iter_mut().for_each(|(k, v)| f(*k, v));
    }

    /// Keeps the values of some keys.
    pub(crate) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.entries.retain(|(k, _)| keep(*k));
    }

    /// Values by key, in key order.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = (u64, V)> {
        self.entries.into_iter()
    }

    /// Key and value pairs in key order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.entries.iter().map(|(k, v)| (*k, v))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}
