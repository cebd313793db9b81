//! Peer groups for identities whose workload declares none: once a day of event time, by what they do.
//!
//! An engine that is alone does it at once. In a fleet each partition tells profiles, the fleet makes the groups, and each
//! partition then assigns its identities and tells what they do ([`super::fleet`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Engine;
use super::state::IdentityState;
use crate::fingerprint::Kind;
use crate::peers::{EVERYONE, FoundGroup, Habits, Profile, Sample, cluster, found, group_of};

/// Calls that make a profile: below that an identity stays with everybody.
const LEAST_CALLS: f64 = 30.0;

/// Where an identity is: its shard, and its place there.
type At = (usize, usize);

impl IdentityState {
    /// Name of its peer group: declared by its workload, found by its behaviour, or everybody.
    pub(super) fn group_name(&self) -> String {
        match self.behaviour {
            Some(number) => found(number),
            None => group_of(&self.identity).to_owned(),
        }
    }

    fn profile(&self) -> Profile {
        let calls = self.baseline.calls().max(1e-9) as f32;
        let shares = self.baseline.tools().iter().map(|tool| (tool.key, tool.count / calls)).collect();
        Profile { identity: self.fingerprint, shares }
    }
}

impl Engine {
    /// Groups anew all identities without a declared group, tenant by tenant. A group's tools, steps and targets are those of
    /// its members; its rates are those of everybody when it is new, and its own from then on.
    pub(super) fn regroup(&mut self) {
        for (tenant, members) in self.undeclared() {
            let profiles: Vec<Profile> = self.states(&members).map(IdentityState::profile).collect();
            let Some(known) = self.snapshot.tenant(tenant) else { continue };
            let name = known.name.clone();
            let (clusters, ids) = cluster(&profiles, &known.clusters);
            // One group is everybody, who are one already.
            let several = clusters.are_several();
            let numbers: Vec<Option<u32>> = ids.iter().map(|id| several.then_some(*id)).collect();
            let groups = self.join(&members, &numbers);
            let snapshot = Arc::make_mut(&mut self.snapshot);
            snapshot.set_clusters(tenant, clusters);
            for (number, own) in groups {
                snapshot.regrouped(tenant, &FoundGroup::of(&self.fingerprinter, &name, number), own);
            }
        }
    }

    /// Some of the identities that are to be grouped, for the fleet.
    pub(super) fn sample(&self) -> Sample {
        let tenants = self.undeclared();
        let sizes: Vec<usize> = tenants.values().map(Vec::len).collect();
        let quota = Sample::quota(&sizes);
        let mut sample = Sample::default();
        for (tenant, members) in tenants {
            for state in self.states(&members).take(quota) {
                sample.add(tenant, state.profile());
            }
        }
        sample
    }

    /// Assigns all identities without a declared group to the groups in the snapshot. What the members of each group do, by
    /// tenant and number.
    pub(super) fn assign(&mut self) -> BTreeMap<(u64, u32), Habits> {
        let snapshot = Arc::clone(&self.snapshot);
        let mut groups = BTreeMap::new();
        for (tenant, members) in self.undeclared() {
            let Some(clusters) = snapshot.tenant(tenant).map(|tenant| &tenant.clusters) else { continue };
            let numbers: Vec<_> = self.states(&members).map(|state| clusters.group_of(&state.profile())).collect();
            groups.extend(self.join(&members, &numbers).into_iter().map(|(number, own)| ((tenant, number), own)));
        }
        groups
    }

    /// Identities without a declared group that have a profile, by tenant, in an order that a restart does not change.
    fn undeclared(&self) -> BTreeMap<u64, Vec<At>> {
        let mut by_tenant: BTreeMap<u64, Vec<At>> = BTreeMap::new();
        for (number, shard) in self.shards.iter().enumerate() {
            for (at, slot) in shard.slots.iter().enumerate() {
                let state = &slot.state;
                if group_of(&state.identity) == EVERYONE && state.baseline.calls() >= LEAST_CALLS {
                    by_tenant.entry(state.tenant_fingerprint).or_default().push((number, at));
                }
            }
        }
        for members in by_tenant.values_mut() {
            members.sort_by_key(|at| self.state(*at).map(|state| state.fingerprint));
        }
        by_tenant
    }

    fn state(&self, (shard, at): At) -> Option<&IdentityState> {
        self.shards.get(shard)?.slots.get(at).map(|slot| &*slot.state)
    }

    fn states(&self, members: &[At]) -> impl Iterator<Item = &IdentityState> {
        members.iter().filter_map(|at| self.state(*at))
    }

    /// Puts identities into groups. What those of each group do.
    fn join(&mut self, members: &[At], numbers: &[Option<u32>]) -> BTreeMap<u32, Habits> {
        let mut groups: BTreeMap<u32, Habits> = BTreeMap::new();
        for ((shard, at), number) in members.iter().zip(numbers) {
            let Some(shard) = self.shards.get_mut(*shard) else { continue };
            let Some(state) = shard.slots.get_mut(*at).map(|slot| &mut slot.state) else { continue };
            if let Some(number) = number {
                groups.entry(*number).or_default().absorb(&state.baseline);
            }
            if state.behaviour != *number {
                state.behaviour = *number;
                state.group = self.fingerprinter.of(Kind::Group, &[&state.tenant, &state.group_name()]);
                shard.touch(*at);
            }
        }
        groups
    }
}
