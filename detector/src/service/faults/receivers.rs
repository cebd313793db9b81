//! Receivers of webhooks, each with its good and bad days.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fleet::Dice;
use super::tally::{Fault, Tally};
use crate::webhook::Outcome;

/// How a receiver is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// Nobody listens.
    Away,
    /// It takes messages, and its answers get lost.
    Mute,
    /// 5xx.
    Failing,
    /// 429 with `retry-after`.
    Busy,
    /// 4xx, now and then.
    Picky,
    /// 410.
    Gone,
}

const MOODS: [Mood; 7] = [Mood::Well, Mood::Away, Mood::Mute, Mood::Failing, Mood::Busy, Mood::Picky, Mood::Gone];

#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) mood: Mood,
    /// What it has got, by id.
    pub(super) got: BTreeMap<String, String>,
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self { mood: Mood::Well, got: BTreeMap::new() }
    }

    pub(super) fn change(&mut self, dice: &mut Dice) {
        // As often well as not.
        self.mood = if dice.below(2) == 0 { Mood::Well } else { MOODS[dice.below(MOODS.len() as u64) as usize] };
    }

    /// A message comes in; what its sender sees of that.
    pub(super) fn take(&mut self, id: &str, body: &str, dice: &mut Dice, tally: &mut Tally) -> Outcome {
        let unavailable = |detail: &str| Outcome::Unavailable { detail: detail.to_owned() };
        match self.mood {
            Mood::Picky if dice.below(2) == 0 => {
                tally.count(Fault::Rejected);
                Outcome::Rejected { detail: "404 Not Found".to_owned() }
            }
            Mood::Well | Mood::Picky => {
                self.receive(id, body);
                Outcome::Delivered
            }
            Mood::Away => {
                tally.count(Fault::ConnectionRefused);
                unavailable("connection refused")
            }
            Mood::Mute => {
                self.receive(id, body);
                tally.count(Fault::AnswerLost);
                unavailable("operation timed out")
            }
            Mood::Failing => {
                tally.count(Fault::ServerError);
                unavailable("503 Service Unavailable")
            }
            Mood::Busy => {
                tally.count(Fault::Throttled);
                let after = Duration::from_secs(dice.below(1_200));
                Outcome::RetryAfter { after, detail: "429 Too Many Requests".to_owned() }
            }
            Mood::Gone => {
                tally.count(Fault::Gone);
                Outcome::Gone
            }
        }
    }

    pub(super) fn receive(&mut self, id: &str, body: &str) {
        let known = self.got.entry(id.to_owned()).or_insert_with(|| body.to_owned());
        assert_eq!(known, body, "one id, two bodies");
    }
}
