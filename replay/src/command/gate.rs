//! Conditions of `--fail-on` as an exit status and as `JUnit` XML.

use std::path::Path;

use anyhow::Context;
use models::alert::Alert;

use crate::args::FailOn;
use crate::diff::{Condition, Diff, Entry};
use crate::junit::{self, Case};
use crate::provenance::Property;
use crate::report::shown;
use crate::summary::Summary;

/// Examples listed for a condition that fails.
const EXAMPLES: usize = 20;
/// Characters of a name.
const NAME: usize = 120;

/// The conditions of a replay.
pub(super) fn of_run(asked: &[FailOn], summary: &Summary, alerts: &[Alert]) -> Vec<Case> {
    let one = |alert: &Alert| format!("{} {} {}", alert.id, shown(&alert.identity, NAME), shown(&alert.summary, 300));
    let case = |what: &FailOn| {
        let (name, found, lines): (_, u64, Vec<String>) = match what {
            FailOn::Alert => ("no alert", summary.alerts, alerts.iter().take(EXAMPLES).map(one).collect()),
            FailOn::Revoke => {
                let revoking = alerts.iter().filter(|alert| alert.revocation.is_some());
                ("no revocation", summary.revocations, revoking.take(EXAMPLES).map(one).collect())
            }
            FailOn::Quarantine => {
                let lines = vec!["quarantine.ndjson says which lines and why".to_owned()];
                ("no line that is not an event", summary.quarantined + summary.learned.quarantined, lines)
            }
        };
        Case { name: name.to_owned(), failure: (found > 0).then(|| (format!("there are {found}"), lines)) }
    };
    asked.iter().map(case).collect()
}

/// The conditions of a comparison.
pub(super) fn of_diff(asked: &[Condition], diff: &Diff) -> Vec<Case> {
    let one = |entry: &Entry| {
        let identity = shown(&entry.identity, NAME);
        format!("{} {identity}: {}", entry.change.as_str(), shown(&entry.reason.detail, 300))
    };
    let case = |condition: &Condition| {
        let counted = diff.changes.iter().filter(|entry| condition.counts(entry.change));
        let failure = condition.failure(diff).map(|why| (why, counted.take(EXAMPLES).map(one).collect()));
        Case { name: condition.name(), failure }
    };
    asked.iter().map(case).collect()
}

/// Whether a condition fails.
pub(super) fn fails(cases: &[Case]) -> bool {
    cases.iter().any(|case| case.failure.is_some())
}

/// Writes the conditions; without any, one that says that it ran.
pub(super) fn write(path: Option<&Path>, suite: &str, about: &[Property], cases: &[Case]) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let ran = [Case { name: "it ran".to_owned(), failure: None }];
    write_text(path, &junit::document(suite, about, if cases.is_empty() { &ran } else { cases }))
}

/// Writes a text to a file that was asked for.
pub(super) fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text)
        .with_context(|| format!("cannot write `{}`; check that its folder is there", path.display()))
}
