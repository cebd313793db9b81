//! What one identity does is judged by what others do as well: whose credential it uses, and what its parent may.

#![expect(clippy::unwrap_used, reason = "a story that cannot be told fails")]

use std::collections::BTreeMap;

use models::config::EngineConfig;
use models::decision::Mode;
use models::dimension::Dimension;
use models::engine::{Engine, Phase};
use models::event::{Event, Parent};

mod fleet;

use fleet::{AGENTS, DAYS, Dice, NEXT, config, engine, feed, learned, session};

const ORCHESTRATOR: &str = "spiffe://acme.example/bots/bot-0";

/// The engine as it is after a restart: all of its state goes through `store`.
fn restarted(engine: &mut Engine, store: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> Engine {
    store.extend(engine.checkpoint().put);
    Engine::restore(EngineConfig { mode: Mode::Warn, ..config() }.check().unwrap(), store.clone()).unwrap()
}

fn scored(engine: &mut Engine, event: &Event, dimension: Dimension) -> f64 {
    let seen = feed(engine, std::slice::from_ref(event), Phase::Live);
    seen.last().dimensions[dimension as usize].unwrap_or(0.0)
}

#[test]
fn a_credential_of_another_identity_is_seen_at_its_first_use_and_after_a_restart() {
    let (mut engine, mut store) = (learned(EngineConfig { mode: Mode::Warn, ..config() }), BTreeMap::new());
    let victim = session("default", 5, NEXT, &mut Dice(1));
    feed(&mut engine, &victim, Phase::Live);
    let mut thief = session("default", 6, NEXT, &mut Dice(2));
    let own = scored(&mut restarted(&mut engine, &mut store), &thief[0], Dimension::Context);
    for event in &mut thief {
        event.credential = victim[0].credential.clone();
    }
    let stolen = scored(&mut engine, &thief[0], Dimension::Context);
    assert!(stolen > own + 4.0, "{stolen} {own}");
    // A restart in between forgets nobody.
    let mut engine = restarted(&mut engine, &mut store);
    let mut third = session("default", 7, NEXT, &mut Dice(3));
    third[0].credential = victim[0].credential.clone();
    assert!(scored(&mut engine, &third[0], Dimension::Context) > own + 4.0);
}

#[test]
fn agents_that_always_share_an_account_are_used_to_it() {
    let mut engine = engine(EngineConfig { mode: Mode::Warn, ..config() });
    let mut dice = Dice(7);
    let mut shared = |number: i64, agent: usize| {
        let mut events = session("default", agent, number, &mut dice);
        for event in &mut events {
            event.credential.as_mut().unwrap().id = "service-account".into();
        }
        events
    };
    for number in 0..DAYS * 12 {
        for agent in 0..AGENTS {
            feed(&mut engine, &shared(number, agent), Phase::Warmup);
        }
    }
    engine.publish(&mut Vec::new());
    assert!(scored(&mut engine, &shared(NEXT, 5)[0], Dimension::Context) < 1.0);
}

#[test]
fn a_child_that_was_granted_more_than_its_parent_is_a_surprise() {
    let delegated = |agent: usize, number: i64, dice: &mut Dice, scope: Option<&str>| {
        let mut events = session("default", agent, number, dice);
        for event in &mut events {
            event.parent = Some(Parent { identity: ORCHESTRATOR.into(), session: None });
            if let Some(scope) = scope {
                event.credential.as_mut().unwrap().scopes.push(scope.into());
            }
        }
        events
    };
    let mut engine = engine(EngineConfig { mode: Mode::Warn, ..config() });
    let mut dice = Dice(7);
    for number in 0..DAYS * 12 {
        feed(&mut engine, &session("default", 0, number, &mut dice), Phase::Warmup);
        for agent in 1..AGENTS {
            feed(&mut engine, &delegated(agent, number, &mut dice, None), Phase::Warmup);
        }
    }
    engine.publish(&mut Vec::new());
    let within = scored(&mut engine, &delegated(3, NEXT, &mut dice, None)[0], Dimension::Delegation);
    let beyond = scored(&mut engine, &delegated(4, NEXT, &mut dice, Some("vault.admin"))[0], Dimension::Delegation);
    assert!(beyond > within + 4.0, "{beyond} {within}");
}
