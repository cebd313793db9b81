//! How far behind a source is: what waits, since when, and whether anything moves.
//!
//! Looked at when somebody asks, not when the source reports: a source that is held up reports nothing.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use models::event::Timestamp;

/// Most batches of a partition that are told apart; beyond it new ones count as part of the last, which only makes what
/// waits look older.
const BATCHES: usize = 1_024;

/// A batch on its way to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// Its positions.
    pub positions: Range<i64>,
    /// When its first input arrived: at the broker, or here.
    pub arrived_at: Option<Timestamp>,
    /// When the event in its first input happened, if it is one.
    pub happened_at: Option<Timestamp>,
}

/// What waits in one partition.
#[derive(Debug)]
struct Partition {
    /// The next position that is not durably taken.
    taken: i64,
    /// Where it ends, as far as is known.
    end: i64,
    /// When `taken` last moved, or nothing waited.
    since: Timestamp,
    handed: VecDeque<Handed>,
}

/// What waits in all partitions of a source that are ours.
#[derive(Debug, Default)]
pub(super) struct Backlog(BTreeMap<i32, Partition>);

/// A look at a backlog.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// Events that are there, but not durably taken; absent if no partition is known.
    pub(super) lag: Option<i64>,
    /// When the oldest input that waits arrived, of what has been read.
    pub(super) oldest_arrival_at: Option<Timestamp>,
    /// The event time of the oldest event that waits, of what has been read.
    pub(super) oldest_event_at: Option<Timestamp>,
    /// Partitions in which something waits, and nothing has moved for too long.
    pub(super) stalled: Vec<i32>,
}

impl Partition {
    /// Follows what has been taken up to `now`.
    fn follow(&mut self, taken: Option<i64>, now: Timestamp) {
        let taken = taken.unwrap_or(self.taken).max(self.taken);
        if taken > self.taken || self.end <= taken {
            self.since = now;
        }
        self.taken = taken;
        while self.handed.front().is_some_and(|batch| batch.positions.end <= taken) {
            self.handed.pop_front();
        }
    }
}

impl Backlog {
    /// The partition, known from now on; `first` is its next position where the store knows none.
    fn partition(&mut self, number: i32, first: i64, taken: Option<i64>, now: Timestamp) -> &mut Partition {
        let new = || Partition { taken: taken.unwrap_or(first), end: first, since: now, handed: VecDeque::new() };
        let partition = self.0.entry(number).or_insert_with(new);
        partition.follow(taken, now);
        partition
    }

    /// A partition holds these positions, and the store has taken those before `taken`.
    pub(super) fn holds(&mut self, number: i32, positions: Range<i64>, taken: Option<i64>, now: Timestamp) {
        let partition = self.partition(number, positions.start, taken, now);
        partition.end = partition.end.max(positions.end);
    }

    /// A batch was read and is handed over.
    pub(super) fn handed(&mut self, number: i32, batch: Handed, taken: Option<i64>, now: Timestamp) {
        let partition = self.partition(number, batch.positions.start, taken, now);
        partition.end = partition.end.max(batch.positions.end);
        if partition.handed.len() < BATCHES {
            partition.handed.push_back(batch);
        } else if let Some(last) = partition.handed.back_mut() {
            last.positions.end = batch.positions.end;
        }
    }

    /// A partition is not ours any more.
    pub(super) fn lost(&mut self, number: i32) {
        self.0.remove(&number);
    }

    /// How things stand; `taken` says how far each partition is durable.
    pub(super) fn look(&mut self, taken: impl Fn(i32) -> Option<i64>, now: Timestamp, stalled_after: Duration) -> Look {
        let mut look = Look::default();
        for (number, partition) in &mut self.0 {
            partition.follow(taken(*number), now);
            let lag = (partition.end - partition.taken).max(0);
            look.lag = Some(look.lag.unwrap_or(0) + lag);
            if lag > 0 && partition.since.saturating_add(stalled_after) <= now {
                look.stalled.push(*number);
            }
            if let Some(batch) = partition.handed.front() {
                let older = |known: Option<Timestamp>, other: Option<Timestamp>| known.into_iter().chain(other).min();
                look.oldest_arrival_at = older(look.oldest_arrival_at, batch.arrived_at);
                look.oldest_event_at = older(look.oldest_event_at, batch.happened_at);
            }
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [i32; 0] = [];
    const MINUTE: Duration = Duration::from_mins(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn batch(positions: Range<i64>, arrived: i64) -> Handed {
        Handed { positions, arrived_at: Some(at(arrived)), happened_at: Some(at(arrived - 100)) }
    }

    fn look(backlog: &mut Backlog, taken: i64, now: i64) -> Look {
        backlog.look(|_| Some(taken), at(now), MINUTE)
    }

    #[test]
    fn the_oldest_that_waits_is_the_first_batch_that_is_not_taken() {
        let mut backlog = Backlog::default();
        backlog.handed(0, batch(0..10, 1_000), None, at(1_000));
        backlog.handed(0, batch(10..20, 1_005), None, at(1_005));
        let waiting = look(&mut backlog, 0, 1_006);
        assert_eq!((waiting.lag, waiting.oldest_arrival_at), (Some(20), Some(at(1_000))));
        assert_eq!(look(&mut backlog, 9, 1_006).oldest_arrival_at, Some(at(1_000)), "its last event still waits");
        let waiting = look(&mut backlog, 10, 1_006);
        assert_eq!((waiting.oldest_arrival_at, waiting.oldest_event_at), (Some(at(1_005)), Some(at(905))));
        let done = look(&mut backlog, 20, 1_007);
        assert_eq!(done, Look { lag: Some(0), ..Look::default() });
        assert_eq!(Backlog::default().look(|_| None, at(0), MINUTE), Look::default(), "nothing is known");
    }

    #[test]
    fn a_partition_is_stalled_when_something_waits_and_nothing_moves() {
        let mut backlog = Backlog::default();
        backlog.holds(3, 0..100, Some(40), at(0));
        backlog.holds(4, 0..10, Some(10), at(0));
        let stalled = |backlog: &mut Backlog, taken: i64, now: i64| {
            backlog.look(|number| Some(if number == 3 { taken } else { 10 }), at(now), MINUTE).stalled
        };
        assert_eq!(stalled(&mut backlog, 40, 59), NONE);
        assert_eq!(stalled(&mut backlog, 40, 60), [3]);
        assert_eq!(stalled(&mut backlog, 41, 61), NONE, "one event is progress");
        assert_eq!(stalled(&mut backlog, 41, 120), NONE);
        assert_eq!(stalled(&mut backlog, 41, 121), [3]);
        backlog.lost(3);
        assert_eq!(stalled(&mut backlog, 41, 500), NONE);
    }

    #[test]
    fn a_partition_that_had_nothing_to_do_for_long_is_not_stalled_by_its_next_event() {
        let mut backlog = Backlog::default();
        backlog.holds(0, 0..10, Some(10), at(0));
        backlog.holds(0, 0..11, Some(10), at(9_000));
        assert_eq!(look(&mut backlog, 10, 9_001).stalled, NONE);
        backlog.handed(0, batch(11..12, 20_000), Some(11), at(20_000));
        assert_eq!(look(&mut backlog, 11, 20_001).stalled, NONE);
        assert_eq!(look(&mut backlog, 11, 20_060).stalled, [0]);
    }

    #[test]
    fn what_is_kept_of_batches_is_bounded_and_stays_the_oldest() {
        let mut backlog = Backlog::default();
        for n in 0..5_000 {
            backlog.handed(0, batch(n..n + 1, n), Some(0), at(n));
        }
        assert_eq!(backlog.0[&0].handed.len(), BATCHES);
        assert_eq!(look(&mut backlog, 0, 5_000).oldest_arrival_at, Some(at(0)));
        let late = look(&mut backlog, 4_000, 5_000).oldest_arrival_at;
        assert!(late.is_some_and(|time| time <= at(4_000)), "{late:?}");
        assert_eq!(look(&mut backlog, 5_000, 5_000).lag, Some(0));
    }
}
