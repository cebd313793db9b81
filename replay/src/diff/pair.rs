//! Which alert of one side is which of the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use models::alert::{Alert, AlertKind};

use super::Change;
use super::rows::Moment;

/// An alert of one side with the same episode of the other; one of the two may be missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) a: Option<&'a Alert>,
    pub(super) b: Option<&'a Alert>,
}

/// Whether a revocation was asked for because of this alert. One about the use of what was revoked only names it.
pub(super) fn revokes(alert: &Alert) -> bool {
    alert.revocation.is_some() && alert.kind != AlertKind::RevokedCredentialUsed
}

impl Pair<'_> {
    pub(super) fn changes(&self) -> Vec<Change> {
        let (Some(a), Some(b)) = (self.a, self.b) else {
            let alert = if self.a.is_some() { Change::Lost } else { Change::Gained };
            let revocation = if self.a.is_some() { Change::RevocationLost } else { Change::RevocationGained };
            let revokes = self.a.or(self.b).is_some_and(revokes);
            return [Some(alert), revokes.then_some(revocation)].into_iter().flatten().collect();
        };
        let time = match b.opened.cmp(&a.opened) {
            std::cmp::Ordering::Less => Some(Change::Earlier),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Change::Later),
        };
        let revocation = match (revokes(a), revokes(b)) {
            (false, true) => Some(Change::RevocationGained),
            (true, false) => Some(Change::RevocationLost),
            _ => None,
        };
        time.into_iter().chain(revocation).collect()
    }

    pub(super) fn is_same(&self) -> bool {
        self.a.is_some() && self.b.is_some() && self.changes().is_empty()
    }

    /// When either side opened it: what the other thought at that moment is the reason.
    pub(super) fn moments(&self) -> Vec<Moment> {
        if self.is_same() {
            return Vec::new();
        }
        let moments = [self.a, self.b].into_iter().flatten();
        moments.map(|alert| Moment { identity: alert.identity.clone(), time: alert.opened }).collect()
    }
}

/// Pairs alerts of one identity and kind: first those with the same id, then, in order of opening, those that are no further
/// apart than `quiet`.
pub(super) fn pair<'a>(a: &'a [Alert], b: &'a [Alert], quiet: Duration) -> Vec<Pair<'a>> {
    let ids: BTreeMap<_, _> = b.iter().map(|alert| (&alert.id, alert)).collect();
    let mut taken = BTreeSet::new();
    let (mut pairs, mut left) = (Vec::new(), Vec::new());
    for alert in a {
        match ids.get(&alert.id) {
            Some(other) => {
                taken.insert(&alert.id);
                pairs.push(Pair { a: Some(alert), b: Some(*other) });
            }
            None => left.push(alert),
        }
    }
    let mut others: BTreeMap<_, Vec<&Alert>> = BTreeMap::new();
    for alert in b.iter().filter(|alert| !taken.contains(&alert.id)) {
        others.entry((&alert.tenant, &alert.identity, alert.kind.as_str())).or_default().push(alert);
    }
    for of in others.values_mut() {
        of.sort_by_key(|alert| alert.opened);
    }
    left.sort_by_key(|alert| alert.opened);
    for alert in left {
        let near = |other: &&Alert| {
            alert.opened <= other.updated.saturating_add(quiet) && other.opened <= alert.updated.saturating_add(quiet)
        };
        let of = others.get_mut(&(&alert.tenant, &alert.identity, alert.kind.as_str()));
        let other = of.and_then(|of| of.iter().position(near).map(|place| of.remove(place)));
        pairs.push(Pair { a: Some(alert), b: other });
    }
    pairs.extend(others.into_values().flatten().map(|alert| Pair { a: None, b: Some(alert) }));
    pairs
}
