use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::{any, post};
use base64::Engine as _;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::*;
use crate::webhook::{EndpointConfig, SigningKey};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const RAW_SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const BODY: &str = r#"{"type":"identity.token_revocation_requested"}"#;

fn now() -> Timestamp {
    "2026-05-04T10:00:00.9Z".parse().unwrap()
}

fn id() -> MessageId {
    MessageId::new("rev_0123456789abcdef0123456789abcdef").unwrap()
}

fn endpoint(url: &str, allow: &str) -> EndpointConfig {
    let signing_key = format!("whsk_{}", base64::engine::general_purpose::STANDARD.encode([4; 32]));
    toml::from_str(&format!(
        "name = 'broker'\nurl = '{url}'\nsecret = '{SECRET}'\nsigning_key = '{signing_key}'\nallow_private = [{allow}]"
    ))
    .unwrap()
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn deliver_to(url: &str) -> Outcome {
    let sender = Sender::new(endpoint(url, "'127.0.0.0/8'").check().unwrap()).unwrap();
    sender.deliver(&id(), BODY.to_owned(), now()).await
}

async fn answer_of(status: u16, headers: &'static [(&'static str, &'static str)], body: &'static str) -> Outcome {
    let answer = move || async move {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        (StatusCode::from_u16(status).unwrap(), map, body)
    };
    deliver_to(&serve(Router::new().route("/", any(answer))).await).await
}

/// HMAC as RFC 2104 spells it out, on a bare hash: nothing of the code under test.
fn hmac_sha256(key: &[u8], content: &[u8]) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let pad = |byte: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(content).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

#[tokio::test]
async fn receiver_can_verify_both_signatures_over_the_bytes_it_got() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let hook = move |headers: HeaderMap, body: Bytes| async move {
        seen.send((headers, body)).unwrap();
        StatusCode::NO_CONTENT
    };
    let url = serve(Router::new().route("/hook", post(hook))).await;

    assert_eq!(deliver_to(&format!("{url}/hook")).await, Outcome::Delivered);

    let (headers, body) = requests.recv().await.unwrap();
    let header = |name: &str| headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(body, BODY);
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("webhook-id"), "rev_0123456789abcdef0123456789abcdef");
    assert_eq!(header("webhook-timestamp"), "1777888800");
    let content = [format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes(), &body[..]].concat();
    let (shared, asymmetric) = header("webhook-signature").split_once(' ').unwrap();
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    assert_eq!(decode(shared.strip_prefix("v1,").unwrap()), hmac_sha256(RAW_SECRET, &content));
    let public = SigningKey::from_seed(&[4; 32]).public().to_string();
    let public = VerifyingKey::from_bytes(&decode(&public[5..]).try_into().unwrap()).unwrap();
    let signature = Signature::from_slice(&decode(asymmetric.strip_prefix("v1a,").unwrap())).unwrap();
    assert!(public.verify(&content, &signature).is_ok());
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let followed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&followed);
    let elsewhere = move || async move {
        count.fetch_add(1, Ordering::SeqCst);
        StatusCode::OK
    };
    let router = Router::new()
        .route("/", post(|| async { Redirect::temporary("/elsewhere") }))
        .route("/elsewhere", any(elsewhere));

    let outcome = deliver_to(&serve(router).await).await;

    assert_eq!(outcome, Outcome::Rejected { detail: "307 Temporary Redirect".to_owned() });
    assert_eq!(followed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn status_says_what_happens_next() {
    for status in [200, 201, 202, 204] {
        assert_eq!(answer_of(status, &[], "").await, Outcome::Delivered, "{status}");
    }
    assert_eq!(answer_of(410, &[], "").await, Outcome::Gone);
    for status in [408, 425, 429, 500, 502, 503, 504] {
        assert_eq!(answer_of(status, &[], "").await.label(), "unavailable", "{status}");
    }
    for status in [304, 400, 401, 403, 404, 422] {
        assert_eq!(answer_of(status, &[], "").await.label(), "rejected", "{status}");
    }
}

#[tokio::test]
async fn retry_after_is_understood_as_seconds_and_as_date() {
    let after = |outcome: Outcome| match outcome {
        Outcome::RetryAfter { after, .. } => Some(after.as_secs()),
        _ => None,
    };
    assert_eq!(after(answer_of(429, &[("retry-after", "17")], "").await), Some(17));
    assert_eq!(after(answer_of(503, &[("retry-after", "Mon, 04 May 2026 10:01:00 GMT")], "").await), Some(60));
    assert_eq!(after(answer_of(503, &[("retry-after", "Mon, 04 May 2020 10:01:00 GMT")], "").await), Some(0));
    assert_eq!(after(answer_of(503, &[("retry-after", "soon")], "").await), None);
    assert_eq!(after(answer_of(500, &[("retry-after", "17")], "").await), None);
}

#[tokio::test]
async fn answer_is_bounded_and_escaped() {
    let outcome = answer_of(400, &[], "line one\nline two\u{1b}[31m red").await;
    assert_eq!(outcome.detail(), Some("400 Bad Request: line one line two\\u{1b}[31m red"));

    let long: &'static str = "x".repeat(100_000).leak();
    let outcome = answer_of(400, &[], long).await;
    assert_eq!(outcome.detail().unwrap().chars().count(), MAX_DETAIL_CHARS + 1);
}

#[tokio::test]
async fn private_address_is_refused_as_literal_and_as_name_and_nothing_is_sent() {
    let touched = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&touched);
    let hook = move || async move {
        count.fetch_add(1, Ordering::SeqCst);
        StatusCode::OK
    };
    let url = serve(Router::new().route("/", any(hook))).await;
    let by_name = url.replace("127.0.0.1", "localhost");

    let sender = Sender::new(endpoint(&by_name, "'10.0.0.0/8'").check().unwrap()).unwrap();
    let outcome = sender.deliver(&id(), BODY.to_owned(), now()).await;
    assert!(outcome.detail().unwrap().contains("is private or special-purpose"), "{outcome:?}");

    // A literal is refused when the configuration is read, so this endpoint is made from a permitted one.
    let literal = endpoint(&url, "'127.0.0.0/8'").check().unwrap();
    let sender = Sender::new(literal.with_guard(crate::webhook::AddressGuard::default())).unwrap();
    let outcome = sender.deliver(&id(), BODY.to_owned(), now()).await;
    assert!(outcome.detail().unwrap().contains("is private or special-purpose"), "{outcome:?}");

    assert_eq!(touched.load(Ordering::SeqCst), 0);
    let allowed = Sender::new(endpoint(&by_name, "'127.0.0.0/8'").check().unwrap()).unwrap();
    assert_eq!(allowed.deliver(&id(), BODY.to_owned(), now()).await, Outcome::Delivered);
}

#[tokio::test]
async fn nobody_listening_is_unavailable_and_the_url_is_not_repeated() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let outcome = deliver_to(&format!("http://{address}/hook?key=secret")).await;
    assert!(
        matches!(&outcome, Outcome::Unavailable { detail } if detail.contains("refused") && !detail.contains("secret")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn receiver_that_never_answers_is_given_up_after_the_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = endpoint(&format!("http://{}", listener.local_addr().unwrap()), "'127.0.0.0/8'");
    config.timeout = models::config::Span::seconds(1);
    let sender = Sender::new(config.check().unwrap()).unwrap();
    assert_eq!(sender.deliver(&id(), BODY.to_owned(), now()).await.label(), "unavailable");
}

proptest! {
    // Whatever a receiver writes: no control character, and a bounded length.
    #[test]
    fn detail_is_always_printable_and_bounded(text in "\\PC*|[\\x00-\\x1f]{0,400}|.{0,400}") {
        let shown = bounded(&text);
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert!(shown.chars().count() <= MAX_DETAIL_CHARS * 8 + 1);
    }
}
