//! Foreign formats through the command line, as a new user meets them.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy's own exemption does not reach helpers here"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

fn run(dir: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_driftwatch-datasets"))
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading everything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    text(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn call(id: &str, time: &str) -> Value {
    json!({"eventVersion": "1.11", "eventID": id, "eventTime": time, "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject", "readOnly": true, "requestParameters": {"bucketName": "b", "key": id},
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ann"}})
}

/// A delivery of two files, one of them with a bad record.
fn trail() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("trail/2026/05")).unwrap();
    let write = |name: &str, records: &Value| {
        fs::write(dir.path().join("trail").join(name), json!({"Records": records}).to_string()).unwrap();
    };
    write("2026/05/a.json", &json!([call("1", "2026-05-04T10:00:00Z"), call("2", "yesterday")]));
    write("2026/05/b.json", &json!([call("3", "2026-05-04T10:00:01Z"), {"eventType": "AwsCloudTrailInsight"}]));
    dir
}

#[test]
fn a_folder_of_cloudtrail_becomes_events_and_what_is_none_is_kept_aside() {
    let dir = trail();
    let output = run(dir.path(), &["convert", "--quarantine", "bad.ndjson", "trail", "events.ndjson.gz"], "");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("2 events written, 1 records left out, 1 without an action"), "{said}");
    assert!(said.contains("1  invalid_time, first in trail/2026/05/a.json line 1: `time`"), "{said}");
    let bad = lines(&fs::read(dir.path().join("bad.ndjson")).unwrap());
    assert_eq!(
        (&bad[0]["file"], &bad[0]["line"], &bad[0]["code"]),
        (&json!("trail/2026/05/a.json"), &json!(1), &json!("invalid_time"))
    );
    assert_eq!(serde_json::from_str::<Value>(bad[0]["raw"].as_str().unwrap()).unwrap(), call("2", "yesterday"));

    let native = run(dir.path(), &["convert", "events.ndjson.gz", "-"], "");
    let ids: Vec<Value> = lines(&native.stdout).into_iter().map(|event| event["id"].clone()).collect();
    assert_eq!(ids, ["1", "3"]);
    let check = run(dir.path(), &["validate", "--json", "--sorted", "events.ndjson.gz"], "");
    assert_eq!(check.status.code(), Some(0));
}

#[test]
fn strict_stops_at_the_first_bad_record_and_says_where() {
    let dir = trail();
    let output = run(dir.path(), &["convert", "--strict", "--from", "cloudtrail", "trail", "-"], "");
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("invalid_time: trail/2026/05/a.json line 1") && said.contains("--strict"), "{said}");
    // What came before is whole.
    let output = run(dir.path(), &["convert", "--strict", "trail", "events.ndjson.gz"], "");
    assert_eq!(output.status.code(), Some(2));
    let written = lines(&run(dir.path(), &["convert", "events.ndjson.gz", "-"], "").stdout);
    assert_eq!((written.len(), &written[0]["id"]), (1, &json!("1")));
}

#[test]
fn a_preview_shows_where_fields_come_from_and_writes_nothing() {
    let dir = trail();
    let output = run(dir.path(), &["convert", "--preview", "2", "trail", "events.ndjson"], "");
    let shown = text(&output.stdout);
    let row = |field: &str| shown.lines().find(|line| line.trim_start().starts_with(field)).unwrap().to_owned();
    assert!(
        row("identity").contains("arn:aws:iam::111122223333:user/ann") && row("identity").ends_with("userIdentity.arn"),
        "{shown}"
    );
    assert!(row("action").contains("read") && row("action").ends_with("readOnly"), "{shown}");
    assert!(shown.contains("no event: invalid_time") && shown.contains("read as cloudtrail"), "{shown}");
    assert_eq!(shown.matches("GetObject").count(), 1, "{shown}");
    assert!(!dir.path().join("events.ndjson").exists());
}

#[test]
fn validate_and_describe_read_foreign_files_too() {
    let dir = trail();
    let output = run(dir.path(), &["validate", "--json", "trail"], "");
    assert_eq!(output.status.code(), Some(1));
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&reports[0]["format"], &reports[0]["bad_lines"]), (&json!("cloudtrail"), &json!(1)));
    assert_eq!(reports[1]["without_action"], 1);
    let output = run(dir.path(), &["describe", "--json", "trail"], "");
    let about: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&about["events"], &about["formats"]["cloudtrail"], &about["coverage"]["target"]),
        (&json!(2), &json!(2), &json!(1.0))
    );
}

#[test]
fn conversations_without_times_follow_one_another_over_all_files() {
    let dir = TempDir::new().unwrap();
    for name in ["a.json", "b.json"] {
        let talk = json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "search", "arguments": "{}"}}]}]});
        fs::write(dir.path().join(name), talk.to_string()).unwrap();
    }
    let args = ["convert", "--identity", "bot", "--start", "2026-01-01T00:00:00Z", "a.json", "b.json", "-"];
    let events = lines(&run(dir.path(), &args, "").stdout);
    let seen: Vec<(&str, &str)> =
        events.iter().map(|e| (e["id"].as_str().unwrap(), e["time"].as_str().unwrap())).collect();
    assert_eq!(seen, [("a#1/1/c", "2026-01-01T00:00:00Z"), ("b#1/1/c", "2026-01-01T00:01:01Z")]);
}

#[test]
fn a_mapping_reads_what_no_format_fits_and_a_wrong_one_is_explained() {
    let dir = TempDir::new().unwrap();
    fs::write(
        dir.path().join("m.toml"),
        "[fields]\ntime = \"at\"\nidentity = \"who\"\ntool = \"op\"\naction = { derive = \"verb\", from = \"op\" }\n",
    )
    .unwrap();
    fs::write(dir.path().join("wrong.toml"), "[fields]\ntime = \"at\"\ntool = \"op\"\nidentty = \"who\"\n").unwrap();
    let row = "{\"at\":\"2026-05-04 10:00:00\",\"who\":\"bot\",\"op\":\"list_files\"}\n";
    let output = run(dir.path(), &["convert", "--mapping", "m.toml", "-", "-"], row);
    let event = &lines(&output.stdout)[0];
    assert_eq!((&event["time"], &event["action"]), (&json!("2026-05-04T10:00:00Z"), &json!("read")));
    let output = run(dir.path(), &["convert", "--mapping", "wrong.toml", "-", "-"], row);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `identity`?"), "{}", text(&output.stderr));
    let output = run(dir.path(), &["convert", "--mapping", "m.toml", "--from", "csv", "-", "-"], row);
    assert!(text(&output.stderr).contains("cannot be used with"), "{}", text(&output.stderr));
}

#[test]
fn an_output_that_is_read_or_missing_is_refused() {
    let dir = trail();
    for (args, message) in [
        (&["convert", "trail", "trail/2026/05/b.json"][..], "would be overwritten"),
        (&["convert", "trail"], "name the file to write"),
        (&["convert", "--quarantine", "trail/2026/05/a.json", "trail", "-"], "would be overwritten"),
        (&["convert", "--from", "xml", "trail", "-"], "cloudtrail"),
    ] {
        let output = run(dir.path(), args, "");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(message), "{args:?}: {}", text(&output.stderr));
    }
}

/// The files in `examples/formats` are those of `docs/formats.md`.
#[test]
fn every_example_of_the_documentation_is_read_without_a_loss() {
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/formats"));
    for (args, tools) in [
        (&["conversation.json"][..], &["read_file", "send_email"][..]),
        (&["spans.json"], &["db.export"]),
        (&["cloudtrail.json"], &["AssumeRole", "GetObject"]),
        (&["mcp.ndjson"], &["accounts.export"]),
        (&["ocsf.ndjson"], &["accounts.list"]),
        (&["--mapping", "gateway.toml", "gateway.csv"], &["accounts.list", "mail.send"]),
    ] {
        let output = run(examples, &[&["convert"], args, &["-"]].concat(), "");
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        let found = lines(&output.stdout);
        let found: Vec<&str> = found.iter().map(|event| event["tool"].as_str().unwrap()).collect();
        assert_eq!(found, tools, "{args:?}");
    }
}
