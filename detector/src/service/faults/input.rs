//! The input of one seed: two partitions of ordinary sessions and hijacks, with what is broken, late or sent twice.

use std::sync::Arc;
use std::time::Duration;

use models::config::{BrakeConfig, Budget, EngineConfig, Span};
use models::engine::Trust;
use models::event::Event;

use super::fleet::{self, Dice};
use crate::source::{Envelope, Item};

pub(super) const SOURCE: &str = "kafka:agent.actions";
pub(super) const PARTITIONS: usize = 2;
/// Days of history behind every seed, twelve sessions of an agent each.
pub(super) const DAYS: i64 = 3;
pub(super) const AGENTS: usize = 12;
/// The first session number after the history.
const NEXT: i64 = DAYS * 12;
/// Agents that act, and sessions of each.
const ACTING: usize = 6;
const SESSIONS: i64 = 2;
/// Seconds from the beginning of one session of an agent to that of its next.
const APART: u64 = 900;
/// Hijacks, of three agents: some of them are hijacked twice.
const HIJACKS: u64 = 4;

/// An engine that alerts and revokes after little history.
pub(super) fn settings() -> EngineConfig {
    let budget =
        Budget { false_alerts_per_1000_identity_days: 4000.0, false_revocations_per_million_identity_days: 1e6 };
    let brake = BrakeConfig { identities: 2, share: 0.0, window: Span::seconds(600) };
    EngineConfig { budget, brake, mature_sessions: 5, episode_quiet: Span::seconds(1_800), ..fleet::config() }
}

pub(super) fn partitions(dice: &mut Dice) -> [Vec<Item>; PARTITIONS] {
    let mut events = Vec::new();
    for number in NEXT..NEXT + SESSIONS {
        for agent in 0..ACTING {
            events.extend(sooner(fleet::session("default", agent, number, dice), number));
        }
    }
    for _ in 0..HIJACKS {
        let (agent, number) = (dice.below(3) as usize, NEXT + dice.below(SESSIONS as u64 + 1).cast_signed());
        events.extend(sooner(fleet::hijack(agent, number), number));
    }
    events.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.id.cmp(&b.id)));
    let mut partitions = [const { Vec::new() }; PARTITIONS];
    for event in events {
        let partition = event.identity.bytes().map(usize::from).sum::<usize>() % PARTITIONS;
        let items: &mut Vec<Item> = &mut partitions[partition];
        let raw = serde_json::to_vec(&event.to_record()).expect("plain");
        let received_at = event.time.as_nanos() / 1_000_000 + dice.below(3_000).cast_signed();
        match dice.below(40) {
            0 => items.push(item(items.len(), received_at, b"{\"id\": broken".to_vec())),
            1 => items.push(item(items.len(), received_at, raw.clone())),
            2 => items.push(item(items.len(), received_at, late(event))),
            _ => {}
        }
        items.push(item(items.len(), received_at, raw));
    }
    partitions
}

/// Sessions follow each other so fast that most revocations are delivered before their credential has expired.
fn sooner(events: Vec<Event>, number: i64) -> impl Iterator<Item = Event> {
    let by = Duration::from_secs((number - NEXT).unsigned_abs() * (7_200 - APART));
    events.into_iter().map(move |mut event| {
        event.time = event.time.saturating_sub(by);
        if let Some(credential) = &mut event.credential {
            credential.expires_at = credential.expires_at.map(|at| at.saturating_sub(by));
        }
        event
    })
}

/// The same again, hours before.
fn late(mut event: Event) -> Vec<u8> {
    event.id = format!("{}-late", event.id).into();
    event.time = event.time.saturating_sub(Duration::from_hours(6));
    serde_json::to_vec(&event.to_record()).expect("plain")
}

fn item(position: usize, received_at: i64, raw: Vec<u8>) -> Item {
    Item {
        position: i64::try_from(position).expect("small"),
        received_at,
        trust: Trust::Revoke,
        length: raw.len() as u64,
        raw,
        envelope: Envelope::default(),
    }
}

pub(super) fn source() -> Arc<str> {
    SOURCE.into()
}
