//! Records in lines, in lists, in objects, and broken ones.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// Line, document, text and completeness of every record.
fn records(text: &str) -> Vec<(u64, u64, String, bool)> {
    let input: Box<dyn Read + Send> = Box::new(Cursor::new(text.to_owned()));
    let mut reader = RecordReader::new(input, Packing::Plain, "file", &["Records"]);
    let mut found = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        let raw = String::from_utf8(record.raw.to_vec()).unwrap();
        found.push((record.line, record.document, raw, record.complete));
    }
    found
}

fn texts(text: &str) -> Vec<String> {
    records(text).into_iter().map(|(_, _, text, _)| text).collect()
}

#[test]
fn lines_lists_and_named_lists_hold_the_same_records() {
    let both = [r#"{"a":"[}"}"#, r#"{"b":{"c":[1,{"d":"\"}"}]}}"#];
    let [one, two] = both;
    for file in [
        format!("{one}\n{two}\n"),
        format!("{one}{two}"),
        format!("\u{feff}[{one},{two}]"),
        format!("{{\"x\":[1],\"Records\":[\n{one},\n{two}\n],\"y\":{{\"z\":\"]\"}}}}"),
        format!("{{\"Records\":[{one}]}}\n{{\"Records\":[{two}]}}"),
        format!("[{{\"Records\":[{one},{two}]}}]"),
        format!("[[{one}],[{two}]]"),
    ] {
        assert_eq!(texts(&file), both, "{file}");
    }
}

#[test]
fn a_record_over_several_lines_has_the_line_it_begins_on() {
    let file = "\n{\n \"a\": [\n {\"b\":\n 1}]\n}\n[\n{\"c\":1}]";
    let places: Vec<(u64, u64)> = records(file).into_iter().map(|(line, document, ..)| (line, document)).collect();
    assert_eq!(places, [(2, 1), (8, 2)]);
}

#[test]
fn a_broken_line_costs_that_line_only() {
    for broken in [r#"{"a":"never closed"#, r#"{"a":1"#, r#"{"a":[1,"#, "no json", r#"{"a":1,"#] {
        let found = records(&format!("{{\"x\":1}}\n{broken}\n{{\"y\":2}}\n"));
        assert_eq!((found.len(), found[1].0, found[2].2.as_str()), (3, 2, r#"{"y":2}"#), "{broken}");
        assert!(found[2].3);
    }
}

#[test]
fn a_file_that_ends_too_early_says_so() {
    for (file, whole) in [(r#"{"Records":[{"a":1},{"b":"#, 1), (r#"{"Records":[{"a":1},"#, 1), (r#"{"a":1"#, 0)] {
        let found = records(file);
        assert_eq!((found.len(), found[whole].3), (whole + 1, false), "{file}");
    }
}

#[test]
fn entries_of_a_list_that_are_no_objects_are_records_too() {
    assert_eq!(texts(r#"[1, "two", {"a":1}]"#), ["1", "\"two\"", "{\"a\":1}"]);
}

#[test]
fn brackets_beyond_counting_still_have_an_end() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10 * MAX_OPEN), "]".repeat(10 * MAX_OPEN));
    assert_eq!(texts(&format!("{deep}{{\"b\":1}}")), [deep.as_str(), "{\"b\":1}"]);
}

#[test]
fn a_record_that_is_too_long_is_skipped_and_its_length_known() {
    let long = format!("{{\"a\":\"{}\"}}\n{{\"b\":1}}", "x".repeat(MAX_RECORD_BYTES));
    let input: Box<dyn Read + Send> = Box::new(Cursor::new(long));
    let mut reader = RecordReader::new(input, Packing::Plain, "file", &[]);
    let record = reader.next_record().unwrap().unwrap();
    assert_eq!((record.raw.len(), record.length), (MAX_RECORD_BYTES, MAX_RECORD_BYTES as u64 + 8));
    assert_eq!(reader.next_record().unwrap().unwrap().raw, br#"{"b":1}"#);
}

proptest! {
    /// Whatever the bytes are, it ends, and never with more than it was given.
    #[test]
    fn any_bytes_end(text in "[\\[\\]{}\":,a\\\\ \n]{0,80}") {
        let kept: usize = texts(&text).iter().map(String::len).sum();
        prop_assert!(kept <= text.len());
    }
}
