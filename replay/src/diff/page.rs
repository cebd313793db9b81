//! The comparison as a page of its own, like the report.

use askama::Template;

use super::{Change, Diff, Entry};
use crate::report::{ReportError, count, shown};

/// Rows of a table beyond which it is cut, with the number left out stated.
const MAX_ROWS: usize = 200;
/// Characters of a name or a sentence that are shown.
const NAME: usize = 120;
const SENTENCE: usize = 300;

#[derive(Debug)]
struct Row {
    change: &'static str,
    identity: String,
    session: String,
    kind: &'static str,
    forms: [String; 2],
    cause: &'static str,
    detail: String,
}

/// Width and height of a bar.
const BAR: (f64, f64) = (400.0, 22.0);

#[derive(Debug)]
struct CountRow {
    change: Change,
    count: u64,
    width: String,
    y: String,
}

#[derive(Debug, Template)]
#[template(path = "diff.html")]
struct Page<'a> {
    diff: &'a Diff,
    sides: [(&'static str, &'a super::About, String); 2],
    coverage: Vec<(&'static str, String, String, String)>,
    counts: Vec<CountRow>,
    identities: Vec<(String, Vec<u64>)>,
    identities_left_out: usize,
    rows: Vec<Row>,
    left_out: usize,
    made: Vec<(String, String)>,
}

/// The page as HTML.
///
/// # Errors
/// When the template fails.
pub fn html(diff: &Diff) -> Result<String, ReportError> {
    let side = |name, about: &super::About| -> (&'static str, String) { (name, shown(&about.path, NAME)) };
    let sides = [side("First", &diff.a), side("Second", &diff.b)];
    let [(first, path_a), (second, path_b)] = sides;
    let shared = |name, shared: Option<super::coverage::Shared>| {
        shared.map(|s| (name, count(s.both), count(s.only_a), count(s.only_b)))
    };
    let coverage = [shared("Events", diff.coverage.events), shared("Sessions", diff.coverage.sessions)];
    let identity = |of: &super::IdentityChanges| {
        let counts = Change::ALL.map(|change| of.changes.get(&change).copied().unwrap_or(0));
        (shown(&of.identity, NAME), counts.to_vec())
    };
    let page = Page {
        sides: [(first, &diff.a, path_a), (second, &diff.b, path_b)],
        coverage: coverage.into_iter().flatten().collect(),
        counts: counts(diff),
        identities: diff.identities.iter().take(MAX_ROWS).map(identity).collect(),
        identities_left_out: diff.identities.len().saturating_sub(MAX_ROWS),
        rows: diff.changes.iter().take(MAX_ROWS).map(row).collect(),
        left_out: diff.left_out + diff.changes.len().saturating_sub(MAX_ROWS),
        made: diff.properties().iter().map(|(name, value)| (shown(name, NAME), shown(value, SENTENCE))).collect(),
        diff,
    };
    Ok(page.render()?)
}

fn counts(diff: &Diff) -> Vec<CountRow> {
    let peak = Change::ALL.map(|change| diff.count(change)).into_iter().max().unwrap_or(0).max(1);
    let row = |(i, change): (usize, Change)| CountRow {
        change,
        count: diff.count(change),
        width: format!("{:.1}", BAR.0 * diff.count(change) as f64 / peak as f64),
        y: format!("{:.1}", BAR.1 * i as f64),
    };
    Change::ALL.into_iter().enumerate().map(row).collect()
}

fn row(entry: &Entry) -> Row {
    let form = |form: &Option<super::Form>| match form {
        Some(form) => format!("{} · {} · {:.1} nats", form.opened, form.decision, form.evidence),
        None => "–".to_owned(),
    };
    Row {
        change: entry.change.as_str(),
        identity: shown(&entry.identity, NAME),
        session: shown(&entry.session, NAME),
        kind: entry.kind.as_str(),
        forms: [form(&entry.a), form(&entry.b)],
        cause: entry.reason.cause.as_str(),
        detail: shown(&entry.reason.detail, SENTENCE),
    }
}
