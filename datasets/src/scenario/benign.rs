//! What looks odd and is not: changes that a detector must live with.

use std::time::Duration;

use models::event::{Action, Event};

use crate::generator::{Agent, Dice, Draft, ROLLED_OUT, Step, pause};

/// How long a month's end lasts.
pub(super) const MONTH_END: Duration = Duration::from_hours(72);

pub(super) fn new_release(draft: &mut Draft, agent: &Agent) {
    let (revision, origin) = (agent.revision(1), agent.origin(1));
    for Step { event, .. } in &mut draft.steps {
        event.revision = Some(revision.clone());
        event.source = Some(origin.clone());
        scale(event, 1.15);
    }
    // The new version looks once more at what it began with.
    if let (Some(first), Some(last)) = (draft.steps.first().cloned(), draft.steps.last()) {
        let time = last.event.time.saturating_add(Duration::from_millis(1500));
        draft.steps.push(Step { event: Event { time, ..first.event }, ..first });
    }
}

pub(super) fn tool_rollout(draft: &mut Draft, dice: &mut Dice) {
    let is_read = |step: &Step| step.event.action == Some(Action::Read);
    let Some(place) = draft.steps.iter().position(is_read) else { return };
    // One read in two goes to the new tool; the others stay with the old one.
    for place in (place..draft.steps.len()).step_by(2) {
        let Some(step) = draft.steps.get(place).filter(|step| is_read(step)) else { continue };
        let target = ROLLED_OUT.target.render(dice.below(u64::from(ROLLED_OUT.pool)));
        let mut event = draft.call(&ROLLED_OUT, target, 1.0, step.event.time, dice);
        if let Some(credential) = &mut event.credential
            && !credential.scopes.iter().any(|scope| **scope == *ROLLED_OUT.scope)
        {
            credential.scopes.push(ROLLED_OUT.scope.into());
        }
        if let Some(step) = draft.steps.get_mut(place) {
            step.event = event;
        }
    }
}

pub(super) fn month_end(draft: &mut Draft, dice: &mut Dice) {
    let once = draft.steps.clone();
    for _ in 0..dice.between(1, 2) {
        let Some(mut clock) = draft.steps.last().map(|step| step.event.time) else { return };
        for step in &once {
            clock = clock.saturating_add(pause(2.5, dice));
            draft.steps.push(Step { event: Event { time: clock, ..step.event.clone() }, ..step.clone() });
        }
    }
    for step in &mut draft.steps {
        let factor = 1.5 + dice.unit();
        scale(&mut step.event, factor);
    }
}

fn scale(event: &mut Event, factor: f64) {
    for volume in [&mut event.bytes_in, &mut event.bytes_out, &mut event.records] {
        *volume = volume.map(|v| (v as f64 * factor).round() as u64);
    }
}
