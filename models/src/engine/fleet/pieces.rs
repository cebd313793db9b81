//! A report that is too large for one entry of the log is told in pieces: what a partition learns at once, when many sessions end
//! together, has no bound but the number of its identities.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Report};

/// Most bytes of a report in one entry. The log takes records of 8 MiB.
const PIECE_BYTES: usize = 4 * 1024 * 1024;

/// A piece of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    pub(super) partition: u32,
    /// Of the report.
    pub(super) number: u64,
    pub(super) at: u32,
    of: u32,
    bytes: Vec<u8>,
}

impl Report {
    /// As entries to be told in this order.
    pub(in crate::engine) fn into_entries(self) -> Vec<Entry> {
        self.cut(PIECE_BYTES)
    }

    fn cut(self, size: usize) -> Vec<Entry> {
        // A plain struct; should it not be writable, no entry could say it either.
        let bytes = postcard::to_stdvec(&self).unwrap_or_default();
        if bytes.len() <= size {
            return vec![Entry::Report(self)];
        }
        let Self { partition, number, .. } = self;
        let pieces = bytes.chunks(size);
        let of = pieces.len() as u32;
        let piece = |(at, bytes): (usize, &[u8])| Piece { partition, number, at: at as u32, of, bytes: bytes.to_vec() };
        pieces.enumerate().map(piece).map(Entry::Piece).collect()
    }
}

/// Reports of which some pieces are still to come, by partition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pieces(BTreeMap<u32, Begun>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Begun {
    number: u64,
    next: u32,
    bytes: Vec<u8>,
}

impl Pieces {
    /// Takes the next piece of a report; the report with the last of them. One that is told again changes nothing: whoever takes a
    /// partition over tells the same pieces from the first.
    pub(super) fn take(&mut self, piece: Piece) -> Option<Report> {
        let Piece { partition, number, at, of, bytes } = piece;
        let begun = self.0.entry(partition).or_default();
        if begun.number != number {
            *begun = Begun { number, ..Begun::default() };
        }
        if at != begun.next {
            return None;
        }
        begun.next += 1;
        begun.bytes.extend(bytes);
        if begun.next < of {
            return None;
        }
        self.0.remove(&partition).and_then(|begun| postcard::from_bytes(&begun.bytes).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::Pending;
    use crate::config::EngineConfig;
    use crate::engine::fleet::{Fleet, Lessons, Said};
    use crate::event::Timestamp;

    fn report(number: u64, scores: usize) -> Report {
        let mut pending = Pending::default();
        pending.tenant(7, "default").scores = (0..scores).map(|n| ((n % 5) as u8, (n % 60) as u8)).collect();
        let lessons = Lessons {
            learned: vec![pending],
            events: 20_000,
            time: Timestamp::from_seconds(5_000_000),
            identity_days: 3.0,
            acted: vec![(57, 3)],
            active: 3,
        };
        Report { partition: 2, number, said: Said::Lessons(Box::new(lessons)) }
    }

    fn image(entries: &[Entry]) -> Vec<u8> {
        let mut fleet = Fleet::new(EngineConfig::default().check().expect("valid"));
        for entry in entries {
            let entry = Entry::decode(&entry.encode()).expect("readable");
            fleet.take(entry, Timestamp::EPOCH, &mut Vec::new());
        }
        fleet.image()
    }

    #[test]
    fn a_report_in_pieces_is_the_report_however_often_they_are_told() {
        let whole = image(&[Entry::Report(report(0, 5000)), Entry::Report(report(1, 10))]);
        let pieces = report(0, 5000).cut(1000);
        assert!(pieces.len() > 5);
        let next = report(1, 10).cut(1000);
        assert_eq!(next, [Entry::Report(report(1, 10))]);
        let same = |entries: &[&[Entry]]| image(&entries.concat()) == whole;
        assert!(same(&[&pieces, &next]));
        for told in 0..pieces.len() {
            // The owner dies after so many, and the next one begins again.
            assert!(same(&[&pieces[..told], &pieces, &next]), "{told}");
            assert!(same(&[&pieces, &pieces[told..], &next]), "all of it was heard before: {told}");
        }
    }

    #[test]
    fn an_image_in_the_middle_of_a_report_knows_what_is_missing() {
        let pieces = report(0, 5000).cut(1000);
        let config = EngineConfig::default().check().expect("valid");
        let mut fleet = Fleet::new(config.clone());
        for (told, piece) in pieces.iter().enumerate() {
            if told == 3 {
                fleet = Fleet::restore(config.clone(), &fleet.image()).expect("its own");
            }
            fleet.take(piece.clone(), Timestamp::EPOCH, &mut Vec::new());
        }
        assert!(fleet.image() == image(&pieces));
    }

    #[test]
    fn no_entry_is_larger_than_the_log_takes() {
        let entries = report(0, 9_000_000).into_entries();
        assert!(entries.len() > 2);
        assert!(entries.iter().all(|entry| entry.encode().len() < 8 * 1024 * 1024));
    }
}
