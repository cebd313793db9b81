//! `/v1/identities`: the identities with alerts, and the baseline of any.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use models::event::DEFAULT_TENANT;
use models::view::IdentityView;
use serde::{Deserialize, Serialize};

use super::paging;
use crate::app::App;
use crate::http::problem::Problem;
use crate::http::records::identities::{self, IdentityRecord};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct Identities {
    identities: Vec<IdentityRecord>,
    next: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Identities>, Problem> {
    let Query(query) = query?;
    let (cursor, limit) = paging(query.cursor.as_deref(), query.limit)?;
    let search = query.q.filter(|q| !q.is_empty());
    let page = app.read(move |conn| identities::list(conn, search.as_deref(), cursor.as_ref(), limit)).await?;
    Ok(Json(Identities { identities: page.rows, next: page.next.map(|c| c.encode()) }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OneQuery {
    tenant: Option<String>,
}

pub(super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Json<IdentityView>, Problem> {
    let Query(query) = query?;
    let tenant = query.tenant.filter(|t| !t.is_empty()).unwrap_or_else(|| DEFAULT_TENANT.to_owned());
    let detail = "no event of this identity was seen in this tenant; encode the id as one path segment, set `tenant` \
                  where it is not `default`";
    let view = app.engine().identity(tenant, id).await?;
    view.map(Json).ok_or_else(|| Problem::unknown("identity", detail))
}
