//! `/v1/stream`: alerts and revocations as they change.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use rusqlite::{Connection, Error};
use serde::Serialize;

use super::AlertQuery;
use crate::http::Web;
use crate::http::problem::Problem;
use crate::http::records::alerts::{self, AlertFilter};
use crate::http::records::feed::{Change, ChangeKind};
use crate::http::records::revocations;
use crate::http::stream::{self, Render};

pub(super) async fn open(
    State(web): State<Web>,
    headers: HeaderMap,
    query: Result<Query<AlertQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let filter = query.filter()?;
    stream::open(web, stream::position(&headers, query.after), Records(filter)).await
}

/// Whole records as JSON, those that pass the filter; revocations are filtered by tenant and identity.
#[derive(Debug, Clone)]
struct Records(AlertFilter);

impl Render for Records {
    fn render(&self, conn: &Connection, change: &Change) -> Result<Option<Event>, Error> {
        match change.kind {
            ChangeKind::Alert => {
                let record = alerts::one(conn, &change.id)?.filter(|r| self.0.admits(r));
                record.map(|r| event("alert", &r)).transpose()
            }
            ChangeKind::Revocation => {
                let wanted = |by: &Option<String>, is: &str| by.as_deref().is_none_or(|w| w == is);
                let record = revocations::one(conn, &change.id)?.filter(|r| {
                    wanted(&self.0.tenant, &r.revocation.tenant) && wanted(&self.0.identity, &r.revocation.identity)
                });
                record.map(|r| event("revocation", &r)).transpose()
            }
        }
    }
}

fn event(name: &str, record: &impl Serialize) -> Result<Event, Error> {
    let data = serde_json::to_string(record).map_err(|e| Error::ToSqlConversionFailure(Box::new(e)))?;
    Ok(Event::default().event(name).data(data))
}
