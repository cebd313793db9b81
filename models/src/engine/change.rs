//! Change that is not an attack on one identity: declared by a new revision and shared by peers of that revision, or
//! undeclared but seen all over the peer group.
//!
//! What was odd in sessions of a group's members (tool, dimension, and a strange place if there is one) is counted by identity
//! and published with the snapshot, once with the revision and once without. So nobody excuses itself: it takes two others.

use std::time::Duration;

use super::handling::{Handling, NOTABLE_NATS};
use super::review::Review;
use super::session::Session;
use crate::alert::{AlertKind, Severity};
use crate::event::{Event, Revision, Timestamp};
use crate::fingerprint::{Fingerprinter, Kind, mix};

/// How long after a new revision deviations may belong to it.
const REGIME: Duration = Duration::from_hours(7 * 24);
/// Other identities that must show the same before it counts as shared.
const OTHERS: f64 = 2.0;

/// Fingerprint of a declared revision; 0 for none.
pub(super) fn revision_key(f: &Fingerprinter, revision: Option<&Revision>) -> u64 {
    let Some(r) = revision else { return 0 };
    let parts = [&r.agent, &r.model, &r.prompt, &r.tools];
    f.of(Kind::Revision, &parts.map(|part| part.as_deref().unwrap_or_default())).max(1)
}

impl Handling<'_> {
    /// Notes the revision that an event declares. A change opens a regime window; the first revision ever does not.
    pub(super) fn note_revision(&mut self, event: &Event, time: Timestamp) {
        let key = revision_key(self.world.fingerprinter, event.revision.as_ref());
        if key == 0 || key == self.state.revision {
            return;
        }
        if self.state.revision != 0 {
            self.state.regime_until = Some(time.saturating_add(REGIME));
        }
        self.state.revision = key;
    }

    fn in_regime(&self, time: Timestamp) -> bool {
        self.state.regime_until.is_some_and(|until| time < until)
    }

    /// How many others of the group have shown everything that is odd in the session, under the same revision if given.
    fn others(&self, session: &Session, revision: u64) -> f64 {
        let group = self.tenant().group(self.state.group);
        let odd = session.notable.iter().filter(|n| n.event.score >= NOTABLE_NATS);
        let counts = odd.map(|n| {
            let key = mix(n.odd, revision);
            // What this identity itself has contributed does not count.
            group.odd_count(key) - f64::from(u8::from(self.state.notices.contains(key)))
        });
        counts.reduce(f64::min).unwrap_or(0.0)
    }

    /// A proposal to re-baseline, if what is odd in the session began with a revision and peers of that revision share it.
    pub(super) fn shared_change(&self, at: usize, event: &Event, time: Timestamp) -> Option<Review> {
        let session = self.state.live.get(at)?;
        if !self.in_regime(time) || self.others(session, self.state.revision) < OTHERS {
            return None;
        }
        let declared = event.revision.as_ref()?;
        let name = [&declared.agent, &declared.model, &declared.prompt].into_iter().flatten().next();
        Some(Review {
            kind: AlertKind::Rebaseline,
            severity: Severity::Low,
            subject: format!("{:016x}{:016x}", self.state.group, self.state.revision),
            summary: format!(
                "new revision {}: what deviates is shared by its peers; accept it as the new baseline?",
                name.map_or_else(|| "without a name".to_owned(), |n| format!("`{}`", super::explain::shown(n)))
            ),
            tags: &[],
            shared: true,
        })
    }

    /// Says so if what is odd in the session is new all over the group without being declared.
    pub(super) fn fleet_wide(&self, at: usize) -> Option<String> {
        let others = self.others(self.state.live.get(at)?, 0);
        (others >= OTHERS).then(|| format!("; an undeclared change: {others:.0} peers show the same"))
    }

    /// Tells the group what was odd in a completed session, once an identity.
    pub(super) fn report_odd(&mut self, session: &Session) {
        let in_regime = self.in_regime(session.last);
        let odd: Vec<u64> = session.notable.iter().filter(|n| n.event.score >= NOTABLE_NATS).map(|n| n.odd).collect();
        for odd in odd {
            let revision = self.state.revision;
            for key in [Some(mix(odd, 0)), in_regime.then(|| mix(odd, revision))].into_iter().flatten() {
                if self.first_notice(key) {
                    self.news().odd.push(key);
                }
            }
        }
    }
}
