//! Attacked sessions, each against a copy of the warm engine of its own, so that no attack teaches another.

use std::collections::BTreeSet;

use datasets::generator::{EventStream, Session};
use datasets::scenario::Scenario;
use models::alert::AlertKind;
use models::assessment::Decision;
use models::config::CheckedConfig;
use models::dimension::Dimension;
use models::engine::{Engine, Input, Output, Phase, RestoreError, Trust};
use models::event::{Event, Timestamp};
use serde::Serialize;

use super::benign::Warm;
use super::world::World;

/// Strength (nats) from which a dimension is said to have seen something: one event in a thousand.
const SEEN_NATS: f64 = 6.908;
/// The engine believes its clock a day ahead; attacked sessions start within less than that.
const WINDOW: std::time::Duration = std::time::Duration::from_hours(22);

/// Who is attacked, and when: an agent at a time at which it starts a session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Host {
    /// The agent's place in the population.
    pub agent: usize,
    /// When its session starts.
    pub start: Timestamp,
}

/// Up to `count` sessions that start after the world's end, spread over the agents.
pub fn hosts(world: &World, stream: &EventStream, count: usize) -> Vec<Host> {
    let mut stream = stream.clone();
    let until = world.end.saturating_add(WINDOW);
    let mut of_agent: Vec<Vec<Host>> = vec![Vec::new(); world.population.agents().len()];
    let mut seen = BTreeSet::new();
    while let Some(event) = stream.next_before(until) {
        let agents = world.population.agents();
        if seen.insert(event.session.clone())
            && let Some(agent) = agents.iter().position(|agent| agent.identity() == &*event.identity)
            && let Some(hosts) = of_agent.get_mut(agent)
        {
            hosts.push(Host { agent, start: event.time });
        }
    }
    let most = of_agent.iter().map(Vec::len).max().unwrap_or(0);
    let in_turn = (0..most).flat_map(|turn| of_agent.iter().filter_map(move |hosts| hosts.get(turn).copied()));
    in_turn.take(count).collect()
}

/// What became of one attacked session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Malicious events before the one with an alarm; `None` if there was no alarm.
    pub delay: Option<usize>,
    /// Seconds from the first malicious event to the alarm.
    pub seconds: f64,
    /// Bytes that were out when the alarm came, its own event included; all if none came.
    pub leaked: u64,
    /// Bytes that the whole attack takes.
    pub total: u64,
    /// Whether a revocation was requested.
    pub revoked: bool,
    /// Which dimensions said one in a thousand of a malicious event.
    pub seen: Vec<Dimension>,
    /// Evidence of the session at its end, nats.
    pub evidence: f64,
}

/// What got out with an event: what the tool returned, and what was sent across the trust boundary.
fn out(event: &Event) -> u64 {
    let sent = if event.external == Some(true) { event.bytes_in.unwrap_or(0) } else { 0 };
    event.bytes_out.unwrap_or(0).saturating_add(sent)
}

/// A copy of the warm engine with these settings.
///
/// # Errors
/// When the state cannot be read back.
pub fn fork(warm: &Warm, config: &CheckedConfig) -> Result<Engine, RestoreError> {
    Engine::restore(config.clone(), warm.blobs.iter().cloned())
}

/// Sessions of the hosts with this scenario, with the habits they have by then.
pub fn sessions(warm: &Warm, hosts: &[Host], scenario: Scenario) -> Vec<Session> {
    let mut stream = warm.stream.clone();
    hosts.iter().filter_map(|host| stream.play(host.agent, host.start, Some(scenario))).collect()
}

/// Plays a session against a copy of the warm engine.
///
/// # Errors
/// When the state cannot be read back.
pub fn attack(warm: &Warm, config: &CheckedConfig, session: &Session) -> Result<Outcome, RestoreError> {
    let mut engine = fork(warm, config)?;
    let malicious: BTreeSet<&str> = session.label.malicious_events.iter().map(String::as_str).collect();
    // A control has no malicious events: all of them count, as those that must raise no alarm.
    let counts = |event: &Event| malicious.is_empty() || malicious.contains(&*event.id);
    let mut outcome = Outcome::default();
    let (mut before, mut first) = (0, None);
    let mut outputs = Vec::new();
    for event in &session.events {
        engine.handle(Input::recorded(event, Trust::Revoke, Phase::Live), &mut outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Assessed(assessment) => {
                    outcome.evidence = assessment.evidence;
                    if !counts(event) {
                        continue;
                    }
                    let first = *first.get_or_insert(event.time);
                    outcome.total = outcome.total.saturating_add(out(event));
                    if outcome.delay.is_none() {
                        outcome.leaked = outcome.total;
                        if assessment.decision >= Decision::Alert {
                            outcome.delay = Some(before);
                            outcome.seconds = event.time.seconds_since(first);
                        }
                    }
                    before += 1;
                    for (dimension, nats) in Dimension::ALL.into_iter().zip(assessment.dimensions) {
                        if nats.is_some_and(|nats| nats >= SEEN_NATS) && !outcome.seen.contains(&dimension) {
                            outcome.seen.push(dimension);
                        }
                    }
                }
                Output::Revocation(_) => outcome.revoked |= before > 0,
                // A rule needs no score; its alert comes after the assessment of the same event.
                Output::Alert(alert) if alert.kind == AlertKind::ExpiredCredentialUsed && before > 0 => {
                    if outcome.delay.is_none() {
                        outcome.delay = Some(before - 1);
                        outcome.seconds = event.time.seconds_since(first.unwrap_or(event.time));
                    }
                }
                Output::Alert(_) => {}
            }
        }
    }
    Ok(outcome)
}

/// What was found of one kind of attack at one budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// Attacked sessions.
    pub sessions: usize,
    /// Share with an alarm at or after the first malicious event.
    pub detected: f64,
    /// Share with an alarm at the first malicious event.
    pub at_first: f64,
    /// Share with a revocation.
    pub revoked: f64,
    /// Median and 95th percentile of the malicious events before the alarm, over those found.
    pub delay: Option<[f64; 2]>,
    /// The same in minutes from the first malicious event.
    pub minutes: Option<[f64; 2]>,
    /// Median bytes out at the alarm; everything where there was none.
    pub leaked: f64,
    /// Median bytes that the whole attack takes.
    pub total: f64,
    /// Share in which each dimension said one in a thousand of a malicious event.
    pub seen: Vec<(Dimension, f64)>,
    /// Median evidence at the end, nats.
    pub evidence: f64,
}

/// Sums up.
pub fn found(outcomes: &[Outcome]) -> Found {
    let n = outcomes.len().max(1) as f64;
    let share = |which: &dyn Fn(&Outcome) -> bool| outcomes.iter().filter(|o| which(o)).count() as f64 / n;
    let hits: Vec<&Outcome> = outcomes.iter().filter(|o| o.delay.is_some()).collect();
    let both = |of: &dyn Fn(&Outcome) -> f64| {
        let values: Vec<f64> = hits.iter().map(|o| of(o)).collect();
        Some([quantile(&values, 0.5)?, quantile(&values, 0.95)?])
    };
    let median =
        |of: &dyn Fn(&Outcome) -> f64| quantile(&outcomes.iter().map(of).collect::<Vec<_>>(), 0.5).unwrap_or(0.0);
    Found {
        sessions: outcomes.len(),
        detected: share(&|o| o.delay.is_some()),
        at_first: share(&|o| o.delay == Some(0)),
        revoked: share(&|o| o.revoked),
        delay: both(&|o| o.delay.unwrap_or(0) as f64),
        minutes: both(&|o| o.seconds / 60.0),
        leaked: median(&|o| o.leaked as f64),
        total: median(&|o| o.total as f64),
        seen: Dimension::ALL.into_iter().map(|d| (d, share(&|o| o.seen.contains(&d)))).collect(),
        evidence: median(&|o| o.evidence),
    }
}

/// The value that this share of the values does not exceed (nearest rank).
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}
