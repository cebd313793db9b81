//! A state that the version before has written is read, and goes on as if this version had written it.

#![allow(clippy::expect_used, reason = "a story that cannot be told fails")]

mod fleet;

use fleet::{DAYS, Seen, config, feed, hijack, history};
use models::config::CheckedConfig;
use models::engine::{Checkpoint, Engine, Phase, RestoreError};
use models::event::Event;

const AGENTS: usize = 3;

fn checked() -> CheckedConfig {
    config().check().expect("valid")
}

/// What comes after it: another hijack, and the use of what was revoked before.
fn after() -> Vec<Event> {
    let mut events = hijack(2, DAYS * 12 + 1);
    events.extend(hijack(1, DAYS * 12).into_iter().map(|mut event| {
        event.id = format!("{}-again", event.id).into();
        event.time = event.time.saturating_add(std::time::Duration::from_hours(3));
        event
    }));
    events
}

/// An engine that took all of this, and everything that it would have stored.
fn written() -> (Engine, Seen, Checkpoint) {
    let mut engine = Engine::new(checked());
    feed(&mut engine, &history("default", AGENTS, DAYS), Phase::Warmup);
    engine.publish(&mut Vec::new());
    let seen = feed(&mut engine, &hijack(1, DAYS * 12), Phase::Live);
    let checkpoint = engine.checkpoint();
    (engine, seen, checkpoint)
}

type Blobs = Vec<(Vec<u8>, Vec<u8>)>;

/// Keys and values, each after its length.
fn packed(blobs: &Blobs) -> Vec<u8> {
    let part = |bytes: &Vec<u8>| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    blobs.iter().flat_map(|(key, blob)| [part(key), part(blob)].concat()).collect()
}

fn unpacked(mut bytes: &[u8]) -> Blobs {
    let mut part = || {
        let (length, rest) = bytes.split_first_chunk()?;
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        bytes = rest;
        Some(part.to_vec())
    };
    std::iter::from_fn(|| part().zip(part())).collect()
}

/// Made by the last version of format 4 with the test below.
const FORMAT_4: &[u8] = include_bytes!("upgrade/format-4.bin");

#[test]
#[ignore = "writes the file that the next version is tested with; run it with the last build of a format"]
#[allow(clippy::disallowed_methods, reason = "the engine does no IO; this is its developer")]
fn write() {
    let (_, seen, checkpoint) = written();
    assert!(!seen.revocations.is_empty(), "something to remember");
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upgrade/format-5.bin"), packed(&checkpoint.put))
        .expect("written");
}

#[test]
fn a_state_of_the_version_before_goes_on_as_one_of_this() {
    let (mut own, seen, checkpoint) = written();
    assert!(!seen.revocations.is_empty(), "something to remember");
    let stored = unpacked(FORMAT_4);
    assert_eq!(stored.len(), checkpoint.put.len());
    let mut upgraded = Engine::restore(checked(), stored).expect("the format before is read");
    let (expected, found) = (feed(&mut own, &after(), Phase::Live), feed(&mut upgraded, &after(), Phase::Live));
    assert!(!expected.revocations.is_empty());
    assert!(expected.alerts.iter().any(|alert| alert.kind.as_str() == "revoked_credential_used"), "it is remembered");
    assert_eq!(found, expected);
    // What is written from now on is of this version, whole, and read by it alone.
    let (first, format) = (upgraded.checkpoint(), |blobs: &Blobs| blobs.iter().find(|(key, _)| key == b"m").cloned());
    assert_eq!(format(&first.put), format(&checkpoint.put));
    let mut merged: std::collections::BTreeMap<_, _> = unpacked(FORMAT_4).into_iter().chain(first.put).collect();
    first.delete.iter().for_each(|key| drop(merged.remove(key)));
    Engine::restore(checked(), merged).expect("this version's own");
}

#[test]
fn a_state_of_any_other_version_is_refused_with_what_to_do() {
    for format in [0, 3, 99] {
        let mut stored = unpacked(FORMAT_4);
        for (key, blob) in &mut stored {
            if key == b"m" {
                // The format is the first number of it, in one byte.
                blob[0] = format;
            }
        }
        let error = Engine::restore(checked(), stored).expect_err("not to be read");
        assert!(matches!(error, RestoreError::Format { .. }), "{error}");
        assert!(error.to_string().contains("use the matching version"), "{error}");
    }
}
