//! What a reader has to know before believing the numbers.

use crate::summary::{InputFile, Learned};
use crate::trace::Order;

/// The notes that apply to a replay.
pub fn notes(frozen: bool, inputs: &[InputFile], learned: Learned, quarantined: u64) -> Vec<String> {
    let mut notes = Vec::new();
    let of = |role| inputs.iter().filter(move |file| file.role == role);
    if learned.events == 0 {
        notes.push("Nothing was learned beforehand: the first sessions of every identity are judged without a history.".to_owned());
    }
    if frozen {
        notes.push("The baseline was frozen while scoring: changes that a live engine would have learned keep alerting here.".to_owned());
    } else {
        notes.push("The engine went on learning while scoring, as it does live: long attacks may have become part of the baseline.".to_owned());
    }
    if of("learn").any(|learn| of("events").any(|events| events.sha256 == learn.sha256)) {
        notes.push("A file was learned and then scored: its figures are better than they would be on anything new.".to_owned());
    }
    let bad = learned.quarantined + quarantined;
    if bad > 0 {
        notes.push(format!("{bad} lines are no events and were left out; quarantine.ndjson says which and why."));
    }
    let unsorted = inputs.iter().filter(|file| file.order == Some(Order::Unsorted)).count();
    if unsorted > 0 {
        notes.push(format!("{unsorted} of the files were far out of order of time and were sorted in memory."));
    }
    notes.push("Alerts count true and false ones alike; the budget promises the false ones only.".to_owned());
    notes.push("Nothing was revoked: a revocation here is one that the service would have requested.".to_owned());
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learning_and_scoring_the_same_file_is_said() {
        let file = |role| InputFile {
            role,
            path: "x".to_owned(),
            bytes: 1,
            sha256: "same".to_owned(),
            lines: Some(1),
            order: Some(Order::Sorted),
        };
        let learned = Learned { events: 1, quarantined: 0 };
        let said = |inputs: &[InputFile]| notes(true, inputs, learned, 0).iter().any(|note| note.contains("learned and then scored"));
        assert!(said(&[file("learn"), file("events")]));
        assert!(!said(&[file("learn"), file("labels")]));
    }
}
