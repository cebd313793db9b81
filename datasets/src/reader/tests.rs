//! Files of every packing, good, bad, cut short and too large.

use std::io::{self, Cursor, Write};

use models::event::RejectionCode;
use proptest::prelude::*;

use super::*;
use crate::generator::{Population, PopulationConfig};
use crate::writer::csv::CsvWriter;
use crate::writer::{LineWriter, PackedWriter, cloudevents::Structured};

fn line(id: usize) -> String {
    format!("{{\"id\":\"{id}\",\"time\":\"2026-05-04T10:00:00Z\",\"identity\":\"bot\",\"tool\":\"search\"}}\n")
}

fn packed(packing: Packing, content: &[u8]) -> Vec<u8> {
    let mut writer = PackedWriter::new(Vec::new(), packing).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn reader(bytes: Vec<u8>) -> EventReader {
    EventReader::new(Cursor::new(bytes), "file").unwrap()
}

fn ids(bytes: Vec<u8>) -> Vec<String> {
    reader(bytes).map(|entry| entry.unwrap().unwrap().event.id.into()).collect()
}

#[test]
fn plain_gzip_and_zstd_give_the_same_events() {
    let content: String = (0..100).map(line).collect();
    let plain = ids(content.clone().into_bytes());
    assert_eq!(plain.len(), 100);
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        assert_eq!(ids(packed(packing, content.as_bytes())), plain, "{packing}");
    }
}

#[test]
fn several_members_and_frames_are_one_file() {
    for packing in [Packing::Gzip, Packing::Zstd] {
        let mut file = packed(packing, line(1).as_bytes());
        file.extend(packed(packing, line(2).as_bytes()));
        assert_eq!(ids(file), ["1", "2"], "{packing}");
    }
    let mut skippable = vec![0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0xff];
    skippable.extend(packed(Packing::Zstd, line(3).as_bytes()));
    assert_eq!(ids(skippable), ["3"]);
}

#[test]
fn the_same_content_packs_to_the_same_bytes_without_a_time() {
    let once = packed(Packing::Gzip, b"content");
    assert_eq!(once[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    assert_eq!(once, packed(Packing::Gzip, b"content"));
}

#[test]
fn a_file_cut_short_gives_its_good_lines_and_then_a_clear_error() {
    let content: String = (0..5000).map(|id| line(id * 7919)).collect();
    for packing in [Packing::Gzip, Packing::Zstd] {
        let mut file = packed(packing, content.as_bytes());
        file.truncate(file.len() / 2);
        let mut entries: Vec<_> = reader(file).collect();
        let error = entries.pop().unwrap().unwrap_err();
        let good = entries.len() as u64;
        assert!(good > 100 && entries.iter().all(|entry| entry.as_ref().is_ok_and(Result::is_ok)), "{packing}");
        assert!(matches!(&error, ReadError::Damaged { line, .. } if *line == good), "{error}");
        assert!(error.to_string().contains("cut short or damaged after line"), "{error}");
    }
}

#[test]
fn rubbish_after_a_gzip_member_is_an_error_after_the_good_lines() {
    let mut file = packed(Packing::Gzip, line(1).as_bytes());
    file.extend(b"rubbish");
    let mut reader = reader(file);
    assert!(reader.next().unwrap().unwrap().is_ok());
    assert!(matches!(reader.next(), Some(Err(ReadError::Damaged { .. }))));
    assert!(reader.next().is_none(), "an iterator that failed is over");
}

#[test]
fn bad_lines_are_kept_with_their_number_and_reading_goes_on() {
    let file = format!("{}\n  \r\n{{}}\nx\n{}", line(1).trim_end(), line(2).trim_end());
    let entries: Vec<Entry> = reader(file.into_bytes()).map(Result::unwrap).collect();
    let bad: Vec<_> = entries.iter().filter_map(|e| e.as_ref().err()).map(|m| (m.line, m.rejection.code)).collect();
    assert_eq!(bad, [(3, RejectionCode::MissingField), (4, RejectionCode::NotJson)]);
    assert_eq!(entries.len(), 4, "the blank line is skipped, the last one needs no line end");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_taken_off() {
    let file = format!("\u{feff}{}\r\n{}\r\n", line(1).trim_end(), line(2).trim_end());
    assert_eq!(ids(file.into_bytes()), ["1", "2"]);
}

#[test]
fn an_over_long_line_is_cut_in_memory_and_the_next_one_is_read() {
    for extra in [1, 2, 3, 5 * MAX_EVENT_BYTES] {
        let mut file = vec![b'x'; MAX_EVENT_BYTES + extra];
        file.extend(format!("\n{}", line(2)).bytes());
        let entries: Vec<Entry> = reader(file).map(Result::unwrap).collect();
        let long = entries[0].as_ref().unwrap_err();
        assert_eq!((long.line, long.truncated, long.raw.len()), (1, true, MAX_EVENT_BYTES), "{extra}");
        assert_eq!(long.rejection.code, RejectionCode::EventTooLarge);
        assert_eq!((&*entries[1].as_ref().unwrap().event.id, entries.len()), ("2", 2));
    }
}

#[test]
fn a_line_of_exactly_the_limit_is_whole() {
    for line_end in ["\n", "\r\n", ""] {
        let mut file = line(1).trim_end().to_owned().into_bytes();
        file.resize(MAX_EVENT_BYTES, b' ');
        file.extend(line_end.bytes());
        assert_eq!(ids(file), ["1"], "{line_end:?}");
    }
}

/// Endless, and counts what was taken from it.
struct Endless(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'\n');
        buffer.last_mut().into_iter().for_each(|last| *last = b'x');
        self.0.fetch_add(buffer.len(), std::sync::atomic::Ordering::Relaxed);
        Ok(buffer.len())
    }
}

#[test]
fn no_more_is_taken_from_the_input_than_one_buffer_ahead() {
    let taken = std::sync::Arc::default();
    let mut lines = LineReader::new(Endless(std::sync::Arc::clone(&taken)), "endless").unwrap();
    lines.next_line().unwrap();
    assert!(taken.load(std::sync::atomic::Ordering::Relaxed) <= 65 * 1024);
}

#[test]
fn a_missing_file_says_which_and_what_to_do() {
    let error = EventReader::open("no/such\u{1b}file").unwrap_err().to_string();
    assert!(error.starts_with("`no/such\\u{1b}file` cannot be opened"), "{error}");
}

#[test]
fn for_each_line_lends_the_raw_bytes() {
    let mut seen = Vec::new();
    let file = format!("{}oops\n", line(1));
    let visited: Result<(), ReadError> = reader(file.into_bytes()).for_each_line(|line, decoded| {
        seen.push((line.number, line.raw.len(), decoded.is_ok()));
        Ok(())
    });
    visited.unwrap();
    assert_eq!(seen, [(1, line(1).len() - 1, true), (2, 4, false)]);
}

proptest! {
    // Written and read back, an event is the same in every format.
    #[test]
    fn every_format_gives_the_event_back(seed in 0_u64..200, targets in prop::collection::vec("[\\[+a-z0-9,\" ]{1,8}", 0..3)) {
        let population = Population::new(PopulationConfig { seed, agents: 8, ..PopulationConfig::default() }).unwrap();
        let mut event = population.events().next().unwrap();
        event.targets = targets.into_iter().map(Into::into).collect();

        let mut native = LineWriter::new(Vec::new());
        native.write_event(&event).unwrap();
        prop_assert_eq!(&decode(&native.into_inner()).unwrap().event, &event);

        let structured = serde_json::to_vec(&Structured::of(&event)).unwrap();
        let no_headers: [(&str, &[u8]); 0] = [];
        prop_assert_eq!(&decode_any(&structured, None, no_headers).unwrap().event, &event);

        let mut table = CsvWriter::new(Vec::new()).unwrap();
        table.write_event(&event).unwrap();
        let mut rows = csv::CsvReader::new(Cursor::new(table.finish().unwrap()), "table").unwrap();
        prop_assert_eq!(&rows.next_entry().unwrap().unwrap().unwrap().event, &event);
    }
}
