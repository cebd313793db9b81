//! Counts by identity, task, tool, dimension and time, for the summary and the report.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use models::alert::{Alert, AlertId};
use models::assessment::{Assessment, Decision, Outcome};
use models::decision::Revocation;
use models::dimension::Dimension;
use models::event::{Event, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, de};

/// Names come from whoever sends events; beyond this many tools or tasks the rest are counted together.
const MAX_NAMES: usize = 4096;
/// What the rest is called.
pub const OTHERS: &str = "(all others)";
/// What events without a task are counted as.
pub const NO_TASK: &str = "(no task)";
const DAY_SECONDS: i64 = 86_400;
const HOUR_SECONDS: i64 = 3_600;

/// What one identity did and would have met.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IdentityTally {
    /// Events scored.
    pub events: u64,
    /// Sessions.
    pub sessions: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// Revocations that would have been requested.
    pub revocations: u64,
    /// Largest evidence of a session, in nats.
    pub evidence: f64,
}

/// How often a tool was used, or a task was worked on, and was part of an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseTally {
    /// Events.
    pub events: u64,
    /// Events that alerted, or would have in shadow mode.
    pub alerted: u64,
    /// Events that would have revoked.
    pub revoked: u64,
}

/// What a dimension was the strongest part of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DimensionTally {
    /// Alerts.
    pub alerts: u64,
    /// Revocations that those alerts would have requested.
    pub revocations: u64,
}

/// What happened in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanTally {
    /// Events.
    pub events: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// Revocations.
    pub revocations: u64,
}

/// Everything counted over the scored events. Memory grows with identities, sessions (8 bytes), hours, and days of an
/// identity (8 bytes), not with events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// By tenant and identity.
    pub identities: BTreeMap<(Box<str>, Box<str>), IdentityTally>,
    /// By `server/tool`.
    pub tools: BTreeMap<String, UseTally>,
    /// By task.
    pub tasks: BTreeMap<String, UseTally>,
    /// By the dimension that contributed most to an alert.
    pub dimensions: BTreeMap<Dimension, DimensionTally>,
    /// By hour, counted from the epoch.
    pub hours: BTreeMap<i64, SpanTally>,
    /// Events by outcome.
    #[serde(deserialize_with = "known_words")]
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Events by decision.
    #[serde(deserialize_with = "known_words")]
    pub decisions: BTreeMap<&'static str, u64>,
    /// Earliest and latest event time.
    pub span: Option<(Timestamp, Timestamp)>,
    sessions: HashSet<u64>,
    /// Identities that acted on a UTC day, by hash.
    active: BTreeMap<i64, HashSet<u64>>,
    /// Revocations by the alert that would have requested them.
    revoked: HashMap<AlertId, u64>,
}

impl Tally {
    /// Counts a scored event.
    pub fn event(&mut self, event: &Event, assessment: &Assessment) {
        let who = (event.tenant.clone(), event.identity.clone());
        self.active.entry(day_of(event.time)).or_default().insert(hash(&who));
        self.hour(event.time).events += 1;
        let new_session = self.sessions.insert(hash((&who, &assessment.session)));
        let identity = self.identities.entry(who).or_default();
        identity.events += 1;
        identity.sessions += u64::from(new_session);
        identity.evidence = identity.evidence.max(assessment.evidence);

        let task = event.task.as_deref().unwrap_or(NO_TASK).to_owned();
        for used in [named(&mut self.tools, tool_name(event)), named(&mut self.tasks, task)] {
            used.events += 1;
            used.alerted += u64::from(assessment.decision >= Decision::Record);
            used.revoked += u64::from(assessment.decision == Decision::Revoke);
        }

        *self.outcomes.entry(assessment.outcome.as_str()).or_default() += 1;
        *self.decisions.entry(assessment.decision.as_str()).or_default() += 1;
        let (first, last) = self.span.unwrap_or((event.time, event.time));
        self.span = Some((first.min(event.time), last.max(event.time)));
    }

    /// Counts an alert, once, as it is when it opens.
    pub fn opened(&mut self, alert: &Alert) {
        self.hour(alert.opened).alerts += 1;
        self.identities.entry((alert.tenant.clone(), alert.identity.clone())).or_default().alerts += 1;
    }

    /// Counts an alert, once, as it is at the end.
    pub fn settled(&mut self, alert: &Alert) {
        if let Some(strongest) = alert.contributions.first() {
            let of_dimension = self.dimensions.entry(strongest.dimension).or_default();
            of_dimension.alerts += 1;
            of_dimension.revocations += self.revoked.get(&alert.id).copied().unwrap_or(0);
        }
    }

    /// Counts a revocation.
    pub fn revocation(&mut self, revocation: &Revocation) {
        self.hour(revocation.requested).revocations += 1;
        *self.revoked.entry(revocation.alert.clone()).or_default() += 1;
        let who = (revocation.tenant.clone(), revocation.identity.clone());
        self.identities.entry(who).or_default().revocations += 1;
    }

    /// Sessions of all identities.
    pub fn sessions(&self) -> u64 {
        self.sessions.len() as u64
    }

    /// Sum over UTC days of the identities that acted on that day: what the budget is stated against.
    pub fn identity_days(&self) -> u64 {
        self.active.values().map(|identities| identities.len() as u64).sum()
    }

    /// What happened between two hours, the first included.
    pub fn between(&self, from: i64, until: i64) -> SpanTally {
        let mut sum = SpanTally::default();
        for (_, hour) in self.hours.range(from..until) {
            sum.events += hour.events;
            sum.alerts += hour.alerts;
            sum.revocations += hour.revocations;
        }
        sum
    }

    fn hour(&mut self, time: Timestamp) -> &mut SpanTally {
        self.hours.entry(time.as_seconds().div_euclid(HOUR_SECONDS)).or_default()
    }
}

/// `server/tool`.
fn tool_name(event: &Event) -> String {
    match &event.server {
        Some(server) => format!("{server}/{}", event.tool),
        None => event.tool.to_string(),
    }
}

fn named(all: &mut BTreeMap<String, UseTally>, name: String) -> &mut UseTally {
    let known = all.len() < MAX_NAMES || all.contains_key(&name);
    all.entry(if known { name } else { OTHERS.to_owned() }).or_default()
}

fn day_of(time: Timestamp) -> i64 {
    time.as_seconds().div_euclid(DAY_SECONDS)
}

/// An hour, counted from the epoch, as `YYYY-MM-DD HH:00`.
pub fn hour_name(hour: i64) -> String {
    let time = Timestamp::from_seconds(hour.saturating_mul(HOUR_SECONDS)).to_string();
    format!("{} {}:00", time.get(..10).unwrap_or_default(), time.get(11..13).unwrap_or_default())
}

/// The UTC day of a time as `YYYY-MM-DD`.
pub fn day_name(day: i64) -> String {
    Timestamp::from_seconds(day.saturating_mul(DAY_SECONDS)).to_string().chars().take(10).collect()
}

/// Counts by outcome or decision, as they were stored.
fn known_words<'de, D: Deserializer<'de>>(stored: D) -> Result<BTreeMap<&'static str, u64>, D::Error> {
    let outcomes = [Outcome::Scored, Outcome::Duplicate, Outcome::Late].map(Outcome::as_str);
    let decisions = [Decision::None, Decision::Record, Decision::Alert, Decision::Revoke].map(Decision::as_str);
    let counts = BTreeMap::<String, u64>::deserialize(stored)?.into_iter().map(|(word, count)| {
        let known = outcomes.into_iter().chain(decisions).find(|known| *known == word);
        known.map(|known| (known, count)).ok_or_else(|| de::Error::custom("neither an outcome nor a decision"))
    });
    counts.collect()
}

fn hash(parts: impl Hash) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use models::event::decode;

    use super::*;

    fn assessment() -> Assessment {
        Assessment {
            outcome: Outcome::Scored,
            session: "s".into(),
            score: 0.0,
            p: 1.0,
            dimensions: [None; models::dimension::Dimension::COUNT],
            evidence: 2.0,
            history_sessions: 0,
            maturity: 0.0,
            decision: Decision::None,
            alert: None,
            learned: true,
        }
    }

    fn count(tally: &mut Tally, identity: &str, time: &str, tool: &str) {
        let json = format!(r#"{{"id":"e","time":"{time}","identity":"{identity}","tool":"{tool}"}}"#);
        tally.event(&decode(json.as_bytes()).unwrap().event, &assessment());
    }

    #[test]
    fn identity_days_count_an_identity_once_a_day() {
        let mut tally = Tally::default();
        for (identity, time) in [
            ("a", "2026-01-01T00:00:00Z"),
            ("a", "2026-01-01T23:59:59Z"),
            ("b", "2026-01-01T10:00:00Z"),
            ("a", "2026-01-03T00:00:00Z"),
        ] {
            count(&mut tally, identity, time, "t");
        }
        assert_eq!((tally.identity_days(), tally.sessions(), tally.identities.len()), (3, 2, 2));
        let hours = ["2026-01-01 00:00", "2026-01-01 10:00", "2026-01-01 23:00", "2026-01-03 00:00"];
        assert_eq!(tally.hours.keys().map(|hour| hour_name(*hour)).collect::<Vec<_>>(), hours);
        let (first, last) = (tally.hours.keys().min().unwrap(), tally.hours.keys().max().unwrap());
        assert_eq!([tally.between(*first, *last).events, tally.between(*first, last + 1).events], [3, 4]);
    }

    #[test]
    fn a_flood_of_tool_names_is_counted_together() {
        let mut tally = Tally::default();
        for i in 0..MAX_NAMES + 3 {
            count(&mut tally, "a", "2026-01-01T00:00:00Z", &format!("t{i}"));
        }
        assert_eq!((tally.tools.len(), tally.tasks.len()), (MAX_NAMES + 1, 1));
        assert_eq!(tally.tools[OTHERS].events, 3);
    }
}
