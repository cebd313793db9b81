use std::collections::BTreeSet;

use models::event::{Sensitivity, decode};

use super::*;

const AT: i64 = 1_767_225_600;

fn event(identity: &str, n: i64) -> Event {
    let time = Timestamp::from_seconds(AT + 60 * n);
    let (tool, action) = [("read", "read"), ("send", "write")][usize::from(n % 2 == 1)];
    let json = format!(
        r#"{{"id":"{identity}-{n}","time":"{time}","identity":"{identity}","session":"s","tool":"{tool}","action":"{action}","target":"crm://a/{n}","bytes_in":10,"bytes_out":1000}}"#
    );
    decode(json.as_bytes()).unwrap().event
}

fn what_if(injections: &[&str]) -> WhatIf {
    WhatIf { injections: injections.iter().map(|text| text.parse().unwrap()).collect(), seed: 7, ..WhatIf::default() }
}

/// What comes out when two identities act in turn, a minute apart, and the labels made.
fn played(what_if: WhatIf) -> (Vec<Event>, Vec<Label>) {
    let mut injector = Injector::new(what_if);
    for n in -20..0 {
        injector.learn(&event(["a", "b"][usize::from(n % 2 == 0)], n));
    }
    let (mut events, mut labels) = (Vec::new(), Vec::new());
    for n in 0..60 {
        events.extend(injector.take(event(["a", "b"][usize::from(n % 2 == 0)], n)));
        labels.extend(std::iter::from_fn(|| injector.label()).map(|made| made.label));
    }
    events.extend(injector.rest());
    (events, labels)
}

#[test]
fn an_attack_comes_in_the_session_of_its_host_in_order_of_time_and_brings_its_label() {
    let at = Timestamp::from_seconds(AT + 600);
    let (events, labels) = played(what_if(&[&format!("takeover@{at}:a")]));
    let injected: Vec<&Event> = events.iter().filter(|event| event.id.starts_with("injected")).collect();
    assert_eq!((injected.len(), events.len(), labels.len()), (60, 120, 1));
    assert!(events.is_sorted_by_key(|event| event.time));
    assert!(
        injected
            .iter()
            .all(|event| &*event.identity == "a" && event.session.as_deref() == Some("s") && event.time >= at)
    );
    let label = &labels[0];
    assert_eq!(
        (label.identity.as_deref(), label.attack.as_deref(), label.malicious_events.len()),
        (Some("a"), Some("takeover"), 60)
    );
    assert_eq!(label.first_malicious_event.as_deref(), Some(&*injected[0].id));
}

#[test]
fn the_same_seed_gives_the_same_events_and_another_gives_others() {
    let of = |seed| played(WhatIf { seed, drop: 0.2, ..what_if(&["exfiltration@2026-01-01T00:10:00Z"]) }).0;
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
}

/// What is put in at ten minutes past, into whoever acts next; over three days, so that the night comes.
fn put_in(scenario: Scenario) -> (Vec<Event>, Vec<Label>) {
    let mut injector = Injector::new(what_if(&[&format!("{}@2026-01-01T00:10:00Z", scenario.name())]));
    let (mut events, mut labels) = (Vec::new(), Vec::new());
    for n in 0..3 * 24 * 12 {
        let event =
            Event { session: Some(format!("s{}", n / 60).into()), ..event(["a", "b", "c"][n as usize % 3], 5 * n) };
        events.extend(injector.take(event));
        labels.extend(std::iter::from_fn(|| injector.label()).map(|made| made.label));
    }
    events.extend(injector.rest());
    (events, labels)
}

#[test]
fn every_attack_there_is_can_be_put_in_and_brings_labels_that_name_its_events() {
    for scenario in Scenario::ALL {
        let asked = format!("{}@2026-01-01T00:10:00Z", scenario.name()).parse::<Injection>();
        assert_eq!(asked.is_ok(), scenario.is_attack(), "{}", scenario.name());
        if !scenario.is_attack() {
            continue;
        }
        let (events, labels) = put_in(scenario);
        assert!(!labels.is_empty(), "{}", scenario.name());
        let known: BTreeSet<&str> = events.iter().map(|event| &*event.id).collect();
        assert_eq!(known.len(), events.len(), "{}", scenario.name());
        let sessions: BTreeSet<_> = events.iter().filter_map(|event| event.session.as_deref()).collect();
        let changes_what_is_there = recipe::stages(scenario).is_empty();
        for label in &labels {
            assert_eq!(label.attack.as_deref(), Some(scenario.name()));
            assert!(sessions.contains(&*label.session), "{}", scenario.name());
            assert_eq!(label.malicious_events.is_empty(), changes_what_is_there, "{}", scenario.name());
            assert!(label.malicious_events.iter().all(|id| known.contains(&**id)), "{}", scenario.name());
        }
        assert_eq!(events.len() == 3 * 24 * 12, changes_what_is_there, "{}", scenario.name());
    }
}

/// The events that an attack brought.
fn brought(scenario: Scenario) -> Vec<Event> {
    put_in(scenario).0.into_iter().filter(|event| event.id.starts_with("injected")).collect()
}

#[test]
fn attacks_on_authority_say_whose_it_is() {
    let all = |scenario, holds: fn(&Event) -> bool| {
        let events = brought(scenario);
        assert!(!events.is_empty() && events.iter().all(holds), "{}", scenario.name());
    };
    all(Scenario::DelegationReach, |e| {
        e.parent.as_ref().is_some_and(|parent| *parent.identity != *e.identity) && e.on_behalf_of.is_some()
    });
    all(Scenario::UseAfterTask, |e| {
        e.credential.as_ref().and_then(|c| c.expires_at).is_some_and(|end| e.time.seconds_since(end) >= 3_600.0)
    });
    all(Scenario::BreakGlassAbuse, |e| {
        e.break_glass.as_ref().and_then(|b| b.expires_at).is_some_and(|end| e.time < end)
    });
    all(Scenario::LeakedKeys, |e| e.source == Some(datasets::scenario::buyer()));
    // Only some of a campaign is done with what it found.
    let keys: BTreeSet<_> =
        brought(Scenario::AutonomousCampaign).into_iter().map(|e| e.credential.map(|c| c.id)).collect();
    assert_eq!(keys.len(), 2, "{keys:?}");
}

#[test]
fn data_that_leaves_is_what_was_read_and_a_slow_exfiltration_stops_at_its_volume() {
    let flow = brought(Scenario::SensitiveFlow);
    assert!(flow[0].sensitivity == Some(Sensitivity::Restricted) && flow.last().unwrap().external == Some(true));
    let campaign = brought(Scenario::AutonomousCampaign);
    let read: u64 = campaign.iter().filter(|e| e.external != Some(true)).filter_map(|e| e.bytes_out).sum();
    let sent: u64 = campaign.iter().filter(|e| e.external == Some(true)).filter_map(|e| e.bytes_in).sum();
    assert!(sent <= read && sent + 3 > read, "{sent} of {read}");
    let moved = |scenario| brought(scenario).iter().map(profile::moved).sum::<u64>();
    let (half, twice) = (moved(Scenario::SlowExfiltrationX1_2), moved(Scenario::SlowExfiltrationX3));
    assert!(half > 0 && twice.abs_diff(10 * half) < 11 * 1_010, "{half} and {twice}");
}

#[test]
fn off_hours_are_those_at_which_the_host_has_never_worked() {
    let mut injector = Injector::new(what_if(&["off_hours@2026-01-02T08:00:00Z"]));
    // Six to eighteen o'clock, for four days.
    let mut events = Vec::new();
    for n in (0..4 * 24 * 6).filter(|n| (36..108).contains(&(n % 144))) {
        events.extend(injector.take(event("a", 10 * n)));
    }
    events.extend(injector.rest());
    let injected: Vec<&Event> = events.iter().filter(|event| event.id.starts_with("injected")).collect();
    let hour = profile::hour_of(injected[0].time);
    assert!(!(6..18).contains(&hour), "{hour}");
    assert!(injected.iter().all(|event| event.session.as_deref() == Some("injected-1")));
    assert!(events.is_sorted_by_key(|event| event.time));
}

#[test]
fn leaked_keys_and_a_shared_account_take_several_who_act_and_one_who_is_named() {
    let who = |labels: &[Label]| labels.iter().filter_map(|l| l.identity.clone()).collect::<BTreeSet<_>>().len();
    assert_eq!((who(&put_in(Scenario::LeakedKeys).1), who(&put_in(Scenario::SharedAccount).1)), (3, 3));
    let (events, labels) = played(what_if(&["shared_account@2026-01-01T00:10:00Z:b"]));
    assert_eq!((labels.len(), labels[0].identity.as_deref()), (1, Some("b")));
    let shared = events.iter().filter(|e| e.credential.as_ref().is_some_and(|c| &*c.id == "svc-automation"));
    assert!(shared.clone().count() > 10 && shared.clone().all(|e| &*e.identity == "b"));
    // A day after they were sold, nobody tries the keys any more.
    let last = brought(Scenario::LeakedKeys).iter().map(|e| e.time).max().unwrap();
    assert!(last.seconds_since(Timestamp::from_seconds(AT)) < 86_400.0 + 3_600.0);
}

#[test]
fn a_ramp_grows_from_its_beginning_and_labels_every_session() {
    let (events, labels) = played(what_if(&["ramp_5@2026-01-01T00:10:00Z:b"]));
    let bytes = |event: &Event| event.bytes_out.unwrap();
    let (first, last) = (events.first().unwrap(), events.iter().rfind(|event| &*event.identity == "b").unwrap());
    assert!(bytes(first) == 1000 && bytes(last) > 1000, "{}", bytes(last));
    assert!(events.iter().filter(|event| &*event.identity == "a").all(|event| bytes(event) == 1000));
    assert_eq!((labels.len(), labels[0].malicious_events.len()), (1, 0));
}

#[test]
fn events_are_dropped_delayed_and_skewed_as_asked_and_nothing_else_is_touched() {
    let plain = played(WhatIf::default()).0;
    let dropped = played(WhatIf { drop: 0.5, ..WhatIf::default() }).0;
    assert!((15..45).contains(&dropped.len()) && dropped.iter().all(|event| plain.contains(event)));
    let late = played(WhatIf { delay: Some("0.3:10m".parse().unwrap()), ..WhatIf::default() }).0;
    assert!(late.len() == plain.len() && !late.is_sorted_by_key(|event| event.time));
    let skewed = played(WhatIf { skew: vec!["a:-5m".parse().unwrap()], ..WhatIf::default() }).0;
    for (plain, skewed) in plain.iter().zip(&skewed) {
        let behind = plain.time.seconds_since(skewed.time);
        assert!((behind - if &*plain.identity == "a" { 300.0 } else { 0.0 }).abs() < 1e-9);
    }
}

#[test]
fn what_cannot_be_put_in_is_refused_with_what_to_write() {
    for (text, part) in [
        ("takeover", "SCENARIO@TIME"),
        ("robbery@2026-01-01T00:00:00Z", "no scenario"),
        ("month_end@2026-01-01T00:00:00Z", "generated population"),
        ("takeover@yesterday:a", "RFC 3339"),
    ] {
        let refused = text.parse::<Injection>().unwrap_err();
        assert!(refused.contains(part), "{text}: {refused}");
    }
    let named: Injection = "takeover@2026-01-01T00:00:00Z:spiffe://a/b:c".parse().unwrap();
    assert_eq!(named.identity.as_deref(), Some("spiffe://a/b:c"));
    assert!("1.5".parse::<Delay>().is_err() && share("2").is_err() && "x".parse::<Skew>().is_err());
}
