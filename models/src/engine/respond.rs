//! From an alarm to a response: the policy, and the reasons against a revocation that lie in the event itself. What depends on
//! the rest of the fleet is asked of an [`Authority`].

use serde::{Deserialize, Serialize};

use super::credentials::credential_key;
use super::review::Review;
use super::shard::Alarm;
use super::{MODEL_VERSION, Output, Trust};
use crate::alert::{Alert, AlertId, AlertKind, Severity};
use crate::assessment::Decision;
use crate::config::{CheckedConfig, EngineConfig};
use crate::decision::{Mode, Revocation, RevocationId, RevocationSubject, Withheld};
use crate::event::{Event, Timestamp};
use crate::fingerprint::{Fingerprinter, Kind};

/// Use of a credential this soon after its revocation was requested may still be under way.
const GRACE_SECONDS: f64 = 60.0;

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

/// A revocation that nothing in the event speaks against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Proposal {
    /// What is to be revoked, as a key.
    pub subject: u64,
    /// Fingerprint of the identity.
    pub fingerprint: u64,
    pub id: RevocationId,
    pub alert: AlertId,
    pub tenant: Box<str>,
    pub identity: Box<str>,
    pub session: Box<str>,
    pub task: Option<Box<str>>,
    /// Id and issuer; without one, the session is the subject.
    pub credential: Option<(Box<str>, Option<Box<str>>)>,
    pub time: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub evidence: f64,
    pub summary: String,
    pub tags: Vec<Box<str>>,
    pub config_version: Box<str>,
}

impl Proposal {
    fn of(case: &Case<'_>, subject: u64, alert: &Alert) -> Self {
        let credential = case.event.credential.as_ref();
        Self {
            subject,
            fingerprint: case.identity,
            id: revocation_id(case, alert),
            alert: alert.id.clone(),
            tenant: alert.tenant.clone(),
            identity: alert.identity.clone(),
            session: alert.session.clone(),
            task: case.event.task.clone(),
            credential: credential.map(|credential| (credential.id.clone(), credential.issuer.clone())),
            time: case.time,
            expires_at: credential.and_then(|credential| credential.expires_at),
            evidence: alert.evidence,
            summary: alert.summary.clone(),
            tags: alert.tags.clone(),
            config_version: case.config.version().into(),
        }
    }

    /// What is requested when it is granted.
    pub(super) fn revocation(&self) -> Revocation {
        Revocation {
            id: self.id.clone(),
            alert: self.alert.clone(),
            tenant: self.tenant.clone(),
            identity: self.identity.clone(),
            session: self.session.clone(),
            subject: match &self.credential {
                Some((id, issuer)) => RevocationSubject::Credential { id: id.clone(), issuer: issuer.clone() },
                None => RevocationSubject::Session { session: self.session.clone() },
            },
            requested: self.time,
            expires_at: self.expires_at,
            score: self.evidence,
            reason: self.summary.clone(),
            tags: self.tags.clone(),
        }
    }
}

/// What becomes of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Granted,
    Withheld(Withheld),
    /// It is not known yet.
    Asked,
}

/// Who decides for the whole fleet: brake, ledger, and what has been revoked already.
pub(super) trait Authority {
    /// An identity acts; it had acted before at `last_seen`.
    fn acted(&mut self, time: Timestamp, settings: &EngineConfig, last_seen: Option<Timestamp>, first_of_day: bool);
    /// An alert is shown to people.
    fn opened(&mut self, alert: &AlertId, time: Timestamp);
    /// Writes on an alert what has been decided since about a revocation that it asked for.
    fn heard(&self, subject: u64, alert: &mut Alert);
    /// Whether a subject's revocation has been requested, or is being asked for.
    fn requested(&self, subject: u64) -> bool;
    /// Asks for a revocation. What follows beside the answer is appended to `out`.
    fn ask(
        &mut self,
        proposal: &Proposal,
        fingerprinter: &Fingerprinter,
        settings: &EngineConfig,
        out: &mut Vec<Output>,
    ) -> Answer;
    /// Whether any revocation has been requested.
    fn watches(&self) -> bool;
    /// A credential is used at `time`: the revocation that was requested of it [`GRACE_SECONDS`] before, told once.
    fn used_after(&mut self, credential: u64, time: Timestamp) -> Option<RevocationId>;
    /// Whether a notice for a whole peer group is given for the first time.
    fn first_notice(&mut self, notice: &AlertId) -> bool;
}

/// Decides about one event of an open episode: sets the alert's decision and asks for a revocation where everything allows one.
pub(super) fn decide(
    authority: &mut dyn Authority,
    case: &Case<'_>,
    alarm: &Alarm,
    alert: &mut Alert,
    out: &mut Vec<Output>,
) -> Decision {
    let settings = case.config.settings();
    let mode = mode_of(settings, case.event);
    if mode == Mode::Shadow {
        // An alert that another rule has shown stays shown: an agent must not hide it by choosing its task.
        return Decision::Record;
    }
    if alarm.opened {
        authority.opened(&alert.id, case.time);
    }
    let subject = subject(case, alert);
    authority.heard(subject, alert);
    let mut decision = Decision::Alert;
    if alarm.revocable && !requested(authority, case, subject, alert) {
        let answer = match withheld(case, alarm, mode) {
            Some(why) => Answer::Withheld(why),
            None => authority.ask(&Proposal::of(case, subject, alert), case.fingerprinter, settings, out),
        };
        match answer {
            Answer::Granted => {
                alert.grant(&revocation_id(case, alert));
                decision = Decision::Revoke;
            }
            Answer::Withheld(why) => alert.withheld = Some(why),
            Answer::Asked => {}
        }
    }
    alert.decision = alert.decision.max(decision);
    alert.decision
}

/// Whether the revocation of what this event uses has been requested already.
fn requested(authority: &dyn Authority, case: &Case<'_>, subject: u64, alert: &Alert) -> bool {
    authority.requested(subject) || (case.event.credential.is_none() && alert.revocation.is_some())
}

/// What would be revoked, as a key.
fn subject(case: &Case<'_>, alert: &Alert) -> u64 {
    match &case.event.credential {
        Some(credential) => credential_key(case.fingerprinter, case.event, credential),
        None => case.fingerprinter.of(Kind::Revocation, &[&alert.id.0, &alert.session]),
    }
}

/// What in the event and its policy speaks against a revocation.
fn withheld(case: &Case<'_>, alarm: &Alarm, mode: Mode) -> Option<Withheld> {
    let settings = case.config.settings();
    let stale = case.arrival.is_some_and(|arrival| is_stale(case.time, arrival, settings));
    let elevated = case.event.break_glass.as_ref().is_some_and(|b| b.expires_at.is_none_or(|until| until > case.time));
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
    } else {
        None
    }
}

/// Whether an event is too old, when it arrives, to be acted upon.
pub(super) fn is_stale(time: Timestamp, arrival: Timestamp, settings: &EngineConfig) -> bool {
    time < arrival.saturating_sub(settings.stale_after.0)
}

fn revocation_id(case: &Case<'_>, alert: &Alert) -> RevocationId {
    let name = case.event.credential.as_ref().map_or(&alert.session, |credential| &credential.id);
    let hex = case.fingerprinter.hex(Kind::Revocation, &[&alert.id.0, name]);
    RevocationId(format!("rev_{hex}").into())
}

/// The alert of a review; `None` where the policy tells nobody, or what speaks for a group has been said already.
pub(super) fn review(authority: &mut dyn Authority, case: &Case<'_>, review: &Review) -> Option<Alert> {
    if mode_of(case.config.settings(), case.event) == Mode::Shadow {
        return None;
    }
    let identity = if review.shared { "" } else { &*case.event.identity };
    let parts = [review.kind.as_str(), &*case.event.tenant, identity, &review.subject];
    let id = AlertId(format!("alt_{}", case.fingerprinter.hex(Kind::Alert, &parts)).into());
    if review.shared && !authority.first_notice(&id) {
        return None;
    }
    if review.kind == AlertKind::SlowDrift {
        authority.opened(&id, case.time);
    }
    let mut alert = About::of(case).blank(review.kind, id);
    alert.severity = review.severity;
    alert.summary.clone_from(&review.summary);
    alert.tags = review.tags.iter().map(|tag| (*tag).into()).collect();
    Some(alert)
}

/// An alert if the event uses a credential whose revocation was requested: once a revocation, and never revoking.
pub(super) fn watch(authority: &mut dyn Authority, case: &Case<'_>) -> Option<Alert> {
    let credential = case.event.credential.as_ref().filter(|_| authority.watches())?;
    let key = credential_key(case.fingerprinter, case.event, credential);
    let revocation = authority.used_after(key, case.time)?;
    let id = case.fingerprinter.hex(Kind::Alert, &["used", &revocation.0]);
    let mut alert = About::of(case).blank(AlertKind::RevokedCredentialUsed, AlertId(format!("alt_{id}").into()));
    alert.severity = Severity::Critical;
    alert.summary =
        format!("`{}` was used after its revocation had been requested", super::explain::shown(&credential.id));
    alert.revocation = Some(revocation);
    alert.tags = vec!["NHI1:2025".into(), "T1550.001".into()];
    Some(alert)
}

/// Whether a use at `time` is late enough to be told.
pub(super) fn beyond_grace(requested: Timestamp, time: Timestamp) -> bool {
    time.seconds_since(requested) >= GRACE_SECONDS
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

/// Who did what an alert by rule is about, and when.
pub(super) struct About<'a> {
    pub tenant: &'a str,
    pub identity: &'a str,
    pub session: &'a str,
    pub task: Option<&'a str>,
    pub time: Timestamp,
    pub config_version: &'a str,
}

impl<'a> About<'a> {
    fn of(case: &Case<'a>) -> Self {
        let event = case.event;
        Self {
            tenant: &event.tenant,
            identity: &event.identity,
            session: event.session.as_deref().unwrap_or_default(),
            task: event.task.as_deref(),
            time: case.time,
            config_version: case.config.version(),
        }
    }

    /// An alert by rule: no score stands behind it.
    pub(super) fn blank(&self, kind: AlertKind, id: AlertId) -> Alert {
        Alert {
            id,
            kind,
            tenant: self.tenant.into(),
            identity: self.identity.into(),
            session: self.session.into(),
            task: self.task.map(Into::into),
            opened: self.time,
            updated: self.time,
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
            config_version: self.config_version.into(),
        }
    }
}
