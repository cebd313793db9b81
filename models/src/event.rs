//! What happened: one agent action, checked once on its way in.
//!
//! [`EventRecord`] is the wire form (the native format, version 1); [`Event`] is the only form the engine accepts.
//! [`decode`] goes from bytes to an [`Event`] or to a [`Rejection`] that names the limit that was broken, so that the
//! caller can quarantine the raw bytes with a reason and go on.

mod record;
mod rejection;
mod spiffe;
mod time;
mod unknown;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use record::{
    ApprovalRecord, BreakGlassRecord, CredentialRecord, EventRecord, ParentRecord, RevisionRecord, SourceRecord,
    TargetRecord, Text, json_schema,
};
pub use rejection::{Rejection, RejectionCode};
pub use time::Timestamp;

/// Largest accepted event, in bytes of raw input.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// Deepest accepted nesting of JSON objects and arrays.
pub const MAX_DEPTH: usize = 32;
/// Longest `id`, in bytes.
pub const MAX_ID_BYTES: usize = 128;
/// Longest `identity`, `target`, `issuer` or `on_behalf_of`, in bytes.
pub const MAX_URI_BYTES: usize = 2048;
/// Longest `tool`, `server`, `session`, `task` and other short names, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Longest `tenant`, in bytes.
pub const MAX_TENANT_BYTES: usize = 128;
/// Most targets of one event, and most scopes of one credential.
pub const MAX_ITEMS: usize = 64;
/// The tenant of an event that names none.
pub const DEFAULT_TENANT: &str = "default";

/// What kind of act a tool call is. Each kind is judged separately: a familiar tool used with a new action is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Looks at something and changes nothing.
    Read,
    /// Creates, changes or deletes data.
    Write,
    /// Runs something, or acts on the world (send, pay, deploy).
    Execute,
    /// Hands work or authority to another identity.
    Delegate,
    /// Changes who may do what.
    Admin,
}

impl Action {
    /// Every action, in the order of the documentation.
    pub const ALL: [Action; 5] = [Action::Read, Action::Write, Action::Execute, Action::Delegate, Action::Admin];

    /// Whether the act changes something outside the agent. Everything but `read` does.
    pub fn is_side_effect(self) -> bool {
        self != Action::Read
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Write => "write",
            Action::Execute => "execute",
            Action::Delegate => "delegate",
            Action::Admin => "admin",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the action ended, as the tool reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionOutcome {
    /// It was carried out.
    #[default]
    Success,
    /// It was refused (authorization).
    Denied,
    /// It failed for another reason.
    Error,
}

/// How sensitive the touched data is, as the source classifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Anyone may see it.
    Public,
    /// For the organisation.
    Internal,
    /// For named groups.
    Confidential,
    /// For named people.
    Restricted,
}

/// Where the agent got the target from. A side effect on a target that came out of a tool result is what an injection
/// looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetOrigin {
    /// The user named it.
    User,
    /// The agent's configuration names it.
    Config,
    /// It comes from the agent's memory.
    Memory,
    /// It was read out of a tool's result.
    ToolResult,
}

/// The token in use: its id, never the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// Id of the token (a `jti`, an accessor, a key id).
    pub id: Box<str>,
    /// Who issued it.
    pub issuer: Option<Box<str>>,
    /// What it was granted.
    pub scopes: Vec<Box<str>>,
    /// Since when it is valid.
    pub issued_at: Option<Timestamp>,
    /// Until when it is valid.
    pub expires_at: Option<Timestamp>,
}

/// Who delegated this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parent {
    /// The delegating identity.
    pub identity: Box<str>,
    /// Its session, where known.
    pub session: Option<Box<str>>,
}

/// Where the action came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Origin {
    /// Address of the caller.
    pub ip: Option<Box<str>>,
    /// Workload (pod, job, host).
    pub workload: Option<Box<str>>,
    /// Region.
    pub region: Option<Box<str>>,
    /// Client software.
    pub user_agent: Option<Box<str>>,
}

/// Versions or digests of what the agent is made of. A change here is a declared change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Revision {
    /// Of the agent's code.
    pub agent: Option<Box<str>>,
    /// Of the model.
    pub model: Option<Box<str>>,
    /// Of the prompt.
    pub prompt: Option<Box<str>>,
    /// Of the set of tools.
    pub tools: Option<Box<str>>,
}

/// A human approved this step: recorded and shown, never a bypass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// Id of the approval.
    pub id: Box<str>,
    /// Who gave it.
    pub by: Option<Box<str>>,
}

/// Documented temporary elevation: changes the response, never hides the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakGlass {
    /// Id of the elevation.
    pub id: Box<str>,
    /// Until when it holds.
    pub expires_at: Option<Timestamp>,
}

/// One agent action, with every field inside its limits.
///
/// Construct it with [`decode`] or `Event::try_from(EventRecord)`; both are the one checked conversion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Unique per identity. A second delivery of the same id changes nothing.
    pub id: Box<str>,
    /// When it happened.
    pub time: Timestamp,
    /// Nothing is ever shared across tenants.
    pub tenant: Box<str>,
    /// Who acted.
    pub identity: Box<str>,
    /// One agent run; if absent, runs are cut at 30 min of silence.
    pub session: Option<Box<str>>,
    /// Kind of task, the same over many sessions.
    pub task: Option<Box<str>>,
    /// Server of the tool, where tool names are unique only within one server.
    pub server: Option<Box<str>>,
    /// Tool or API operation.
    pub tool: Box<str>,
    /// What kind of act; if absent, the tool catalogue says, else `execute`.
    pub action: Option<Action>,
    /// Resource URIs.
    pub targets: Vec<Box<str>>,
    /// How sensitive the touched data is.
    pub sensitivity: Option<Sensitivity>,
    /// Whether the action crosses the trust boundary.
    pub external: Option<bool>,
    /// Bytes sent to the tool.
    pub bytes_in: Option<u64>,
    /// Bytes received from the tool.
    pub bytes_out: Option<u64>,
    /// Records touched.
    pub records: Option<u64>,
    /// How the action ended.
    pub outcome: ActionOutcome,
    /// The token in use.
    pub credential: Option<Credential>,
    /// Who delegated this run.
    pub parent: Option<Parent>,
    /// Human or service whose authority is used.
    pub on_behalf_of: Option<Box<str>>,
    /// Where the action came from.
    pub source: Option<Origin>,
    /// Versions or digests of the agent.
    pub revision: Option<Revision>,
    /// A human approved this step.
    pub approval: Option<Approval>,
    /// Documented temporary elevation.
    pub break_glass: Option<BreakGlass>,
    /// Where the agent got the target from.
    pub target_origin: Option<TargetOrigin>,
    /// W3C `traceparent`.
    pub trace: Option<Box<str>>,
}

impl Event {
    /// The event as its wire record, for writers. `decode` of the written record gives the same event back.
    pub fn to_record(&self) -> EventRecord<'_> {
        record::from_event(self)
    }
}

/// A decoded event, and how many unknown fields were ignored on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The checked event.
    pub event: Event,
    /// Unknown fields at any level, ignored and counted.
    pub unknown_fields: u32,
}

/// Decodes one native event from the bytes of one JSON object.
///
/// Costs about a microsecond for a typical event; allocates one box a field present.
///
/// # Errors
/// A [`Rejection`] naming the first limit that was broken. The bytes are left to the caller, who keeps them.
///
/// ```
/// let raw = br#"{"id":"1","time":"2026-05-04T10:00:00Z","identity":"bot","tool":"mail.send","target":"mailto:a@b,mailto:c@d"}"#;
/// let event = models::event::decode(raw)?.event;
/// assert_eq!(event.targets.len(), 2);
/// # Ok::<(), models::event::Rejection>(())
/// ```
pub fn decode(raw: &[u8]) -> Result<Decoded, Rejection> {
    let (record, unknown_fields) = record::parse(raw)?;
    Ok(Decoded { event: Event::try_from(record)?, unknown_fields })
}

#[cfg(test)]
mod tests;
