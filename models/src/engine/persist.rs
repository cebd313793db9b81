//! State to blobs and back: versioned, keyed, and only what changed.
//!
//! Keys: `m` the format and a check of the fingerprint key; `s` the snapshot with the clock and the governor; `i` and a
//! fingerprint for each identity; `c` and a number for who used which credentials; `n` and a number for each shard's names; `p` and two numbers for what a shard has
//! learned since the snapshot, in segments, so that a commit writes only what is new.

use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Clocks;
use super::governor::{self, Governor};
use super::member::Membership;
use super::names::Names;
use super::publish::Segment;
use super::shard::{Shard, shard_of};
use super::state::IdentityState;
use super::{Checkpoint, Engine, RestoreError, SHARDS};
use crate::calibration::{Pending, Snapshot};
use crate::config::CheckedConfig;
use crate::event::Timestamp;
use crate::fingerprint::Kind;

/// Format of the stored state. Raise it with every change of a stored struct, and read what the last released one has stored
/// (`tests/upgrade.rs` has a state of it): a service that is upgraded keeps its baselines.
const FORMAT: u32 = 5;
const PREVIOUS: u32 = 4;

#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    format: u32,
    key_check: u64,
}

/// The parts of an engine that are neither identities nor names.
#[derive(Debug, Serialize, Deserialize)]
struct Shared {
    clocks: Clocks,
    epoch: i64,
    since_publish: u64,
    last_decay: Timestamp,
    live_identity_days: f64,
    governor: Governor,
    member: Option<Box<Membership>>,
    segments: u32,
}

/// The same in the format before.
#[derive(Debug, Deserialize)]
struct PreviousShared {
    clocks: Clocks,
    epoch: i64,
    since_publish: u64,
    last_decay: Timestamp,
    live_identity_days: f64,
    governor: governor::Previous,
    segments: u32,
}

impl From<PreviousShared> for Shared {
    fn from(previous: PreviousShared) -> Self {
        let PreviousShared { clocks, epoch, since_publish, last_decay, live_identity_days, governor, segments } =
            previous;
        let governor = governor.into();
        Self { clocks, epoch, since_publish, last_decay, live_identity_days, governor, member: None, segments }
    }
}

/// Serializing these plain structs into a vector cannot fail; an empty blob would be found at the next start.
fn blob(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).unwrap_or_default()
}

fn parse<'a, T: Deserialize<'a>>(key: &[u8], blob: &'a [u8]) -> Result<T, RestoreError> {
    postcard::from_bytes(blob).map_err(|_| RestoreError::Damaged(hex(key)))
}

fn hex(key: &[u8]) -> String {
    key.iter().fold(String::with_capacity(key.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn segment_key(shard: usize, segment: u32) -> Vec<u8> {
    let mut key = vec![b'p'];
    key.extend((shard as u32).to_be_bytes());
    key.extend(segment.to_be_bytes());
    key
}

impl Engine {
    /// Everything that changed since the last call.
    pub fn checkpoint(&mut self) -> Checkpoint {
        let mut out = Checkpoint::default();
        if !self.saved {
            let key_check = self.fingerprinter.of(Kind::State, &["check"]);
            out.put.push((b"m".to_vec(), blob(&Meta { format: FORMAT, key_check })));
            self.saved = true;
        }
        let segment = self.segments;
        let mut wrote_segment = false;
        for (number, shard) in self.shards.iter_mut().enumerate() {
            for at in shard.take_dirty() {
                if let Some(slot) = shard.slots.get(at as usize) {
                    let mut key = vec![b'i'];
                    key.extend(slot.state.fingerprint.to_be_bytes());
                    out.put.push((key, blob(&*slot.state)));
                }
            }
            if std::mem::take(&mut shard.names.changed) {
                out.put.push((vec![b'n', number as u8], blob(&shard.names)));
            }
            if !shard.pending.is_empty() {
                let pending = std::mem::take(&mut shard.pending);
                out.put.push((segment_key(number, segment), blob(&pending)));
                self.set_aside.push(Segment { shard: number, written: Some(segment), pending });
                wrote_segment = true;
            }
        }
        self.segments += u32::from(wrote_segment);
        out.put.extend(self.credentials.take_changed().map(|(number, slots)| (vec![b'c', number], blob(&slots))));
        if std::mem::take(&mut self.published) {
            out.put.push((b"t".to_vec(), blob(&*self.snapshot)));
        }
        out.delete.append(&mut self.obsolete);
        out.put.push((
            b"s".to_vec(),
            blob(&Shared {
                clocks: self.clocks.clone(),
                epoch: self.epoch,
                since_publish: self.since_publish,
                last_decay: self.last_decay,
                live_identity_days: self.live_identity_days,
                governor: self.governor.clone(),
                member: self.member.clone(),
                segments: self.segments,
            }),
        ));
        out
    }

    /// An engine with the state of earlier checkpoints, of this format or the one before: for every key the newest blob, in any
    /// order. The next checkpoint is of this format, with every blob that differs.
    ///
    /// # Errors
    /// When the state was written by another format or key, or is damaged.
    pub fn restore(
        config: CheckedConfig,
        blobs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, RestoreError> {
        let mut engine = Engine::new(config);
        let mut blobs: Vec<_> = blobs.into_iter().collect();
        blobs.sort();
        let mut format = FORMAT;
        if let Some((key, meta)) = blobs.iter().find(|(key, _)| key == b"m") {
            let meta: Meta = parse(key, meta)?;
            if ![FORMAT, PREVIOUS].contains(&meta.format) {
                return Err(RestoreError::Format { found: meta.format, expected: FORMAT });
            }
            if meta.key_check != engine.fingerprinter.of(Kind::State, &["check"]) {
                return Err(RestoreError::Key);
            }
            format = meta.format;
            engine.saved = format == FORMAT;
        } else if let Some((key, _)) = blobs.first() {
            return Err(RestoreError::Damaged(hex(key)));
        }
        for (key, bytes) in &blobs {
            match key.as_slice() {
                b"m" => {}
                b"s" => {
                    let shared: Shared = match format {
                        PREVIOUS => parse::<PreviousShared>(key, bytes)?.into(),
                        _ => parse(key, bytes)?,
                    };
                    engine.clocks = shared.clocks;
                    engine.epoch = shared.epoch;
                    engine.since_publish = shared.since_publish;
                    engine.last_decay = shared.last_decay;
                    engine.live_identity_days = shared.live_identity_days;
                    engine.governor = shared.governor;
                    engine.member = shared.member;
                    engine.segments = shared.segments;
                }
                b"t" => engine.snapshot = Arc::new(parse::<Snapshot>(key, bytes)?),
                [b'i', ..] => {
                    let state: IdentityState = parse(key, bytes)?;
                    let shard = shard_of(state.fingerprint, SHARDS);
                    if let Some(shard) = engine.shards.get_mut(shard) {
                        shard.insert(Box::new(state));
                    }
                }
                [b'c', number] => {
                    if !engine.credentials.restore(*number, parse(key, bytes)?) {
                        return Err(RestoreError::Damaged(hex(key)));
                    }
                }
                [b'n', number] => {
                    let names: Names = parse(key, bytes)?;
                    if let Some(shard) = engine.shards.get_mut(usize::from(*number)) {
                        shard.names = names;
                    }
                }
                [b'p', rest @ ..] if rest.len() == 8 => {
                    let pending: Pending = parse(key, bytes)?;
                    let number = |at: std::ops::Range<usize>| {
                        rest.get(at).and_then(|n| n.try_into().ok()).map_or(0, u32::from_be_bytes)
                    };
                    let (shard, written) = (number(0..4) as usize, Some(number(4..8)));
                    engine.set_aside.push(Segment { shard, written, pending });
                }
                _ => return Err(RestoreError::Damaged(hex(key))),
            }
        }
        Ok(engine)
    }
}

/// A shard's memory in bytes.
pub(super) fn bytes_of(shard: &Shard) -> usize {
    shard.slots.iter().map(|slot| slot.state.bytes() + size_of::<u64>() * 2).sum()
}
