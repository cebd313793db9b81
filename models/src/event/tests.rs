//! Every row of `docs/bad-input.md`, and the laws of decoding: never a panic, always a named reason, nothing lost on the
//! way to the wire and back.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const BAD_INPUT: &str = include_str!("../../../docs/bad-input.md");
const SCHEMA: &str = include_str!("../../../docs/event.schema.json");
const THESE_TESTS: &str = include_str!("tests.rs");

/// Texts and their limits in bytes.
const TEXTS: [(&str, usize); 26] = [
    ("id", 128),
    ("tenant", 128),
    ("identity", 2048),
    ("session", 256),
    ("task", 256),
    ("server", 256),
    ("tool", 256),
    ("target", 2048),
    ("on_behalf_of", 2048),
    ("trace", 256),
    ("credential.id", 256),
    ("credential.issuer", 2048),
    ("credential.scopes", 256),
    ("parent.identity", 2048),
    ("parent.session", 256),
    ("source.ip", 1024),
    ("source.workload", 1024),
    ("source.region", 1024),
    ("source.user_agent", 1024),
    ("revision.agent", 256),
    ("revision.model", 256),
    ("revision.prompt", 256),
    ("revision.tools", 256),
    ("approval.id", 256),
    ("approval.by", 256),
    ("break_glass.id", 256),
];
const REQUIRED: [&str; 8] =
    ["id", "time", "identity", "tool", "credential.id", "parent.identity", "approval.id", "break_glass.id"];
const TIMES: [&str; 4] = ["time", "credential.issued_at", "credential.expires_at", "break_glass.expires_at"];
const IDENTITIES: [&str; 2] = ["identity", "parent.identity"];
const LISTS: [&str; 2] = ["target", "credential.scopes"];
const NUMBERS: [&str; 3] = ["bytes_in", "bytes_out", "records"];
const WORDS: [&str; 4] = ["action", "sensitivity", "outcome", "target_origin"];

/// An event with every field in use.
fn full() -> Value {
    json!({
        "id": "e1", "time": "2026-05-04T10:00:00.25Z", "identity": "spiffe://corp.example/agents/invoice-bot",
        "tenant": "acme", "session": "s1", "task": "pay-invoices", "server": "bank", "tool": "send_money",
        "action": "execute", "target": ["iban:GB29", "iban:DE89"], "sensitivity": "confidential", "external": true,
        "bytes_in": 120, "bytes_out": 0, "records": 1, "outcome": "denied",
        "credential": {"id": "jti-1", "issuer": "https://idp.example", "scopes": ["pay"],
            "issued_at": "2026-05-04T09:00:00Z", "expires_at": "2026-05-04T11:00:00Z"},
        "parent": {"identity": "spiffe://corp.example/agents/planner", "session": "p1"},
        "on_behalf_of": "ann@corp.example",
        "source": {"ip": "192.0.2.7", "workload": "pod-3", "region": "eu-1", "user_agent": "agent/1.2"},
        "revision": {"agent": "1.2", "model": "m-3", "prompt": "sha256:aa", "tools": "sha256:bb"},
        "approval": {"id": "a1", "by": "bob"},
        "break_glass": {"id": "b1", "expires_at": "2026-05-04T12:00:00Z"},
        "target_origin": "tool_result", "trace": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    })
}

/// The place of a field such as `credential.id` in a JSON event.
fn place<'a>(event: &'a mut Value, field: &str) -> (&'a mut Map<String, Value>, String) {
    match field.split_once('.') {
        Some((outer, inner)) => (event[outer].as_object_mut().unwrap(), inner.to_owned()),
        None => (event.as_object_mut().unwrap(), field.to_owned()),
    }
}

/// The full event with one field set to something else.
fn with(field: &str, value: Value) -> Vec<u8> {
    let mut event = full();
    let (object, name) = place(&mut event, field);
    object.insert(name, value);
    event.to_string().into_bytes()
}

fn without(field: &str) -> Vec<u8> {
    let mut event = full();
    let (object, name) = place(&mut event, field);
    object.remove(&name);
    event.to_string().into_bytes()
}

/// A text of so many bytes that `field` accepts but for its length.
fn text(field: &str, bytes: usize) -> Value {
    let fill = |start: &str| format!("{start}{}", "x".repeat(bytes - start.len()));
    match field {
        "trace" => fill("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-").into(),
        "credential.scopes" => json!([fill("")]),
        _ => fill("").into(),
    }
}

fn rejected(raw: &[u8]) -> (RejectionCode, Option<&'static str>) {
    let rejection = decode(raw).expect_err("must be rejected");
    (rejection.code, rejection.field)
}

fn code(raw: &[u8]) -> RejectionCode {
    rejected(raw).0
}

fn accepted(raw: &[u8]) -> Decoded {
    decode(raw).unwrap_or_else(|rejection| panic!("{rejection}"))
}

#[test]
fn the_full_event_is_accepted_without_unknown_fields() {
    let decoded = accepted(full().to_string().as_bytes());
    assert_eq!(decoded.unknown_fields, 0);
    assert_eq!(decoded.event.targets.len(), 2);
    assert_eq!(decoded.event.time.as_nanos() % 1_000_000_000, 250_000_000);
}

#[test]
fn an_event_of_256_kib_is_the_largest() {
    let pad = |bytes: usize| {
        let mut raw = full().to_string().into_bytes();
        raw.resize(bytes, b' ');
        raw
    };
    accepted(&pad(MAX_EVENT_BYTES));
    assert_eq!(rejected(&pad(MAX_EVENT_BYTES + 1)), (RejectionCode::EventTooLarge, None));
}

#[test]
fn nesting_ends_at_32_levels_wherever_it_is() {
    let nested =
        |levels: usize| with("note", serde_json::from_str(&("[".repeat(levels) + &"]".repeat(levels))).unwrap());
    // The event itself is the first level.
    assert_eq!(accepted(&nested(MAX_DEPTH - 1)).unknown_fields, 1);
    assert_eq!(rejected(&nested(MAX_DEPTH)), (RejectionCode::EventTooDeep, None));
    // Far deeper than any stack.
    let bomb = format!("{{\"a\":{}", "[".repeat(200_000));
    assert_eq!(code(bomb.as_bytes()), RejectionCode::EventTooDeep);
}

#[test]
fn brackets_inside_texts_are_not_nesting() {
    accepted(&with("task", r#"[[{{"\[["#.repeat(12).into()));
}

#[test]
fn bytes_that_are_not_utf8_are_rejected() {
    assert_eq!(rejected(b"{\"id\":\"\xff\"}"), (RejectionCode::NotUtf8, None));
}

#[test]
fn what_is_not_one_json_value_is_rejected() {
    let whole = full().to_string();
    let cut = &whole[..whole.len() - 1];
    let twice = format!("{whole}{whole}");
    let marked = format!("\u{feff}{whole}");
    let surrogate = r#"{"id":"\ud800"}"#;
    for raw in
        ["", " ", "not an event", "{'id':1}", cut, &twice, &marked, "{\"id\":\"\n\"}", "{\"id\":\"a\",}", surrogate]
    {
        assert_eq!(rejected(raw.as_bytes()), (RejectionCode::NotJson, None), "{raw:?}");
    }
}

#[test]
fn json_that_is_no_object_is_rejected() {
    // The last one has every required field in the order of the record.
    for raw in ["null", "5", "\"text\"", "[]", "[{}]", r#"["1","2026-05-04T10:00:00Z","bot"]"#] {
        assert_eq!(code(raw.as_bytes()), RejectionCode::NotJson, "{raw}");
    }
}

#[test]
fn a_field_of_another_json_type_is_rejected() {
    for (field, _) in TEXTS {
        assert_eq!(code(&with(field, json!(5))), RejectionCode::WrongType, "{field}");
    }
    for field in TIMES {
        assert_eq!(code(&with(field, json!(1_777_888_999))), RejectionCode::WrongType, "{field}");
    }
    for field in ["credential", "parent", "source", "revision", "approval", "break_glass"] {
        assert_eq!(code(&with(field, json!("text"))), RejectionCode::WrongType, "{field}");
    }
    assert_eq!(code(&with("external", json!("yes"))), RejectionCode::WrongType);
    assert_eq!(code(&with("target", json!(["crm://a", 5]))), RejectionCode::WrongType);
    assert_eq!(code(&with("credential.scopes", json!("read write"))), RejectionCode::WrongType);
}

#[test]
fn a_count_that_is_no_unsigned_64_bit_integer_is_rejected() {
    for field in NUMBERS {
        for value in ["-1", "1.5", "1e3", "18446744073709551616", "\"7\""] {
            let value: Value = serde_json::from_str(value).unwrap();
            assert_eq!(code(&with(field, value.clone())), RejectionCode::WrongType, "{field} {value}");
        }
        accepted(&with(field, json!(u64::MAX)));
    }
}

#[test]
fn a_word_outside_its_enumeration_is_rejected() {
    for field in WORDS {
        for word in ["delete", "READ", ""] {
            assert_eq!(code(&with(field, json!(word))), RejectionCode::WrongType, "{field} {word:?}");
        }
    }
}

#[test]
fn a_field_that_is_there_twice_is_rejected() {
    // Two readers may each believe another one of the two.
    let twice = full().to_string().replacen('{', "{\"identity\":\"other\",", 1);
    assert_eq!(code(twice.as_bytes()), RejectionCode::WrongType);
}

#[test]
fn a_required_field_that_is_absent_null_or_empty_is_named() {
    for field in REQUIRED {
        for raw in [without(field), with(field, Value::Null), with(field, json!(""))] {
            assert_eq!(rejected(&raw), (RejectionCode::MissingField, Some(field)));
        }
    }
}

#[test]
fn an_optional_field_may_be_absent_null_or_empty() {
    for (field, _) in TEXTS.into_iter().filter(|(field, _)| !REQUIRED.contains(field)) {
        let absent = accepted(&without(field));
        assert_eq!(accepted(&with(field, Value::Null)), absent, "{field}");
        let empty = if field == "credential.scopes" { json!([""]) } else { json!("") };
        assert_eq!(accepted(&with(field, empty)), absent, "{field}");
    }
    assert_eq!(&*accepted(&without("tenant")).event.tenant, DEFAULT_TENANT);
}

#[test]
fn a_text_may_be_as_long_as_its_limit_and_no_longer() {
    for (field, limit) in TEXTS {
        accepted(&with(field, text(field, limit)));
        assert_eq!(rejected(&with(field, text(field, limit + 1))), (RejectionCode::TextTooLong, Some(field)));
    }
}

#[test]
fn lengths_are_counted_in_bytes() {
    assert_eq!(code(&with("id", "é".repeat(65).into())), RejectionCode::TextTooLong);
    accepted(&with("id", "é".repeat(64).into()));
}

#[test]
fn a_list_may_have_64_entries_and_no_more() {
    for field in LISTS {
        let list = |n: usize| with(field, (0..n).map(|i| format!("x{i}")).collect());
        accepted(&list(MAX_ITEMS));
        assert_eq!(rejected(&list(MAX_ITEMS + 1)), (RejectionCode::TooManyItems, Some(field)));
    }
    let joined = |n: usize| with("target", vec!["crm://a"; n].join(",").into());
    assert_eq!(accepted(&joined(MAX_ITEMS)).event.targets.len(), MAX_ITEMS);
    assert_eq!(rejected(&joined(MAX_ITEMS + 1)), (RejectionCode::TooManyItems, Some("target")));
}

#[test]
fn a_joined_target_is_several_without_empty_parts_and_overflow_marks() {
    let targets = |value: Value| accepted(&with("target", value)).event.targets;
    assert_eq!(targets(json!("crm://a,,crm://b,+3")), ["crm://a".into(), "crm://b".into()]);
    assert_eq!(targets(json!(["a,b", "+3"])), ["a,b".into(), "+3".into()]);
    assert_eq!(targets(json!("+3x,+")), ["+3x".into(), "+".into()]);
}

#[test]
fn a_time_that_is_not_rfc_3339_or_out_of_range_is_named() {
    let bad = [
        "yesterday",
        "2026-05-04",
        "2026-05-04T10:00:00",
        "2026-02-30T10:00:00Z",
        "2026-05-04T10:00:00Z[UTC]",
        "1777888999",
        "1600-01-01T00:00:00Z",
        "2300-01-01T00:00:00Z",
    ];
    for field in TIMES {
        for time in bad {
            assert_eq!(rejected(&with(field, json!(time))), (RejectionCode::InvalidTime, Some(field)), "{time}");
        }
    }
    let of = |time: &str| accepted(&with("time", json!(time))).event.time;
    assert_eq!(of("2026-05-04T12:00:00.000000001+02:00"), of("2026-05-04T10:00:00.000000001Z"));
    assert_eq!(of("1970-01-01T00:00:00.000000001Z").as_nanos(), 1);
}

#[test]
fn a_spiffe_id_outside_its_rules_is_named() {
    let bad = [
        "spiffe://",
        "spiffe:///agent",
        "spiffe://corp.example/",
        "spiffe://corp.example/a//b",
        "spiffe://corp.example/a/../b",
        "spiffe://corp.example/a?x=1",
        "spiffe://corp example/a",
        "spiffe://user@corp.example/a",
        "spiffe://corp.example:8443/a",
        "spiffe://corp.example/ä",
    ];
    for field in IDENTITIES {
        for id in bad.map(str::to_owned).into_iter().chain([format!("spiffe://{}/a", "x".repeat(256))]) {
            assert_eq!(rejected(&with(field, json!(id))), (RejectionCode::InvalidSpiffeId, Some(field)), "{id}");
        }
    }
}

#[test]
fn scheme_and_trust_domain_are_lowered_and_the_path_is_not() {
    let of = |id: &str| accepted(&with("identity", json!(id))).event.identity;
    assert_eq!(&*of("SPIFFE://Corp.Example/Agents/A"), "spiffe://corp.example/Agents/A");
    assert_eq!(&*of("Robot #7"), "Robot #7");
}

#[test]
fn a_trace_that_is_no_traceparent_is_named() {
    let bad = [
        "x",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f35-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    ];
    for trace in bad {
        assert_eq!(rejected(&with("trace", json!(trace))), (RejectionCode::InvalidTrace, Some("trace")), "{trace}");
    }
}

#[test]
fn unknown_fields_are_counted_at_every_level_and_ignored() {
    let mut event = full();
    event["note"] = json!({"any": ["thing"]});
    event["credential"]["note"] = json!(1);
    let decoded = accepted(event.to_string().as_bytes());
    assert_eq!(decoded.unknown_fields, 2);
    assert_eq!(decoded.event, accepted(full().to_string().as_bytes()).event);
}

// What the documentation says.

/// Field, limit, code and test of each row of the table in `docs/bad-input.md`.
fn rows() -> Vec<[String; 4]> {
    let cells = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned());
        let mut next = || cells.next().unwrap_or_default();
        let [field, limit, code, _example, test] = [next(), next(), next(), next(), next()];
        [field, limit, code, test]
    };
    let table = BAD_INPUT.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    table.take_while(|line| line.starts_with('|')).map(cells).collect()
}

#[test]
fn every_row_of_the_documentation_names_a_code_and_a_test_that_exist() {
    assert!(rows().len() > 20);
    for [field, _, code, test] in rows() {
        let parsed: RejectionCode = serde_json::from_value(json!(code)).unwrap_or_else(|e| panic!("{field}: {e}"));
        assert_eq!(parsed.as_str(), code);
        // The envelope is read, and tested, one crate further out.
        let here = parsed != RejectionCode::InvalidEnvelope;
        assert!(!here || THESE_TESTS.contains(&format!("fn {test}()")), "`{test}` is no test");
    }
}

#[test]
fn every_code_has_a_row() {
    // A new code does not compile here until it is added, and then fails until it is documented.
    let all = [
        RejectionCode::EventTooLarge,
        RejectionCode::EventTooDeep,
        RejectionCode::NotUtf8,
        RejectionCode::NotJson,
        RejectionCode::WrongType,
        RejectionCode::MissingField,
        RejectionCode::TextTooLong,
        RejectionCode::TooManyItems,
        RejectionCode::InvalidTime,
        RejectionCode::InvalidSpiffeId,
        RejectionCode::InvalidTrace,
        RejectionCode::InvalidEnvelope,
    ];
    let documented: BTreeSet<String> = rows().into_iter().map(|[_, _, code, _]| code).collect();
    assert_eq!(documented, all.iter().map(|code| code.as_str().to_owned()).collect());
}

#[test]
fn every_limit_tested_here_is_documented_and_the_other_way_round() {
    let mut tested = BTreeSet::new();
    let mut add = |field: &str, limit: String, code: RejectionCode| {
        tested.insert([field.to_owned(), limit, code.as_str().to_owned()]);
    };
    for (field, bytes) in TEXTS {
        add(field, format!("at most {bytes} bytes"), RejectionCode::TextTooLong);
    }
    for field in LISTS {
        add(field, format!("at most {MAX_ITEMS} entries"), RejectionCode::TooManyItems);
    }
    for field in REQUIRED {
        add(field, "required, not empty".to_owned(), RejectionCode::MissingField);
    }
    for field in TIMES {
        add(field, "RFC 3339, years 1678 to 2261".to_owned(), RejectionCode::InvalidTime);
    }
    for field in IDENTITIES {
        add(field, "a valid SPIFFE id if it starts with spiffe://".to_owned(), RejectionCode::InvalidSpiffeId);
    }
    for field in NUMBERS {
        add(field, "an integer from 0 to 2^64 - 1".to_owned(), RejectionCode::WrongType);
    }
    let by_field = ["text_too_long", "too_many_items", "missing_field", "invalid_time", "invalid_spiffe_id"];
    let documented = rows()
        .into_iter()
        .filter(|[field, _, code, _]| by_field.contains(&code.as_str()) || NUMBERS.contains(&field.as_str()));
    let documented: BTreeSet<[String; 3]> = documented.map(|[field, limit, code, _]| [field, limit, code]).collect();
    assert_eq!(documented, tested);
}

/// Set `DRIFTWATCH_BLESS=1` to write the file anew; its diff is reviewed like code.
#[test]
#[expect(clippy::disallowed_methods, reason = "a golden file is compared with, and rewritten on request")]
fn the_published_schema_is_the_generated_one() {
    let generated = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    if std::env::var("DRIFTWATCH_BLESS").is_ok() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/event.schema.json");
        std::fs::write(path, &generated).unwrap();
        return;
    }
    assert_eq!(SCHEMA, generated, "run the tests once with DRIFTWATCH_BLESS=1");
}

#[test]
fn the_schema_requires_four_fields_and_documents_all() {
    let schema = json_schema();
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["required"], json!(["id", "time", "identity", "tool"]));
    let fields: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let event = full();
    assert_eq!(fields, event.as_object().unwrap().keys().map(String::as_str).collect());
    let defined = schema["$defs"].as_object().unwrap().values();
    for object in std::iter::once(&schema).chain(defined) {
        assert!(object.get("description").is_some(), "{object}");
        for (name, property) in object["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        }
    }
}

// Laws.

fn any_text() -> impl Strategy<Value = Box<str>> {
    prop::collection::vec(any::<char>(), 1..12).prop_map(|chars| chars.into_iter().collect::<String>().into())
}

fn maybe() -> impl Strategy<Value = Option<Box<str>>> {
    prop::option::of(any_text())
}

fn any_identity() -> impl Strategy<Value = Box<str>> {
    let spiffe = "spiffe://[a-z0-9._-]{1,20}(/[a-zA-Z0-9]{1,8}){0,3}".prop_map(Into::into);
    prop_oneof![spiffe, any_text()]
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_nanos)
}

fn any_event() -> impl Strategy<Value = Event> {
    let word = |n: usize| prop::option::of(0..n);
    let actor = (any_text(), any_time(), any_text(), any_identity(), maybe(), maybe(), maybe(), maybe());
    let act = (
        (maybe(), any_text(), prop::option::of(prop::sample::select(Action::ALL.to_vec()))),
        prop::collection::vec(any_text(), 0..5),
        (word(4), any::<Option<bool>>(), word(4), 0..3_usize),
        (any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<u64>>()),
    );
    let credential = (any_text(), maybe(), prop::collection::vec(any_text(), 0..4), word(1), any_time());
    let circumstances = (
        prop::option::of(credential),
        prop::option::of((any_identity(), maybe())),
        prop::option::of((maybe(), maybe(), maybe(), maybe())),
        prop::option::of((maybe(), maybe(), maybe(), maybe())),
        prop::option::of((any_text(), maybe())),
        prop::option::of((any_text(), prop::option::of(any_time()))),
        prop::option::of("[0-9a-e]{2}-[0-9a-f]{31}[1-9a-f]-[0-9a-f]{15}[1-9a-f]-[0-9a-f]{2}"),
    );
    (actor, act, circumstances).prop_map(|(actor, act, circumstances)| {
        let (id, time, tenant, identity, session, task, on_behalf_of, _) = actor;
        let ((server, tool, action), targets, (sensitivity, external, origin, outcome), bytes) = act;
        let (credential, parent, source, revision, approval, break_glass, trace) = circumstances;
        let levels = [Sensitivity::Public, Sensitivity::Internal, Sensitivity::Confidential, Sensitivity::Restricted];
        let origins = [TargetOrigin::User, TargetOrigin::Config, TargetOrigin::Memory, TargetOrigin::ToolResult];
        Event {
            id,
            time,
            tenant,
            identity,
            session,
            task,
            server,
            tool,
            action,
            targets,
            sensitivity: sensitivity.map(|i| levels[i]),
            external,
            bytes_in: bytes.0,
            bytes_out: bytes.1,
            records: bytes.2,
            outcome: [ActionOutcome::Success, ActionOutcome::Denied, ActionOutcome::Error][outcome],
            credential: credential.map(|(id, issuer, scopes, issued, at)| Credential {
                id,
                issuer,
                scopes,
                issued_at: issued.map(|_| at),
                expires_at: Some(at),
            }),
            parent: parent.map(|(identity, session)| Parent { identity, session }),
            on_behalf_of,
            source: source.map(|(ip, workload, region, user_agent)| Origin { ip, workload, region, user_agent }),
            revision: revision.map(|(agent, model, prompt, tools)| Revision { agent, model, prompt, tools }),
            approval: approval.map(|(id, by)| Approval { id, by }),
            break_glass: break_glass.map(|(id, expires_at)| BreakGlass { id, expires_at }),
            target_origin: origin.map(|i| origins[i]),
            trace: trace.map(Into::into),
        }
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(|text| Value::from(&*text)),
        Just(Value::from("x".repeat(3000))),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let key = prop_oneof![Just("id".to_owned()), Just("identity".to_owned()), ".{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn any_field() -> impl Strategy<Value = String> {
    let event = full();
    let names: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
    prop::sample::select(names)
}

/// Decodes; a rejection must say something.
fn judged(raw: &[u8]) -> Result<(), TestCaseError> {
    if let Err(rejection) = decode(raw) {
        prop_assert!(!rejection.detail.is_empty());
        prop_assert!(!rejection.code.as_str().is_empty());
    }
    Ok(())
}

proptest! {
    // Written and read again, an event is the same.
    #[test]
    fn decode_inverts_to_record(event in any_event()) {
        let raw = serde_json::to_vec(&event.to_record()).unwrap();
        let decoded = decode(&raw).map_err(|rejection| TestCaseError::fail(rejection.to_string()))?;
        prop_assert_eq!(decoded, Decoded { event, unknown_fields: 0 });
    }

    // Unknown fields are those that `serde_ignored` finds, and everything else is read or refused alike.
    #[test]
    fn unknown_fields_are_counted_like_the_reference(json in any_json(), field in any_field(), note in any_json()) {
        let mut event = full();
        event["credential"]["note"] = note.clone();
        event["note"] = note;
        event[field] = json;
        let text = event.to_string();
        let mut unknown = 0;
        let mut deserializer = serde_json::Deserializer::from_str(&text);
        let reference = serde_ignored::deserialize::<_, _, EventRecord<'_>>(&mut deserializer, |_| unknown += 1);
        match (record::parse(text.as_bytes()), reference) {
            (Ok(read), Ok(reference)) => prop_assert_eq!(read, (reference, unknown)),
            (Err(rejection), Err(error)) => {
                prop_assert_eq!(rejection.code == RejectionCode::WrongType, error.is_data());
            }
            (read, reference) => prop_assert!(false, "{read:?} {reference:?}"),
        }
    }

    // However a time is written, it is the same or wrong alike: UTC as `Z`, which is read by ourselves, or as an offset.
    #[test]
    fn times_in_utc_are_read_like_all_others(
        (year, month, day) in (1670_u32..2270, 0_u32..14, 0_u32..33),
        (hour, minute, second) in (0_u32..26, 0_u32..62, 0_u32..62),
        fraction in "(\\.[0-9]{0,11})?",
    ) {
        let text = format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}");
        let read = |zone: &str| format!("{text}{zone}").parse::<Timestamp>().ok();
        prop_assert_eq!(read("Z"), read("+00:00"), "{}", text);
    }

    // Bytes of any kind end as an event or with a named reason.
    #[test]
    fn arbitrary_bytes_never_panic(raw in prop::collection::vec(any::<u8>(), 0..300)) {
        judged(&raw)?;
    }

    // So does JSON of any kind, alone or in the place of any field.
    #[test]
    fn arbitrary_json_never_panics(json in any_json(), field in any_field()) {
        judged(json.to_string().as_bytes())?;
        judged(&with(&field, json))?;
    }

    // So does an event in which bytes were changed or the end is missing.
    #[test]
    fn damaged_events_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut raw = full().to_string().into_bytes();
        let at = at.index(raw.len());
        raw[at] = byte;
        judged(&raw)?;
        judged(&raw[..cut.index(raw.len())])?;
    }
}
