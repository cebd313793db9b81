//! Attacks made of recorded calls.

use std::time::Duration;

use datasets::generator::Dice;
use datasets::scenario::{self, Scenario, grow};
use models::event::{ActionOutcome, Credential, Event, Parent, Timestamp};

use super::lasting::blank_credential;
use super::profile::{HOURS_PER_DAY, Profiles, effects, hour_of, moved, reads, richest};
use super::recipe::{Authority, Stage, With, stages};

/// Where a haul goes; a name that no resolver answers (RFC 6761).
const COLLECTOR: &str = "https://collect.invalid/in";
const HOUR: Duration = Duration::from_hours(1);
/// A token that lasts longer is one that does not end with a task.
const TASK_TOKEN: Duration = Duration::from_hours(24);

/// One attack under way.
struct Attack<'a> {
    host: &'a Event,
    name: &'a str,
    profiles: &'a Profiles,
    dice: &'a mut Dice,
    clock: Timestamp,
    events: Vec<Event>,
}

/// The events of an attack that begins right after `host`, or when its scenario begins, and goes on in the session of `host`,
/// which has a name.
pub(super) fn events(scenario: Scenario, host: &Event, name: &str, profiles: &Profiles, dice: &mut Dice) -> Vec<Event> {
    let mut attack = Attack { host, name, profiles, dice, clock: host.time, events: Vec::new() };
    let alone = Event { session: Some(name.into()), ..host.clone() };
    if scenario == Scenario::OffHours {
        // A session of its own, at the next time at which the host is at rest.
        let hours = (profiles.quietest_hour(host) + HOURS_PER_DAY - hour_of(host.time)) % HOURS_PER_DAY;
        attack.clock = host.time.saturating_add(HOUR * u32::try_from(hours).unwrap_or_default());
        attack.host = &alone;
    }
    for stage in stages(scenario) {
        attack.play(&stage);
    }
    let mut events = attack.events;
    for (number, event) in events.iter_mut().enumerate() {
        event.id = format!("{name}-{number:03}").into();
    }
    events
}

impl Attack<'_> {
    fn play(&mut self, stage: &Stage) {
        let own = self.profiles.own(self.host);
        let foreign = self.profiles.foreign(self.host);
        let usable = match stage.with {
            With::Own | With::Credentials | With::Upload => own,
            With::Reads => reads(&own),
            With::RichestRead => richest(&reads(&own)),
            With::Effects | With::Haul => effects(&own),
            With::WayOut => effects(&own).into_iter().filter(|call| call.external == Some(true)).collect(),
        };
        let frame = self.frame(stage.authority);
        let taken: u64 = self.events.iter().filter_map(|event| event.bytes_out).sum();
        let (calls, factor) = (self.dice.between(stage.calls.0, stage.calls.1), stage.until.map(|factor| factor - 1.0));
        let mut left = factor.map(|more| (self.profiles.usual_bytes(self.host) as f64 * more).max(1.0) as u64);
        for _ in 0..calls {
            self.clock = self.later(stage.pause);
            let from = if self.dice.unit() < stage.foreign { &foreign } else { &usable };
            let Some(mut event) = self.call(stage, from, &frame) else { break };
            if matches!(stage.with, With::Haul | With::Upload) {
                event.bytes_in = Some(taken / calls);
            }
            if let Some(left) = &mut left {
                event.bytes_out = event.bytes_out.map(|bytes| bytes.min(*left).max(1));
                *left = left.saturating_sub(moved(&event).max(1));
            }
            self.events.push(event);
            if left == Some(0) {
                break;
            }
        }
    }

    /// One call, by what `frame` says; none if there is nothing to make it of.
    fn call(&mut self, stage: &Stage, from: &[Event], frame: &Event) -> Option<Event> {
        let mut event = match (stage.with, self.dice.pick(from)) {
            (With::Credentials, _) => scenario::credential_export(frame, self.clock, self.dice),
            (With::Upload, _) | (With::WayOut, None) => scenario::upload(frame, self.clock, self.dice),
            (_, Some(call)) => in_session(grow(call.clone(), stage.volume), frame, self.clock),
            (_, None) => return None,
        };
        if stage.with == With::Haul {
            event.targets = vec![COLLECTOR.into()];
            event.external = Some(true);
        } else if stage.unseen && !matches!(stage.with, With::Credentials | With::Upload) {
            event.targets = event.targets.iter().take(1).map(|target| unseen(target, self.dice).into()).collect();
        }
        if self.dice.unit() < stage.denied {
            event.outcome = ActionOutcome::Denied;
        }
        event.sensitivity = stage.sensitivity.or(event.sensitivity);
        event.target_origin = stage.origin.or(event.target_origin);
        Some(event)
    }

    /// What the calls of a stage have in common.
    fn frame(&mut self, authority: Authority) -> Event {
        let mut frame = Event { approval: None, break_glass: None, trace: None, ..self.host.clone() };
        match authority {
            Authority::Host => {}
            Authority::Elsewhere => frame.source = Some(scenario::elsewhere(self.dice)),
            Authority::Buyer => frame.source = Some(scenario::buyer()),
            Authority::Found => {
                let found = format!("key-{:016x}", self.dice.bits());
                frame.credential = Some(Credential { id: found.into(), ..self.credential() });
            }
            Authority::Elevated => frame.break_glass = Some(scenario::elevation(self.clock, self.dice)),
            Authority::Delegated => {
                let nobody = || format!("{}-parent", self.host.identity).into();
                let peer = self.profiles.peer(self.host).map_or_else(nobody, |peer| peer.identity.clone());
                frame.on_behalf_of = Some(peer.clone());
                frame.parent = Some(Parent { identity: peer, session: Some(self.name.into()) });
            }
            Authority::Ended => {
                let credential = self.credential();
                let with_task = |end: &Timestamp| *end <= self.host.time.saturating_add(TASK_TOKEN);
                let end = credential.expires_at.filter(with_task).unwrap_or(self.host.time);
                frame.credential = Some(Credential { expires_at: Some(end), ..credential });
                let minutes = self.dice.between(60, 180);
                self.clock = end.max(self.host.time).saturating_add(Duration::from_mins(minutes));
            }
        }
        frame
    }

    /// The host's credential; where recordings have none, one for its session.
    fn credential(&self) -> Credential {
        self.host
            .credential
            .clone()
            .unwrap_or_else(|| Credential { id: format!("{}-token", self.name).into(), ..blank_credential() })
    }

    fn later(&mut self, (low, high): (u64, u64)) -> Timestamp {
        self.clock.saturating_add(Duration::from_millis(self.dice.between(low, high)))
    }
}

/// A recorded call as if it were made now, by whom and in the session that `frame` says.
fn in_session(call: Event, frame: &Event, time: Timestamp) -> Event {
    Event {
        time,
        tool: call.tool,
        server: call.server,
        action: call.action,
        targets: call.targets,
        sensitivity: call.sensitivity,
        external: call.external,
        bytes_in: call.bytes_in,
        bytes_out: call.bytes_out,
        records: call.records,
        outcome: ActionOutcome::Success,
        ..frame.clone()
    }
}

/// A target of the same form that nobody has used.
fn unseen(target: &str, dice: &mut Dice) -> String {
    let begin = target.rfind(['/', ':']).map_or(0, |place| place + 1);
    format!("{}x-{:08x}", target.get(..begin).unwrap_or_default(), dice.bits() >> 32)
}
