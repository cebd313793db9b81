//! Judged replays, verdicts, comparisons and gates, on a small generated population with attacks.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use datasets::generator::{Plan, Population, PopulationConfig};
use datasets::scenario::{Scenario, Share};
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

#[test]
fn an_attack_put_into_recorded_traffic_is_measured_like_labelled_data_and_changes_nothing_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, attacked] = ["plain", "attacked"].map(|name| folder.path().join(name));
    replay(&plain, "wide.toml", &[]);
    let begins = "2026-03-15T09:00:00Z";
    let inject = format!("takeover@{begins}");
    let summary = replay(&attacked, "wide.toml", &["--inject", &inject]);
    let judgement = &summary["judgement"];
    assert_eq!((&judgement["episodes"], &judgement["rules"][0]["found"]), (&1.into(), &1.into()));
    assert_eq!(judgement["coverage"]["unlabelled_count_as_benign"], true);
    assert!(summary["what_if"][0].as_str().unwrap().starts_with("takeover was put in"));
    assert_eq!(lines(&attacked.join("labels.ndjson"))[0]["attack"], "takeover");
    let before = |out: &Path| -> Vec<Value> {
        lines(&out.join("scores.ndjson")).into_iter().filter(|row| row["time"].as_str().unwrap() < begins).collect()
    };
    assert_eq!(before(&plain), before(&attacked));
    let injected = lines(&attacked.join("scores.ndjson")).len() - lines(&plain.join("scores.ndjson")).len();
    assert_eq!(injected, 60);
}

#[test]
fn every_attack_there_is_can_be_put_into_recorded_traffic_and_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // What lasts comes last, so that each attack has sessions of its own.
    let (lasting, at_once): (Vec<Scenario>, Vec<Scenario>) =
        Scenario::ALL.into_iter().filter(|scenario| scenario.is_attack()).partition(|scenario| {
            scenario.daily_growth().is_some() || matches!(scenario, Scenario::LeakedKeys | Scenario::SharedAccount)
        });
    let start: Timestamp = "2026-03-14T06:00:00Z".parse().unwrap();
    let attacks: Vec<Scenario> = at_once.into_iter().chain(lasting).collect();
    let times = (0..).map(|n| start.saturating_add(std::time::Duration::from_mins(90) * n));
    let wishes: Vec<String> =
        attacks.iter().zip(times).map(|(scenario, at)| format!("--inject={}@{at}", scenario.name())).collect();
    let flags: Vec<&str> = wishes.iter().map(String::as_str).collect();
    let summary = replay(&out, "wide.toml", &flags);
    assert_eq!(summary["what_if"].as_array().unwrap().len(), attacks.len());
    let labels = lines(&out.join("labels.ndjson"));
    let put_in = |scenario: &Scenario| labels.iter().any(|label| label["attack"] == scenario.name());
    let missing: Vec<&str> = attacks.iter().filter(|scenario| !put_in(scenario)).map(|s| s.name()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let episodes = summary["judgement"]["episodes"].as_u64().unwrap();
    assert!(episodes >= attacks.len() as u64, "{episodes} episodes of {} attacks", attacks.len());
}

/// The quoted words of Python code that name something which is there, not something that the code makes.
fn names(code: &str) -> Vec<&str> {
    let parts: Vec<&str> = code.split('"').collect();
    let quoted =
        (1..parts.len().saturating_sub(1)).step_by(2).map(|place| (parts[place - 1], parts[place], parts[place + 1]));
    let makes = |before: &str, after: &str| {
        before.ends_with("alias(") || before.ends_with("_name=") || before.ends_with("print(") || after.starts_with(':')
    };
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c))
    };
    quoted.filter(|(before, name, after)| is_name(name) && !makes(before, after)).map(|(_, name, _)| name).collect()
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            found.insert(name.clone());
            keys(value, found);
        }),
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn the_notebook_finds_every_file_and_column_that_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (set, out) = (Set::get(), folder.path().join("out"));
    let [learn, test, config] = ["learn.ndjson", "test.ndjson", "wide.toml"].map(|name| set.path(name));
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftwatch-replay"));
    command.arg("run").arg("--learn").arg(learn).arg("--events").arg(test).arg("--config").arg(config);
    let output = command.arg("--labels").arg(labels()).arg("--out").arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let notebook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/replay.ipynb");
    let notebook: Value = serde_json::from_slice(&std::fs::read(notebook).unwrap()).unwrap();
    let cells = notebook["cells"].as_array().unwrap().iter().filter(|cell| cell["cell_type"] == "code");
    let code: String = cells
        .map(|cell| cell["source"].as_array().unwrap().iter().filter_map(Value::as_str).collect::<String>() + "\n")
        .collect();

    let mut known: BTreeSet<String> = replay::table::COLUMNS.map(str::to_owned).into();
    keys(&serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap(), &mut known);
    for alert in lines(&out.join("alerts.ndjson")) {
        keys(&alert, &mut known);
    }
    // The folder if none is named, and the decision on most events.
    known.extend(["result", "none"].map(str::to_owned));
    let read = names(&code);
    assert!(read.len() > 40, "{read:?}");
    for name in read {
        assert!(known.contains(name) || out.join(name).is_file(), "`{name}` is nowhere in the result");
    }

    // Where polars for Python is installed, the cells are run as they are.
    let python = |code: &str| Command::new("python3").args(["-c", code]).env("DRIFTWATCH_RESULT", &out).output();
    if python("import polars").is_ok_and(|output| output.status.success()) {
        let output = python(&code).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
