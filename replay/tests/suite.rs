//! Whole collections of recorded agents and benchmarks.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;

use datasets::writer::PackedWriter;
use models::event::Timestamp;
use replay::quality::Method;
use replay::suite;

/// Forty sessions of reading, thirty of them the baseline, and one that suddenly sends.
fn recorded() -> (String, String) {
    let (mut learn, mut test) = (String::new(), String::new());
    let line = |id: usize, hour: i64, session: &str, tool: &str| {
        let time = Timestamp::from_seconds(1_767_225_600 + 3_600 * hour);
        format!(
            "{{\"id\":\"e{id}\",\"time\":\"{time}\",\"identity\":\"bot\",\"session\":\"{session}\",\"tool\":\"{tool}\"}}\n"
        )
    };
    for id in 0..160 {
        let session = id / 4;
        let text = line(id, i64::try_from(id).unwrap(), &format!("s{session}"), ["open", "read"][id % 2]);
        (if session < 30 { &mut learn } else { &mut test }).push_str(&text);
    }
    test.push_str(&line(900, 250, "odd", "send_money"));
    (learn, test)
}

/// A set, packed as the real ones are.
fn packed(folder: &Path, files: &[(&str, &str)]) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, text) in files {
        let mut file = PackedWriter::create(&folder.join(format!("{name}.ndjson.gz"))).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.finish().unwrap();
    }
}

/// A collection of one set of recorded agents.
fn collection(root: &Path, baseline: &str, test: &str, labels: &str) {
    let files = [("baseline", baseline), ("test", test), ("labels", labels)];
    packed(&root.join("agent-traces/agentdojo-steady"), &files);
}

#[test]
fn a_set_is_measured_as_recorded_and_without_task_and_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = recorded();
    let labels = "{\"session\":\"odd\",\"label\":\"attacked_succeeded\",\"malicious_events\":[\"e900\"]}\n\
                  {\"session\":\"s30\",\"label\":\"benign\"}\n";
    collection(folder.path(), &learn, &test, labels);
    let sets = vec!["agentdojo-steady".to_owned()];
    let options =
        suite::Options { data: folder.path().to_path_buf(), sets, threads: NonZeroUsize::MIN, progress: false };
    let report = suite::measure(&options).unwrap();
    let measured = &report.agents;
    assert_eq!(measured.iter().map(|m| m.without_task).collect::<Vec<_>>(), [false, true]);
    let first = &measured[0];
    assert_eq!((first.learned, first.events, first.unscored, first.identity_days), (120, 41, 0, 3));
    assert_eq!(first.quality.method(Method::Score).unwrap().session_auroc, Some(1.0));
    let page = suite::page(&report, "c0");
    assert_eq!(page.matches("| agentdojo-steady | 1 : 1").count(), 2, "{page}");

    collection(folder.path(), &learn, "nonsense\n", labels);
    let refused = suite::measure(&options).unwrap_err().to_string();
    assert!(refused.contains("line 1") && refused.contains("test.ndjson.gz"), "{refused}");
}

#[test]
fn a_benchmark_is_measured_by_its_protocol_and_a_missing_one_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (mut events, mut labels) = (String::new(), String::new());
    let mut trace = |session: &str, part: &str, attack: u8, calls: &[&str]| {
        for (i, call) in calls.iter().enumerate() {
            writeln!(
                events,
                r#"{{"id":"{session}#{i}","time":"2012-01-01T00:00:00Z","identity":"h","session":"{session}","tool":"{call}"}}"#
            )
            .unwrap();
        }
        writeln!(labels, r#"{{"session":"{session}","part":"{part}","attack":{attack}}}"#).unwrap();
    };
    trace("test-1", "test", 1, &["exec", "socket", "exec"]);
    trace("test-2", "test", 0, &["open", "read", "close"]);
    for i in 0..30 {
        trace(&format!("train-{i}"), "train", 0, &["open", "read", "read", "close"]);
    }
    packed(&folder.path().join("benchmarks/adfa-ld"), &[("events", &events), ("labels", &labels)]);
    let sets = vec!["adfa-ld".to_owned(), "nab".to_owned()];
    let options =
        suite::Options { data: folder.path().to_path_buf(), sets, threads: NonZeroUsize::MIN, progress: false };
    let report = suite::measure(&options).unwrap();
    assert_eq!(report.missing, ["nab"]);
    let [benchmark] = &report.benchmarks[..] else { panic!("{:?}", report.benchmarks) };
    assert_eq!((benchmark.set, benchmark.events), ("adfa-ld", 126));
    // Calls that no training trace makes are stranger than those that all make.
    let highest = benchmark.ours.iter().find(|line| line.by == "highest score").unwrap();
    assert_eq!(highest.figures[0], Some(1.0));
    let page = suite::page(&report, "c0");
    assert!(page.contains("## adfa-ld: 2 test traces (1 attacks)") && page.contains("data folder: nab."), "{page}");
    let nothing = suite::Options { sets: vec!["nab".to_owned()], ..options };
    assert!(suite::measure(&nothing).is_err());
}
