//! Peer groups that were found by behaviour, within what a tenant shares.

use super::Snapshot;
use crate::peers::{Clusters, FoundGroup, Habits};

impl Snapshot {
    /// Begins a group that was found by behaviour, if it is new: as everybody, until it is known what its members do.
    pub(crate) fn begin(&mut self, tenant: u64, group: &FoundGroup) {
        let groups = &mut self.tenants.entry(tenant).groups;
        if groups.find(group.key).is_none() {
            let mut model = groups.find(group.everyone).cloned().unwrap_or_default();
            model.name = group.name.as_str().into();
            *groups.entry(group.key) = model;
        }
    }

    /// Gives a group that was found by behaviour what its members do. A new one starts with the rates of everybody.
    pub(crate) fn regrouped(&mut self, tenant: u64, group: &FoundGroup, own: Habits) {
        let groups = &mut self.tenants.entry(tenant).groups;
        let rates = groups.find(group.key).or(groups.find(group.everyone)).cloned().unwrap_or_default();
        let mut model = own.with_rates_of(rates);
        model.name = group.name.as_str().into();
        *groups.entry(group.key) = model;
    }

    /// Adds what more members of a group do, of whom is heard later than of the others.
    pub(crate) fn joined(&mut self, tenant: u64, group: &FoundGroup, more: &Habits) {
        self.tenants.entry(tenant).groups.entry(group.key).join(more);
    }

    /// Remembers how a tenant's identities were grouped.
    pub(crate) fn set_clusters(&mut self, tenant: u64, clusters: Clusters) {
        self.tenants.entry(tenant).clusters = clusters;
    }
}
