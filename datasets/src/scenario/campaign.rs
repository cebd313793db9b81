//! Attacks that take their time: sixty calls within one session, or a month of growth.

use models::event::{Event, Origin, TargetOrigin};

use super::attack::{foreign_tools, later, middle};
use super::parts::{elsewhere, grow};
use crate::generator::{Agent, Dice, Draft, Tool, pause};

/// Calls of one attack.
const CALLS: usize = 60;
/// Factor on the volumes where they are to be large.
const LARGE: f64 = 20.0;
/// Share of the calls that are made with new tools.
const NEW: f64 = 0.3;

/// Tools in the order that the session's task takes them, over and over.
fn along_task(draft: &Draft, agent: &Agent) -> Vec<(usize, &'static Tool)> {
    let path = draft.task(agent).map_or(&[][..], |task| task.path);
    path.iter().filter_map(|&place| Some((place, agent.role().tools.get(place)?))).collect()
}

/// Sixty ordinary calls at the agent's own pace, each changed by `change` (which gets the tool's place and the tool).
fn calls(
    draft: &Draft,
    agent: &Agent,
    dice: &mut Dice,
    usable: impl Fn(&Tool) -> bool,
    mut change: impl FnMut(usize, &'static Tool, Event, &mut Dice) -> Event,
) -> (usize, Vec<Event>) {
    let after = middle(draft, dice);
    let mut clock = draft.time_of(after);
    let tools: Vec<_> = along_task(draft, agent).into_iter().filter(|(_, tool)| usable(tool)).collect();
    let mut events = Vec::with_capacity(CALLS);
    for &(place, tool) in tools.iter().cycle().take(CALLS) {
        clock = clock.saturating_add(pause(tool.pause_s, dice));
        let target = agent.known_target(place, dice);
        let event = draft.call(tool, target, agent.volume(place), clock, dice);
        events.push(change(place, tool, event, dice));
    }
    (after, events)
}

fn any(_: &Tool) -> bool {
    true
}

pub(super) fn target_fan_out(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let has_room = |tool: &Tool| tool.target.unseen(0).is_some();
    let (after, events) = calls(draft, agent, dice, has_room, |_, tool, mut event, dice| {
        event.targets = tool.target.unseen(dice.bits()).into_iter().map(Into::into).collect();
        event
    });
    draft.insert_malicious(after, events);
}

pub(super) fn exfiltration_x20(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let (after, events) = calls(draft, agent, dice, any, |_, _, event, _| grow(event, LARGE));
    draft.insert_malicious(after, events);
}

pub(super) fn known_credential_elsewhere(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let there = elsewhere(dice);
    let (_, events) = calls(draft, agent, dice, any, |_, _, event, _| from(event, &there));
    // At home the session goes on beside it: a third as many calls over the same time.
    let (_, mut home) = calls(draft, agent, dice, any, |_, _, event, _| event);
    home.truncate(CALLS / 3);
    for (own, theirs) in home.iter_mut().zip(events.iter().step_by(3)) {
        own.time = theirs.time.saturating_add(std::time::Duration::from_millis(dice.between(10, 900)));
    }
    draft.go_on(home);
    draft.overlay_malicious(events);
}

pub(super) fn new_tools(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let others = foreign_tools(agent);
    let own = draft.clone();
    let (after, events) = calls(draft, agent, dice, any, |_, _, event, dice| replaced(&own, event, &others, 1.0, dice));
    draft.insert_malicious(after, events);
}

pub(super) fn takeover(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let there = elsewhere(dice);
    let others = foreign_tools(agent);
    let own = draft.clone();
    let mut clock = None;
    let (_, events) = calls(draft, agent, dice, any, |_, tool, mut event, dice| {
        if let Some(target) = tool.target.unseen(dice.bits()) {
            event.targets = vec![target.into()];
        }
        let mut event = replaced(&own, grow(event, LARGE), &others, LARGE, dice);
        event.time = later(clock.get_or_insert(event.time), 50, 400, dice);
        from(event, &there)
    });
    draft.overlay_malicious(events);
}

/// In three of ten cases a call with a tool of another role instead.
fn replaced(draft: &Draft, event: Event, others: &[&'static Tool], volume: f64, dice: &mut Dice) -> Event {
    let Some(&tool) = dice.pick(others).filter(|_| dice.unit() < NEW) else { return event };
    let target = tool.target.unseen(dice.bits()).or_else(|| tool.target.render(dice.bits()));
    Event { approval: None, ..draft.call(tool, target, volume, event.time, dice) }
}

fn from(event: Event, source: &Origin) -> Event {
    Event { source: Some(source.clone()), target_origin: Some(TargetOrigin::User), trace: None, ..event }
}

pub(super) fn ramp(draft: &mut Draft, growth: f64, days: f64) {
    draft.change(|event| *event = grow(event.clone(), libm::pow(1.0 + growth, days)));
    draft.mark_all();
}
