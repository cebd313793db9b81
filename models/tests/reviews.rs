//! What people are asked to look at without a score, and change that is not an attack on one identity.

#![expect(clippy::unwrap_used, reason = "a story that cannot be told fails")]

use models::alert::{Alert, AlertKind};
use models::config::{Budget, EngineConfig};
use models::engine::{Engine, Input, Output, Phase, Trust};
use models::event::{Event, Timestamp, decode};

/// 2026-03-02, a Monday, in seconds.
const START: i64 = 1_772_409_600;

struct Call<'a> {
    agent: i64,
    session: &'a str,
    second: i64,
    tool: &'a str,
    bytes: u64,
    expires_in: i64,
    revision: &'a str,
}

impl Call<'_> {
    fn event(&self) -> Event {
        let Call { agent, session, second, tool, bytes, expires_in, revision } = self;
        let time = Timestamp::from_seconds(START + second);
        let expires = Timestamp::from_seconds(START + second + expires_in);
        let raw = format!(
            r#"{{"id":"{session}-{second}-{tool}","time":"{time}","identity":"spiffe://acme.example/bots/bot-{agent}",
            "session":"{session}","tool":"{tool}","action":"execute","target":"crm:{tool}","bytes_in":{bytes},
            "revision":{{"agent":"{revision}"}},
            "credential":{{"id":"tok-{session}","issuer":"https://idp.example","expires_at":"{expires}"}}}}"#
        );
        decode(raw.as_bytes()).unwrap().event
    }
}

/// One session of three ordinary calls, with `more` tools in between.
fn session(agent: i64, number: i64, bytes: u64, revision: &str, more: &[&str]) -> Vec<Event> {
    let name = format!("s-{agent}-{number}");
    let start = number * 3600 + agent * 30;
    let tools = ["search", "open"].into_iter().chain(more.iter().copied()).chain(["mail"]);
    tools
        .zip(0..)
        .map(|(tool, i)| {
            let second = start + i * 20;
            Call { agent, session: &name, second, tool, bytes, expires_in: 3600, revision }.event()
        })
        .collect()
}

fn engine(alerts: f64) -> Engine {
    let budget = Budget { false_alerts_per_1000_identity_days: alerts, ..Budget::default() };
    Engine::new(EngineConfig { budget, ..EngineConfig::default() }.check().unwrap())
}

/// Feeds events in order of time; returns the alerts that were told, each update of them.
fn feed(engine: &mut Engine, mut events: Vec<Event>, phase: Phase) -> Vec<Alert> {
    events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
    let (mut out, mut alerts) = (Vec::new(), Vec::new());
    for event in &events {
        engine.handle(Input::recorded(event, Trust::Observe, phase), &mut out);
        alerts.extend(out.drain(..).filter_map(|output| match output {
            Output::Alert(alert) => Some(*alert),
            _ => None,
        }));
    }
    alerts
}

fn of_kind(alerts: &[Alert], kind: AlertKind) -> Vec<&Alert> {
    alerts.iter().filter(|alert| alert.kind == kind).collect()
}

#[test]
fn a_credential_that_is_accepted_after_its_end_is_told_once() {
    let mut engine = engine(50.0);
    let call = |second, expires_in| {
        Call { agent: 0, session: "late", second, tool: "search", bytes: 500, expires_in, revision: "1" }.event()
    };
    // Four minutes may be the clock; ten are not.
    assert!(feed(&mut engine, vec![call(0, -240)], Phase::Live).is_empty());
    let alerts = feed(&mut engine, vec![call(60, -600), call(120, -660)], Phase::Live);
    let told = of_kind(&alerts, AlertKind::ExpiredCredentialUsed);
    assert_eq!(told.len(), 1);
    assert!(told[0].summary.contains("tok-late") && told[0].revocation.is_none());
    // History raises nothing.
    let mut warm = self::engine(50.0);
    assert!(feed(&mut warm, vec![call(60, -600)], Phase::Warmup).is_empty());
}

#[test]
fn a_slow_rise_asks_for_a_review_and_a_steady_volume_does_not() {
    let month = |growth: f64| {
        let mut engine = engine(50.0);
        let noisy =
            |day: i64, n: i64| 20_000.0 * (1.0 + 0.05 * f64::from(i32::try_from((day * 7 + n * 3) % 5).unwrap()));
        let day = |day: i64, factor: f64| {
            (0..6).flat_map(move |n| session(0, day * 24 + n, (noisy(day, n) * factor) as u64, "1", &[]))
        };
        let past: Vec<Event> = (0..20).flat_map(|d| day(d, 1.0)).collect();
        feed(&mut engine, past, Phase::Warmup);
        let grown = (20..55).flat_map(|d| day(d, growth.powi(i32::try_from(d - 20).unwrap()))).collect();
        let alerts = feed(&mut engine, grown, Phase::Live);
        of_kind(&alerts, AlertKind::SlowDrift).len()
    };
    assert_eq!(month(1.0), 0);
    assert!(month(1.05) > 0);
}

#[test]
fn a_declared_change_that_peers_share_is_one_proposal() {
    let mut engine = engine(200.0);
    let days = 12;
    let past: Vec<Event> =
        (0..days * 12).flat_map(|n| (0..10).flat_map(move |a| session(a, n * 2, 800, "1", &[]))).collect();
    feed(&mut engine, past, Phase::Warmup);
    engine.publish(&mut Vec::new());
    let released = |agent: i64, hour: i64| session(agent, days * 24 + hour, 800, "2", &["export", "export"]);
    // The first ones have nobody to share with: they are alerts.
    let first = feed(&mut engine, (0..4).flat_map(|a| released(a, 0)).collect(), Phase::Live);
    assert!(!of_kind(&first, AlertKind::ScopeDrift).is_empty());
    assert!(of_kind(&first, AlertKind::Rebaseline).is_empty());
    // Two epochs later their oddities are known to the group.
    feed(&mut engine, (0..4).flat_map(|a| session(a, days * 24 + 3, 800, "2", &[])).collect(), Phase::Live);
    feed(&mut engine, (0..4).flat_map(|a| session(a, days * 24 + 5, 800, "2", &[])).collect(), Phase::Live);
    let later = feed(&mut engine, (6..10).flat_map(|a| released(a, 6)).collect(), Phase::Live);
    assert_eq!(of_kind(&later, AlertKind::Rebaseline).len(), 1, "{later:#?}");
    assert!(of_kind(&later, AlertKind::ScopeDrift).is_empty());
    // Undeclared, the same is an alert, and is named for what it is.
    let undeclared = feed(&mut engine, session(5, days * 24 + 7, 800, "1", &["export", "export"]), Phase::Live);
    let alert = of_kind(&undeclared, AlertKind::ScopeDrift);
    assert!(alert.first().is_some_and(|a| a.summary.contains("peers show the same")), "{undeclared:#?}");
}

#[test]
fn a_release_excuses_what_peers_share_and_not_a_place_of_ones_own() {
    let mut engine = engine(200.0);
    let days = 12;
    let past: Vec<Event> =
        (0..days * 12).flat_map(|n| (0..10).flat_map(move |a| session(a, n * 2, 800, "1", &[]))).collect();
    feed(&mut engine, past, Phase::Warmup);
    engine.publish(&mut Vec::new());
    let released = |agent: i64, hour: i64| session(agent, days * 24 + hour, 800, "2", &["export", "export"]);
    feed(&mut engine, (0..4).flat_map(|a| released(a, 0)).collect(), Phase::Live);
    for hour in [3, 5] {
        feed(&mut engine, (0..4).flat_map(|a| session(a, days * 24 + hour, 800, "2", &[])).collect(), Phase::Live);
    }
    // Two others export as well, one of them to where nobody does: the same tool, odd in the same dimension.
    let honest = feed(&mut engine, released(6, 6), Phase::Live);
    assert!(of_kind(&honest, AlertKind::ScopeDrift).is_empty(), "{honest:#?}");
    let mut hijacked = released(7, 6);
    for event in hijacked.iter_mut().filter(|event| &*event.tool == "export") {
        event.targets = vec!["mailto:drop@evil.example".into()];
    }
    let alerts = feed(&mut engine, hijacked, Phase::Live);
    assert!(!of_kind(&alerts, AlertKind::ScopeDrift).is_empty(), "{alerts:#?}");
}
