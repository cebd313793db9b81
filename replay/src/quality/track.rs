//! What is kept of one labelled session: how strange it got and when, never its events.

use models::event::Timestamp;
use serde::{Deserialize, Serialize};

use super::collect::{METHODS, Method, Scores};
use crate::label::Class;

/// Rises kept of one method in one attacked session; dropping some beyond it can only make a delay longer.
const MAX_RISES: usize = 64;

/// An event's place in its session, and when it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) event: u32,
    pub(super) time: Timestamp,
}

/// Every rise of a score to a new maximum; of very many, every second, fourth and so on, and the last.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Climb {
    rises: Vec<(Place, f64)>,
    newest: Option<(Place, f64)>,
    seen: u32,
    /// One rise in 2 to this power is kept.
    coarseness: u32,
}

impl Climb {
    fn from(place: Place, score: f64) -> Self {
        let mut climb = Self::default();
        climb.push(place, score);
        climb
    }

    fn push(&mut self, place: Place, score: f64) {
        if self.newest.is_some_and(|(_, highest)| score <= highest) {
            return;
        }
        self.newest = Some((place, score));
        if self.seen.trailing_zeros() >= self.coarseness {
            if self.rises.len() >= MAX_RISES {
                let mut place = 0;
                self.rises.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                self.coarseness += 1;
            }
            if self.seen.trailing_zeros() >= self.coarseness {
                self.rises.push((place, score));
            }
        }
        self.seen += 1;
    }

    /// The first event above the threshold.
    pub(super) fn above(&self, threshold: f64) -> Option<Place> {
        self.rises.iter().chain(&self.newest).find(|(_, score)| *score > threshold).map(|(place, _)| *place)
    }
}

/// Highest scores of a session, by method.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Strangeness {
    highest: Scores,
    /// One a method, of attacked sessions only.
    climbs: Vec<Climb>,
}

impl Strangeness {
    fn new() -> Self {
        Self { highest: [f64::NEG_INFINITY; METHODS.len()], climbs: Vec::new() }
    }
}

/// One labelled session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Track {
    pub(super) class: Class,
    pub(super) attack: Option<Box<str>>,
    /// Number of its identity.
    pub(super) identity: u32,
    pub(super) events: u32,
    pub(super) last: Timestamp,
    pub(super) first: Timestamp,
    /// The first event that carries the attack out.
    pub(super) malicious: Option<Place>,
    /// Whether the engine alerted in it, or would have in shadow mode.
    pub(super) alarmed: bool,
    /// The first event of the attack that belongs to an alert.
    pub(super) found: Option<Place>,
    strangeness: Option<Box<Strangeness>>,
}

impl Track {
    /// A session that begins at `time`.
    pub(super) fn new(class: Class, attack: Option<&str>, identity: u32, time: Timestamp) -> Self {
        Self {
            class,
            attack: attack.map(Into::into),
            identity,
            events: 0,
            last: time,
            first: time,
            malicious: None,
            alarmed: false,
            found: None,
            strangeness: None,
        }
    }

    /// Counts an event and returns its place.
    pub(super) fn count(&mut self, time: Timestamp) -> Place {
        let place = Place { event: self.events, time };
        self.events += 1;
        self.last = self.last.max(time);
        self.first = self.first.min(time);
        place
    }

    /// Takes in the scores of the event at `place`.
    pub(super) fn push(&mut self, place: Place, scores: &Scores) {
        let strangeness = self.strangeness.get_or_insert_with(|| Box::new(Strangeness::new()));
        if self.class == Class::Positive && strangeness.climbs.is_empty() {
            // Its label may come in the middle of a session: what it had reached before was reached before the attack.
            let before = Place { event: place.event.saturating_sub(1), time: place.time };
            let so_far = strangeness.highest.iter().map(|score| Climb::from(before, *score));
            strangeness.climbs =
                if place.event == 0 { vec![Climb::default(); METHODS.len()] } else { so_far.collect() };
        }
        for ((highest, score), method) in strangeness.highest.iter_mut().zip(scores).zip(METHODS) {
            *highest = if method.of_session() { *score } else { highest.max(*score) };
        }
        for (climb, score) in strangeness.climbs.iter_mut().zip(scores) {
            climb.push(place, *score);
        }
    }

    /// How strange the session is by a method: its strangest event, or its last where whole sessions are judged.
    pub(super) fn highest(&self, method: usize) -> f64 {
        self.strangeness.as_ref().and_then(|s| s.highest.get(method).copied()).unwrap_or(f64::NEG_INFINITY)
    }

    /// The largest evidence of the session.
    pub(super) fn evidence(&self) -> f64 {
        self.highest(Method::EVIDENCE).max(0.0)
    }

    /// Where an attacked session first scores above the threshold.
    pub(super) fn above(&self, method: usize, threshold: f64) -> Option<Place> {
        self.strangeness.as_ref()?.climbs.get(method)?.above(threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_climb_beyond_its_bound_still_knows_that_and_about_when_a_threshold_was_passed() {
        let place = |event| Place { event, time: Timestamp::from_seconds(i64::from(event)) };
        let mut climb = Climb::default();
        for event in 0..1000 {
            climb.push(place(event), f64::from(event));
            climb.push(place(event), f64::from(event) - 1.0);
        }
        assert!(climb.rises.len() <= MAX_RISES);
        let at = climb.above(500.0).unwrap().event;
        assert!((501..560).contains(&at), "{at}");
        assert_eq!((climb.above(998.5).unwrap().event, climb.above(999.0)), (999, None));
    }

    #[test]
    fn a_session_that_becomes_an_attack_in_its_middle_has_been_where_it_was_before() {
        let at = Timestamp::from_seconds;
        let mut track = Track::new(Class::Negative, None, 0, at(0));
        for (second, score) in [(0, 5.0), (1, 1.0)] {
            let place = track.count(at(second));
            track.push(place, &[score; METHODS.len()]);
        }
        track.class = Class::Positive;
        let place = track.count(at(2));
        track.push(place, &[9.0; METHODS.len()]);
        assert_eq!([track.above(0, 4.0).unwrap().event, track.above(0, 6.0).unwrap().event], [1, 2]);
    }
}
