//! A receiver on a real socket that answers as told and remembers what it got.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, watch};

const RAW_SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// A `[[webhook]]` table for a receiver on loopback.
pub(super) fn config(name: &str, url: &str) -> String {
    let secret = STANDARD.encode(RAW_SECRET);
    format!("[[webhook]]\nname = '{name}'\nurl = '{url}'\nsecret = 'whsec_{secret}'\nallow_private = ['127.0.0.0/8']\n")
}

/// One request as it came.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) timestamp: i64,
    pub(super) signature: String,
    pub(super) body: String,
}

impl Request {
    /// Checks the signature with HMAC as RFC 2104 spells it out: nothing of the code under test.
    pub(super) fn is_genuine(&self) -> bool {
        let pad = |byte: u8| -> Vec<u8> { (0..64).map(|at| RAW_SECRET.get(at).copied().unwrap_or(0) ^ byte).collect() };
        let content = format!("{}.{}.{}", self.id, self.timestamp, self.body);
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(content).finalize();
        let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
        self.signature == format!("v1,{}", STANDARD.encode(outer))
    }
}

pub(super) struct Receiver {
    url: String,
    count: Arc<AtomicUsize>,
    requests: mpsc::UnboundedReceiver<Request>,
    open: watch::Sender<bool>,
}

impl Receiver {
    /// Answers with these statuses in turn; the last one for ever.
    pub(super) async fn answering(statuses: &'static [u16]) -> Self {
        Self::start(statuses, None, true).await
    }

    /// The same, with a `retry-after` on each answer.
    pub(super) async fn answering_with(statuses: &'static [u16], retry_after: &'static str) -> Self {
        Self::start(statuses, Some(retry_after), true).await
    }

    /// Takes requests and answers none until it is released; then 204.
    pub(super) async fn silent() -> Self {
        Self::start(&[204], None, false).await
    }

    async fn start(statuses: &'static [u16], retry_after: Option<&'static str>, open: bool) -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let (seen, requests) = mpsc::unbounded_channel();
        let (opened, open_to_all) = (watch::Sender::new(open), Arc::clone(&count));
        let gate = opened.subscribe();
        let hook = move |headers: HeaderMap, body: String| async move {
            let at = open_to_all.fetch_add(1, Ordering::SeqCst);
            let header = |name: &str| headers[name].to_str().unwrap().to_owned();
            let request = Request {
                id: header("webhook-id"),
                timestamp: header("webhook-timestamp").parse().unwrap(),
                signature: header("webhook-signature"),
                body,
            };
            seen.send(request).unwrap();
            gate.clone().wait_for(|open| *open).await.unwrap();
            let status = StatusCode::from_u16(statuses[at.min(statuses.len() - 1)]).unwrap();
            (status, [(header::RETRY_AFTER, retry_after.unwrap_or("never"))])
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().route("/hook", post(hook));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, count, requests, open: opened }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// How many requests came.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// The next request that came already.
    pub(super) fn next(&mut self) -> Request {
        self.requests.try_recv().unwrap()
    }

    /// The next request, as soon as it comes.
    pub(super) async fn arrived(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }

    /// Answers from now on.
    pub(super) fn release(&self) {
        self.open.send_replace(true);
    }
}
