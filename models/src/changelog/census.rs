//! What is live, in number and digest, whatever the order in which it came to be.

use super::wire::{Name, Version, checksum};

/// A set of versions of blobs as two numbers. The digest is the sum of a hash for each, so that versions can be added and
/// removed one by one; by mistake, two sets agree once in 2^64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub blobs: u64,
    pub digest: u64,
}

impl Census {
    pub(super) fn add(&mut self, name: &Name, version: Version) {
        self.blobs = self.blobs.wrapping_add(1);
        self.digest = self.digest.wrapping_add(hash(name, version));
    }

    pub(super) fn remove(&mut self, name: &Name, version: Version) {
        self.blobs = self.blobs.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(hash(name, version));
    }
}

fn hash(name: &Name, version: Version) -> u64 {
    checksum(&name.key(version, 0), &[])
}
