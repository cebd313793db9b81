//! The population that is measured: who lives in it, which honest changes it sees, and when it is warm.

use std::time::Duration;

use datasets::generator::{ConfigError, EventStream, Plan, Population, PopulationConfig};
use datasets::scenario::{Scenario, Share};
use models::event::Timestamp;

/// A day.
pub const DAY: Duration = Duration::from_hours(24);

/// Honest changes, and how many agents or roles each takes. Who is new comes first, because that lasts and says in which
/// tenant one lives; then what passes; then what stays.
const CHANGES: [(Scenario, f64); 7] = [
    (Scenario::NewTenant, 0.05),
    (Scenario::NewIdentity, 0.05),
    (Scenario::OnCallWeekend, 0.2),
    (Scenario::MonthEnd, 0.25),
    (Scenario::ToolRollout, 0.3),
    (Scenario::Migration, 0.3),
    (Scenario::NewRelease, 0.25),
];

/// How large a world is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Everything follows from it.
    pub seed: u64,
    /// Agents, spread over all roles.
    pub agents: u32,
    /// Days; the first third is learned without alerting.
    pub days: u32,
    /// Sessions of an average agent on an average day.
    pub sessions_per_day: f64,
}

/// A population and its calendar.
#[derive(Debug)]
pub struct World {
    /// Its agents.
    pub population: Population,
    /// Until here events are only learned.
    pub warm: Timestamp,
    /// Until here honest changes happen; attacks start after it.
    pub end: Timestamp,
    plan: Plan,
}

impl World {
    /// Makes a world.
    ///
    /// # Errors
    /// When there can be no such population.
    pub fn new(size: Size) -> Result<Self, ConfigError> {
        let population = Population::new(PopulationConfig {
            seed: size.seed,
            agents: size.agents,
            sessions_per_day: size.sessions_per_day,
            ..PopulationConfig::default()
        })?;
        let start = population.config().start;
        let warm = start.saturating_add(DAY * (size.days / 3));
        let end = start.saturating_add(DAY * size.days);
        let shares = CHANGES.map(|(scenario, share)| Share { scenario, share }).to_vec();
        let plan = Plan { shares, from: warm, until: end, cuts: vec![end], labels: true };
        Ok(Self { population, warm, end, plan })
    }

    /// Everything that happens in it, from the first day on.
    pub fn stream(&self) -> EventStream {
        self.population.events_with(self.plan.clone())
    }
}
