//! Identities with alerts, and the way to any other.

use askama::Template;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use models::event::Timestamp;
use models::view::IdentityView;
use serde::Deserialize;

use super::chrome::{Chrome, Place};
use super::format::{self, When};
use super::page::{PageError, render};
use super::row::identity_href;
use super::text::{Shown, plain};
use crate::http::records::identities::{self, IdentityRecord};
use crate::http::{Actor, Web, paging, url};

/// Rows of a page: for each the engine is asked.
const ROWS: u32 = 25;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    q: Option<String>,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "identities.html")]
struct IdentitiesPage {
    chrome: Chrome,
    q: String,
    rows: Vec<IdentityRow>,
    more: Option<String>,
}

struct IdentityRow {
    href: String,
    title: String,
    identity: Shown,
    tenant: Shown,
    alerts: String,
    last_alert: When,
    known: Option<Known>,
}

struct Known {
    mature: bool,
    sessions: String,
    events: String,
    last_seen: When,
}

pub(super) async fn show(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(query) = query?;
    let (cursor, _) = paging(query.cursor.as_deref(), None)?;
    let search = query.q.filter(|q| !q.is_empty());
    let wanted = search.clone();
    let page = web.app.read(move |conn| identities::list(conn, wanted.as_deref(), cursor.as_ref(), ROWS)).await?;
    let now = web.app.now();
    let mut rows = Vec::with_capacity(page.rows.len());
    for record in &page.rows {
        // Without an answer the row is shown without what only the engine knows.
        let view = web.app.engine().identity(record.tenant.clone(), record.identity.clone()).await.ok().flatten();
        rows.push(row(record, view.as_ref(), now));
    }
    let q = search.unwrap_or_default();
    let (chrome, _) = Chrome::load(&web, &actor, Place::Identities).await;
    let more = page.next.map(|next| format!("/identities?q={}&cursor={}", url::encode(&q), next.encode()));
    render(&IdentitiesPage { chrome, q: plain(&q), rows, more })
}

fn row(record: &IdentityRecord, view: Option<&IdentityView>, now: Timestamp) -> IdentityRow {
    IdentityRow {
        href: identity_href(&record.tenant, &record.identity),
        title: plain(&record.identity),
        identity: Shown::brief(&record.identity),
        tenant: Shown::brief(&record.tenant),
        alerts: format::count(record.alerts),
        last_alert: When::new(Timestamp::from_nanos(record.last_opened), now),
        known: view.map(|v| Known {
            mature: v.mature,
            sessions: format::count(u64::from(v.sessions)),
            events: format::count(v.events),
            last_seen: When::new(v.last_seen, now),
        }),
    }
}
