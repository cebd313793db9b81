//! What is for a person to look at, by rule or by a slow comparison, without a score: it alerts once and never revokes.

use std::time::Duration;

use super::Phase;
use super::credentials::credential_key;
use super::handling::Handling;
use crate::alert::{AlertKind, Severity};
use crate::baseline::ln_bytes;
use crate::event::{ActionOutcome, Event, Timestamp};
use crate::fingerprint::mix;

/// How far clocks may differ before a credential counts as used after its end.
const CLOCK_SKEW: Duration = Duration::from_mins(5);
/// Notices remembered, so that each is given once (4 bytes each).
const NOTICE_SLOTS: usize = 64;
/// Share of the alert budget that reviews of slow drift may spend.
const DRIFT_SHARE: f64 = 0.1;

/// Something to be looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Review {
    pub kind: AlertKind,
    pub severity: Severity,
    /// What tells it from others of its kind and identity; part of its id.
    pub subject: String,
    pub summary: String,
    pub tags: &'static [&'static str],
    /// Whether it speaks for a whole peer group: then it is given once for all of them.
    pub shared: bool,
}

impl Handling<'_> {
    /// What one event asks to be reviewed; a `usual` one counts towards slow drift.
    pub(super) fn reviews(&mut self, event: &Event, time: Timestamp, phase: Phase, usual: bool) -> Vec<Review> {
        let mut reviews = Vec::new();
        if phase != Phase::Frozen && usual {
            reviews.extend(self.drifted(event, time));
        }
        match phase {
            // History teaches the reference and raises nothing.
            Phase::Warmup => return Vec::new(),
            Phase::Live | Phase::Frozen => reviews.extend(self.expired(event, time)),
        }
        reviews
    }

    /// Gives a notice once for each subject.
    pub(super) fn first_notice(&mut self, subject: u64) -> bool {
        self.state.notices.push(subject, NOTICE_SLOTS)
    }

    /// A credential that still works after its end: exact, so no score is needed.
    fn expired(&mut self, event: &Event, time: Timestamp) -> Option<Review> {
        let credential = event.credential.as_ref()?;
        let end = credential.expires_at?;
        if event.outcome != ActionOutcome::Success || time <= end.saturating_add(CLOCK_SKEW) {
            return None;
        }
        let subject = credential_key(self.world.fingerprinter, event, credential);
        self.first_notice(mix(subject, 0x4558)).then(|| Review {
            kind: AlertKind::ExpiredCredentialUsed,
            severity: Severity::High,
            subject: credential.id.to_string(),
            summary: format!("`{}` was accepted after its end at {end}", super::explain::shown(&credential.id)),
            tags: &["NHI7:2025", "T1550.001"],
            shared: false,
        })
    }

    /// A volume that rises so slowly that the baseline would learn it (`model-notes`, section 9).
    fn drifted(&mut self, event: &Event, time: Timestamp) -> Option<Review> {
        let bytes = event.bytes_in.unwrap_or(0) as f64 + event.bytes_out.unwrap_or(0) as f64;
        let budget = self.world.config.settings().budget.false_alerts_per_1000_identity_days / 1e3 * DRIFT_SHARE;
        let day = u32::try_from(time.as_seconds().div_euclid(86_400)).ok()?;
        let closed = self.state.drift.push(day, ln_bytes(bytes), budget)?;
        closed.review.then(|| Review {
            kind: AlertKind::SlowDrift,
            severity: Severity::Low,
            subject: day.to_string(),
            summary: format!(
                "the volume of its calls has risen slowly: by now {:.1} times that of the weeks it is compared with",
                (closed.mean - closed.reference).exp()
            ),
            tags: &["ASI02", "T1030"],
            shared: false,
        })
    }
}
