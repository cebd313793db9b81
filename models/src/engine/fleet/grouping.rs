//! Peer groups by behaviour over all partitions: `engine::regroup` in rounds, one a day of event time.
//!
//! 1. A day after the last round each partition tells a sample of its identities, when it next says what it has learned.
//! 2. Once all have, or at the end of the next epoch, the groups are made anew and published. A new group begins as everybody.
//! 3. Each partition assigns its identities at the first event after the turn at which it knows them, and tells what its
//!    members of each group do.
//! 4. Once all have, that takes effect; without some of them at the next snapshot, and theirs is added when it comes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::calibration::Snapshot;
use crate::engine::SHARED_DECAY_EVERY;
use crate::event::Timestamp;
use crate::fingerprint::Fingerprinter;
use crate::peers::{FoundGroup, Habits, Sample, cluster};
use crate::sorted::SortedMap;

/// How often identities were grouped, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Round {
    pub number: u64,
    began: Timestamp,
}

impl Default for Round {
    fn default() -> Self {
        Self { number: 0, began: Timestamp::EPOCH }
    }
}

impl Round {
    /// Whether it is time for the next one.
    pub(in crate::engine) fn is_over(self, now: Timestamp) -> bool {
        now.seconds_since(self.began) > SHARED_DECAY_EVERY
    }
}

/// Where the round is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Grouping {
    pub round: Round,
    /// Of each partition what it said last.
    sample: Sample,
    /// Epoch in which it was over.
    over_since: Option<i64>,
    /// Partitions that have told their sample for the next round.
    sampled: BTreeSet<u32>,
    /// Partitions that have told what their members of the groups do.
    grouped: BTreeSet<u32>,
    /// What has been told of groups, by tenant and number, and is not in effect yet.
    habits: BTreeMap<(u64, u32), Habits>,
    /// Groups of this round of which something is in effect.
    begun: BTreeSet<(u64, u32)>,
}

impl Grouping {
    pub(super) fn sample(&mut self, partition: u32, round: u64, sample: Sample) {
        self.sample.replace(partition, sample);
        if round == self.round.number {
            self.sampled.insert(partition);
        }
    }

    /// What is told of groups that are no more is of no use.
    pub(super) fn habits(&mut self, round: u64, group: (u64, u32), habits: Habits) {
        if round != self.round.number {
            return;
        }
        match self.habits.get_mut(&group) {
            Some(known) => {
                known.merge(&habits);
                known.trim();
            }
            None => {
                self.habits.insert(group, habits);
            }
        }
    }

    /// A partition has told all of its groups. Whether all partitions have, so that it can take effect.
    pub(super) fn grouped<V: Default>(&mut self, partition: u32, round: u64, all: &SortedMap<V>) -> bool {
        if round == self.round.number {
            self.grouped.insert(partition);
        }
        !self.habits.is_empty() && is_among(all, &self.grouped)
    }

    /// Gives groups what has been told of their members.
    pub(super) fn take_effect(&mut self, snapshot: &mut Snapshot, fingerprinter: &Fingerprinter) {
        for ((tenant, number), habits) in std::mem::take(&mut self.habits) {
            let Some(name) = snapshot.tenant(tenant).map(|tenant| &tenant.name) else { continue };
            let group = FoundGroup::of(fingerprinter, name, number);
            if self.begun.insert((tenant, number)) {
                snapshot.regrouped(tenant, &group, habits);
            } else {
                snapshot.joined(tenant, &group, &habits);
            }
        }
    }

    /// Whether the groups are to be made anew: a day is over, and all partitions have told their samples, or had an epoch to.
    pub(super) fn is_due<V: Default>(&mut self, now: Timestamp, epoch: i64, all: &SortedMap<V>) -> bool {
        if !self.round.is_over(now) {
            return false;
        }
        let over_since = *self.over_since.get_or_insert(epoch);
        epoch > over_since || is_among(all, &self.sampled)
    }

    /// Makes the groups anew.
    pub(super) fn regroup(&mut self, now: Timestamp, snapshot: &mut Snapshot, fingerprinter: &Fingerprinter) {
        for (tenant, profiles) in self.sample.profiles() {
            let Some(known) = snapshot.tenant(tenant) else { continue };
            let (name, (clusters, _)) = (known.name.clone(), cluster(&profiles, &known.clusters));
            for number in clusters.ids().filter(|_| clusters.are_several()) {
                snapshot.begin(tenant, &FoundGroup::of(fingerprinter, &name, number));
            }
            snapshot.set_clusters(tenant, clusters);
        }
        let round = Round { number: self.round.number + 1, began: now };
        *self = Self { round, sample: std::mem::take(&mut self.sample), ..Self::default() };
    }
}

fn is_among<V: Default>(all: &SortedMap<V>, some: &BTreeSet<u32>) -> bool {
    all.iter().all(|(partition, _)| u32::try_from(partition).is_ok_and(|partition| some.contains(&partition)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Baseline, Step};
    use crate::calibration::Pending;
    use crate::fingerprint::Kind;
    use crate::peers::{EVERYONE, GroupNews, Profile};

    const NOW: Timestamp = Timestamp::from_seconds(2_000_000);
    const TENANT: u64 = 7;
    /// Tools by kind of work, and what only one partition knows.
    const TOOLS: [u64; 3] = [1 << 40, 2 << 40, 3 << 40];

    /// A tenant in which everybody uses everything, and a fleet in which two partitions have told of two kinds of work.
    fn grouped() -> (Snapshot, Grouping, Fingerprinter) {
        let fingerprinter = Fingerprinter::new(&[7; 16]);
        let (mut pending, mut snapshot) = (Pending::default(), Snapshot::default());
        let everyone = fingerprinter.of(Kind::Group, &["default", EVERYONE]);
        let news = pending.tenant(TENANT, "default").group(everyone, || EVERYONE.to_owned());
        news.tools.extend(TOOLS);
        snapshot.learn(&pending);
        let mut grouping = Grouping::default();
        for partition in 0..2 {
            let mut sample = Sample::default();
            for n in 0..40_u64 {
                let identity = n * 2 + u64::from(partition);
                sample.add(TENANT, Profile { identity, shares: vec![((n % 2) as u32, 1.0)] });
            }
            grouping.sample(partition, 0, sample);
        }
        grouping.regroup(NOW, &mut snapshot, &fingerprinter);
        (snapshot, grouping, fingerprinter)
    }

    fn habits(tool: u64) -> Habits {
        let (mut baseline, mut habits) = (Baseline::default(), Habits::default());
        baseline.learn(&Step { tool, ..Step::default() }, &[], &mut GroupNews::default());
        habits.absorb(&baseline);
        habits
    }

    /// How many members of the first group use each tool.
    fn known(snapshot: &Snapshot, fingerprinter: &Fingerprinter) -> [u32; 3] {
        let group = snapshot.tenant(TENANT).unwrap().group(FoundGroup::of(fingerprinter, "default", 0).key);
        TOOLS.map(|tool| group.tool_count(tool) as u32)
    }

    #[test]
    fn a_new_group_is_everybody_until_its_members_are_known_and_those_who_come_late_are_added() {
        let (mut snapshot, mut grouping, f) = grouped();
        assert_eq!(snapshot.tenant(TENANT).unwrap().clusters.ids().count(), 2);
        assert_eq!(known(&snapshot, &f), [1, 1, 1], "as everybody");
        let all = SortedMap::default();
        let all = (0..2).fold(all, |mut all: SortedMap<u64>, partition| {
            *all.entry(partition) = 1;
            all
        });
        grouping.habits(1, (TENANT, 0), habits(TOOLS[0]));
        assert!(!grouping.grouped(0, 1, &all), "the other has not told");
        grouping.habits(0, (TENANT, 0), habits(TOOLS[1]));
        assert!(!grouping.grouped(1, 0, &all), "of another round");
        grouping.take_effect(&mut snapshot, &f);
        assert_eq!(known(&snapshot, &f), [1, 0, 0]);
        grouping.habits(1, (TENANT, 0), habits(TOOLS[0]));
        grouping.habits(1, (TENANT, 0), habits(TOOLS[2]));
        assert!(grouping.grouped(1, 1, &all));
        grouping.take_effect(&mut snapshot, &f);
        assert_eq!(known(&snapshot, &f), [2, 0, 1]);
    }

    #[test]
    fn groups_are_made_once_a_day_when_all_have_told_or_an_epoch_later() {
        let (_, mut grouping, _) = grouped();
        let mut all = SortedMap::<u64>::default();
        *all.entry(0) = 1;
        let day = |n: i64| Timestamp::from_seconds(2_000_000 + n * 86_400 + 1);
        grouping.sample(0, 1, Sample::default());
        assert!(!grouping.is_due(NOW, 0, &all), "all have told, and the day is not over");
        assert!(grouping.is_due(day(1), 24, &all));
        *all.entry(1) = 1;
        let mut waiting = grouping.clone();
        waiting.over_since = None;
        assert!(!waiting.is_due(day(1), 24, &all) && !waiting.is_due(day(1), 24, &all));
        assert!(waiting.is_due(day(1), 25, &all));
        // One that answers to an earlier round has not told.
        let mut waiting = grouping;
        waiting.over_since = None;
        waiting.sample(1, 0, Sample::default());
        assert!(!waiting.is_due(day(1), 24, &all));
        waiting.sample(1, 1, Sample::default());
        assert!(waiting.is_due(day(1), 24, &all));
    }
}
