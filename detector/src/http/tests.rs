//! The routes over a real store: paging, filters, streams, the gate, and what every answer carries.

mod gate;
mod streams;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use models::alert::Severity;
use models::assessment::Decision;
use serde_json::Value;

use super::fixture::{Fixture, WEBHOOK, alert, baseline, read, revoked};
use super::records::alerts::{self, AlertFilter, AlertState};

fn ids(page: &Value) -> Vec<String> {
    page["alerts"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn walking_all_pages_gives_every_alert_once_while_others_arrive_and_change() {
    let fixture = Fixture::new();
    for n in 100..123 {
        fixture.alert(alert(n));
    }
    let before: BTreeSet<String> = ids(&fixture.json("/v1/alerts?limit=200").await).into_iter().collect();
    let (mut seen, mut cursor, mut next) = (Vec::new(), String::new(), 200);
    loop {
        let page = fixture.json(&format!("/v1/alerts?limit=4&cursor={cursor}")).await;
        seen.extend(ids(&page));
        // One newer than all, one older than all, and an update of one that is still to come.
        fixture.alert(alert(next));
        fixture.alert(alert(next - 190));
        let mut changed = alert(101);
        changed.evidence += f64::from(next);
        fixture.alert(changed);
        next += 1;
        let Some(more) = page["next"].as_str() else { break };
        cursor = more.to_owned();
    }
    let unique: BTreeSet<String> = seen.iter().cloned().collect();
    assert_eq!(unique.len(), seen.len(), "an alert came twice");
    assert!(unique.is_superset(&before));
    let opened: Vec<_> = seen.iter().rev().collect();
    assert!(opened.is_sorted(), "newest first");
}

#[tokio::test]
async fn the_filter_of_the_database_and_of_the_stream_are_one() {
    let fixture = Fixture::new();
    for n in 0..24 {
        let mut a = alert(n);
        a.severity = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical][n as usize % 4];
        a.decision = [Decision::Record, Decision::Alert, Decision::Revoke][n as usize % 3];
        a.closed = n % 5 == 0;
        a.identity = ["spiffe://acme.example/Agent/a", "bot-b", "100%_c"][n as usize % 3].into();
        a.tenant = if n % 7 == 0 { "other".into() } else { "default".into() };
        fixture.alert(a);
        if n % 6 == 0 {
            let (status, _) = fixture.post(&format!("/v1/alerts/alt_{n:032x}/verdict"), r#"{"verdict":"false"}"#).await;
            assert_eq!(status, StatusCode::OK);
        }
    }
    let text = |t: &str| Some(t.to_owned());
    let mut filters = vec![AlertFilter::default()];
    for tenant in [None, text("other")] {
        for search in [None, text("AGENT"), text("%"), text("")] {
            for severities in [vec![], vec![Severity::Low, Severity::Critical]] {
                for state in AlertState::ALL.into_iter().map(Some).chain([None]) {
                    for decision in [None, Some(Decision::Alert)] {
                        for shadow in [false, true] {
                            let (tenant, search, severities) = (tenant.clone(), search.clone(), severities.clone());
                            filters.push(AlertFilter {
                                tenant,
                                search,
                                severities,
                                state,
                                decision,
                                shadow,
                                identity: None,
                            });
                        }
                    }
                }
            }
        }
    }
    filters.push(AlertFilter { identity: text("bot-b"), ..AlertFilter::default() });
    let agree = fixture.app.read(move |conn| {
        let everything = AlertFilter { shadow: true, ..AlertFilter::default() };
        let all = alerts::list(conn, &everything, None, 200)?.rows;
        assert_eq!(all.len(), 24);
        for filter in &filters {
            let listed = alerts::list(conn, filter, None, 200)?.rows;
            let admitted: Vec<_> = all.iter().filter(|r| filter.admits(r)).cloned().collect();
            assert_eq!(listed, admitted, "{filter:?}");
        }
        Ok(filters.len())
    });
    assert!(agree.await.unwrap() > 100);
}

#[tokio::test]
async fn a_verdict_is_stored_with_who_and_why_and_shown() {
    let fixture = Fixture::new();
    fixture.alert(alert(1));
    let path = format!("/v1/alerts/alt_{:032x}", 1);
    assert_eq!(fixture.json(&path).await["verdict"], Value::Null);
    let body = r#"{"verdict":"benign_expected","note":" change 4711 "}"#;
    let (status, answer) = fixture.post(&format!("{path}/verdict"), body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let verdict = &fixture.json(&path).await["verdict"];
    assert_eq!(verdict["verdict"], "benign_expected");
    assert_eq!(verdict["note"], "change 4711");
    assert_eq!(verdict["by"], "local");
    assert_eq!(ids(&fixture.json("/v1/alerts?state=settled").await).len(), 1);
    assert!(ids(&fixture.json("/v1/alerts?state=unsettled").await).is_empty());
}

#[tokio::test]
async fn problems_say_what_to_do() {
    let fixture = Fixture::new();
    fixture.alert(alert(1));
    let verdict = format!("/v1/alerts/alt_{:032x}/verdict", 1);
    let long = format!(r#"{{"verdict":"true","note":"{}"}}"#, "n".repeat(2_001));
    let huge = format!(r#"{{"verdict":"true","note":"{}"}}"#, "n".repeat(70_000));
    for (method, path, body, status, word) in [
        ("GET", "/v1/alerts/alt_0", "", 404, "GET /v1/alerts"),
        ("GET", "/v1/alerts?severity=loud", "", 400, "low, medium, high, critical"),
        ("GET", "/v1/alerts?state=x", "", 400, "unsettled"),
        ("GET", "/v1/alerts?limit=0", "", 400, "between 1 and 200"),
        ("GET", "/v1/alerts?limit=x", "", 400, "limit"),
        ("GET", "/v1/alerts?cursor=x", "", 400, "start without it"),
        ("GET", "/v1/identities/nobody", "", 404, "tenant"),
        ("GET", "/v1/revocations?state=gone", "", 400, "still_used"),
        ("POST", &verdict, r#"{"verdict":"maybe"}"#, 422, "benign_expected"),
        ("POST", &verdict, r#"{"verdict":"true","extra":1}"#, 422, "extra"),
        ("POST", &verdict, &long, 400, "2000"),
        ("POST", &verdict, &huge, 413, "limit"),
        ("POST", "/v1/revocations/rev_0/confirm", r#"{"outcome":"revoked"}"#, 404, "GET /v1/revocations"),
        ("POST", "/v1/endpoints/none/enable", "", 404, "GET /v1/endpoints"),
        ("GET", "/v2", "", 404, "/openapi.json"),
        ("PUT", "/v1/alerts", "", 405, "/openapi.json"),
    ] {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let response = fixture.send(request.body(Body::from(body.to_owned())).unwrap()).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{method} {path}");
        let (found, body) = read(response).await;
        assert_eq!(found.as_u16(), status, "{method} {path}: {body}");
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(word), "{method} {path}: {body}");
    }
}

#[tokio::test]
async fn a_revocation_is_confirmed_undone_and_then_final() {
    let fixture = Fixture::with(WEBHOOK);
    fixture.commit(revoked(alert(1)));
    let path = format!("/v1/revocations/rev_{:032x}", 1);
    assert_eq!(fixture.json(&path).await["state"], "requested");
    let (status, _) = fixture.post(&format!("{path}/confirm"), r#"{"outcome":"revoked"}"#).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(fixture.json(&path).await["state"], "confirmed");
    let shown = fixture.json(&format!("/v1/alerts/alt_{:032x}", 1)).await;
    assert_eq!(shown["revocation_state"], "confirmed");
    let (status, body) = fixture.post(&format!("{path}/undo"), r#"{"reason":"wrong token"}"#).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, body) = fixture.post(&format!("{path}/confirm"), r#"{"outcome":"revoked"}"#).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body.contains("undone"), "{body}");
    let listed = fixture.json("/v1/revocations?state=undone").await;
    assert_eq!(listed["revocations"].as_array().unwrap().len(), 1);
    assert_eq!(fixture.json("/v1/revocations?state=failed").await["revocations"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn an_identity_that_is_a_uri_is_one_path_segment() {
    let fixture = Fixture::new();
    fixture.answers.lock().unwrap().identities.push(baseline("spiffe://a.example/b c"));
    let view = fixture.json(&format!("/v1/identities/{}", super::url::encode("spiffe://a.example/b c"))).await;
    assert_eq!(view["identity"], "spiffe://a.example/b c");
    let (status, _) =
        fixture.get(&format!("/v1/identities/{}?tenant=x", super::url::encode("spiffe://a.example/b c"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn identities_with_alerts_are_paged_by_name() {
    let fixture = Fixture::new();
    for n in 0..9 {
        let mut a = alert(n);
        a.identity = format!("bot-{}", n % 5).into();
        a.tenant = if n % 2 == 0 { "a".into() } else { "b\"c".into() };
        fixture.alert(a);
    }
    let whole = fixture.json("/v1/identities").await["identities"].clone();
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = fixture.json(&format!("/v1/identities?limit=2&cursor={cursor}")).await;
        walked.extend(page["identities"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        cursor = next.to_owned();
    }
    assert_eq!(Value::from(walked), whole);
    assert_eq!(whole.as_array().unwrap().iter().map(|i| i["alerts"].as_u64().unwrap()).sum::<u64>(), 9);
    assert_eq!(fixture.json("/v1/identities?q=BOT-4").await["identities"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_description_and_the_router_agree() {
    let fixture = Fixture::new();
    let api: Value = fixture.json("/openapi.json").await;
    let paths = api["paths"].as_object().unwrap();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            let asked = path.replace("{id}", "x").replace("{name}", "x");
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&asked);
            let response = fixture.send(request.body(Body::empty()).unwrap()).await;
            assert_ne!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            if response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/problem+json") {
                let (_, body) = read(response).await;
                assert!(!body.contains("unknown-path"), "{method} {path}: {body}");
            }
            let ids = operation["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "path").count();
            assert_eq!(ids, path.matches('{').count(), "{path}");
        }
    }
    let source = include_str!("api.rs");
    for line in source.lines().filter(|l| l.contains(".route(\"")) {
        let path = line.split('"').nth(1).unwrap();
        assert!(paths.contains_key(path), "{path} is not described");
    }
}

#[tokio::test]
async fn metrics_and_probes_answer() {
    let fixture = Fixture::new();
    let (status, body) = fixture.get("/metrics").await;
    assert!(status.is_success() && body.contains("driftwatch_build_info"), "{body}");
    assert_eq!(fixture.json("/healthz").await["status"], "ok");
    let source = fixture.app.sources().register("kafka:x");
    let (status, body) = fixture.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("kafka:x"), "{body}");
    source.set(crate::app::State::Running);
    assert_eq!(fixture.json("/readyz").await["ready"], true);
}

#[tokio::test]
async fn the_brake_is_released_by_name() {
    let fixture = Fixture::new();
    fixture.answers.lock().unwrap().view.brake_open = true;
    assert_eq!(fixture.json("/v1/engine").await["brake_open"], true);
    let (status, body) = fixture.post("/v1/brake/release", "").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(fixture.json("/v1/engine").await["brake_open"], false);
    let audited = fixture.app.read(|conn| conn.query_row("SELECT actor FROM audit", [], |row| row.get::<_, String>(0)));
    assert_eq!(audited.await.unwrap(), "local");
}

#[tokio::test]
async fn every_answer_forbids_what_no_page_of_ours_needs() {
    let fixture = Fixture::new();
    for path in ["/", "/health", "/v1/alerts", "/nowhere", "/healthz", "/assets/0/console.css", "/v1/events"] {
        let response = fixture.send(Request::get(path).body(Body::empty()).unwrap()).await;
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store", "{path}");
    }
}

#[tokio::test]
async fn assets_are_named_by_their_hash_and_kept_for_good() {
    let fixture = Fixture::new();
    let (_, page) = fixture.get("/").await;
    let urls: BTreeSet<&str> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(urls.len() >= 5, "{urls:?}");
    for url in urls {
        let response = fixture.send(Request::get(url).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{url}");
        assert!(response.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let tag = response.headers()[header::ETAG].clone();
        let again = Request::get(url).header(header::IF_NONE_MATCH, tag).body(Body::empty()).unwrap();
        assert_eq!(fixture.send(again).await.status(), StatusCode::NOT_MODIFIED);
    }
    assert_eq!(fixture.get("/assets/0000/console.css").await.0, StatusCode::NOT_FOUND);
}
