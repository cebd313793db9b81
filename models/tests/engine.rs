//! The engine as its drivers see it: stories and laws on small, regular traffic.

#![expect(clippy::float_cmp, reason = "equal to the bit is what is claimed")]

use models::alert::AlertKind;
use models::assessment::{Decision, Outcome};
use models::config::{BrakeConfig, Budget, EngineConfig};
use models::decision::{Mode, RevocationSubject, Withheld};
use models::dimension::Dimension;
use models::engine::{Engine, Input, Phase, RestoreError, Trust};
use models::event::{Event, Timestamp, decode};
use proptest::prelude::*;

mod fleet;

use fleet::{
    AGENTS, Call, Dice, NEXT, START, Seen, config, engine, feed, feed_from, hijack, history, kinds, learned, session,
};

#[test]
fn a_hijack_is_alerted_explained_and_its_credential_revoked() {
    let mut engine = learned(config());
    let seen = feed(&mut engine, &hijack(3, NEXT), Phase::Live);
    let alert = seen.alerts.last().unwrap();
    assert_eq!(alert.kind, AlertKind::ScopeDrift);
    assert!(alert.identity.ends_with("bot-3") && alert.decision == Decision::Revoke, "{alert:#?}");
    let shares: f64 = alert.contributions.iter().map(|c| c.share).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    let target = alert.contributions.iter().find(|c| c.dimension == Dimension::Target).unwrap();
    assert!(target.actual.contains("`mailto:drop@evil.example`"), "{:#?}", alert.contributions);
    assert!(target.share > 0.15, "{}", target.share);
    assert!(alert.events.iter().any(|e| &*e.tool == "mail.forward_all"));
    // One alert, updated; its id, score and versions never change.
    assert!(seen.alerts.iter().all(|a| a.id == alert.id && a.score == alert.score && a.p == alert.p));
    // The nearest normal session is one of its own, and what it lacks is what the hijack added.
    let nearest = alert.nearest_session.as_ref().unwrap();
    assert!(nearest.session.starts_with("default-3-"), "{nearest:?}");
    assert_eq!((nearest.shared_tools, nearest.tools), (3, 3));
    assert_eq!(nearest.added.len(), 2, "{nearest:?}");
    let [revocation] = seen.revocations.as_slice() else { panic!("{:?}", seen.revocations) };
    assert_eq!(revocation.alert, alert.id);
    assert!(matches!(&revocation.subject, RevocationSubject::Credential { id, .. } if id.starts_with("tok-hijack-3")));
}

#[test]
fn ordinary_sessions_raise_no_alert_within_the_budget() {
    let mut engine = learned(config());
    let mut dice = Dice(1234);
    let mut alerts = 0;
    for number in NEXT..NEXT + 60 {
        for agent in 0..AGENTS {
            let seen = feed(&mut engine, &session("default", agent, number, &mut dice), Phase::Live);
            alerts += usize::from(!seen.alerts.is_empty());
            assert!(seen.revocations.is_empty());
        }
    }
    // 60 identity-days at 50 per 1,000 promise 3.
    assert!(alerts <= 6, "{alerts}");
}

#[test]
fn nothing_is_alerted_while_history_is_learned() {
    let mut engine = learned(config());
    let seen = feed(&mut engine, &hijack(3, NEXT), Phase::Warmup);
    assert!(seen.alerts.is_empty() && seen.revocations.is_empty());
}

#[test]
fn modes_stop_short_and_say_why() {
    for (mode, decision, told) in [(Mode::Shadow, Decision::Record, true), (Mode::Warn, Decision::Alert, true)] {
        let mut engine = learned(EngineConfig { mode, ..config() });
        let seen = feed(&mut engine, &hijack(3, NEXT), Phase::Live);
        assert!(seen.revocations.is_empty());
        assert_eq!(seen.last().decision, decision);
        assert_eq!(!seen.alerts.is_empty(), told);
        if mode == Mode::Warn {
            assert_eq!(seen.alerts.last().unwrap().withheld, Some(Withheld::Policy));
        }
    }
}

#[test]
fn the_first_policy_rule_that_matches_decides() {
    let rule = |prefix: &str, mode| models::config::PolicyRule {
        tenant: None,
        identity_prefix: Some(prefix.to_owned()),
        task: None,
        mode,
    };
    let policy =
        vec![rule("spiffe://acme.example/bots/bot-3", Mode::Warn), rule("spiffe://acme.example/", Mode::Enforce)];
    let mut engine = learned(EngineConfig { policy, mode: Mode::Shadow, ..config() });
    assert!(feed(&mut engine, &hijack(3, NEXT), Phase::Live).revocations.is_empty());
    assert_eq!(feed(&mut engine, &hijack(4, NEXT), Phase::Live).revocations.len(), 1);
}

#[test]
fn a_young_identity_is_alerted_but_never_revoked() {
    let mut engine = learned(EngineConfig { mature_sessions: 100_000, ..config() });
    let seen = feed(&mut engine, &hijack(3, NEXT), Phase::Live);
    assert_eq!(seen.alerts.last().unwrap().withheld, Some(Withheld::Immature));
    assert!(seen.revocations.is_empty());
}

#[test]
fn an_observing_source_never_revokes() {
    let mut engine = learned(config());
    let seen = feed_from(&mut engine, &hijack(3, NEXT), Phase::Live, Trust::Observe, None);
    assert_eq!(seen.alerts.last().unwrap().withheld, Some(Withheld::Source));
    assert!(seen.revocations.is_empty());
}

#[test]
fn a_backlog_alerts_but_revokes_nothing() {
    let mut engine = learned(config());
    let late = Timestamp::from_seconds(START + (NEXT + 12) * 7200);
    let seen = feed_from(&mut engine, &hijack(3, NEXT), Phase::Live, Trust::Revoke, Some(late));
    assert_eq!(seen.alerts.last().unwrap().withheld, Some(Withheld::Stale));
    assert!(seen.revocations.is_empty());
}

#[test]
fn the_brake_opens_when_many_would_be_revoked_and_waits_for_a_person() {
    let mut engine = learned(config());
    let mut revoked = Vec::new();
    for agent in 0..6 {
        let seen = feed(&mut engine, &hijack(agent, NEXT), Phase::Live);
        revoked.push(seen.revocations.len());
        if agent == 2 {
            assert!(seen.alerts.iter().any(|a| a.kind == AlertKind::BrakeOpened));
        }
    }
    assert_eq!(revoked, [1, 1, 0, 0, 0, 0]);
    assert!(engine.view().brake_open);
    engine.handle(Input::ReleaseBrake, &mut Vec::new());
    assert_eq!(feed(&mut engine, &hijack(7, NEXT), Phase::Live).revocations.len(), 1);
}

#[test]
fn a_spent_ledger_alerts_only() {
    let brake = BrakeConfig { identities: 100, ..config().brake };
    let budget = Budget { false_revocations_per_million_identity_days: 5_000.0, ..config().budget };
    let mut engine = learned(EngineConfig { brake, budget, ..config() });
    let mut seen = Vec::new();
    for agent in 0..8 {
        seen.push(feed(&mut engine, &hijack(agent, NEXT), Phase::Live));
    }
    let revoked: usize = seen.iter().map(|s| s.revocations.len()).sum();
    assert_eq!(revoked, 5, "the operator's float");
    assert_eq!(seen.last().unwrap().alerts.last().unwrap().withheld, Some(Withheld::Ledger));
}

#[test]
fn a_revoked_credential_that_is_used_again_is_an_alert_of_its_own() {
    let mut engine = learned(config());
    let events = hijack(3, NEXT);
    feed(&mut engine, &events, Phase::Live);
    let mut again = events.last().unwrap().clone();
    again.id = "again".into();
    again.time = again.time.saturating_add(std::time::Duration::from_mins(2));
    let seen = feed(&mut engine, &[again], Phase::Live);
    let used: Vec<_> = seen.alerts.iter().filter(|a| a.kind == AlertKind::RevokedCredentialUsed).collect();
    assert_eq!(used.len(), 1);
}

#[test]
fn a_second_delivery_and_a_late_event_change_nothing() {
    let mut engine = learned(config());
    let mut dice = Dice(5);
    let events = session("default", 0, NEXT, &mut dice);
    feed(&mut engine, &events, Phase::Live);
    let before = engine.identity("default", "spiffe://acme.example/bots/bot-0");
    let again = feed(&mut engine, &events, Phase::Live);
    assert!(again.assessed.iter().all(|a| a.outcome == Outcome::Duplicate));
    let late = feed(&mut engine, &session("default", 0, NEXT - 10, &mut Dice(8)), Phase::Live);
    assert!(late.assessed.iter().all(|a| a.outcome == Outcome::Late && a.p == 1.0));
    assert_eq!(engine.identity("default", "spiffe://acme.example/bots/bot-0"), before);
}

#[test]
fn a_frozen_baseline_stays_as_it_is() {
    let mut engine = learned(config());
    let known = |engine: &Engine| engine.identity("default", "spiffe://acme.example/bots/bot-3").unwrap().tools;
    let before = known(&engine);
    feed(&mut engine, &hijack(3, NEXT), Phase::Frozen);
    engine.publish(&mut Vec::new());
    assert_eq!(known(&engine), before);
}

#[test]
fn nothing_is_shared_between_tenants() {
    let mut alone = engine(config());
    let mut beside = engine(config());
    let mine = history("mine", 2, 3);
    let theirs = history("theirs", 6, 3);
    let mut both: Vec<Event> = mine.iter().chain(&theirs).cloned().collect();
    both.sort_by_key(|e| e.time);
    let expected = feed(&mut alone, &mine, Phase::Live);
    let got = feed(&mut beside, &both, Phase::Live);
    let of_mine: Vec<_> =
        both.iter().zip(&got.assessed).filter(|(e, _)| &*e.tenant == "mine").map(|(_, a)| a).collect();
    assert_eq!(of_mine.len(), expected.assessed.len());
    for (got, want) in of_mine.into_iter().zip(&expected.assessed) {
        assert_eq!((got.score, got.evidence), (want.score, want.evidence));
    }
}

#[test]
fn evidence_never_falls_within_a_session() {
    let mut engine = learned(config());
    let seen = feed(&mut engine, &hijack(5, NEXT), Phase::Live);
    assert!(seen.assessed.windows(2).all(|w| w[0].evidence <= w[1].evidence));
}

#[test]
fn sessions_without_a_name_are_cut_by_silence() {
    let mut engine = engine(config());
    let mut dice = Dice(5);
    let mut events = session("default", 0, 0, &mut dice);
    events.extend(session("default", 0, 1, &mut dice));
    for event in &mut events {
        event.session = None;
    }
    let seen = feed(&mut engine, &events, Phase::Live);
    let mut names: Vec<_> = seen.assessed.iter().map(|a| a.session.clone()).collect();
    names.dedup();
    assert_eq!(names.len(), 2);
}

#[test]
fn one_clock_far_ahead_stops_nobody_elses_epochs() {
    let mut engine = engine(config());
    let mut events = history("default", 3, 2);
    let mut rogue = events[0].clone();
    rogue.identity = "rogue".into();
    rogue.time = Timestamp::from_seconds(START + 3_000_000_000);
    events.insert(events.len() / 2, rogue);
    feed(&mut engine, &events, Phase::Live);
    let versions = engine.view().snapshot;
    // Sessions start every other hour, so 48 h have 24 epochs with events.
    assert!(versions >= 24, "{versions}");
}

#[test]
fn an_event_from_any_time_is_survived() {
    let mut engine = learned(config());
    for (i, time) in ["1678-01-01T00:00:00Z", "2261-12-31T00:00:00Z", "1970-01-01T00:00:00Z"].into_iter().enumerate() {
        let raw = format!(r#"{{"id":"t{i}","time":"{time}","identity":"time-traveller-{i}","tool":"x"}}"#);
        feed(&mut engine, &[decode(raw.as_bytes()).unwrap().event], Phase::Live);
    }
    assert_eq!(feed(&mut engine, &hijack(3, NEXT), Phase::Live).revocations.len(), 1);
}

#[test]
fn ticks_change_no_score() {
    let events: Vec<Event> = history("default", 4, 4);
    let plain = feed(&mut engine(config()), &events, Phase::Live);
    let mut ticked = engine(config());
    let mut seen = Seen::default();
    let mut out = Vec::new();
    for event in &events {
        ticked.handle(Input::Tick(event.time.saturating_sub(std::time::Duration::from_secs(1))), &mut out);
        ticked.handle(Input::recorded(event, Trust::Revoke, Phase::Live), &mut out);
        seen.take(&mut out);
    }
    assert!(plain.assessed == seen.assessed);
}

#[test]
fn a_partition_that_leads_does_not_end_the_sessions_of_one_that_lags() {
    let events = history("default", 4, 4);
    let (ahead, behind): (Vec<Event>, Vec<Event>) =
        events.into_iter().partition(|event| event.identity.ends_with("bot-0"));
    let mut engine = engine(config());
    let mut out = Vec::new();
    let mut take = |event: &Event, partition| {
        let phase = Phase::Live;
        engine.handle(Input::Event { event, trust: Trust::Revoke, arrival: None, phase, partition }, &mut out);
    };
    // Half of the leader comes first; what remains of it then moves the clock between the events of the others.
    let (first, rest) = ahead.split_at(ahead.len() / 2);
    for event in first {
        take(event, 0);
    }
    for (at, event) in behind.iter().enumerate() {
        take(event, 1);
        if let Some(event) = rest.get(at) {
            take(event, 0);
        }
    }
    engine.publish(&mut Vec::new());
    for bot in 0..4 {
        let seen = engine.identity("default", &format!("spiffe://acme.example/bots/bot-{bot}")).unwrap();
        assert_eq!(seen.sessions, 4 * 12, "of bot {bot}");
    }
}

#[test]
fn a_shadow_rule_cannot_hide_an_alert_that_was_shown() {
    let shadow = models::config::PolicyRule {
        tenant: None,
        identity_prefix: None,
        task: Some("hidden".to_owned()),
        mode: Mode::Shadow,
    };
    let mut engine = learned(EngineConfig { policy: vec![shadow], ..config() });
    let mut events = hijack(3, NEXT);
    let mut last = events.last().unwrap().clone();
    last.id = "hiding".into();
    last.task = Some("hidden".into());
    events.push(last);
    let seen = feed(&mut engine, &events, Phase::Live);
    assert_eq!(seen.alerts.last().unwrap().decision, Decision::Revoke);
}

#[test]
fn every_credential_of_a_deviating_session_is_revoked_once() {
    let mut engine = learned(config());
    let mut events = hijack(3, NEXT);
    let mut fresh = events.last().unwrap().clone();
    fresh.id = "with-another-token".into();
    fresh.credential.as_mut().unwrap().id = "tok-second".into();
    events.push(fresh);
    assert_eq!(feed(&mut engine, &events, Phase::Live).revocations.len(), 2);
}

#[test]
fn memory_of_an_identity_is_bounded_whatever_it_sends() {
    let mut engine = engine(config());
    for number in 0..4000_i64 {
        let name = format!("s{}", number % 50);
        let tool = format!("tool-{}", number % 700);
        let target = format!("https://host-{number}.example/a/b");
        let call = Call {
            agent: 0,
            tenant: "default",
            session: &name,
            second: number * 30,
            tool: &tool,
            action: "write",
            target: &target,
            bytes: 10,
        };
        feed(&mut engine, &[call.event()], Phase::Live);
    }
    engine.publish(&mut Vec::new());
    let bytes = engine.identity("default", "spiffe://acme.example/bots/bot-0").unwrap().bytes;
    assert!(bytes <= 64 * 1024, "{bytes}");
}

#[test]
fn foreign_or_damaged_state_is_refused_with_a_reason() {
    let mut engine = learned(config());
    let blobs = engine.checkpoint().put;
    let key = EngineConfig { fingerprint_key: "1".repeat(32), ..config() }.check().unwrap();
    assert_eq!(Engine::restore(key, blobs.clone()).unwrap_err(), RestoreError::Key);
    let mut damaged = blobs.clone();
    let at = damaged.iter().position(|(key, _)| key[0] == b'i').unwrap();
    damaged[at].1.truncate(10);
    assert!(matches!(Engine::restore(config().check().unwrap(), damaged), Err(RestoreError::Damaged(_))));
    let headless = blobs.into_iter().filter(|(key, _)| key != b"m");
    assert!(matches!(Engine::restore(config().check().unwrap(), headless), Err(RestoreError::Damaged(_))));
}

/// Stored blobs, as a store keeps them.
#[derive(Default)]
struct Blobs(std::collections::BTreeMap<Vec<u8>, Vec<u8>>);

impl Blobs {
    fn commit(&mut self, engine: &mut Engine) {
        let checkpoint = engine.checkpoint();
        self.0.extend(checkpoint.put);
        for key in checkpoint.delete {
            self.0.remove(&key);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    // Checkpoints and restarts at any points change nothing that is said afterwards.
    #[test]
    fn a_restart_is_invisible(cuts in prop::collection::btree_set(1_usize..1500, 1..6), crash in 0_usize..4) {
        let mut events = history("default", 4, 9);
        events.truncate(1400);
        events.extend(hijack(1, 120));
        let expected = feed(&mut engine(config()), &events, Phase::Live);
        let mut got = Seen::default();
        let mut engine = engine(config());
        let mut store = Blobs::default();
        let mut from = 0;
        for (i, cut) in cuts.into_iter().map(|c| c.min(events.len())).chain([events.len()]).enumerate() {
            if cut < from {
                continue;
            }
            let part = feed(&mut engine, &events[from..cut], Phase::Live);
            store.commit(&mut engine);
            if i % 4 == crash {
                // What was handled after the commit and not committed is handled again after the restart.
                feed(&mut engine, &events[cut..(cut + 7).min(events.len())], Phase::Live);
                engine = Engine::restore(config().check().unwrap(), store.0.clone()).unwrap();
            }
            got.assessed.extend(part.assessed);
            got.alerts.extend(part.alerts);
            got.revocations.extend(part.revocations);
            from = cut;
        }
        // Not `prop_assert_eq`: a difference would print megabytes.
        prop_assert!(got.assessed == expected.assessed, "assessments differ");
        prop_assert!(got.alerts == expected.alerts, "alerts differ");
        prop_assert!(got.revocations == expected.revocations, "revocations differ");
    }

    // The same for identities that are grouped by what they do: what one group learns, everybody learns.
    #[test]
    fn checkpoints_change_nothing_for_groups_that_were_found(every in 20_usize..400) {
        let mut events = kinds(21, 0..36);
        for (n, event) in events.iter_mut().enumerate() {
            event.bytes_out = Some(1000 + (n as u64 * 7919) % 5000);
        }
        // What is new to the live engine would wait for days before it is learned.
        let (known, live) = events.split_at(events.len() * 3 / 4);
        let phases = [(known, Phase::Warmup), (live, Phase::Live)];
        let mut undisturbed = engine(config());
        let expected: Vec<_> =
            phases.iter().flat_map(|(events, phase)| feed(&mut undisturbed, events, *phase).assessed).collect();
        let (mut engine, mut store, mut got) = (engine(config()), Blobs::default(), Vec::new());
        for (events, phase) in phases {
            for part in events.chunks(every) {
                got.extend(feed(&mut engine, part, phase).assessed);
                store.commit(&mut engine);
            }
        }
        let group = engine.identity("default", "agent-0-0").map(|view| view.group);
        prop_assert!(group.is_some_and(|group| group.starts_with("behaviour ")), "none were found");
        prop_assert!(got == expected, "assessments differ");
    }

    // The same input gives the same outputs, to the bit.
    #[test]
    fn the_engine_is_deterministic(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let events: Vec<Event> = (0..20).flat_map(|n| session("default", n as usize % 3, n, &mut dice)).collect();
        let once = feed(&mut engine(config()), &events, Phase::Live);
        prop_assert!(once == feed(&mut engine(config()), &events, Phase::Live));
    }
}

#[test]
fn identities_without_a_declared_workload_are_grouped_by_what_they_do() {
    let mut engine = engine(config());
    feed(&mut engine, &kinds(24, 0..30), Phase::Warmup);
    let group = |engine: &Engine, kind: usize, member: usize| {
        engine.identity("default", &format!("agent-{kind}-{member}")).unwrap().group
    };
    let groups: Vec<_> = (0..3).map(|kind| group(&engine, kind, 0)).collect();
    assert!(groups.iter().all(|g| g.starts_with("behaviour ")), "{groups:?}");
    assert!(groups[0] != groups[1] && groups[1] != groups[2] && groups[0] != groups[2]);
    for (kind, found) in groups.iter().enumerate() {
        assert!((0..24).all(|member| group(&engine, kind, member) == *found));
    }
    // The groups survive a restart with everything else.
    let mut blobs = std::collections::BTreeMap::new();
    blobs.extend(engine.checkpoint().put);
    let restored = Engine::restore(config().check().unwrap(), blobs).unwrap();
    assert_eq!(group(&restored, 1, 5), groups[1]);
}
