//! Event time. Partitions of a source need not run abreast, above all after a pause: each has a clock of its own, so that
//! sessions in one that lags are not taken for idle because another one leads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::Timestamp;
use crate::sorted::SortedMap;

/// A jump of the clock that needs this many events in a row to be believed.
const FAR_AHEAD: Duration = Duration::from_hours(24);
const AGREEING: u32 = 8;

/// The clock of one partition: its largest event time believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Clock {
    time: Timestamp,
    /// Events in a row that were far ahead of it.
    far_ahead: u32,
}

impl Default for Clock {
    fn default() -> Self {
        Self { time: Timestamp::EPOCH, far_ahead: 0 }
    }
}

/// The clocks of all partitions. A clock never goes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Clocks {
    latest: Timestamp,
    partitions: SortedMap<Clock>,
}

impl Default for Clocks {
    fn default() -> Self {
        Self { latest: Timestamp::EPOCH, partitions: SortedMap::default() }
    }
}

impl Clocks {
    /// The time of the partition that leads; the Unix epoch before the first event.
    pub(super) fn latest(&self) -> Timestamp {
        self.latest
    }

    /// The time of one partition; the Unix epoch before its first event.
    pub(super) fn of(&self, partition: u32) -> Timestamp {
        self.partitions.find(u64::from(partition)).map_or(Timestamp::EPOCH, |clock| clock.time)
    }

    /// Moves the clock of a partition. One event from a far future does not move it: more than a day ahead of its own
    /// partition or of all is believed once [`AGREEING`] events in a row say so.
    pub(super) fn advance(&mut self, partition: u32, time: Timestamp) {
        let clock = self.partitions.entry(u64::from(partition));
        let ahead_of = |known: Timestamp| known != Timestamp::EPOCH && time > known.saturating_add(FAR_AHEAD);
        let far = ahead_of(clock.time) || ahead_of(self.latest);
        clock.far_ahead = if far { clock.far_ahead + 1 } else { 0 };
        if !far || clock.far_ahead >= AGREEING {
            clock.time = clock.time.max(time);
            self.latest = self.latest.max(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hours(n: i64) -> Timestamp {
        Timestamp::from_seconds(n * 3600)
    }

    #[test]
    fn each_partition_has_its_own_time_and_the_leader_tells_the_latest() {
        let mut clocks = Clocks::default();
        clocks.advance(0, hours(1000));
        clocks.advance(1, hours(10));
        clocks.advance(1, hours(9));
        assert_eq!((clocks.of(0), clocks.of(1), clocks.of(2)), (hours(1000), hours(10), Timestamp::EPOCH));
        assert_eq!(clocks.latest(), hours(1000));
    }

    #[test]
    fn a_far_future_is_believed_when_it_is_said_eight_times_in_a_row() {
        let mut clocks = Clocks::default();
        clocks.advance(0, hours(10));
        for partition in [0, 1] {
            (1..AGREEING).for_each(|_| clocks.advance(partition, hours(100)));
            assert!(clocks.latest() < hours(100));
            clocks.advance(partition, hours(11));
            (1..AGREEING).for_each(|_| clocks.advance(partition, hours(100)));
            clocks.advance(partition, hours(10));
        }
        (0..AGREEING).for_each(|_| clocks.advance(1, hours(100)));
        assert_eq!((clocks.of(0), clocks.of(1), clocks.latest()), (hours(11), hours(100), hours(100)));
    }
}
