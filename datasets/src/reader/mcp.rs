//! Logs of the Model Context Protocol: a request and its response become one event.
//!
//! JSON-RPC 2.0 messages, bare, in batches, in an envelope that says when, who and where, or in lines of text logs. Source: the MCP
//! specification up to 2026-07-28.

pub(super) mod line;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use models::event::{Action, ActionOutcome, MAX_NAME_BYTES, Rejection, RejectionCode};
use serde_json::Value;

use super::call::{joined_id, set_action, set_arguments, set_outcome, set_tool, set_trace};
use super::convert::{Convert, KeptRaw, Out, Place};
use super::draft::Draft;
use super::time::first_time;
use super::value::{at, first_text, plain, size, text};
use super::verb;

/// Requests that wait for their responses; the oldest is let go without one.
const MAX_WAITING: usize = 10_000;
/// Connections whose client and server are remembered.
const MAX_CONNECTIONS: usize = 1000;
/// Bytes of a waiting request that are kept, should it be no event.
const MAX_KEPT_BYTES: usize = 4096;

const INSIDE: [&str; 9] = ["message", "msg", "payload", "body", "data", "rpc", "request", "response", "result"];
const TIME: [&str; 6] = ["timestamp", "time", "ts", "@timestamp", "created_at", "received_at"];
const SESSION: [&str; 8] = [
    "session",
    "session_id",
    "sessionId",
    "mcp_session_id",
    "mcp-session-id",
    "Mcp-Session-Id",
    "connection_id",
    "conn_id",
];
const IDENTITY: [&str; 10] = [
    "identity",
    "agent_id",
    "agent",
    "agent_name",
    "client_id",
    "clientId",
    "principal",
    "client.id",
    "client.name",
    "client",
];
const SERVER: [&str; 5] = ["server", "server_name", "serverName", "server.name", "mcp_server"];
const CLIENT_INFO: &str = "_meta.io.modelcontextprotocol/clientInfo";

/// Connection and id of a request.
type Key = (String, String);

/// Reads messages. Remembers [`MAX_WAITING`] requests and who is at the ends of [`MAX_CONNECTIONS`] connections.
#[derive(Default)]
pub(super) struct Mcp {
    waiting: HashMap<Key, Waiting>,
    order: VecDeque<(u64, Key)>,
    requests: u64,
    connections: HashMap<String, Connection>,
}

#[derive(Default)]
struct Connection {
    client: Option<String>,
    version: Option<String>,
    server: Option<String>,
}

/// A request that waits for its response.
struct Waiting {
    /// Counts requests, for a client may use an id again.
    number: u64,
    line: u64,
    raw: KeptRaw,
    draft: Draft,
    /// Whether it asks the server who it is.
    initialize: bool,
}

/// Whether a request is an action of an agent, and of what kind; a `tools/call` is what its tool is.
pub(super) fn asked_for(method: &str) -> Option<Action> {
    let read =
        ["tools/list", "resources/list", "resources/templates/list", "resources/read", "prompts/list", "prompts/get"];
    match method {
        "tools/call" => Some(Action::Execute),
        method => read.contains(&method).then_some(Action::Read),
    }
}

impl Convert for Mcp {
    fn record(&mut self, place: &Place<'_>, record: &Value, out: &mut Out) {
        let mut found = false;
        self.messages(place, record, record, &mut found, out);
        out.ignored += u64::from(!found);
    }

    /// A text log says much beside the messages, which is no mistake.
    fn line(&self, line: &str) -> Option<Value> {
        Some(line::enveloped(line).unwrap_or_default())
    }

    fn finish(&mut self, out: &mut Out) {
        while let Some((number, key)) = self.order.pop_front() {
            self.let_go(number, &key, out);
        }
    }
}

impl Mcp {
    /// Takes the message that this value is, or those that are in it.
    fn messages(&mut self, place: &Place<'_>, envelope: &Value, value: &Value, found: &mut bool, out: &mut Out) {
        if text(value, "jsonrpc").is_some() {
            *found = true;
            self.message(place, envelope, value, out);
            return;
        }
        for name in INSIDE {
            match at(value, name) {
                // Some logs keep the message as a text.
                Some(Value::String(text)) if text.trim_start().starts_with('{') => {
                    if let Ok(inner) = serde_json::from_str::<Value>(text)
                        && inner.get("jsonrpc").is_some()
                    {
                        self.messages(place, envelope, &inner, found, out);
                    }
                }
                Some(inner @ Value::Object(_)) if inner.get("jsonrpc").is_some() => {
                    self.messages(place, envelope, inner, found, out);
                }
                _ => {}
            }
        }
    }

    fn message(&mut self, place: &Place<'_>, envelope: &Value, message: &Value, out: &mut Out) {
        let session = first_text(envelope, &SESSION);
        let connection = session.as_ref().map_or_else(String::new, |(session, _)| session.clone());
        let Some(id) = at(message, "id").and_then(plain) else {
            // Notifications ask for nothing.
            out.ignored += 1;
            return;
        };
        let key = (connection, id);
        if key.0.len() > MAX_NAME_BYTES || key.1.len() > MAX_NAME_BYTES {
            let detail =
                format!("session or id of the request have more than {MAX_NAME_BYTES} bytes; they cannot be paired");
            out.reject(place.line, place.raw, Rejection::new(RejectionCode::TextTooLong, detail));
            return;
        }
        match text(message, "method") {
            Some(method) => {
                let initialize = method == "initialize";
                if initialize {
                    self.note_client(&key.0, at(message, "params.clientInfo"));
                }
                if !initialize && asked_for(method).is_none() {
                    out.ignored += 1;
                    return;
                }
                let draft = self.request(place, envelope, message, &key, out);
                let raw = KeptRaw::of(message, MAX_KEPT_BYTES);
                if let Some(unanswered) = self.waiting.get(&key).map(|waiting| waiting.number) {
                    self.let_go(unanswered, &key, out);
                }
                self.requests += 1;
                let number = self.requests;
                self.waiting.insert(key.clone(), Waiting { number, line: place.line, raw, draft, initialize });
                self.order.push_back((number, key));
                if self.order.len() > MAX_WAITING
                    && let Some((number, oldest)) = self.order.pop_front()
                {
                    self.let_go(number, &oldest, out);
                }
            }
            None => self.response(&key, message, out),
        }
    }

    fn request(&self, place: &Place<'_>, envelope: &Value, message: &Value, key: &Key, out: &mut Out) -> Draft {
        let mut draft = Draft::default();
        let (connection, id) = (key.0.as_str(), key.1.as_str());
        let line = format!("{}:{}", place.stem, place.line);
        let parts = if connection.is_empty() { [line.as_str(), id] } else { [connection, id] };
        draft.set("id", joined_id(&parts), "session, or name and line of the file, and id of the request");
        let time = first_time(envelope, &TIME);
        if let Some((time, from)) = time.or_else(|| Some((out.pass(Duration::from_secs(1))?, "assumed"))) {
            draft.set("time", time.to_string(), from);
        }
        draft.copy("session", envelope, &SESSION);
        draft.copy("server", envelope, &SERVER);
        draft.copy("identity", envelope, &IDENTITY);
        draft.copy("on_behalf_of", envelope, &["user", "user_id", "userId"]);
        draft.copy("source.ip", envelope, &["ip", "remote_addr", "client_ip"]);
        let known = self.connections.get(connection);
        let params = at(message, "params").unwrap_or(&Value::Null);
        // What a client calls itself: the last resort, for it may call itself anything.
        let client = at(params, CLIENT_INFO).and_then(|info| text(info, "name"));
        let client = client.map(str::to_owned).or_else(|| known?.client.clone());
        if !draft.has("identity") {
            draft.set("identity", client, "name in clientInfo (as the client says)");
        }
        let version = at(params, CLIENT_INFO).and_then(|info| text(info, "version")).map(str::to_owned);
        draft.set("revision.agent", version.or_else(|| known?.version.clone()), "version in clientInfo");
        if !draft.has("server") {
            draft.set("server", known.and_then(|known| known.server.clone()), "name in serverInfo");
        }
        set_trace(&mut draft, text(params, "_meta.traceparent").unwrap_or_default(), "params._meta.traceparent");
        let method = text(message, "method").unwrap_or_default();
        if method == "tools/call" {
            set_tool(&mut draft, text(params, "name").unwrap_or_default(), "params.name");
            set_arguments(&mut draft, at(params, "arguments").unwrap_or(&Value::Null), "params.arguments");
        } else {
            set_tool(&mut draft, method, "method");
            set_action(&mut draft, asked_for(method), "method");
            draft.set("target", text(params, "uri"), "params.uri");
            if method == "prompts/get"
                && let Some(name) = text(params, "name")
            {
                draft.set("target", format!("prompt:{name}"), "params.name");
            }
        }
        draft
    }

    fn response(&mut self, key: &Key, message: &Value, out: &mut Out) {
        let Some(Waiting { line, raw, mut draft, initialize, .. }) = self.waiting.remove(key) else {
            out.ignored += 1;
            return;
        };
        if initialize {
            let name = text(message, "result.serverInfo.name").filter(|name| name.len() <= MAX_NAME_BYTES);
            let server = name.map(str::to_owned);
            self.connection(&key.0).server = server;
            out.ignored += 1;
            return;
        }
        if let Some(result) = at(message, "result") {
            draft.set("bytes_out", size(result), "size of the result");
        }
        let (outcome, from) = match at(message, "error") {
            Some(error) => (verb::failure(&error.to_string()), "error"),
            None if at(message, "result.isError") == Some(&Value::Bool(true)) => {
                // The content says why; it is looked at, and not kept.
                let content = at(message, "result.content").map(Value::to_string).unwrap_or_default();
                (verb::failure(&content), "result.isError")
            }
            None => (ActionOutcome::Success, "result"),
        };
        set_outcome(&mut draft, outcome, from);
        out.event(line, raw.lend(), draft);
    }

    /// Gives up waiting: the outcome stays unknown.
    fn let_go(&mut self, number: u64, key: &Key, out: &mut Out) {
        if self.waiting.get(key).is_some_and(|waiting| waiting.number == number)
            && let Some(Waiting { line, raw, draft, .. }) = self.waiting.remove(key).filter(|w| !w.initialize)
        {
            out.event(line, raw.lend(), draft);
        }
    }

    fn note_client(&mut self, connection: &str, info: Option<&Value>) {
        let short = |text: &&str| text.len() <= MAX_NAME_BYTES;
        let owned = |member| info.and_then(|info| text(info, member)).filter(short).map(str::to_owned);
        let (client, version) = (owned("name"), owned("version"));
        let connection = self.connection(connection);
        (connection.client, connection.version) = (client, version);
    }

    fn connection(&mut self, name: &str) -> &mut Connection {
        if self.connections.len() >= MAX_CONNECTIONS && !self.connections.contains_key(name) {
            // Whoever opens so many is better named by the envelope.
            self.connections.clear();
        }
        self.connections.entry(name.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests;
