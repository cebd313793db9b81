//! The attacks. Each changes a draft and marks the steps that carry it out.

use std::time::Duration;

use models::event::{Action, ActionOutcome, Event, Sensitivity, TargetOrigin, Timestamp};

use super::parts::{UPLOAD, elsewhere};
use crate::generator::{Agent, Dice, Draft, ROLES, Tool, mix, pause};

/// A step in the middle half of the session.
pub(super) fn middle(draft: &Draft, dice: &mut Dice) -> usize {
    let steps = draft.steps.len() as u64;
    dice.between(steps / 4, (steps * 3 / 4).max(steps / 4)) as usize
}

pub(super) fn known_reads(agent: &Agent) -> Vec<(usize, &'static Tool)> {
    agent.known_tools().filter(|(_, tool)| tool.action == Action::Read).collect()
}

/// The most sensitive of its reading tools, of these the one that returns the most.
pub(super) fn richest_read(agent: &Agent) -> Option<(usize, &'static Tool)> {
    let by_worth = |(_, a): &(usize, &Tool), (_, b): &(usize, &Tool)| {
        a.sensitivity.cmp(&b.sensitivity).then(a.bytes_out.total_cmp(&b.bytes_out))
    };
    known_reads(agent).into_iter().max_by(by_worth)
}

/// Its own way to the outside, else the one that has most effect.
fn way_out(agent: &Agent) -> Option<(usize, &'static Tool)> {
    let effects = || agent.known_tools().filter(|(_, tool)| tool.action.is_side_effect());
    effects().find(|(_, tool)| tool.external).or_else(|| effects().next())
}

fn unknown_target(tool: &Tool, dice: &mut Dice) -> Option<String> {
    tool.target.render(mix(&[dice.bits()]))
}

pub(super) fn later(clock: &mut Timestamp, low_ms: u64, high_ms: u64, dice: &mut Dice) -> Timestamp {
    *clock = clock.saturating_add(Duration::from_millis(dice.between(low_ms, high_ms)));
    *clock
}

/// Tools of other roles that reach what is confidential, none of which the agent's role has.
pub(super) fn foreign_tools(agent: &Agent) -> Vec<&'static Tool> {
    ROLES
        .iter()
        .filter(|role| role.agent != agent.role().agent)
        .flat_map(|role| role.tools)
        .filter(|tool| tool.sensitivity >= Sensitivity::Confidential)
        .filter(|tool| agent.role().tools.iter().all(|own| (own.name, own.server) != (tool.name, tool.server)))
        .collect()
}

pub(super) fn stolen_credential(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let mut clock = draft.time_of(middle(draft, dice));
    let elsewhere = elsewhere(dice);
    let reads = known_reads(agent);
    let mut burst = Vec::new();
    for _ in 0..dice.between(12, 30) {
        let Some((place, tool)) = dice.pick(&reads).copied() else { return };
        let time = later(&mut clock, 120, 600, dice);
        let target = unknown_target(tool, dice);
        let event = draft.call(tool, target, 2.0 * agent.volume(place), time, dice);
        burst.push(Event { source: Some(elsewhere.clone()), target_origin: None, trace: None, ..event });
    }
    draft.overlay_malicious(burst);
}

pub(super) fn prompt_injection(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let middle = middle(draft, dice);
    // The instructions came in with the last thing read.
    let is_read = |place: &usize| draft.steps.get(*place).is_some_and(|s| s.event.action == Some(Action::Read));
    let after = (0..=middle).rev().find(is_read).unwrap_or(middle);
    let Some((place, tool)) = way_out(agent) else { return };
    let mut clock = draft.time_of(after);
    let target = tool.target.of_attacker(dice.bits());
    let mut calls = Vec::new();
    for _ in 0..dice.between(1, 2) {
        let time = later(&mut clock, 1500, 8000, dice);
        let event = draft.call(tool, Some(target.clone()), agent.volume(place), time, dice);
        let origin = Some(TargetOrigin::ToolResult);
        calls.push(Event { target_origin: origin, approval: None, outcome: ActionOutcome::Success, ..event });
    }
    draft.insert_malicious(after, calls);
}

pub(super) fn exfiltration(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let after = middle(draft, dice);
    let Some((place, source)) = richest_read(agent) else { return };
    let mut clock = draft.time_of(after);
    let mut calls = Vec::new();
    let mut taken = 0_u64;
    let factor = 10.0 + 15.0 * dice.unit();
    for _ in 0..dice.between(6, 15) {
        let time = later(&mut clock, 300, 1200, dice);
        let target = unknown_target(source, dice);
        let event = draft.call(source, target, factor * agent.volume(place), time, dice);
        taken = taken.saturating_add(event.bytes_out.unwrap_or(0));
        calls.push(event);
    }
    let way_out = way_out(agent).map(|(_, tool)| tool).filter(|tool| tool.external).unwrap_or(&UPLOAD);
    let target = way_out.target.of_attacker(dice.bits());
    let pieces = dice.between(1, 3);
    for _ in 0..pieces {
        let time = later(&mut clock, 2000, 6000, dice);
        let event = draft.call(way_out, Some(target.clone()), 1.0, time, dice);
        calls.push(Event { bytes_in: Some(taken / pieces), external: Some(true), approval: None, ..event });
    }
    draft.insert_malicious(after, calls);
}

pub(super) fn slow_exfiltration(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let after = middle(draft, dice);
    let Some((place, source)) = richest_read(agent) else { return };
    let volume = agent.volume(place);
    // Two standard deviations: the agent itself goes over it in one call of forty.
    let most = |median: f64| (median * volume * libm::exp(2.0 * source.spread)) as u64;
    let mut clock = draft.time_of(after);
    let mut calls = Vec::new();
    for _ in 0..dice.between(40, 70) {
        clock = clock.saturating_add(pause(source.pause_s, dice));
        let known = agent.known_target(place, dice);
        let target = if dice.chance(source.novelty.max(0.3)) { unknown_target(source, dice) } else { known };
        let event = draft.call(source, target, volume * libm::exp(source.spread), clock, dice);
        calls.push(Event {
            bytes_out: event.bytes_out.map(|bytes| bytes.min(most(source.bytes_out))),
            records: event.records.map(|records| records.min(most(source.records).max(1))),
            bytes_in: event.bytes_in.map(|bytes| bytes.min(most(source.bytes_in))),
            ..event
        });
    }
    draft.insert_malicious(after, calls);
}

pub(super) fn tool_misuse(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let after = middle(draft, dice);
    let others = foreign_tools(agent);
    let mut clock = draft.time_of(after);
    let mut calls = Vec::new();
    for _ in 0..dice.between(3, 6) {
        let Some(&tool) = dice.pick(&others) else { return };
        let time = later(&mut clock, 800, 5000, dice);
        let target = unknown_target(tool, dice);
        let event = draft.call(tool, target, 1.0, time, dice);
        let outcome = if dice.chance(0.4) { ActionOutcome::Denied } else { ActionOutcome::Success };
        calls.push(Event { outcome, approval: None, ..event });
    }
    draft.insert_malicious(after, calls);
}

pub(super) fn chain_scramble(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let after = middle(draft, dice);
    let known: Vec<(usize, &Tool)> = agent.known_tools().collect();
    let mut clock = draft.time_of(after);
    let mut calls = Vec::new();
    for _ in 0..dice.between(15, 40) {
        let Some((place, tool)) = dice.pick(&known).copied() else { return };
        let time = later(&mut clock, 20, 80, dice);
        let target = agent.known_target(place, dice);
        let event = draft.call(tool, target, agent.volume(place), time, dice);
        calls.push(Event { approval: None, ..event });
    }
    draft.insert_malicious(after, calls);
}
