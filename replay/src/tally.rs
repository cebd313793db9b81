//! Counts by identity, tool, dimension and day, for the summary and the report.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};

use models::alert::Alert;
use models::assessment::{Assessment, Decision, Outcome};
use models::decision::Revocation;
use models::dimension::Dimension;
use models::event::{Event, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, de};

/// Names come from whoever sends events; beyond this many tools the rest are counted together.
const MAX_TOOLS: usize = 4096;
/// What the rest is called. No tool has this name in the report, because theirs are escaped and this is set apart.
pub const OTHER_TOOLS: &str = "(all other tools)";

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

/// How often a tool was used and was part of an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolTally {
    /// Events.
    pub events: u64,
    /// Events that alerted, or would have in shadow mode.
    pub alerted: u64,
    /// Events that would have revoked.
    pub revoked: u64,
}

/// What happened on one UTC day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayTally {
    /// Events.
    pub events: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// Revocations.
    pub revocations: u64,
    /// Identities that acted, by hash.
    active: BTreeSet<u64>,
}

/// Everything counted over the scored events. Memory grows with identities, days, and active identities a day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// By tenant and identity.
    pub identities: BTreeMap<(Box<str>, Box<str>), IdentityTally>,
    /// By `server/tool`.
    pub tools: BTreeMap<String, ToolTally>,
    /// By the dimension that contributed most to an alert.
    pub dimensions: BTreeMap<Dimension, u64>,
    /// By UTC day, counted from the epoch.
    pub days: BTreeMap<i64, DayTally>,
    /// Events by outcome.
    #[serde(deserialize_with = "known_words")]
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Events by decision.
    #[serde(deserialize_with = "known_words")]
    pub decisions: BTreeMap<&'static str, u64>,
    /// Earliest and latest event time.
    pub span: Option<(Timestamp, Timestamp)>,
    sessions: HashSet<u64>,
}

impl Tally {
    /// Counts a scored event.
    pub fn event(&mut self, event: &Event, assessment: &Assessment) {
        let who = (event.tenant.clone(), event.identity.clone());
        self.day(event.time).active.insert(hash(&who));
        self.day(event.time).events += 1;
        let new_session = self.sessions.insert(hash((&who, &assessment.session)));
        let identity = self.identities.entry(who).or_default();
        identity.events += 1;
        identity.sessions += u64::from(new_session);
        identity.evidence = identity.evidence.max(assessment.evidence);

        let tool = self.tool(event);
        tool.events += 1;
        tool.alerted += u64::from(assessment.decision >= Decision::Record);
        tool.revoked += u64::from(assessment.decision == Decision::Revoke);

        *self.outcomes.entry(assessment.outcome.as_str()).or_default() += 1;
        *self.decisions.entry(assessment.decision.as_str()).or_default() += 1;
        let (first, last) = self.span.unwrap_or((event.time, event.time));
        self.span = Some((first.min(event.time), last.max(event.time)));
    }

    /// Counts an alert, once, as it is when it opens.
    pub fn opened(&mut self, alert: &Alert) {
        self.day(alert.opened).alerts += 1;
        self.identities.entry((alert.tenant.clone(), alert.identity.clone())).or_default().alerts += 1;
    }

    /// Counts an alert, once, as it is at the end.
    pub fn settled(&mut self, alert: &Alert) {
        if let Some(strongest) = alert.contributions.first() {
            *self.dimensions.entry(strongest.dimension).or_default() += 1;
        }
    }

    /// Counts a revocation.
    pub fn revocation(&mut self, revocation: &Revocation) {
        self.day(revocation.requested).revocations += 1;
        let who = (revocation.tenant.clone(), revocation.identity.clone());
        self.identities.entry(who).or_default().revocations += 1;
    }

    /// Sessions of all identities.
    pub fn sessions(&self) -> u64 {
        self.sessions.len() as u64
    }

    /// Sum over UTC days of the identities that acted on that day: what the budget is stated against.
    pub fn identity_days(&self) -> u64 {
        self.days.values().map(|day| day.active.len() as u64).sum()
    }

    fn day(&mut self, time: Timestamp) -> &mut DayTally {
        self.days.entry(time.as_seconds().div_euclid(86_400)).or_default()
    }

    fn tool(&mut self, event: &Event) -> &mut ToolTally {
        let name = match &event.server {
            Some(server) => format!("{server}/{}", event.tool),
            None => event.tool.to_string(),
        };
        let known = self.tools.len() < MAX_TOOLS || self.tools.contains_key(&name);
        self.tools.entry(if known { name } else { OTHER_TOOLS.to_owned() }).or_default()
    }
}

/// The UTC day of a time as `YYYY-MM-DD`.
pub fn day_name(day: i64) -> String {
    Timestamp::from_seconds(day.saturating_mul(86_400)).to_string().chars().take(10).collect()
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
        assert_eq!(tally.days.keys().map(|day| day_name(*day)).collect::<Vec<_>>(), ["2026-01-01", "2026-01-03"]);
    }

    #[test]
    fn a_flood_of_tool_names_is_counted_together() {
        let mut tally = Tally::default();
        for i in 0..MAX_TOOLS + 3 {
            count(&mut tally, "a", "2026-01-01T00:00:00Z", &format!("t{i}"));
        }
        assert_eq!(tally.tools.len(), MAX_TOOLS + 1);
        assert_eq!(tally.tools[OTHER_TOOLS].events, 3);
    }
}
