//! What looks odd and is not: changes that a detector must live with.

use std::time::Duration;

use models::event::{Action, Event};

use super::parts::grow;
use crate::generator::{Agent, Dice, Draft, NANOS_PER_DAY, ROLLED_OUT, Step, TargetForm, pause, weekday};

/// The tenant that was not there before.
const NEW_TENANT: &str = "newcomer";

/// Days that a month's end lasts.
pub(super) const MONTH_END_DAYS: f64 = 3.0;

pub(super) fn new_release(draft: &mut Draft, agent: &Agent) {
    let (revision, origin) = (agent.revision(1), agent.origin(1));
    draft.change(|event| {
        event.revision = Some(revision.clone());
        event.source = Some(origin.clone());
        *event = grow(event.clone(), 1.15);
    });
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
        step.event = grow(step.event.clone(), factor);
    }
}

/// Every target of one tool on the agent's paths moves below another prefix, the same for the whole role.
pub(super) fn migration(draft: &mut Draft, agent: &Agent) {
    let role = agent.role();
    let moves = |place: &usize| {
        let form = role.tools.get(*place).map(|tool| tool.target);
        matches!(form, Some(TargetForm::Numbered(..) | TargetForm::Words(..)))
    };
    let places: Vec<usize> = role.tasks.iter().flat_map(|task| task.path).copied().filter(moves).collect();
    let at = agent.role_key(0x316) % places.len().max(1) as u64;
    let Some(tool) = places.get(at as usize).and_then(|place| role.tools.get(*place)) else { return };
    draft.change(|event| {
        if *event.tool == *tool.name && event.server.as_deref() == Some(tool.server) {
            for target in &mut event.targets {
                *target = moved(target).into();
            }
        }
    });
}

/// `erp://vendors/12` becomes `erp://next-vendors/12`, `merchant:12` becomes `merchant:next-12`.
fn moved(target: &str) -> String {
    let (scheme, rest) = target.split_once("://").map_or_else(
        || target.split_once(':').map_or(("", target), |(scheme, _)| target.split_at(scheme.len() + 1)),
        |(scheme, _)| target.split_at(scheme.len() + 3),
    );
    format!("{scheme}next-{rest}")
}

/// The session is on a weekend, in a stream by its planned start, on demand by being moved to the next one.
pub(super) fn on_call_weekend(draft: &mut Draft) {
    let day = weekday(draft.start().as_nanos().div_euclid(NANOS_PER_DAY));
    let days = (5 - day).max(0).unsigned_abs();
    draft.delay(Duration::from_hours(24 * days));
}

pub(super) fn new_tenant(draft: &mut Draft) {
    draft.change(|event| event.tenant = NEW_TENANT.into());
}
