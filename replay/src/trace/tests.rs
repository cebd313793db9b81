use std::fmt::Write as _;
use std::num::NonZeroUsize;
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
    let surveyed = survey(paths, threads(n)).unwrap();
    let mut last = None;
    for item in Trace::open(&surveyed, Part::default(), threads(n), &std::env::temp_dir()) {
        let (position, item) = item.unwrap();
        assert!(last < Some(position), "{last:?} {position:?}");
        last = Some(position);
        match item {
            Item::Event(event) => ids.push(event.id.to_string()),
            Item::Rejected(line) => rejected.push((line.file, line.line)),
        }
    }
    (ids, rejected)
}

#[test]
fn equal_times_come_by_file_and_then_by_line_in_whatever_order_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let first = [event("a1", 5), event("a2", 5), event("a3", 9)].concat();
    let second = [event("b1", 4), event("b2", 5), event("b3", 5)].concat();
    let mut paths = files(&folder, &[first, second]);
    // The file that begins earlier comes first: one that was rotated within an instant goes on in the next.
    let expected = ["b1", "b2", "b3", "a1", "a2", "a3"];
    assert_eq!(read(&paths, 2).0, expected);
    paths.reverse();
    assert_eq!(read(&paths, 2).0, expected);
}

#[test]
fn a_stream_goes_on_behind_any_place_and_a_window_leaves_out_what_is_outside() {
    let folder = tempfile::tempdir().unwrap();
    let first = [event("a1", 1), event("a2", 3), "nonsense\n".to_owned(), event("a3", 3), event("a4", 9)].concat();
    let second = [event("b1", 3), event("b2", 5), event("b3", 4)].concat();
    let unsorted = "\n".to_owned() + "{}\n";
    let paths = files(&folder, &[first, second, unsorted]);
    let surveyed = survey(&paths, threads(1)).unwrap();
    let part = |part: Part| -> Vec<(Position, String)> {
        let shown = |item: Item| match item {
            Item::Event(event) => event.id.to_string(),
            Item::Rejected(rejected) => format!("line {}", rejected.line),
        };
        let stream = Trace::open(&surveyed, part, threads(2), &std::env::temp_dir());
        stream.map(Result::unwrap).map(|(position, item)| (position, shown(item))).collect()
    };
    let whole = part(Part::default());
    assert_eq!(whole.len(), 9);
    for (i, (position, _)) in whole.iter().enumerate() {
        let rest = part(Part { after: Some(*position), ..Part::default() });
        assert_eq!(rest, whole[i + 1..]);
    }
    let seconds = |from, until| Part {
        from: Some(Timestamp::from_seconds(from)),
        until: Some(Timestamp::from_seconds(until)),
        ..Part::default()
    };
    let ids: Vec<String> = part(seconds(3, 5)).into_iter().map(|(_, id)| id).collect();
    // What has no time is told whatever the window.
    assert_eq!(ids, ["line 2", "a2", "line 3", "a3", "b1", "b3"]);
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
    /// Law: the stream is a stable sort of the files by rank, in whatever order they are named, on any number of threads.
    #[test]
    fn stream_is_a_stable_sort(
        times in prop::collection::vec(prop::collection::vec(0_i64..20, 0..30), 1..7),
        n in 1_usize..9,
        turn in 0_usize..7,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let all: Vec<Vec<(String, i64)>> = times
            .iter()
            .enumerate()
            .map(|(f, times)| times.iter().enumerate().map(|(i, t)| (format!("{f}-{i}"), *t)).collect())
            .collect();
        let texts: Vec<String> = all.iter().map(|file| file.iter().map(|(id, t)| event(id, *t)).collect()).collect();
        let mut paths = files(&folder, &texts);
        let mut ranked: Vec<usize> = (0..all.len()).collect();
        let surveyed = survey(&paths, threads(1)).unwrap();
        ranked.sort_by_key(|f| (surveyed[*f].span, surveyed[*f].sha256.clone()));
        let mut expected: Vec<(String, i64)> = ranked.iter().flat_map(|f| all[*f].clone()).collect();
        expected.sort_by_key(|(_, t)| *t);
        let turn = turn % paths.len();
        paths.rotate_left(turn);
        prop_assert_eq!(read(&paths, n).0, expected.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
    }
}
