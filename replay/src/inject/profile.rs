//! What hosts usually do: their newest calls, one for each tool, when they work, and how much a session moves.

use std::collections::{HashMap, HashSet};

use models::event::{Action, Event, Timestamp};

use crate::floor::{key, tool_key};

/// Tools kept of one identity, and of all together.
const OWN: usize = 16;
const ALL: usize = 64;
const SECONDS_PER_HOUR: i64 = 3_600;
const SECONDS_PER_DAY: i64 = 24 * SECONDS_PER_HOUR;
pub(super) const HOURS_PER_DAY: usize = 24;

/// What one identity does.
#[derive(Debug, Default)]
struct Habits {
    /// Its newest calls.
    calls: Vec<Event>,
    /// Events by hour of the day, in UTC.
    hours: [u64; HOURS_PER_DAY],
    /// Bytes moved by all of its sessions.
    moved: u64,
    /// Its sessions, as hashes.
    sessions: HashSet<u64>,
}

/// Newest calls and habits by identity. Memory: up to 16 events and 8 bytes a session of an identity that may be attacked, and
/// 64 events of all.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    /// Who may be attacked; everybody if it is not known beforehand.
    named: Option<HashSet<Box<str>>>,
    own: HashMap<(Box<str>, Box<str>), Habits>,
    all: Vec<Event>,
}

impl Profiles {
    pub(super) fn new(named: Option<HashSet<Box<str>>>) -> Self {
        Self { named, ..Self::default() }
    }

    pub(super) fn push(&mut self, event: &Event) {
        put(&mut self.all, event, ALL);
        if self.named.as_ref().is_none_or(|named| named.contains(&event.identity)) {
            let habits = self.own.entry((event.tenant.clone(), event.identity.clone())).or_default();
            put(&mut habits.calls, event, OWN);
            if let Some(hour) = habits.hours.get_mut(hour_of(event.time)) {
                *hour += 1;
            }
            habits.moved = habits.moved.saturating_add(moved(event));
            habits.sessions.insert(key(&event.session));
        }
    }

    fn habits(&self, host: &Event) -> Option<&Habits> {
        self.own.get(&(host.tenant.clone(), host.identity.clone()))
    }

    /// Calls with the host's own tools; at least what it does now.
    pub(super) fn own(&self, host: &Event) -> Vec<Event> {
        self.habits(host).map_or_else(|| vec![host.clone()], |habits| habits.calls.clone())
    }

    /// Calls with tools that the host does not use; with its own if there are no others.
    pub(super) fn foreign(&self, host: &Event) -> Vec<Event> {
        let own = self.own(host);
        let tools: HashSet<u64> = own.iter().map(tool_key).collect();
        let foreign: Vec<Event> = self.all.iter().filter(|event| !tools.contains(&tool_key(event))).cloned().collect();
        if foreign.is_empty() { own } else { foreign }
    }

    /// What somebody else of the same tenant did lately.
    pub(super) fn peer(&self, host: &Event) -> Option<&Event> {
        self.all.iter().find(|event| event.tenant == host.tenant && event.identity != host.identity)
    }

    /// Bytes that a session of the host moves, on average.
    pub(super) fn usual_bytes(&self, host: &Event) -> u64 {
        let usual = |habits: &Habits| habits.moved.checked_div(habits.sessions.len() as u64);
        self.habits(host).and_then(usual).unwrap_or_else(|| moved(host))
    }

    /// The hour of the day at which the host does least.
    pub(super) fn quietest_hour(&self, host: &Event) -> usize {
        let hours = self.habits(host).map(|habits| habits.hours).unwrap_or_default();
        let busy = |hour: &usize| hours.get(*hour).copied().unwrap_or_default();
        // Of hours that are quiet alike, the one that is furthest from now.
        let from_now = |hour: usize| (hour + HOURS_PER_DAY - hour_of(host.time)) % HOURS_PER_DAY;
        let apart = |hour: usize| from_now(hour).min(HOURS_PER_DAY - from_now(hour));
        (0..HOURS_PER_DAY).min_by_key(|hour| (busy(hour), std::cmp::Reverse(apart(*hour)))).unwrap_or_default()
    }
}

/// The hour of the day, in UTC.
pub(super) fn hour_of(time: Timestamp) -> usize {
    (time.as_seconds().rem_euclid(SECONDS_PER_DAY) / SECONDS_PER_HOUR) as usize
}

/// Bytes that a call moves.
pub(super) fn moved(event: &Event) -> u64 {
    event.bytes_in.unwrap_or(0).saturating_add(event.bytes_out.unwrap_or(0))
}

/// Replaces the call with the same tool; a full list keeps what it has.
fn put(calls: &mut Vec<Event>, event: &Event, most: usize) {
    let full = calls.len() >= most;
    match calls.iter_mut().find(|known| tool_key(known) == tool_key(event)) {
        Some(known) => known.clone_from(event),
        None if full => {}
        None => calls.push(event.clone()),
    }
}

/// Calls that change something, or all where none does.
pub(super) fn effects(calls: &[Event]) -> Vec<Event> {
    chosen(calls, |event| event.action.unwrap_or(Action::Execute).is_side_effect())
}

/// Calls that read, or all where none does.
pub(super) fn reads(calls: &[Event]) -> Vec<Event> {
    chosen(calls, |event| event.action == Some(Action::Read))
}

/// The one call that returns the most.
pub(super) fn richest(calls: &[Event]) -> Vec<Event> {
    calls.iter().max_by_key(|event| event.bytes_out).cloned().into_iter().collect()
}

fn chosen(calls: &[Event], wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let some: Vec<Event> = calls.iter().filter(|event| wanted(event)).cloned().collect();
    if some.is_empty() { calls.to_vec() } else { some }
}
