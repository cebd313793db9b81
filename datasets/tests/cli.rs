//! The command line as its users run it: files, pipes, exit codes and messages.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy's own exemption does not reach helpers here"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn run(dir: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_driftwatch-datasets"))
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const SMALL: [&str; 9] =
    ["generate", "--agents", "8", "--days", "2", "--test-days", "2", "--attack", "prompt_injection=0.2"];

fn generated() -> TempDir {
    let dir = TempDir::new().unwrap();
    let output = run(dir.path(), &[&SMALL[..], &["--out", "data"]].concat(), b"");
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    dir
}

fn content(dir: &TempDir, file: &str) -> Vec<u8> {
    fs::read(dir.path().join("data").join(file)).unwrap()
}

#[test]
fn generating_twice_gives_the_same_files_and_they_are_valid_and_in_order() {
    let (one, two) = (generated(), generated());
    for file in ["baseline.ndjson.gz", "test.ndjson.gz", "labels.ndjson.gz", "manifest.json"] {
        assert_eq!(content(&one, file), content(&two, file), "{file}");
    }
    let check = ["validate", "--sorted", "--json", "data/baseline.ndjson.gz", "data/test.ndjson.gz"];
    let output = run(one.path(), &check, b"");
    assert_eq!(code(&output), Some(0), "{}", stdout(&output));
    let reports: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&content(&one, "manifest.json")).unwrap();
    assert_eq!(reports[0]["events"], manifest["files"]["baseline.ndjson.gz"]["lines"]);
    assert_eq!(reports[1]["events"], manifest["files"]["test.ndjson.gz"]["lines"]);
    assert!(manifest["sessions"]["test/attacked_succeeded/prompt_injection"].as_u64() > Some(0));

    let labels = datasets::reader::labels::open(one.path().join("data/labels.ndjson.gz")).unwrap();
    assert_eq!(manifest["files"]["labels.ndjson.gz"]["lines"].as_u64(), Some(labels.len() as u64));
}

#[test]
fn standard_output_holds_the_events_of_both_files() {
    let dir = generated();
    let output = run(dir.path(), &[&SMALL[..], &["--out", "-"]].concat(), b"");
    let mut both = Vec::new();
    for file in ["data/baseline.ndjson.gz", "data/test.ndjson.gz"] {
        let plain = run(dir.path(), &["convert", file, "-"], b"");
        assert_eq!(code(&plain), Some(0), "{}", stderr(&plain));
        both.extend(plain.stdout);
    }
    assert!(output.stdout == both && !both.is_empty());
}

#[test]
fn converting_to_every_format_and_back_loses_nothing() {
    let dir = generated();
    let native = run(dir.path(), &["convert", "data/test.ndjson.gz", "-"], b"").stdout;
    for (format, file) in [("csv", "table.csv.gz"), ("cloudevents", "events.zst"), ("native", "events.ndjson")] {
        let there = run(dir.path(), &["convert", "--to", format, "data/test.ndjson.gz", file], b"");
        assert_eq!(code(&there), Some(0), "{}", stderr(&there));
        let back = run(dir.path(), &["convert", "--from", format, file, "-"], b"");
        assert!(back.stdout == native, "{format}: {}", stderr(&back));
        // Without being told, it finds out.
        assert!(run(dir.path(), &["convert", file, "-"], b"").stdout == native, "{format}");
    }
}

#[test]
fn bad_lines_exit_1_and_are_shown_without_their_control_characters() {
    let dir = TempDir::new().unwrap();
    let bad = "{\"id\":\"1\"}\n\u{1b}]0;owned\u{7}\n{\"id\":\"2\"}\n".as_bytes();
    let output = run(dir.path(), &["validate", "-"], bad);
    assert_eq!(code(&output), Some(1));
    let shown = stdout(&output);
    assert!(shown.contains("missing_field, first in line 1") && shown.contains("not_json, first in line 2"), "{shown}");
    assert!(shown.contains("\\u{1b}]0;owned\\u{7}") && !shown.contains('\u{1b}'), "{shown}");

    let output = run(dir.path(), &["validate", "--json", "-"], bad);
    let reports: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(reports[0]["reasons"]["missing_field"]["count"], 2);

    let output = run(dir.path(), &["convert", "-", "-"], bad);
    assert_eq!(code(&output), Some(1));
    assert!(stderr(&output).contains("0 events written, 3 records left out"), "{}", stderr(&output));
}

#[test]
fn events_out_of_order_fail_only_when_asked_for() {
    let dir = TempDir::new().unwrap();
    let at = |id: u8| {
        format!("{{\"id\":\"{id}\",\"time\":\"2026-05-04T10:00:0{id}Z\",\"identity\":\"bot\",\"tool\":\"t\"}}\n")
    };
    let file = format!("{}{}", at(2), at(1));
    assert_eq!(code(&run(dir.path(), &["validate", "-"], file.as_bytes())), Some(0));
    assert_eq!(code(&run(dir.path(), &["validate", "--sorted", "-"], file.as_bytes())), Some(1));
}

#[test]
fn what_cannot_run_exits_2_with_one_sentence() {
    let dir = generated();
    let packed = content(&dir, "test.ndjson.gz");
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::write(dir.path().join("cut.gz"), &packed[..packed.len() / 2]).unwrap();
    for (args, message) in [
        (&["validate", "cut.gz"][..], "cut short or damaged after line"),
        (&["validate", "none.ndjson"], "`none.ndjson` cannot be opened; check the path"),
        (&["describe", "empty"], "`empty` holds no file that ends in .json"),
        (&["convert", "cut.gz", "cut.gz"], "would be overwritten while it is read"),
        (&["generate", "--attack", "moon=0.1", "--out", "x"], "there is no scenario `moon`"),
        (&["generate", "--agents", "0", "--out", "x"], "choose 1 to 1000000"),
        (&["generate", "--attack", "exfiltration=0.6", "--attack", "tool_misuse=0.6", "--out", "x"], "add up to 1.2"),
    ] {
        let output = run(dir.path(), args, b"");
        assert_eq!(code(&output), Some(2), "{args:?}");
        assert!(stderr(&output).contains(message), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn a_description_counts_what_is_there() {
    let dir = generated();
    let output = run(dir.path(), &["describe", "--json", "--top", "3", "data/baseline.ndjson.gz"], b"");
    let about: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&content(&dir, "manifest.json")).unwrap();
    assert_eq!(about["events"], manifest["files"]["baseline.ndjson.gz"]["lines"]);
    assert_eq!(about["sessions"]["count"], manifest["sessions"]["baseline/benign"]);
    assert_eq!((&about["tenants"]["count"], &about["bad_lines"]), (&1.into(), &0.into()));
    assert_eq!(about["top_tools"].as_array().unwrap().len(), 3);
    assert_eq!(about["coverage"]["credential"], 1.0);
    let text = run(dir.path(), &["describe", "data/baseline.ndjson.gz"], b"");
    assert!(stdout(&text).contains("top tools"));
}

#[test]
fn the_schema_is_that_of_the_native_format() {
    let dir = TempDir::new().unwrap();
    let output = run(dir.path(), &["validate", "--schema"], b"");
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema, models::event::json_schema());
}

#[test]
fn every_subcommand_has_examples_in_its_help() {
    let dir = TempDir::new().unwrap();
    for command in ["generate", "convert", "validate", "describe"] {
        let output = run(dir.path(), &[command, "--help"], b"");
        assert!(code(&output) == Some(0) && stdout(&output).contains("Examples:\n  driftwatch-datasets"), "{command}");
    }
}
