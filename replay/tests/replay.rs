//! Replays of small files through the library.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use models::event::Timestamp;
use proptest::prelude::*;
use replay::convert::{ConvertError, convert};
use replay::drive::Window;
use replay::quality::Method;
use replay::run::{Options, RunError, run};
use replay::summary::Summary;
use replay::table::Format;

fn event(id: usize, second: i64, identity: &str, session: &str, tool: &str, target: &str) -> String {
    let time = Timestamp::from_seconds(1_767_225_600 + second);
    format!(
        "{{\"id\":\"e{id}\",\"time\":\"{time}\",\"identity\":\"{identity}\",\"session\":\"{session}\",\
         \"tool\":\"{tool}\",\"action\":\"write\",\"target\":\"{target}\",\"bytes_in\":100}}\n"
    )
}

/// Ten sessions of reading and one that suddenly sends.
fn history(folder: &Path) -> (PathBuf, PathBuf) {
    let (mut learn, mut test) = (String::new(), String::new());
    for session in 0..40 {
        for step in 0..4 {
            let id = session * 4 + step;
            let second = i64::try_from(id).unwrap() * 3_600;
            let line = event(id, second, "bot", &format!("s{session}"), ["open", "read"][step % 2], "file:/a");
            (if session < 30 { &mut learn } else { &mut test }).push_str(&line);
        }
    }
    test.push_str(&event(900, 900_000, "bot", "odd", "send_money", "iban:XX1"));
    let paths = (folder.join("learn.ndjson"), folder.join("test.ndjson"));
    std::fs::write(&paths.0, learn).unwrap();
    std::fs::write(&paths.1, test).unwrap();
    paths
}

fn options(learn: &Path, events: &Path, out: PathBuf) -> Options {
    Options {
        learn: vec![learn.to_path_buf()],
        events: vec![events.to_path_buf()],
        freeze: true,
        out,
        scores: Format::Ndjson,
        ..Options::default()
    }
}

fn replayed(options: &Options) -> Result<Summary, RunError> {
    run(options).map(|outcome| outcome.summary)
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_event_gives_one_row_in_order_of_time_and_every_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    let out = folder.path().join("out");
    let summary = replayed(&options(&learn, &test, out.clone())).unwrap();
    let rows = lines(&out.join("scores.ndjson"));
    assert_eq!((summary.learned.events, summary.events, rows.len()), (120, 41, 41));
    assert!(rows.is_sorted_by_key(|row| row["time"].as_str().unwrap().to_owned()));
    assert_eq!((summary.identities, summary.sessions), (1, 11));
    let names =
        ["alerts.ndjson", "quarantine.ndjson", "report.html", "revocations.ndjson", "scores.ndjson", "summary.json"];
    let mut found: Vec<_> =
        std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, names);
    let stored: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(stored["digest"], summary.digest);
}

#[test]
fn what_was_never_seen_is_the_strangest_event() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    let out = folder.path().join("out");
    replayed(&options(&learn, &test, out.clone())).unwrap();
    let rows = lines(&out.join("scores.ndjson"));
    let strangest = rows.iter().max_by(|a, b| a["score"].as_f64().unwrap().total_cmp(&b["score"].as_f64().unwrap()));
    assert_eq!(strangest.unwrap()["id"], "e900");
}

#[test]
fn digest_depends_on_neither_threads_nor_format_and_does_depend_on_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    let digest = |threads: usize, scores: Format, test: &Path| {
        let out = folder.path().join(format!("{threads}-{scores:?}"));
        let threads = NonZeroUsize::new(threads).unwrap();
        replayed(&Options { threads, scores, force: true, ..options(&learn, test, out) }).unwrap().digest
    };
    let first = digest(1, Format::Parquet, &test);
    for (threads, scores) in [(2, Format::Parquet), (5, Format::Csv), (1, Format::None), (3, Format::Ndjson)] {
        assert_eq!(digest(threads, scores, &test), first);
    }
    let shorter = folder.path().join("shorter.ndjson");
    let text = std::fs::read_to_string(&test).unwrap();
    std::fs::write(&shorter, text.lines().skip(1).fold(String::new(), |all, line| all + line + "\n")).unwrap();
    assert_ne!(digest(1, Format::None, &shorter), first);
}

#[test]
fn malformed_lines_are_counted_and_quarantined_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    let mut text = std::fs::read_to_string(&test).unwrap();
    let _ = write!(text, "{{\"id\":\"x\"}}\n{{\"id\":\n");
    std::fs::write(&test, text).unwrap();
    let out = folder.path().join("out");
    let summary = replayed(&options(&learn, &test, out.clone())).unwrap();
    let bad = lines(&out.join("quarantine.ndjson"));
    assert_eq!((summary.quarantined, summary.events, bad.len()), (2, 41, 2));
    assert_eq!((&bad[0]["line"], &bad[0]["code"]), (&42.into(), &"missing_field".into()));
    assert_eq!((&bad[1]["line"], &bad[1]["code"]), (&43.into(), &"not_json".into()));
    assert!(bad[1]["file"].as_str().unwrap().ends_with("test.ndjson"));
}

#[test]
fn labels_give_figures_and_floors_in_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    let labels = folder.path().join("labels.ndjson");
    let mut text =
        "{\"session\":\"odd\",\"label\":\"attacked_succeeded\",\"malicious_events\":[\"e900\"]}\n".to_owned();
    for session in 30..40 {
        let _ = writeln!(text, "{{\"session\":\"s{session}\",\"identity\":\"bot\",\"label\":\"benign\"}}");
    }
    std::fs::write(&labels, text).unwrap();
    let options = Options { labels: vec![labels], ..options(&learn, &test, folder.path().join("out")) };
    let quality = replayed(&options).unwrap().quality.unwrap();
    assert_eq!((quality.sessions.positives, quality.sessions.negatives), (1, 10));
    for method in [Method::Score, Method::FirstSeen] {
        let figures = quality.method(method).unwrap();
        assert_eq!((figures.session_auroc, figures.event_auroc), (Some(1.0), Some(1.0)), "{}", figures.name);
        assert_eq!((figures.detection[1].detected, figures.delay[1].median), (1.0, Some(0)));
    }
    let page = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("Right and wrong, by the labels") && page.contains("<polyline class=\"ours\""));
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    let refused = replayed(&options(&learn, &test, folder.path().to_path_buf()));
    assert!(matches!(refused, Err(RunError::Folder(_))), "{refused:?}");
    assert!(!folder.path().join("summary.json").exists());
}

/// Lines of one tool call each, a minute apart or at the same instant.
fn calls(tools: &[(usize, bool)]) -> Vec<String> {
    let mut second = 0;
    let line = |(i, (tool, later)): (usize, &(usize, bool))| {
        second += i64::from(*later) * 60;
        event(i, second, ["a", "b"][i % 2], &format!("s{}", i / 6), ["w", "x", "y", "z"][*tool], "file:/a")
    };
    tools.iter().enumerate().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Law: how events are spread over files and threads does not change the digest, as long as times differ.
    #[test]
    fn spreading_events_over_files_changes_nothing(
        tools in prop::collection::vec((0_usize..4, Just(true)), 8..60),
        spread in prop::collection::vec(0_usize..3, 60),
        threads in 1_usize..9,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let lines = calls(&tools);
        let whole = folder.path().join("whole.ndjson");
        std::fs::write(&whole, lines.concat()).unwrap();
        let parted = parted(folder.path(), &lines, &spread);
        let base = Options { learn: Vec::new(), freeze: false, ..options(&whole, &whole, folder.path().join("one")) };
        let one = replayed(&base).unwrap().digest;
        let threads = NonZeroUsize::new(threads).unwrap();
        let many = replayed(&Options { events: parted, threads, out: folder.path().join("many"), ..base }).unwrap().digest;
        prop_assert_eq!(one, many);
    }

    /// Law: the order in which files are named, their names and the number of threads do not change the digest, also
    /// where many events happen at the same instant.
    #[test]
    fn naming_files_in_another_order_changes_nothing(
        tools in prop::collection::vec((0_usize..4, prop::bool::weighted(0.2)), 8..60),
        spread in prop::collection::vec(0_usize..4, 60),
        turn in 1_usize..4,
        threads in 1_usize..9,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let files = parted(folder.path(), &calls(&tools), &spread);
        let base = Options { events: files.clone(), scores: Format::None, out: folder.path().join("one"), ..Options::default() };
        let one = replayed(&base).unwrap().digest;
        let renamed = |(i, file): (usize, &PathBuf)| {
            let name = folder.path().join(format!("other-{}.ndjson", (i + turn) % 4));
            std::fs::rename(file, &name).unwrap();
            name
        };
        let mut files: Vec<PathBuf> = files.iter().enumerate().map(renamed).collect();
        files.rotate_left(turn);
        let threads = NonZeroUsize::new(threads).unwrap();
        let other = replayed(&Options { events: files, threads, out: folder.path().join("other"), ..base }).unwrap().digest;
        prop_assert_eq!(one, other);
    }

    /// Law: nothing that happens later changes an earlier score.
    #[test]
    fn a_later_event_changes_no_earlier_score(
        tools in prop::collection::vec((0_usize..4, prop::bool::weighted(0.8)), 20..60),
        cut in 5_usize..15,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let lines = calls(&tools);
        let rows = |name: &str, lines: &[String]| {
            let (file, out) = (folder.path().join(format!("{name}.ndjson")), folder.path().join(name));
            std::fs::write(&file, lines.concat()).unwrap();
            replayed(&Options { learn: Vec::new(), freeze: false, ..options(&file, &file, out.clone()) }).unwrap();
            std::fs::read_to_string(out.join("scores.ndjson")).unwrap()
        };
        let mut changed = lines.clone();
        for line in &mut changed[cut..] {
            *line = line.replace("file:/a", "iban:XX").replace(r#""identity":"a""#, r#""identity":"c""#);
        }
        let (before, after) = (rows("before", &lines), rows("after", &changed));
        prop_assert_ne!(&before, &after);
        prop_assert_eq!(before.lines().take(cut).collect::<Vec<_>>(), after.lines().take(cut).collect::<Vec<_>>());
    }
}

fn parted(folder: &Path, lines: &[String], spread: &[usize]) -> Vec<PathBuf> {
    let mut parts = vec![String::new(); 4];
    for (line, part) in lines.iter().zip(spread) {
        parts[*part].push_str(line);
    }
    let write = |(i, part): (usize, &String)| {
        let path = folder.join(format!("{i}.ndjson"));
        std::fs::write(&path, part).unwrap();
        path
    };
    parts.iter().enumerate().map(write).collect()
}

#[test]
fn a_warm_up_is_a_history_and_a_window_is_a_shorter_file() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let whole = folder.path().join("whole.ndjson");
    std::fs::write(&whole, read(&learn) + &read(&test)).unwrap();
    let base = options(&learn, &test, folder.path().join("out"));
    let apart = replayed(&base).unwrap();
    let start = Timestamp::from_seconds(1_767_225_600);
    let warmup = Duration::from_hours(120);
    let window = Window { warmup, ..Window::default() };
    let together = Options { learn: Vec::new(), events: vec![whole.clone()], window, ..base.clone() };
    let together = replayed(&together).unwrap();
    assert_eq!((together.digest, together.learned), (apart.digest, apart.learned));

    let until = start.saturating_add(Duration::from_hours(150));
    let window = Window { from: Some(start.saturating_add(warmup)), until: Some(until), ..Window::default() };
    let cut = replayed(&Options { learn: Vec::new(), events: vec![whole], window, ..base.clone() }).unwrap();
    let shorter = folder.path().join("shorter.ndjson");
    std::fs::write(&shorter, read(&test).lines().take(30).fold(String::new(), |all, line| all + line + "\n")).unwrap();
    let expected = replayed(&Options { learn: Vec::new(), events: vec![shorter], ..base }).unwrap();
    assert_eq!((cut.digest, cut.events), (expected.digest, 30));
}

#[test]
fn the_pace_does_not_change_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    let base = options(&learn, &test, folder.path().join("out"));
    let paced = Options { pace: "1000000000x".parse().unwrap(), ..base.clone() };
    assert_eq!(replayed(&paced).unwrap().digest, replayed(&base).unwrap().digest);
}

#[test]
fn the_same_events_as_csv_give_the_same_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    let base = options(&learn, &test, folder.path().join("out"));
    let as_table = |path: &Path| {
        let mut table = "id,time,identity,session,tool,action,target,bytes_in\n".to_owned();
        for line in lines(path) {
            let cell = |name: &str| line[name].as_str().map_or_else(|| line[name].to_string(), str::to_owned);
            let cells = ["id", "time", "identity", "session", "tool", "action", "target", "bytes_in"].map(cell);
            table.push_str(&(cells.join(",") + "\n"));
        }
        let path = path.with_extension("csv");
        std::fs::write(&path, table).unwrap();
        path
    };
    let tables = Options { learn: vec![as_table(&learn)], events: vec![as_table(&test)], ..base.clone() };
    assert_eq!(replayed(&tables).unwrap().digest, replayed(&base).unwrap().digest);
}

#[test]
fn the_same_events_converted_to_parquet_give_the_same_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    std::fs::write(&test, std::fs::read_to_string(&test).unwrap() + "{}\n").unwrap();
    let base = options(&learn, &test, folder.path().join("out"));
    let converted = |path: &Path| {
        let out = path.with_extension("days");
        let converted = convert(&[path.to_path_buf()], &out, NonZeroUsize::MIN).unwrap();
        (out, converted)
    };
    let ((learn, first), (test, second)) = (converted(&learn), converted(&test));
    assert_eq!((first.events, first.files, second.events, second.rejected.len()), (120, 5, 41, 1));
    assert!(learn.join("events-2026-01-05.parquet").exists());
    let tables = Options { learn: vec![learn], events: vec![test.clone()], ..base.clone() };
    assert_eq!(replayed(&tables).unwrap().digest, replayed(&base).unwrap().digest);
    // Nothing is replaced.
    assert!(matches!(convert(std::slice::from_ref(&test), &test, NonZeroUsize::MIN), Err(ConvertError::Occupied(_))));
}

#[test]
fn a_strict_replay_stops_at_the_first_line_that_is_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, test) = history(folder.path());
    std::fs::write(&test, std::fs::read_to_string(&test).unwrap() + "{}\n").unwrap();
    let base = options(&learn, &test, folder.path().join("out"));
    let refused = replayed(&Options { strict: true, ..base.clone() }).unwrap_err();
    assert!(matches!(&refused, RunError::Strict { line: 42, .. }), "{refused}");
    assert!(!base.out.join("summary.json").exists());
    assert_eq!(replayed(&base).unwrap().rejected.into_values().sum::<u64>(), 1);
}
