//! The binary: its answers to bad arguments, its exit status, and what its files say of their making.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fs::File;
use std::path::Path;
use std::process::Command;

use polars_io::SerReader;
use polars_io::parquet::read::ParquetReader;
use serde_json::Value;

fn event(id: usize) -> String {
    format!(
        "{{\"id\":\"e{id}\",\"time\":\"2026-01-01T00:00:0{id}Z\",\"identity\":\"a\",\"tool\":\"t\",\"target\":\"file:/a\"}}\n"
    )
}

fn binary(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_driftwatch-replay")).args(args).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn bad_arguments_and_missing_files_exit_with_2_and_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    assert_eq!(binary(&["run", "--out", &out]).0, Some(2));
    assert_eq!(binary(&["run", "--events", "x", "--out", &out, "--threads", "0"]).0, Some(2));
    let (code, said) = binary(&["run", "--events", "no-such.ndjson", "--out", &out]);
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("no-such.ndjson") && !Path::new(&out).exists());
    let (code, said) = binary(&["quality", "--data", &out, "--sets", "nothing"]);
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
}

#[test]
fn fail_on_turns_a_finding_into_exit_status_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.ndjson");
    std::fs::write(&file, event(1) + "nonsense\n").unwrap();
    let (file, out) = (file.display().to_string(), folder.path().join("out").display().to_string());
    let args = ["run", "--events", &file, "--out", &out, "--scores", "none"];
    assert_eq!(binary(&args).0, Some(0));
    assert_eq!(binary(&[&args[..], &["--fail-on", "quarantine"]].concat()).0, Some(1));
    assert_eq!(binary(&[&args[..], &["--fail-on", "revoke"]].concat()).0, Some(0));
}

/// What a Parquet file says of itself.
fn told(path: &Path, name: &str) -> Option<String> {
    let mut reader = ParquetReader::new(File::open(path).unwrap());
    let entries = reader.get_metadata().unwrap().key_value_metadata().clone().unwrap();
    assert!(reader.finish().unwrap().height() > 0);
    entries.into_iter().find(|entry| entry.key == format!("driftwatch.{name}")).and_then(|entry| entry.value)
}

#[test]
fn every_file_that_leaves_a_replay_says_what_it_was_made_from_and_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let shown = |name: &str| path(name).display().to_string();
    std::fs::write(path("events.ndjson"), event(1) + &event(2)).unwrap();
    let run = ["run", "--events", &shown("events.ndjson"), "--out", &shown("out"), "--seed", "11"];
    assert_eq!(binary(&[&run[..], &["--junit", &shown("run.xml")]].concat()).0, Some(0));

    let summary: Value = serde_json::from_slice(&std::fs::read(path("out/summary.json")).unwrap()).unwrap();
    let (page, junit) =
        (std::fs::read_to_string(path("out/report.html")).unwrap(), std::fs::read_to_string(path("run.xml")).unwrap());
    for name in ["version", "model_version", "config_version", "digest"] {
        let value = summary[name].as_str().unwrap();
        assert_eq!(told(&path("out/scores.parquet"), name).as_deref(), Some(value), "{name}");
        assert!(junit.contains(&format!("<property name=\"{name}\" value=\"{value}\"/>")), "{junit}");
        assert!(page.contains(value), "{name} in the page");
    }
    let sha256 = summary["inputs"][0]["sha256"].as_str().unwrap();
    assert_eq!(told(&path("out/scores.parquet"), "inputs.events").as_deref(), Some(sha256));
    assert_eq!(told(&path("out/scores.parquet"), "seed").as_deref(), Some("11"));
    assert!(junit.contains(sha256) && page.contains(sha256));

    // Where no engine was, there is no digest of what it said.
    assert_eq!(binary(&["convert", "--events", &shown("events.ndjson"), "--out", &shown("days")]).0, Some(0));
    let day = path("days/events-2026-01-01.parquet");
    assert_eq!((told(&day, "inputs.events").as_deref(), told(&day, "digest")), (Some(sha256), None));

    let diff = ["diff", &shown("out"), &shown("out"), "--junit", &shown("diff.xml"), "--html", &shown("diff.html")];
    assert_eq!(binary(&diff).0, Some(0));
    for file in ["diff.xml", "diff.html"] {
        let text = std::fs::read_to_string(path(file)).unwrap();
        assert!(
            text.contains("first.digest") && text.contains("second.inputs.events") && text.contains(sha256),
            "{file}"
        );
    }
}
