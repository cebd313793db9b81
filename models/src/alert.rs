//! An episode of deviating behaviour of one identity, as it is shown to people.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::assessment::Decision;
use crate::decision::{RevocationId, Withheld};
use crate::dimension::Dimension;
use crate::event::{Action, ActionOutcome, Timestamp};

/// Id of an alert: `alt_` and 32 hex digits, a keyed hash of tenant, identity and the first event of the episode.
/// The same input gives the same id, live, replayed or after a crash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertId(pub Box<str>);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much an alert matters, from its rank and from what the events did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Unusual reads.
    Low,
    /// Unusual side effects.
    Medium,
    /// Beyond everything seen so far, with side effects.
    High,
    /// A revocation was requested, or a revoked credential was used again.
    Critical,
}

impl Severity {
    /// The name in the API and console.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// What raised the alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// Behaviour outside the learned baseline.
    ScopeDrift,
    /// A credential was used after its revocation had been requested.
    RevokedCredentialUsed,
    /// The brake opened: too many identities would have been revoked at once.
    BrakeOpened,
    /// A credential was accepted after its end.
    ExpiredCredentialUsed,
    /// The volume has risen so slowly that every single day looked usual. For review.
    SlowDrift,
    /// A declared change that peers share: one proposal for the whole peer group, instead of an alert for each.
    Rebaseline,
}

impl AlertKind {
    /// The name in the API and console.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertKind::ScopeDrift => "scope_drift",
            AlertKind::RevokedCredentialUsed => "revoked_credential_used",
            AlertKind::BrakeOpened => "brake_opened",
            AlertKind::ExpiredCredentialUsed => "expired_credential_used",
            AlertKind::SlowDrift => "slow_drift",
            AlertKind::Rebaseline => "rebaseline",
        }
    }
}

/// What one dimension adds to an alert: typical against actual, in words and bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The dimension.
    pub dimension: Dimension,
    /// Surprise in bits (`-log2 p`) of its strongest event.
    pub bits: f64,
    /// Share of the alert's evidence, 0 to 1; all contributions sum to 1.
    pub share: f64,
    /// What was seen, e.g. "`send_money` on `iban:US13…`, never used by this identity".
    pub actual: String,
    /// What is usual, e.g. "12 known targets of `send_money`; 1 call in 160 meets a new one".
    pub typical: String,
    /// The event that contributed most.
    pub event: Box<str>,
}

/// One event of an alert, with what a person needs to see of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// Id of the event.
    pub id: Box<str>,
    /// When it happened.
    pub time: Timestamp,
    /// Server of the tool.
    pub server: Option<Box<str>>,
    /// The tool.
    pub tool: Box<str>,
    /// The action as judged.
    pub action: Action,
    /// Its targets (the first 8).
    pub targets: Vec<Box<str>>,
    /// Bytes sent to the tool.
    pub bytes_in: Option<u64>,
    /// Bytes received from the tool.
    pub bytes_out: Option<u64>,
    /// How it ended.
    pub outcome: ActionOutcome,
    /// Its score in nats.
    pub score: f64,
    /// The dimension that found it strangest.
    pub strongest: Option<Dimension>,
}

/// The past calm session of an identity that is most like the one that deviates, by the tools that were used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearestSession {
    /// Its name.
    pub session: Box<str>,
    /// Event time of its last event.
    pub ended: Timestamp,
    /// Tools that both used.
    pub shared_tools: u32,
    /// Tools that it used.
    pub tools: u32,
    /// Tools that only the deviating session used (the first 8).
    pub added: Vec<Box<str>>,
    /// Tools that only the past session used (the first 8).
    pub absent: Vec<Box<str>>,
}

impl NearestSession {
    /// Most names of tools in each list.
    pub const MAX_TOOLS: usize = 8;
}

/// The credential that an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRef {
    /// Id of the token.
    pub id: Box<str>,
    /// Who issued it.
    pub issuer: Option<Box<str>>,
    /// What it can still reach.
    pub scopes: Vec<Box<str>>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// An episode of deviating behaviour of one identity.
///
/// Grows while the episode lasts: `events`, `contributions`, `evidence`, `severity`, `decision` and `updated` change.
/// `id`, `kind`, `opened`, `score`, `p`, `model_version` and `config_version` never do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Constant id.
    pub id: AlertId,
    /// What raised it.
    pub kind: AlertKind,
    /// Tenant.
    pub tenant: Box<str>,
    /// Who deviated.
    pub identity: Box<str>,
    /// In which run.
    pub session: Box<str>,
    /// On which task.
    pub task: Option<Box<str>>,
    /// Event time of the event that opened it.
    pub opened: Timestamp,
    /// Event time of its newest event.
    pub updated: Timestamp,
    /// Whether the episode is over.
    pub closed: bool,
    /// How much it matters.
    pub severity: Severity,
    /// Evidence at opening, in nats: never changes.
    pub score: f64,
    /// Rank of the session at opening: the share of past sessions at least as strange. Never changes.
    pub p: f64,
    /// How many past sessions the rank was taken among: below `1 / (1 + ranked_among)` nothing can be promised.
    pub ranked_among: u64,
    /// Accumulated evidence by now, in nats.
    pub evidence: f64,
    /// Past sessions of this identity that stand behind it.
    pub history_sessions: u32,
    /// One sentence: what happened.
    pub summary: String,
    /// What each dimension adds, strongest first.
    pub contributions: Vec<Contribution>,
    /// The past session most like it; absent if none has been learned, and where no score stands behind the alert.
    #[serde(default)]
    pub nearest_session: Option<NearestSession>,
    /// The strangest events of the episode in order of time, at most [`Alert::MAX_EVENTS`].
    pub events: Vec<AlertEvent>,
    /// How many events the episode has.
    pub event_count: u64,
    /// The credential in use.
    pub credential: Option<CredentialRef>,
    /// The strongest response so far.
    pub decision: Decision,
    /// Why there is no revocation although the evidence would have allowed one.
    pub withheld: Option<Withheld>,
    /// The revocation that was requested.
    pub revocation: Option<RevocationId>,
    /// Taxonomy tags, e.g. `ASI03`, `MCP02:2025`, `AML.T0086`, `T1567`.
    pub tags: Vec<Box<str>>,
    /// Approval and break-glass ids seen in the episode: recorded, shown, never a bypass.
    pub approvals: Vec<Box<str>>,
    /// Version of the model that scored it.
    pub model_version: Box<str>,
    /// Digest of the configuration that decided it.
    pub config_version: Box<str>,
}

impl Alert {
    /// Most events kept on an alert.
    pub const MAX_EVENTS: usize = 16;

    /// Writes a revocation on the alert that asked for it.
    pub fn grant(&mut self, revocation: &RevocationId) {
        self.revocation = Some(revocation.clone());
        self.withheld = None;
        self.severity = Severity::Critical;
        self.decision = Decision::Revoke;
    }
}
