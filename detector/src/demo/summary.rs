//! What a demo came to, in numbers.

use std::fmt;

use serde::Serialize;

use super::home::Cast;
use crate::outcome::Counts;

/// What a demo came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Which agents.
    #[serde(flatten)]
    pub cast: Cast,
    /// Events of the history.
    pub history_events: u64,
    /// Past sessions that ranks were taken among when the agents started.
    pub ranked_sessions: u64,
    /// How the events of this run ended.
    pub events: Events,
    /// Identities with a baseline.
    pub identities: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// What became of revocations.
    pub revocations: Revocations,
    /// The hijacked identity, once it was.
    pub hijacked: Option<String>,
    /// What befell it: the name of the scenario.
    pub scenario: Option<&'static str>,
    /// Other identities with an alert.
    pub benign_agents_alerted: u64,
    /// Other identities whose credential was to be revoked.
    pub benign_agents_revoked: u64,
    /// From the first malicious event to the alert.
    pub seconds_to_alert: Option<f64>,
    /// From the first malicious event to the dead credential.
    pub seconds_to_dead_credential: Option<f64>,
    /// Why the demo has not shown what it promises; absent if it has.
    pub failure: Option<String>,
}

/// How events ended; they add up to `consumed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Events {
    /// Taken.
    pub consumed: u64,
    /// Scored.
    pub scored: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Too late.
    pub late: u64,
    /// No event.
    pub quarantined: u64,
}

impl From<Counts> for Events {
    fn from(counts: Counts) -> Self {
        let Counts { consumed, scored, duplicate, late, quarantined, .. } = counts;
        Self { consumed, scored, duplicate, late, quarantined }
    }
}

/// What became of revocations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Revocations {
    /// Requested by the engine.
    pub requested: u64,
    /// Of these, taken by the broker.
    pub delivered: u64,
    /// Of these, confirmed by the broker.
    pub confirmed: u64,
}

impl Summary {
    /// Stopped before there was anything to see.
    pub(super) fn of_nothing(cast: Cast) -> Self {
        Self { cast, failure: Some("it was stopped before the history was learned".to_owned()), ..Self::default() }
    }
}

/// The summary for people.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Events { consumed, scored, duplicate, late, quarantined } = self.events;
        let Revocations { requested, delivered, confirmed } = self.revocations;
        let seconds = |value: Option<f64>| value.map_or("never".to_owned(), |s| format!("{s:.2} s"));
        writeln!(
            f,
            "events        {consumed} consumed = {scored} scored + {duplicate} duplicate + {late} late + {quarantined} quarantined"
        )?;
        writeln!(
            f,
            "baselines     {} identities, sessions ranked among {} earlier ones",
            self.identities, self.ranked_sessions
        )?;
        writeln!(f, "alerts        {}; benign agents alerted {}", self.alerts, self.benign_agents_alerted)?;
        writeln!(
            f,
            "revocations   {requested} requested, {delivered} delivered, {confirmed} confirmed; benign agents revoked {}",
            self.benign_agents_revoked
        )?;
        write!(
            f,
            "hijack        first malicious event to alert {}, to dead credential {}",
            seconds(self.seconds_to_alert),
            seconds(self.seconds_to_dead_credential)
        )
    }
}
