//! Verdicts as an analyst gives them: what each changes in later scores, and that it can be taken back.

#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a story that cannot be told fails; equal to the bit is what is claimed"
)]

use models::alert::AlertId;
use models::assessment::Decision;
use models::config::EngineConfig;
use models::decision::{Mode, Verdict};
use models::engine::{Engine, Input, Phase};
use models::event::Event;

mod fleet;

use fleet::{AGENTS, Dice, NEXT, config, feed, hijack, learned, session};

const BOT: &str = "spiffe://acme.example/bots/bot-3";

fn give(engine: &mut Engine, alert: &AlertId, verdict: Verdict) {
    engine.handle(Input::Verdict { alert, tenant: "default", identity: BOT, verdict }, &mut Vec::new());
}

fn warned() -> Engine {
    learned(EngineConfig { mode: Mode::Warn, ..config() })
}

/// Two ordinary days of everybody.
fn ordinary(from: i64) -> Vec<Event> {
    let mut dice = Dice(4321);
    (from..from + 24)
        .flat_map(|number| (0..AGENTS).map(move |agent| (number, agent)))
        .flat_map(|(number, agent)| session("default", agent, number, &mut dice))
        .collect()
}

/// The same attack once more, two days later.
fn again() -> Vec<Event> {
    hijack(3, NEXT + 30)
}

#[test]
fn what_is_suspicious_is_learned_only_after_a_verdict() {
    for (verdict, expect_learned) in [(Verdict::True, false), (Verdict::False, true), (Verdict::BenignExpected, true)] {
        let mut engine = learned(EngineConfig { mode: Mode::Warn, ..config() });
        let alert = feed(&mut engine, &hijack(3, NEXT), Phase::Live).alerts.last().unwrap().id.clone();
        let tools = |engine: &Engine| {
            let view = engine.identity("default", "spiffe://acme.example/bots/bot-3").unwrap();
            view.tools.iter().any(|t| &*t.name == "vault.export")
        };
        // The session is over, and it still waits.
        engine.publish(&mut Vec::new());
        assert!(!tools(&engine));
        let identity = "spiffe://acme.example/bots/bot-3";
        engine.handle(Input::Verdict { alert: &alert, tenant: "default", identity, verdict }, &mut Vec::new());
        assert_eq!(tools(&engine), expect_learned, "{verdict:?}");
    }
}

#[test]
fn a_false_alarm_that_goes_on_is_not_alarmed_again_at_once() {
    let mut engine = learned(EngineConfig { mode: Mode::Warn, ..config() });
    let events = hijack(3, NEXT);
    let alert = feed(&mut engine, &events, Phase::Live).alerts.last().unwrap().id.clone();
    let identity = "spiffe://acme.example/bots/bot-3";
    engine.handle(
        Input::Verdict { alert: &alert, tenant: "default", identity, verdict: Verdict::False },
        &mut Vec::new(),
    );
    let mut next = events[0].clone();
    next.id = "next".into();
    next.time = events.last().unwrap().time.saturating_add(std::time::Duration::from_secs(20));
    assert_eq!(feed(&mut engine, &[next], Phase::Live).last().decision, Decision::None);
}

#[test]
fn only_a_revocation_that_was_right_is_refunded_and_once() {
    let mut engine = learned(config());
    let before = engine.view().ledger;
    let seen = feed(&mut engine, &hijack(3, NEXT), Phase::Live);
    assert!((engine.view().ledger - (before - 1.0)).abs() < 1e-9);
    let alert = seen.alerts.last().unwrap();
    for _ in 0..3 {
        let input =
            Input::Verdict { alert: &alert.id, tenant: "default", identity: &alert.identity, verdict: Verdict::True };
        engine.handle(input, &mut Vec::new());
        assert!((engine.view().ledger - before).abs() < 1e-9);
    }
}

#[test]
fn a_verdict_that_is_taken_back_has_taught_nothing() {
    // One analyst calls it a false alarm and thinks again two days later; the other knew at once.
    let (mut wavering, mut sure) = (warned(), warned());
    for (engine, first) in [(&mut wavering, Verdict::False), (&mut sure, Verdict::True)] {
        let alert = feed(engine, &hijack(3, NEXT), Phase::Live).alerts.last().unwrap().id.clone();
        engine.publish(&mut Vec::new());
        give(engine, &alert, first);
        let known = engine.identity("default", BOT).unwrap().tools.iter().any(|t| &*t.name == "vault.export");
        assert_eq!(known, first == Verdict::False);
        feed(engine, &ordinary(NEXT + 1), Phase::Live);
        give(engine, &alert, Verdict::True);
        // An epoch passes, so that both rank among the same sessions.
        engine.publish(&mut Vec::new());
    }
    let tools = |engine: &Engine| engine.identity("default", BOT).unwrap().tools;
    assert_eq!(tools(&wavering), tools(&sure));
    let (wavering, sure) = (feed(&mut wavering, &again(), Phase::Live), feed(&mut sure, &again(), Phase::Live));
    let scores = |seen: &fleet::Seen| seen.assessed.iter().map(|a| a.score).collect::<Vec<_>>();
    assert_eq!(scores(&wavering), scores(&sure));
    // Between the verdicts others were ranked among one session more.
    assert!((wavering.last().evidence - sure.last().evidence).abs() < 0.1);
    assert!(!wavering.alerts.is_empty() && !sure.alerts.is_empty());
}

#[test]
fn an_attack_that_was_none_is_learned_after_all() {
    let (mut corrected, mut accepted) = (warned(), warned());
    for (engine, verdicts) in [
        (&mut corrected, &[Verdict::True, Verdict::BenignExpected][..]),
        (&mut accepted, &[Verdict::BenignExpected][..]),
    ] {
        let alert = feed(engine, &hijack(3, NEXT), Phase::Live).alerts.last().unwrap().id.clone();
        engine.publish(&mut Vec::new());
        for verdict in verdicts {
            give(engine, &alert, *verdict);
        }
        engine.publish(&mut Vec::new());
    }
    assert_eq!(engine_tools(&corrected), engine_tools(&accepted));
    let (corrected, accepted) =
        (feed(&mut corrected, &again(), Phase::Live), feed(&mut accepted, &again(), Phase::Live));
    assert_eq!(corrected.last().evidence, accepted.last().evidence);
    assert!(corrected.alerts.is_empty(), "it is expected now: {:#?}", corrected.alerts);
}

#[test]
fn what_is_expected_is_no_evidence_and_nothing_else_is_excused() {
    let after = |change: &dyn Fn(&mut Event)| {
        let mut engine = warned();
        let alert = feed(&mut engine, &hijack(3, NEXT), Phase::Live).alerts.last().unwrap().id.clone();
        engine.publish(&mut Vec::new());
        give(&mut engine, &alert, Verdict::BenignExpected);
        let mut events = again();
        events.iter_mut().for_each(change);
        !feed(&mut engine, &events, Phase::Live).alerts.is_empty()
    };
    assert!(!after(&|_| ()));
    let exports = |event: &Event| &*event.tool == "vault.export";
    assert!(after(&|event| if exports(event) {
        event.targets = vec!["mailto:other@evil2.example".into()];
    }));
    assert!(after(&|event| if exports(event) {
        event.tool = "vault.delete".into();
    }));
    assert!(after(&|event| if exports(event) {
        event.bytes_in = event.bytes_in.map(|bytes| bytes * 50);
    }));
}

fn engine_tools(engine: &Engine) -> Vec<models::view::ToolView> {
    engine.identity("default", BOT).unwrap().tools
}

#[test]
fn a_confirmed_attack_does_not_hide_the_next_one() {
    // The same attack on ten agents: called attacks, none of them stands between the next one and its rank.
    let evidence = |verdict: Option<Verdict>| {
        let mut engine = warned();
        for agent in (0..AGENTS).filter(|agent| *agent != 3) {
            let seen = feed(&mut engine, &hijack(agent, NEXT), Phase::Live);
            engine.publish(&mut Vec::new());
            if let (Some(alert), Some(verdict)) = (seen.alerts.last(), verdict) {
                let input = Input::Verdict { alert: &alert.id, tenant: "default", identity: &alert.identity, verdict };
                engine.handle(input, &mut Vec::new());
            }
        }
        engine.publish(&mut Vec::new());
        feed(&mut engine, &again(), Phase::Live).last().evidence
    };
    let (unsettled, confirmed) = (evidence(None), evidence(Some(Verdict::True)));
    assert!(confirmed > unsettled + 1.0, "{confirmed} {unsettled}");
}
