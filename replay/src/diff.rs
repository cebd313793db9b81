//! Two results side by side: what a change of settings or version would do, or how a replay differs from what ran live.
//!
//! Coverage comes first: only what both sides have seen can be compared. Alerts are then paired by identity and time
//! (`pair`), each difference gets its [`Reason`], and conditions ([`Condition`]) make a gate of it.

mod condition;
mod coverage;
mod page;
mod pair;
mod reason;
mod rows;
mod side;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use models::alert::{Alert, AlertId, AlertKind};
use models::assessment::Decision;
use models::event::Timestamp;
use serde::Serialize;

pub use condition::{Condition, What};
pub use coverage::Coverage;
pub use page::html;
pub use reason::{Cause, Reason};
pub use side::{About, SideError, Source};

use crate::provenance::Property;
use pair::{Pair, pair};
use rows::Moment;
use side::Side;

/// Marks the JSON of a comparison.
const FORMAT: &str = "driftwatch-diff/1";
/// Changes that are listed.
const MOST: usize = 10_000;
/// Identities that are listed.
const MOST_IDENTITIES: usize = 1_000;

/// What is different about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only the second side has it.
    Gained,
    /// Only the first side has it.
    Lost,
    /// The second side opened it earlier.
    Earlier,
    /// The second side opened it later.
    Later,
    /// Only the second side asked for a revocation.
    RevocationGained,
    /// Only the first side asked for a revocation.
    RevocationLost,
}

impl Change {
    /// Every change, in the order of tables.
    pub const ALL: [Change; 6] = [
        Change::Gained,
        Change::Lost,
        Change::Earlier,
        Change::Later,
        Change::RevocationGained,
        Change::RevocationLost,
    ];

    /// Its name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Gained => "gained",
            Change::Lost => "lost",
            Change::Earlier => "earlier",
            Change::Later => "later",
            Change::RevocationGained => "revocation gained",
            Change::RevocationLost => "revocation lost",
        }
    }
}

/// One side's form of an alert.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Form {
    /// Its id.
    pub alert: AlertId,
    /// When it was opened.
    pub opened: Timestamp,
    /// Evidence by the end, in nats.
    pub evidence: f64,
    /// The strongest response.
    pub decision: Decision,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// What is different.
    pub change: Change,
    /// Tenant.
    pub tenant: Box<str>,
    /// Whose alert it is.
    pub identity: Box<str>,
    /// In which run it was opened.
    pub session: Box<str>,
    /// What raised it.
    pub kind: AlertKind,
    /// As the first side has it.
    pub a: Option<Form>,
    /// As the second side has it.
    pub b: Option<Form>,
    /// Why.
    pub reason: Reason,
}

/// Differences of one identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentityChanges {
    /// Tenant.
    pub tenant: Box<str>,
    /// Who.
    pub identity: Box<str>,
    /// How many of each.
    pub changes: BTreeMap<Change, u64>,
}

/// The whole comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// Always `driftwatch-diff/1`.
    pub format: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// The first side.
    pub a: About,
    /// The second side.
    pub b: About,
    /// What both have seen.
    pub coverage: Coverage,
    /// What a reader has to know before believing the differences.
    pub warnings: Vec<String>,
    /// Alerts that are the same: opened by the same event, with the same response.
    pub same: u64,
    /// How many of each difference.
    pub counts: BTreeMap<Change, u64>,
    /// By identity, most differences first.
    pub identities: Vec<IdentityChanges>,
    /// Every difference, up to ten thousand.
    pub changes: Vec<Entry>,
    /// How many more there are.
    pub left_out: usize,
}

impl Diff {
    /// How many there are of one difference.
    pub fn count(&self, change: Change) -> u64 {
        self.counts.get(&change).copied().unwrap_or(0)
    }

    /// What both sides were made from and with, as names and values, beside the version that compared them.
    pub fn properties(&self) -> Vec<Property> {
        let own = ("version".to_owned(), self.version.to_owned());
        let sides = [("first", &self.a), ("second", &self.b)];
        std::iter::once(own).chain(sides.into_iter().flat_map(|(side, about)| about.properties(side))).collect()
    }
}

/// Compares two results; each is a result folder, or a file of alerts as the service exports them.
///
/// Memory is that of the alerts and, where inputs differ, 8 bytes for each scored event and session.
///
/// # Errors
/// When a side is neither, or cannot be read.
pub fn diff(a: &Path, b: &Path) -> Result<Diff, SideError> {
    let (a, b) = (Side::open(a)?, Side::open(b)?);
    let pairs = pair(&a.alerts, &b.alerts, quiet(&a, &b));
    let moments: Vec<Moment> = pairs.iter().flat_map(Pair::moments).collect();
    let (seen_a, seen_b) = (a.rows(&moments)?, b.rows(&moments)?);
    let coverage = Coverage::of(&a, &b)?;
    let judge = reason::Judge { a: &a, b: &b, rows_a: &seen_a, rows_b: &seen_b };

    let mut changes: Vec<Entry> = pairs.iter().flat_map(|pair| entries(pair, &judge)).collect();
    changes.sort_by(|x, y| (x.change, &x.identity, &x.session).cmp(&(y.change, &y.identity, &y.session)));
    let mut counts = BTreeMap::new();
    let mut identities: BTreeMap<(Box<str>, Box<str>), BTreeMap<Change, u64>> = BTreeMap::new();
    for entry in &changes {
        *counts.entry(entry.change).or_default() += 1;
        let of_identity = identities.entry((entry.tenant.clone(), entry.identity.clone())).or_default();
        *of_identity.entry(entry.change).or_default() += 1;
    }
    let mut identities: Vec<IdentityChanges> = identities
        .into_iter()
        .map(|((tenant, identity), changes)| IdentityChanges { tenant, identity, changes })
        .collect();
    identities.sort_by_key(|of| std::cmp::Reverse(of.changes.values().sum::<u64>()));
    identities.truncate(MOST_IDENTITIES);
    let left_out = changes.len().saturating_sub(MOST);
    changes.truncate(MOST);
    Ok(Diff {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION"),
        warnings: warnings(&a, &b, &coverage),
        same: pairs.iter().filter(|pair| pair.is_same()).count() as u64,
        a: a.about,
        b: b.about,
        coverage,
        counts,
        identities,
        changes,
        left_out,
    })
}

/// How far apart two alerts may be and still be the same episode: what the sides call quiet, the longer of both.
fn quiet(a: &Side, b: &Side) -> Duration {
    let of = |side: &Side| side.settings.as_ref().map(|settings| settings.episode_quiet.0);
    of(a).max(of(b)).unwrap_or(Duration::from_hours(24))
}

fn entries(pair: &Pair<'_>, judge: &reason::Judge<'_>) -> Vec<Entry> {
    let form = |alert: &&Alert| Form {
        alert: alert.id.clone(),
        opened: alert.opened,
        evidence: alert.evidence,
        decision: alert.decision,
    };
    let Some(either) = pair.b.or(pair.a) else { return Vec::new() };
    let entry = |change: Change| Entry {
        change,
        tenant: either.tenant.clone(),
        identity: either.identity.clone(),
        session: either.session.clone(),
        kind: either.kind,
        a: pair.a.as_ref().map(form),
        b: pair.b.as_ref().map(form),
        reason: judge.reason(pair, change),
    };
    pair.changes().into_iter().map(entry).collect()
}

fn warnings(a: &Side, b: &Side, coverage: &Coverage) -> Vec<String> {
    let mut warnings = Vec::new();
    for (role, differs) in [("learned", coverage.same_history), ("scored", coverage.same_events)] {
        if differs == Some(false) {
            warnings.push(format!("The two sides {role} different files: a difference may come from them alone."));
        }
    }
    if a.settings.is_none() || b.settings.is_none() {
        warnings.push(
            "A file of alerts says neither what was read nor with which settings: differences that come from either cannot be \
             told apart."
                .to_owned(),
        );
    }
    if a.settings.is_some() && a.table.is_none() || b.settings.is_some() && b.table.is_none() {
        warnings.push(
            "A result has no rows that can be read (`--scores parquet` or `ndjson`), so reasons name no dimension."
                .to_owned(),
        );
    }
    for (name, side) in [("first", a), ("second", b)] {
        if side.about.frozen == Some(true) {
            warnings.push(format!("The {name} side was scored with a frozen baseline."));
        }
    }
    warnings
}

#[cfg(test)]
mod tests;
