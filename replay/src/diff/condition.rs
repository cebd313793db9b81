//! What a comparison can be asked to fail on.

use std::str::FromStr;

use super::{Change, Diff};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// One kind of difference.
    Change(Change),
    /// Differences of any kind.
    Any,
    /// Inputs that differ, or of which nothing is known.
    Inputs,
}

/// How many are too many.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Limit {
    Count(u64),
    /// Of the first side's alerts, or revocations.
    Percent(f64),
}

/// One condition: the comparison fails if there is more of it than allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    what: What,
    limit: Limit,
}

const NAMES: [(&str, What); 8] = [
    ("gained", What::Change(Change::Gained)),
    ("lost", What::Change(Change::Lost)),
    ("earlier", What::Change(Change::Earlier)),
    ("later", What::Change(Change::Later)),
    ("revocation-gained", What::Change(Change::RevocationGained)),
    ("revocation-lost", What::Change(Change::RevocationLost)),
    ("any", What::Any),
    ("inputs", What::Inputs),
];

impl FromStr for Condition {
    type Err = String;

    /// `WHAT`, `WHAT=COUNT` or `WHAT=PERCENT%`: fails with more than that; without a limit, with any.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, limit) = text.split_once('=').unwrap_or((text, "0"));
        let names = || NAMES.map(|(name, _)| name).join(", ");
        let what = NAMES.iter().find(|(known, _)| *known == name).map(|(_, what)| *what);
        let what = what.ok_or_else(|| format!("there is no `{name}`; choose from {}", names()))?;
        let problem = || format!("`{limit}` is no limit; write a count such as `3` or a share such as `5%`");
        let limit = match limit.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.parse().map_err(|_| problem())?;
                Limit::Percent(if percent >= 0.0 { percent } else { return Err(problem()) })
            }
            None => Limit::Count(limit.parse().map_err(|_| problem())?),
        };
        Ok(Self { what, limit })
    }
}

impl Condition {
    /// Its name, as it is written.
    pub fn name(&self) -> String {
        let name = NAMES.iter().find(|(_, what)| *what == self.what).map_or("", |(name, _)| name);
        match self.limit {
            Limit::Count(0) => name.to_owned(),
            Limit::Count(most) => format!("{name}={most}"),
            Limit::Percent(most) => format!("{name}={most}%"),
        }
    }

    /// Whether a difference is what it counts.
    pub fn counts(&self, change: Change) -> bool {
        match self.what {
            What::Change(wanted) => wanted == change,
            What::Any => true,
            What::Inputs => false,
        }
    }

    /// Why the comparison fails, in one sentence; `None` if it does not.
    pub fn failure(&self, diff: &Diff) -> Option<String> {
        let found = match self.what {
            What::Change(change) => diff.count(change),
            What::Any => diff.counts.values().sum(),
            What::Inputs => {
                let known = [diff.coverage.same_history, diff.coverage.same_events];
                known.iter().filter(|same| **same != Some(true)).count() as u64
            }
        };
        let of_revocations = matches!(self.what, What::Change(Change::RevocationGained | Change::RevocationLost));
        let whole = if of_revocations { diff.a.revocations } else { diff.a.alerts };
        let exceeded = match self.limit {
            Limit::Count(most) => found > most,
            Limit::Percent(most) => found as f64 * 100.0 > most * whole as f64,
        };
        exceeded.then(|| format!("{found} of `{}`, with {whole} on the first side", self.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_back_as_they_are_written_and_nonsense_is_refused() {
        for text in ["gained", "lost=3", "revocation-gained=5%", "inputs"] {
            assert_eq!(text.parse::<Condition>().unwrap().name(), text);
        }
        for text in ["gain", "lost=x", "lost=-1", "lost=-1%", "lost=%"] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }
}
