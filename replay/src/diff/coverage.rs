//! What both sides have seen: nothing else can be compared.

use serde::Serialize;

use super::rows::{Seen, seen};
use super::side::{Side, SideError};

/// How many of something are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// On both sides.
    pub both: u64,
    /// On the first only.
    pub only_a: u64,
    /// On the second only.
    pub only_b: u64,
}

/// What both sides have seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Whether both learned the same files, by their digests; absent where a side does not say.
    pub same_history: Option<bool>,
    /// Whether both scored the same files.
    pub same_events: Option<bool>,
    /// Scored events; absent where a side has no rows.
    pub events: Option<Shared>,
    /// Their sessions.
    pub sessions: Option<Shared>,
}

impl Coverage {
    pub(super) fn of(a: &Side, b: &Side) -> Result<Self, SideError> {
        let known = a.settings.is_some() && b.settings.is_some();
        let same = |role: &str| known.then(|| a.digests(role) == b.digests(role));
        let mut coverage = Self { same_history: same("learn"), same_events: same("events"), ..Self::default() };
        if let (Some((format_a, path_a)), Some((format_b, path_b))) = (&a.table, &b.table) {
            let seen_a = seen(*format_a, path_a)?;
            // Equal digests are equal events, except those an injection has put in or taken out.
            let seen_b = if a.about.digest == b.about.digest { None } else { Some(seen(*format_b, path_b)?) };
            let Seen { events, sessions } = seen_b.as_ref().unwrap_or(&seen_a);
            coverage.events = Some(shared(&seen_a.events, events));
            coverage.sessions = Some(shared(&seen_a.sessions, sessions));
        }
        Ok(coverage)
    }
}

/// Counts what two sorted lists share.
fn shared(a: &[u64], b: &[u64]) -> Shared {
    let both = a.iter().filter(|hash| b.binary_search(hash).is_ok()).count() as u64;
    Shared { both, only_a: a.len() as u64 - both, only_b: b.len() as u64 - both }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_counted_from_both_sides() {
        assert_eq!(shared(&[1, 2, 4], &[2, 3, 4, 5]), Shared { both: 2, only_a: 1, only_b: 2 });
    }
}
