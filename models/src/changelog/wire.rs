//! Records as bytes: keys that no two writers share, values that show damage.
//!
//! ```text
//! key      format:u8 kind:u8 epoch:u32 and          integers are big-endian
//!   'c'    nonce:u64                                claim
//!   'm'    flush:u64                                marker
//!   'b'    flush:u64 part:u32 key of the blob       part of a blob, or its deletion
//!   'o'    flush:u64 part:u32                       part of the outputs
//! value    checksum:u64 and
//!   claim  nothing
//!   marker next:i64 fleet:i64 blobs:u64 digest:u64
//!   part   deleted:u8 length:u64 bytes              the length is that of the whole blob
//! ```

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::census::Census;
use super::{ChangelogError, Owner, Record, Turn};

/// Raise it with every change of this layout.
const FORMAT: u8 = 1;

/// At most this much of a key is shown.
const SHOWN_BYTES: usize = 80;

/// A flush of an owner. What is committed later is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub epoch: u32,
    pub flush: u64,
}

/// What a part is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Outputs,
    Blob(Box<[u8]>),
}

/// What a record is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    Claim(Owner),
    Marker(Version),
    Part(Name, Version, u32),
}

impl Name {
    /// The key of a part.
    pub(super) fn key(&self, version: Version, part: u32) -> Vec<u8> {
        let (kind, name): (u8, &[u8]) = match self {
            Name::Outputs => (b'o', &[]),
            Name::Blob(name) => (b'b', name),
        };
        let mut key = head(kind, version.epoch, version.flush);
        key.extend(part.to_be_bytes());
        key.extend(name);
        key
    }

    /// Fit to be shown.
    pub(super) fn shown(&self) -> String {
        match self {
            Name::Outputs => "of outputs".to_owned(),
            Name::Blob(name) => shown(name),
        }
    }
}

impl Version {
    /// The key of its marker.
    pub(super) fn marker(self) -> Vec<u8> {
        head(b'm', self.epoch, self.flush)
    }
}

impl Owner {
    /// The key of its claim.
    pub(super) fn claim(self) -> Vec<u8> {
        head(b'c', self.epoch, self.nonce)
    }
}

fn head(kind: u8, epoch: u32, number: u64) -> Vec<u8> {
    let mut key = vec![FORMAT, kind];
    key.extend(epoch.to_be_bytes());
    key.extend(number.to_be_bytes());
    key
}

impl Key {
    pub(super) fn decode(offset: i64, key: &[u8]) -> Result<Self, ChangelogError> {
        match key.first() {
            Some(&found) if found != FORMAT => Err(ChangelogError::Format { offset, found, expected: FORMAT }),
            _ => Self::parse(key).ok_or_else(|| damaged(offset, key)),
        }
    }

    fn parse(mut rest: &[u8]) -> Option<Self> {
        let [_, kind] = next(&mut rest)?;
        let epoch = u32::from_be_bytes(next(&mut rest)?);
        let number = u64::from_be_bytes(next(&mut rest)?);
        let version = Version { epoch, flush: number };
        match kind {
            b'c' if rest.is_empty() => Some(Key::Claim(Owner { epoch, nonce: number })),
            b'm' if rest.is_empty() => Some(Key::Marker(version)),
            b'b' => {
                let part = u32::from_be_bytes(next(&mut rest)?);
                Some(Key::Part(Name::Blob(rest.into()), version, part))
            }
            b'o' => {
                let part = u32::from_be_bytes(next(&mut rest)?);
                rest.is_empty().then_some(Key::Part(Name::Outputs, version, part))
            }
            _ => None,
        }
    }
}

/// The value of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    pub turn: Turn,
    pub census: Census,
}

impl Marker {
    pub(super) fn record(self, version: Version) -> Record {
        let Self { turn: Turn { next, fleet }, census: Census { blobs, digest } } = self;
        Record::put(
            version.marker(),
            &[&next.to_be_bytes(), &fleet.to_be_bytes(), &blobs.to_be_bytes(), &digest.to_be_bytes()],
        )
    }

    pub(super) fn decode(offset: i64, key: &[u8], value: &[u8]) -> Result<Self, ChangelogError> {
        Self::parse(content(offset, key, value)?).ok_or_else(|| damaged(offset, key))
    }

    fn parse(mut rest: &[u8]) -> Option<Self> {
        let turn = Turn { next: i64::from_be_bytes(next(&mut rest)?), fleet: i64::from_be_bytes(next(&mut rest)?) };
        let census =
            Census { blobs: u64::from_be_bytes(next(&mut rest)?), digest: u64::from_be_bytes(next(&mut rest)?) };
        rest.is_empty().then_some(Self { turn, census })
    }
}

/// The value of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub deleted: bool,
    /// Of the whole blob.
    pub length: u64,
    pub bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// What says that a blob is no more.
    pub(super) const DELETION: Part<'static> = Part { deleted: true, length: 0, bytes: &[] };

    pub(super) fn record(self, key: Vec<u8>) -> Record {
        Record::put(key, &[&[u8::from(self.deleted)], &self.length.to_be_bytes(), self.bytes])
    }

    pub(super) fn decode(offset: i64, key: &[u8], value: &'a [u8]) -> Result<Self, ChangelogError> {
        Self::parse(content(offset, key, value)?).ok_or_else(|| damaged(offset, key))
    }

    fn parse(mut rest: &'a [u8]) -> Option<Self> {
        let [deleted] = next(&mut rest)?;
        let length = u64::from_be_bytes(next(&mut rest)?);
        Some(Self { deleted: deleted != 0, length, bytes: rest })
    }
}

impl Record {
    pub(super) fn put(key: Vec<u8>, content: &[&[u8]]) -> Self {
        let mut value = checksum(&key, content).to_be_bytes().to_vec();
        value.reserve_exact(content.iter().map(|piece| piece.len()).sum());
        for piece in content {
            value.extend(*piece);
        }
        Self { key, value: Some(value) }
    }

    pub(super) fn tombstone(key: Vec<u8>) -> Self {
        Self { key, value: None }
    }
}

/// What follows the checksum, if that is right.
pub(super) fn content<'a>(offset: i64, key: &[u8], value: &'a [u8]) -> Result<&'a [u8], ChangelogError> {
    let mut rest = value;
    match next(&mut rest) {
        Some(sum) if u64::from_be_bytes(sum) == checksum(key, &[rest]) => Ok(rest),
        _ => Err(damaged(offset, key)),
    }
}

/// SipHash-1-3 under a fixed key: against damage, not against a forger.
pub(super) fn checksum(key: &[u8], content: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(&(key.len() as u64).to_be_bytes());
    hasher.write(key);
    for piece in content {
        hasher.write(piece);
    }
    hasher.finish()
}

fn next<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn damaged(offset: i64, key: &[u8]) -> ChangelogError {
    ChangelogError::Damaged { offset, key: shown(key) }
}

fn shown(key: &[u8]) -> String {
    key.get(..SHOWN_BYTES).unwrap_or(key).escape_ascii().to_string()
}
