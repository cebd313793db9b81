//! Sweeps: points that share a pass say what passes of their own say.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use datasets::generator::{Plan, Population, PopulationConfig};
use datasets::scenario::Scenario;
use datasets::writer::LineWriter;
use models::config::{Budget, CheckedConfig, EngineConfig};
use models::event::Timestamp;
use replay::drive::Window;
use replay::sweep::{Axis, Costs, Options, Sweep, sweep};

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// History, days with a quarter of an hour in which eight agents are taken over, and labels: more revocations than the brake
/// or the ledger allow.
fn generate(folder: &Path) -> [PathBuf; 3] {
    let start: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
    let config = PopulationConfig { seed: 11, agents: 10, start, ..PopulationConfig::default() };
    let (split, end) = (start.saturating_add(DAY * 14), start.saturating_add(DAY * 17));
    let plan = Plan { shares: Vec::new(), from: split, until: end, cuts: vec![split, end], labels: true };
    let mut stream = Population::new(config).unwrap().events_with(plan);
    let paths = ["learn.ndjson", "test.ndjson", "labels.ndjson"].map(|name| folder.join(name));
    let mut labels = LineWriter::new(std::fs::File::create(&paths[2]).unwrap());
    let attack = split.saturating_add(DAY * 2);
    for (path, until, attacked) in [(&paths[0], split, 0), (&paths[1], attack, 8), (&paths[1], end, 0)] {
        let mut events = LineWriter::new(std::fs::File::options().create(true).append(true).open(path).unwrap());
        while let Some(event) = stream.next_before(until) {
            events.write_event(&event).unwrap();
            stream.take_labels().iter().for_each(|label| labels.write(label).unwrap());
        }
        events.into_inner();
        for agent in 0..attacked {
            let start = attack.saturating_add(std::time::Duration::from_mins(2) * u32::try_from(agent).unwrap());
            labels.write(&stream.inject(agent, start, Some(Scenario::Takeover)).unwrap()).unwrap();
        }
    }
    labels.into_inner();
    paths
}

/// Budgets so wide that a small population has revocations, and a brake and a ledger that stop some of them.
fn base() -> CheckedConfig {
    let budget =
        Budget { false_alerts_per_1000_identity_days: 2_000.0, false_revocations_per_million_identity_days: 900_000.0 };
    EngineConfig { budget, mature_sessions: 1, ..EngineConfig::default() }.check().unwrap()
}

fn options(paths: &[PathBuf; 3], out: PathBuf, axes: &[&str]) -> Options {
    let [learn, events, labels] = paths.clone().map(|path| vec![path]);
    Options {
        learn,
        events,
        labels,
        window: Window::default(),
        freeze: false,
        config: base(),
        axes: Axis::join(axes.iter().map(|axis| axis.parse().unwrap()).collect()),
        costs: Costs { missed_attack: 1_000.0, false_alert: 10.0, false_revocation: 200.0 },
        seed: 7,
        out,
        force: false,
        threads: NonZeroUsize::new(2).unwrap(),
    }
}

#[test]
fn points_that_share_a_pass_say_what_a_pass_of_their_own_and_a_replay_say() {
    let folder = tempfile::tempdir().unwrap();
    let paths = generate(folder.path());
    let run = |name: &str, axes: &[&str]| -> Sweep { sweep(&options(&paths, folder.path().join(name), axes)).unwrap() };
    let together = run("together", &["mode=shadow,warn,enforce", "brake.identities=0,1,50", "brake.share=0.0"]);
    assert_eq!((together.points.len(), together.passes), (9, 1));
    let counts: std::collections::BTreeSet<u64> = together.points.iter().map(|p| p.counted.revocations).collect();
    assert!(counts.len() >= 3, "the policies must differ for this to say something: {counts:?}");
    for (i, point) in together.points.iter().enumerate() {
        let axes: Vec<String> =
            point.settings.iter().map(|s| format!("{}={}", s.setting, s.value.to_string().trim_matches('"'))).collect();
        let axes: Vec<&str> = axes.iter().map(String::as_str).collect();
        let apart = run(&format!("apart-{i}"), &axes);
        assert_eq!(apart.points[0].counted, point.counted, "{axes:?}");
        assert_eq!(apart.points[0].config_version, point.config_version);

        let mut settings = base().settings().clone();
        settings.mode = serde_json::from_value(point.settings[0].value.clone()).unwrap();
        settings.brake.identities = serde_json::from_value(point.settings[1].value.clone()).unwrap();
        settings.brake.share = 0.0;
        let replayed = replay::run::run(&replay::run::Options {
            learn: vec![paths[0].clone()],
            events: vec![paths[1].clone()],
            labels: vec![paths[2].clone()],
            config: settings.check().unwrap(),
            out: folder.path().join(format!("replayed-{i}")),
            scores: replay::table::Format::None,
            ..replay::run::Options::default()
        });
        let summary = replayed.unwrap().summary;
        assert_eq!(
            (summary.alerts, summary.revocations),
            (point.counted.alerts, point.counted.revocations),
            "{axes:?}"
        );
        let (judgement, judged) = (summary.judgement.unwrap(), point.counted.judged.as_ref().unwrap());
        assert_eq!((judgement.alerts, judgement.revocations), (judged.alerts, judged.revocations), "{axes:?}");
        assert_eq!(judgement.engine().unwrap().found, judged.found);
    }
}

#[test]
fn a_budget_gets_a_pass_of_its_own_and_a_point_is_recommended_with_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let paths = generate(folder.path());
    let axes = ["budget.false_alerts_per_1000_identity_days=1,3000", "mode=warn,enforce"];
    let out = folder.path().join("out");
    let swept = sweep(&options(&paths, out.clone(), &axes)).unwrap();
    assert_eq!((swept.points.len(), swept.passes), (4, 2));
    assert_eq!(swept.varied.iter().map(|varied| varied.feeds_back).collect::<Vec<_>>(), [true, false]);
    let choice = swept.choice.unwrap();
    let cheapest = swept.points.iter().filter_map(|point| point.cost).fold(f64::INFINITY, f64::min);
    assert!(swept.points[choice.point].cost.unwrap() <= cheapest && choice.reasons.len() > 2, "{choice:?}");
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Recommendation") && page.contains(&choice.reasons[0]));
    for reference in ["http:", "https:", "src=", "href=", "url(", "<script", "<link"] {
        assert!(!page.contains(reference), "{reference} in the page");
    }
    // A result is replaced by the next, and nothing is recommended where nothing is known.
    let blind = sweep(&Options { labels: Vec::new(), ..options(&paths, out, &axes) }).unwrap();
    assert!(blind.choice.is_none() && blind.curve.is_empty());
}

#[test]
fn a_window_says_what_a_replay_of_the_same_window_says() {
    let folder = tempfile::tempdir().unwrap();
    let paths = generate(folder.path());
    let from: Timestamp = "2026-03-03T00:00:00Z".parse().unwrap();
    let window = Window { from: Some(from), until: Some(from.saturating_add(DAY * 16)), warmup: DAY * 14 };
    // Everything in one: the warm-up is the history.
    let base = options(&paths, folder.path().join("swept"), &["mode=enforce"]);
    let events = vec![paths[0].clone(), paths[1].clone()];
    let swept = sweep(&Options { learn: Vec::new(), events: events.clone(), window, ..base.clone() }).unwrap();
    let replayed = replay::run::run(&replay::run::Options {
        events,
        window,
        config: EngineConfig { mode: models::decision::Mode::Enforce, ..base.config.settings().clone() }
            .check()
            .unwrap(),
        out: folder.path().join("replayed"),
        ..replay::run::Options::default()
    });
    let summary = replayed.unwrap().summary;
    let counted = &swept.points[0].counted;
    assert!(summary.alerts > 0, "nothing to compare");
    assert_eq!((counted.alerts, counted.identity_days), (summary.alerts, summary.identity_days));
    let page = std::fs::read_to_string(folder.path().join("swept/report.html")).unwrap();
    assert!(page.contains("events from 2026-03-03T00:00:00Z on") && page.contains("the first 14d learned"), "{page}");
    let without = sweep(&Options { window: Window::default(), ..base }).unwrap();
    assert_ne!(without.points[0].counted.identity_days, counted.identity_days);
}

#[test]
fn an_unknown_setting_is_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let paths = generate(folder.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftwatch-replay"));
    command
        .args(["sweep", "--set", "budgets=1", "--events"])
        .arg(&paths[1])
        .arg("--out")
        .arg(folder.path().join("out"));
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && error.contains("`budgets`") && error.lines().count() == 1, "{error}");
}
