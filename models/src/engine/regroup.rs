//! Peer groups for identities whose workload declares none: once a day of event time, by what they do.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Engine;
use super::state::IdentityState;
use crate::fingerprint::Kind;
use crate::peers::{EVERYONE, GroupModel, Profile, cluster, found, group_of};

/// Calls that make a profile: below that an identity stays with everybody.
const LEAST_CALLS: f64 = 30.0;

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
        let mut by_tenant: BTreeMap<u64, Vec<(usize, usize)>> = BTreeMap::new();
        for (number, shard) in self.shards.iter().enumerate() {
            for (at, slot) in shard.slots.iter().enumerate() {
                let state = &slot.state;
                if group_of(&state.identity) == EVERYONE && state.baseline.calls() >= LEAST_CALLS {
                    by_tenant.entry(state.tenant_fingerprint).or_default().push((number, at));
                }
            }
        }
        for (tenant, mut members) in by_tenant {
            // In an order that a restart does not change.
            members.sort_by_key(|(shard, at)| self.state(*shard, *at).map(|state| state.fingerprint));
            self.regroup_tenant(tenant, &members);
        }
    }

    fn state(&self, shard: usize, at: usize) -> Option<&IdentityState> {
        self.shards.get(shard)?.slots.get(at).map(|slot| &*slot.state)
    }

    fn regroup_tenant(&mut self, tenant: u64, members: &[(usize, usize)]) {
        let states = || members.iter().filter_map(|(shard, at)| self.state(*shard, *at));
        let profiles: Vec<Profile> = states().map(IdentityState::profile).collect();
        let Some(name) = states().next().map(|state| state.tenant.clone()) else { return };
        let Some(previous) = self.snapshot.tenant(tenant).map(|tenant| &tenant.clusters) else { return };
        let (clusters, ids) = cluster(&profiles, previous);
        // One group is everybody, who are one already.
        let several = clusters.ids().count() > 1;
        let numbers: Vec<Option<u32>> = ids.iter().map(|id| several.then_some(*id)).collect();

        let everyone = self.fingerprinter.of(Kind::Group, &[&name, EVERYONE]);
        let mut groups: BTreeMap<u32, GroupModel> = BTreeMap::new();
        for (state, number) in states().zip(&numbers) {
            if let Some(number) = number {
                groups.entry(*number).or_default().absorb(&state.baseline);
            }
        }
        for (number, own) in groups {
            let group_name = found(number);
            let key = self.fingerprinter.of(Kind::Group, &[&name, &group_name]);
            Arc::make_mut(&mut self.snapshot).regrouped(tenant, key, everyone, &group_name, own);
        }
        Arc::make_mut(&mut self.snapshot).set_clusters(tenant, clusters);
        for ((shard, at), number) in members.iter().zip(numbers) {
            let Some(shard) = self.shards.get_mut(*shard) else { continue };
            let Some(state) = shard.slots.get_mut(*at).map(|slot| &mut slot.state) else { continue };
            if state.behaviour != number {
                state.behaviour = number;
                state.group = self.fingerprinter.of(Kind::Group, &[&name, &state.group_name()]);
                shard.touch(*at);
            }
        }
    }
}
