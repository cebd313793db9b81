//! A fleet of members: what they share goes through one log, and what each does depends on its own events and turns only.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a story that cannot be told fails")]

mod fleet;

use fleet::cluster::{APPENDED, Cluster, PARTITIONS, partition_of};
use fleet::{AGENTS, DAYS, Dice, NEXT, config, hijack, history, kinds};
use models::alert::AlertKind;
use models::config::EngineConfig;
use models::decision::{Verdict, Withheld};
use models::engine::{Entry, Fleet, Member, Order, Phase, RestoreError, View};
use models::event::{Event, Timestamp};

fn hijacks(agents: impl IntoIterator<Item = usize>, number: i64) -> Vec<Event> {
    let mut events: Vec<_> = agents.into_iter().flat_map(|agent| hijack(agent, number)).collect();
    events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
    events
}

#[test]
fn a_hijack_is_proposed_granted_and_written_on_its_alert() {
    let mut cluster = Cluster::learned(config());
    let events = hijack(3, NEXT);
    let partition = partition_of(&events[0]);
    cluster.play(&events, Phase::Live, 1, |_, _| ());
    let [revocation] = &cluster.revocations[..] else { panic!("{:?}", cluster.revocations) };
    let alert = cluster.newest(partition);
    assert_eq!((&alert.revocation, &revocation.alert), (&Some(revocation.id.clone()), &alert.id));
    assert!(cluster.alerts.is_empty());
    // The credential is used on: told once, by the partition that sees it.
    let mut late = hijack(3, NEXT);
    for (n, event) in late.iter_mut().enumerate() {
        event.id = format!("late-{n}").into();
        event.time = event.time.saturating_add(std::time::Duration::from_mins(10));
    }
    cluster.play(&late, Phase::Live, 1, |_, _| ());
    let used = cluster.parts[partition].told.alerts.iter().filter(|a| a.kind == AlertKind::RevokedCredentialUsed);
    assert_eq!((used.count(), cluster.revocations.len()), (1, 1));
}

#[test]
fn the_brake_counts_the_fleet_and_opens_for_all_of_it() {
    let mut cluster = Cluster::learned(config());
    // One in each partition: two are what the brake allows.
    let agents: Vec<usize> = (0..PARTITIONS)
        .map(|p| (0..AGENTS).find(|agent| partition_of(&hijack(*agent, NEXT)[0]) == p).expect("an agent"))
        .collect();
    let mut events = hijacks(agents.iter().copied(), NEXT);
    // All at the same time, and each goes on for a while.
    for event in &mut events {
        event.time = events_start();
    }
    cluster.play(&events, Phase::Live, 1, |_, _| ());
    assert_eq!(cluster.revocations.len(), 2);
    assert_eq!(cluster.alerts.iter().map(|alert| alert.kind).collect::<Vec<_>>(), [AlertKind::BrakeOpened]);
    let withheld = (0..PARTITIONS).filter(|p| cluster.newest(*p).withheld == Some(Withheld::Brake)).count();
    assert_eq!(withheld, 1, "the alert of the third says why");
    cluster.order(Order::ReleaseBrake { by: "someone".to_owned(), at_ms: 0 });
    // It is asked again when the episode goes on.
    let third = (0..PARTITIONS).find(|p| cluster.newest(*p).revocation.is_none()).expect("one");
    let mut again = hijack(agents[third], NEXT);
    for (n, event) in again.iter_mut().enumerate() {
        event.id = format!("again-{n}").into();
        event.time = events_start();
    }
    cluster.play(&again, Phase::Live, 1, |_, _| ());
    assert_eq!(cluster.revocations.len(), 3);
}

fn events_start() -> Timestamp {
    hijack(0, NEXT)[0].time
}

/// A fortnight, and at its beginning another tenant with identities without a declared group, for longer than it takes to group them.
fn with_kinds() -> Vec<Event> {
    let mut events = history("default", AGENTS, DAYS);
    events.extend(kinds(24, 0..16).into_iter().map(|event| Event { tenant: "kinds".into(), ..event }));
    events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
    events
}

fn phase(event: &Event) -> Phase {
    if &*event.tenant == "kinds" { Phase::Warmup } else { Phase::Live }
}

/// Everything that was told, with the same turns, whoever was killed in between.
#[test]
fn a_partition_that_changes_hands_goes_on_to_the_byte() {
    let mut events = with_kinds();
    events.extend(hijacks([3, 8], NEXT));
    let undisturbed = {
        let mut cluster = Cluster::new(config());
        cluster.play_by(&events, phase, 61, |_, _| ());
        cluster
    };
    let hijacks = undisturbed.revocations.iter().filter(|revocation| revocation.session.starts_with("hijack-"));
    assert_eq!(hijacks.count(), 2);
    let agent = kinds(1, 0..1).first().map(|event| (partition_of(event), event.identity.clone())).expect("an agent");
    let view = undisturbed.parts[agent.0].member.identity("kinds", &agent.1).expect("known");
    assert!(view.group.starts_with("behaviour "), "{}", view.group);
    let mut dice = Dice(5);
    let mut cluster = Cluster::new(config());
    cluster.play_by(&events, phase, 61, |cluster, partition| {
        if dice.below(4) == 0 {
            cluster.hand_over(partition);
        }
    });
    for (disturbed, undisturbed) in cluster.parts.iter().zip(&undisturbed.parts) {
        assert!(disturbed.told == undisturbed.told);
        assert!(disturbed.stored.blobs == undisturbed.stored.blobs);
    }
    assert!(cluster.log == undisturbed.log);
    assert_eq!(cluster.revocations, undisturbed.revocations);
    assert_eq!(cluster.fleet.image(), undisturbed.fleet.image());
}

#[test]
fn what_is_proposed_while_catching_up_is_not_acted_upon() {
    let mut cluster = Cluster::learned(config());
    let events = hijack(3, NEXT);
    cluster.appended = events[0].time.saturating_add(std::time::Duration::from_hours(24));
    cluster.play(&events, Phase::Live, 1, |_, _| ());
    assert!(cluster.revocations.is_empty());
    assert_eq!(cluster.newest(partition_of(&events[0])).withheld, Some(Withheld::Stale));
}

#[test]
fn a_copy_from_an_image_goes_on_to_the_byte_and_hears_nothing_twice() {
    let mut events = with_kinds();
    events.extend(hijacks([3], NEXT));
    let mut cluster = Cluster::new(config());
    cluster.play_by(&events, phase, 61, |_, _| ());
    let checked = || cluster.config.clone().check().expect("valid");
    let (mut copy, mut out) = (Fleet::new(checked()), Vec::new());
    for (n, entry) in cluster.log.iter().enumerate() {
        for entry in [Some(entry), n.checked_sub(5).map(|earlier| &cluster.log[earlier])].into_iter().flatten() {
            copy.take(Entry::decode(entry).expect("readable"), APPENDED, &mut out);
        }
        if n % 7 == 0 {
            copy = Fleet::restore(checked(), &copy.image()).expect("restored");
        }
    }
    assert_eq!(copy.image(), cluster.fleet.image());
    assert_eq!(copy.view(), cluster.fleet.view());
    assert_eq!(out.len(), cluster.revocations.len() + cluster.alerts.len());
}

#[test]
fn a_verdict_reaches_the_member_that_owns_the_identity() {
    let mut cluster = Cluster::learned(config());
    let events = hijack(3, NEXT);
    cluster.play(&events, Phase::Live, 1, |_, _| ());
    let partition = partition_of(&events[0]);
    let known = |cluster: &Cluster| {
        let view = cluster.parts[partition].member.identity(&events[0].tenant, &events[0].identity);
        view.expect("known").tools.iter().any(|tool| &*tool.name == "vault.export")
    };
    let alert = cluster.newest(partition).clone();
    // Its session ends by the clock of its partition.
    let mut later = fleet::session("default", 3, NEXT + 24, &mut Dice(1));
    later.retain(|event| event.tool.as_ref() == "notes.append");
    cluster.play(&later, Phase::Live, 1, |_, _| ());
    assert!(!known(&cluster));
    let verdict = Verdict::False;
    cluster.order(Order::Verdict {
        alert: alert.id,
        tenant: alert.tenant,
        identity: alert.identity,
        verdict,
        note: None,
        by: "someone".to_owned(),
        at_ms: 0,
    });
    cluster.flush(partition);
    assert!(known(&cluster), "what was no attack is learned");
}

#[test]
fn state_of_another_partition_format_or_key_is_refused() {
    let mut cluster = Cluster::new(config());
    cluster.play(&history("default", AGENTS, 1), Phase::Live, 61, |_, _| ());
    let checked = || cluster.config.clone().check().expect("valid");
    let blobs = cluster.parts[0].stored.blobs.clone();
    let refused = Member::restore(checked(), 1, &View::default(), blobs).expect_err("not its own");
    assert_eq!(refused, RestoreError::Partition(1));
    let mut image = cluster.fleet.image();
    image[0] = 99;
    let refused = Fleet::restore(checked(), &image).expect_err("unknown");
    assert!(matches!(refused, RestoreError::Format { found: 99, .. }), "{refused}");
    let other = EngineConfig { fingerprint_key: "1".repeat(32), ..config() };
    let refused = Fleet::restore(other.check().expect("valid"), &cluster.fleet.image()).expect_err("other key");
    assert_eq!(refused, RestoreError::Key);
    assert!(Entry::decode(&[99, 0]).is_err() && Entry::decode(&[]).is_err() && Entry::decode(&[1, 77]).is_err());
}
