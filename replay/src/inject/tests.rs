use models::event::decode;

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
