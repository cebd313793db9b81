//! What stops us: policy, ledger, brake. Decides for the fleet, in event order, after a shard has judged one identity.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::credentials::credential_key;
use super::promise::Promise;
use super::review::Review;
use super::shard::Alarm;
use super::{MODEL_VERSION, Output, Trust};
use crate::alert::{Alert, AlertId, AlertKind, Severity};
use crate::assessment::Decision;
use crate::config::{CheckedConfig, EngineConfig};
use crate::decision::{Mode, Revocation, RevocationId, RevocationSubject, Verdict, Withheld};
use crate::event::{Event, Timestamp};
use crate::fingerprint::{Fingerprinter, Kind};

/// Revocations that the ledger allows before its budget has earned any: the operator's float.
const LEDGER_FLOAT: f64 = 5.0;
/// Credentials watched after their revocation was requested.
const WATCHED: usize = 4096;
/// Proposals remembered, so that each is made once.
const PROPOSED: usize = 256;
/// Use of a credential this soon after its revocation was requested may still be under way.
const GRACE_SECONDS: f64 = 60.0;

/// A credential whose revocation was requested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Watched {
    revocation: RevocationId,
    requested: Timestamp,
    used: bool,
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
    /// Identities active in the brake's window: current and previous half, and when the current one began.
    active: [u64; 2],
    half_began: Timestamp,
    brake_open: bool,
    watched: BTreeMap<u64, Watched>,
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
            active: [0; 2],
            half_began: Timestamp::EPOCH,
            brake_open: false,
            watched: BTreeMap::new(),
            promise: Promise::default(),
            alerts_opened: 0,
            proposed: Vec::new(),
        }
    }
}

/// An event with what decisions about it depend on.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub config: &'a CheckedConfig,
    pub fingerprinter: &'a Fingerprinter,
    pub identity: u64,
    pub event: &'a Event,
    pub time: Timestamp,
    pub trust: Trust,
    pub arrival: Option<Timestamp>,
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

    /// Counts an identity as active in the brake's window, once in each half of it. `last_seen` is when it acted before.
    pub(super) fn active(&mut self, time: Timestamp, settings: &EngineConfig, last_seen: Option<Timestamp>) {
        let half = settings.brake.window.as_nanos() / 2;
        // Saturating: an event may carry any time between 1678 and 2261.
        if time.as_nanos().saturating_sub(self.half_began.as_nanos()) > half {
            self.active = [0, self.active[0]];
            self.half_began = time;
        }
        self.active[0] += u64::from(last_seen.is_none_or(|seen| seen < self.half_began));
    }

    /// Decides about one event of an open episode: sets the alert's decision and asks for a revocation where everything
    /// allows one.
    pub(super) fn decide(
        &mut self,
        case: &Case<'_>,
        alarm: &Alarm,
        alert: &mut Alert,
        out: &mut Vec<Output>,
    ) -> Decision {
        let settings = case.config.settings();
        let mode = mode_of(settings, case.event);
        if alarm.opened && mode != Mode::Shadow {
            self.alerts_opened += 1;
            self.promise.opened(&alert.id, case.time);
        }
        if mode == Mode::Shadow {
            // An alert that another rule has shown stays shown: an agent must not hide it by choosing its task.
            return Decision::Record;
        }
        let mut decision = Decision::Alert;
        if alarm.revocable && !self.requested(case, alert) {
            if let Some(why) = self.withheld(case, alarm, mode) {
                let opens = why == Withheld::Brake && !std::mem::replace(&mut self.brake_open, true);
                if opens {
                    out.push(Output::Alert(Box::new(brake_alert(case, alert))));
                }
                alert.withheld = Some(why);
            } else {
                let revocation = self.revoke(case, alert);
                alert.revocation = Some(revocation.id.clone());
                alert.withheld = None;
                alert.severity = Severity::Critical;
                decision = Decision::Revoke;
                out.push(Output::Revocation(Box::new(revocation)));
            }
        }
        alert.decision = alert.decision.max(decision);
        alert.decision
    }

    /// Whether the revocation of what this event uses has been requested already.
    fn requested(&self, case: &Case<'_>, alert: &Alert) -> bool {
        match &case.event.credential {
            Some(credential) => self.watched.contains_key(&credential_key(case.fingerprinter, case.event, credential)),
            None => alert.revocation.is_some(),
        }
    }

    fn withheld(&mut self, case: &Case<'_>, alarm: &Alarm, mode: Mode) -> Option<Withheld> {
        let settings = case.config.settings();
        let stale = case.arrival.is_some_and(|arrival| case.time < arrival.saturating_sub(settings.stale_after.0));
        let elevated =
            case.event.break_glass.as_ref().is_some_and(|b| b.expires_at.is_none_or(|until| until > case.time));
        if mode != Mode::Enforce {
            Some(Withheld::Policy)
        } else if !alarm.mature {
            Some(Withheld::Immature)
        } else if case.trust != Trust::Revoke {
            Some(Withheld::Source)
        } else if stale {
            Some(Withheld::Stale)
        } else if elevated {
            Some(Withheld::BreakGlass)
        } else if self.brake_open || !self.brake_allows(case) {
            Some(Withheld::Brake)
        } else if self.ledger < 1.0 {
            Some(Withheld::Ledger)
        } else {
            None
        }
    }

    /// Whether one more identity may be revoked within the window.
    fn brake_allows(&mut self, case: &Case<'_>) -> bool {
        let brake = case.config.settings().brake;
        let since = case.time.saturating_sub(brake.window.0);
        self.recent.retain(|(time, _)| *time >= since);
        let active = self.active.iter().sum::<u64>() as f64;
        let limit = f64::from(brake.identities).max(brake.share * active);
        let mut identities: Vec<u64> = self.recent.iter().map(|(_, identity)| *identity).collect();
        identities.push(case.identity);
        identities.sort_unstable();
        identities.dedup();
        identities.len() as f64 <= limit
    }

    fn revoke(&mut self, case: &Case<'_>, alert: &Alert) -> Revocation {
        self.ledger -= 1.0;
        self.promise.revoked(&alert.id);
        self.recent.push((case.time, case.identity));
        let credential = case.event.credential.as_ref();
        let subject = match credential {
            Some(c) => RevocationSubject::Credential { id: c.id.clone(), issuer: c.issuer.clone() },
            None => RevocationSubject::Session { session: alert.session.clone() },
        };
        let name = match &subject {
            RevocationSubject::Credential { id, .. } => id,
            RevocationSubject::Session { session } => session,
        };
        let hex = case.fingerprinter.hex(Kind::Revocation, &[&alert.id.0, name]);
        let id = RevocationId(format!("rev_{hex}").into());
        if let Some(credential) = credential {
            let key = credential_key(case.fingerprinter, case.event, credential);
            if self.watched.len() >= WATCHED {
                let oldest = self.watched.iter().min_by_key(|(key, w)| (w.requested, **key)).map(|(key, _)| *key);
                oldest.and_then(|key| self.watched.remove(&key));
            }
            self.watched.insert(key, Watched { revocation: id.clone(), requested: case.time, used: false });
        }
        Revocation {
            id,
            alert: alert.id.clone(),
            tenant: alert.tenant.clone(),
            identity: alert.identity.clone(),
            session: alert.session.clone(),
            subject,
            requested: case.time,
            expires_at: credential.and_then(|c| c.expires_at),
            score: alert.evidence,
            reason: alert.summary.clone(),
            tags: alert.tags.clone(),
        }
    }

    /// The alert of a review; `None` where the policy tells nobody, or what speaks for a group has been said already.
    pub(super) fn review(&mut self, case: &Case<'_>, review: &Review) -> Option<Alert> {
        if mode_of(case.config.settings(), case.event) == Mode::Shadow {
            return None;
        }
        let identity = if review.shared { "" } else { &*case.event.identity };
        let parts = [review.kind.as_str(), &*case.event.tenant, identity, &review.subject];
        let id = AlertId(format!("alt_{}", case.fingerprinter.hex(Kind::Alert, &parts)).into());
        if review.shared {
            if self.proposed.contains(&id) {
                return None;
            }
            if self.proposed.len() >= PROPOSED {
                self.proposed.remove(0);
            }
            self.proposed.push(id.clone());
        }
        if review.kind == AlertKind::SlowDrift {
            self.promise.opened(&id, case.time);
        }
        let mut alert = blank(case, review.kind, id);
        alert.severity = review.severity;
        alert.summary.clone_from(&review.summary);
        alert.tags = review.tags.iter().map(|tag| (*tag).into()).collect();
        Some(alert)
    }

    /// An alert if the event uses a credential whose revocation was requested: once a revocation, and never revoking.
    pub(super) fn watch(&mut self, case: &Case<'_>) -> Option<Alert> {
        if self.watched.is_empty() {
            return None;
        }
        let credential = case.event.credential.as_ref()?;
        let key = credential_key(case.fingerprinter, case.event, credential);
        let watched = self.watched.get_mut(&key)?;
        if watched.used || case.time.seconds_since(watched.requested) < GRACE_SECONDS {
            return None;
        }
        watched.used = true;
        let revocation = watched.revocation.clone();
        let id = case.fingerprinter.hex(Kind::Alert, &["used", &revocation.0]);
        let mut alert = blank(case, AlertKind::RevokedCredentialUsed, AlertId(format!("alt_{id}").into()));
        alert.severity = Severity::Critical;
        alert.summary =
            format!("`{}` was used after its revocation had been requested", super::explain::shown(&credential.id));
        alert.revocation = Some(revocation);
        alert.tags = vec!["NHI1:2025".into(), "T1550.001".into()];
        Some(alert)
    }
}

/// The mode that the policy gives this event.
fn mode_of(settings: &EngineConfig, event: &Event) -> Mode {
    let matches = |wanted: &Option<String>, is: bool| wanted.is_none() || is;
    let rule = settings.policy.iter().find(|rule| {
        matches(&rule.tenant, rule.tenant.as_deref() == Some(&event.tenant))
            && matches(
                &rule.identity_prefix,
                rule.identity_prefix.as_deref().is_some_and(|p| event.identity.starts_with(p)),
            )
            && matches(&rule.task, rule.task.as_deref() == event.task.as_deref())
    });
    rule.map_or(settings.mode, |rule| rule.mode)
}

fn brake_alert(case: &Case<'_>, cause: &Alert) -> Alert {
    let id = case.fingerprinter.hex(Kind::Alert, &["brake", &cause.id.0]);
    let mut alert = blank(case, AlertKind::BrakeOpened, AlertId(format!("alt_{id}").into()));
    alert.severity = Severity::High;
    "the brake opened: more identities would be revoked at once than the configuration allows; nothing is revoked \
     automatically until a second person releases it"
        .clone_into(&mut alert.summary);
    alert
}

/// An alert by rule: no score stands behind it.
fn blank(case: &Case<'_>, kind: AlertKind, id: AlertId) -> Alert {
    let event = case.event;
    Alert {
        id,
        kind,
        tenant: event.tenant.clone(),
        identity: event.identity.clone(),
        session: event.session.clone().unwrap_or_default(),
        task: event.task.clone(),
        opened: case.time,
        updated: case.time,
        closed: true,
        severity: Severity::High,
        score: 0.0,
        p: 1.0,
        ranked_among: 0,
        evidence: 0.0,
        history_sessions: 0,
        summary: String::new(),
        contributions: Vec::new(),
        nearest_session: None,
        events: Vec::new(),
        event_count: 1,
        credential: None,
        decision: Decision::Alert,
        withheld: None,
        revocation: None,
        tags: Vec::new(),
        approvals: Vec::new(),
        model_version: MODEL_VERSION.into(),
        config_version: case.config.version().into(),
    }
}
