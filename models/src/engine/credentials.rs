//! Who used a credential last: one that is seen under a second identity has been handed on, shared, or stolen.

use serde::{Deserialize, Serialize};

use crate::event::{Credential, Event};
use crate::fingerprint::{Fingerprinter, Kind};

/// Parts that are stored by themselves, so that a commit writes what has changed.
pub(super) const PARTS: usize = 16;
/// Credentials of one part that share a bucket; the least recently used makes room.
const WAYS: usize = 8;
/// Credentials remembered in a part, 8 bytes each.
const SLOTS: usize = 512;

/// Fingerprint of the credential of an event: one of its tenant and issuer, because two issuers may use the same ids.
pub(super) fn credential_key(f: &Fingerprinter, event: &Event, credential: &Credential) -> u64 {
    let issuer = credential.issuer.as_deref().unwrap_or_default();
    f.of(Kind::Credential, &[&event.tenant, issuer, &credential.id])
}

/// The users of some credentials: the upper half of the credential's fingerprint and that of the identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Part {
    slots: Vec<(u32, u32)>,
    #[serde(skip)]
    changed: bool,
}

impl Default for Part {
    fn default() -> Self {
        Self { slots: vec![(0, 0); SLOTS], changed: false }
    }
}

/// The last user of each of the 8,192 credentials used most recently, 64 KiB.
///
/// What has been forgotten counts as never seen: an attacker who floods it with credentials hides a shared one, and gets
/// noticed for the flood.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    parts: [Part; PARTS],
}

impl Credentials {
    /// Notes that an identity uses a credential. Whether another one used it last.
    pub(super) fn used(&mut self, credential: u64, identity: u64) -> bool {
        let (key, user) = (((credential >> 32) as u32).max(1), (identity >> 32) as u32);
        let at = credential as usize;
        let Some(part) = self.parts.get_mut(at % PARTS) else { return false };
        let start = (at / PARTS) % (SLOTS / WAYS) * WAYS;
        let Some(bucket) = part.slots.get_mut(start..start + WAYS) else { return false };
        if bucket.first() == Some(&(key, user)) {
            return false;
        }
        part.changed = true;
        let known = bucket.iter().position(|(known, _)| *known == key);
        let before = known.and_then(|at| bucket.get(at)).map(|(_, user)| *user);
        if let Some(used) = bucket.get_mut(..=known.unwrap_or(WAYS - 1)) {
            used.rotate_right(1);
        }
        if let Some(newest) = bucket.first_mut() {
            *newest = (key, user);
        }
        before.is_some_and(|before| before != user)
    }

    /// The parts that changed since the last call, with their numbers.
    pub(super) fn take_changed(&mut self) -> impl Iterator<Item = (u8, Vec<(u32, u32)>)> {
        let parts = self.parts.iter_mut().enumerate();
        parts.filter_map(|(number, part)| std::mem::take(&mut part.changed).then(|| (number as u8, part.slots.clone())))
    }

    /// Puts a stored part back; `false` if it is none.
    pub(super) fn restore(&mut self, number: u8, slots: Vec<(u32, u32)>) -> bool {
        let fits = slots.len() == SLOTS;
        match self.parts.get_mut(usize::from(number)).filter(|_| fits) {
            Some(part) => {
                part.slots = slots;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn wide(n: u64) -> u64 {
        n << 32
    }

    #[test]
    fn a_credential_is_foreign_when_another_identity_used_it_last() {
        let mut credentials = Credentials::default();
        let used: Vec<bool> = [1, 1, 2, 2, 1].map(|who| credentials.used(wide(77), wide(who))).into();
        assert_eq!(used, [false, false, true, false, true]);
        assert!(!credentials.used(wide(78), wide(2)));
        assert!(!credentials.used(wide(77), wide(1)), "others do not disturb it");
    }

    #[test]
    fn the_least_recently_used_is_forgotten_first() {
        let mut credentials = Credentials::default();
        // All in one bucket.
        for n in 0..WAYS as u64 {
            credentials.used(wide(n + 1), wide(5));
        }
        credentials.used(wide(1), wide(5));
        credentials.used(wide(100), wide(5));
        assert!(credentials.used(wide(1), wide(6)));
        assert!(!credentials.used(wide(2), wide(6)), "forgotten");
    }

    #[test]
    fn what_changed_is_stored_and_put_back() {
        let mut credentials = Credentials::default();
        credentials.used(wide(9) + 3, wide(5));
        let parts: Vec<_> = credentials.take_changed().collect();
        assert_eq!(parts.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3]);
        assert_eq!(credentials.take_changed().count(), 0);
        let mut restored = Credentials::default();
        for (number, slots) in parts {
            assert!(restored.restore(number, slots));
        }
        assert!(restored.used(wide(9) + 3, wide(6)));
        assert!(!restored.restore(3, Vec::new()) && !restored.restore(99, vec![(0, 0); SLOTS]));
    }
}
