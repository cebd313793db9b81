//! `POST /v1/events`: answered with 202 only when the events are durable.

mod problem;
mod split;
mod unpack;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use models::event::Rejection;
use serde::Serialize;

use super::Envelope;
use super::inbox;
use super::ingest::Refused;
use crate::app::App;
use problem::Problem;
use split::{Form, split};

/// Most events of one request: an array of a million nothings must not become a million rows.
const MAX_EVENTS: usize = 10_000;
/// Most rejections that the answer explains.
const MAX_EXPLAINED: usize = 10;

/// The route that events are sent to.
pub fn routes() -> Router<App> {
    Router::new().route("/v1/events", post(accept))
}

/// What became of a request.
#[derive(Debug, Serialize)]
struct Receipt {
    /// Events that will be scored.
    accepted: usize,
    /// Input that is no event: set aside, and not to be sent again as it is.
    quarantined: usize,
    /// Place of the first event in the inbox.
    first: i64,
    /// Place of the last event in the inbox.
    last: i64,
    /// Why input is no event, for the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejections: Vec<Explained>,
}

#[derive(Debug, Serialize)]
struct Explained {
    /// Index in the request, from 0.
    index: usize,
    #[serde(flatten)]
    rejection: Reason,
}

#[derive(Debug, Serialize)]
struct Reason {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    detail: String,
}

impl From<Rejection> for Reason {
    fn from(rejection: Rejection) -> Self {
        Self { code: rejection.code.as_str(), field: rejection.field, detail: rejection.detail }
    }
}

async fn accept(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let limits = &app.config().source.http;
    let backlog = app.ingest().newest() + 1 - taken(&app);
    if backlog >= i64::from(limits.max_backlog_events) {
        return Err(Problem::busy(&Refused::Full));
    }
    let limit = limits.max_request_bytes;
    let headers = request.headers().clone();
    let body = read(request, limit).await?;
    // Unpacking and decoding a large request takes milliseconds, which the async threads do not have.
    let checked = tokio::task::spawn_blocking(move || check(&headers, &body, limit));
    let checked = checked.await.map_err(|_| Problem::busy(&Refused::Stopping))??;
    let events = checked.events.len();
    let range = app.ingest().append(checked.events, app.now_ms()).await.map_err(|e| Problem::busy(&e))?;
    let receipt = Receipt {
        accepted: events - checked.quarantined,
        quarantined: checked.quarantined,
        first: range.first,
        last: range.last,
        rejections: checked.rejections,
    };
    Ok((StatusCode::ACCEPTED, Json(receipt)).into_response())
}

/// The next place of the inbox that is not taken yet.
fn taken(app: &App) -> i64 {
    app.committed().borrow().get(&(inbox::NAME.into(), 0)).copied().unwrap_or(1)
}

async fn read(mut request: Request, limit: usize) -> Result<Bytes, Problem> {
    DefaultBodyLimit::max(limit).apply(&mut request);
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(limit),
        _ => Problem::invalid("the request ended early; send it again"),
    })
}

struct Checked {
    events: Vec<Vec<u8>>,
    quarantined: usize,
    rejections: Vec<Explained>,
}

/// Unpacks a request, takes it apart and looks at every event. What is no event is stored all the same: the engine thread
/// sets it aside, counted, at its place.
fn check(headers: &HeaderMap, body: &[u8], limit: usize) -> Result<Checked, Problem> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let body = unpack::unpack(body, text(header::CONTENT_ENCODING), limit)?;
    let envelope = Envelope::of(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let events = if envelope.is_binary() {
        vec![envelope.wrap(body.into_owned())]
    } else {
        split(Form::of(text(header::CONTENT_TYPE))?, &body, MAX_EVENTS)?
    };
    let mut checked = Checked { events, quarantined: 0, rejections: Vec::new() };
    for (index, event) in checked.events.iter().enumerate() {
        let Err(rejection) = Envelope::default().decode(event) else { continue };
        checked.quarantined += 1;
        if checked.rejections.len() < MAX_EXPLAINED {
            checked.rejections.push(Explained { index, rejection: rejection.into() });
        }
    }
    Ok(checked)
}
