//! The known answer of the specification's own libraries, and every way a request can fall short of it.

use ed25519_dalek::{Signer as _, SigningKey};

use super::*;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const SENT: u64 = 1_649_367_553;
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

fn headers(id: &str, timestamp: &str, signature: &str) -> BTreeMap<String, String> {
    [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn shared() -> [Key; 1] {
    [Key::parse(SECRET).unwrap()]
}

fn check(id: &str, timestamp: &str, signature: &str, body: &[u8]) -> Result<Vec<Scheme>, Refusal> {
    verify(&shared(), &headers(id, timestamp, signature), body, SENT)
}

#[test]
fn the_published_example_is_accepted() {
    assert_eq!(check(ID, "1649367553", SIGNATURE, BODY), Ok(vec![Scheme::V1]));
}

#[test]
fn one_good_signature_among_unknown_ones_is_enough() {
    let several = format!("v1,AAAA v9,xyz nonsense {SIGNATURE}");
    assert_eq!(check(ID, "1649367553", &several, BODY), Ok(vec![Scheme::V1]));
}

#[test]
fn a_changed_body_id_time_or_scheme_is_refused() {
    assert_eq!(check(ID, "1649367553", SIGNATURE, b"{}"), Err(Refusal::Signature));
    assert_eq!(check("msg_other", "1649367553", SIGNATURE, BODY), Err(Refusal::Signature));
    assert_eq!(check(ID, "1649367554", SIGNATURE, BODY), Err(Refusal::Signature));
    assert_eq!(check(ID, "1649367553", &SIGNATURE.replace("v1,", "v1a,"), BODY), Err(Refusal::Signature));
    assert_eq!(check(ID, "1649367553", "v1,", BODY), Err(Refusal::Signature));
}

#[test]
fn an_id_or_timestamp_that_could_be_read_in_two_ways_is_refused() {
    assert_eq!(check("msg.1", "1649367553", SIGNATURE, BODY), Err(Refusal::Id));
    assert_eq!(check("", "1649367553", SIGNATURE, BODY), Err(Refusal::Id));
    assert_eq!(check(ID, "+1649367553", SIGNATURE, BODY), Err(Refusal::Timestamp));
    assert_eq!(check(ID, "soon", SIGNATURE, BODY), Err(Refusal::Timestamp));
}

#[test]
fn a_request_is_stale_after_five_minutes_and_not_before() {
    let at = |now| verify(&shared(), &headers(ID, "1649367553", SIGNATURE), BODY, now);
    for (now, stale) in [(SENT + 300, false), (SENT + 301, true), (SENT - 300, false), (SENT - 301, true)] {
        assert_eq!(at(now).is_err(), stale, "{now}");
    }
}

#[test]
fn every_header_is_needed_once() {
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut headers = headers(ID, "1649367553", SIGNATURE);
        headers.insert(name.to_owned(), "a, b".to_owned());
        assert_eq!(verify(&shared(), &headers, BODY, SENT), Err(Refusal::Header(name)));
        headers.remove(name);
        assert_eq!(verify(&shared(), &headers, BODY, SENT), Err(Refusal::Header(name)));
    }
}

#[test]
fn an_ed25519_signature_is_checked_against_the_public_key() {
    let signing = SigningKey::from_bytes(&[7; 32]);
    let printed = |key: &SigningKey| format!("whpk_{}", STANDARD.encode(key.verifying_key()));
    let mut signed = format!("{ID}.{SENT}.").into_bytes();
    signed.extend_from_slice(BODY);
    let signature = format!("v1a,{}", STANDARD.encode(signing.sign(&signed).to_bytes()));
    let headers = headers(ID, &SENT.to_string(), &format!("{signature} {SIGNATURE}"));

    let with = |keys: &[&str]| {
        let keys: Vec<Key> = keys.iter().map(|key| Key::parse(key).unwrap()).collect();
        verify(&keys, &headers, BODY, SENT)
    };
    let ours = printed(&signing);
    assert_eq!(with(&[&ours]), Ok(vec![Scheme::V1a]));
    assert_eq!(with(&[&ours, SECRET]), Ok(vec![Scheme::V1, Scheme::V1a]));
    assert_eq!(with(&[&printed(&SigningKey::from_bytes(&[8; 32]))]), Err(Refusal::Signature));
}

#[test]
fn a_key_of_another_kind_is_not_accepted() {
    // The private key has no business with a receiver.
    assert!(Key::parse("whsk_AAAA").is_err());
    assert!(Key::parse("C2FVsBQIhrscChlQIMV").is_err());
    assert!(Key::parse("whpk_AAAA").is_err());
}
