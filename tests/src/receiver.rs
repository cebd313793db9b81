//! A webhook receiver as a broker service would write it: it trusts no request that it has not verified.

pub mod verify;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::eventually::PATIENCE;
use crate::http1::{Request, Server, answer};
use verify::{Key, Refusal, Scheme, verify};

/// How the receiver meets a request whose signature is good; a bad one always gets 401.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This status and no body.
    Status(u16),
    /// This status with `retry-after` in seconds.
    RetryAfter(u16, u64),
    /// 302 to this place.
    Redirect(String),
    /// No answer, and the connection stays open.
    Hang,
    /// The connection is closed without an answer.
    Close,
}

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// When, since the Unix epoch.
    pub at: Duration,
    /// Path it was sent to.
    pub path: String,
    /// Header values by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// The schemes whose signature was good, or why it was refused.
    pub verified: Result<Vec<Scheme>, Refusal>,
    /// How it was met.
    pub answer: Answer,
}

impl Delivery {
    /// The `webhook-id`, empty if there was none.
    pub fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).context("the body of a webhook is not JSON")
    }
}

#[derive(Debug)]
struct State {
    deliveries: Vec<Delivery>,
    next: VecDeque<Answer>,
    otherwise: Answer,
}

/// A running receiver. It keeps what it received across [`Receiver::stop`] and [`Receiver::resume`].
#[derive(Debug)]
pub struct Receiver {
    keys: Arc<[Key]>,
    state: watch::Sender<State>,
    address: SocketAddr,
    server: Option<Server>,
}

impl Receiver {
    /// Listens on a free loopback port; accepts what one of `keys` (`whsec_…` or `whpk_…`) has signed, with 204.
    pub async fn start(keys: &[&str]) -> Result<Self> {
        let keys = keys.iter().map(|key| Key::parse(key)).collect::<Result<_>>()?;
        let (state, _) =
            watch::channel(State { deliveries: Vec::new(), next: VecDeque::new(), otherwise: Answer::Status(204) });
        let mut receiver = Self { keys, state, address: ([127, 0, 0, 1], 0).into(), server: None };
        receiver.resume().await?;
        Ok(receiver)
    }

    /// Where webhooks go.
    pub fn url(&self) -> String {
        format!("http://{}/revoke", self.address)
    }

    /// Meets the next requests like this, one after the other, before the usual answer.
    pub fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.send_modify(|state| state.next.extend(answers));
    }

    /// Meets every request like this from now on.
    pub fn always(&self, answer: Answer) {
        self.state.send_modify(|state| state.otherwise = answer);
    }

    /// Goes away: connections are closed, new ones refused.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Comes back on the same port.
    pub async fn resume(&mut self) -> Result<()> {
        let (keys, state) = (Arc::clone(&self.keys), self.state.clone());
        let serve = move |request, stream| receive(Arc::clone(&keys), state.clone(), request, stream);
        let server = Server::start(self.address, serve).await?;
        self.address = server.address();
        self.server = Some(server);
        Ok(())
    }

    /// Everything that arrived, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state.borrow().deliveries.clone()
    }

    /// Waits until what arrived satisfies `enough`, and returns it.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Delivery]) -> bool) -> Result<Vec<Delivery>> {
        let mut arrivals = self.state.subscribe();
        let arrived = arrivals.wait_for(|state| enough(&state.deliveries));
        if let Ok(state) = tokio::time::timeout(PATIENCE, arrived).await {
            return Ok(state?.deliveries.clone());
        }
        let seen: Vec<_> = self.deliveries().iter().map(|d| (d.id().to_owned(), d.verified.clone())).collect();
        bail!("waited {PATIENCE:?} in vain for this webhook: {what}; arrived: {seen:?}")
    }
}

async fn receive(keys: Arc<[Key]>, state: watch::Sender<State>, request: Request, stream: TcpStream) -> Result<()> {
    let at = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let verified = verify(&keys, &request.headers, &request.body, at.as_secs());
    let mut met = Answer::Status(401);
    state.send_modify(|state| {
        if verified.is_ok() {
            met = state.next.pop_front().unwrap_or_else(|| state.otherwise.clone());
        }
        let Request { path, headers, body, .. } = request;
        state.deliveries.push(Delivery { at, path, headers, body, verified, answer: met.clone() });
    });
    match met {
        Answer::Status(status) => answer(stream, status, &[], b"").await,
        Answer::RetryAfter(status, seconds) => {
            answer(stream, status, &[("retry-after", &seconds.to_string())], b"").await
        }
        Answer::Redirect(place) => answer(stream, 302, &[("location", &place)], b"").await,
        Answer::Hang => std::future::pending().await,
        Answer::Close => Ok(()),
    }
}
