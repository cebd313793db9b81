use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::Client;
use tokio::sync::mpsc;

use super::*;
use crate::outbox::{REQUESTED, UNDONE};
use crate::webhook::{ID_HEADER, SIGNATURE_HEADER, Signer, SigningKey, TIMESTAMP_HEADER};

const ISSUER: &str = "https://broker.example.com/";

fn key() -> SigningKey {
    SigningKey::from_seed(&[8; 32])
}

async fn broker(confirm: Option<ConfirmTo>) -> Broker {
    crate::webhook::install_crypto();
    let verifier = Verifier::new(vec![], vec![key().public()]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Broker::start(listener, BrokerOptions { issuer: ISSUER.to_owned(), verifier, confirm }).unwrap()
}

fn grant() -> Grant {
    Grant {
        identity: "bot".to_owned(),
        scopes: vec!["crm:read".to_owned(), "crm:write".to_owned()],
        session: Some("run-7".to_owned()),
        ttl_seconds: None,
    }
}

fn body(r#type: &str, subject: &str, sub_id: &serde_json::Value) -> String {
    let data = serde_json::json!({ "decision_id": "rev_1", "identity": "bot", "subject": subject, "sub_id": sub_id });
    serde_json::json!({ "type": r#type, "timestamp": "2026-05-04T10:00:00Z", "data": data }).to_string()
}

fn jwt(id: &str) -> serde_json::Value {
    serde_json::json!({ "format": "jwt_id", "iss": ISSUER, "jti": id })
}

async fn send(broker: &Broker, id: &str, body: String, age: i64, key: SigningKey) -> StatusCode {
    let at = now().as_seconds() - age;
    let signature = Signer::new(vec![], vec![key]).unwrap().sign(&MessageId::new(id).unwrap(), at, body.as_bytes());
    let request = Client::new().post(broker.webhook_url()).header(ID_HEADER, id).header(TIMESTAMP_HEADER, at);
    request.header(SIGNATURE_HEADER, signature).body(body).send().await.unwrap().status()
}

async fn introspect(broker: &Broker, id: &str) -> String {
    let request = Client::new().post(format!("http://{}/introspect", broker.address()));
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={id}"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

#[tokio::test]
async fn signed_webhook_kills_the_credential_for_everyone_who_asks() {
    let broker = broker(None).await;
    let issued = broker.issue(grant());
    assert!(
        introspect(&broker, &issued.id).await.starts_with(r#"{"active":true,"scope":"crm:read crm:write","sub":"bot""#)
    );
    let mut sights = broker.subscribe();

    let status = send(&broker, "rev_1", body(REQUESTED, "credential", &jwt(&issued.id)), 0, key()).await;

    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(introspect(&broker, &issued.id).await, r#"{"active":false}"#);
    let message = MessageId::new("rev_1").unwrap();
    assert_eq!(sights.recv().await.unwrap(), Sight::Revoked { message, credentials: vec![issued.id] });
}

#[tokio::test]
async fn forged_and_stale_webhooks_change_nothing() {
    let broker = broker(None).await;
    let issued = broker.issue(grant());
    let body = body(REQUESTED, "credential", &jwt(&issued.id));
    let other = SigningKey::from_seed(&[9; 32]);
    assert_eq!(send(&broker, "rev_1", body.clone(), 0, other).await, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&broker, "rev_1", body.clone(), 400, key()).await, StatusCode::UNAUTHORIZED);
    assert!(broker.introspect(&issued.id).active);
    // Neither counts as seen: the genuine one still works.
    assert_eq!(send(&broker, "rev_1", body, 0, key()).await, StatusCode::NO_CONTENT);
    assert!(!broker.introspect(&issued.id).active);
}

#[tokio::test]
async fn replayed_revocation_does_not_kill_what_was_given_back() {
    let broker = broker(None).await;
    let issued = broker.issue(grant());
    let requested = body(REQUESTED, "credential", &jwt(&issued.id));
    send(&broker, "rev_1", requested.clone(), 0, key()).await;
    send(&broker, "rev_1_undo", body(UNDONE, "credential", &jwt(&issued.id)), 0, key()).await;
    assert!(broker.introspect(&issued.id).active);

    assert_eq!(send(&broker, "rev_1", requested, 0, key()).await, StatusCode::NO_CONTENT);
    assert!(broker.introspect(&issued.id).active);
}

#[tokio::test]
async fn session_takes_its_own_credentials_with_it_and_no_others() {
    let broker = broker(None).await;
    let (mine, other) = (broker.issue(grant()), broker.issue(Grant { session: Some("run-8".to_owned()), ..grant() }));
    let sub_id = serde_json::json!({ "format": "opaque", "id": "run-7" });
    send(&broker, "rev_1", body(REQUESTED, "session", &sub_id), 0, key()).await;
    assert!(!broker.introspect(&mine.id).active);
    assert!(broker.introspect(&other.id).active);
}

#[tokio::test]
async fn credential_of_another_issuer_is_refused() {
    let broker = broker(None).await;
    let issued = broker.issue(grant());
    let sub_id = serde_json::json!({ "format": "jwt_id", "iss": "https://other.example.com/", "jti": issued.id });
    let status = send(&broker, "rev_1", body(REQUESTED, "credential", &sub_id), 0, key()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(broker.introspect(&issued.id).active);
}

#[tokio::test]
async fn expired_credential_is_dead_without_any_webhook() {
    let broker = broker(None).await;
    let issued = broker.issue(Grant { ttl_seconds: Some(0), ..grant() });
    assert_eq!(broker.introspect(&issued.id), Introspection::default());
}

#[tokio::test]
async fn credential_is_issued_over_http() {
    let broker = broker(None).await;
    let request = Client::new().post(format!("http://{}/credentials", broker.address()));
    let response = request.json(&grant()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let issued: Issued = response.json().await.unwrap();
    assert!(broker.introspect(&issued.id).active);
}

#[tokio::test]
async fn driftwatch_is_told_when_it_is_done() {
    let (told, mut confirmations) = mpsc::unbounded_channel();
    let hook = move |Path(id): Path<String>, headers: HeaderMap, body: String| async move {
        let token = headers["authorization"].to_str().unwrap().to_owned();
        told.send((id, token, body)).unwrap();
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/revocations/{id}/confirm", post(hook));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let broker = broker(Some(ConfirmTo::new(&url, Some("dwt_x".to_owned())).unwrap())).await;
    let issued = broker.issue(grant());
    let mut sights = broker.subscribe();

    send(&broker, "rev_1", body(REQUESTED, "credential", &jwt(&issued.id)), 0, key()).await;

    let expected = ("rev_1".to_owned(), "Bearer dwt_x".to_owned(), r#"{"outcome":"revoked"}"#.to_owned());
    assert_eq!(confirmations.recv().await.unwrap(), expected);
    assert!(matches!(sights.recv().await.unwrap(), Sight::Revoked { .. }));
    assert_eq!(sights.recv().await.unwrap(), Sight::Confirmed("rev_1".to_owned()));
}

#[test]
fn confirmations_go_to_http_only() {
    assert!(ConfirmTo::new("ftp://driftwatch/", None).is_err());
    assert!(ConfirmTo::new("driftwatch", None).is_err());
}
