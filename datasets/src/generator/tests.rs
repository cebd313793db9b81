//! The population as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use models::event::decode;

use super::*;
use crate::scenario::Share;

const DAY: Duration = Duration::from_hours(24);

fn population(seed: u64, agents: u32) -> Population {
    Population::new(PopulationConfig { seed, agents, ..PopulationConfig::default() }).unwrap()
}

fn lines(population: &Population, plan: Plan, days: u32) -> Vec<u8> {
    let mut stream = population.events_with(plan);
    let mut writer = crate::writer::LineWriter::new(Vec::new());
    let end = population.config().start.saturating_add(DAY * days);
    while let Some(event) = stream.next_before(end) {
        writer.write_event(&event).unwrap();
    }
    writer.into_inner()
}

fn fingerprint(bytes: &[u8]) -> u64 {
    bytes
        .chunks(8)
        .fold(0, |hash, chunk| mix(&[hash, chunk.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte))]))
}

fn attacks(population: &Population) -> Plan {
    let start = population.config().start;
    let shares = Scenario::ALL.map(|scenario| Share { scenario, share: 0.03 }).to_vec();
    let until = start.saturating_add(DAY * 4);
    Plan { shares, from: start.saturating_add(DAY), until, cuts: vec![until], labels: true }
}

/// Every event and label of four days with every scenario.
fn labelled(seed: u64) -> (Vec<models::event::Event>, Vec<crate::reader::labels::Label>) {
    let population = population(seed, 16);
    let plan = attacks(&population);
    let until = plan.until;
    let mut stream = population.events_with(plan);
    let events = std::iter::from_fn(|| stream.next_before(until)).collect();
    (events, stream.take_labels())
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_every_run_and_machine() {
    let plan = attacks(&population(7, 16));
    let bytes = lines(&population(7, 16), plan.clone(), 4);
    assert_eq!(fingerprint(&bytes), PINNED, "the generator's output changed; if that is intended, pin the new number");
    assert_ne!(fingerprint(&lines(&population(8, 16), plan, 4)), PINNED);
}

const PINNED: u64 = 1_045_045_306_908_926_616;

#[test]
fn events_come_in_order_of_time_and_are_read_back_as_they_were() {
    let (events, _) = labelled(7);
    assert!(events.is_sorted_by_key(|event| event.time));
    assert!(events.len() > 3000, "{}", events.len());
    for event in &events {
        let written = serde_json::to_vec(&event.to_record()).unwrap();
        let read = decode(&written).unwrap();
        assert_eq!((&read.event, read.unknown_fields), (event, 0));
    }
}

#[test]
fn event_ids_are_unique() {
    let (events, _) = labelled(7);
    let ids: BTreeSet<&str> = events.iter().map(|event| &*event.id).collect();
    assert_eq!(ids.len(), events.len());
}

#[test]
fn every_label_says_what_the_events_of_its_session_are() {
    let (events, labels) = labelled(7);
    let mut sessions = BTreeMap::<&str, Vec<&models::event::Event>>::new();
    for event in &events {
        sessions.entry(event.session.as_deref().unwrap()).or_default().push(event);
    }
    assert_eq!(sessions.len(), labels.len());
    for label in &labels {
        let of_session = &sessions[label.session.as_str()];
        assert_eq!(label.events, Some(of_session.len() as u64), "{label:?}");
        assert_eq!(label.identity.as_deref(), Some(&*of_session[0].identity));
        let marked = of_session.iter().map(|e| e.id.to_string()).filter(|id| label.malicious_events.contains(id));
        assert_eq!(marked.collect::<Vec<_>>(), label.malicious_events, "in order of time, and all there");
        assert_eq!(label.first_malicious_event, label.malicious_events.first().cloned());
        assert_eq!(label.label == "attacked_succeeded", !label.malicious_events.is_empty());
        assert_eq!(label.attack.is_some(), label.label == "attacked_succeeded");
        let is_baseline = of_session[0].time < population(7, 1).config().start.saturating_add(DAY);
        assert_eq!(label.split.as_deref(), Some(if is_baseline { "baseline" } else { "test" }));
        assert!(!is_baseline || label.scenario.is_none());
    }
    let seen: BTreeSet<&str> = labels.iter().filter_map(|label| label.scenario.as_deref()).collect();
    let of_sessions = |s: &Scenario| s.is_attack() && s.reach() == crate::scenario::Reach::Sessions;
    for attack in Scenario::ALL.into_iter().filter(of_sessions) {
        assert!(seen.contains(attack.name()), "{} never happened", attack.name());
    }
}

#[test]
fn no_session_reaches_over_a_cut() {
    let population = population(7, 64);
    let cuts: Vec<Timestamp> = (1..8).map(|n| population.config().start.saturating_add(DAY * n / 2)).collect();
    let mut stream = population.events_with(Plan { cuts: cuts.clone(), ..Plan::default() });
    let mut part_of = BTreeMap::new();
    while let Some(event) = stream.next_before(cuts[6]) {
        let part = cuts.iter().filter(|cut| **cut <= event.time).count();
        assert_eq!(*part_of.entry(event.session.clone()).or_insert(part), part, "{:?}", event.session);
    }
}

#[test]
fn scenarios_leave_the_time_before_them_and_the_other_agents_as_they_were() {
    let population = population(7, 16);
    let first_day = |plan| lines(&population, plan, 1);
    let mut plan = attacks(&population);
    // Whoever is new was not there before, which is the point of it.
    plan.shares.retain(|share| !matches!(share.scenario, Scenario::NewTenant | Scenario::NewIdentity));
    let cuts = plan.cuts.clone();
    assert_eq!(first_day(plan), first_day(Plan { cuts, ..Plan::default() }));
}

#[test]
fn an_agent_does_the_same_in_a_larger_population() {
    let of_first = |agents| {
        let population = population(7, agents);
        let mut stream = population.events();
        let end = population.config().start.saturating_add(DAY);
        let identity = population.agents()[0].identity().to_owned();
        let events = std::iter::from_fn(move || stream.next_before(end));
        events.filter(|event| *event.identity == *identity).collect::<Vec<_>>()
    };
    assert_eq!(of_first(8), of_first(24));
}

#[test]
fn a_stream_goes_on_where_it_stopped_and_takes_a_session_in_between() {
    let population = population(7, 8);
    let noon = population.config().start.saturating_add(DAY / 2);
    let mut stream = population.events();
    let mut last = population.config().start;
    while let Some(event) = stream.next_before(noon) {
        last = event.time;
    }
    let label = stream.inject(1, noon, Some(Scenario::Exfiltration)).unwrap();
    assert_eq!(label.attack.as_deref(), Some("exfiltration"));
    let rest: Vec<_> = std::iter::from_fn(|| stream.next_before(noon.saturating_add(DAY))).collect();
    assert!(rest.is_sorted_by_key(|event| event.time) && rest[0].time >= last);
    let injected: Vec<_> = rest.iter().filter(|event| event.session.as_deref() == Some(&label.session)).collect();
    assert_eq!(label.events, Some(injected.len() as u64));
    assert!(label.malicious_events.iter().all(|id| injected.iter().any(|event| *event.id == **id)));
    assert!(stream.inject(8, noon, None).is_none());
}

#[test]
fn a_session_on_demand_starts_when_asked_and_does_not_touch_the_population() {
    let population = population(7, 8);
    let start = population.config().start.saturating_add(DAY);
    let once = population.session(2, start, None, &mut Dice::new(1, 1)).unwrap();
    let again = population.session(2, start, None, &mut Dice::new(1, 1)).unwrap();
    assert_eq!(once, again);
    assert!(once.events.iter().all(|event| event.time > start));
    assert!(population.session(8, start, None, &mut Dice::new(1, 1)).is_none());
}

#[test]
fn impossible_populations_are_refused() {
    let with = |change: fn(&mut PopulationConfig)| {
        let mut config = PopulationConfig::default();
        change(&mut config);
        Population::new(config).unwrap_err()
    };
    assert_eq!(with(|c| c.agents = 0), ConfigError::Agents(0));
    assert!(matches!(with(|c| c.sessions_per_day = f64::NAN), ConfigError::SessionsPerDay(_)));
    assert!(matches!(with(|c| c.roles = vec!["cook".into()]), ConfigError::Role(_)));
    assert!(matches!(with(|c| c.trust_domain = "a/b".into()), ConfigError::TrustDomain(_)));
}
