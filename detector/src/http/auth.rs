//! Who may come in: bearer tokens for programs, a session cookie for people, and nobody's pages on their behalf.
//!
//! With `http.token_hashes` set, every request needs a token (or the cookie that a login with one gives). Without, only
//! loopback may be listened on, and the names that browsers may use for us are limited to loopback too: otherwise any
//! page could rebind its own name to 127.0.0.1 and read alerts.

mod origin;
mod session;

use std::slice;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::problem::Problem;
use super::url;
use crate::keys::{TokenHash, verify_token};

/// Most bytes of a token that are looked at.
const MAX_TOKEN: usize = 512;

/// Who makes a request, as the audit names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    /// The name in the audit.
    pub(crate) name: String,
    /// Whether a session was opened that can be closed again.
    pub(crate) session: bool,
}

/// The tokens that are valid, and the sessions opened with them.
#[derive(Debug)]
pub(crate) struct Gate {
    tokens: Vec<TokenHash>,
    required: bool,
    secure: bool,
    sessions: session::Sessions,
}

impl Gate {
    /// A gate for the hashes of the configuration. A hash that cannot be read admits nobody.
    pub(crate) fn new(hashes: &[String], secure: bool) -> Arc<Self> {
        let tokens = hashes.iter().filter_map(|h| h.parse().ok()).collect();
        Arc::new(Self { tokens, required: !hashes.is_empty(), secure, sessions: session::Sessions::default() })
    }

    /// Whether a token is required at all.
    pub(crate) fn is_required(&self) -> bool {
        self.required
    }

    /// Opens a session for a valid token: the `Set-Cookie` value.
    pub(crate) fn login(&self, token: &str) -> Option<HeaderValue> {
        let actor = self.by_token(token)?;
        let id = self.sessions.open(actor.name)?;
        HeaderValue::from_str(&session::cookie(&id, self.secure)).ok()
    }

    /// Closes the session of a request: the `Set-Cookie` value that removes the cookie.
    pub(crate) fn logout(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(id) = session_id(headers) {
            self.sessions.close(id);
        }
        session::no_cookie()
    }

    fn by_token(&self, token: &str) -> Option<Actor> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        // Every hash is compared, each in constant time, so that neither time nor order tells which was close.
        let mut found = None;
        for known in &self.tokens {
            if verify_token(token, slice::from_ref(known)) {
                found = Some(known);
            }
        }
        found.map(|known| Actor { name: name_of(known), session: false })
    }

    /// Who makes this request, if it brings something valid.
    fn admit(&self, headers: &HeaderMap) -> Option<Actor> {
        if !self.required {
            return Some(Actor { name: "local".to_owned(), session: false });
        }
        if let Some(token) = bearer(headers) {
            return self.by_token(token);
        }
        let name = self.sessions.holder(session_id(headers)?)?;
        Some(Actor { name, session: true })
    }
}

/// What the audit calls the holder of a token: the first digits of its hash tell tokens apart and give nothing away.
fn name_of(hash: &TokenHash) -> String {
    let digits: String = hash.to_string().chars().skip("sha256:".len()).take(8).collect();
    format!("token {digits}")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn session_id(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    cookies.flat_map(|all| all.split(';')).find_map(|pair| pair.trim().strip_prefix(session::NAME)?.strip_prefix('='))
}

/// Paths that anybody may ask for: probes, the description of the API, and what the login page needs.
fn is_open(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/openapi.json" | "/login") || path.starts_with("/assets/")
}

/// Lets a request through with its [`Actor`] attached, or answers it.
pub(crate) async fn guard(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !gate.required && !origin::is_loopback_name(headers) {
        let detail = "without http.token_hashes this service answers only as localhost, 127.0.0.1 or [::1]";
        return Problem::foreign(detail).into_response();
    }
    let by_program = bearer(headers).is_some();
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // A program that sends a token means it; a browser sends cookies for whatever page asks.
    if changes && !by_program && !origin::is_own(headers, gate.required) {
        let detail =
            "a change asked for by a browser must come from the console itself; a program sends a bearer token";
        return Problem::foreign(detail).into_response();
    }
    match gate.admit(headers) {
        Some(actor) => {
            request.extensions_mut().insert(actor);
        }
        None if is_open(request.uri().path()) => {}
        None => return turn_away(&request),
    }
    next.run(request).await
}

fn turn_away(request: &Request) -> Response {
    let path = request.uri().path();
    let is_page = request.method() == Method::GET && !path.starts_with("/v1/") && path != "/metrics" && path != "/live";
    if !is_page {
        return Problem::unauthenticated().into_response();
    }
    let asked = request.uri().path_and_query().map_or(path, |p| p.as_str());
    let login = format!("/login?next={}", url::encode(asked));
    if request.headers().contains_key("hx-request") {
        // A part of a page cannot follow a redirect: the whole page has to.
        let Ok(target) = HeaderValue::from_str(&login) else { return Problem::unauthenticated().into_response() };
        return ([("hx-redirect", target)], ()).into_response();
    }
    Redirect::to(&login).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Token;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn only_a_configured_token_is_admitted() {
        let token = Token::generate().unwrap();
        let gate = Gate::new(&[token.hash().to_string()], true);
        let admit = |value: &str| gate.admit(&headers(&[("authorization", value)])).map(|actor| actor.name);
        assert_eq!(admit(&format!("Bearer {}", token.reveal())), Some(name_of(&token.hash())));
        assert_eq!(admit(&format!("bearer {}x", token.reveal())), None);
        assert_eq!(admit(&format!("Basic {}", token.reveal())), None);
        assert_eq!(gate.admit(&headers(&[])), None);
    }

    #[test]
    fn a_hash_that_cannot_be_read_closes_the_gate() {
        let gate = Gate::new(&["not a hash".to_owned()], true);
        assert_eq!(gate.admit(&headers(&[])), None);
        assert_eq!(gate.admit(&headers(&[("authorization", "Bearer not a hash")])), None);
    }

    #[test]
    fn a_session_lasts_until_logout() {
        let token = Token::generate().unwrap();
        let gate = Gate::new(&[token.hash().to_string()], true);
        assert!(gate.login("wrong").is_none());
        let cookie = gate.login(token.reveal()).unwrap();
        let cookie = cookie.to_str().unwrap();
        for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let request = headers(&[("cookie", &format!("a=b; {}", cookie.split(';').next().unwrap()))]);
        assert!(gate.admit(&request).unwrap().session);
        gate.logout(&request);
        assert_eq!(gate.admit(&request), None);
    }
}
