//! What stops us: ledger and brake. Rules for the whole fleet, in the order in which it is asked.

mod previous;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(super) use self::previous::Previous;
use super::Output;
use super::promise::Promise;
use super::respond::{About, Answer, Authority, Proposal, beyond_grace};
use crate::alert::{Alert, AlertId, AlertKind};
use crate::config::EngineConfig;
use crate::decision::{RevocationId, Verdict, Withheld};
use crate::event::Timestamp;
use crate::fingerprint::{Fingerprinter, Kind};

/// Revocations that the ledger allows before its budget has earned any: the operator's float.
const LEDGER_FLOAT: f64 = 5.0;
/// Subjects watched after their revocation was requested.
const WATCHED: usize = 4096;
/// Proposals remembered, so that each is made once.
const PROPOSED: usize = 256;

/// A credential or session whose revocation was requested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Watched {
    pub revocation: RevocationId,
    pub alert: AlertId,
    pub requested: Timestamp,
    /// Whether its use afterwards has been told.
    pub used: bool,
}

/// Fleet-wide state of decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Governor {
    /// Automatic revocations still allowed.
    ledger: f64,
    /// Identity-days that have filled the ledger so far.
    filled_to: f64,
    /// Revocations of the brake's window: when, and of whom.
    recent: Vec<(Timestamp, u64)>,
    pub activity: Activity,
    brake_open: bool,
    /// By subject.
    pub watched: BTreeMap<u64, Watched>,
    pub promise: Promise,
    pub alerts_opened: u64,
    /// Proposals made for whole peer groups.
    proposed: Vec<AlertId>,
}

impl Default for Governor {
    fn default() -> Self {
        Self {
            ledger: LEDGER_FLOAT,
            filled_to: 0.0,
            recent: Vec::new(),
            activity: Activity::default(),
            brake_open: false,
            watched: BTreeMap::new(),
            promise: Promise::default(),
            alerts_opened: 0,
            proposed: Vec::new(),
        }
    }
}

/// Identities active in the brake's window: in the current and the previous half, and when the current one began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Activity {
    active: [u64; 2],
    half_began: Timestamp,
}

impl Default for Activity {
    fn default() -> Self {
        Self { active: [0; 2], half_began: Timestamp::EPOCH }
    }
}

impl Activity {
    /// Counts an identity, once in each half of the window. `last_seen` is when it acted before.
    pub(super) fn acted(&mut self, time: Timestamp, settings: &EngineConfig, last_seen: Option<Timestamp>) {
        let half = settings.brake.window.as_nanos() / 2;
        // Saturating: an event may carry any time between 1678 and 2261.
        if time.as_nanos().saturating_sub(self.half_began.as_nanos()) > half {
            self.active = [0, self.active[0]];
            self.half_began = time;
        }
        self.active[0] += u64::from(last_seen.is_none_or(|seen| seen < self.half_began));
    }

    pub(super) fn identities(&self) -> u64 {
        self.active.iter().sum()
    }
}

impl Governor {
    /// Automatic revocations still allowed.
    pub(super) fn ledger(&self) -> f64 {
        self.ledger
    }

    pub(super) fn brake_open(&self) -> bool {
        self.brake_open
    }

    pub(super) fn release_brake(&mut self) {
        self.brake_open = false;
        self.recent.clear();
    }

    /// A person settled an alert: what a true one has charged to the ledger was no false revocation, and is given back. If the
    /// person thinks again, it is charged again.
    pub(super) fn settle(&mut self, alert: &AlertId, verdict: Verdict) {
        let right = self.promise.settle(alert, verdict);
        self.ledger = (self.ledger + right as f64).clamp(0.0, LEDGER_FLOAT);
    }

    /// Fills the ledger with what `identity_days` (in all, so far) have earned.
    pub(super) fn fill(&mut self, identity_days: f64, settings: &EngineConfig) {
        let earned = (identity_days - self.filled_to).max(0.0);
        let per_day = settings.budget.false_revocations_per_million_identity_days / 1e6;
        self.ledger = (self.ledger + earned * per_day).min(LEDGER_FLOAT);
        self.filled_to = identity_days;
    }

    /// Whether one more identity may be revoked within the window, of so many active ones.
    fn brake_allows(&mut self, proposal: &Proposal, active: u64, settings: &EngineConfig) -> bool {
        let brake = settings.brake;
        let since = proposal.time.saturating_sub(brake.window.0);
        self.recent.retain(|(time, _)| *time >= since);
        let limit = f64::from(brake.identities).max(brake.share * active as f64);
        let mut identities: Vec<u64> = self.recent.iter().map(|(_, identity)| *identity).collect();
        identities.push(proposal.fingerprint);
        identities.sort_unstable();
        identities.dedup();
        identities.len() as f64 <= limit
    }

    /// Grants or withholds a revocation, of `active` identities in the fleet.
    pub(super) fn rule(
        &mut self,
        proposal: &Proposal,
        active: u64,
        fingerprinter: &Fingerprinter,
        settings: &EngineConfig,
        out: &mut Vec<Output>,
    ) -> Answer {
        if self.brake_open || !self.brake_allows(proposal, active, settings) {
            if !std::mem::replace(&mut self.brake_open, true) {
                out.push(Output::Alert(Box::new(brake_alert(proposal, fingerprinter))));
            }
            return Answer::Withheld(Withheld::Brake);
        }
        if self.ledger < 1.0 {
            return Answer::Withheld(Withheld::Ledger);
        }
        self.ledger -= 1.0;
        self.promise.revoked(&proposal.alert);
        self.recent.push((proposal.time, proposal.fingerprint));
        let watched = &mut self.watched;
        if watched.len() >= WATCHED {
            let oldest = watched.iter().min_by_key(|(key, w)| (w.requested, **key)).map(|(key, _)| *key);
            oldest.and_then(|key| watched.remove(&key));
        }
        let (revocation, alert) = (proposal.id.clone(), proposal.alert.clone());
        watched.insert(proposal.subject, Watched { revocation, alert, requested: proposal.time, used: false });
        out.push(Output::Revocation(Box::new(proposal.revocation())));
        Answer::Granted
    }
}

impl Authority for Governor {
    fn acted(&mut self, time: Timestamp, settings: &EngineConfig, last_seen: Option<Timestamp>, first_of_day: bool) {
        self.activity.acted(time, settings, last_seen);
        if first_of_day {
            self.promise.acted(time);
        }
    }

    fn opened(&mut self, alert: &AlertId, time: Timestamp) {
        self.alerts_opened += 1;
        self.promise.opened(alert, time);
    }

    /// It answers at once.
    fn heard(&self, _subject: u64, _alert: &mut Alert) {}

    fn requested(&self, subject: u64) -> bool {
        self.watched.contains_key(&subject)
    }

    fn ask(
        &mut self,
        proposal: &Proposal,
        fingerprinter: &Fingerprinter,
        settings: &EngineConfig,
        out: &mut Vec<Output>,
    ) -> Answer {
        self.rule(proposal, self.activity.identities(), fingerprinter, settings, out)
    }

    fn watches(&self) -> bool {
        !self.watched.is_empty()
    }

    fn used_after(&mut self, credential: u64, time: Timestamp) -> Option<RevocationId> {
        let watched = self.watched.get_mut(&credential).filter(|w| !w.used && beyond_grace(w.requested, time))?;
        watched.used = true;
        Some(watched.revocation.clone())
    }

    fn first_notice(&mut self, notice: &AlertId) -> bool {
        let first = !self.proposed.contains(notice);
        if first {
            if self.proposed.len() >= PROPOSED {
                self.proposed.remove(0);
            }
            self.proposed.push(notice.clone());
        }
        first
    }
}

fn brake_alert(cause: &Proposal, fingerprinter: &Fingerprinter) -> Alert {
    let about = About {
        tenant: &cause.tenant,
        identity: &cause.identity,
        session: &cause.session,
        task: cause.task.as_deref(),
        time: cause.time,
        config_version: &cause.config_version,
    };
    let id = fingerprinter.hex(Kind::Alert, &["brake", &cause.alert.0]);
    let mut alert = about.blank(AlertKind::BrakeOpened, AlertId(format!("alt_{id}").into()));
    "the brake opened: more identities would be revoked at once than the configuration allows; nothing is revoked \
     automatically until a second person releases it"
        .clone_into(&mut alert.summary);
    alert
}
