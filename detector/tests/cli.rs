//! The command line as a person or a script meets it: output, order and exit status.

#![expect(clippy::expect_used, reason = "a test's helper fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn driftwatch(directory: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_driftwatch"))
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().expect("piped").write_all(input);
    child.wait_with_output().expect("it ends")
}

fn event(id: u32, tool: &str) -> String {
    let time = format!("2026-05-{:02}T10:{:02}:00Z", 1 + id / 60 % 28, id % 60);
    format!(r#"{{"id":"{id}","time":"{time}","identity":"bot","tool":"{tool}","session":"s{}"}}"#, id / 10)
}

fn rows(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).expect("utf-8");
    text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
}

#[test]
fn score_answers_every_line_in_order() {
    let directory = tempfile::tempdir().expect("a directory");
    let input = format!("{}\n{{\"id\":\n\n{}\n{}", event(1, "a"), event(1, "a"), event(2, "b"));
    let output = driftwatch(directory.path(), &["score"], input.as_bytes());
    assert_eq!(output.status.code(), Some(0));
    let rows = rows(&output);
    let outcomes: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().expect("a text")).collect();
    assert_eq!(outcomes, ["scored", "quarantined", "duplicate", "scored"]);
    assert_eq!((&rows[1]["line"], &rows[1]["code"]), (&2.into(), &"not_json".into()));
    assert_eq!(
        (&rows[3]["id"], &rows[3]["identity"], &rows[3]["decision"]),
        (&"2".into(), &"bot".into(), &"none".into())
    );
    for column in ["time", "session", "score", "p", "tool", "target", "chain", "volume", "evidence", "alert"] {
        assert!(rows[3].get(column).is_some(), "{column}");
    }
}

#[test]
fn score_reads_packed_files_and_learns_first() {
    let directory = tempfile::tempdir().expect("a directory");
    let history: String = (0..200).map(|id| event(id, "crm.read") + "\n").collect();
    let file = std::fs::File::create(directory.path().join("history.gz")).expect("a file");
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(format!("{history}broken\n").as_bytes()).expect("written");
    packed.finish().expect("written");
    std::fs::write(directory.path().join("today.ndjson"), event(300, "crm.read")).expect("written");
    let args = ["score", "--learn", "history.gz", "--freeze", "today.ndjson"];
    let learned = driftwatch(directory.path(), &args, b"");
    assert!(String::from_utf8_lossy(&learned.stderr).contains("1 lines of `history.gz`"));
    let fresh = driftwatch(directory.path(), &["score", "today.ndjson"], b"");
    // The dimension itself: the fused score is a rank among past events, and without a past there is nothing to rank among.
    let tool = |output: &Output| rows(output)[0]["tool"].as_f64().expect("a number");
    assert_eq!(rows(&learned).len(), 1);
    assert!(tool(&learned) < tool(&fresh), "{} {}", tool(&learned), tool(&fresh));
}

#[test]
fn what_cannot_run_exits_with_two_and_one_sentence() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("bad.toml"), "[store]\nkeep = '3 weeks'\n").expect("written");
    std::fs::write(directory.path().join("open.toml"), "[http]\nlisten = '0.0.0.0:0'\n").expect("written");
    for (args, word) in [
        (&["check-config", "bad.toml"][..], "3 weeks"),
        (&["check-config", "absent.toml"], "absent.toml"),
        (&["serve", "-c", "open.toml"], "tls_cert"),
        (&["score", "absent.ndjson"], "absent.ndjson"),
        (&["quarantine", "list"], "driftwatch.db"),
        (&["record", "--topic", "t", "--out", "-"], "`t`"),
    ] {
        let output = driftwatch(directory.path(), args, b"");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?} {message}");
        assert!(message.starts_with("driftwatch: ") && message.contains(word), "{message}");
        assert_eq!(message.trim_end().lines().count(), 1, "{message}");
        assert!(output.stdout.is_empty());
    }
    assert!(!directory.path().join("driftwatch.db").exists(), "looking must not create a database");
}

#[test]
fn check_config_prints_what_applies() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("ok.toml"), "[store]\nkeep = '48h'\n").expect("written");
    let output = driftwatch(directory.path(), &["check-config", "ok.toml"], b"");
    assert_eq!(output.status.code(), Some(0));
    let printed: toml::Table = std::str::from_utf8(&output.stdout).expect("utf-8").parse().expect("toml");
    assert_eq!(printed["store"]["keep"].as_str(), Some("2d"));
    assert_eq!(printed["engine"]["fingerprint_key"].as_str(), Some("(hidden)"));
}
