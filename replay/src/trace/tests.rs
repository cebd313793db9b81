use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn event(id: &str, second: i64) -> String {
    let time = Timestamp::from_seconds(second);
    format!("{{\"id\":\"{id}\",\"time\":\"{time}\",\"identity\":\"a\",\"tool\":\"t\"}}\n")
}

fn files(folder: &tempfile::TempDir, contents: &[String]) -> Vec<PathBuf> {
    let write = |(i, text): (usize, &String)| {
        let path = folder.path().join(format!("{i}.ndjson"));
        std::fs::write(&path, text).unwrap();
        path
    };
    contents.iter().enumerate().map(write).collect()
}

fn threads(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn read(paths: &[PathBuf], n: usize) -> (Vec<String>, Vec<(usize, u64)>) {
    let (mut ids, mut rejected) = (Vec::new(), Vec::new());
    for item in Trace::open(&survey(paths, threads(n)).unwrap(), threads(n)).unwrap() {
        match item.unwrap() {
            Item::Event(event) => ids.push(event.id.to_string()),
            Item::Rejected(line) => rejected.push((line.file, line.line)),
        }
    }
    (ids, rejected)
}

#[test]
fn equal_times_come_by_file_and_then_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let first = [event("a1", 5), event("a2", 5), event("a3", 9)].concat();
    let second = [event("b1", 4), event("b2", 5), event("b3", 5)].concat();
    let (ids, _) = read(&files(&folder, &[first, second]), 2);
    assert_eq!(ids, ["b1", "a1", "a2", "b2", "b3", "a3"]);
}

#[test]
fn malformed_lines_are_told_with_file_and_line_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let first = format!("{}not json\n\n{}", event("a1", 1), event("a2", 2));
    let second = format!("{{}}\n{}", event("b1", 3));
    let (ids, rejected) = read(&files(&folder, &[first, second]), 1);
    assert_eq!(ids, ["a1", "a2", "b1"]);
    assert_eq!(rejected.len(), 2);
    assert!(rejected.contains(&(0, 2)) && rejected.contains(&(1, 1)), "{rejected:?}");
}

#[test]
fn a_file_out_of_order_beyond_the_window_is_sorted_whole() {
    let folder = tempfile::tempdir().unwrap();
    let n = i64::try_from(reorder::WINDOW).unwrap() + 10;
    let mut text = String::new();
    for second in (1..=n).chain([0]) {
        let _ = write!(text, "{}", event(&second.to_string(), second));
    }
    let paths = files(&folder, &[text]);
    assert_eq!(survey(&paths, threads(1)).unwrap()[0].order, Order::Unsorted);
    let (ids, _) = read(&paths, 3);
    assert_eq!(ids, (0..=n).map(|s| s.to_string()).collect::<Vec<_>>());
}

#[test]
fn many_chunks_come_back_in_order_from_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let n = 20_000;
    let text: String = (0..n).map(|i| event(&i.to_string(), i64::from(i / 7))).collect();
    let (ids, _) = read(&files(&folder, &[text]), 4);
    assert_eq!(ids, (0..n).map(|i| i.to_string()).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Law: the stream is a stable sort of the files in their order, on any number of threads.
    #[test]
    fn stream_is_a_stable_sort(times in prop::collection::vec(prop::collection::vec(0_i64..20, 0..30), 1..7), n in 1_usize..5) {
        let folder = tempfile::tempdir().unwrap();
        let all: Vec<Vec<(String, i64)>> = times
            .iter()
            .enumerate()
            .map(|(f, times)| times.iter().enumerate().map(|(i, t)| (format!("{f}-{i}"), *t)).collect())
            .collect();
        let texts: Vec<String> = all.iter().map(|file| file.iter().map(|(id, t)| event(id, *t)).collect()).collect();
        let mut expected: Vec<(String, i64)> = all.concat();
        expected.sort_by_key(|(_, t)| *t);
        let (ids, _) = read(&files(&folder, &texts), n);
        prop_assert_eq!(ids, expected.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
    }
}
