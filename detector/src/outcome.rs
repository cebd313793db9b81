//! Every way an event can end, and the counts that must add up.

use models::assessment::Outcome;

/// How many events ended how. Kept in the same transaction as what they caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Taken from a source.
    pub consumed: u64,
    /// Scored by the engine.
    pub scored: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Too late.
    pub late: u64,
    /// Not an event.
    pub quarantined: u64,
    /// Unknown fields that were ignored.
    pub unknown_fields: u64,
}

impl Counts {
    /// Names and values, as they stand in the `counters` table.
    pub fn by_name(self) -> [(&'static str, u64); 6] {
        [
            ("consumed", self.consumed),
            ("scored", self.scored),
            ("duplicate", self.duplicate),
            ("late", self.late),
            ("quarantined", self.quarantined),
            ("unknown_fields", self.unknown_fields),
        ]
    }

    /// Counts one event that the engine has judged.
    pub fn judged(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Scored => self.scored += 1,
            Outcome::Duplicate => self.duplicate += 1,
            Outcome::Late => self.late += 1,
        }
    }

    /// Adds other counts.
    pub fn add(&mut self, other: Counts) {
        self.consumed += other.consumed;
        self.scored += other.scored;
        self.duplicate += other.duplicate;
        self.late += other.late;
        self.quarantined += other.quarantined;
        self.unknown_fields += other.unknown_fields;
    }

    /// Events whose end is not known. Anything but 0 is a fault of ours.
    pub fn gap(self) -> i64 {
        self.consumed.cast_signed() - (self.scored + self.duplicate + self.late + self.quarantined).cast_signed()
    }
}
