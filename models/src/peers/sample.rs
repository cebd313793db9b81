//! Whom the groups of a whole fleet are made from: some identities of each tenant, where there are too many to tell all.
//!
//! Those with the smallest fingerprints, which are keyed hashes: a fair sample, and that of several partitions together is
//! made of theirs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Profile;

/// Identities of one tenant: with so many there can be as many groups as there may be at all, `sqrt(n/2) = 32`.
const OF_TENANT: usize = 2048;
/// Identities of all tenants. Each takes 9 bytes a tool, at most 24, and 13: 1.9 MB when stored.
const IN_ALL: usize = 8192;

/// What an identity does, and the partition that says so; 0 in what a partition says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sampled {
    partition: u32,
    shares: Vec<(u32, f32)>,
}

/// Profiles by tenant and identity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    tenants: BTreeMap<u64, BTreeMap<u64, Sampled>>,
}

impl Sample {
    /// How many identities of each tenant can be told, if tenants have so many: fewer of the large ones where there are many
    /// tenants. 0 where there are more tenants than places; then groups stay as they are.
    pub(crate) fn quota(sizes: &[usize]) -> usize {
        let mut quota = OF_TENANT;
        while sizes.iter().map(|size| (*size).min(quota)).sum::<usize>() > IN_ALL {
            quota /= 2;
        }
        quota
    }

    /// Adds an identity of one's own.
    pub(crate) fn add(&mut self, tenant: u64, profile: Profile) {
        let sampled = Sampled { partition: 0, shares: profile.shares };
        self.tenants.entry(tenant).or_default().insert(profile.identity, sampled);
    }

    /// Puts what a partition says now in the place of what it said before.
    pub(crate) fn replace(&mut self, partition: u32, told: Sample) {
        for identities in self.tenants.values_mut() {
            identities.retain(|_, sampled| sampled.partition != partition);
        }
        for (tenant, identities) in told.tenants {
            let of_partition = |(identity, Sampled { shares, .. })| (identity, Sampled { partition, shares });
            self.tenants.entry(tenant).or_default().extend(identities.into_iter().map(of_partition));
        }
        self.tenants.retain(|_, identities| !identities.is_empty());
        let sizes: Vec<usize> = self.tenants.values().map(BTreeMap::len).collect();
        let quota = Self::quota(&sizes);
        for identities in self.tenants.values_mut() {
            while identities.len() > quota {
                identities.pop_last();
            }
        }
    }

    /// The profiles of each tenant, in the order of their fingerprints.
    pub(crate) fn profiles(&self) -> impl Iterator<Item = (u64, Vec<Profile>)> {
        let profile =
            |(identity, sampled): (&u64, &Sampled)| Profile { identity: *identity, shares: sampled.shares.clone() };
        self.tenants.iter().map(move |(tenant, identities)| (*tenant, identities.iter().map(profile).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::mix;

    fn sample(tenant: u64, identities: impl Iterator<Item = u64>) -> Sample {
        identities.fold(Sample::default(), |mut sample, identity| {
            sample.add(tenant, Profile { identity, shares: vec![(1, 1.0); 24] });
            sample
        })
    }

    fn identities(sample: &Sample) -> Vec<u64> {
        sample.profiles().flat_map(|(_, profiles)| profiles).map(|profile| profile.identity).collect()
    }

    #[test]
    fn partitions_together_tell_the_smallest_fingerprints_of_all() {
        let of = |partition: u32| (0..3000_u64).map(move |n| mix(n, u64::from(partition)));
        let smallest = |mut all: Vec<u64>| {
            all.sort_unstable();
            all.truncate(OF_TENANT);
            all
        };
        let told = |partition| sample(7, smallest(of(partition).collect()).into_iter());
        let mut fleet = Sample::default();
        for partition in [2, 0, 1, 0, 2] {
            fleet.replace(partition, told(partition));
        }
        assert_eq!(identities(&fleet), smallest((0..3).flat_map(of).collect()));
        // What a partition says now takes the place of what it said.
        fleet.replace(1, Sample::default());
        assert!(identities(&fleet).iter().all(|identity| !of(1).any(|of| of == *identity)));
    }

    #[test]
    fn many_tenants_share_the_places_and_an_entry_stays_far_below_its_limit() {
        let of_tenants = |partition: u32, tenants: std::ops::Range<u64>| {
            let of = |tenant| sample(tenant, (0..OF_TENANT as u64).map(move |n| mix(n + tenant, partition.into())));
            Sample { tenants: tenants.flat_map(|tenant| of(tenant).tenants).collect() }
        };
        let mut fleet = Sample::default();
        for partition in [0, 1, 2, 1] {
            fleet.replace(partition, of_tenants(partition, 0..20));
            assert!(fleet.profiles().all(|(_, profiles)| profiles.len() == 256), "8192 / 20, as a power of two");
        }
        let bytes = postcard::to_stdvec(&of_tenants(0, 0..4)).unwrap().len();
        assert!(bytes < 2_000_000, "{bytes}");
        assert_eq!(Sample::quota(&vec![1; IN_ALL + 1]), 0);
    }
}
