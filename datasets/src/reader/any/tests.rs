//! Files of every format, found out by themselves, packed, damaged and hostile.

use std::io::{Cursor, Write};

use models::event::{MAX_EVENT_BYTES, RejectionCode};
use proptest::prelude::*;
use serde_json::json;

use super::testing::read;
use super::*;
use crate::reader::{MAX_RECORD_BYTES, Packing};
use crate::writer::PackedWriter;

fn opened(bytes: Vec<u8>, name: &str) -> AnyReader {
    AnyReader::new(Cursor::new(bytes), name, &Options::default()).unwrap()
}

/// One file of every format with one event in it.
fn files() -> [(Format, String); 8] {
    let call = json!({"eventVersion": "1.11", "eventID": "1", "eventTime": "2026-05-04T10:00:00Z", "eventName": "GetObject",
        "eventSource": "s3.amazonaws.com", "userIdentity": {"arn": "arn:aws:iam::1:user/ann"}});
    let attributes = json!([{"key": "gen_ai.tool.name", "value": {"stringValue": "search"}},
        {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
        {"key": "gen_ai.agent.id", "value": {"stringValue": "bot"}}]);
    let span = json!({"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7",
        "startTimeUnixNano": "1777888800000000000", "attributes": attributes});
    let native = json!({"id": "1", "time": "2026-05-04T10:00:00Z", "identity": "bot", "tool": "search"});
    [
        (Format::Native, native.to_string()),
        (
            Format::Cloudevents,
            json!({"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": native}).to_string(),
        ),
        (Format::Csv, "id,time,identity,tool\n1,2026-05-04T10:00:00Z,bot,search\n".to_owned()),
        (
            Format::Trajectory,
            json!({"agent": "bot", "created": 1_777_888_800,
            "messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "search"}}]}]})
            .to_string(),
        ),
        (Format::Otlp, json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string()),
        (Format::Cloudtrail, json!({"Records": [call]}).to_string()),
        (
            Format::Mcp,
            json!({"time": 1_777_888_800, "agent": "bot", "message": {"jsonrpc": "2.0", "id": 1,
            "method": "tools/call", "params": {"name": "search"}}})
            .to_string(),
        ),
        (
            Format::Ocsf,
            json!({"class_uid": 6003, "time": 1_777_888_800_000_i64, "actor": {"app_uid": "bot"},
            "api": {"operation": "search"}})
            .to_string(),
        ),
    ]
}

#[test]
fn every_format_is_found_out_by_itself_however_it_is_packed() {
    for (format, text) in files() {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
            let mut writer = PackedWriter::new(Vec::new(), packing).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            let mut reader = opened(writer.finish().unwrap(), "file");
            assert_eq!(reader.format(), Some(format), "{packing}");
            let converted = reader.next().unwrap().unwrap().unwrap();
            assert_eq!(converted.decoded.event.time.to_string(), "2026-05-04T10:00:00Z", "{format:?}");
            let is_foreign = !matches!(format, Format::Native | Format::Cloudevents | Format::Csv);
            assert_eq!(!converted.origins.is_empty(), is_foreign);
            assert!(reader.next().is_none());
        }
    }
}

#[test]
fn a_file_cut_while_packed_gives_its_good_records_and_then_an_error() {
    let records: Vec<String> = (0..2000).map(|n| files()[5].1.replace("\"1\"", &format!("\"{n}\""))).collect();
    let mut writer = PackedWriter::new(Vec::new(), Packing::Gzip).unwrap();
    writer.write_all(records.join("\n").as_bytes()).unwrap();
    let packed = writer.finish().unwrap();
    let mut good = 0;
    let mut reader = opened(packed[..packed.len() - 400].to_vec(), "file");
    let error = loop {
        match reader.next().expect("an error before the end") {
            Ok(entry) => good += u64::from(entry.is_ok()),
            Err(error) => break error,
        }
    };
    assert!(
        good > 10 && matches!(error, ReadError::Damaged { packing: Packing::Gzip, line, .. } if line > 0),
        "{good} {error}"
    );
}

#[test]
fn deep_large_and_broken_records_are_kept_aside_and_the_next_is_read() {
    let good = files()[5].1.clone();
    let deep = format!("{{\"eventName\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let large = format!("{{\"eventName\":\"{}\"}}", "x".repeat(MAX_RECORD_BYTES));
    let file = format!("{deep}\n{large}\n{{\"eventName\":}}\n{good}\n");
    let found = read(Format::Cloudtrail, &file, Assumed::default());
    let codes: Vec<_> = found.iter().map(|entry| entry.as_ref().err().map(|bad| bad.rejection.code)).collect();
    let expected = [RejectionCode::EventTooDeep, RejectionCode::EventTooLarge, RejectionCode::NotJson].map(Some);
    assert_eq!(codes, [&expected[..], &[None]].concat());
    let large = found[1].as_ref().unwrap_err();
    assert_eq!((large.line, large.raw.len(), large.truncated), (2, MAX_EVENT_BYTES, true));
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let options = Options { format: Some(Format::Ocsf), ..Options::default() };
    let mut reader = AnyReader::new(&b"{\"a\":\"\xff\"}"[..], "file", &options).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().unwrap_err().rejection.code, RejectionCode::NotUtf8);
}

proptest! {
    /// No format stops, or falls over, whatever is in the values of a record.
    #[test]
    fn any_values_are_an_event_or_a_reason(which in 3_usize..8, place in 0_usize..400, with in "[\\[\\]{}\",:0-9a-z\n]{0,6}") {
        let (format, text) = &files()[which];
        let at = place % text.len();
        let changed = format!("{}{with}{}", text.get(..at).unwrap_or(text), text.get(at + with.len()..).unwrap_or(""));
        prop_assert!(read(*format, &changed, Assumed::default()).len() < 10);
    }
}

#[test]
fn a_reader_can_be_handed_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<AnyReader>();
}
