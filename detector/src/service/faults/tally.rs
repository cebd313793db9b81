//! How often each fault happened: a simulation in which one never does proves nothing about it.

use std::collections::BTreeMap;

/// Every kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The process died between two transactions.
    Killed,
    /// A transaction found no room.
    DiskFull,
    /// A transaction failed, and nothing of it was on the disk.
    Refused,
    /// A transaction was written and not synced.
    Unsynced,
    /// The power went, and the log ended early.
    TornCut,
    /// The power went, and some sectors of the log were never written.
    TornSectors,
    /// The power went, and some sectors of the log were garbage.
    TornGarbage,
    /// The power went while the log began anew over what is in the database already.
    LogBeganAnew,
    /// The power went while the log went back into the database.
    TornCheckpoint,
    /// A transaction in flight at a crash was found whole.
    FoundWhole,
    /// A transaction in flight at a crash was gone.
    FoundGone,
    /// A commit failed, was tried again by the same process, and succeeded.
    Retried,
    /// Nobody listened.
    ConnectionRefused,
    /// The receiver had the message, and its answer never came.
    AnswerLost,
    /// 5xx.
    ServerError,
    /// 429 with `retry-after`.
    Throttled,
    /// 4xx.
    Rejected,
    /// 410.
    Gone,
    /// The process died between an attempt and its result.
    CutOff,
    /// A row was given up because its time was over.
    Expired,
    /// A batch was delivered again.
    Redelivered,
    /// A batch came of a partition that was given away.
    GivenAway,
}

impl Fault {
    pub(super) const ALL: [Fault; 22] = [
        Fault::Killed,
        Fault::DiskFull,
        Fault::Refused,
        Fault::Unsynced,
        Fault::TornCut,
        Fault::TornSectors,
        Fault::TornGarbage,
        Fault::LogBeganAnew,
        Fault::TornCheckpoint,
        Fault::FoundWhole,
        Fault::FoundGone,
        Fault::Retried,
        Fault::ConnectionRefused,
        Fault::AnswerLost,
        Fault::ServerError,
        Fault::Throttled,
        Fault::Rejected,
        Fault::Gone,
        Fault::CutOff,
        Fault::Expired,
        Fault::Redelivered,
        Fault::GivenAway,
    ];
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tally(BTreeMap<Fault, u64>);

impl Tally {
    pub(super) fn count(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Tally) {
        for (fault, n) in &other.0 {
            *self.0.entry(*fault).or_default() += n;
        }
    }

    pub(super) fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }
}
