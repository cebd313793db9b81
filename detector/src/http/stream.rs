//! Server-sent events: the change feed as a stream that resumes where it broke off.
//!
//! Each stream is one task that reads the feed after its position and hands events to the connection through a small
//! channel. When that is full for [`PATIENCE`], the client is too slow: the stream ends, and the client comes back with
//! `Last-Event-ID`. Nothing is buffered for it meanwhile, since the feed is in the database.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::Web;
use super::problem::Problem;
use super::records::feed::{self, Change};

/// Most streams at once: each costs a task and, while it catches up, a read of the database.
const MOST: usize = 256;
/// Changes read at once.
const BATCH: u32 = 128;
/// Events waiting for one connection.
const BUFFER: usize = 64;
/// How long a full connection is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the client waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);
/// Comments on an idle stream, so that proxies keep it and dead clients show.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Room for streams, and the sign that the service is closing.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    room: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

impl Streams {
    /// Streams that end when `closing` turns true.
    pub(crate) fn new(closing: watch::Receiver<bool>) -> Self {
        Self { room: Arc::new(Semaphore::new(MOST)), closing }
    }
}

/// What a stream makes of the changes it reads: runs on the read connection, in feed order.
pub(crate) trait Render: Clone + Send + Sync + 'static {
    /// One event for each change that the client is to see.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn render(&self, conn: &rusqlite::Connection, change: &Change) -> rusqlite::Result<Option<Event>>;
}

/// Where a client wants to go on: `Last-Event-ID`, which browsers send when they reconnect, before `?after=`.
pub(crate) fn position(headers: &HeaderMap, after: Option<i64>) -> Option<i64> {
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    last.or(after)
}

/// A stream of what changes after a position; of what changes from now on without one.
///
/// Opens with `event: ready`, whose id is the position the stream starts at. A position ahead of the feed comes from
/// another database: then the stream opens with `event: reset`, and the client should load everything again.
pub(crate) async fn open(web: Web, after: Option<i64>, render: impl Render) -> Result<Response, Problem> {
    let permit = Arc::clone(&web.streams.room)
        .try_acquire_owned()
        .map_err(|_| Problem::busy(format!("{MOST} streams are open, the most there may be; close some")))?;
    let newest = web.app.read(feed::newest).await?;
    let (opening, start) = match after {
        Some(seq) if seq <= newest => ("ready", seq),
        Some(_) => ("reset", newest),
        None => ("ready", newest),
    };
    let (events, received) = mpsc::channel(BUFFER);
    let opening = Event::default().event(opening).id(start.to_string()).retry(RETRY).data(start.to_string());
    // The channel is new: it has room.
    let _ = events.try_send(opening);
    tokio::spawn(follow(web, start, render, events, permit));
    let mut response = Sse::new(Received(received)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Sends changes until the client goes away, is too slow, or the service closes.
async fn follow(
    web: Web,
    mut seq: i64,
    render: impl Render,
    events: mpsc::Sender<Event>,
    _permit: OwnedSemaphorePermit,
) {
    let mut moved = web.app.feed();
    let mut closing = web.streams.closing.clone();
    loop {
        moved.mark_unchanged();
        let caught_up = tokio::select! {
            sent = send_batch(&web, &mut seq, &render, &events) => sent,
            () = closed(&mut closing) => return,
        };
        match caught_up {
            None => return,
            Some(false) => continue,
            Some(true) => {}
        }
        tokio::select! {
            changed = moved.changed() => if changed.is_err() { return },
            () = events.closed() => return,
            () = closed(&mut closing) => return,
        }
    }
}

/// Returns when the service closes; never where nobody can close it.
async fn closed(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|closing| *closing).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Sends the next changes; whether there are no more, or `None` when the stream is over.
async fn send_batch<R: Render>(web: &Web, seq: &mut i64, render: &R, events: &mpsc::Sender<Event>) -> Option<bool> {
    let (from, rendering) = (*seq, render.clone());
    let read = web.app.read(move |conn| {
        let changes = feed::after(conn, from, BATCH)?;
        let rendered: Vec<_> = changes
            .iter()
            .map(|change| Ok(rendering.render(conn, change)?.map(|event| event.id(change.seq.to_string()))))
            .collect::<rusqlite::Result<_>>()?;
        Ok((changes.len() < BATCH as usize, changes.last().map(|c| c.seq), rendered))
    });
    let (caught_up, last, rendered) = match read.await {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(%error, "a stream ended");
            return None;
        }
    };
    for event in rendered.into_iter().flatten() {
        events.send_timeout(event, PATIENCE).await.ok()?;
    }
    *seq = last.unwrap_or(from);
    Some(caught_up)
}

/// The receiving end as a stream.
struct Received(mpsc::Receiver<Event>);

impl Stream for Received {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
