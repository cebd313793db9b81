//! What was asked of the brokers, and what became of it.

use askama::Template;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use models::event::Timestamp;

use super::chrome::{Chrome, Place};
use super::format::{self, When};
use super::page::{PageError, render};
use super::row::{id, identity_href};
use super::text::{Shown, plain};
use super::timeline::{self, Timeline, subject};
use crate::http::records::revocations::{self, AuditEntry, RevocationRecord};
use crate::http::{
    Actor, RevocationQuery, Web, confirm_revocation, enable_endpoint, paging, resend_revocation, undo_revocation, url,
};
use crate::outbox::{self, Confirmation, EndpointHealth, EndpointState, RevocationState};

#[derive(Template)]
#[template(path = "revocations.html")]
struct RevocationsPage {
    chrome: Chrome,
    feed: i64,
    here: String,
    state: &'static str,
    endpoints: Vec<EndpointLine>,
    no_endpoints: &'static str,
    rows: Vec<RevocationLine>,
    empty: &'static str,
    more: Option<String>,
}

struct EndpointLine {
    name: Shown,
    enable: Option<String>,
    origin: Shown,
    health: &'static str,
    class: &'static str,
    pending: String,
    oldest: Option<When>,
    last_success: Option<When>,
    failures: String,
    error: Option<Shown>,
    error_at: Option<When>,
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
    story: Timeline,
}

pub(super) async fn show(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<RevocationQuery>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(query) = query?;
    let state = query.state()?;
    let (cursor, limit) = paging(query.cursor.as_deref(), query.limit)?;
    let endpoints = web.app.config().webhooks.clone();
    let read = web.app.read(move |conn| {
        let page = revocations::list(conn, state, cursor.as_ref(), limit)?;
        let stories = page.rows.iter().map(|r| revocations::audit(conn, &r.revocation.id.0));
        let stories = stories.collect::<Result<Vec<_>, _>>()?;
        Ok((page, stories, outbox::health(conn, &endpoints)?))
    });
    let (page, stories, endpoints) = read.await?;
    let now = web.app.now();
    let (chrome, _) = Chrome::load(&web, &actor, Place::Revocations).await;
    let state = state.map_or("", RevocationState::as_str);
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

fn endpoint(e: &EndpointHealth, now: Timestamp) -> EndpointLine {
    let (health, class) = match e.state {
        EndpointState::Idle => ("nothing sent yet", "plain"),
        EndpointState::Healthy => ("delivering", "ok"),
        EndpointState::Failing => ("failing, tries again", "bad"),
        EndpointState::Disabled => ("answered 410: disabled", "bad"),
    };
    EndpointLine {
        name: Shown::line(&e.name),
        enable: (e.state == EndpointState::Disabled).then(|| url::encode(&e.name)),
        origin: Shown::line(&e.origin),
        health,
        class,
        pending: format::count(e.pending),
        oldest: e.oldest_pending_at.map(|at| When::from_millis(at, now)),
        last_success: e.last_success_at.map(|at| When::from_millis(at, now)),
        failures: format::count(u64::from(e.consecutive_failures)),
        error: e.last_error.as_deref().map(Shown::line),
        error_at: e.last_error_at.map(|at| When::from_millis(at, now)),
    }
}

fn line(record: &RevocationRecord, audit: &[AuditEntry], now: Timestamp) -> RevocationLine {
    let revocation = &record.revocation;
    RevocationLine {
        id: id(&revocation.id.0),
        state: timeline::state_name(record.state),
        class: timeline::class(record.state),
        requested: When::from_millis(record.requested_at_ms, now),
        identity: Shown::brief(&revocation.identity),
        identity_title: plain(&revocation.identity),
        identity_href: identity_href(&revocation.tenant, &revocation.identity),
        subject: subject(&revocation.subject),
        alert: id(&revocation.alert.0),
        reason: Shown::brief_sentence(&revocation.reason),
        story: Timeline::new(record, audit, now),
    }
}

pub(super) async fn confirm(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    confirm_revocation(&web.app, &actor, &id, Confirmation::Revoked).await?;
    Ok(back(&id))
}

pub(super) async fn undo(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    undo_revocation(&web.app, &actor, &id, "taken back in the console".to_owned()).await?;
    Ok(back(&id))
}

pub(super) async fn resend(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    resend_revocation(&web.app, &actor, &id).await?;
    Ok(back(&id))
}

pub(super) async fn enable(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    enable_endpoint(&web.app, &actor, &name).await?;
    Ok(Redirect::to("/revocations").into_response())
}

fn back(revocation: &str) -> Response {
    Redirect::to(&format!("/revocations#{}", id(revocation))).into_response()
}
