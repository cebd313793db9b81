//! The population's events in one order of time: a merge of the agents, each of which plays its sessions as they come.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use models::event::{Event, Timestamp};

use super::PopulationConfig;
use super::agent::Agent;
use super::dice::{Dice, mix};
use super::rhythm::{NANOS_PER_DAY, Rhythm};
use super::session::{Draft, Session, pause};
use crate::reader::labels::Label;
use crate::scenario::{Fate, RAMP_DAYS, Scenario, Share};

/// Share of the starts that bring more of them within minutes.
const BURST: f64 = 0.02;

/// Which sessions become what.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// How much of what.
    pub shares: Vec<Share>,
    /// Scenarios happen in sessions that start here or later; benign ones set in between here and `until`.
    pub from: Timestamp,
    /// See `from`.
    pub until: Timestamp,
    /// Sessions that would reach over one of these times do not take place, so that files cut there hold whole sessions.
    pub cuts: Vec<Timestamp>,
    /// Whether to keep the labels for [`EventStream::take_labels`].
    pub labels: bool,
}

/// Endless events in order of time. Holds the sessions that run at the moment, never the past.
#[derive(Debug, Clone)]
pub struct EventStream {
    agents: Vec<Worker>,
    /// When each agent acts next. An entry that is no longer true is skipped when its time comes.
    upcoming: BinaryHeap<Reverse<(Timestamp, usize)>>,
    plan: Plan,
    labels: Vec<Label>,
    now: Timestamp,
}

#[derive(Debug, Clone)]
struct Worker {
    agent: Agent,
    schedule: Dice,
    behaviour: Dice,
    /// The next day that is not planned yet, in days since the Unix epoch.
    day: i64,
    begin: Timestamp,
    starts: VecDeque<Timestamp>,
    queue: VecDeque<Event>,
    sessions: u64,
}

impl EventStream {
    pub(super) fn new(config: &PopulationConfig, agents: &[Agent], plan: Plan) -> Self {
        let day = config.start.as_nanos().div_euclid(NANOS_PER_DAY);
        let mut agents: Vec<Worker> = agents
            .iter()
            .map(|agent| Worker {
                schedule: Dice::new(config.seed, agent.own_key(1)),
                behaviour: Dice::new(config.seed, agent.own_key(2)),
                agent: agent.clone(),
                day,
                begin: config.start,
                starts: VecDeque::new(),
                queue: VecDeque::new(),
                sessions: 0,
            })
            .collect();
        let next = agents.iter_mut().enumerate().filter_map(|(i, worker)| Some(Reverse((worker.next_time(&plan)?, i))));
        let upcoming = next.collect();
        Self { agents, upcoming, plan, labels: Vec::new(), now: config.start }
    }

    /// The next event if it happens before `end`; otherwise it stays where it is.
    pub fn next_before(&mut self, end: Timestamp) -> Option<Event> {
        loop {
            let &Reverse((time, index)) = self.upcoming.peek()?;
            if time >= end {
                return None;
            }
            self.upcoming.pop();
            let worker = self.agents.get_mut(index)?;
            if worker.next_time(&self.plan) != Some(time) {
                continue;
            }
            let event = if worker.queue.front().is_some_and(|event| event.time <= time) {
                worker.take()
            } else {
                if let Some(label) = worker.play(&self.plan)
                    && self.plan.labels
                {
                    self.labels.push(label);
                }
                None
            };
            if let Some(next) = worker.next_time(&self.plan) {
                self.upcoming.push(Reverse((next, index)));
            }
            if let Some(event) = event {
                self.now = event.time;
                return Some(event);
            }
        }
    }

    /// Lets an agent start a session now or at a later `start`, besides those it has planned; `None` if there is no such agent.
    ///
    /// Its events come out of the stream in their turn. Returns what it is.
    pub fn inject(&mut self, agent: usize, start: Timestamp, scenario: Option<Scenario>) -> Option<Label> {
        let start = start.max(self.now);
        let worker = self.agents.get_mut(agent)?;
        let session = worker.session(&self.plan, start, scenario);
        let label = session.label.clone();
        worker.enqueue(session.events);
        if let Some(next) = worker.next_time(&self.plan) {
            self.upcoming.push(Reverse((next, agent)));
        }
        Some(label)
    }

    /// One session of one agent, with the habits it has by now, beside those that come out of the stream; `None` if there is
    /// no such agent. Ids of sessions and events never repeat those of the stream. Honest changes that have set in by then
    /// show in it as they do in the stream.
    pub fn play(&mut self, agent: usize, start: Timestamp, scenario: Option<Scenario>) -> Option<Session> {
        Some(self.agents.get_mut(agent)?.session(&self.plan, start, scenario))
    }

    /// The labels of the sessions that began since the last call, if the plan asked for them.
    pub fn take_labels(&mut self) -> Vec<Label> {
        std::mem::take(&mut self.labels)
    }
}

impl Iterator for EventStream {
    type Item = Event;

    /// Never ends before the year 2262.
    fn next(&mut self) -> Option<Event> {
        self.next_before(Timestamp::MAX)
    }
}

impl Worker {
    /// When it acts next: goes on with a session, or starts one.
    fn next_time(&mut self, plan: &Plan) -> Option<Timestamp> {
        let last_day = i64::MAX / NANOS_PER_DAY;
        while self.starts.is_empty() && self.queue.is_empty() && self.day < last_day {
            self.plan_day(plan);
        }
        // A session that runs over midnight must not hide one that starts after it.
        while self.starts.is_empty()
            && self.queue.back().is_some_and(|e| e.time.as_nanos().div_euclid(NANOS_PER_DAY) >= self.day)
        {
            self.plan_day(plan);
        }
        let event = self.queue.front().map(|event| event.time);
        match (event, self.starts.front().copied()) {
            (Some(event), Some(start)) => Some(event.min(start)),
            (event, start) => event.or(start),
        }
    }

    fn take(&mut self) -> Option<Event> {
        let event = self.queue.pop_front();
        if self.queue.is_empty() {
            // Most agents are idle at most times: an idle one keeps no room for a session.
            self.queue = VecDeque::new();
        }
        event
    }

    fn plan_day(&mut self, plan: &Plan) {
        self.agent.drift(self.day, &mut self.schedule);
        let (rhythm, shift) = (self.agent.role().rhythm, self.agent.shift);
        let mut starts = rhythm.starts(self.day, self.agent.sessions_on(self.day), shift, &mut self.schedule);
        if Share::works_weekend(plan, &self.agent, self.day) {
            // Chance of its own: every other day stays as it is.
            let mut dice = Dice::new(self.day.cast_unsigned(), self.agent.own_key(3));
            starts.extend(Rhythm::RoundTheClock.starts(self.day, self.agent.sessions_on(self.day), 0, &mut dice));
        }
        let midnight = Timestamp::from_nanos((self.day + 1).saturating_mul(NANOS_PER_DAY));
        for i in 0..starts.len() {
            if self.schedule.chance(BURST) {
                let mut next = starts.get(i).copied().unwrap_or(midnight);
                for _ in 0..self.schedule.between(2, 6) {
                    next = next.saturating_add(pause(90.0, &mut self.schedule));
                    starts.push(next);
                }
            }
        }
        starts.retain(|start| *start >= self.begin && *start < midnight);
        starts.sort_unstable();
        self.starts.extend(starts);
        self.day += 1;
    }

    /// Plays the session that is to start next; `None` if the plan has it not take place.
    fn play(&mut self, plan: &Plan) -> Option<Label> {
        let start = self.starts.pop_front()?;
        let fate = Share::fate(plan, &self.agent, start, self.sessions);
        let Session { mut label, events } = match fate {
            Fate::Ordinary => self.changed(start, &[]),
            Fate::Changed(scenario, days) => self.changed(start, &[(scenario, days)]),
            Fate::Absent => return None,
        };
        let end = events.last()?.time;
        if plan.cuts.iter().any(|cut| start < *cut && end >= *cut) {
            return None;
        }
        label.split = Some(if start < plan.from { "baseline" } else { "test" }.to_owned());
        self.enqueue(events);
        Some(label)
    }

    /// A session on demand: with what has set in by then and stays, and with a scenario.
    fn session(&mut self, plan: &Plan, start: Timestamp, scenario: Option<Scenario>) -> Session {
        let lasting = Share::lasting(plan, &self.agent, start);
        let mut changes: Vec<_> = scenario.map(|scenario| (scenario, RAMP_DAYS)).into_iter().collect();
        if let Some(lasting) = lasting {
            // Moved targets are moved for whoever uses them; what else is honest was there before.
            let at = if lasting.0 == Scenario::Migration { changes.len() } else { 0 };
            changes.insert(at, lasting);
        }
        let mut session = self.changed(start, &changes);
        session.label.scenario = scenario.map(|scenario| scenario.name().to_owned());
        session
    }

    fn changed(&mut self, start: Timestamp, changes: &[(Scenario, f64)]) -> Session {
        let name = format!("{}-{:06}", self.agent.name(), self.sessions);
        self.sessions += 1;
        let mut draft = Draft::of(&mut self.agent, start, name, &mut self.behaviour);
        for (scenario, days) in changes {
            // Chance of its own: what else the agent does stays the same with or without the scenario.
            let mut dice = Dice::new(mix(&[*scenario as u64]), self.agent.own_key(self.sessions));
            scenario.apply(&mut draft, &self.agent, *days, &mut dice);
        }
        let attack = changes.iter().find(|(scenario, _)| scenario.is_attack());
        draft.finish(attack.or(changes.first()).map(|(scenario, _)| *scenario))
    }

    fn enqueue(&mut self, events: Vec<Event>) {
        let in_order = self.queue.back().zip(events.first()).is_none_or(|(last, first)| last.time <= first.time);
        self.queue.extend(events);
        if !in_order {
            self.queue.make_contiguous().sort_by_key(|event| event.time);
        }
    }
}
