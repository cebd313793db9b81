//! Attacks made of recorded calls. What each models: `docs/scenarios.md`; here only the tools, targets and volumes differ.

use std::time::Duration;

use datasets::generator::Dice;
use datasets::scenario::{Scenario, grow};
use models::event::{ActionOutcome, Event, Origin, TargetOrigin, Timestamp};

use super::profile::{Profiles, effects, reads};

/// How an attack is carried out with recorded calls.
#[derive(Debug, Clone, Copy)]
struct Recipe {
    /// Fewest and most calls.
    calls: (u64, u64),
    /// Shortest and longest pause before a call, in milliseconds.
    pause: (u64, u64),
    /// Factor on the bytes.
    volume: f64,
    /// Share of the calls with tools that the host does not use.
    foreign: f64,
    /// Only reads, or only calls that change something.
    only: Only,
    /// Whether targets are ones that nobody has used.
    unseen: bool,
    /// Whether it comes from another network and client.
    elsewhere: bool,
    /// Share of the calls that are denied.
    denied: f64,
    /// Sent outside at the end, with everything that was read.
    sends: u64,
    origin: Option<TargetOrigin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Only {
    All,
    Reads,
    Effects,
}

const CALM: Recipe = Recipe {
    calls: (60, 60),
    pause: (2_000, 20_000),
    volume: 1.0,
    foreign: 0.0,
    only: Only::All,
    unseen: false,
    elsewhere: false,
    denied: 0.0,
    sends: 0,
    origin: None,
};

fn recipe(scenario: Scenario) -> Option<Recipe> {
    let reads = Recipe { only: Only::Reads, ..CALM };
    Some(match scenario {
        Scenario::StolenCredential => {
            Recipe { calls: (12, 30), pause: (120, 600), volume: 2.0, unseen: true, elsewhere: true, ..reads }
        }
        Scenario::PromptInjection => Recipe {
            calls: (1, 2),
            pause: (1_500, 8_000),
            only: Only::Effects,
            unseen: true,
            origin: Some(TargetOrigin::ToolResult),
            ..CALM
        },
        Scenario::Exfiltration => {
            Recipe { calls: (6, 15), pause: (300, 1_200), volume: 15.0, unseen: true, sends: 2, ..reads }
        }
        Scenario::SlowExfiltration => Recipe { calls: (40, 70), ..reads },
        Scenario::ToolMisuse => Recipe { calls: (3, 6), pause: (800, 5_000), foreign: 1.0, denied: 0.4, ..CALM },
        Scenario::ChainScramble => Recipe { calls: (15, 40), pause: (20, 80), ..CALM },
        Scenario::TargetFanOut => Recipe { unseen: true, ..CALM },
        Scenario::ExfiltrationX20 => Recipe { volume: 20.0, ..CALM },
        Scenario::KnownCredentialElsewhere => Recipe { elsewhere: true, ..CALM },
        Scenario::NewTools => Recipe { foreign: 0.3, ..CALM },
        Scenario::Takeover => {
            Recipe { pause: (50, 400), volume: 20.0, foreign: 0.3, unseen: true, elsewhere: true, ..CALM }
        }
        _ => return None,
    })
}

/// Whether recorded calls are enough to carry it out.
pub(super) fn can(scenario: Scenario) -> bool {
    recipe(scenario).is_some()
}

/// The events of an attack that begins right after `host` and goes on in its session.
pub(super) fn events(scenario: Scenario, host: &Event, name: &str, profiles: &Profiles, dice: &mut Dice) -> Vec<Event> {
    let Some(recipe) = recipe(scenario) else { return Vec::new() };
    let own = profiles.own(host);
    let usable = match recipe.only {
        Only::All => own.clone(),
        Only::Reads => reads(&own),
        Only::Effects => effects(&own),
    };
    let foreign = profiles.foreign(host);
    let place = recipe.elsewhere.then(|| elsewhere(dice));
    let mut clock = host.time;
    let mut events: Vec<Event> = Vec::new();
    for _ in 0..dice.between(recipe.calls.0, recipe.calls.1) {
        clock = later(clock, recipe.pause, dice);
        let from = if dice.unit() < recipe.foreign { &foreign } else { &usable };
        let Some(call) = dice.pick(from) else { break };
        let mut event = in_session(grow(call.clone(), recipe.volume), host, clock);
        if recipe.unseen {
            event.targets = event.targets.iter().take(1).map(|target| unseen(target, dice).into()).collect();
        }
        if dice.unit() < recipe.denied {
            event.outcome = ActionOutcome::Denied;
        }
        event.source = place.clone().or(event.source);
        event.target_origin = recipe.origin.or(event.target_origin);
        events.push(event);
    }
    let taken: u64 = events.iter().filter_map(|event| event.bytes_out).sum();
    let ways_out = effects(&own);
    for _ in 0..recipe.sends {
        clock = later(clock, (2_000, 6_000), dice);
        let Some(call) = dice.pick(&ways_out) else { break };
        let mut event = in_session(call.clone(), host, clock);
        event.targets = vec!["https://collect.invalid/in".into()];
        event.external = Some(true);
        event.bytes_in = Some(taken / recipe.sends);
        events.push(event);
    }
    for (number, event) in events.iter_mut().enumerate() {
        event.id = format!("{name}-{number:03}").into();
    }
    events
}

/// A recorded call as if it were made in the host's session.
fn in_session(call: Event, host: &Event, time: Timestamp) -> Event {
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
        approval: None,
        break_glass: None,
        trace: None,
        ..host.clone()
    }
}

fn later(clock: Timestamp, (low, high): (u64, u64), dice: &mut Dice) -> Timestamp {
    clock.saturating_add(Duration::from_millis(dice.between(low, high)))
}

/// A target of the same form that nobody has used.
fn unseen(target: &str, dice: &mut Dice) -> String {
    let begin = target.rfind(['/', ':']).map_or(0, |place| place + 1);
    format!("{}x-{:08x}", target.get(..begin).unwrap_or_default(), dice.bits() >> 32)
}

/// A source that nobody has: an address that is set aside for documentation (RFC 5737).
fn elsewhere(dice: &mut Dice) -> Origin {
    Origin {
        ip: Some(format!("203.0.113.{}", dice.between(1, 254)).into()),
        workload: None,
        region: Some("elsewhere".into()),
        user_agent: Some("python-requests/2.32".into()),
    }
}
