//! One run of one agent, from its first call to its last, as a draft that a scenario may still change.

use std::time::Duration;

use models::event::{ActionOutcome, Approval, DEFAULT_TENANT, Event, Parent, Sensitivity, TargetOrigin, Timestamp};

use super::agent::Agent;
use super::dice::Dice;
use super::habit::Mood;
use super::role::Task;
use super::tool::Tool;
use crate::reader::labels::Label;
use crate::scenario::Scenario;

/// Longest chain: bounds a session whatever the dice say.
const MAX_STEPS: usize = 60;
/// One call in so many is far larger than its like, with no upper end to speak of.
const FAR_TAIL: f64 = 0.003;

/// A whole session and its ground truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What it is.
    pub label: Label,
    /// Its events, in order of time.
    pub events: Vec<Event>,
}

/// A session while it may still change: ids are given when it is finished.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) steps: Vec<Step>,
    /// What its events have in common.
    frame: Event,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) event: Event,
    /// Whether it carries an attack out.
    pub(crate) malicious: bool,
}

impl Draft {
    /// Plays one session: a task, and a walk through its tools.
    pub(crate) fn of(agent: &mut Agent, start: Timestamp, name: String, dice: &mut Dice) -> Self {
        let role = agent.role();
        let task = dice.zipf(role.tasks.len()).and_then(|rank| role.tasks.get(rank));
        let (task, path) = task.map_or(("idle", &[][..]), |task| (task.name, task.path));
        let mood = agent.mood(dice);
        let mut draft =
            Self { steps: Vec::with_capacity(path.len() + 4), frame: frame(agent, start, name, task, dice) };
        let bulk = if dice.chance(agent.bulk) { dice.below(path.len() as u64) as usize } else { usize::MAX };
        let mut clock = start;
        let mut place_on_path = 0;
        while let Some(&on_path) = path.get(place_on_path).filter(|_| draft.steps.len() < MAX_STEPS) {
            let chain = agent.chain;
            let again = (chain.again * mood.again).min(0.5);
            let turn = dice.unit();
            let mut place = on_path;
            let first_visit = place_on_path;
            if turn < again {
                // Stays for another one.
            } else if turn < again + chain.back {
                place_on_path = dice.below(place_on_path as u64 + 1) as usize;
            } else if turn < again + chain.back + chain.aside {
                let known: Vec<usize> = agent.known_tools().map(|(place, _)| place).collect();
                place = dice.zipf(known.len()).and_then(|rank| known.get(rank)).copied().unwrap_or(on_path);
            } else {
                place_on_path += 1;
                if first_visit == bulk {
                    for _ in 0..dice.between(8, 30) {
                        draft.step(agent, place, 0.3 * mood.pace, mood, &mut clock, dice);
                    }
                } else if place_on_path < path.len() && dice.chance(mood.skip) {
                    continue;
                }
            }
            draft.step(agent, place, mood.pace, mood, &mut clock, dice);
        }
        draft
    }

    /// One call of the agent's own, and a second try if it fails.
    fn step(&mut self, agent: &mut Agent, place: usize, pace: f64, mood: Mood, clock: &mut Timestamp, dice: &mut Dice) {
        let Some(tool) = agent.role().tools.get(place) else { return };
        *clock = clock.saturating_add(pause(tool.pause_s * agent.chain.pace * pace, dice));
        if self.frame.credential.as_ref().and_then(|token| token.expires_at).is_some_and(|end| end <= *clock) {
            self.frame.credential = Some(agent.token(*clock, dice));
        }
        let target = agent.target(place, mood.eager, dice);
        let mut event = self.call(tool, target, agent.volume(place) * mood.volume, *clock, dice);
        event.outcome = match dice.unit() {
            u if u < 0.002 => ActionOutcome::Denied,
            u if u < 0.014 => ActionOutcome::Error,
            _ => ActionOutcome::Success,
        };
        let failed = event.outcome == ActionOutcome::Error;
        self.steps.push(Step { event, malicious: false });
        if failed {
            // Tries once more, on the same target.
            *clock = clock.saturating_add(pause(2.0, dice));
            self.repeat_last(*clock);
        }
    }

    /// When it starts.
    pub(crate) fn start(&self) -> Timestamp {
        self.frame.time
    }

    /// Adds more of the agent's own steps.
    pub(crate) fn go_on(&mut self, events: Vec<Event>) {
        self.steps.extend(events.into_iter().map(|event| Step { event, malicious: false }));
    }

    /// Its task.
    pub(crate) fn task(&self, agent: &Agent) -> Option<&'static Task> {
        let name = self.frame.task.as_deref()?;
        agent.role().tasks.iter().find(|task| task.name == name)
    }

    /// When its token ends.
    pub(crate) fn token_end(&self) -> Timestamp {
        self.frame.credential.as_ref().and_then(|token| token.expires_at).unwrap_or(self.frame.time)
    }

    /// Changes every event, those to come as well.
    pub(crate) fn change(&mut self, mut change: impl FnMut(&mut Event)) {
        change(&mut self.frame);
        self.steps.iter_mut().for_each(|step| change(&mut step.event));
    }

    /// Marks every step as malicious.
    pub(crate) fn mark_all(&mut self) {
        self.steps.iter_mut().for_each(|step| step.malicious = true);
    }

    /// Moves everything by so much into the future.
    pub(crate) fn delay(&mut self, by: Duration) {
        self.change(|event| {
            event.time = event.time.saturating_add(by);
            if let Some(token) = &mut event.credential {
                token.issued_at = token.issued_at.map(|at| at.saturating_add(by));
                token.expires_at = token.expires_at.map(|at| at.saturating_add(by));
            }
        });
    }

    /// A call in this session, with the tool's usual volumes times `volume`.
    pub(crate) fn call(
        &self,
        tool: &Tool,
        target: Option<String>,
        volume: f64,
        time: Timestamp,
        dice: &mut Dice,
    ) -> Event {
        call(&self.frame, tool, target, volume, time, dice)
    }

    /// Marks steps as malicious and puts them after step `after`; what follows is put off until they are done.
    pub(crate) fn insert_malicious(&mut self, after: usize, events: Vec<Event>) {
        let at = (after + 1).min(self.steps.len());
        let before = at.checked_sub(1).and_then(|i| self.steps.get(i)).map_or(self.frame.time, |s| s.event.time);
        let end = events.last().map_or(before, |event| event.time);
        let delay = Duration::from_nanos(end.as_nanos().saturating_sub(before.as_nanos()).unsigned_abs());
        for step in self.steps.iter_mut().skip(at) {
            step.event.time = step.event.time.saturating_add(delay);
        }
        self.steps.splice(at..at, events.into_iter().map(|event| Step { event, malicious: true }));
    }

    /// Adds malicious steps beside the session's own, which go on as if nothing happened.
    pub(crate) fn overlay_malicious(&mut self, events: Vec<Event>) {
        self.steps.extend(events.into_iter().map(|event| Step { event, malicious: true }));
    }

    /// When the step at this place happened; the session's start if there is none.
    pub(crate) fn time_of(&self, place: usize) -> Timestamp {
        self.steps.get(place).map_or(self.frame.time, |step| step.event.time)
    }

    fn repeat_last(&mut self, time: Timestamp) {
        if let Some(last) = self.steps.last().cloned() {
            let event = Event { time, outcome: ActionOutcome::Success, ..last.event };
            self.steps.push(Step { event, ..last });
        }
    }

    /// Puts the events in order, gives them ids, and says what they are.
    pub(crate) fn finish(mut self, scenario: Option<Scenario>) -> Session {
        self.steps.sort_by_key(|step| step.event.time);
        let name = self.frame.session.clone().unwrap_or_default();
        let mut malicious_events = Vec::new();
        let mut events = Vec::with_capacity(self.steps.len());
        for (place, Step { mut event, malicious }) in self.steps.into_iter().enumerate() {
            event.id = format!("{name}-{place:03}").into();
            if malicious {
                malicious_events.push(event.id.to_string());
            }
            events.push(event);
        }
        let attack = scenario.filter(|s| s.is_attack() && !malicious_events.is_empty());
        let label = Label {
            session: name.into(),
            split: None,
            identity: Some(self.frame.identity.into()),
            task: self.frame.task.map(Into::into),
            label: if attack.is_some() { "attacked_succeeded" } else { "benign" }.to_owned(),
            attack: attack.map(|s| s.name().to_owned()),
            scenario: scenario.map(|s| s.name().to_owned()),
            first_malicious_event: malicious_events.first().cloned(),
            malicious_events,
            observable: true,
            events: Some(events.len() as u64),
        };
        Session { label, events }
    }
}

/// A call with the tool's usual volumes times `volume`, by whom and in the session that `frame` says.
pub(crate) fn call(
    frame: &Event,
    tool: &Tool,
    target: Option<String>,
    volume: f64,
    time: Timestamp,
    dice: &mut Dice,
) -> Event {
    // Sizes of one call hang together, so they share one part of their chance.
    let mut common = dice.log_normal(volume, tool.spread * 0.8);
    if dice.chance(FAR_TAIL) {
        common *= dice.pareto(2.0, 1.3);
    }
    let mut size = |median: f64| dice.log_normal(median * common, tool.spread * 0.6).round() as u64;
    let (bytes_in, bytes_out, records) = (size(tool.bytes_in), size(tool.bytes_out), size(tool.records));
    let approved = tool.sensitivity == Sensitivity::Restricted && tool.action.is_side_effect() && dice.chance(0.6);
    let person = dice.below(40);
    Event {
        time,
        tool: tool.name.into(),
        server: Some(tool.server.into()),
        action: Some(tool.action),
        targets: target.into_iter().map(Into::into).collect(),
        sensitivity: Some(tool.sensitivity),
        external: Some(tool.external),
        bytes_in: Some(bytes_in),
        bytes_out: Some(bytes_out),
        records: (tool.records > 0.0).then_some(records.max(1)),
        approval: approved
            .then(|| Approval { id: format!("apr-{time:?}").into(), by: Some(format!("user:{person}").into()) }),
        target_origin: Some(match dice.unit() {
            u if u < 0.5 => TargetOrigin::User,
            u if u < 0.8 => TargetOrigin::Config,
            // An ordinary agent, too, now and then acts on what it has just read: it answers the sender.
            u if u < 0.96 && tool.action.is_side_effect() => TargetOrigin::Memory,
            _ => TargetOrigin::ToolResult,
        }),
        ..frame.clone()
    }
}

/// A pause before a call, to the millisecond, at least one.
pub(crate) fn pause(median_s: f64, dice: &mut Dice) -> Duration {
    let seconds = dice.log_normal(median_s, 0.6).clamp(0.001, 600.0);
    Duration::from_millis((seconds * 1000.0).round() as u64)
}

/// What every event of a session has in common.
fn frame(agent: &mut Agent, start: Timestamp, name: String, task: &str, dice: &mut Dice) -> Event {
    let role = agent.role();
    let token = agent.token(start, dice);
    let delegated = role.delegated >= 1.0 || dice.chance(role.delegated);
    let domain = agent.trust_domain();
    Event {
        id: "".into(),
        time: start,
        tenant: DEFAULT_TENANT.into(),
        identity: agent.identity().into(),
        session: Some(name.into()),
        task: Some(task.into()),
        server: None,
        tool: "".into(),
        action: None,
        targets: Vec::new(),
        sensitivity: None,
        external: None,
        bytes_in: None,
        bytes_out: None,
        records: None,
        outcome: ActionOutcome::Success,
        credential: Some(token),
        parent: role.parent.filter(|_| delegated).map(|path| Parent {
            identity: format!("spiffe://{domain}/{path}").into(),
            session: Some(format!("run-{:08x}", dice.bits() >> 32).into()),
        }),
        on_behalf_of: (role.for_people && !delegated)
            .then(|| format!("user:{}", agent.own_key(dice.below(12)) % 500).into()),
        source: Some(agent.origin(0)),
        revision: Some(agent.revision(0)),
        approval: None,
        break_glass: None,
        target_origin: None,
        trace: Some(format!("00-{:016x}{:016x}-{:016x}-01", dice.bits(), dice.bits(), dice.bits()).into()),
    }
}
