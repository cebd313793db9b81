//! A flood of new names beside agents that are well known: what was learned of these stays to the bit, and each new name costs
//! no more than it is said to.

#![expect(clippy::cast_possible_wrap, reason = "small numbers")]

use std::collections::BTreeSet;

use models::config::EngineConfig;
use models::engine::{Engine, Input, Output, Phase, Trust};
use models::event::Event;

mod fleet;
use fleet::{Call, Dice};

/// Agents with history.
const KNOWN: usize = 1_000;
/// Names that come once.
const NEW: usize = 200_000;
/// Sessions of history, one every two hours: as many as make an identity mature below.
const SESSIONS: i64 = 6;
/// When all of that is over, in seconds: the last agent begins a minute after the one before it.
const OVER: i64 = SESSIONS * 7_200 + KNOWN as i64 * 60 + 3_600;

/// Memory of a name that came once, in bytes; `docs/performance.md` has the figure.
const MOST_BYTES_EACH: usize = 2_600;

fn handle(engine: &mut Engine, event: &Event, out: &mut Vec<Output>) {
    engine.handle(Input::recorded(event, Trust::Revoke, Phase::Live), out);
}

/// Gives every known agent its history, in order of time.
fn learn(engine: &mut Engine) {
    let mut dice = Dice(7);
    let mut events: Vec<Event> = (0..SESSIONS)
        .flat_map(|number| (0..KNOWN).map(move |agent| (number, agent)))
        .flat_map(|(number, agent)| fleet::session("default", agent, number, &mut dice))
        .collect();
    events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
    let mut out = Vec::new();
    for event in &events {
        handle(engine, event, &mut out);
    }
}

/// The only call of a name that nobody has seen.
fn call(n: usize) -> Event {
    let session = format!("f-{n}");
    let second = OVER + (n * 1_200 / NEW) as i64;
    let (agent, target) = (KNOWN + n, format!("crm://accounts/{}", n % 400));
    let call = Call {
        agent,
        tenant: "default",
        session: &session,
        second,
        tool: "crm.lookup",
        action: "read",
        target: &target,
        bytes: 250,
    };
    call.event()
}

/// Keys of the identities that are to be stored anew.
fn changed(engine: &mut Engine) -> BTreeSet<Vec<u8>> {
    engine.checkpoint().put.into_iter().map(|(key, _)| key).filter(|key| key.first() == Some(&b'i')).collect()
}

#[test]
fn a_flood_of_new_names_touches_nobody_who_is_known_and_costs_what_it_is_said_to() {
    let config = EngineConfig { mature_sessions: 5, ..EngineConfig::default() };
    let mut engine = Engine::new(config.check().unwrap());
    learn(&mut engine);
    // Every session is completed, so that nothing of the known agents is open when the flood comes.
    engine.publish(&mut Vec::new());
    let known = changed(&mut engine);
    let before = engine.view();
    assert_eq!((known.len(), before.identities, before.mature), (KNOWN, KNOWN as u64, KNOWN as u64));
    let someone = "spiffe://acme.example/bots/bot-7";
    let baseline = engine.identity("default", someone);

    let mut out = Vec::new();
    for n in 0..NEW {
        handle(&mut engine, &call(n), &mut out);
        out.clear();
    }
    let after = engine.view();
    assert_eq!((after.identities, after.mature), ((KNOWN + NEW) as u64, KNOWN as u64));
    let flooded = changed(&mut engine);
    assert_eq!(flooded.len(), NEW);
    assert!(flooded.is_disjoint(&known), "a baseline was written that had no event");
    assert_eq!(engine.identity("default", someone), baseline);
    let each = (after.bytes - before.bytes) / NEW;
    assert!(each <= MOST_BYTES_EACH, "{each} bytes each");
}
