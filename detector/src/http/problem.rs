//! Errors of the API: problem details (RFC 9457) that say what to do.

use std::fmt;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::{Stopped, VerdictError};
use crate::store::StoreError;

/// One problem, as the caller sees it. What only the operator should see is logged where it is made.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        let kind = format!("urn:driftwatch:problem:{kind}");
        Self { kind, title, status: status.as_u16(), detail: detail.into(), retry_after: None }
    }

    /// A parameter or body cannot be understood.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-request", "The request cannot be understood", detail)
    }

    /// There is no such thing.
    pub(crate) fn unknown(what: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, &format!("unknown-{what}"), "There is no such thing", detail)
    }

    /// The thing is not in a state that allows this.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "This is not possible now", detail)
    }

    /// No valid token.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "send `Authorization: Bearer TOKEN` with a token whose hash is in http.token_hashes; \
                      `driftwatch token` makes one";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "A token is required", detail)
    }

    /// The request came from a page of another site, or asks for a host that we are not.
    pub(crate) fn foreign(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "foreign-origin", "The request comes from another site", detail)
    }

    /// Too many of this at once.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Try again later", detail);
        problem.retry_after = Some(5);
        problem
    }

    /// Nothing is served at this path.
    pub(crate) fn no_route() -> Self {
        Self::unknown("path", "nothing is served here; /openapi.json lists what is")
    }

    /// The path is there, but not with this method.
    pub(crate) fn no_method() -> Self {
        let detail = "the path does not take this method; /openapi.json lists which it takes";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "Wrong method", detail)
    }

    /// Something of ours failed; the reason is in the log.
    fn internal(inside: &dyn fmt::Display) -> Self {
        tracing::error!(error = %inside, "a request failed");
        let detail = "the reason is in the log of the service; try again, and report it if it stays";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The service failed", detail)
    }

    /// The status that it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// A few words.
    pub(crate) fn title(&self) -> &'static str {
        self.title
    }

    /// What to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Self::busy(error.to_string()),
            other => Self::internal(&other),
        }
    }
}

impl From<Stopped> for Problem {
    fn from(error: Stopped) -> Self {
        Self::busy(error.to_string())
    }
}

impl From<VerdictError> for Problem {
    fn from(error: VerdictError) -> Self {
        match error {
            VerdictError::Stopped(stopped) => stopped.into(),
            VerdictError::Unknown(_) => Self::unknown("alert", error.to_string()),
            VerdictError::Store(_) => Self::internal(&error),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let mut problem = Self::invalid(rejection.body_text());
        problem.status = rejection.status().as_u16();
        problem
    }
}
