//! Slow growth: whether it is ever found, and after how many days.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use datasets::generator::Agent;
use datasets::scenario::{RAMP_DAYS, Scenario, grow};
use models::alert::AlertKind;
use models::assessment::Decision;
use models::config::CheckedConfig;
use models::engine::{Input, Output, Phase, RestoreError, Trust};
use models::event::Event;
use serde::Serialize;

use super::attacks::{fork, quantile};
use super::benign::Warm;
use super::world::World;

/// The days of a ramp.
const LENGTH: Duration = Duration::from_hours(24 * 30);

/// What each picked agent does in the month after the world's end.
pub type Months = Vec<Vec<Event>>;

/// A month of up to `count` agents, spread over the population.
pub fn months(world: &World, warm: &Warm, count: usize) -> Months {
    let agents = world.population.agents();
    let step = (agents.len() / count.max(1)).max(1);
    let picked: BTreeSet<&str> = agents.iter().step_by(step).take(count).map(Agent::identity).collect();
    let mut months: BTreeMap<Box<str>, Vec<Event>> = BTreeMap::new();
    let mut stream = warm.stream.clone();
    while let Some(event) = stream.next_before(world.end.saturating_add(LENGTH)) {
        if picked.contains(&*event.identity) {
            months.entry(event.identity.clone()).or_default().push(event);
        }
    }
    months.into_values().collect()
}

/// What became of the agents of one ramp.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ramped {
    /// Growth in a day: 0.02 for 2 %; 0 for the agents as they are.
    pub growth: f64,
    /// Agents.
    pub agents: usize,
    /// Share with an alert within the 30 days.
    pub found: f64,
    /// Median days until it, over those found.
    pub days: Option<f64>,
}

/// The day of the first alert of one agent whose volumes grow, against a copy of the warm engine; `None` if there is none.
///
/// # Errors
/// When the state cannot be read back.
pub fn ramp(
    world: &World,
    warm: &Warm,
    config: &CheckedConfig,
    month: &[Event],
    growth: f64,
) -> Result<Option<f64>, RestoreError> {
    let mut engine = fork(warm, config)?;
    let mut outputs = Vec::new();
    for event in month {
        let days = event.time.seconds_since(world.end) / 86_400.0;
        // A month's last day is not grown over: the ramp has ended there.
        let grown = grow(event.clone(), (1.0 + growth).powf(days.min(RAMP_DAYS)));
        let input = Input::recorded(&grown, Trust::Revoke, Phase::Live);
        engine.handle(input, &mut outputs);
        for output in outputs.drain(..) {
            let found = match output {
                Output::Assessed(assessment) => assessment.decision >= Decision::Alert,
                Output::Alert(alert) => alert.kind == AlertKind::SlowDrift,
                Output::Revocation(_) => false,
            };
            if found {
                return Ok(Some(days));
            }
        }
    }
    Ok(None)
}

/// The ramps measured, and the agents as they are beside them.
pub fn growths() -> Vec<f64> {
    let ramps = Scenario::ALL.into_iter().filter_map(Scenario::daily_growth);
    std::iter::once(0.0).chain(ramps).collect()
}

/// Sums up.
pub fn ramped(growth: f64, days: &[Option<f64>]) -> Ramped {
    let found: Vec<f64> = days.iter().flatten().copied().collect();
    Ramped {
        growth,
        agents: days.len(),
        found: found.len() as f64 / days.len().max(1) as f64,
        days: quantile(&found, 0.5),
    }
}
