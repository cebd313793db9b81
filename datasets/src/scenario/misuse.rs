//! Attacks that stay close to what the agent may do: more of it, on another's authority, too late, or in the wrong direction.

use std::time::Duration;

use models::event::{Event, Parent, Sensitivity, TargetOrigin};

use super::attack::{foreign_tools, known_reads, later, middle, richest_read};
use super::parts::UPLOAD;
use crate::generator::{Agent, Dice, Draft, NANOS_PER_DAY, Rhythm, pause, weekday};

/// Most calls that a slow exfiltration makes.
const MOST_READS: usize = 400;

fn moved(event: &Event) -> u64 {
    event.bytes_in.unwrap_or(0).saturating_add(event.bytes_out.unwrap_or(0))
}

/// Reads with the tool that returns most, on well-known targets and in ordinary pieces, until the session has moved `factor`
/// times what it would have.
pub(super) fn read_until(factor: f64, draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let after = middle(draft, dice);
    let reads = known_reads(agent);
    let Some(&(place, tool)) = reads.iter().max_by(|(_, a), (_, b)| a.bytes_out.total_cmp(&b.bytes_out)) else {
        return;
    };
    let usual: u64 = draft.steps.iter().map(|step| moved(&step.event)).sum();
    let mut left = (usual as f64 * (factor - 1.0)) as u64;
    let mut clock = draft.time_of(after);
    let mut calls = Vec::new();
    while left > 0 && calls.len() < MOST_READS {
        clock = clock.saturating_add(pause(tool.pause_s, dice));
        let target = agent.known_target(place, dice);
        let mut event = draft.call(tool, target, agent.volume(place), clock, dice);
        event.bytes_out = event.bytes_out.map(|bytes| bytes.min(left).max(1));
        left = left.saturating_sub(moved(&event));
        calls.push(event);
    }
    draft.insert_malicious(after, calls);
}

pub(super) fn delegation_reach(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    // The one who delegates is a peer: it has the scopes of its role and no others.
    let path =
        agent.role().parent.map_or_else(|| format!("{}/{}-01", agent.role().group, agent.role().agent), str::to_owned);
    let identity = format!("spiffe://{}/{path}", agent.trust_domain());
    let session = format!("run-{:08x}", dice.bits() >> 32);
    draft.change(|event| {
        event.on_behalf_of = Some(identity.clone().into());
        event.parent = Some(Parent { identity: identity.clone().into(), session: Some(session.clone().into()) });
    });
    let after = middle(draft, dice);
    let others = foreign_tools(agent);
    let mut clock = draft.time_of(after);
    let mut calls = Vec::new();
    for _ in 0..dice.between(6, 12) {
        let Some(&tool) = dice.pick(&others) else { return };
        let time = later(&mut clock, 800, 5000, dice);
        let target = tool.target.unseen(dice.bits()).or_else(|| tool.target.render(dice.bits()));
        calls.push(Event { approval: None, ..draft.call(tool, target, 1.0, time, dice) });
    }
    draft.insert_malicious(after, calls);
}

pub(super) fn use_after_task(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let last = draft.steps.len().saturating_sub(1);
    let mut clock = draft.token_end().max(draft.time_of(last));
    clock = clock.saturating_add(Duration::from_mins(dice.between(60, 180)));
    let path = draft.task(agent).map_or(&[][..], |task| task.path);
    let mut calls = Vec::new();
    for &place in path.iter().cycle().take(dice.between(10, 20) as usize) {
        let Some(tool) = agent.role().tools.get(place) else { continue };
        clock = clock.saturating_add(pause(tool.pause_s, dice));
        let target = agent.known_target(place, dice);
        calls.push(draft.call(tool, target, agent.volume(place), clock, dice));
    }
    draft.overlay_malicious(calls);
}

pub(super) fn sensitive_flow(draft: &mut Draft, agent: &Agent, dice: &mut Dice) {
    let after = middle(draft, dice);
    let Some((place, source)) = richest_read(agent) else { return };
    let mut clock = draft.time_of(after);
    let mut calls = Vec::new();
    for _ in 0..dice.between(2, 4) {
        clock = clock.saturating_add(pause(source.pause_s, dice));
        let target = agent.known_target(place, dice);
        let event = draft.call(source, target, agent.volume(place), clock, dice);
        calls.push(Event { sensitivity: Some(Sensitivity::Restricted), ..event });
    }
    let own = agent.known_tools().find(|(_, tool)| tool.external && tool.action.is_side_effect());
    let (sink, target) = match own {
        Some((place, tool)) => (tool, agent.known_target(place, dice)),
        None => (&UPLOAD, Some(UPLOAD.target.of_attacker(dice.bits()))),
    };
    for _ in 0..dice.between(1, 2) {
        clock = clock.saturating_add(pause(sink.pause_s, dice));
        let event = draft.call(sink, target.clone(), 1.0, clock, dice);
        let origin = Some(TargetOrigin::Memory);
        calls.push(Event { external: Some(true), approval: None, target_origin: origin, ..event });
    }
    draft.insert_malicious(after, calls);
}

/// Moves the session to the next time at which the agent is at rest; an agent that works round the clock has only a quiet one.
pub(super) fn off_hours(draft: &mut Draft, agent: &Agent) {
    let start = draft.start();
    let rhythm = agent.role().rhythm;
    let hour = NANOS_PER_DAY / 24;
    let day = start.as_nanos().div_euclid(NANOS_PER_DAY);
    let within = start.as_nanos().rem_euclid(NANOS_PER_DAY);
    let mut moved = day * NANOS_PER_DAY + rhythm.off_hour() * hour + within % hour;
    if moved < start.as_nanos() {
        moved += NANOS_PER_DAY;
    }
    let resting_all_day = rhythm == Rhythm::OfficeHours && weekday(day) >= 5;
    if !resting_all_day {
        draft.delay(Duration::from_nanos(moved.saturating_sub(start.as_nanos()).unsigned_abs()));
    }
    draft.mark_all();
}
