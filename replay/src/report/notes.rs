//! What a reader has to know before believing the numbers.

use crate::provenance::InputFile;
use crate::quality::Coverage;
use crate::run::{Options, Recording};
use crate::trace::Order;

/// The notes that apply to a replay.
pub(crate) fn notes(options: &Options, inputs: &[InputFile], recording: &Recording) -> Vec<String> {
    let mut notes = Vec::new();
    let of = |role| inputs.iter().filter(move |file| file.role == role);
    if recording.learned.events == 0 {
        notes.push(
            "Nothing was learned beforehand: the first sessions of every identity are judged without a history."
                .to_owned(),
        );
    }
    if options.freeze {
        notes.push(
            "The baseline was frozen while scoring: changes that a live engine would have learned keep alerting here."
                .to_owned(),
        );
    } else {
        notes.push("The engine went on learning while scoring, as it does live: long attacks may have become part of the baseline.".to_owned());
    }
    if of("learn").any(|learn| of("events").any(|events| events.sha256 == learn.sha256)) {
        notes.push(
            "A file was learned and then scored: its figures are better than they would be on anything new.".to_owned(),
        );
    }
    let bad = recording.learned.quarantined + recording.quarantined;
    if bad > 0 {
        notes.push(format!("{bad} lines are no events and were left out; quarantine.ndjson says which and why."));
    }
    for (outcome, why) in [
        ("late", "came longer after their identity's newest event, learned ones included, than engine.lateness allows"),
        ("duplicate", "have an id that their identity had used before"),
    ] {
        if let Some(n) = recording.tally.outcomes.get(outcome) {
            notes.push(format!("{n} events {why}: they were counted and not scored."));
        }
    }
    let unsorted = inputs.iter().filter(|file| file.order == Some(Order::Unsorted)).count();
    if options.as_recorded {
        notes.push(
            "Events were told to the engine in the order of the file, with trust and arrival as they were recorded."
                .to_owned(),
        );
    }
    if unsorted > 0 {
        notes.push(format!("{unsorted} of the files were far out of order of time and were sorted first."));
    }
    notes.push(match &recording.judgement {
        None => {
            "No labels were given: these are counts of what would have fired, and nothing says which of it was right."
                .to_owned()
        }
        Some(judgement) => coverage(judgement.coverage),
    });
    if let Some(handed) = &recording.verdicts {
        notes.push(format!(
            "{} of {} verdicts were told to the engine, {} after their time; {} came before there was such an alert.",
            handed.told,
            handed.known,
            models::config::Span::seconds(handed.delay_seconds),
            handed.without_alert
        ));
    }
    notes.push("Alerts count true and false ones alike; the budget promises the false ones only.".to_owned());
    notes.push("Nothing was revoked: a revocation here is one that the service would have requested.".to_owned());
    notes
}

/// How much of what was scored the labels tell of.
fn coverage(coverage: Coverage) -> String {
    let Coverage { labelled_events, unlabelled_events, sessions, .. } = coverage;
    let of = labelled_events + unlabelled_events;
    let taken = if coverage.unlabelled_count_as_benign { ", sessions without a label taken for benign" } else { "" };
    format!("Labels cover {labelled_events} of {of} scored events, in {sessions} sessions{taken}.")
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
        let said = |inputs: &[InputFile]| {
            notes(&Options::default(), inputs, &Recording::default())
                .iter()
                .any(|note| note.contains("learned and then scored"))
        };
        assert!(said(&[file("learn"), file("events")]));
        assert!(!said(&[file("learn"), file("labels")]));
    }

    #[test]
    fn events_that_were_not_scored_are_said() {
        let mut recording = Recording::default();
        recording.tally.outcomes.insert("late", 3);
        let notes = notes(&Options::default(), &[], &recording);
        assert!(notes.iter().any(|note| note.starts_with("3 events came longer after")), "{notes:?}");
    }
}
