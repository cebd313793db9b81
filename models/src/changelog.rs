//! How the state of one input partition lives in one partition of a compacted Kafka topic, the changelog, without
//! transactions: recovery is exact after any crash, and a writer that comes late changes nothing.
//!
//! Bytes in, bytes out: the driver reads and writes Kafka. This page is the specification; why it is like this is in
//! `docs/decisions/012-changelog.md`.
//!
//! # Records
//! A **flush** is what changed since the last flush: blobs, deletions, and the outputs to be told to others. It ends with a
//! **marker**, which holds the [`Turn`]: where to read on. A flush is committed exactly if its marker was written while its
//! writer owned the partition. Every record has a key of its own, made of epoch, flush and name. So no writer ever
//! overwrites a record, another's or its own, and compaction drops only what was tombstoned.
//!
//! A blob larger than a limit is written in parts. Outputs are a blob without a name that lives until the next marker. Each
//! key begins with a format; each value with a checksum over key and content.
//!
//! # Claims
//! A new owner reads to the end, writes a **claim** with the highest epoch that it saw plus one and a nonce that was never
//! used before, and reads on until it has read its own claim. The first claim of the highest epoch, in log order, owns the
//! partition; a loser claims again. From there on records of lower epochs are void. Claims that won are kept for ever (22
//! bytes of content each), as is the last marker of each epoch (54 bytes): they say which older records count.
//!
//! # The fold
//! [`Fold`] reads in log order, at once or bit by bit.
//!
//! | record | effect |
//! |---|---|
//! | claim of a higher epoch | owner; what is staged is garbage |
//! | other claim | garbage |
//! | part or deletion, epoch of the owner | staged; what it replaces among the staged is garbage |
//! | marker, epoch of the owner | all staged is live; what that replaces, older outputs and the older marker of the same epoch are garbage |
//! | part, deletion or marker of a lower epoch | garbage |
//! | any of a higher epoch, or a live one again | error: the topic or the producer is misconfigured |
//! | tombstone | what it names is no more |
//!
//! A tombstone may name what is live at that point: compaction, which works on while one reads, may have removed the marker
//! that replaced it. For the same reason a blob may lack a part, or be one that was deleted long ago, until the last marker is
//! read. So what is live is judged only at the end, by [`Fold::into_owned`]: every part is there, and what is live is what
//! the last marker says, in number and digest. That finds what a topic with a retention limit has lost, and what a reader
//! slower than `delete.retention.ms` has missed.
//!
//! # Writing
//! Types keep the order: [`Writer`] -flush-> [`Writing`] -written-> [`Marking`] -written-> [`Committed`] -told-> [`Writer`].
//! 1. The records of the flush are written and acknowledged, **then** the marker. Were they sent together, a record could be
//!    refused and the marker behind it written: a commit with a hole.
//! 2. **Fence.** Offsets must follow each other without a gap from the claim on. A gap means that somebody else wrote: another
//!    owner, or an old one that was late. Either way, or if an acknowledgement is lost, the writer gives up and tells
//!    nothing; its partition is claimed again. What was committed is found by whoever reads then.
//! 3. **Outputs** are told once the marker is verified, and told before the next flush. A new owner tells those of the last
//!    committed flush again; receivers recognise repeats by id.
//! 4. **Tombstones** are facts, true whoever owns the partition when they arrive, because compaction asks nobody: a version and a
//!    marker are tombstoned one flush after the one that replaced them was verified. A deletion is tombstoned one flush
//!    later still, after the tombstones of all that it deleted are verified: without it, they would be live again. A new owner
//!    tombstones all garbage that it found in its first flush.
//!
//! ```
//! use models::changelog::{Fold, PART_BYTES, Turn};
//! use models::engine::Checkpoint;
//!
//! let (mut fold, nonce) = (Fold::default(), 0x1d0f_7c3e_55aa_9b21);
//! let claim = fold.claim(nonce); // to be written; then all is read on until past it
//! fold.take(0, &claim.key, claim.value.as_deref())?;
//! let (restored, committed) = fold.into_owned(nonce, PART_BYTES)?;
//! assert!(restored.turn.is_none() && committed.outputs().is_empty());
//! let writer = committed.told();
//!
//! let changed = Checkpoint { put: vec![(b"key".to_vec(), b"blob".to_vec())], delete: vec![] };
//! let (records, writing) = writer.flush(changed, b"an alert".to_vec(), Turn { next: 10, fleet: 0 });
//! assert_eq!(records.len(), 2); // to be written; offsets 1 and 2 are acknowledged
//! let (marker, marking) = writing.written(&[1, 2])?;
//! assert!(marker.value.is_some()); // to be written
//! let committed = marking.written(3)?;
//! assert_eq!(committed.outputs(), b"an alert"); // to be told, then acknowledged
//! let writer = committed.told(); // ready for the next flush
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the driver must provide
//! - Topic: `cleanup.policy=compact` and nothing else; `delete.retention.ms` longer than reading it takes; as many partitions as
//!   the input; no transactions, whose control records would be gaps.
//! - Producer: `enable.idempotence=true` and `acks=all`. A record written twice could outlive its compacted original at a
//!   place where it means something else; where that would do harm it is an error.
//! - A claim is never sent again with the same nonce.
//!
//! # Cost
//! One more round trip per flush for the marker. A fold keeps the live blobs, what is staged, and the keys of garbage; a writer
//! 24 bytes and the key per blob, and the map's overhead. `take` costs the logarithm of the number of blobs.

mod census;
mod fold;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

pub use fold::{Fold, Restored};
pub use writer::{Committed, Fenced, Marking, Writer, Writing};

/// The usual limit for a part of a blob in bytes: below Kafka's usual limit for a record, 1 MiB, with its key.
pub const PART_BYTES: usize = 900_000;

/// Where a state stands: which input comes next, and which shared knowledge it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Offset of the next input.
    pub next: i64,
    /// Offset in the log of the fleet's shared knowledge that is applied from there on.
    pub fleet: i64,
}

/// Who owns a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Grows with each owner; the first is 1.
    pub epoch: u32,
    /// Tells claims of the same epoch apart.
    pub nonce: u64,
}

/// A record to be written to the changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Vec<u8>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// Why a changelog cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangelogError {
    /// Written by another version.
    #[error(
        "the changelog record at offset {offset} has format {found}; this build reads format {expected}: use the matching version"
    )]
    Format {
        /// Its offset.
        offset: i64,
        /// Format number found.
        found: u8,
        /// Format number that this build reads.
        expected: u8,
    },
    /// Not what was written.
    #[error(
        "the changelog record at offset {offset}, key {key}, is damaged: restore the topic from a backup, or empty the partition to learn anew"
    )]
    Damaged {
        /// Its offset.
        offset: i64,
        /// Its key, escaped.
        key: String,
    },
    /// Read backwards.
    #[error(
        "the changelog record at offset {offset} was read after those up to {next}: read the partition from its beginning into a new fold"
    )]
    Order {
        /// Its offset.
        offset: i64,
        /// The lowest offset that could have come.
        next: i64,
    },
    /// The claim of its writer is not there.
    #[error(
        "nobody has claimed the epoch of the changelog record at offset {offset}: set `cleanup.policy=compact` alone, then restore the topic from a backup, or empty the partition to learn anew"
    )]
    Unclaimed {
        /// Its offset.
        offset: i64,
    },
    /// Written twice.
    #[error(
        "the changelog record at offset {offset} was written before: set `enable.idempotence=true` for whatever wrote it, then restore the topic from a backup, or empty the partition to learn anew"
    )]
    Repeated {
        /// Its offset.
        offset: i64,
    },
    /// The claim did not win, or is not read yet.
    #[error(
        "the changelog partition is not owned by this claim: read on until past it, and claim again if another won"
    )]
    NotOwned,
    /// A part of a live blob is not there.
    #[error(
        "the changelog lacks a part of blob {key}: read the partition from its beginning; if that says the same, restore the topic from a backup, or empty the partition to learn anew"
    )]
    Part {
        /// The key of the blob, escaped.
        key: String,
    },
    /// What is there is not what was committed.
    #[error(
        "the changelog holds {found} blobs, not the {expected} that were committed last: read the partition from its beginning; if that says the same, set `cleanup.policy=compact` alone and restore the topic from a backup, or empty the partition to learn anew"
    )]
    Incomplete {
        /// How many were committed, outputs included.
        expected: u64,
        /// How many there are. Even if it is the same number, they are others.
        found: u64,
    },
}
