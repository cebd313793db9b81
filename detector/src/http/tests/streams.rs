//! Streams: order, resuming, limits and the end.

use std::pin::Pin;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures_core::Stream;
use tokio::sync::watch;

use crate::http::fixture::{Fixture, alert, revoked};
use crate::http::router_until;

/// One event of a stream: its name, id and data.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    event: String,
    id: String,
    data: String,
}

struct Client {
    body: BodyDataStream,
    text: String,
}

impl Client {
    async fn open(fixture: &Fixture, path: &str, last: Option<&str>) -> Self {
        let mut request = Request::get(path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = fixture.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Seen> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let lines = block.lines().filter_map(|l| l.strip_prefix(name));
                    lines.map(|l| l.trim_start_matches(':').trim_start()).collect::<Vec<_>>().join("\n")
                };
                let seen = Seen { event: field("event"), id: field("id"), data: field("data") };
                self.text = rest.to_owned();
                if seen.event.is_empty() {
                    continue;
                }
                return Some(seen);
            }
            let chunk = std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_next(cx)).await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn id_of_next(&mut self, event: &str) -> String {
        let seen = self.next().await.unwrap();
        assert_eq!(seen.event, event, "{seen:?}");
        let data: serde_json::Value = serde_json::from_str(&seen.data).unwrap();
        data["id"].as_str().unwrap().to_owned()
    }
}

fn id(n: u32) -> String {
    format!("alt_{n:032x}")
}

#[tokio::test]
async fn a_stream_resumes_behind_the_last_event_that_arrived() {
    let fixture = Fixture::new();
    fixture.alert(alert(1));
    let mut client = Client::open(&fixture, "/v1/stream", None).await;
    let ready = client.next().await.unwrap();
    assert_eq!((&*ready.event, &*ready.id), ("ready", "1"), "what is there already is not sent without `after`");
    fixture.alert(alert(2));
    fixture.commit(revoked(alert(3)));
    assert_eq!(client.id_of_next("alert").await, id(2));
    let last = client.next().await.unwrap();
    assert_eq!(last.event, "alert");
    drop(client);

    // Missed meanwhile: the revocation, a new alert, and two updates of one alert, of which the newest counts.
    fixture.alert(alert(4));
    fixture.alert(alert(2));
    let mut changed = alert(2);
    changed.closed = true;
    fixture.alert(changed);
    let mut client = Client::open(&fixture, "/v1/stream?after=0", Some(&last.id)).await;
    assert_eq!(client.next().await.unwrap().event, "ready");
    assert_eq!(client.id_of_next("revocation").await, format!("rev_{:032x}", 3));
    assert_eq!(client.id_of_next("alert").await, id(4));
    let update = client.next().await.unwrap();
    assert!(update.data.contains(&id(2)) && update.data.contains("\"closed\":true"), "{update:?}");
    fixture.alert(alert(5));
    assert_eq!(client.id_of_next("alert").await, id(5), "nothing twice, and the stream goes on");
}

#[tokio::test]
async fn a_long_backlog_comes_in_order_and_whole() {
    let fixture = Fixture::new();
    for n in 0..300 {
        fixture.alert(alert(n));
    }
    let mut client = Client::open(&fixture, "/v1/stream?after=0", None).await;
    client.next().await.unwrap();
    for n in 0..300 {
        assert_eq!(client.id_of_next("alert").await, id(n));
    }
}

#[tokio::test]
async fn only_what_passes_the_filter_is_sent() {
    let fixture = Fixture::new();
    let mut client = Client::open(&fixture, "/v1/stream?after=0&tenant=other", None).await;
    client.next().await.unwrap();
    fixture.alert(alert(1));
    let mut other = alert(2);
    other.tenant = "other".into();
    fixture.alert(other);
    assert_eq!(client.id_of_next("alert").await, id(2));
}

#[tokio::test]
async fn a_position_of_another_database_is_answered_with_reset() {
    let fixture = Fixture::new();
    let mut client = Client::open(&fixture, "/v1/stream?after=99", None).await;
    let opening = client.next().await.unwrap();
    assert_eq!((&*opening.event, &*opening.data), ("reset", "0"));
}

#[tokio::test]
async fn rows_of_the_console_come_with_their_filter_and_go_when_it_no_longer_fits() {
    let fixture = Fixture::new();
    let mut client = Client::open(&fixture, "/live?after=0", None).await;
    client.next().await.unwrap();
    fixture.alert(alert(1));
    let row = client.next().await.unwrap();
    assert_eq!(row.event, "row");
    assert!(row.data.contains("<tr id=\"alt_") && !row.data.contains("<html"), "{}", row.data);
    fixture.post(&format!("/v1/alerts/{}/verdict", id(1)), r#"{"verdict":"true"}"#).await;
    let gone = client.next().await.unwrap();
    assert_eq!((&*gone.event, &*gone.data), ("gone", &*id(1)));
}

#[tokio::test]
async fn one_stream_too_many_is_refused_and_room_comes_back() {
    let fixture = Fixture::new();
    let mut open = Vec::new();
    for _ in 0..256 {
        open.push(Client::open(&fixture, "/v1/stream", None).await);
    }
    let (status, body) = fixture.get("/v1/stream").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("256"), "{body}");
    open.clear();
    // The tasks of the closed streams notice on their own.
    loop {
        let request = Request::get("/v1/stream").body(Body::empty()).unwrap();
        if fixture.send(request).await.status() == StatusCode::OK {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn streams_end_when_the_service_closes() {
    let mut fixture = Fixture::new();
    let (close, closing) = watch::channel(false);
    fixture.router = router_until(fixture.app.clone(), closing);
    let mut client = Client::open(&fixture, "/v1/stream", None).await;
    client.next().await.unwrap();
    close.send(true).unwrap();
    assert_eq!(client.next().await, None);
}
