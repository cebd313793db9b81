//! Signing in with a token, and out again.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::page::{PageError, render};
use crate::http::Web;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    next: String,
    refused: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoginQuery {
    next: String,
}

pub(super) async fn show(State(web): State<Web>, Query(query): Query<LoginQuery>) -> Result<Response, PageError> {
    if !web.gate.is_required() {
        return Ok(Redirect::to("/").into_response());
    }
    render(&LoginPage { next: local(&query.next).to_owned(), refused: false })
}

// No `Debug`: it holds a token.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    token: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn enter(State(web): State<Web>, Form(form): Form<LoginForm>) -> Result<Response, PageError> {
    let next = local(&form.next);
    let Some(cookie) = web.gate.login(form.token.trim()) else {
        let page = render(&LoginPage { next: next.to_owned(), refused: true })?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    };
    Ok(([(SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

pub(super) async fn leave(State(web): State<Web>, headers: HeaderMap) -> Response {
    ([(SET_COOKIE, web.gate.logout(&headers))], Redirect::to("/login")).into_response()
}

/// Where to go after signing in: a path of ours, and nothing that a browser could read as another host.
fn local(next: &str) -> &str {
    let safe =
        next.starts_with('/') && !next.starts_with("//") && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if safe { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_never_leads_to_another_site() {
        assert_eq!(local("/alerts/alt_1?x=%2F"), "/alerts/alt_1?x=%2F");
        for evil in ["", "https://evil", "//evil", "/\\evil", "/\tevil", "javascript:alert(1)"] {
            assert_eq!(local(evil), "/");
        }
    }
}
