//! Identities without a declared group, spread over the partitions of a fleet, are grouped by what all of them do.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a story that cannot be told fails")]
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "small numbers")]

mod fleet;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use fleet::cluster::{Cluster, partition_of};
use fleet::{Call, Dice, START, config, engine, feed, kind_session, kinds};
use models::assessment::Assessment;
use models::config::EngineConfig;
use models::decision::Mode;
use models::engine::{Engine, Input, Output, Phase};
use models::event::Event;

const MEMBERS: usize = 24;

/// The group of every identity that has a partition.
fn groups(cluster: &Cluster) -> BTreeMap<Box<str>, Box<str>> {
    let agents =
        kinds(MEMBERS, 0..1).into_iter().map(|event| (partition_of(&event) % cluster.parts.len(), event.identity));
    agents
        .filter_map(|(partition, agent)| {
            let view = cluster.parts[partition].member.identity("default", &agent)?;
            Some((agent, view.group))
        })
        .collect()
}

fn groups_alone(engine: &Engine) -> BTreeMap<Box<str>, Box<str>> {
    let agents = kinds(MEMBERS, 0..1).into_iter().map(|event| event.identity);
    agents.filter_map(|agent| engine.identity("default", &agent).map(|view| (agent, view.group))).collect()
}

fn alone(engine: &mut Engine, event: &Event, phase: Phase) -> Assessment {
    let mut out = Vec::new();
    engine.handle(Input::recorded(event, models::engine::Trust::Revoke, phase), &mut out);
    match out.into_iter().next() {
        Some(Output::Assessed(assessment)) => assessment,
        _ => unreachable!("the assessment comes first"),
    }
}

/// Somebody of another tenant, who acts at the beginning of every hour.
fn bell(hour: i64, stroke: i64) -> Event {
    let session = format!("bell-{hour}");
    let second = hour * 3600 + stroke;
    Call {
        agent: 0,
        tenant: "bells",
        session: &session,
        second,
        tool: "bell.ring",
        action: "execute",
        target: "bell://tower",
        bytes: 10,
    }
    .event()
}

#[test]
fn a_fleet_of_one_partition_says_what_an_engine_alone_says() {
    let mut events = kinds(MEMBERS, 1..40);
    for (n, event) in events.iter_mut().enumerate() {
        event.bytes_out = Some(1000 + (n as u64 * 7919) % 5000);
        event.time = event.time.saturating_add(std::time::Duration::from_secs(10));
    }
    events.extend((0..80).flat_map(|hour| (0..4).map(move |stroke| bell(hour, stroke))));
    events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
    // A member asks before it revokes: that comes a turn later.
    let config = EngineConfig { mode: Mode::Warn, ..config() };
    let (mut engine, mut cluster) = (engine(config.clone()), Cluster::of(config, 1));
    let mut grouped = 0;
    for (n, event) in events.iter().enumerate() {
        let phase = if event.time.as_seconds() < START + 30 * 3600 { Phase::Warmup } else { Phase::Live };
        let (expected, got) = (alone(&mut engine, event, phase), cluster.event(event, phase));
        cluster.flush(0);
        // What the first event of an hour brings about, a member knows a few strokes of the bell later.
        if &*event.tool != "bell.ring" {
            assert!(got == expected, "{} {expected:#?} {got:#?}", event.id);
        }
        if n % 100 == 0 {
            assert_eq!(groups(&cluster), groups_alone(&engine));
            grouped += usize::from(groups(&cluster).values().all(|group| group.starts_with("behaviour ")));
        }
    }
    assert!(grouped > 10, "{grouped}");
}

#[test]
fn members_in_three_partitions_are_grouped_as_they_are_alone() {
    let events = kinds(MEMBERS, 0..30);
    let (mut engine, mut cluster) = (engine(config()), Cluster::new(config()));
    feed(&mut engine, &events, Phase::Warmup);
    cluster.play(&events, Phase::Warmup, 50, |_, _| ());
    let found = groups(&cluster);
    assert_eq!(found, groups_alone(&engine));
    for kind in 0..3 {
        let of_kind = found.iter().filter(|(agent, _)| agent.starts_with(&format!("agent-{kind}-")));
        assert_eq!(of_kind.clone().count(), MEMBERS);
        assert_eq!(of_kind.map(|(_, group)| group).collect::<BTreeSet<_>>().len(), 1);
    }
    assert!(found.values().all(|group| group.starts_with("behaviour ")));
}

/// A session of an agent that uses a tool of another kind.
fn stray(number: i64) -> Vec<Event> {
    let mut events = kind_session(0, 5, number);
    for event in &mut events {
        event.tool = "repo.commit".into();
    }
    events
}

#[test]
fn what_no_peer_does_is_seen_in_a_fleet_as_it_is_alone() {
    let config = EngineConfig { mode: Mode::Warn, ..config() };
    let (mut engine, mut cluster) = (engine(config.clone()), Cluster::new(config));
    let events = kinds(MEMBERS, 0..30);
    feed(&mut engine, &events, Phase::Warmup);
    cluster.play(&events, Phase::Warmup, 50, |_, _| ());
    let attack = stray(30);
    let expected = feed(&mut engine, &attack, Phase::Live);
    cluster.play(&attack, Phase::Live, 1, |_, _| ());
    for alert in [expected.alerts.last().expect("an alert"), cluster.newest(partition_of(&attack[0]))] {
        assert!(alert.summary.contains("never used by this identity, nor by a peer"), "{}", alert.summary);
    }
}

#[test]
fn a_partition_that_is_silent_is_not_waited_for_and_is_grouped_when_it_speaks_again() {
    // Two thirds of the members are enough for three groups.
    const MANY: usize = 36;
    let mut cluster = Cluster::new(config());
    let grouped = |cluster: &Cluster, partition: usize| {
        let agents = kinds(MANY, 0..1).into_iter().filter(|event| partition_of(event) == partition);
        let views = agents.map(|agent| cluster.parts[partition].member.identity("default", &agent.identity));
        views.map(|view| view.expect("known").group.to_string()).collect::<BTreeSet<_>>()
    };
    for number in 0..19 {
        let mut events = kinds(MANY, number..number + 1);
        events.retain(|event| partition_of(event) != 2 || !(12..18).contains(&number));
        cluster.play(&events, Phase::Warmup, 20, |_, _| ());
        let found = [0, 1, 2].map(|partition| grouped(&cluster, partition));
        let everybody = BTreeSet::from(["all identities".to_owned()]);
        // A day is over with session 13; then it is waited for until the next epoch.
        let ([first, second, silent], grouped) = (&found, number >= 14);
        assert!(
            first == second && (first.len() == 3) == grouped && (*first == everybody) != grouped,
            "{number} {found:?}"
        );
        assert!(silent == if number >= 18 { first } else { &everybody }, "{number} {found:?}");
    }
}

/// An agent of one of four kinds: one session of 31 calls, enough for a profile.
fn many_calls(agent: usize, start: i64, dice: &mut Dice) -> Vec<Event> {
    let session = format!("many-{agent}-{start}");
    let mut event = |second| {
        let (tool, target) = (format!("tool-{}-{}", agent % 4, dice.below(8)), format!("crm://{}", dice.below(20_000)));
        let (tool, target, session) = (tool.as_str(), target.as_str(), session.as_str());
        let call = Call { agent, tenant: "default", session, second, tool, action: "read", target, bytes: 100 };
        Event { identity: format!("agent-{agent}").into(), ..call.event() }
    };
    (start..start + 31).map(&mut event).collect()
}

#[test]
#[ignore = "a measurement: cargo test --release -p models --test grouping -- --ignored --nocapture"]
#[allow(clippy::disallowed_methods, reason = "it takes the time")]
fn figures() {
    const AGENTS: i64 = 50_000;
    let (mut cluster, mut dice) = (Cluster::of(config(), 1), Dice(3));
    for agent in 0..AGENTS {
        for event in many_calls(agent as usize, agent / 50, &mut dice) {
            cluster.event(&event, Phase::Warmup);
        }
        if agent % 100 == 99 {
            cluster.flush(0);
        }
    }
    for (hour, second) in [(24, 0), (25, 0), (25, 1), (26, 0)] {
        let event = many_calls(0, hour * 3600 + second, &mut dice).remove(0);
        let before = cluster.log.len();
        let start = Instant::now();
        cluster.event(&event, Phase::Warmup);
        let (taken, start) = (start.elapsed(), Instant::now());
        cluster.flush(0);
        let sizes: Vec<_> = cluster.log[before..].iter().map(Vec::len).collect();
        println!("event {taken:?}, flush {:?}, entries of {sizes:?} bytes", start.elapsed());
    }
}
