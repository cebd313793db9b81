//! The credentials of the broker, and the messages it has acted upon. The clock is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use models::event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::webhook::{MessageId, TOLERANCE_SECONDS};

/// How long a credential lives if nobody says.
const DEFAULT_TTL_SECONDS: u64 = 3_600;
/// How long ids of messages are kept: longer than a recorded message passes for fresh, on either side of our clock.
const REMEMBER: Duration = Duration::from_secs(2 * TOLERANCE_SECONDS.unsigned_abs() + 60);

/// What somebody asks a credential for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Who will use it.
    pub identity: String,
    /// What it allows.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The run it is for.
    #[serde(default)]
    pub session: Option<String>,
    /// How long it lives, in seconds. Default 3600.
    #[serde(default)]
    pub ttl_seconds: Option<u64>,
}

/// A credential as its holder gets it, in the words of an event's `credential`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Its id. The demo has no token beside it.
    pub id: String,
    /// Who issued it.
    pub issuer: String,
    /// For whom.
    pub identity: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Since when it is valid.
    pub issued_at: Timestamp,
    /// Until when it is valid.
    pub expires_at: Timestamp,
}

/// The answer of RFC 7662, section 2.2. For a credential that is dead or unknown it says so and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Introspection {
    /// Whether it may be used.
    pub active: bool,
    /// What it allows, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Until when it is valid, in seconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
}

/// What a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// One credential.
    Credential { id: String },
    /// Every credential of one run of an identity.
    Session { identity: String, session: String },
}

#[derive(Debug)]
struct Held {
    issued: Issued,
    session: Option<String>,
    dead: bool,
}

/// Everything the broker knows.
#[derive(Debug)]
pub(super) struct Credentials {
    issuer: String,
    /// When it began: part of every id, so that no id is given twice, whatever it has forgotten.
    began: Timestamp,
    held: BTreeMap<String, Held>,
    seen: BTreeMap<MessageId, Timestamp>,
    next: u64,
}

impl Credentials {
    pub(super) fn new(issuer: &str, began: Timestamp) -> Self {
        Self { issuer: issuer.to_owned(), began, held: BTreeMap::new(), seen: BTreeMap::new(), next: 1 }
    }

    pub(super) fn issue(&mut self, grant: Grant, now: Timestamp) -> Issued {
        self.held.retain(|_, held| held.issued.expires_at > now);
        let issued = Issued {
            id: format!("tok-{:x}-{}", self.began.as_nanos() / 1_000_000, self.next),
            issuer: self.issuer.clone(),
            identity: grant.identity,
            scopes: grant.scopes,
            issued_at: now,
            expires_at: now.saturating_add(Duration::from_secs(grant.ttl_seconds.unwrap_or(DEFAULT_TTL_SECONDS))),
        };
        self.next += 1;
        let held = Held { issued: issued.clone(), session: grant.session, dead: false };
        self.held.insert(issued.id.clone(), held);
        issued
    }

    pub(super) fn introspect(&self, id: &str, now: Timestamp) -> Introspection {
        match self.held.get(id) {
            Some(Held { issued, dead: false, .. }) if issued.expires_at > now => Introspection {
                active: true,
                scope: Some(issued.scopes.join(" ")),
                sub: Some(issued.identity.clone()),
                iss: Some(issued.issuer.clone()),
                jti: Some(issued.id.clone()),
                exp: Some(issued.expires_at.as_seconds()),
            },
            _ => Introspection::default(),
        }
    }

    /// Whether this message is new. Remembers it.
    pub(super) fn is_new(&mut self, message: &MessageId, now: Timestamp) -> bool {
        self.seen.retain(|_, at| at.saturating_add(REMEMBER) > now);
        self.seen.insert(message.clone(), now).is_none()
    }

    /// Kills what is meant, or gives it back; the credentials whose state changed.
    pub(super) fn set_dead(&mut self, target: &Target, dead: bool) -> Vec<String> {
        let meant = |held: &Held| match target {
            Target::Credential { id } => held.issued.id == *id,
            Target::Session { identity, session } => {
                held.issued.identity == *identity && held.session.as_ref() == Some(session)
            }
        };
        let changed = self.held.values_mut().filter(|held| held.dead != dead && meant(held));
        changed
            .map(|held| {
                held.dead = dead;
                held.issued.id.clone()
            })
            .collect()
    }
}
