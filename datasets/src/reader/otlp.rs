//! OpenTelemetry spans in OTLP JSON: every call of a tool, by the `GenAI` and MCP semantic conventions, becomes an event.
//!
//! The convention puts agent and conversation on the `invoke_agent` span, not on those of the tools below it, and spans
//! arrive when they end, so children come first. Calls therefore wait until [`MAX_WAITING`] newer ones were seen or the
//! file ends, and are then joined with what is known of their ancestors. Source: OpenTelemetry semantic conventions
//! 1.41 (`gen-ai`, `mcp`), all of them in development.

mod ancestry;
mod attributes;

use std::collections::VecDeque;

use models::event::{Action, ActionOutcome, Timestamp};
use serde_json::Value;

use super::call::{set_action, set_arguments, set_outcome, set_tool, set_trace};
use super::convert::{Convert, KeptRaw, Out, Place};
use super::draft::Draft;
use super::mcp::asked_for;
use super::value::{at, first_text, number, size, text};
use super::verb;
use ancestry::{Agent, Ancestry, Span};
use attributes::flattened;

/// Calls that wait for their ancestors.
const MAX_WAITING: usize = 10_000;
/// Bytes of a waiting call that are kept, should it be no event.
const MAX_KEPT_BYTES: usize = 4096;
const SERVER_KIND: u64 = 3;

/// Reads spans. Remembers [`MAX_WAITING`] calls and the last spans' places in their traces.
#[derive(Default)]
pub(super) struct Otlp {
    ancestry: Ancestry,
    waiting: VecDeque<Waiting>,
}

/// A call that waits for its ancestors.
struct Waiting {
    line: u64,
    raw: KeptRaw,
    draft: Draft,
    span: Span,
    /// The tool, as other spans of the same call name it.
    tool: String,
    /// The service that made the call, where the span says so.
    service: Option<String>,
}

impl Otlp {
    /// Where an export keeps its spans, by resource.
    pub(super) const LISTS: &'static [&'static str] = &["resourceSpans"];

    fn span(&mut self, line: u64, resource: &Value, span: &Value, out: &mut Out) {
        let attributes = flattened(at(span, "attributes"));
        let place = Span::of(span);
        let tool = called(&attributes);
        self.ancestry.note(&place, Agent::of(&attributes), tool.as_deref());
        let Some(tool) = tool else {
            out.ignored += 1;
            return;
        };
        let is_server = number(span, "kind") == Some(SERVER_KIND) || text(span, "kind") == Some("SPAN_KIND_SERVER");
        let service = service(resource);
        let mut draft = draft(span, &attributes, resource, &tool);
        match (is_server, &service) {
            // The service is what was called; who called it, only the caller's spans say.
            (true, Some(service)) => draft.set("server", service.clone(), "resource service.name"),
            _ => draft.copy("server", &attributes, &["server.address", "mcp.server.name"]),
        }
        let service = service.filter(|_| !is_server);
        let raw = KeptRaw::of(span, MAX_KEPT_BYTES);
        self.waiting.push_back(Waiting { line, raw, draft, span: place, tool, service });
        if self.waiting.len() > MAX_WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.complete(oldest, out);
        }
    }

    /// Adds what the ancestors say.
    fn complete(&self, waiting: Waiting, out: &mut Out) {
        let Waiting { line, raw, mut draft, span, tool, service } = waiting;
        let mut agents = Vec::new();
        for (agent, ancestor_tool) in self.ancestry.above(&span) {
            if ancestor_tool == Some(tool.as_str()) {
                // The same call once more: a framework's span around that of the protocol.
                out.ignored += 1;
                return;
            }
            agents.extend(agent);
        }
        let own = agents.first();
        let known = own.and_then(|agent| agent.name.clone());
        if !draft.has("identity") {
            match (known, service) {
                (Some(name), _) => draft.set("identity", name, "gen_ai.agent.id or name of the invoke_agent span"),
                (None, service) => draft.set("identity", service, "resource service.name"),
            }
        }
        if let Some(agent) = own {
            for (field, value, from) in [
                ("session", &agent.conversation, "gen_ai.conversation.id of the invoke_agent span"),
                ("task", &agent.workflow, "gen_ai.workflow.name of the invoke_agent span"),
                ("revision.agent", &agent.version, "gen_ai.agent.version of the invoke_agent span"),
                ("revision.model", &agent.model, "gen_ai.request.model of the invoke_agent span"),
            ] {
                if !draft.has(field) {
                    draft.set(field, value.clone(), from);
                }
            }
            let delegator = agents.iter().find(|other| other.name.is_some() && other.name != agent.name);
            if let Some(delegator) = delegator {
                draft.set("parent.identity", delegator.name.clone(), "the invoke_agent span above");
                draft.set("parent.session", delegator.conversation.clone(), "the invoke_agent span above");
            }
        }
        if !draft.has("session") {
            draft.set("session", span.trace, "traceId");
        }
        out.event(line, raw.lend(), draft);
    }
}

impl Convert for Otlp {
    fn record(&mut self, place: &Place<'_>, record: &Value, out: &mut Out) {
        let resource = flattened(at(record, "resource.attributes"));
        let scopes = ["scopeSpans", "instrumentationLibrarySpans"];
        let scopes = scopes.into_iter().find_map(|name| at(record, name)?.as_array());
        let spans = scopes.into_iter().flatten().filter_map(|scope| at(scope, "spans")?.as_array()).flatten();
        let mut any = false;
        for span in spans {
            any = true;
            self.span(place.line, &resource, span, out);
        }
        out.ignored += u64::from(!any);
    }

    fn finish(&mut self, out: &mut Out) {
        while let Some(oldest) = self.waiting.pop_front() {
            self.complete(oldest, out);
        }
    }
}

/// The tool that a span is a call of, or what else an agent asked an MCP server for.
fn called(attributes: &Value) -> Option<String> {
    let tool = text(attributes, "gen_ai.tool.name");
    match (text(attributes, "mcp.method.name"), text(attributes, "gen_ai.operation.name")) {
        (Some("tools/call"), _) | (None, Some("execute_tool")) => tool.map(str::to_owned),
        (Some(method), _) if asked_for(method).is_some() => Some(method.to_owned()),
        (None, Some("retrieval")) => Some("retrieval".to_owned()),
        _ => None,
    }
}

fn service(resource: &Value) -> Option<String> {
    let name = text(resource, "service.name")?;
    Some(text(resource, "service.namespace").map_or_else(|| name.to_owned(), |space| format!("{space}/{name}")))
}

fn draft(span: &Value, attributes: &Value, resource: &Value, tool: &str) -> Draft {
    let mut draft = Draft::default();
    let (trace, id) = (text(span, "traceId").unwrap_or_default(), text(span, "spanId").unwrap_or_default());
    if !trace.is_empty() && !id.is_empty() {
        draft.set("id", format!("{trace}/{id}"), "traceId and spanId");
        let traceparent = format!("00-{}-{}-01", trace.to_lowercase(), id.to_lowercase());
        set_trace(&mut draft, &traceparent, "traceId and spanId");
    }
    let start =
        number(span, "startTimeUnixNano").and_then(|nanos| i64::try_from(nanos).ok()).filter(|nanos| *nanos > 0);
    draft.set("time", start.map(|nanos| Timestamp::from_nanos(nanos).to_string()), "startTimeUnixNano");
    draft.copy("identity", attributes, &["gen_ai.agent.id", "gen_ai.agent.name"]);
    draft.copy("session", attributes, &["gen_ai.conversation.id", "session.id", "mcp.session.id"]);
    draft.copy("task", attributes, &["gen_ai.workflow.name"]);
    draft.copy("on_behalf_of", attributes, &["enduser.id", "user.id"]);
    set_tool(&mut draft, tool, "gen_ai.tool.name or mcp.method.name");
    set_asked(&mut draft, attributes);
    if let Some(result) = at(attributes, "gen_ai.tool.call.result") {
        draft.set("bytes_out", size(result), "size of gen_ai.tool.call.result");
    }
    let (outcome, from) = outcome(span, attributes);
    set_outcome(&mut draft, outcome, from);
    draft.copy("source.ip", attributes, &["client.address"]);
    draft.copy("source.region", resource, &["cloud.region"]);
    draft.copy("source.workload", resource, &["k8s.deployment.name", "k8s.statefulset.name", "host.name"]);
    draft.copy("source.user_agent", attributes, &["user_agent.original"]);
    draft.copy("revision.agent", attributes, &["gen_ai.agent.version"]);
    draft
}

/// What the call was about.
fn set_asked(draft: &mut Draft, attributes: &Value) {
    let method = text(attributes, "mcp.method.name").and_then(asked_for);
    let source = text(attributes, "gen_ai.data_source.id");
    if text(attributes, "mcp.method.name") != Some("tools/call") && method.is_some() {
        set_action(draft, method, "mcp.method.name");
    } else if source.is_some() {
        set_action(draft, Some(Action::Read), "gen_ai.operation.name");
    }
    if let Some(arguments) = at(attributes, "gen_ai.tool.call.arguments") {
        set_arguments(draft, arguments, "gen_ai.tool.call.arguments");
    }
    if !draft.has("target") {
        draft.set("target", text(attributes, "mcp.resource.uri"), "mcp.resource.uri");
    }
    for (name, scheme) in [("gen_ai.prompt.name", "prompt"), ("gen_ai.data_source.id", "data_source")] {
        if let Some(value) = text(attributes, name).filter(|_| !draft.has("target")) {
            draft.set("target", format!("{scheme}:{value}"), name);
        }
    }
}

fn outcome(span: &Value, attributes: &Value) -> (ActionOutcome, &'static str) {
    let said = ["error.type", "rpc.response.status_code", "http.response.status_code"];
    let error = first_text(attributes, &said).map(|(text, _)| text);
    let failed = number(span, "status.code") == Some(2) || text(span, "status.code") == Some("STATUS_CODE_ERROR");
    if failed || text(attributes, "error.type").is_some() {
        let message = text(span, "status.message").unwrap_or_default();
        let said = format!("{} {message}", error.unwrap_or_default());
        return (verb::failure(&said), "status and error.type");
    }
    (ActionOutcome::Success, "status")
}

#[cfg(test)]
mod tests;
