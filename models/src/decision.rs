//! Whom to revoke, how narrowly, and what stops us.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::alert::AlertId;
use crate::event::Timestamp;

/// Id of a revocation: `rev_` and 32 hex digits, a keyed hash of the alert's id and the subject. Constant over retries
/// and restarts: the idempotency key of the webhook.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RevocationId(pub Box<str>);

impl fmt::Display for RevocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a policy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Decide, tell nobody.
    Shadow,
    /// Alert, never revoke.
    #[default]
    Warn,
    /// Alert, and revoke what the budget allows.
    Enforce,
}

/// What is to be revoked: the narrowest thing that stops the behaviour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RevocationSubject {
    /// One token.
    Credential {
        /// Id of the token.
        id: Box<str>,
        /// Who issued it.
        issuer: Option<Box<str>>,
    },
    /// One agent run, where the events name no credential.
    Session {
        /// The session.
        session: Box<str>,
    },
}

/// Why there is no revocation although the evidence would have allowed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// The policy mode is not `enforce`.
    Policy,
    /// The identity has too little history.
    Immature,
    /// The event's source is trusted to observe only.
    Source,
    /// The budget of revocations is spent.
    Ledger,
    /// The brake is open.
    Brake,
    /// The event is older than `engine.stale_after` against the arrival time: catching up on a backlog never fires.
    Stale,
    /// A documented temporary elevation is in force: a person decides.
    BreakGlass,
}

impl Withheld {
    /// One sentence for people.
    pub fn reason(self) -> &'static str {
        match self {
            Withheld::Policy => "the policy for this identity alerts but does not revoke",
            Withheld::Immature => "the identity has too little history to be revoked on learned surprise alone",
            Withheld::Source => "the event came from a source that may be observed but not acted upon",
            Withheld::Ledger => "the revocation budget is spent; a person has to decide",
            Withheld::Brake => "the brake is open: too many identities would have been revoked at once",
            Withheld::Stale => "the event is too old to act upon",
            Withheld::BreakGlass => "a documented break-glass elevation is in force; a person has to decide",
        }
    }
}

/// A request to a broker to revoke something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revocation {
    /// Constant id.
    pub id: RevocationId,
    /// The alert that asked for it.
    pub alert: AlertId,
    /// Tenant.
    pub tenant: Box<str>,
    /// Whose credential it is.
    pub identity: Box<str>,
    /// In which run.
    pub session: Box<str>,
    /// What is to be revoked.
    pub subject: RevocationSubject,
    /// Event time of the event that caused it.
    pub requested: Timestamp,
    /// When the credential expires by itself, where known.
    pub expires_at: Option<Timestamp>,
    /// Evidence in nats.
    pub score: f64,
    /// One sentence: why.
    pub reason: String,
    /// Taxonomy tags of the alert.
    pub tags: Vec<Box<str>>,
}

/// What an analyst says of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was an attack: what it did is never learned.
    True,
    /// Unusual but meant: what it did is learned now.
    BenignExpected,
    /// A false alarm: what it did is learned now.
    False,
}

impl Verdict {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::True => "true",
            Verdict::BenignExpected => "benign_expected",
            Verdict::False => "false",
        }
    }
}
