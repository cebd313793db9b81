//! Envelopes of every kind, good and broken.

use models::event::{RejectionCode, Timestamp};

use super::*;

const NATIVE: &str = r#"{"id":"e","time":"2026-05-04T10:00:00Z","identity":"bot","tool":"search"}"#;
const LACKING: &str = r#"{"tool":"search"}"#;
const NO_HEADERS: [(&str, &[u8]); 0] = [];

fn structured(rest: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"ce","source":"/gw","type":"t","subject":"sub","time":"2026-01-01T00:00:00Z"{rest}}}"#
    )
}

fn rejected(raw: &str) -> RejectionCode {
    decode_structured(raw.as_bytes(), None).unwrap_err().code
}

#[test]
fn a_bare_event_stays_bare_even_with_a_json_content_type() {
    let decoded = decode_any(NATIVE.as_bytes(), Some("application/json"), NO_HEADERS).unwrap();
    assert_eq!(&*decoded.event.identity, "bot");
}

#[test]
fn structured_is_recognised_by_content_type_in_any_case_or_by_its_version_member() {
    let raw = structured(&format!(r#","data":{NATIVE}"#));
    for content_type in [Some("Application/CloudEvents+JSON; charset=UTF-8"), Some("text/plain"), None] {
        let decoded = decode_any(raw.as_bytes(), content_type, NO_HEADERS);
        // `text/plain` says nothing about an envelope, and its `data` is JSON by the format's own rule.
        assert_eq!(&*decoded.unwrap().event.id, "e", "{content_type:?}");
    }
}

#[test]
fn the_envelope_fills_only_what_the_event_lacks() {
    let filled = decode_structured(structured(&format!(r#","data":{LACKING}"#)).as_bytes(), None).unwrap().event;
    assert_eq!((&*filled.id, &*filled.identity), ("ce", "sub"));
    assert_eq!(filled.time, "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    let own = decode_structured(structured(&format!(r#","data":{NATIVE}"#)).as_bytes(), None).unwrap().event;
    assert_eq!((&*own.id, &*own.identity), ("e", "bot"));
    assert_eq!(own.time, "2026-05-04T10:00:00Z".parse::<Timestamp>().unwrap());
}

#[test]
fn base64_data_is_decoded() {
    let raw = structured(&format!(r#","data_base64":"{}""#, STANDARD.encode(LACKING)));
    assert_eq!(&*decode_structured(raw.as_bytes(), None).unwrap().event.tool, "search");
    assert_eq!(rejected(&structured(r#","data_base64":"?""#)), RejectionCode::InvalidEnvelope);
}

#[test]
fn broken_envelopes_are_rejected_as_such() {
    let both = structured(&format!(r#","data":{LACKING},"data_base64":"e30=""#));
    let wrong_version = structured(&format!(r#","data":{LACKING}"#)).replace("1.0", "0.3");
    let no_source = structured(&format!(r#","data":{LACKING}"#)).replace(r#""source":"/gw","#, "");
    let empty_type = structured(&format!(r#","data":{LACKING}"#)).replace(r#""type":"t""#, r#""type":"""#);
    let avro = structured(&format!(r#","datacontenttype":"application/avro","data":{LACKING}"#));
    for raw in [both, wrong_version, no_source, empty_type, avro, structured("")] {
        assert_eq!(rejected(&raw), RejectionCode::InvalidEnvelope, "{raw}");
    }
    let batch = decode_any(b"[]", Some("application/cloudevents-batch+json"), NO_HEADERS).unwrap_err();
    assert_eq!(batch.code, RejectionCode::InvalidEnvelope);
}

#[test]
fn what_is_wrong_inside_keeps_its_own_reason() {
    assert_eq!(rejected(&structured(r#","data":{"tool":1}"#)), RejectionCode::WrongType);
    assert_eq!(rejected(&structured(r#","data":{"id":"x"}"#)), RejectionCode::MissingField);
    assert_eq!(rejected("{"), RejectionCode::NotJson);
    let deep = structured(&format!(r#","data":{{"tool":"t","x":{}{}}}"#, "[".repeat(32), "]".repeat(32)));
    assert_eq!(rejected(&deep), RejectionCode::EventTooDeep);
    let deepest = structured(&format!(r#","data":{{"tool":"t","x":{}{}}}"#, "[".repeat(31), "]".repeat(31)));
    assert_eq!(decode_structured(deepest.as_bytes(), None).unwrap().unknown_fields, 1);
}

#[test]
fn extensions_are_not_unknown_fields_but_fields_of_the_event_are() {
    let raw = structured(r#","partitionkey":"p","data":{"tool":"t","mood":"fine"}"#);
    assert_eq!(decode_structured(raw.as_bytes(), None).unwrap().unknown_fields, 1);
}

#[test]
fn binary_headers_are_read_from_kafka_and_percent_decoded_from_http() {
    let kafka: [(&str, &[u8]); 6] = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", b"k%20"),
        ("ce_source", b"/gw"),
        ("ce_type", b"t"),
        ("ce_subject", b"sub"),
    ];
    let timed = r#"{"tool":"search","time":"2026-05-04T10:00:00Z"}"#;
    let event = decode_any(timed.as_bytes(), Some("application/json"), kafka).unwrap().event;
    assert_eq!((&*event.id, &*event.identity), ("k%20", "sub"));

    let http: [(&str, &[u8]); 5] = [
        ("CE-SpecVersion", b"1.0"),
        ("ce-id", b"k%20%E2%82%AC"),
        ("ce-source", b"/gw"),
        ("ce-type", b"t"),
        ("ce-subject", b"s"),
    ];
    assert_eq!(&*decode_any(timed.as_bytes(), None, http).unwrap().event.id, "k €");
}

#[test]
fn broken_binary_messages_are_rejected_as_envelopes() {
    let base: [(&str, &[u8]); 4] =
        [("ce_specversion", b"1.0"), ("ce_id", b"i"), ("ce_source", b"s"), ("ce_type", b"t")];
    let code = |raw: &[u8], content_type, more: &[(&'static str, &'static [u8])]| {
        decode_any(raw, content_type, base.iter().chain(more).copied()).unwrap_err().code
    };
    assert_eq!(code(b"", None, &[]), RejectionCode::InvalidEnvelope);
    assert_eq!(code(NATIVE.as_bytes(), Some("application/avro"), &[]), RejectionCode::InvalidEnvelope);
    assert_eq!(code(NATIVE.as_bytes(), None, &[("ce_id", b"again")]), RejectionCode::InvalidEnvelope);
    assert_eq!(code(NATIVE.as_bytes(), None, &[("ce_subject", b"\xff")]), RejectionCode::InvalidEnvelope);
    assert_eq!(code(NATIVE.as_bytes(), None, &[("ce-subject", b"%+1")]), RejectionCode::InvalidEnvelope);
    let without_id = decode_any(NATIVE.as_bytes(), None, base.iter().filter(|h| h.0 != "ce_id").copied());
    assert_eq!(without_id.unwrap_err().code, RejectionCode::InvalidEnvelope);
}

#[test]
fn a_native_event_with_a_field_of_that_name_stays_native() {
    let raw = NATIVE.replace('}', r#","specversion":"x"}"#);
    let decoded = decode_any(raw.as_bytes(), None, NO_HEADERS).unwrap();
    assert_eq!((&*decoded.event.id, decoded.unknown_fields), ("e", 1));
    let nested = LACKING.replace('}', r#","note":{"specversion":"1.0"}}"#);
    assert_eq!(decode_any(nested.as_bytes(), None, NO_HEADERS).unwrap_err().code, RejectionCode::MissingField);
}
