//! Writes a changelog: one flush after another, each verified before the next.

use std::collections::BTreeMap;

use super::census::Census;
use super::wire::{Marker, Name, Part, Version};
use super::{Record, Turn};
use crate::engine::Checkpoint;

/// The right to write the next flush.
#[derive(Debug)]
pub struct Writer {
    /// The last flush.
    version: Version,
    /// The offset that its next record must get.
    next: i64,
    part_bytes: usize,
    live: BTreeMap<Name, Stored>,
    census: Census,
    /// Keys to tombstone with the next flush, and with the one after it.
    due: Vec<Vec<u8>>,
    due_later: Vec<Vec<u8>>,
}

/// The live version of a blob.
#[derive(Debug, Clone, Copy)]
struct Stored {
    version: Version,
    parts: u32,
}

/// A flush whose records are being written.
#[derive(Debug)]
#[must_use = "a flush counts only with its marker"]
pub struct Writing {
    writer: Writer,
    records: usize,
    marker: Record,
    outputs: Vec<u8>,
}

/// A flush whose marker is being written.
#[derive(Debug)]
#[must_use = "a flush is committed only when its marker is known to be written"]
pub struct Marking {
    writer: Writer,
    outputs: Vec<u8>,
}

/// A flush that is committed, whose outputs are to be told.
#[derive(Debug)]
#[must_use = "outputs are told before the next flush"]
pub struct Committed {
    writer: Writer,
    outputs: Vec<u8>,
}

/// Somebody else writes, or an acknowledgement is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no record of this owner is known to be at changelog offset {expected}: tell no outputs, give the partition up, and claim it again if it is still assigned"
)]
pub struct Fenced {
    /// Where its record should have been.
    pub expected: i64,
}

impl Writer {
    pub(super) fn new(epoch: u32, next: i64, part_bytes: usize) -> Self {
        Self {
            version: Version { epoch, flush: 0 },
            next,
            part_bytes: part_bytes.max(1),
            live: BTreeMap::new(),
            census: Census::default(),
            due: Vec::new(),
            due_later: Vec::new(),
        }
    }

    pub(super) fn found(&mut self, name: Name, version: Version, parts: u32) {
        self.census.add(&name, version);
        self.live.insert(name, Stored { version, parts });
    }

    pub(super) fn found_garbage(&mut self, keys: impl IntoIterator<Item = Vec<u8>>) {
        self.due.extend(keys);
    }

    pub(super) fn found_deletion(&mut self, keys: impl IntoIterator<Item = Vec<u8>>) {
        self.due_later.extend(keys);
    }

    pub(super) fn census(&self) -> &Census {
        &self.census
    }

    /// What changed, as records in the order in which they must be written. Empty outputs are none.
    pub fn flush(mut self, checkpoint: Checkpoint, outputs: Vec<u8>, turn: Turn) -> (Vec<Record>, Writing) {
        let older = self.version;
        self.version.flush += 1;
        let version = self.version;
        let due = std::mem::take(&mut self.due);
        let due_later = std::mem::take(&mut self.due_later);
        let mut records: Vec<Record> = due.into_iter().map(Record::tombstone).collect();

        // Each name once: a key that is put twice, or put and deleted, is as after all of it.
        let put = checkpoint.put.into_iter().map(|(key, blob)| (key, Some(blob)));
        let delete = checkpoint.delete.into_iter().map(|key| (key, None));
        let changes: BTreeMap<Vec<u8>, Option<Vec<u8>>> = put.chain(delete).collect();
        for (key, blob) in changes {
            let name = Name::Blob(key.into());
            let existed = self.replace(&name);
            if let Some(blob) = blob {
                self.put(name, &blob, &mut records);
            } else if existed {
                let key = name.key(version, 0);
                self.due_later.push(key.clone());
                records.push(Part::DELETION.record(key));
            }
        }
        self.replace(&Name::Outputs);
        if !outputs.is_empty() {
            self.put(Name::Outputs, &outputs, &mut records);
        }
        if older.flush > 0 {
            self.due.push(older.marker());
        }
        self.due.extend(due_later);
        let marker = Marker { turn, census: self.census }.record(version);
        let writing = Writing { records: records.len(), marker, outputs, writer: self };
        (records, writing)
    }

    /// Takes the live version of a blob away, to be tombstoned once this flush is verified.
    fn replace(&mut self, name: &Name) -> bool {
        let Some(Stored { version, parts }) = self.live.remove(name) else { return false };
        self.census.remove(name, version);
        self.due.extend((0..parts).map(|part| name.key(version, part)));
        true
    }

    fn put(&mut self, name: Name, blob: &[u8], records: &mut Vec<Record>) {
        let length = blob.len() as u64;
        // An empty blob has one part.
        let parts = blob.len().div_ceil(self.part_bytes).max(1) as u32;
        let mut pieces = blob.chunks(self.part_bytes);
        for part in 0..parts {
            let bytes = pieces.next().unwrap_or_default();
            records.push(Part { deleted: false, length, bytes }.record(name.key(self.version, part)));
        }
        self.census.add(&name, self.version);
        self.live.insert(name, Stored { version: self.version, parts });
    }

    fn verify(&mut self, offset: Option<&i64>) -> Result<(), Fenced> {
        if offset != Some(&self.next) {
            return Err(Fenced { expected: self.next });
        }
        self.next = self.next.saturating_add(1);
        Ok(())
    }
}

impl Writing {
    /// Once all records are acknowledged, with their offsets in the same order: the marker, to be written now.
    ///
    /// # Errors
    /// When they do not follow each other without a gap.
    pub fn written(mut self, offsets: &[i64]) -> Result<(Record, Marking), Fenced> {
        for at in 0..self.records {
            self.writer.verify(offsets.get(at))?;
        }
        Ok((self.marker, Marking { writer: self.writer, outputs: self.outputs }))
    }
}

impl Marking {
    /// Once the marker is acknowledged, with its offset.
    ///
    /// # Errors
    /// When it does not follow the records without a gap. Whether the flush is committed is then known only to who reads
    /// the changelog.
    pub fn written(mut self, offset: i64) -> Result<Committed, Fenced> {
        self.writer.verify(Some(&offset))?;
        Ok(Committed::new(self.writer, self.outputs))
    }
}

impl Committed {
    pub(super) fn new(writer: Writer, outputs: Vec<u8>) -> Self {
        Self { writer, outputs }
    }

    /// What is to be told, perhaps not for the first time.
    pub fn outputs(&self) -> &[u8] {
        &self.outputs
    }

    /// Once the outputs are told and that is acknowledged.
    pub fn told(self) -> Writer {
        self.writer
    }
}
