//! A seeded population of agents with habits of their own, and the stream of what they do.
//!
//! Each agent prefers some tools of its role over others (Zipf), runs several kinds of tasks as Markov chains over tools,
//! moves log-normal volumes, works on its own pool of targets with a novelty rate per tool, keeps office hours, nights or
//! the whole clock, and drifts: it takes up a tool, meets new targets, grows or shrinks, and gets a new release now and
//! then. The same seed gives the same bytes on every run and machine, and one agent's chance never touches another's.
//! Only the sessions that run at the moment are held, so a population of any length fits in memory.
//!
//! What makes it hard to tell attacks from honest work:
//! - **One number per session** says how busy it is: a busy session has more calls, more new targets and more bytes.
//! - **Styles**: every agent has two or three (usual, brief, for six in ten a thorough one), with other lengths and volumes.
//! - **Far tails**: three calls in a thousand are larger by a Pareto factor (at least 2, shape 1.3).
//! - **Lists**: in about three of a thousand sessions, more for some agents, one step is done 8 to 30 times in a row.
//! - **Bursts**: one start in fifty brings two to six more sessions within minutes; roles and agents have busy days.
//! - **Clocks**: an agent is up to two hours later than its role.
//! - **Honest new sources**: in 1.5 % of nights a workload is scheduled anew, to another pod and address, without a release.
//! - **Tokens**: a new one each session, or one for up to 8 or 24 hours over several sessions; renewed when it ends.
//! - **Delegation**: some runs are started by another agent, most of the same role's are not.
//!
//! ```
//! use datasets::generator::{Population, PopulationConfig};
//!
//! let population = Population::new(PopulationConfig { seed: 7, agents: 8, ..PopulationConfig::default() })?;
//! let mut stream = population.events();
//! let week = population.config().start.saturating_add(std::time::Duration::from_secs(7 * 86_400));
//! let mut history = Vec::new();
//! while let Some(event) = stream.next_before(week) {
//!     history.push(event);
//! }
//! assert!(history.is_sorted_by_key(|event| event.time));
//! // The same agents go on, with the habits they have by now.
//! assert!(stream.next().is_some_and(|event| event.time >= week));
//! # Ok::<(), datasets::generator::ConfigError>(())
//! ```

mod agent;
mod dice;
mod habit;
mod rhythm;
mod role;
mod session;
mod stream;
mod tool;

use models::event::Timestamp;

pub use agent::Agent;
pub use dice::Dice;
pub use rhythm::Rhythm;
pub use role::{ROLES, Role, Task};
pub use session::Session;
pub use stream::{EventStream, Plan};
pub use tool::{TargetForm, Tool};

pub(crate) use dice::{mix, mixed_unit};
pub(crate) use rhythm::{NANOS_PER_DAY, weekday};
pub(crate) use role::ROLLED_OUT;
pub(crate) use session::{Draft, Step, call, pause};

use crate::scenario::{self, Scenario};

/// What a population is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct PopulationConfig {
    /// Everything follows from it.
    pub seed: u64,
    /// How many agents, spread evenly over the roles; 1 to 1 000 000.
    pub agents: u32,
    /// Names of the roles to take (see [`ROLES`]); empty for all.
    pub roles: Vec<String>,
    /// When the agents start to work; the day begins at midnight UTC before it.
    pub start: Timestamp,
    /// Sessions of an average agent on an average day; above 0, up to 10 000.
    pub sessions_per_day: f64,
    /// The trust domain of the identities.
    pub trust_domain: String,
}

impl Default for PopulationConfig {
    fn default() -> Self {
        Self {
            seed: 7,
            agents: 40,
            roles: Vec::new(),
            // Monday, 2026-03-02.
            start: Timestamp::from_seconds(1_772_409_600),
            sessions_per_day: 12.0,
            trust_domain: "acme.example".to_owned(),
        }
    }
}

/// Why there can be no such population.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Too few or too many.
    #[error("`{0}` agents cannot be made; choose 1 to 1000000")]
    Agents(u32),
    /// Not a rate.
    #[error("`{0}` sessions a day cannot be run; choose a number above 0, up to 10000")]
    SessionsPerDay(f64),
    /// No such role.
    #[error("there is no role `{}`; choose from {}", .0.escape_debug(), role_names())]
    Role(String),
    /// Not a SPIFFE trust domain.
    #[error("`{}` is no trust domain; use lower-case letters, digits, `.`, `-` and `_`", .0.escape_debug())]
    TrustDomain(String),
}

fn role_names() -> String {
    ROLES.iter().map(|role| role.agent).collect::<Vec<_>>().join(", ")
}

/// A fixed set of agents. It never changes: streams work on copies of the agents.
#[derive(Debug, Clone)]
pub struct Population {
    config: PopulationConfig,
    agents: Vec<Agent>,
}

impl Population {
    /// Makes the agents. Costs about a microsecond and a kilobyte each.
    ///
    /// # Errors
    /// [`ConfigError`] if the configuration describes no population.
    pub fn new(config: PopulationConfig) -> Result<Self, ConfigError> {
        if !(1..=1_000_000).contains(&config.agents) {
            return Err(ConfigError::Agents(config.agents));
        }
        if !(config.sessions_per_day > 0.0 && config.sessions_per_day <= 10_000.0) {
            return Err(ConfigError::SessionsPerDay(config.sessions_per_day));
        }
        let domain = config.trust_domain.as_bytes();
        let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        if domain.is_empty() || domain.len() > 255 || !domain.iter().all(allowed) {
            return Err(ConfigError::TrustDomain(config.trust_domain));
        }
        if let Some(unknown) = config.roles.iter().find(|name| ROLES.iter().all(|role| role.agent != **name)) {
            return Err(ConfigError::Role(unknown.clone()));
        }
        let wanted = |role: &&'static Role| config.roles.is_empty() || config.roles.iter().any(|r| r == role.agent);
        let roles: Vec<&'static Role> = ROLES.iter().filter(wanted).collect();
        let agents = roles.iter().cycle().zip(0..config.agents);
        let agents = agents.map(|(role, i)| Agent::new(role, i / roles.len() as u32 + 1, &config)).collect();
        Ok(Self { config, agents })
    }

    /// What it was made from.
    pub fn config(&self) -> &PopulationConfig {
        &self.config
    }

    /// Its agents; their places are what [`Population::session`] and [`EventStream::inject`] take.
    pub fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// What they do, from the start on, in order of time and without end.
    pub fn events(&self) -> EventStream {
        self.events_with(Plan::default())
    }

    /// The same with scenarios among the sessions.
    pub fn events_with(&self, plan: Plan) -> EventStream {
        EventStream::new(&self.config, &self.agents, plan)
    }

    /// One session of one agent, with the habits it starts with; `None` if there is no such agent.
    ///
    /// The session's name comes from the dice, so that it does not collide with those of a stream. For a session with the
    /// habits that an agent has by now, use [`EventStream::play`] or [`EventStream::inject`].
    pub fn session(
        &self,
        agent: usize,
        start: Timestamp,
        scenario: Option<Scenario>,
        dice: &mut Dice,
    ) -> Option<Session> {
        let mut agent = self.agents.get(agent)?.clone();
        let name = format!("{}-x{:010x}", agent.name(), dice.bits() >> 24);
        let mut draft = Draft::of(&mut agent, start, name, dice);
        if let Some(scenario) = scenario {
            scenario.apply(&mut draft, &agent, scenario::RAMP_DAYS, dice);
        }
        Some(draft.finish(scenario))
    }
}

#[cfg(test)]
mod tests;
