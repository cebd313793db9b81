//! One agent: who it is, its habits, and how they drift.

use models::event::{Credential, Origin, Revision, Timestamp};

use super::PopulationConfig;
use super::dice::{Dice, mix, mixed_unit};
use super::habit::{Mood, Style, Tokens};
use super::role::Role;
use super::tool::Tool;

/// Days between the releases of a role, on average.
const DAYS_BETWEEN_RELEASES: u64 = 14;

/// How likely an agent's workload is scheduled anew in a night: another pod and address without a release.
const RESCHEDULED: f64 = 0.015;

/// An agent of a population.
#[derive(Debug, Clone)]
pub struct Agent {
    role: &'static Role,
    name: String,
    identity: String,
    number: u32,
    trust_domain: String,
    /// Stateless chance of this agent, and of its role.
    pub(super) key: u64,
    role_key: u64,
    sessions_per_day: f64,
    /// By how many hours it is later than its role.
    pub(super) shift: u64,
    /// Places of tools, the most liked first.
    preference: Vec<usize>,
    tools: Vec<ToolHabit>,
    pub(super) chain: Chain,
    styles: Vec<Style>,
    /// Share of its sessions in which it goes through a whole list with one tool.
    pub(super) bulk: f64,
    tokens: Tokens,
    releases: u32,
    /// How often its workload was scheduled anew.
    moves: u32,
    /// The second half of the fleet gets a release a day later.
    release_due: bool,
}

/// An agent's own way with a tool.
#[derive(Debug, Clone)]
struct ToolHabit {
    /// Factor on the tool's volumes; walks at random.
    volume: f64,
    /// How many targets it knows.
    pool: u32,
    /// Whether it uses the tool at all; rare tools are taken up one day, or never.
    taken_up: bool,
}

/// An agent's own transition probabilities along a task's path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    /// To the same tool again, for the next page or the next item.
    pub(super) again: f64,
    /// Back to an earlier step.
    pub(super) back: f64,
    /// Aside to another tool that it likes, then on.
    pub(super) aside: f64,
    /// Factor on the pauses.
    pub(super) pace: f64,
}

impl Agent {
    pub(super) fn new(role: &'static Role, number: u32, config: &PopulationConfig) -> Self {
        let role_key = role.agent.bytes().fold(mix(&[config.seed]), |hash, byte| mix(&[hash, u64::from(byte)]));
        let key = mix(&[role_key, u64::from(number)]);
        let mut dice = Dice::new(config.seed, key);
        let mut preference: Vec<usize> = (0..role.tools.len()).collect();
        for place in (1..preference.len()).rev() {
            preference.swap(place, dice.below(place as u64 + 1) as usize);
        }
        let on_a_path = |place: usize| role.tasks.iter().any(|task| task.path.contains(&place));
        let habit = |(place, tool): (usize, &Tool)| ToolHabit {
            volume: dice.log_normal(1.0, 0.25),
            pool: (dice.log_normal(f64::from(tool.pool), 0.3) as u32).max(1),
            taken_up: on_a_path(place) || dice.chance(0.5),
        };
        let tools = role.tools.iter().enumerate().map(habit).collect();
        let name = format!("{}-{number:02}", role.agent);
        Self {
            identity: format!("spiffe://{}/{}/{name}", config.trust_domain, role.group),
            role,
            name,
            number,
            trust_domain: config.trust_domain.clone(),
            key,
            role_key,
            sessions_per_day: config.sessions_per_day * role.busy * dice.log_normal(1.0, 0.3),
            shift: dice.below(3),
            preference,
            tools,
            chain: Chain {
                again: 0.08 + 0.1 * dice.unit(),
                back: 0.02 + 0.06 * dice.unit(),
                aside: 0.02 + 0.05 * dice.unit(),
                pace: dice.log_normal(1.0, 0.2),
            },
            styles: Style::some(&mut dice),
            bulk: dice.log_normal(0.003, 0.7),
            tokens: Tokens::new(&mut dice),
            releases: 0,
            moves: 0,
            release_due: false,
        }
    }

    /// Its identity: `spiffe://acme.example/finance/invoice-bot-03`.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Its name within its group: `invoice-bot-03`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of agent it is.
    pub fn role(&self) -> &'static Role {
        self.role
    }

    /// Its trust domain.
    pub(crate) fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// Chance that depends on the agent and the parts alone.
    pub(crate) fn own_key(&self, part: u64) -> u64 {
        mix(&[self.key, part])
    }

    /// Chance that depends on the role and the parts alone.
    pub(crate) fn role_key(&self, part: u64) -> u64 {
        mix(&[self.role_key, part])
    }

    /// The tools it uses, the most liked first.
    pub(crate) fn known_tools(&self) -> impl Iterator<Item = (usize, &'static Tool)> {
        let known = self.preference.iter().filter(|&&place| self.tools.get(place).is_some_and(|t| t.taken_up));
        known.filter_map(|&place| self.role.tools.get(place).map(|tool| (place, tool)))
    }

    /// Factor on the volumes of a tool.
    pub(crate) fn volume(&self, place: usize) -> f64 {
        self.tools.get(place).map_or(1.0, |habit| habit.volume)
    }

    /// Sessions to expect on a day: roles and agents have busy and quiet ones.
    pub(super) fn sessions_on(&self, day: i64) -> f64 {
        let day = day.cast_unsigned();
        let of_role = 0.75 + 0.5 * mixed_unit(&[self.role_key, 0xda7, day]);
        let own = 0.7 + 0.6 * mixed_unit(&[self.key, 0xda7, day]);
        self.sessions_per_day * of_role * own
    }

    /// How a session goes: one of its styles, and how much there is to do.
    pub(super) fn mood(&self, dice: &mut Dice) -> Mood {
        Mood::of(&self.styles, dice)
    }

    /// The token of a session that starts now, by its habit a new one or one it still holds.
    pub(super) fn token(&mut self, now: Timestamp, dice: &mut Dice) -> Credential {
        let scopes = || {
            let mut scopes: Vec<Box<str>> = self.known_tools().map(|(_, tool)| tool.scope.into()).collect();
            scopes.sort_unstable();
            scopes.dedup();
            scopes
        };
        if let Some(held) = self.tokens.held(now) {
            return held;
        }
        let fresh = self.tokens.issue(now, scopes(), &self.trust_domain, dice);
        self.tokens.keep(fresh.clone());
        fresh
    }

    /// A target of a tool: mostly a well-known one, with the tool's novelty rate times `eager` one never used before.
    pub(super) fn target(&mut self, place: usize, eager: f64, dice: &mut Dice) -> Option<String> {
        let novelty = (self.role.tools.get(place)?.novelty * eager).min(0.98);
        if !dice.chance(novelty) {
            return self.known_target(place, dice);
        }
        let habit = self.tools.get_mut(place)?;
        let newest = habit.pool;
        habit.pool = habit.pool.saturating_add(1);
        self.render(place, newest)
    }

    /// A target that the agent has used before: few of them make up most of the use.
    pub(crate) fn known_target(&self, place: usize, dice: &mut Dice) -> Option<String> {
        let skewed = dice.unit();
        let pool = f64::from(self.tools.get(place)?.pool);
        self.render(place, (pool * skewed * skewed * skewed) as u32)
    }

    fn render(&self, place: usize, index: u32) -> Option<String> {
        // Peers share every second target: customers and suppliers are the company's, drafts and errands one's own.
        let owner = if index.is_multiple_of(2) { self.role_key } else { self.key };
        self.role.tools.get(place)?.target.render(mix(&[owner, place as u64, u64::from(index)]))
    }

    /// Lives through the night before `day`: walks, takes up a tool, gets a release.
    pub(super) fn drift(&mut self, day: i64, dice: &mut Dice) {
        for habit in &mut self.tools {
            // Pulled towards 1, or a long walk would run away.
            let pull = libm::exp(-0.02 * libm::log(habit.volume));
            habit.volume *= pull * dice.log_normal(1.0, 0.02);
            habit.taken_up = habit.taken_up || dice.chance(0.01);
        }
        let released = self.role_key(day.cast_unsigned()).is_multiple_of(DAYS_BETWEEN_RELEASES);
        let early = self.key.is_multiple_of(2);
        if self.release_due || (released && early) {
            self.releases += 1;
            self.chain.again = (self.chain.again * dice.log_normal(1.0, 0.1)).min(0.3);
            self.chain.aside = (self.chain.aside * dice.log_normal(1.0, 0.1)).min(0.12);
        }
        self.release_due = released && !early;
        self.moves += u32::from(dice.chance(RESCHEDULED));
    }

    /// What it is made of after `ahead` more releases.
    pub(crate) fn revision(&self, ahead: u32) -> Revision {
        let release = self.releases + ahead;
        let digest = |part: u64| format!("{:08x}", self.role_key(part) & 0xffff_ffff).into_boxed_str();
        // The model changes with every third release, the prompt with every one.
        let model = release / 3;
        Revision {
            agent: Some(format!("2.{release}.0").into()),
            model: Some(format!("large-{}.{}", 3 + model / 10, model % 10).into()),
            prompt: Some(digest(0x1000 + u64::from(release))),
            tools: None,
        }
    }

    /// Where it runs; a release moves it to another workload, being scheduled anew to another address as well.
    pub(crate) fn origin(&self, ahead: u32) -> Origin {
        let release = u64::from(self.releases + ahead);
        let pod = self.own_key(0x2000 + release + (u64::from(self.moves) << 32));
        let host = self.number + 97 * self.moves;
        Origin {
            ip: Some(format!("10.{}.{}.{}", self.role_key(1) % 200, host / 250 % 256, host % 250 + 1).into()),
            workload: Some(format!("{}-{:05x}", self.name, pod & 0xf_ffff).into()),
            region: Some("eu-west-1".into()),
            user_agent: Some(format!("acme-agents/2.{release}").into()),
        }
    }
}
