//! Puts the items of one nearly sorted file in order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::{Item, Order, Position};

/// How many events a nearly sorted file may hold back.
pub(super) const WINDOW: usize = 4096;

/// Holds items back until no earlier one can follow: none of a sorted file, [`WINDOW`] of a nearly sorted one.
pub(super) struct Reorder {
    held: BinaryHeap<Reverse<Held>>,
    events: usize,
    capacity: usize,
}

struct Held {
    position: Position,
    item: Item,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.position == other.position
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
        self.position.cmp(&other.position)
    }
}

impl Reorder {
    pub(super) fn new(order: Order) -> Self {
        let capacity = if order == Order::Sorted { 0 } else { WINDOW };
        Self { held: BinaryHeap::new(), events: 0, capacity }
    }

    /// Takes an item and gives back the one whose turn it is, if any.
    pub(super) fn push(&mut self, position: Position, item: Item) -> Option<(Position, Item)> {
        if self.capacity == 0 {
            return Some((position, item));
        }
        self.events += usize::from(matches!(item, Item::Event(_)));
        self.held.push(Reverse(Held { position, item }));
        if self.events > self.capacity { self.pop() } else { None }
    }

    /// The earliest item still held, once the file has ended.
    pub(super) fn pop(&mut self) -> Option<(Position, Item)> {
        let Reverse(Held { position, item }) = self.held.pop()?;
        self.events -= usize::from(matches!(item, Item::Event(_)));
        Some((position, item))
    }
}
