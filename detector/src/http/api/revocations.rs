//! `/v1/revocations` and `/v1/endpoints`: what was asked of the brokers, their answers, and what people do about it.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::paging;
use crate::app::App;
use crate::http::Actor;
use crate::http::problem::Problem;
use crate::http::records::revocations::{self, RevocationRecord};
use crate::outbox::{self, Change, Confirmation, EndpointHealth, RevocationState};
use crate::store::StoreError;

/// Longest reason of an undo, in characters.
const MAX_REASON: usize = 300;

/// The filters as they stand in a URL, of the API and of the console.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RevocationQuery {
    state: Option<String>,
    /// Where the page begins.
    pub(crate) cursor: Option<String>,
    /// Rows of the page.
    pub(crate) limit: Option<u32>,
}

impl RevocationQuery {
    /// The checked state.
    ///
    /// # Errors
    /// When it is none of the words.
    pub(crate) fn state(&self) -> Result<Option<RevocationState>, Problem> {
        let given = self.state.as_deref().filter(|s| !s.is_empty());
        given.map(str::parse).transpose().map_err(|_| {
            let words: Vec<_> = RevocationState::ALL.iter().map(|s| s.as_str()).collect();
            Problem::invalid(format!("`state` must be one of {}", words.join(", ")))
        })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Revocations {
    #[serde(rename = "revocations")]
    rows: Vec<RevocationRecord>,
    next: Option<String>,
    feed: i64,
}

pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<RevocationQuery>, QueryRejection>,
) -> Result<Json<Revocations>, Problem> {
    let Query(query) = query?;
    let state = query.state()?;
    let (cursor, limit) = paging(query.cursor.as_deref(), query.limit)?;
    let page = app.read(move |conn| revocations::list(conn, state, cursor.as_ref(), limit)).await?;
    Ok(Json(Revocations { rows: page.rows, next: page.next.map(|c| c.encode()), feed: page.feed }))
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<RevocationRecord>, Problem> {
    Ok(Json(find(&app, &id).await?))
}

async fn find(app: &App, id: &str) -> Result<RevocationRecord, Problem> {
    let wanted = id.to_owned();
    app.read(move |conn| revocations::one(conn, &wanted)).await?.ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::unknown("revocation", "there is no revocation with this id; `GET /v1/revocations` lists them")
}

pub(super) async fn post_confirm(
    State(app): State<App>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Result<Json<Confirmation>, JsonRejection>,
) -> Result<Json<RevocationRecord>, Problem> {
    let Json(confirmation) = body?;
    confirm(&app, &actor, &id, confirmation).await?;
    Ok(Json(find(&app, &id).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UndoBody {
    reason: String,
}

pub(super) async fn post_undo(
    State(app): State<App>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Result<Json<UndoBody>, JsonRejection>,
) -> Result<Json<RevocationRecord>, Problem> {
    let Json(body) = body?;
    undo(&app, &actor, &id, body.reason).await?;
    Ok(Json(find(&app, &id).await?))
}

pub(super) async fn post_resend(
    State(app): State<App>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<RevocationRecord>, Problem> {
    resend(&app, &actor, &id).await?;
    Ok(Json(find(&app, &id).await?))
}

/// Takes the answer of a broker, or of a person for it.
///
/// # Errors
/// When there is no such revocation, or its state does not allow it.
pub(crate) async fn confirm(app: &App, actor: &Actor, id: &str, confirmation: Confirmation) -> Result<(), Problem> {
    let (id, by, now) = (id.to_owned(), actor.name.clone(), app.now_ms());
    done(app.write(move |tx| outbox::confirm(tx, &id, &confirmation, &by, now)).await)
}

/// Takes a revocation back.
///
/// # Errors
/// When there is no such revocation, its state does not allow it, or the reason is too long.
pub(crate) async fn undo(app: &App, actor: &Actor, id: &str, reason: String) -> Result<(), Problem> {
    if reason.chars().count() > MAX_REASON {
        return Err(Problem::invalid(format!(
            "`reason` is longer than {MAX_REASON} characters; put the rest where it links to"
        )));
    }
    let (id, by, now) = (id.to_owned(), actor.name.clone(), app.now_ms());
    let endpoints = app.config().webhooks.clone();
    done(app.write(move |tx| outbox::undo(tx, &id, &endpoints, &by, &reason, now)).await)
}

/// Sends a revocation to every endpoint once more.
///
/// # Errors
/// When there is no such revocation, or it was taken back.
pub(crate) async fn resend(app: &App, actor: &Actor, id: &str) -> Result<(), Problem> {
    let (id, by, now) = (id.to_owned(), actor.name.clone(), app.now_ms());
    let endpoints = app.config().webhooks.clone();
    done(app.write(move |tx| outbox::resend(tx, &id, &endpoints, &by, now)).await)
}

fn done(written: Result<Change, StoreError>) -> Result<(), Problem> {
    match written? {
        Change::Moved(_) | Change::Already => Ok(()),
        Change::Refused(state) => {
            Err(Problem::conflict(format!("the revocation is `{state}`, from which this is not possible")))
        }
        Change::Unknown => Err(unknown()),
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Endpoints {
    endpoints: Vec<EndpointHealth>,
}

pub(super) async fn endpoints(State(app): State<App>) -> Result<Json<Endpoints>, Problem> {
    let configured = app.config().webhooks.clone();
    Ok(Json(Endpoints { endpoints: app.read(move |conn| outbox::health(conn, &configured)).await? }))
}

pub(super) async fn post_enable(
    State(app): State<App>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
) -> Result<Json<Endpoints>, Problem> {
    enable(&app, &actor, &name).await?;
    endpoints(State(app)).await
}

/// Sends to an endpoint again that wanted nothing more.
///
/// # Errors
/// When no webhook has this name.
pub(crate) async fn enable(app: &App, actor: &Actor, name: &str) -> Result<(), Problem> {
    if !app.config().webhooks.iter().any(|w| w.name() == name) {
        return Err(Problem::unknown(
            "endpoint",
            "no webhook of the configuration has this name; `GET /v1/endpoints` lists them",
        ));
    }
    let (name, by, now) = (name.to_owned(), actor.name.clone(), app.now_ms());
    Ok(app.write(move |tx| outbox::enable(tx, &name, &by, now)).await?)
}
