//! Requests and responses, with and without an envelope.

use models::event::{Action, ActionOutcome, Event};
use serde_json::{Value, json};

use crate::reader::any::testing::{events, read, rejections};
use crate::reader::{Assumed, Format};

fn lines(messages: &[Value]) -> String {
    messages.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

fn enveloped(second: u32, message: &Value) -> Value {
    json!({"timestamp": format!("2026-05-04T10:00:{second:02}Z"), "session_id": "s-1", "agent": "invoice-bot", "server": "crm",
        "direction": "out", "message": message})
}

fn call(id: u32) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "accounts.export", "arguments": {"table": "customers"},
        "_meta": {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}})
}

fn answer(id: u32, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn all(file: &str) -> Vec<Event> {
    events(Format::Mcp, file)
}

#[test]
fn a_request_and_its_response_are_one_event() {
    let result = json!({"content": [{"type": "text", "text": "ok"}], "isError": false});
    let found = all(&lines(&[enveloped(1, &call(7)), enveloped(2, &answer(7, &result))]));
    let [event] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (&*event.id, event.time.to_string().as_str(), &*event.identity),
        ("s-1/7", "2026-05-04T10:00:01Z", "invoice-bot")
    );
    assert_eq!(
        (event.server.as_deref(), &*event.tool, event.session.as_deref()),
        (Some("crm"), "accounts.export", Some("s-1"))
    );
    assert_eq!((event.bytes_in, event.bytes_out, &*event.targets[0]), (Some(21), Some(57), "table:customers"));
    assert!(event.trace.as_deref().is_some_and(|trace| trace.starts_with("00-4bf9")));
}

#[test]
fn errors_of_protocol_and_tool_are_told_apart_from_refusals() {
    let refused = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "insufficient_scope"}});
    let unknown = json!({"jsonrpc": "2.0", "id": 2, "error": {"code": -32601, "message": "no such method"}});
    let failed = answer(3, &json!({"isError": true, "content": [{"type": "text", "text": "no such table"}]}));
    let denied = answer(4, &json!({"isError": true, "content": [{"type": "text", "text": "Access denied"}]}));
    let file: Vec<Value> =
        (1..=4).map(call).chain([refused, unknown, failed, denied]).map(|m| enveloped(1, &m)).collect();
    let outcomes: Vec<_> = all(&lines(&file)).iter().map(|e| e.outcome).collect();
    assert_eq!(outcomes, [ActionOutcome::Denied, ActionOutcome::Error, ActionOutcome::Error, ActionOutcome::Denied]);
}

#[test]
fn without_an_envelope_both_ends_are_known_from_initialize() {
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {"clientInfo": {"name": "invoice-bot", "version": "2.1"}}});
    let welcome = answer(0, &json!({"serverInfo": {"name": "crm"}}));
    let read_ =
        json!({"jsonrpc": "2.0", "id": "a", "method": "resources/read", "params": {"uri": "crm://accounts/42"}});
    let ping = json!({"jsonrpc": "2.0", "id": 5, "method": "ping"});
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let file = lines(&[initialize, welcome, note, ping, read_]);
    let start = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let found = read(Format::Mcp, &file, Assumed { identity: None, start });
    let event = &found[0].as_ref().unwrap().decoded.event;
    assert_eq!(
        (found.len(), &*event.identity, event.server.as_deref(), &*event.id),
        (1, "invoice-bot", Some("crm"), "file:5/a")
    );
    assert_eq!(
        (&*event.tool, event.action, &*event.targets[0]),
        ("resources/read", Some(Action::Read), "crm://accounts/42")
    );
    assert_eq!(event.revision.as_ref().unwrap().agent.as_deref(), Some("2.1"));
    let untimed = rejections(Format::Mcp, &file, Assumed::default());
    assert!(untimed[0].rejection.detail.contains("--start"));
}

#[test]
fn stateless_requests_say_who_asks_in_their_meta() {
    let mut request = call(1);
    request["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name": "bot", "version": "3"});
    let found = all(&json!({"time": 1_777_888_800, "request": request, "response": answer(1, &json!({}))}).to_string());
    assert_eq!((&*found[0].identity, found[0].bytes_out), ("bot", Some(2)));
}

#[test]
fn batches_and_messages_in_texts_are_read() {
    let batch = json!([enveloped(1, &call(1)), enveloped(1, &answer(1, &json!({})))]).to_string();
    assert_eq!(all(&batch).len(), 1);
    let mut texts = enveloped(1, &call(1));
    texts["message"] = call(1).to_string().into();
    assert_eq!(all(&lines(&[texts])).len(), 1);
}

#[test]
fn the_same_id_on_two_connections_is_two_calls_and_twice_on_one_as_well() {
    let mut other = enveloped(1, &call(1));
    other["session_id"] = "s-2".into();
    let found = all(&lines(&[
        enveloped(1, &call(1)),
        other,
        enveloped(3, &call(1)),
        enveloped(4, &answer(1, &json!({"a": 1}))),
    ]));
    let seen: Vec<_> = found.iter().map(|e| (e.session.as_deref().unwrap(), e.bytes_out)).collect();
    assert_eq!(seen, [("s-1", None), ("s-1", Some(7)), ("s-2", None)]);
}

#[test]
fn odd_messages_are_ignored_or_rejected() {
    let nameless = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": 5});
    let file = lines(&[
        enveloped(1, &nameless),
        json!({"jsonrpc": 2}),
        json!({"jsonrpc": "2.0", "id": "x".repeat(300), "method": "tools/call"}),
        json!({"jsonrpc": "2.0", "id": {"a": 1}, "method": "tools/call"}),
        json!({"jsonrpc": "2.0", "id": 9, "result": {}}),
        json!({"level": "info", "msg": "listening"}),
    ]);
    let found = rejections(Format::Mcp, &file, Assumed::default());
    let reasons: Vec<_> = found.iter().map(|bad| (bad.line, bad.rejection.code.as_str())).collect();
    assert_eq!(reasons, [(3, "text_too_long"), (1, "missing_field")]);
}

#[test]
fn a_request_waits_for_its_response_only_so_long() {
    let answered = |requests: u32| {
        let file: Vec<Value> =
            (1..=requests).map(call).chain([answer(1, &json!({}))]).map(|m| enveloped(1, &m)).collect();
        all(&lines(&file)).iter().filter(|event| event.bytes_out.is_some()).count()
    };
    let most = u32::try_from(super::MAX_WAITING).unwrap();
    assert_eq!([answered(most), answered(most + 1)], [1, 0]);
}

#[test]
fn an_id_used_again_waits_anew() {
    let most = u32::try_from(super::MAX_WAITING).unwrap();
    let requests = (1..=most).map(call).chain([answer(1, &json!({})), call(1), answer(1, &json!({}))]);
    let file: Vec<Value> = requests.map(|m| enveloped(1, &m)).collect();
    assert_eq!(all(&lines(&file)).iter().filter(|event| event.bytes_out.is_some()).count(), 2);
}

#[test]
fn a_text_log_of_a_client_is_read_and_its_other_lines_are_no_mistake() {
    let welcome = json!({"jsonrpc": "2.0", "id": 0, "result": {"serverInfo": {"name": "crm"}}});
    let initialize =
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"clientInfo": {"name": "desktop"}}});
    let result = answer(1, &json!({"content": "{ \"a\": [1," }));
    let file = [
        "2026-05-04T09:59:59Z [crm] [info] Using command: npx with args: {".to_owned(),
        "  args: [ 'x', [length]: 1 ],".to_owned(),
        "[38956] Using transport: stdio, {\"a\":".to_owned(),
        "}".to_owned(),
        format!("2026-05-04T10:00:00Z [crm] [info] Message from client: {initialize} {{ metadata: undefined }}"),
        format!("2026-05-04T10:00:01Z [crm] [info] Message from server: {welcome} {{ metadata: undefined }}"),
        format!("2026-05-04T10:00:02Z [crm] [info] Message from client: {} {{ metadata: undefined }}", call(1)),
        format!("2026-05-04T10:00:03Z [crm] [info] Message from server: {result} {{ metadata: undefined }}"),
    ];
    let found = all(&file.join("\n"));
    let [event] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&*event.identity, event.server.as_deref(), &*event.tool), ("desktop", Some("crm"), "accounts.export"));
    assert_eq!((event.time.to_string().as_str(), event.bytes_out), ("2026-05-04T10:00:02Z", Some(26)));
}
