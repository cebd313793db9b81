//! What goes wrong with an agent, or only looks as if it did: named, seeded changes to an ordinary session.
//!
//! Every scenario wraps a session that the agent would have run anyway, so that nothing but the scenario tells it apart.
//! The events that carry an attack out are marked in the session's [label](crate::reader::labels::Label); a detector is to
//! find the attacks and to stay quiet on the benign ones, which are here because they are easily mistaken for attacks.

mod attack;
mod benign;

use std::str::FromStr;
use std::time::Duration;

use models::event::Timestamp;

use crate::generator::{Agent, Dice, Draft, Plan, mixed_unit};

/// A named change to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// The agent's token is used from elsewhere: another address, region and client read in a burst while the agent itself
    /// goes on with its work.
    StolenCredential,
    /// The agent reads something with instructions in it and follows them: one or two side effects with its own tools on
    /// a target of the attacker's, in the middle of its task.
    PromptInjection,
    /// Confidential records are read in bulk, then sent out in few large pieces.
    Exfiltration,
    /// The same volume in small pieces: each read is within the agent's own range, their number is not.
    SlowExfiltration,
    /// Scope creep: tools of other roles are tried, and some of the calls denied.
    ToolMisuse,
    /// The agent's own tools at machine speed and in no order that any of its tasks has.
    ChainScramble,
    /// Benign: a declared new release with a little more traffic and one more check at the end of a task.
    NewRelease,
    /// Benign: every agent of a role gets the same new tool at the same time.
    ToolRollout,
    /// Benign: for three days there is more than twice as much to do in each session, and more in each call.
    MonthEnd,
}

impl Scenario {
    /// Every scenario, attacks first.
    pub const ALL: [Scenario; 9] = [
        Scenario::StolenCredential,
        Scenario::PromptInjection,
        Scenario::Exfiltration,
        Scenario::SlowExfiltration,
        Scenario::ToolMisuse,
        Scenario::ChainScramble,
        Scenario::NewRelease,
        Scenario::ToolRollout,
        Scenario::MonthEnd,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::StolenCredential => "stolen_credential",
            Scenario::PromptInjection => "prompt_injection",
            Scenario::Exfiltration => "exfiltration",
            Scenario::SlowExfiltration => "slow_exfiltration",
            Scenario::ToolMisuse => "tool_misuse",
            Scenario::ChainScramble => "chain_scramble",
            Scenario::NewRelease => "new_release",
            Scenario::ToolRollout => "tool_rollout",
            Scenario::MonthEnd => "month_end",
        }
    }

    /// Whether it is to be found; otherwise an alert on it is a false alarm.
    pub fn is_attack(self) -> bool {
        !matches!(self, Scenario::NewRelease | Scenario::ToolRollout | Scenario::MonthEnd)
    }

    /// Changes a session of `agent`.
    pub(crate) fn apply(self, draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
        match self {
            Scenario::StolenCredential => attack::stolen_credential(draft, agent, dice),
            Scenario::PromptInjection => attack::prompt_injection(draft, agent, dice),
            Scenario::Exfiltration => attack::exfiltration(draft, agent, dice),
            Scenario::SlowExfiltration => attack::slow_exfiltration(draft, agent, dice),
            Scenario::ToolMisuse => attack::tool_misuse(draft, agent, dice),
            Scenario::ChainScramble => attack::chain_scramble(draft, agent, dice),
            Scenario::NewRelease => benign::new_release(draft, agent),
            Scenario::ToolRollout => benign::tool_rollout(draft, dice),
            Scenario::MonthEnd => benign::month_end(draft, dice),
        }
    }
}

/// There is no such scenario, or no such share of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Not a name.
    #[error("there is no scenario `{}`; choose from {}", .0.escape_debug(), names())]
    Unknown(String),
    /// Not a share.
    #[error("`{}` is not NAME=SHARE with a share from 0 to 1, such as `prompt_injection=0.01`", .0.escape_debug())]
    Share(String),
}

fn names() -> String {
    Scenario::ALL.map(Scenario::name).join(", ")
}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(name: &str) -> Result<Self, ScenarioError> {
        let found = Scenario::ALL.into_iter().find(|scenario| scenario.name() == name);
        found.ok_or_else(|| ScenarioError::Unknown(name.to_owned()))
    }
}

/// How much of a scenario: an attack takes this share of the sessions, a benign one this share of the agents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// What.
    pub scenario: Scenario,
    /// How much, from 0 to 1.
    pub share: f64,
}

impl FromStr for Share {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        let wrong = || ScenarioError::Share(text.to_owned());
        let (name, share) = text.split_once('=').ok_or_else(wrong)?;
        let share: f64 = share.parse().map_err(|_| wrong())?;
        if !(0.0..=1.0).contains(&share) {
            return Err(wrong());
        }
        Ok(Self { scenario: name.parse()?, share })
    }
}

impl Share {
    /// What an agent's session with this number is to become. Depends on nothing but its arguments.
    pub(crate) fn choose(plan: &Plan, agent: &Agent, start: Timestamp, session: u64) -> Option<Scenario> {
        if start < plan.from {
            return None;
        }
        let mut left = mixed_unit(&[agent.own_key(0xa77ac), session]);
        for share in plan.shares.iter().filter(|share| share.scenario.is_attack()) {
            left -= share.share;
            if left < 0.0 {
                return Some(share.scenario);
            }
        }
        let benign = plan.shares.iter().filter(|share| !share.scenario.is_attack());
        benign.filter(|share| share.has_set_in(plan, agent, start)).map(|share| share.scenario).next()
    }

    /// Benign scenarios set in at one time per agent (a roll-out: per role) and stay; a month's end passes.
    fn has_set_in(&self, plan: &Plan, agent: &Agent, start: Timestamp) -> bool {
        let part = 0xbe000 + self.scenario as u64;
        let key = match self.scenario {
            Scenario::ToolRollout => agent.role_key(part),
            _ => agent.own_key(part),
        };
        if mixed_unit(&[key]) >= self.share {
            return false;
        }
        // Within the first half, so that there is something to see.
        let span = plan.until.as_nanos().saturating_sub(plan.from.as_nanos()).max(0);
        // The end of a month is the same for everybody.
        let when = if self.scenario == Scenario::MonthEnd { 0.2 } else { 0.5 * mixed_unit(&[key, 1]) };
        let onset = plan.from.saturating_add(Duration::from_nanos((span as f64 * when) as u64));
        let passed = self.scenario == Scenario::MonthEnd && start >= onset.saturating_add(benign::MONTH_END);
        start >= onset && !passed
    }
}

#[cfg(test)]
mod tests;
