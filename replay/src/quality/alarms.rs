//! Which alerts and revocations are right, by what the event that caused them belongs to.

use std::collections::HashMap;

use models::alert::{Alert, AlertId, AlertKind};
use models::decision::Revocation;
use models::event::{Event, Timestamp};
use serde::{Deserialize, Serialize};

use super::track::Place;

/// What an event is, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(super) enum Side {
    /// Of a session without a label, or one that counts neither way.
    #[default]
    Unknown,
    /// Of a benign session, or of an attacked one before the attack.
    Benign,
    /// Of an attack, from its first event to the end of the session.
    Attack,
}

/// Counts of one kind of alarm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sides {
    pub(super) attack: u64,
    pub(super) benign: u64,
    pub(super) unknown: u64,
}

impl Sides {
    fn add(&mut self, side: Side) {
        *match side {
            Side::Attack => &mut self.attack,
            Side::Benign => &mut self.benign,
            Side::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// What one identity did and caused.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Identity {
    /// UTC days on which it acted.
    pub(super) days: u32,
    newest_day: Option<i64>,
    pub(super) alerts: Sides,
    pub(super) revocations: Sides,
}

/// The newest event.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Newest {
    side: Side,
    time: Timestamp,
    identity: u32,
    session: Option<(String, Place)>,
}

/// Sorts alerts and revocations into right and wrong. Memory: 60 bytes an identity and an alert, and their names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Alarms {
    numbers: HashMap<(Box<str>, Box<str>), u32>,
    identities: Vec<Identity>,
    alerts: HashMap<AlertId, (u32, Side)>,
    newest: Newest,
}

impl Alarms {
    /// Counts an event's identity as active on its day, and returns its number.
    pub(super) fn active(&mut self, event: &Event) -> u32 {
        let who = (event.tenant.clone(), event.identity.clone());
        let number = *self.numbers.entry(who).or_insert_with(|| {
            self.identities.push(Identity::default());
            (self.identities.len() - 1) as u32
        });
        let day = event.time.as_seconds().div_euclid(86_400);
        if let Some(identity) = self.identities.get_mut(number as usize)
            && identity.newest_day.is_none_or(|newest| newest < day)
        {
            identity.newest_day = Some(day);
            identity.days += 1;
        }
        self.newest.identity = number;
        number
    }

    /// Says what the newest event is.
    pub(super) fn at(&mut self, event: &Event, side: Side, session: Option<(String, Place)>) {
        self.newest = Newest { side, time: event.time, session, ..self.newest };
    }

    /// Takes in an alert that followed the newest event. If it found an attack: in which session, and where.
    pub(super) fn alerted(&mut self, alert: &Alert) -> Option<(String, Place)> {
        if !is_alarm(alert) || alert.updated < self.newest.time {
            return None;
        }
        let (_, side) = self.alerts.entry(alert.id.clone()).or_insert((self.newest.identity, Side::Unknown));
        *side = (*side).max(self.newest.side);
        self.newest.session.clone().filter(|_| self.newest.side == Side::Attack)
    }

    /// Takes in a revocation that followed the newest event.
    pub(super) fn revoked(&mut self, _: &Revocation) {
        if let Some(identity) = self.identities.get_mut(self.newest.identity as usize) {
            identity.revocations.add(self.newest.side);
        }
    }

    /// What each identity did and caused, by its number.
    pub(super) fn identities(&self) -> Vec<Identity> {
        let mut identities = self.identities.clone();
        for (number, side) in self.alerts.values() {
            if let Some(identity) = identities.get_mut(*number as usize) {
                identity.alerts.add(*side);
            }
        }
        identities
    }
}

/// Whether an alert says that something is wrong with an identity, and is no echo of one that closes.
fn is_alarm(alert: &Alert) -> bool {
    match alert.kind {
        AlertKind::ScopeDrift => !alert.closed,
        AlertKind::BrakeOpened | AlertKind::Rebaseline => false,
        AlertKind::RevokedCredentialUsed | AlertKind::ExpiredCredentialUsed | AlertKind::SlowDrift => true,
    }
}
