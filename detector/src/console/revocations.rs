//! What was asked of the brokers, and what became of it.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use models::event::Timestamp;
use serde::Deserialize;

use super::chrome::{Chrome, Place};
use super::format::{self, When};
use super::page::{PageError, render};
use super::row::{id, identity_href};
use super::text::{Shown, plain};
use super::timeline::{self, Timeline, subject};
use crate::http::problem::Problem;
use crate::http::records::revocations::{self, AuditEntry, EndpointHealth, RevocationRecord};
use crate::http::{Actor, Web, paging};

/// The states of a revocation.
pub(crate) const STATES: [&str; 7] =
    ["requested", "delivered", "confirmed", "still_used", "failed", "expired", "undone"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    state: Option<String>,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "revocations.html")]
struct RevocationsPage {
    chrome: Chrome,
    feed: i64,
    here: String,
    state: String,
    endpoints: Vec<EndpointLine>,
    no_endpoints: &'static str,
    rows: Vec<RevocationLine>,
    empty: &'static str,
    more: Option<String>,
}

struct EndpointLine {
    name: Shown,
    health: &'static str,
    class: &'static str,
    pending: String,
    delivered: String,
    failed: String,
    expired: String,
    last_delivered: Option<When>,
    error: Option<Shown>,
}

struct RevocationLine {
    id: String,
    state: &'static str,
    class: &'static str,
    requested: When,
    identity: Shown,
    identity_title: String,
    identity_href: String,
    subject: Shown,
    alert: String,
    reason: Shown,
    r: Timeline,
}

pub(super) async fn show(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    Query(query): Query<ListQuery>,
) -> Result<Response, PageError> {
    let state = known_state(query.state)?;
    let (cursor, limit) = paging(query.cursor.as_deref(), None)?;
    let wanted = state.clone();
    let read = web.app.read(move |conn| {
        let page = revocations::list(conn, wanted.as_deref(), cursor.as_ref(), limit)?;
        let stories = page.rows.iter().map(|r| revocations::audit(conn, &r.revocation.id.0));
        let stories = stories.collect::<Result<Vec<_>, _>>()?;
        Ok((page, stories, revocations::endpoints(conn)?))
    });
    let (page, stories, mut endpoints) = read.await?;
    add_idle(&mut endpoints, web.app.config().webhooks.iter().map(|w| w.name.clone()));
    let now = web.app.now();
    let (chrome, _) = Chrome::load(&web, &actor, Place::Revocations).await;
    let state = state.unwrap_or_default();
    render(&RevocationsPage {
        chrome,
        feed: page.feed,
        here: format!("/revocations?state={state}"),
        endpoints: endpoints.iter().map(|e| endpoint(e, now)).collect(),
        no_endpoints: "No webhook is configured, so there is nobody to ask; add a [[webhook]] table.",
        rows: page.rows.iter().zip(&stories).map(|(r, audit)| line(r, audit, now)).collect(),
        empty: "A revocation appears here when the evidence, the budget and the policy of an identity allow one.",
        more: page.next.map(|next| format!("/revocations?state={state}&cursor={}", next.encode())),
        state,
    })
}

/// A state from a URL.
pub(crate) fn known_state(state: Option<String>) -> Result<Option<String>, Problem> {
    match state.filter(|s| !s.is_empty()) {
        Some(other) if !STATES.contains(&other.as_str()) => {
            Err(Problem::invalid(format!("`state` must be one of {}", STATES.join(", "))))
        }
        state => Ok(state),
    }
}

/// Endpoints of the configuration that have had nothing to do yet.
fn add_idle(endpoints: &mut Vec<EndpointHealth>, configured: impl Iterator<Item = String>) {
    for name in configured {
        if !endpoints.iter().any(|e| e.endpoint == name) {
            endpoints.push(EndpointHealth::idle(name));
        }
    }
}

fn endpoint(e: &EndpointHealth, now: Timestamp) -> EndpointLine {
    let (health, class) = match e {
        e if e.pending > 0 && e.pending_error.is_some() => ("retrying", "bad"),
        e if e.pending > 0 => ("sending", "wait"),
        e if e.failed + e.expired > 0 => ("gave up on some", "bad"),
        e if e.delivered > 0 => ("delivering", "ok"),
        _ => ("nothing to do yet", "plain"),
    };
    EndpointLine {
        name: Shown::line(&e.endpoint),
        health,
        class,
        pending: format::count(e.pending),
        delivered: format::count(e.delivered),
        failed: format::count(e.failed),
        expired: format::count(e.expired),
        last_delivered: e.last_delivered_at_ms.map(|at| When::from_millis(at, now)),
        error: e.pending_error.as_deref().map(Shown::line),
    }
}

fn line(record: &RevocationRecord, audit: &[AuditEntry], now: Timestamp) -> RevocationLine {
    let revocation = &record.revocation;
    RevocationLine {
        id: id(&revocation.id.0),
        state: timeline::state_name(&record.state),
        class: timeline::class(&record.state),
        requested: When::from_millis(record.requested_at_ms, now),
        identity: Shown::brief(&revocation.identity),
        identity_title: plain(&revocation.identity),
        identity_href: identity_href(&revocation.tenant, &revocation.identity),
        subject: subject(&revocation.subject),
        alert: id(&revocation.alert.0),
        reason: Shown::brief_sentence(&revocation.reason),
        r: Timeline::new(record, audit, now),
    }
}

pub(super) async fn confirm(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    crate::http::confirm(&web.app, &actor, &id).await?;
    Ok(back(&id))
}

pub(super) async fn undo(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    crate::http::undo(&web.app, &actor, &id).await?;
    Ok(back(&id))
}

fn back(revocation: &str) -> Response {
    Redirect::to(&format!("/revocations#{}", id(revocation))).into_response()
}
