//! Attacks of several stages or on several agents at once.

use models::event::{ActionOutcome, Event, TargetOrigin, Timestamp};

use super::attack::{foreign_tools, known_reads, later, middle};
use super::parts::{SECRETS, UPLOAD, buyer, elevation, share_account, unseen};
use crate::generator::{Agent, Dice, Draft, Tool, pause};

/// Looks around, takes credentials, goes on with them elsewhere, and carries the haul out, without a pause for thought.
pub(super) fn autonomous_campaign(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let after = middle(draft, dice);
    let mut clock = draft.time_of(after);
    let (reads, others) = (known_reads(agent), foreign_tools(agent));
    let mut calls = Vec::new();
    let attempt = |draft: &Draft, tool: &Tool, refused: f64, clock: &mut Timestamp, dice: &mut Dice| {
        let time = later(clock, 40, 250, dice);
        let target = unseen(tool, dice);
        let event = draft.call(tool, target, 1.0, time, dice);
        let outcome = if dice.chance(refused) { ActionOutcome::Denied } else { ActionOutcome::Success };
        let target_origin = Some(TargetOrigin::ToolResult);
        Event { outcome, target_origin, approval: None, ..event }
    };
    for _ in 0..dice.between(15, 30) {
        let Some((_, tool)) = dice.pick(&reads).copied() else { return };
        calls.push(attempt(draft, tool, 0.1, &mut clock, dice));
    }
    for _ in 0..dice.between(4, 8) {
        calls.push(attempt(draft, &SECRETS, 0.2, &mut clock, dice));
    }
    // From here on with what it found.
    let found = format!("key-{:016x}", dice.bits());
    let mut taken = 0_u64;
    for _ in 0..dice.between(10, 20) {
        let Some(&tool) = dice.pick(&others) else { return };
        let mut event = attempt(draft, tool, 0.15, &mut clock, dice);
        if let Some(credential) = &mut event.credential {
            credential.id = found.clone().into();
            credential.scopes = vec![tool.scope.into()];
        }
        taken = taken.saturating_add(event.bytes_out.unwrap_or(0));
        calls.push(event);
    }
    let target = UPLOAD.target.of_attacker(dice.bits());
    let pieces = dice.between(1, 3);
    for _ in 0..pieces {
        let event = attempt(draft, &UPLOAD, 0.0, &mut clock, dice);
        calls.push(Event { bytes_in: Some(taken / pieces), targets: vec![target.clone().into()], ..event });
    }
    draft.insert_malicious(after, calls);
}

/// Whoever bought the keys tries them all from one place, each for a look at what it opens.
pub(super) fn leaked_keys(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let buyer = buyer();
    let mut clock = draft.time_of(middle(draft, dice));
    let reads = known_reads(agent);
    let mut calls = Vec::new();
    for _ in 0..dice.between(6, 14) {
        let Some((place, tool)) = dice.pick(&reads).copied() else { return };
        let time = later(&mut clock, 200, 900, dice);
        let target = agent.known_target(place, dice);
        let event = draft.call(tool, target, agent.volume(place), time, dice);
        calls.push(Event { source: Some(buyer.clone()), target_origin: None, trace: None, ..event });
    }
    draft.overlay_malicious(calls);
}

/// From one moment on the agents act with one account between them, so that nobody can say which of them did what.
pub(super) fn shared_account(draft: &mut Draft) {
    draft.change(|event| event.credential.iter_mut().for_each(share_account));
    draft.mark_all();
}

/// A documented elevation, used for what it was not given for.
pub(super) fn break_glass_abuse(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let after = middle(draft, dice);
    let others = foreign_tools(agent);
    let mut clock = draft.time_of(after);
    let elevation = elevation(clock, dice);
    let mut calls = Vec::new();
    for _ in 0..dice.between(8, 15) {
        let Some(&tool) = dice.pick(&others) else { return };
        let time = later(&mut clock, 2000, 9000, dice);
        let target = unseen(tool, dice);
        let event = draft.call(tool, target, 1.0, time, dice);
        calls.push(Event { break_glass: Some(elevation.clone()), approval: None, ..event });
    }
    draft.insert_malicious(after, calls);
}

/// When its work is done it is given errands: own tools and those of others, in any order, on what somebody names.
pub(super) fn free_form_work(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let own: Vec<(usize, &Tool)> = agent.known_tools().collect();
    let others = foreign_tools(agent);
    let mut clock = draft.time_of(draft.steps.len().saturating_sub(1));
    let mut calls = Vec::new();
    for _ in 0..dice.between(20, 40) {
        clock = clock.saturating_add(pause(20.0, dice));
        let (tool, volume) = match (dice.pick(&own).copied(), dice.pick(&others)) {
            (_, Some(&other)) if dice.chance(0.4) => (other, 1.0),
            (Some((place, tool)), _) => (tool, agent.volume(place)),
            _ => return,
        };
        let target = unseen(tool, dice);
        let event = draft.call(tool, target, volume, clock, dice);
        calls.push(Event { target_origin: Some(TargetOrigin::User), approval: None, ..event });
    }
    draft.overlay_malicious(calls);
}
