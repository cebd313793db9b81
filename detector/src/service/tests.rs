//! The whole service on a real socket and a real file.

use std::path::Path;

use super::*;
use crate::app::State;

const EVENT: &str = r#"{"id":"1","time":"2026-05-04T10:00:00Z","identity":"bot","tool":"mail.send"}"#;

fn event(id: usize) -> String {
    EVENT.replace("\"1\"", &format!("\"{id}\""))
}

fn start(directory: &Path, more: &str) -> Service {
    crate::webhook::install_crypto();
    let text =
        format!("[store]\npath = '{}'\n[http]\nlisten = '127.0.0.1:0'\n{more}", directory.join("d.db").display());
    Service::start(Config::parse(&text).expect("valid")).expect("started")
}

async fn post(service: &Service, content_type: &str, body: impl Into<reqwest::Body>) -> (u16, serde_json::Value) {
    send(service, &[("content-type", content_type)], body).await
}

async fn send(service: &Service, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> (u16, serde_json::Value) {
    let mut request = reqwest::Client::new().post(format!("http://{}/v1/events", service.address())).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.json().await.expect("json"))
}

/// Waits until the inbox is taken up to and with `seq`.
async fn taken(service: &Service, seq: i64) {
    let mut committed = service.app().committed();
    let reached = |p: &crate::store::Positions| p.get(&(inbox::NAME.into(), 0)).is_some_and(|next| *next > seq);
    committed.wait_for(reached).await.expect("running");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_answered_when_durable_and_counted_when_scored() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = start(directory.path(), "");
    let lines = format!("{}\nno event\n\n{}\n", event(1), event(2));
    let (status, receipt) = post(&service, "application/x-ndjson", lines).await;
    assert_eq!(status, 202, "{receipt}");
    assert_eq!((&receipt["accepted"], &receipt["quarantined"]), (&2.into(), &1.into()));
    assert_eq!((&receipt["first"], &receipt["last"]), (&1.into(), &3.into()));
    assert_eq!(receipt["rejections"][0]["index"], 1);
    assert_eq!(receipt["rejections"][0]["code"], "not_json");
    let (_, second) = post(&service, "application/json", format!("[{}, {}]", event(2), event(3))).await;
    assert_eq!(second["last"], 5);
    taken(&service, 5).await;
    let counts = service.app().telemetry().counts();
    assert_eq!((counts.consumed, counts.scored, counts.duplicate, counts.quarantined), (5, 3, 1, 1));
    assert_eq!(counts.gap(), 0);
    assert!(service.app().readiness().ready);
    service.stop().await.expect("stopped");
    let again = start(directory.path(), "");
    assert_eq!(again.app().telemetry().counts(), counts);
    let (_, receipt) = post(&again, "application/json", event(1)).await;
    taken(&again, 6).await;
    assert_eq!((receipt["first"].as_i64(), again.app().telemetry().counts().duplicate), (Some(6), 2));
    again.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_are_read_in_both_modes() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = start(directory.path(), "");
    let structured = r#"{"specversion":"1.0","id":"a","source":"/gw","type":"call","subject":"bot",
        "time":"2026-05-04T10:00:00Z","data":{"tool":"mail.send"}}"#;
    let (status, receipt) = post(&service, "application/cloudevents+json; charset=utf-8", structured).await;
    assert_eq!((status, &receipt["accepted"]), (202, &1.into()), "{receipt}");
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "b"),
        ("ce-source", "/gw"),
        ("ce-type", "call"),
        ("ce-subject", "bot"),
        ("ce-time", "2026-05-04T10:00:01Z"),
    ];
    let (status, receipt) = send(&service, &headers, r#"{"tool":"mail.send"}"#).await;
    assert_eq!((status, &receipt["accepted"]), (202, &1.into()), "{receipt}");
    let (_, receipt) = post(&service, "application/cloudevents-batch+json", format!("[{structured}]")).await;
    assert_eq!(receipt["accepted"], 1);
    taken(&service, 3).await;
    let counts = service.app().telemetry().counts();
    assert_eq!((counts.scored, counts.duplicate), (2, 1));
    service.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_taken_says_why_and_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = start(directory.path(), "[source.http]\nmax_request_bytes = 262144\n");
    let large = " ".repeat(300_000);
    let packed = zstd::encode_all(large.as_bytes(), 1).expect("memory");
    let ndjson = ("content-type", "application/x-ndjson");
    for (status, (got, problem)) in [
        (413, send(&service, &[ndjson], large).await),
        (413, send(&service, &[ndjson, ("content-encoding", "zstd")], packed).await),
        (415, send(&service, &[("content-type", "text/html")], "x").await),
        (415, send(&service, &[ndjson, ("content-encoding", "br")], "x").await),
        (400, send(&service, &[("content-type", "application/json")], "[{").await),
        (400, send(&service, &[ndjson], "\n\n").await),
    ] {
        assert_eq!((got, problem["status"].as_u64()), (status, Some(status.into())), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()), "{problem}");
    }
    assert_eq!(service.app().ingest().newest(), 0);
    service.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_get_places_of_their_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = start(directory.path(), "");
    let ingest = service.app().ingest().clone();
    let appends: Vec<_> = (0..100_usize)
        .map(|i| {
            let ingest = ingest.clone();
            let events = (0..3).map(|k| event(3 * i + k).into_bytes()).collect();
            tokio::spawn(async move { ingest.append(events, 0).await })
        })
        .collect();
    let mut places = Vec::new();
    for append in appends {
        let range = append.await.expect("no panic").expect("durable");
        places.extend(range.first..=range.last);
    }
    places.sort_unstable();
    assert_eq!(places, (1..=300).collect::<Vec<_>>());
    taken(&service, 300).await;
    assert_eq!(service.app().telemetry().counts().scored, 300);
    service.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_inbox_is_answered_with_503_and_retry_after() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = start(directory.path(), "[source.http]\nmax_backlog_events = 3\n");
    // Nothing is taken while the write lock is held elsewhere; the inbox thread waits for it as well, so fill it first.
    let lines = (0..4).map(event).collect::<Vec<_>>().join("\n");
    let raws: Vec<_> = lines.lines().map(|l| l.as_bytes().to_vec()).collect();
    let core = Core::start(other(directory.path())).expect("started");
    core.app().ingest().append(raws, 0).await.expect("durable");
    let router = crate::source::http::routes().with_state(core.app().clone());
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    let server = tokio::spawn(async move { axum::serve(socket, router).await });
    let request = reqwest::Client::new().post(format!("http://{address}/v1/events"));
    let response = request.header("content-type", "application/json").body(event(9)).send().await.expect("an answer");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    server.abort();
    core.finish().await.expect("finished");
    service.stop().await.expect("stopped");
}

/// A core without sources, so that nothing is taken from its inbox.
fn other(directory: &Path) -> Config {
    let path = directory.join("other.db");
    let text = format!("[store]\npath = '{}'\n[source.http]\nmax_backlog_events = 3\n", path.display());
    Config::parse(&text).expect("valid")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_once_and_goes_on_where_it_stopped() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.ndjson.gz");
    let write = |lines: &str| {
        let file = std::fs::File::create(&path).expect("a file");
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, lines.as_bytes()).expect("written");
        encoder.finish().expect("written");
    };
    let lines = |n: usize| (1..=n).map(event).collect::<Vec<_>>().join("\n");
    write(&format!("{}\nbroken\n", lines(1_200)));
    let config = format!("[[source.file]]\npath = '{}'\ntrust = 'revoke'\n", path.display());
    let name: std::sync::Arc<str> = format!("file:{}", path.display()).into();
    let finished = async |service: &Service, next: i64| {
        let at = |p: &crate::store::Positions| p.get(&(name.clone(), 0)).is_some_and(|at| *at == next);
        service.app().committed().wait_for(at).await.expect("running");
    };
    let service = start(directory.path(), &config);
    finished(&service, 1_202).await;
    service.stop().await.expect("stopped");
    // The file has grown meanwhile; what was taken is not read again.
    write(&format!("{}\nbroken\n\n{}\n", lines(1_200), event(1_201)));
    let service = start(directory.path(), &config);
    finished(&service, 1_204).await;
    let counts = service.app().telemetry().counts();
    assert_eq!((counts.scored, counts.quarantined, counts.duplicate), (1_201, 1, 0));
    while !service.app().sources().caught_up() {
        tokio::task::yield_now().await;
    }
    let source = service.app().readiness().sources.into_iter().find(|s| s.name == *name).expect("registered");
    assert_eq!(source.state, State::Finished);
    service.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_there_shows_in_the_readiness() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("no-such-file");
    let service = start(directory.path(), &format!("[[source.file]]\npath = '{}'\n", path.display()));
    let state = || service.app().readiness().sources.into_iter().find(|s| s.name.starts_with("file:"));
    while state().is_none_or(|s| s.state != State::Failed) {
        tokio::task::yield_now().await;
    }
    assert!(!service.app().readiness().ready);
    assert!(state().and_then(|s| s.last_error).is_some_and(|e| e.contains("no-such-file")));
    service.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_on_the_same_database_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = start(directory.path(), "");
    let text =
        format!("[store]\npath = '{}'\n[http]\nlisten = '127.0.0.1:0'\n", directory.path().join("d.db").display());
    let refused = Service::start(Config::parse(&text).expect("valid"));
    assert!(matches!(refused, Err(StartError::Store(StoreError::InUse(_)))));
    service.stop().await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_back_is_read_again_and_never_trusted() {
    let directory = tempfile::tempdir().expect("a directory");
    let service = start(directory.path(), "");
    let (_, receipt) = post(&service, "application/json", "{\"id\":\"x\"}").await;
    assert_eq!(receipt["quarantined"], 1);
    taken(&service, 1).await;
    let store = crate::store::Store::open_existing(service.app().store_path()).expect("beside the service");
    let all = crate::store::quarantine::Filter::default();
    let moved = store.write(|tx| crate::store::quarantine::replay(tx, &all, 0)).expect("written");
    assert_eq!(moved, 1);
    taken(&service, 2).await;
    let counts = service.app().telemetry().counts();
    assert_eq!((counts.consumed, counts.quarantined, counts.gap()), (2, 2, 0));
    service.stop().await.expect("stopped");
}
