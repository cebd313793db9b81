//! How much of a scenario, and when it sets in.

use std::str::FromStr;
use std::time::Duration;

use models::event::Timestamp;

use super::{RAMP_DAYS, Reach, Scenario, ScenarioError, benign, parts};
use crate::generator::{Agent, NANOS_PER_DAY, Plan, Rhythm, mixed_unit, weekday};

const DAY_SECONDS: f64 = 86_400.0;

/// How much of a scenario: this share of the sessions, of the agents or of the roles, see [`Scenario::reach`].
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

/// What becomes of a session that is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    /// It is as ever.
    Ordinary,
    /// It gets a scenario that set in so many days ago.
    Changed(Scenario, f64),
    /// It does not take place: its agent is not there yet.
    Absent,
}

impl Share {
    /// What an agent's session with this number is to become. Depends on nothing but its arguments.
    pub(crate) fn fate(plan: &Plan, agent: &Agent, start: Timestamp, session: u64) -> Fate {
        let newcomers = |share: &&Self| matches!(share.scenario, Scenario::NewTenant | Scenario::NewIdentity);
        for share in plan.shares.iter().filter(newcomers) {
            if share.onset(plan, agent).is_some_and(|onset| start < onset) {
                return Fate::Absent;
            }
        }
        if start < plan.from {
            return Fate::Ordinary;
        }
        let mut left = mixed_unit(&[agent.own_key(0xa77ac), session]);
        for share in plan.shares.iter().filter(|share| share.scenario.reach() == Reach::Sessions) {
            left -= share.share;
            if left < 0.0 {
                return Fate::Changed(share.scenario, 0.0);
            }
        }
        Self::lasting(plan, agent, start).map_or(Fate::Ordinary, |(scenario, days)| Fate::Changed(scenario, days))
    }

    /// What has set in for an agent, and how many days ago.
    pub(crate) fn lasting(plan: &Plan, agent: &Agent, now: Timestamp) -> Option<(Scenario, f64)> {
        let lasting = plan.shares.iter().filter(|share| share.scenario.reach() != Reach::Sessions);
        let mut set_in = lasting.filter_map(|share| Some((share.scenario, share.days_since(plan, agent, now)?)));
        set_in.next()
    }

    /// Whether the agent works through the weekend that this day (since the Unix epoch) belongs to.
    pub(crate) fn works_weekend(plan: &Plan, agent: &Agent, day: i64) -> bool {
        let noon = Timestamp::from_nanos(day.saturating_mul(NANOS_PER_DAY).saturating_add(NANOS_PER_DAY / 2));
        let on_call = |share: &Self| share.scenario == Scenario::OnCallWeekend;
        weekday(day) >= 5 && plan.shares.iter().any(|s| on_call(s) && s.days_since(plan, agent, noon).is_some())
    }

    /// When it sets in for this agent: at one moment for an agent or a role, within the first half of the plan's span, so
    /// that there is something to see. `None` if it passes the agent by.
    fn onset(&self, plan: &Plan, agent: &Agent) -> Option<Timestamp> {
        let part = 0xbe000 + self.scenario as u64;
        let key = if self.scenario.reach() == Reach::Roles { agent.role_key(part) } else { agent.own_key(part) };
        if mixed_unit(&[key]) >= self.share {
            return None;
        }
        let when = match self.scenario {
            // The end of a month is the same for everybody.
            Scenario::MonthEnd => 0.2,
            // All keys are in the same list.
            Scenario::LeakedKeys => 0.3,
            _ if self.scenario.daily_growth().is_some() => 0.0,
            _ => 0.5 * mixed_unit(&[key, 1]),
        };
        let span = plan.until.as_nanos().saturating_sub(plan.from.as_nanos()).max(0);
        let onset = plan.from.saturating_add(Duration::from_nanos((span as f64 * when) as u64));
        Some(match self.scenario {
            Scenario::OnCallWeekend => saturday_after(onset),
            _ => onset,
        })
    }

    /// How many days ago it set in; `None` if it has not, or has passed.
    fn days_since(&self, plan: &Plan, agent: &Agent, now: Timestamp) -> Option<f64> {
        if self.scenario == Scenario::OnCallWeekend && agent.role().rhythm != Rhythm::OfficeHours {
            return None;
        }
        let days = now.seconds_since(self.onset(plan, agent)?) / DAY_SECONDS;
        let lasts = match self.scenario {
            Scenario::MonthEnd => benign::MONTH_END_DAYS,
            Scenario::OnCallWeekend => 2.0,
            Scenario::LeakedKeys => parts::LEAK_DAYS,
            _ if self.scenario.daily_growth().is_some() => RAMP_DAYS,
            _ => f64::INFINITY,
        };
        (0.0..lasts).contains(&days).then_some(days)
    }
}

/// The first Saturday's midnight not before `time`.
fn saturday_after(time: Timestamp) -> Timestamp {
    let day = time.as_nanos().saturating_sub(1).div_euclid(NANOS_PER_DAY) + 1;
    Timestamp::from_nanos((day + (5 - weekday(day)).rem_euclid(7)).saturating_mul(NANOS_PER_DAY))
}
