//! Mappings of logs and tables, and what is said about wrong ones.

use std::io::Cursor;
use std::sync::Arc;

use models::event::{Action, ActionOutcome, Event};

use super::*;
use crate::reader::{AnyReader, Converted, Malformed, Options};

fn read(mapping: &str, text: &str) -> Vec<Result<Converted, Malformed>> {
    let options = Options { mapping: Some(Arc::new(mapping.parse().unwrap())), ..Options::default() };
    AnyReader::new(Cursor::new(text.to_owned()), "log.txt", &options).unwrap().map(Result::unwrap).collect()
}

fn only(mapping: &str, text: &str) -> Event {
    read(mapping, text).remove(0).unwrap().decoded.event
}

#[test]
fn members_become_fields_by_every_kind_of_rule() {
    let mapping = r#"
        records = "items"
        [fields]
        id = "req"
        time = { from = ["missing", "at"], format = "unix_ms" }
        identity = { from = "who.name", prefix = "svc:" }
        tool = "op"
        tenant = { value = "acme" }
        action = { derive = "verb", from = "op" }
        outcome = { derive = "error", from = "err" }
        target = { from = "on", split = ";", prefix = "crm://" }
        external = "out"
        bytes_in = { derive = "size", from = "args" }
        bytes_out = "got"
        "credential.id" = "key"
        "credential.scopes" = "scopes"
        sensitivity = { from = "class", words = { PII = "restricted" }, default = "internal" }
    "#;
    let row = r#"{"items":[{"req":7,"at":"1777888800500","who":{"name":"bot"},"op":"accounts.list","err":"Forbidden","on":"a;b",
        "out":"yes","args":{"x":1},"got":12.0,"key":"k","scopes":["r","w"],"class":"pii"}]}"#;
    let event = only(mapping, row);
    assert_eq!(
        (&*event.id, event.time.to_string().as_str(), &*event.identity),
        ("7", "2026-05-04T10:00:00.5Z", "svc:bot")
    );
    assert_eq!((&*event.tenant, event.action, event.outcome), ("acme", Some(Action::Read), ActionOutcome::Denied));
    assert_eq!((event.targets, event.external), (vec!["crm://a".into(), "crm://b".into()], Some(true)));
    assert_eq!((event.bytes_in, event.bytes_out, event.credential.unwrap().scopes.len()), (Some(7), Some(12), 2));
    assert_eq!(event.sensitivity, Some(models::event::Sensitivity::Restricted));
}

#[test]
fn arguments_name_targets_and_times_may_have_any_pattern() {
    let mapping = r#"
        [fields]
        time = { from = "at", format = "%d/%m/%Y %H:%M:%S" }
        identity = "who"
        tool = "op"
        action = { derive = "verb" }
        target = { derive = "arguments", from = "args" }
        outcome = { from = "code", words = { 0 = "success" }, default = "error" }
    "#;
    let event =
        only(mapping, r#"{"at":"04/05/2026 10:00:00","who":"bot","op":"read_x","args":{"path":"/a"},"code":3}"#);
    assert_eq!((event.time.to_string().as_str(), &*event.targets[0]), ("2026-05-04T10:00:00Z", "file:/a"));
    assert_eq!(event.action, Some(Action::Read));
    assert_eq!((event.outcome, &*event.id), (ActionOutcome::Error, "log:1"));
    let offset = mapping.replace("%H:%M:%S\"", "%H:%M:%S %z\"");
    let event = only(&offset, r#"{"at":"04/05/2026 12:00:00 +0200","who":"bot","op":"x"}"#);
    assert_eq!(event.time.to_string(), "2026-05-04T10:00:00Z");
}

#[test]
fn tables_are_mapped_by_their_header_and_bad_rows_are_kept() {
    let mapping = "format = \"csv\"\ndelimiter = \";\"\n[fields]\ntime = \"When\"\nidentity = \"Who\"\ntool = \"What\"\nrecords = \"N\"";
    let table = "When;Who;What;N\n2026-05-04 10:00:00;bot;search;3\nyesterday;bot;search;3\nshort\n2026-05-04 10:00:01;bot;search;many\n";
    let found = read(mapping, table);
    let event = &found[0].as_ref().unwrap().decoded.event;
    assert_eq!((&*event.tool, event.records, &*event.id), ("search", Some(3), "log:2"));
    let reasons: Vec<_> =
        found[1..].iter().map(|r| r.as_ref().unwrap_err()).map(|m| (m.line, m.rejection.code.as_str())).collect();
    assert_eq!(reasons, [(3, "invalid_time"), (4, "invalid_envelope"), (5, "wrong_type")]);
    assert_eq!(found[1].as_ref().unwrap_err().raw, b"yesterday,bot,search,3");
}

#[test]
fn every_mistake_in_a_mapping_says_what_to_do() {
    let base = "[fields]\ntime = \"t\"\ntool = \"o\"\n";
    for (mapping, message) in [
        ("[fields]\ntime = \"t\"", "no field `tool`, which every event needs"),
        ("[fields]\ntool = \"t\"", "no field `time`"),
        (&format!("{base}identiti = \"w\""), "did you mean `identity`?"),
        (&format!("{base}something_else = \"w\""), "docs/event.schema.json"),
        (
            &format!("{base}action = {{ from = \"a\", words = {{ GET = \"reed\" }} }}"),
            "`reed` is not one of read, write",
        ),
        (&format!("{base}outcome = {{ value = \"fine\" }}"), "`fine` is not one of success"),
        (&format!("{base}session = {{ form = \"s\" }}"), "unknown field `form`"),
        (&format!("{base}session = {{ }}"), "needs `from`, `value` or `derive`"),
        (&format!("{base}session = {{ from = \"s\", value = \"x\" }}"), "keep one of them"),
        (&format!("{base}session = {{ from = [] }}"), "`from` is empty"),
        (&format!("{base}session = 5"), "write the path in quotes"),
        (&format!("{base}session = {{ from = \"s\", derive = \"verb\" }}"), "is for action only"),
        (&format!("{base}session = {{ from = \"s\", format = \"unix\" }}"), "is for times"),
        (&format!("{base}bytes_in = {{ value = \"x\" }}"), "must be a number"),
        ("[fields]\ntool = \"o\"\ntime = { from = \"t\", format = \"epoch\" }", "choose rfc3339, unix"),
        ("delimiter = \"ab\"\n[fields]\ntime = \"t\"\ntool = \"o\"", "choose one ASCII character"),
        ("columns = 1\n[fields]", "unknown field `columns`"),
        ("[fields", "not valid TOML"),
    ] {
        let error = mapping.parse::<Mapping>().unwrap_err().to_string();
        assert!(error.contains(message), "{mapping}\n{error}");
    }
}

#[test]
fn the_nearest_name_is_found_by_letters_changed() {
    assert_eq!(
        [distance("tool", "tool"), distance("tol", "tool"), distance("abc", ""), distance("kitten", "sitting")],
        [0, 1, 3, 3]
    );
}
