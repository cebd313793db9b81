//! Spans of agents, tools and MCP, in the order in which they are exported.

use models::event::{Action, ActionOutcome, Event};
use serde_json::{Value, json};

use crate::reader::any::testing::{events, read, rejections};
use crate::reader::{Assumed, Format};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn span(id: u64, parent: u64, attributes: &Value) -> Value {
    let typed = |value: &Value| match value {
        Value::Number(n) => json!({"intValue": n.to_string()}),
        Value::Object(members) => {
            let values: Vec<_> = members.iter().map(|(k, v)| json!({"key": k, "value": {"stringValue": v}})).collect();
            json!({"kvlistValue": {"values": values}})
        }
        text => json!({"stringValue": text}),
    };
    let attributes: Vec<_> =
        attributes.as_object().unwrap().iter().map(|(key, value)| json!({"key": key, "value": typed(value)})).collect();
    json!({
        "traceId": TRACE, "spanId": format!("{id:016x}"), "parentSpanId": if parent == 0 { String::new() } else { format!("{parent:016x}") },
        "name": "span", "kind": 1, "startTimeUnixNano": "1777888800000000500", "endTimeUnixNano": "1777888801000000000",
        "attributes": attributes, "status": {},
    })
}

fn export(spans: &[Value]) -> String {
    let resource = [("service.name", "agents"), ("service.namespace", "corp"), ("cloud.region", "eu")]
        .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}));
    json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}]})
        .to_string()
}

fn agent(id: u64, parent: u64, name: &str) -> Value {
    let attributes = json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": name, "gen_ai.conversation.id": format!("c-{name}"),
        "gen_ai.agent.version": "7", "gen_ai.request.model": "m"});
    span(id, parent, &attributes)
}

fn tool(id: u64, parent: u64, more: &Value) -> Value {
    let mut attributes = json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "db.export"});
    for (name, value) in more.as_object().unwrap() {
        attributes[name] = value.clone();
    }
    span(id, parent, &attributes)
}

fn only(spans: &[Value]) -> Event {
    let mut events = events(Format::Otlp, &export(spans));
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[test]
fn a_tool_span_belongs_to_the_agent_above_it_also_if_that_comes_later() {
    let chat = span(2, 1, &json!({"gen_ai.operation.name": "chat"}));
    let arguments = json!({"gen_ai.tool.call.arguments": {"table": "customers"}, "gen_ai.tool.call.result": "ok", "user.id": "ann"});
    let event = only(&[tool(3, 2, &arguments), chat, agent(1, 0, "bot")]);
    assert_eq!(
        (&*event.id, event.time.to_string().as_str()),
        (&*format!("{TRACE}/{:016x}", 3), "2026-05-04T10:00:00.0000005Z")
    );
    assert_eq!((&*event.identity, event.session.as_deref(), event.parent), ("bot", Some("c-bot"), None));
    assert_eq!((&*event.tool, &event.targets[..]), ("db.export", &["table:customers".into()][..]));
    assert_eq!((event.bytes_in, event.bytes_out, event.on_behalf_of.as_deref()), (Some(21), Some(2), Some("ann")));
    let revision = event.revision.unwrap();
    assert_eq!((revision.agent.as_deref(), revision.model.as_deref()), (Some("7"), Some("m")));
    assert_eq!(event.trace.as_deref(), Some("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000003-01"));
}

#[test]
fn an_agent_below_another_has_it_as_its_parent() {
    let event = only(&[tool(3, 2, &json!({})), agent(2, 1, "child"), agent(1, 0, "planner")]);
    let parent = event.parent.unwrap();
    assert_eq!(
        (&*event.identity, &*parent.identity, parent.session.as_deref()),
        ("child", "planner", Some("c-planner"))
    );
}

#[test]
fn without_an_agent_the_service_acted_and_the_trace_is_the_session() {
    let event = only(&[tool(3, 9, &json!({}))]);
    assert_eq!((&*event.identity, event.session.as_deref()), ("corp/agents", Some(TRACE)));
    assert_eq!(event.source.unwrap().region.as_deref(), Some("eu"));
}

#[test]
fn mcp_requests_are_calls_and_the_same_call_is_counted_once() {
    let method = |id, parent, method: &str, more: Value| {
        let mut attributes = json!({"mcp.method.name": method, "server.address": "crm.corp.example"});
        for (name, value) in more.as_object().unwrap() {
            attributes[name] = value.clone();
        }
        span(id, parent, &attributes)
    };
    let spans = [
        method(4, 3, "tools/call", json!({"gen_ai.tool.name": "db.export", "gen_ai.operation.name": "execute_tool"})),
        tool(3, 1, &json!({})),
        method(5, 1, "resources/read", json!({"mcp.resource.uri": "crm://accounts/42"})),
        method(6, 1, "tools/list", json!({})),
        method(7, 1, "ping", json!({})),
        agent(1, 0, "bot"),
    ];
    let found = events(Format::Otlp, &export(&spans));
    let seen: Vec<_> = found.iter().map(|e| (&*e.tool, e.action, e.server.as_deref())).collect();
    let crm = Some("crm.corp.example");
    assert_eq!(
        seen,
        [
            ("db.export", None, None),
            ("resources/read", Some(Action::Read), crm),
            ("tools/list", Some(Action::Read), crm)
        ]
    );
    assert_eq!(&*found[1].targets[0], "crm://accounts/42");
}

#[test]
fn a_servers_span_without_its_caller_needs_a_name() {
    let mut lone = span(3, 0, &json!({"mcp.method.name": "tools/call", "gen_ai.tool.name": "x"}));
    lone["kind"] = json!(3);
    let file = export(&[lone]);
    let found = rejections(Format::Otlp, &file, Assumed::default());
    assert!(found[0].rejection.detail.contains("--identity"));
    let assumed = Assumed { identity: Some("bot".into()), start: None };
    let event = read(Format::Otlp, &file, assumed).remove(0).unwrap().decoded.event;
    assert_eq!((&*event.identity, event.server.as_deref()), ("bot", Some("corp/agents")));
}

#[test]
fn status_and_error_type_tell_the_outcome() {
    let mut failed = tool(3, 0, &json!({"error.type": "timeout"}));
    failed["status"] = json!({"code": 2});
    let denied = tool(4, 0, &json!({"error.type": "tool_error", "http.response.status_code": 403}));
    let mut refused = tool(5, 0, &json!({}));
    refused["status"] = json!({"code": "STATUS_CODE_ERROR", "message": "permission denied"});
    let found = events(Format::Otlp, &export(&[failed, denied, refused, tool(6, 0, &json!({}))]));
    let outcomes: Vec<_> = found.iter().map(|e| e.outcome).collect();
    assert_eq!(outcomes, [ActionOutcome::Error, ActionOutcome::Error, ActionOutcome::Denied, ActionOutcome::Success]);
}

#[test]
fn one_export_a_line_is_one_file() {
    let file = format!("{}\n{}\n", export(&[tool(3, 1, &json!({}))]), export(&[agent(1, 0, "bot")]));
    assert_eq!(&*events(Format::Otlp, &file)[0].identity, "bot");
}

#[test]
fn spans_of_odd_shapes_are_rejected_or_ignored() {
    let mut timeless = tool(3, 0, &json!({}));
    timeless["startTimeUnixNano"] = json!("soon");
    let found =
        rejections(Format::Otlp, &export(&[timeless, json!(5), json!({"attributes": "x"})]), Assumed::default());
    assert_eq!((found.len(), found[0].rejection.field), (1, Some("time")));
    assert!(read(Format::Otlp, r#"{"resourceSpans":[{"scopeSpans":5},{}]}"#, Assumed::default()).is_empty());
    // A span that is its own ancestor.
    let cycle = only(&[tool(3, 4, &json!({})), span(4, 4, &json!({}))]);
    assert_eq!(&*cycle.identity, "corp/agents");
}

#[test]
fn a_call_waits_for_its_agent_only_so_long() {
    let agent_first = |calls: u64| {
        let spans: Vec<Value> = (2..2 + calls).map(|id| tool(id, 1, &json!({}))).chain([agent(1, 0, "bot")]).collect();
        events(Format::Otlp, &export(&spans)).remove(0).identity
    };
    let most = super::MAX_WAITING as u64;
    assert_eq!([&*agent_first(most), &*agent_first(most + 1)], ["bot", "corp/agents"]);
}
