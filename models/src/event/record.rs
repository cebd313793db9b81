//! The wire record of an event, its JSON Schema, and the one checked conversion to [`Event`].

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action, ActionOutcome, Approval, BreakGlass, Credential, DEFAULT_TENANT, Event, MAX_DEPTH, MAX_EVENT_BYTES,
    MAX_ID_BYTES, MAX_ITEMS, MAX_NAME_BYTES, MAX_TENANT_BYTES, MAX_URI_BYTES, Origin, Parent, Rejection, RejectionCode,
    Revision, Sensitivity, TargetOrigin, Timestamp, spiffe, unknown,
};

/// A text that borrows from the input where JSON escapes allow it.
///
/// `Option<Cow<str>>` would copy: serde borrows only for a bare `Cow` field, hence this newtype.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

/// One target, or several: an array, or one string with commas between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TargetRecord<'a> {
    /// One resource URI, or several joined by commas (then each up to 2048 bytes, 64 at most).
    One(#[serde(borrow)] Text<'a>),
    /// Resource URIs, each up to 2048 bytes.
    Many(#[schemars(length(max = 64))] Vec<Text<'a>>),
}

/// The token in use: its id, never the token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CredentialRecord<'a> {
    /// Id of the token (a `jti`, an accessor, a key id), up to 256 bytes.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(required, length(min = 1, max = 256))]
    pub id: Option<Text<'a>>,
    /// Who issued it, up to 2048 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub issuer: Option<Text<'a>>,
    /// What it was granted: at most 64, each up to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub scopes: Option<Vec<Text<'a>>>,
    /// Since when it is valid (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub issued_at: Option<Text<'a>>,
    /// Until when it is valid (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<Text<'a>>,
}

/// Who delegated this run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParentRecord<'a> {
    /// The delegating identity, up to 2048 bytes.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(required, length(min = 1, max = 2048))]
    pub identity: Option<Text<'a>>,
    /// Its session, up to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub session: Option<Text<'a>>,
}

/// Where the action came from; each text up to 1024 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceRecord<'a> {
    /// Address of the caller.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub ip: Option<Text<'a>>,
    /// Workload (pod, job, host).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub workload: Option<Text<'a>>,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub region: Option<Text<'a>>,
    /// Client software.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub user_agent: Option<Text<'a>>,
}

/// Versions or digests of what the agent is made of; each up to 256 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionRecord<'a> {
    /// Of the agent's code.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub agent: Option<Text<'a>>,
    /// Of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub model: Option<Text<'a>>,
    /// Of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub prompt: Option<Text<'a>>,
    /// Of the set of tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub tools: Option<Text<'a>>,
}

/// A human approved this step: recorded and shown, never a bypass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRecord<'a> {
    /// Id of the approval, up to 256 bytes.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(required, length(min = 1, max = 256))]
    pub id: Option<Text<'a>>,
    /// Who gave it, up to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub by: Option<Text<'a>>,
}

/// Documented temporary elevation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BreakGlassRecord<'a> {
    /// Id of the elevation, up to 256 bytes.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(required, length(min = 1, max = 256))]
    pub id: Option<Text<'a>>,
    /// Until when it holds (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<Text<'a>>,
}

/// One agent action in the native format, version 1: one JSON object. Limits are in bytes of UTF-8; the schema's
/// `maxLength` counts characters and is therefore the looser of the two for text outside ASCII. At most 256 KiB and 32
/// levels of nesting in all. Unknown fields are ignored and counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "driftwatch event, version 1")]
pub struct EventRecord<'a> {
    /// Unique per identity, up to 128 bytes. A second delivery of the same id changes nothing.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    #[schemars(required, length(min = 1, max = 128))]
    pub id: Option<Text<'a>>,
    /// When it happened (RFC 3339, to the nanosecond if given).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, extend("format" = "date-time"))]
    pub time: Option<Text<'a>>,
    /// Who acted, up to 2048 bytes; `spiffe://` ids are validated as SPIFFE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, length(min = 1, max = 2048))]
    pub identity: Option<Text<'a>>,
    /// Tenant, up to 128 bytes; default `default`. Nothing is ever shared across tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub tenant: Option<Text<'a>>,
    /// One agent run, up to 256 bytes; if absent, runs are cut at 30 min of silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub session: Option<Text<'a>>,
    /// Kind of task, the same over many sessions, up to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub task: Option<Text<'a>>,
    /// Server of the tool, where names are unique only within one server, up to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub server: Option<Text<'a>>,
    /// Tool or API operation, up to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, length(min = 1, max = 256))]
    pub tool: Option<Text<'a>>,
    /// What kind of act; if absent, the tool catalogue says, else `execute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Resource URIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetRecord<'a>>,
    /// How sensitive the touched data is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
    /// Whether the action crosses the trust boundary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<bool>,
    /// Bytes sent to the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_in: Option<u64>,
    /// Bytes received from the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_out: Option<u64>,
    /// Records touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// How the action ended; default `success`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ActionOutcome>,
    /// The token in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialRecord<'a>>,
    /// Who delegated this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentRecord<'a>>,
    /// Human or service whose authority is used, up to 2048 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub on_behalf_of: Option<Text<'a>>,
    /// Where the action came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceRecord<'a>>,
    /// Versions or digests of the agent; a change here is a declared change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<RevisionRecord<'a>>,
    /// A human approved this step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRecord<'a>>,
    /// Documented temporary elevation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlassRecord<'a>>,
    /// Where the agent got the target from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_origin: Option<TargetOrigin>,
    /// W3C `traceparent`; ties a delegation chain together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"))]
    pub trace: Option<Text<'a>>,
}

/// The JSON Schema (draft 2020-12) of the native format, generated from [`EventRecord`].
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(EventRecord<'static>).to_value()
}

/// Parses the bytes of one JSON object, counting unknown fields.
pub(super) fn parse(raw: &[u8]) -> Result<(EventRecord<'_>, u32), Rejection> {
    if raw.len() > MAX_EVENT_BYTES {
        let detail = format!("the event has {} bytes; at most {MAX_EVENT_BYTES} are accepted", raw.len());
        return Err(Rejection::new(RejectionCode::EventTooLarge, detail));
    }
    // Valid UTF-8 first: `from_str` then skips the per-string check and is faster than `from_slice`.
    let text = std::str::from_utf8(raw)
        .map_err(|e| Rejection::new(RejectionCode::NotUtf8, format!("byte {} is not UTF-8", e.valid_up_to())))?;
    check_depth(raw)?;
    // A derived record would also take a positional array; an event is an object.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Rejection::new(RejectionCode::NotJson, "the event is not one JSON object: it must start with `{`"));
    }
    let mut unknown = 0;
    let mut json = serde_json::Deserializer::from_str(text);
    let record = unknown::deserialize(&mut json, &mut unknown).map_err(|e| rejection(&e))?;
    json.end().map_err(|e| rejection(&e))?;
    Ok((record, unknown))
}

fn rejection(error: &serde_json::Error) -> Rejection {
    if error.is_data() {
        Rejection::new(RejectionCode::WrongType, format!("a field has the wrong type or an unknown word: {error}"))
    } else {
        Rejection::new(RejectionCode::NotJson, format!("the event is not one JSON object: {error}"))
    }
}

fn check_depth(raw: &[u8]) -> Result<(), Rejection> {
    // Fewer opening brackets than the limit cannot nest deeper than it: true of almost every event, and this count
    // is a few nanoseconds.
    // (`[` and `{` differ in one bit, and a sum of comparisons compiles to vector instructions: sixteen at a time as long as
    // it fits into a byte.)
    let opening = |part: &[u8]| usize::from(part.iter().map(|b| u8::from(b | 0x20 == b'{')).sum::<u8>());
    if raw.chunks(usize::from(u8::MAX)).map(opening).sum::<usize>() <= MAX_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in raw {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            let detail = format!("the event is nested deeper than {MAX_DEPTH} levels");
            return Err(Rejection::new(RejectionCode::EventTooDeep, detail));
        }
    }
    Ok(())
}

fn required(text: Option<Text<'_>>, field: &'static str, limit: usize) -> Result<Box<str>, Rejection> {
    optional(text, field, limit)?.ok_or_else(|| Rejection::missing(field))
}

/// An empty text counts as absent: exporters write `""` for "not known".
fn optional(text: Option<Text<'_>>, field: &'static str, limit: usize) -> Result<Option<Box<str>>, Rejection> {
    match text {
        Some(Text(text)) if text.len() > limit => Err(Rejection::too_long(field, text.len(), limit)),
        Some(Text(text)) if !text.is_empty() => Ok(Some(text.into())),
        _ => Ok(None),
    }
}

fn time(text: Option<Text<'_>>, field: &'static str) -> Result<Option<Timestamp>, Rejection> {
    let Some(Text(text)) = text.filter(|t| !t.0.is_empty()) else { return Ok(None) };
    let parsed = text.parse::<Timestamp>();
    parsed.map(Some).map_err(|e| Rejection::of(RejectionCode::InvalidTime, field, &format!("`{field}`: {e}")))
}

fn identity(text: Option<Text<'_>>, field: &'static str) -> Result<Box<str>, Rejection> {
    let identity = required(text, field, MAX_URI_BYTES)?;
    let checked = spiffe::normalise(&identity).map(|normal| match normal {
        Cow::Owned(normal) => Some(normal.into_boxed_str()),
        Cow::Borrowed(_) => None,
    });
    match checked {
        Ok(normal) => Ok(normal.unwrap_or(identity)),
        Err(why) => {
            let detail = format!("`{field}` is not a valid SPIFFE id: {why}");
            Err(Rejection::of(RejectionCode::InvalidSpiffeId, field, &detail))
        }
    }
}

fn targets(record: Option<TargetRecord<'_>>) -> Result<Vec<Box<str>>, Rejection> {
    let joined;
    let texts: Vec<Text<'_>> = match record {
        None => return Ok(Vec::new()),
        Some(TargetRecord::Many(texts)) => texts,
        Some(TargetRecord::One(Text(text))) if !text.contains(',') => {
            let single = Some(Text(text)).filter(|text| !is_overflow_mark(&text.0));
            return Ok(Vec::from_iter(optional(single, "target", MAX_URI_BYTES)?));
        }
        Some(TargetRecord::One(Text(text))) => {
            joined = text;
            joined.split(',').filter(|part| !is_overflow_mark(part)).map(Text::from).collect()
        }
    };
    if texts.len() > MAX_ITEMS {
        return Err(Rejection::too_many("target", texts.len(), MAX_ITEMS));
    }
    texts.into_iter().filter_map(|text| optional(Some(text), "target", MAX_URI_BYTES).transpose()).collect()
}

/// `+3` at the end of a joined list says that three more were left out; it is no resource.
fn is_overflow_mark(part: &str) -> bool {
    part.strip_prefix('+').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn trace(text: Option<Text<'_>>) -> Result<Option<Box<str>>, Rejection> {
    let Some(trace) = optional(text, "trace", MAX_NAME_BYTES)? else { return Ok(None) };
    let mut parts = trace.split('-');
    let hex = |part: Option<&str>, len: usize| {
        part.is_some_and(|p| p.len() == len && p.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    };
    let given = |part: Option<&str>, len: usize| hex(part, len) && part.is_some_and(|p| p.bytes().any(|b| b != b'0'));
    // Version ff and ids of zeros only are invalid (W3C Trace Context, section 3.2.2).
    let version = parts.next();
    if hex(version, 2)
        && version != Some("ff")
        && given(parts.next(), 32)
        && given(parts.next(), 16)
        && hex(parts.next(), 2)
    {
        return Ok(Some(trace));
    }
    let detail = "`trace` must be a W3C traceparent: version-traceid-parentid-flags in lower-case hex";
    Err(Rejection::of(RejectionCode::InvalidTrace, "trace", detail))
}

fn credential(record: CredentialRecord<'_>) -> Result<Credential, Rejection> {
    let scopes = record.scopes.unwrap_or_default();
    if scopes.len() > MAX_ITEMS {
        return Err(Rejection::too_many("credential.scopes", scopes.len(), MAX_ITEMS));
    }
    let scopes = scopes.into_iter().filter_map(|s| optional(Some(s), "credential.scopes", MAX_NAME_BYTES).transpose());
    Ok(Credential {
        id: required(record.id, "credential.id", MAX_NAME_BYTES)?,
        issuer: optional(record.issuer, "credential.issuer", MAX_URI_BYTES)?,
        scopes: scopes.collect::<Result<_, _>>()?,
        issued_at: time(record.issued_at, "credential.issued_at")?,
        expires_at: time(record.expires_at, "credential.expires_at")?,
    })
}

fn parent(record: ParentRecord<'_>) -> Result<Parent, Rejection> {
    Ok(Parent {
        identity: identity(record.identity, "parent.identity")?,
        session: optional(record.session, "parent.session", MAX_NAME_BYTES)?,
    })
}

fn origin(record: SourceRecord<'_>) -> Result<Origin, Rejection> {
    Ok(Origin {
        ip: optional(record.ip, "source.ip", 1024)?,
        workload: optional(record.workload, "source.workload", 1024)?,
        region: optional(record.region, "source.region", 1024)?,
        user_agent: optional(record.user_agent, "source.user_agent", 1024)?,
    })
}

fn revision(record: RevisionRecord<'_>) -> Result<Revision, Rejection> {
    Ok(Revision {
        agent: optional(record.agent, "revision.agent", MAX_NAME_BYTES)?,
        model: optional(record.model, "revision.model", MAX_NAME_BYTES)?,
        prompt: optional(record.prompt, "revision.prompt", MAX_NAME_BYTES)?,
        tools: optional(record.tools, "revision.tools", MAX_NAME_BYTES)?,
    })
}

fn approval(record: ApprovalRecord<'_>) -> Result<Approval, Rejection> {
    Ok(Approval {
        id: required(record.id, "approval.id", MAX_NAME_BYTES)?,
        by: optional(record.by, "approval.by", MAX_NAME_BYTES)?,
    })
}

fn break_glass(record: BreakGlassRecord<'_>) -> Result<BreakGlass, Rejection> {
    Ok(BreakGlass {
        id: required(record.id, "break_glass.id", MAX_NAME_BYTES)?,
        expires_at: time(record.expires_at, "break_glass.expires_at")?,
    })
}

impl TryFrom<EventRecord<'_>> for Event {
    type Error = Rejection;

    fn try_from(r: EventRecord<'_>) -> Result<Self, Rejection> {
        Ok(Event {
            id: required(r.id, "id", MAX_ID_BYTES)?,
            time: time(r.time, "time")?.ok_or_else(|| Rejection::missing("time"))?,
            tenant: optional(r.tenant, "tenant", MAX_TENANT_BYTES)?.unwrap_or_else(|| DEFAULT_TENANT.into()),
            identity: identity(r.identity, "identity")?,
            session: optional(r.session, "session", MAX_NAME_BYTES)?,
            task: optional(r.task, "task", MAX_NAME_BYTES)?,
            server: optional(r.server, "server", MAX_NAME_BYTES)?,
            tool: required(r.tool, "tool", MAX_NAME_BYTES)?,
            action: r.action,
            targets: targets(r.target)?,
            sensitivity: r.sensitivity,
            external: r.external,
            bytes_in: r.bytes_in,
            bytes_out: r.bytes_out,
            records: r.records,
            outcome: r.outcome.unwrap_or_default(),
            credential: r.credential.map(credential).transpose()?,
            parent: r.parent.map(parent).transpose()?,
            on_behalf_of: optional(r.on_behalf_of, "on_behalf_of", MAX_URI_BYTES)?,
            source: r.source.map(origin).transpose()?,
            revision: r.revision.map(revision).transpose()?,
            approval: r.approval.map(approval).transpose()?,
            break_glass: r.break_glass.map(break_glass).transpose()?,
            target_origin: r.target_origin,
            trace: trace(r.trace)?,
        })
    }
}

/// The way back, for writers.
pub(super) fn from_event(event: &Event) -> EventRecord<'_> {
    fn opt(text: Option<&str>) -> Option<Text<'_>> {
        text.map(Text::from)
    }
    let written = |time: Timestamp| Text::from(time.to_string());
    // A lone target without a comma is written bare; anything else as an array, which is never split again.
    let target = match event.targets.as_slice() {
        [] => None,
        [one] if !one.contains(',') && !is_overflow_mark(one) => Some(TargetRecord::One(Text::from(&**one))),
        many => Some(TargetRecord::Many(many.iter().map(|t| Text::from(&**t)).collect())),
    };
    EventRecord {
        id: opt(Some(&event.id)),
        time: Some(written(event.time)),
        identity: opt(Some(&event.identity)),
        tenant: opt(Some(&*event.tenant).filter(|t| *t != DEFAULT_TENANT)),
        session: opt(event.session.as_deref()),
        task: opt(event.task.as_deref()),
        server: opt(event.server.as_deref()),
        tool: opt(Some(&event.tool)),
        action: event.action,
        target,
        sensitivity: event.sensitivity,
        external: event.external,
        bytes_in: event.bytes_in,
        bytes_out: event.bytes_out,
        records: event.records,
        outcome: Some(event.outcome),
        credential: event.credential.as_ref().map(|c| CredentialRecord {
            id: opt(Some(&c.id)),
            issuer: opt(c.issuer.as_deref()),
            scopes: (!c.scopes.is_empty()).then(|| c.scopes.iter().map(|s| Text::from(&**s)).collect()),
            issued_at: c.issued_at.map(written),
            expires_at: c.expires_at.map(written),
        }),
        parent: event
            .parent
            .as_ref()
            .map(|p| ParentRecord { identity: opt(Some(&p.identity)), session: opt(p.session.as_deref()) }),
        on_behalf_of: opt(event.on_behalf_of.as_deref()),
        source: event.source.as_ref().map(|s| SourceRecord {
            ip: opt(s.ip.as_deref()),
            workload: opt(s.workload.as_deref()),
            region: opt(s.region.as_deref()),
            user_agent: opt(s.user_agent.as_deref()),
        }),
        revision: event.revision.as_ref().map(|r| RevisionRecord {
            agent: opt(r.agent.as_deref()),
            model: opt(r.model.as_deref()),
            prompt: opt(r.prompt.as_deref()),
            tools: opt(r.tools.as_deref()),
        }),
        approval: event.approval.as_ref().map(|a| ApprovalRecord { id: opt(Some(&a.id)), by: opt(a.by.as_deref()) }),
        break_glass: event
            .break_glass
            .as_ref()
            .map(|b| BreakGlassRecord { id: opt(Some(&b.id)), expires_at: b.expires_at.map(written) }),
        target_origin: event.target_origin,
        trace: opt(event.trace.as_deref()),
    }
}
