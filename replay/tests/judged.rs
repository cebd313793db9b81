//! Judged replays, verdicts, comparisons and gates, on a small generated population with attacks.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use datasets::generator::{Plan, Population, PopulationConfig};
use datasets::scenario::Share;
use datasets::writer::LineWriter;
use models::event::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// A folder with history, attacked days and labels, made once.
struct Set {
    folder: TempDir,
}

impl Set {
    fn get() -> &'static Set {
        static SET: OnceLock<Set> = OnceLock::new();
        SET.get_or_init(Set::generate)
    }

    fn generate() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        let config = PopulationConfig { seed: 7, agents: 12, start, ..PopulationConfig::default() };
        let (split, end) = (start.saturating_add(DAY * 12), start.saturating_add(DAY * 15));
        let shares = ["takeover=0.02", "use_after_task=0.02"].map(|share| share.parse::<Share>().unwrap());
        let plan = Plan { shares: shares.into(), from: split, until: end, cuts: vec![split, end], labels: true };
        let mut stream = Population::new(config).unwrap().events_with(plan);
        let file = |name: &str| LineWriter::new(std::fs::File::create(folder.path().join(name)).unwrap());
        let mut labels = file("labels.ndjson");
        for (name, until) in [("learn.ndjson", split), ("test.ndjson", end)] {
            let mut events = file(name);
            while let Some(event) = stream.next_before(until) {
                events.write_event(&event).unwrap();
                stream.take_labels().iter().for_each(|label| labels.write(label).unwrap());
            }
            events.into_inner();
        }
        labels.into_inner();
        std::fs::write(folder.path().join("wide.toml"), config_text(300.0)).unwrap();
        std::fs::write(folder.path().join("tight.toml"), config_text(1.0)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn config_text(false_alerts: f64) -> String {
    format!("[engine]\nmode = \"enforce\"\n[engine.budget]\nfalse_alerts_per_1000_identity_days = {false_alerts:.1}\n")
}

fn binary(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_driftwatch-replay")).args(arguments).output().unwrap()
}

/// Replays the attacked days into `out`, with more flags.
fn replay(out: &Path, config: &str, more: &[&str]) -> Value {
    let set = Set::get();
    let [learn, test, config] = ["learn.ndjson", "test.ndjson", config].map(|name| set.path(name));
    let mut arguments = vec!["run", "--scores", "ndjson", "--learn", learn.to_str().unwrap()];
    arguments.extend(["--events", test.to_str().unwrap(), "--config", config.to_str().unwrap()]);
    arguments.extend(["--out", out.to_str().unwrap()]);
    arguments.extend(more);
    let output = binary(&arguments);
    assert_ne!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap()
}

fn labels() -> String {
    Set::get().path("labels.ndjson").to_str().unwrap().to_owned()
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn labels_make_a_judgement_that_is_the_same_for_the_same_seed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: &str| {
        replay(&folder.path().join(name), "wide.toml", &["--labels", &labels(), "--seed", seed])["judgement"].clone()
    };
    let judgement = run("one", "7");
    assert_eq!(judgement, run("two", "7"));
    assert_ne!(judgement["bootstrap"], run("three", "8")["bootstrap"]);
    let engine = &judgement["rules"][0];
    assert!(engine["found"].as_u64().unwrap() > 0 && judgement["alerts"]["right"].as_u64().unwrap() > 0);
    let recall = &engine["recall"];
    assert!(recall["low"].as_f64().unwrap() <= recall["value"].as_f64().unwrap());
    let always = &judgement["rules"][3];
    assert_eq!((always["name"].as_str().unwrap(), always["recall"]["value"].as_f64().unwrap()), ("always alert", 1.0));
    assert_eq!(judgement["coverage"]["unlabelled_events"], 0);
}

#[test]
fn without_labels_counts_are_given_and_no_judgement() {
    let folder = tempfile::tempdir().unwrap();
    let summary = replay(&folder.path().join("out"), "wide.toml", &[]);
    assert!(summary["judgement"].is_null() && summary["alerts"].as_u64().unwrap() > 0);
    assert!(!summary["breakdown"]["tasks"]["lines"].as_array().unwrap().is_empty());
    let notes = summary["notes"].to_string();
    assert!(notes.contains("nothing says which of it was right"), "{notes}");
}

#[test]
fn a_verdict_changes_nothing_before_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    replay(&plain, "wide.toml", &[]);
    let alerts = lines(&plain.join("alerts.ndjson"));
    let opened = alerts.iter().find(|alert| alert["kind"] == "scope_drift").unwrap();
    let (alert, time) = (opened["id"].as_str().unwrap(), opened["opened"].as_str().unwrap());
    let verdicts = folder.path().join("verdicts.ndjson");
    std::fs::write(&verdicts, format!("{{\"time\":\"{time}\",\"verdict\":\"false\",\"alert\":\"{alert}\"}}\n"))
        .unwrap();
    let settled = folder.path().join("settled");
    let flags = ["--verdicts", verdicts.to_str().unwrap(), "--label-delay", "6h"];
    let summary = replay(&settled, "wide.toml", &flags);
    assert_eq!((&summary["verdicts"]["known"], &summary["verdicts"]["told"]), (&1.into(), &1.into()));
    let told = time.parse::<Timestamp>().unwrap().saturating_add(std::time::Duration::from_hours(6));
    let before = |rows: Vec<Value>| -> Vec<Value> {
        rows.into_iter().filter(|row| row["time"].as_str().unwrap().parse::<Timestamp>().unwrap() < told).collect()
    };
    let [plain_rows, settled_rows] = [&plain, &settled].map(|out| lines(&out.join("scores.ndjson")));
    assert_ne!(plain_rows, settled_rows, "the verdict taught something");
    assert_eq!(before(plain_rows), before(settled_rows));
}

#[test]
fn labels_with_a_delay_settle_alerts_and_one_beyond_the_end_tells_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, delay: &[&str]| {
        let labels = labels();
        let flags = [&["--labels", &labels][..], delay].concat();
        replay(&folder.path().join(name), "wide.toml", &flags)
    };
    let (plain, late) = (run("plain", &[]), run("late", &["--label-delay", "99d"]));
    assert_eq!((&late["digest"], &late["verdicts"]["told"]), (&plain["digest"], &0.into()));
    let soon = run("soon", &["--label-delay", "1h"]);
    assert!(soon["verdicts"]["told"].as_u64().unwrap() > 0);
}

#[test]
fn two_results_are_compared_with_reasons_and_the_gate_answers_in_its_status_and_in_junit() {
    let folder = tempfile::tempdir().unwrap();
    let [wide, tight] = ["wide", "tight"].map(|name| folder.path().join(name));
    replay(&wide, "wide.toml", &[]);
    replay(&tight, "tight.toml", &[]);
    let [wide, tight] = [&wide, &tight].map(|path| path.to_str().unwrap());
    let junit = folder.path().join("gate.xml");
    let html = folder.path().join("diff.html");
    let flags = ["--fail-on", "lost,inputs", "--junit", junit.to_str().unwrap(), "--html", html.to_str().unwrap()];
    let output = binary(&[&["diff", wide, tight, "--json"][..], &flags].concat());
    assert_eq!(output.status.code(), Some(1));
    let diff: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&diff["coverage"]["same_events"], &diff["coverage"]["events"]["only_a"]), (&true.into(), &0.into()));
    let lost: Vec<&Value> =
        diff["changes"].as_array().unwrap().iter().filter(|change| change["change"] == "lost").collect();
    assert!(!lost.is_empty());
    let by_budget = |change: &&&Value| change["reason"]["cause"] == "threshold";
    assert!(lost.iter().filter(by_budget).count() * 2 > lost.len(), "{lost:?}");
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("name=\"inputs\"/>"), "{xml}");
    assert!(std::fs::read_to_string(&html).unwrap().contains("One by one"));

    let same = binary(&["diff", wide, wide, "--fail-on", "any,inputs"]);
    assert_eq!(same.status.code(), Some(0), "{}", String::from_utf8_lossy(&same.stdout));
    let exported = Path::new(tight).join("alerts.ndjson");
    let live = binary(&["diff", wide, exported.to_str().unwrap(), "--json"]);
    let live: Value = serde_json::from_slice(&live.stdout).unwrap();
    assert_eq!(live["counts"], diff["counts"], "a file of alerts is compared like the result it came from");
    assert!(live["coverage"]["same_events"].is_null());
}

#[test]
fn a_replay_that_finds_what_it_must_not_says_so_in_junit() {
    let folder = tempfile::tempdir().unwrap();
    let junit = folder.path().join("run.xml");
    let flags = ["--fail-on", "alert,quarantine", "--junit", junit.to_str().unwrap()];
    replay(&folder.path().join("out"), "wide.toml", &flags);
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(
        xml.contains("tests=\"2\" failures=\"1\"")
            && xml.contains("<testcase classname=\"driftwatch-replay run\" name=\"no alert\">"),
        "{xml}"
    );
}
