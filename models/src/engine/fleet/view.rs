//! What members know of the fleet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::calibration::Snapshot;
use crate::decision::Withheld;
use crate::engine::fleet::grouping::Round;
use crate::engine::governor::Watched;
use crate::sorted::SortedMap;

/// What a member knows of the fleet; cheap to clone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    pub(in crate::engine) snapshot: Arc<Snapshot>,
    /// Revocations requested, by subject.
    pub(in crate::engine) watched: Arc<BTreeMap<u64, Watched>>,
    /// Proposals withheld last, by subject, newest first.
    pub(in crate::engine) refused: Arc<VecDeque<(u64, Withheld)>>,
    /// Number of the last report heard, by partition.
    pub(in crate::engine) heard: Arc<SortedMap<u64>>,
    /// How often identities were grouped by behaviour, and when last: the groups themselves are in the snapshot.
    pub(in crate::engine) round: Round,
}

impl View {
    /// Version of the snapshot in it.
    pub fn version(&self) -> u64 {
        self.snapshot.version
    }

    /// Whether it says more than `older` to a member that has proposed nothing meanwhile.
    pub fn is_news_to(&self, older: &View) -> bool {
        !Arc::ptr_eq(&self.snapshot, &older.snapshot)
            || !Arc::ptr_eq(&self.watched, &older.watched)
            || !Arc::ptr_eq(&self.refused, &older.refused)
    }

    pub(in crate::engine) fn heard(&self, partition: u32) -> Option<u64> {
        self.heard.find(u64::from(partition)).copied()
    }
}
