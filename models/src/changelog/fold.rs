//! Reads a changelog: which blobs are live, who owns the partition, and what is garbage.

use std::collections::{BTreeMap, BTreeSet};

use super::census::Census;
use super::wire::{Key, Marker, Name, Part, Version, content};
use super::writer::{Committed, Writer};
use super::{ChangelogError, Owner, Record, Turn};

/// What the records of a changelog partition say, read in order and bit by bit, from the first.
#[derive(Debug, Default)]
pub struct Fold {
    position: i64,
    owner: Option<Owner>,
    committed: Option<(Version, Marker)>,
    live: BTreeMap<Name, Held>,
    staged: BTreeMap<Name, Held>,
    /// Keys of records that mean nothing any more and are not tombstoned yet.
    garbage: BTreeSet<Vec<u8>>,
}

/// What a new owner begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The blobs by key, in key order.
    pub blobs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where they stand; `None` if nothing was ever committed.
    pub turn: Option<Turn>,
}

/// One version of a blob, as far as it was read.
#[derive(Debug, Clone)]
struct Held {
    version: Version,
    deleted: bool,
    /// Of the whole.
    length: u64,
    parts: Vec<(u32, Box<[u8]>)>,
}

impl Held {
    fn keys(&self, name: &Name) -> impl Iterator<Item = Vec<u8>> {
        self.parts.iter().map(|(number, _)| name.key(self.version, *number))
    }

    /// All of its parts; `None` if one is missing.
    fn joined(self) -> Option<Vec<u8>> {
        let whole = match <[_; 1]>::try_from(self.parts) {
            Ok([(_, bytes)]) => bytes.into_vec(),
            Err(parts) => parts.into_iter().flat_map(|(_, bytes)| bytes).collect(),
        };
        (whole.len() as u64 == self.length).then_some(whole)
    }
}

impl Fold {
    /// The next record.
    ///
    /// # Errors
    /// When it is not one that the protocol writes there; then nothing is taken.
    pub fn take(&mut self, offset: i64, key: &[u8], value: Option<&[u8]>) -> Result<(), ChangelogError> {
        if offset < self.position {
            return Err(ChangelogError::Order { offset, next: self.position });
        }
        match (Key::decode(offset, key)?, value) {
            (parsed, None) => self.forget(key, &parsed),
            (Key::Claim(claim), Some(value)) => {
                content(offset, key, value)?;
                self.claimed(offset, claim)?;
            }
            (Key::Marker(version), Some(value)) => {
                let marker = Marker::decode(offset, key, value)?;
                if self.counts(offset, key, version)? {
                    self.commit(version, marker);
                }
            }
            (Key::Part(name, version, number), Some(value)) => {
                let part = Part::decode(offset, key, value)?;
                if self.live.get(&name).is_some_and(|held| held.version == version) {
                    return Err(ChangelogError::Repeated { offset });
                }
                if self.counts(offset, key, version)? {
                    self.stage(&name, version, number, part);
                }
            }
        }
        self.position = offset.saturating_add(1);
        Ok(())
    }

    /// The offset behind the last record taken.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Who owns the partition at this position.
    pub fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// A claim to write once the partition is read to its end. It has won if, read past its offset, [`Fold::owner`] has
    /// this nonce. The nonce must be random: it is never used again, not even if it is unknown whether the claim was written.
    pub fn claim(&self, nonce: u64) -> Record {
        let epoch = self.owner.map_or(0, |owner| owner.epoch).saturating_add(1);
        Record::put(Owner { epoch, nonce }.claim(), &[])
    }

    /// The state that was committed last, and the right to write on, for whom has claimed with this nonce. Blobs are cut
    /// into parts of `part_bytes`, usually [`PART_BYTES`](super::PART_BYTES).
    ///
    /// # Errors
    /// When the claim has not won, or what was committed is not complete.
    pub fn into_owned(self, nonce: u64, part_bytes: usize) -> Result<(Restored, Committed), ChangelogError> {
        let Some(owner) = self.owner.filter(|owner| owner.nonce == nonce) else {
            return Err(ChangelogError::NotOwned);
        };
        let mut writer = Writer::new(owner.epoch, self.position, part_bytes);
        writer.found_garbage(self.garbage);
        let (mut blobs, mut outputs) = (Vec::new(), Vec::new());
        for (name, held) in self.live {
            if held.deleted {
                writer.found_deletion(held.keys(&name));
                continue;
            }
            writer.found(name.clone(), held.version, held.parts.len() as u32);
            match (held.joined(), name) {
                (None, name) => return Err(ChangelogError::Part { key: name.shown() }),
                (Some(whole), Name::Outputs) => outputs = whole,
                (Some(whole), Name::Blob(key)) => blobs.push((key.into_vec(), whole)),
            }
        }
        let expected = self.committed.map_or_else(Census::default, |(_, marker)| marker.census);
        if *writer.census() != expected {
            return Err(ChangelogError::Incomplete { expected: expected.blobs, found: writer.census().blobs });
        }
        let turn = self.committed.map(|(_, marker)| marker.turn);
        Ok((Restored { blobs, turn }, Committed::new(writer, outputs)))
    }

    /// What was committed last, for whoever only looks: nobody is kept from writing on.
    ///
    /// # Errors
    /// When what was committed is not complete.
    pub fn look(&self) -> Result<Restored, ChangelogError> {
        let blob = |(name, held): (&Name, &Held)| {
            let Name::Blob(key) = name else { return None };
            let whole = held.clone().joined().ok_or_else(|| ChangelogError::Part { key: name.shown() });
            (!held.deleted).then(|| whole.map(|whole| (key.to_vec(), whole)))
        };
        let blobs = self.live.iter().filter_map(blob).collect::<Result<_, _>>()?;
        Ok(Restored { blobs, turn: self.committed.as_ref().map(|(_, marker)| marker.turn) })
    }

    /// Whether a record of this version is one of the owner; else it is garbage.
    fn counts(&mut self, offset: i64, key: &[u8], version: Version) -> Result<bool, ChangelogError> {
        let Some(owner) = self.owner.filter(|owner| owner.epoch >= version.epoch) else {
            return Err(ChangelogError::Unclaimed { offset });
        };
        if owner.epoch > version.epoch {
            self.garbage.insert(key.to_vec());
            return Ok(false);
        }
        if self.committed.is_some_and(|(committed, _)| committed >= version) {
            return Err(ChangelogError::Repeated { offset });
        }
        Ok(true)
    }

    fn claimed(&mut self, offset: i64, claim: Owner) -> Result<(), ChangelogError> {
        match self.owner {
            Some(owner) if owner == claim => return Err(ChangelogError::Repeated { offset }),
            Some(owner) if owner.epoch >= claim.epoch => {
                self.garbage.insert(claim.claim());
            }
            _ => {
                for (name, held) in std::mem::take(&mut self.staged) {
                    self.garbage.extend(held.keys(&name));
                }
                self.owner = Some(claim);
            }
        }
        Ok(())
    }

    fn stage(&mut self, name: &Name, version: Version, number: u32, part: Part<'_>) {
        let Part { deleted, length, bytes } = part;
        match self.staged.get_mut(name) {
            Some(held) if held.version == version => held.parts.push((number, bytes.into())),
            _ => {
                let held = Held { version, deleted, length, parts: vec![(number, bytes.into())] };
                // No marker stands between the two, so they share their fate, and the older one's is to be replaced.
                if let Some(older) = self.staged.insert(name.clone(), held) {
                    self.garbage.extend(older.keys(name));
                }
            }
        }
    }

    fn commit(&mut self, version: Version, marker: Marker) {
        for (name, held) in std::mem::take(&mut self.staged) {
            if let Some(older) = self.live.insert(name.clone(), held) {
                self.garbage.extend(older.keys(&name));
            }
        }
        if self.live.get(&Name::Outputs).is_some_and(|held| held.version != version)
            && let Some(older) = self.live.remove(&Name::Outputs)
        {
            self.garbage.extend(older.keys(&Name::Outputs));
        }
        if let Some((older, _)) = self.committed.replace((version, marker))
            && older.epoch == version.epoch
        {
            self.garbage.insert(older.marker());
        }
    }

    fn forget(&mut self, key: &[u8], parsed: &Key) {
        self.garbage.remove(key);
        let Key::Part(name, version, number) = parsed else { return };
        for blobs in [&mut self.live, &mut self.staged] {
            if let Some(held) = blobs.get_mut(name)
                && held.version == *version
            {
                held.parts.retain(|(part, _)| part != number);
                if held.parts.is_empty() {
                    blobs.remove(name);
                }
            }
        }
    }
}
