//! `/live`: the rows of the alert list as they change, as HTML.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use rusqlite::{Connection, Error};

use super::alerts::filter;
use super::row::{Row, id};
use crate::app::App;
use crate::http::problem::Problem;
use crate::http::records::alerts::{self, AlertFilter};
use crate::http::records::feed::{Change, ChangeKind};
use crate::http::records::revocations;
use crate::http::stream::{self, Render};
use crate::http::{AlertQuery, Web};

pub(super) async fn open(
    State(web): State<Web>,
    headers: HeaderMap,
    query: Result<Query<AlertQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let rows = Rows { filter: filter(&query)?, app: web.app.clone() };
    stream::open(web, stream::position(&headers, query.after), rows).await
}

/// `row` with the line of an alert that passes the filter, `gone` with the id of one that does not.
#[derive(Clone)]
struct Rows {
    filter: AlertFilter,
    app: App,
}

#[derive(Template)]
#[template(path = "row.html")]
struct RowTemplate {
    row: Row,
}

impl Render for Rows {
    fn render(&self, conn: &Connection, change: &Change) -> Result<Option<Event>, Error> {
        let alert = match change.kind {
            ChangeKind::Alert => Some(change.id.clone()),
            // The line of an alert shows the state of its revocation.
            ChangeKind::Revocation => revocations::one(conn, &change.id)?.map(|r| r.revocation.alert.to_string()),
        };
        let Some(alert) = alert else { return Ok(None) };
        let Some(record) = alerts::one(conn, &alert)? else { return Ok(None) };
        if !self.filter.admits(&record) {
            return Ok(Some(Event::default().event("gone").data(id(&alert))));
        }
        let row = RowTemplate { row: Row::new(&record, self.app.now()) };
        let html = row.render().map_err(|e| Error::ToSqlConversionFailure(Box::new(e)))?;
        Ok(Some(Event::default().event("row").data(html)))
    }
}
