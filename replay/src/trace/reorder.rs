//! Puts the events of one file in order of time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use models::event::{Event, Timestamp};

use super::survey::Order;

/// How many events a nearly sorted file may hold back.
pub(super) const WINDOW: usize = 4096;

/// Holds events back until no earlier one can follow: none of a sorted file, [`WINDOW`] of a nearly sorted one, all of an
/// unsorted one.
pub(super) struct Reorder {
    held: BinaryHeap<Reverse<Held>>,
    capacity: usize,
}

struct Held {
    event: Box<Event>,
    line: u64,
}

impl Held {
    fn key(&self) -> (Timestamp, u64) {
        (self.event.time, self.line)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Reorder {
    pub(super) fn new(order: Order) -> Self {
        let capacity = match order {
            Order::Sorted => 0,
            Order::NearlySorted => WINDOW,
            Order::Unsorted => usize::MAX,
        };
        Self { held: BinaryHeap::new(), capacity }
    }

    /// Takes an event and gives back the one whose turn it is, if any.
    pub(super) fn push(&mut self, event: Box<Event>, line: u64) -> Option<Box<Event>> {
        if self.capacity == 0 {
            return Some(event);
        }
        self.held.push(Reverse(Held { event, line }));
        if self.held.len() > self.capacity { self.pop() } else { None }
    }

    /// The earliest event still held, once the file has ended.
    pub(super) fn pop(&mut self) -> Option<Box<Event>> {
        self.held.pop().map(|Reverse(held)| held.event)
    }
}
