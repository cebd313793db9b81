//! One attempt at one endpoint, and what it means for the message.

use std::error::Error as _;
use std::sync::Once;
use std::time::Duration;

use models::event::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};

use super::endpoint::{Endpoint, literal_address};
use super::guard::GuardedResolver;
use super::sign::{ID_HEADER, MessageId, SIGNATURE_HEADER, TIMESTAMP_HEADER};

/// Most of a receiver's answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 4 * 1024;
/// Most of a receiver's answer, or of a failure, that is kept, in characters.
const MAX_DETAIL_CHARS: usize = 300;

/// How an attempt ended: the variant says what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx: the receiver has it.
    Delivered,
    /// 410: the receiver wants nothing more at this URL. Disable the endpoint.
    Gone,
    /// 429 or 503 with `retry-after`: leave the whole endpoint alone for that long.
    RetryAfter {
        /// How long, as the receiver asked: not bounded here.
        after: Duration,
        /// What the receiver said.
        detail: String,
    },
    /// The endpoint could not take anything: no connection, no answer in time, 408, 425, 429 or 5xx. Try again.
    Unavailable {
        /// What went wrong.
        detail: String,
    },
    /// 3xx or another 4xx: the receiver is there and does not want this message, or is misconfigured. A revocation must
    /// not be lost to one wrong answer during somebody's deployment, so it is tried again as well; but it no longer
    /// holds back others.
    Rejected {
        /// What the receiver said.
        detail: String,
    },
}

impl Outcome {
    /// The value of the metric label `outcome`.
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Gone => "gone",
            Outcome::RetryAfter { .. } => "throttled",
            Outcome::Unavailable { .. } => "unavailable",
            Outcome::Rejected { .. } => "rejected",
        }
    }

    /// What went wrong, for people; escaped and bounded. `None` if nothing did.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Outcome::Delivered => None,
            Outcome::Gone => Some("410 Gone: the receiver wants nothing more at this URL"),
            Outcome::RetryAfter { detail, .. } | Outcome::Unavailable { detail } | Outcome::Rejected { detail } => {
                Some(detail)
            }
        }
    }
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client for webhook `{name}`: {detail}; check the system's certificate store")]
pub struct SenderError {
    name: Box<str>,
    detail: String,
}

/// Sends to one endpoint. Follows no redirect, uses no proxy, and connects only where the endpoint's guard allows.
#[derive(Debug, Clone)]
pub struct Sender {
    endpoint: Endpoint,
    client: Client,
}

impl Sender {
    /// A sender with connections of its own, so that endpoints share nothing.
    ///
    /// Receivers' certificates are checked against the system's store (or what `SSL_CERT_FILE` names).
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(endpoint: Endpoint) -> Result<Self, SenderError> {
        install_crypto();
        let client = Client::builder()
            .user_agent(concat!("driftwatch/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .https_only(endpoint.url().scheme() == "https")
            .timeout(endpoint.timeout())
            .pool_idle_timeout(Duration::from_secs(30))
            .dns_resolver(GuardedResolver(endpoint.guard().clone()))
            .build()
            .map_err(|error| SenderError { name: endpoint.name().into(), detail: chain(&error) })?;
        Ok(Self { endpoint, client })
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Makes one attempt, signed for `now`.
    pub async fn deliver(&self, id: &MessageId, body: String, now: Timestamp) -> Outcome {
        if let Some(refused) = literal_address(self.endpoint.url()).and_then(|ip| self.endpoint.guard().check(ip).err())
        {
            return Outcome::Unavailable { detail: bounded(&refused.to_string()) };
        }
        let request =
            self.client.post(self.endpoint.url().clone()).headers(self.headers(id, &body, now.as_seconds())).body(body);
        match request.send().await {
            Ok(response) => judge(response, now).await,
            Err(error) => Outcome::Unavailable { detail: bounded(&chain(&error.without_url())) },
        }
    }

    /// Whether the receiver can be reached: name, guard, connection and TLS. Asks `HEAD /`, which tells it of no event; any
    /// answer will do.
    ///
    /// # Errors
    /// What went wrong, for people; escaped and bounded.
    pub async fn probe(&self) -> Result<(), String> {
        let mut url = self.endpoint.url().clone();
        if let Some(refused) = literal_address(&url).and_then(|ip| self.endpoint.guard().check(ip).err()) {
            return Err(bounded(&refused.to_string()));
        }
        // A path may hold a secret.
        url.set_path("/");
        url.set_query(None);
        match self.client.head(url).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(bounded(&chain(&error.without_url()))),
        }
    }

    fn headers(&self, id: &MessageId, body: &str, timestamp: i64) -> HeaderMap {
        let signature = self.endpoint.signer().sign(id, timestamp, body.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(TIMESTAMP_HEADER, HeaderValue::from(timestamp));
        // Both are ASCII by construction: an id is checked, a signature is base64.
        for (name, value) in [(ID_HEADER, id.as_str()), (SIGNATURE_HEADER, signature.as_str())] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// Makes ring the process's TLS provider, once; whoever comes first wins.
pub fn install_crypto() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // `Err` says that one is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

async fn judge(response: Response, now: Timestamp) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Delivered;
    }
    if status == StatusCode::GONE {
        return Outcome::Gone;
    }
    let after = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
    let detail = bounded(&format!("{status}: {}", answer(response).await));
    match (status, after) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(after)) => {
            Outcome::RetryAfter { after, detail }
        }
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY, _) => {
            Outcome::Unavailable { detail }
        }
        _ if status.is_server_error() => Outcome::Unavailable { detail },
        _ => Outcome::Rejected { detail },
    }
}

/// RFC 9110, section 10.2.3: whole seconds, or a date. A date in the past means now.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::from_secs(u64::try_from(at.as_second().saturating_sub(now.as_seconds())).unwrap_or(0)))
}

/// The beginning of an answer's body. The client's timeout covers reading it.
async fn answer(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_ANSWER_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend(chunk.iter().take(MAX_ANSWER_BYTES - bytes.len())),
            Ok(None) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The causes of an error, outermost first; the error itself says no more than that sending failed.
fn chain(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}

/// A receiver writes what it likes: control characters are escaped and the length is bounded.
fn bounded(text: &str) -> String {
    let mut out = String::new();
    for (at, character) in text.trim_end_matches([':', ' ']).chars().enumerate() {
        if at == MAX_DETAIL_CHARS {
            out.push('…');
            break;
        }
        match character {
            '\n' | '\r' | '\t' => out.push(' '),
            character if character.is_control() => out.extend(character.escape_default()),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests;
