use datasets::reader::labels::Label;
use models::alert::Alert;
use models::assessment::{Assessment, Decision, Outcome};
use models::dimension::Dimension;
use models::event::{Event, Timestamp, decode};

use super::*;
use crate::fixture;
use crate::label::Labels;
use crate::quality::{Collector, Unlabelled};

fn event(identity: &str, session: &str, n: u32) -> Event {
    let time = Timestamp::from_seconds(1_767_225_600 + 60 * i64::from(n));
    let json = format!(
        r#"{{"id":"{identity}-{session}-{n}","time":"{time}","identity":"{identity}","session":"{session}","tool":"t{n}"}}"#
    );
    decode(json.as_bytes()).unwrap().event
}

fn assessment(session: &str, evidence: f64, alarm: bool) -> Assessment {
    Assessment {
        outcome: Outcome::Scored,
        session: session.into(),
        score: evidence,
        p: 0.5,
        dimensions: [None; Dimension::COUNT],
        evidence,
        history_sessions: 0,
        maturity: 0.0,
        decision: if alarm { Decision::Alert } else { Decision::None },
        alert: None,
        learned: true,
    }
}

fn alert(event: &Event, id: &str) -> Alert {
    let session = event.session.clone().unwrap_or_default();
    Alert { tenant: event.tenant.clone(), session, ..fixture::alert(&event.identity, id, event.time) }
}

/// Plays three events of a session; the alarm is at the last one.
fn play(collector: &mut Collector, identity: &str, session: &str, begin: u32, evidence: f64, alarm: bool) {
    for n in begin..begin + 3 {
        let event = event(identity, session, n);
        let alarm = alarm && n == begin + 2;
        collector.push(&event, &assessment(session, evidence, alarm));
        if alarm {
            collector.alerted(&alert(&event, &format!("alt-{identity}-{session}")));
        }
    }
}

fn attacked(session: &str, identity: &str, malicious: &[&str]) -> Label {
    Label {
        session: session.to_owned(),
        identity: Some(identity.to_owned()),
        label: "attacked_succeeded".to_owned(),
        attack: Some("injection".to_owned()),
        malicious_events: malicious.iter().map(|id| (*id).to_owned()).collect(),
        observable: true,
        ..Label::default()
    }
}

fn benign(session: &str) -> Label {
    Label { session: session.to_owned(), label: "benign".to_owned(), observable: true, ..Label::default() }
}

fn labels() -> Labels {
    [
        attacked("hit", "a", &["a-hit-1", "a-hit-2"]),
        attacked("missed", "b", &["b-missed-0"]),
        benign("calm"),
        benign("odd"),
    ]
    .into_iter()
    .collect()
}

/// One attack found, one missed, one benign session flagged, one not.
fn played() -> Collector {
    let mut collector = Collector::new(labels(), true).with_seed(7);
    play(&mut collector, "a", "hit", 0, 9.0, true);
    play(&mut collector, "b", "missed", 0, 1.0, false);
    play(&mut collector, "c", "calm", 0, 2.0, false);
    play(&mut collector, "d", "odd", 0, 5.0, true);
    play(&mut collector, "e", "untold", 0, 9.0, true);
    collector
}

#[test]
fn episodes_precision_rates_and_delay_are_those_worked_out_by_hand() {
    let judgement = played().judgement();
    assert_eq!((judgement.episodes, judgement.missed(), judgement.identity_days), (2, 1, 5));
    assert_eq!(judgement.alerts, RightOrWrong { right: 1, wrong: 1, unknown: 1 });
    let coverage = judgement.coverage;
    assert_eq!(
        (coverage.labels, coverage.sessions, coverage.labelled_events, coverage.unlabelled_events),
        (4, 4, 12, 3)
    );
    let engine = judgement.engine().unwrap();
    let value = |estimate: Option<Estimate>| estimate.unwrap().value;
    assert_eq!((value(engine.recall), value(engine.precision)), (0.5, 0.5));
    // 9 and 1 against 2 and 5: two of four pairs.
    assert_eq!((value(engine.false_alarms_per_1000_identity_days), value(engine.auroc)), (200.0, 0.5));
    // The second of the session's events is the first malicious one; the alarm comes an event and a minute later.
    let delay = engine.delay.unwrap();
    let false_alerts = value(judgement.false_alerts_per_1000_identity_days);
    assert_eq!((delay.events_median, delay.minutes_median, false_alerts), (1.0, 1.0, 200.0));
}

#[test]
fn always_alert_finds_everything_at_once_and_flags_everybody() {
    let judgement = played().judgement();
    let names: Vec<&str> = judgement.rules.iter().map(|rule| rule.name).collect();
    assert_eq!(names, ["engine at its budget", "first-seen rule", "random score", "always alert"]);
    let always = judgement.rules.last().unwrap();
    assert_eq!((always.found, always.flagged, always.delay.unwrap().events_median), (2, 2, 0.0));
    assert_eq!((always.precision.unwrap().value, always.average_precision.unwrap().value), (0.5, 0.5));
    for rule in &judgement.rules[1..3] {
        assert!(rule.flagged <= judgement.rules[0].flagged, "{} flags more than the engine", rule.name);
    }
}

#[test]
fn an_alarm_before_the_attack_finds_nothing_and_is_wrong() {
    let mut collector = Collector::new([attacked("s", "a", &["a-s-2"])].into_iter().collect::<Labels>(), true);
    let event = event("a", "s", 0);
    collector.push(&event, &assessment("s", 9.0, true));
    collector.alerted(&alert(&event, "alt-1"));
    play(&mut collector, "a", "s", 1, 9.0, false);
    let judgement = collector.judgement();
    assert_eq!((judgement.missed(), judgement.alerts.wrong), (1, 1));
}

#[test]
fn a_label_that_comes_with_the_attack_turns_a_session_that_was_taken_for_benign() {
    let mut collector = Collector::new(Labels::default(), true).with_unlabelled(Unlabelled::Benign);
    play(&mut collector, "a", "s", 0, 1.0, false);
    play(&mut collector, "b", "t", 0, 1.0, false);
    let injected = event("a", "s", 5);
    collector.label(&injected.tenant, attacked("s", "a", &[&injected.id]));
    collector.push(&injected, &assessment("s", 9.0, true));
    collector.alerted(&alert(&injected, "alt-1"));
    let judgement = collector.judgement();
    assert_eq!((judgement.attacked_sessions, judgement.benign_sessions, judgement.missed()), (1, 1, 0));
    let delay = judgement.engine().unwrap().delay.unwrap();
    assert_eq!((delay.events_median, delay.minutes_median), (0.0, 0.0));
    assert!(judgement.coverage.unlabelled_count_as_benign);
}

#[test]
fn the_same_seed_gives_the_same_intervals_and_few_identities_give_wide_ones() {
    let recall = |seed| {
        let mut collector = Collector::new(labels(), true).with_seed(seed);
        play(&mut collector, "a", "hit", 0, 9.0, true);
        play(&mut collector, "b", "missed", 0, 1.0, false);
        collector.judgement().engine().unwrap().recall.unwrap()
    };
    assert_eq!(recall(7), recall(7));
    let Estimate { value, low: Some(low), high: Some(high) } = recall(7) else { panic!("no interval") };
    assert_eq!((low, value, high), (0.0, 0.5, 1.0));
}

#[test]
fn without_labels_nothing_is_called_right_or_wrong() {
    let mut collector = Collector::new(Labels::default(), true);
    play(&mut collector, "a", "s", 0, 9.0, true);
    let judgement = collector.judgement();
    assert!(judgement.rules.is_empty() && judgement.false_alerts_per_1000_identity_days.is_none());
    assert_eq!(judgement.alerts, RightOrWrong { right: 0, wrong: 0, unknown: 1 });
}
