//! What would have fired, by identity, task, tool, dimension and time: the most alarming first, everything capped.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use models::dimension::Dimension;
use serde::Serialize;

use crate::tally::{SpanTally, Tally, UseTally, day_name, hour_name};

/// Lines of a list.
const MOST: usize = 1_000;
/// Spans of the timeline; beyond it hours or days are counted together.
const MOST_SPANS: i64 = 120;
/// Up to so many hours the timeline is by hour.
const HOURLY: i64 = 96;

/// One identity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdentityLine {
    /// Who.
    pub identity: String,
    /// Of which tenant.
    pub tenant: String,
    /// Events scored.
    pub events: u64,
    /// Sessions.
    pub sessions: u64,
    /// Alerts that would have been opened.
    pub alerts: u64,
    /// Revocations that would have been requested.
    pub revocations: u64,
    /// Largest evidence of a session, in nats.
    pub evidence: f64,
}

/// One tool or task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UseLine {
    /// Its name.
    pub name: String,
    /// Events.
    pub events: u64,
    /// Events that were part of an alert.
    pub alerted: u64,
    /// Events that would have revoked.
    pub revoked: u64,
}

/// One dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DimensionLine {
    /// The dimension that contributed most.
    pub dimension: Dimension,
    /// Alerts.
    pub alerts: u64,
    /// Revocations that those would have requested.
    pub revocations: u64,
}

/// One step of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimeLine {
    /// UTC day or hour; `A to B` where several are counted together.
    pub span: String,
    /// Events scored.
    pub events: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// Revocations.
    pub revocations: u64,
}

/// A list that may have been cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capped<T> {
    /// The most alarming.
    pub lines: Vec<T>,
    /// How many are left out.
    pub left_out: usize,
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Self { lines: Vec::new(), left_out: 0 }
    }
}

/// What would have fired, and where.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Breakdown {
    /// By identity.
    pub identities: Capped<IdentityLine>,
    /// By task.
    pub tasks: Capped<UseLine>,
    /// By `server/tool`.
    pub tools: Capped<UseLine>,
    /// By dimension.
    pub dimensions: Vec<DimensionLine>,
    /// By time, from the first event to the last.
    pub timeline: Vec<TimeLine>,
}

impl Breakdown {
    /// What was counted.
    pub fn of(tally: &Tally) -> Self {
        let dimension = |dimension| {
            let of = tally.dimensions.get(&dimension).copied().unwrap_or_default();
            DimensionLine { dimension, alerts: of.alerts, revocations: of.revocations }
        };
        Self {
            identities: identities(tally),
            tasks: uses(&tally.tasks),
            tools: uses(&tally.tools),
            dimensions: Dimension::ALL.map(dimension).into(),
            timeline: timeline(tally),
        }
    }
}

fn identities(tally: &Tally) -> Capped<IdentityLine> {
    let mut all: Vec<_> = tally.identities.iter().collect();
    all.sort_by(|(_, a), (_, b)| {
        (b.revocations, b.alerts).cmp(&(a.revocations, a.alerts)).then(b.evidence.total_cmp(&a.evidence))
    });
    let left_out = all.len().saturating_sub(MOST);
    let line = |((tenant, identity), tally): (&(Box<str>, Box<str>), &crate::tally::IdentityTally)| IdentityLine {
        identity: identity.to_string(),
        tenant: tenant.to_string(),
        events: tally.events,
        sessions: tally.sessions,
        alerts: tally.alerts,
        revocations: tally.revocations,
        evidence: tally.evidence,
    };
    Capped { lines: all.into_iter().take(MOST).map(line).collect(), left_out }
}

fn uses(all: &BTreeMap<String, UseTally>) -> Capped<UseLine> {
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by_key(|(_, used)| Reverse((used.revoked, used.alerted, used.events)));
    let line = |(name, used): (&String, &UseTally)| UseLine {
        name: name.clone(),
        events: used.events,
        alerted: used.alerted,
        revoked: used.revoked,
    };
    Capped { left_out: sorted.len().saturating_sub(MOST), lines: sorted.into_iter().take(MOST).map(line).collect() }
}

/// From the first hour with events to the last: by hour if it is short, else by day, several together where too many.
fn timeline(tally: &Tally) -> Vec<TimeLine> {
    let (Some((&first, _)), Some((&last, _))) = (tally.hours.first_key_value(), tally.hours.last_key_value()) else {
        return Vec::new();
    };
    let hourly = last - first < HOURLY;
    let step = if hourly { 1 } else { 24 * ((last.div_euclid(24) - first.div_euclid(24)) / MOST_SPANS + 1) };
    let begin = if hourly { first } else { first.div_euclid(24) * 24 };
    let span = |i: i64| {
        let from = begin + i * step;
        let SpanTally { events, alerts, revocations } = tally.between(from, from + step);
        let span = match (hourly, step) {
            (true, _) => hour_name(from),
            (false, 24) => day_name(from / 24),
            (false, _) => format!("{} to {}", day_name(from / 24), day_name((from + step) / 24 - 1)),
        };
        TimeLine { span, events, alerts, revocations }
    };
    (0..=(last - begin) / step).map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(hours: impl IntoIterator<Item = i64>) -> Tally {
        let mut tally = Tally::default();
        tally.hours = hours.into_iter().map(|hour| (hour, SpanTally { events: 1, ..SpanTally::default() })).collect();
        tally
    }

    #[test]
    fn a_short_replay_is_drawn_by_hour_a_long_one_by_day_and_a_very_long_one_by_several() {
        let steps = |hours: Vec<i64>| {
            let timeline = timeline(&tally(hours.clone()));
            assert_eq!(timeline.iter().map(|line| line.events).sum::<u64>(), hours.len() as u64);
            (timeline.len(), timeline[0].span.clone())
        };
        assert_eq!(steps(vec![490_896, 490_900]), (5, "2026-01-01 00:00".to_owned()));
        assert_eq!(steps(vec![490_899, 490_896 + 240]), (11, "2026-01-01".to_owned()));
        let (spans, first) = steps((0..400).map(|day| 490_896 + 24 * day).collect());
        assert!(spans <= 121 && first.starts_with("2026-01-01 to "), "{spans} {first}");
        assert!(timeline(&Tally::default()).is_empty());
    }

    #[test]
    fn a_list_is_cut_and_says_by_how_much() {
        let mut tally = Tally::default();
        for i in 0..MOST as u64 + 5 {
            tally.tools.insert(format!("t{i:05}"), UseTally { events: i, alerted: u64::from(i == 3), revoked: 0 });
        }
        let tools = Breakdown::of(&tally).tools;
        assert_eq!((tools.lines.len(), tools.left_out, tools.lines[0].name.as_str()), (MOST, 5, "t00003"));
    }
}
