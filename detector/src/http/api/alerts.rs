//! `/v1/alerts`: what there is, one of them, and the verdict on it.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use models::alert::Severity;
use models::assessment::Decision;
use models::decision::Verdict;
use serde::{Deserialize, Serialize};

use super::paging;
use crate::app::App;
use crate::http::Actor;
use crate::http::problem::Problem;
use crate::http::records::alerts::{self, AlertFilter, AlertRecord, AlertState};

/// Longest note on a verdict, in characters.
const MAX_NOTE: usize = 2_000;

/// The filters as they stand in a URL, of the API and of the console. An empty value is no filter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AlertQuery {
    /// Exact tenant.
    pub(crate) tenant: Option<String>,
    /// Exact identity.
    pub(crate) identity: Option<String>,
    /// Part of an identity.
    pub(crate) q: Option<String>,
    /// Severities, joined by commas.
    pub(crate) severity: Option<String>,
    /// `open`, `closed`, `unsettled` or `settled`.
    pub(crate) state: Option<String>,
    /// `record`, `alert` or `revoke`.
    pub(crate) decision: Option<String>,
    /// `true`: also those of shadow mode.
    pub(crate) shadow: Option<String>,
    /// Where the page begins.
    pub(crate) cursor: Option<String>,
    /// Rows of the page.
    pub(crate) limit: Option<u32>,
    /// Position in the feed, for streams.
    pub(crate) after: Option<i64>,
}

impl AlertQuery {
    /// The checked filter.
    ///
    /// # Errors
    /// The first value that is none of its words.
    pub(crate) fn filter(&self) -> Result<AlertFilter, Problem> {
        const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        const DECISIONS: [Decision; 3] = [Decision::Record, Decision::Alert, Decision::Revoke];
        let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        let severities = given(&self.severity).unwrap_or_default();
        let severities =
            severities.split(',').filter(|s| !s.is_empty()).map(|s| word(s, "severity", &SEVERITIES, Severity::as_str));
        let state = given(&self.state).map(|s| word(&s, "state", &AlertState::ALL, AlertState::as_str));
        let decision = given(&self.decision).map(|s| word(&s, "decision", &DECISIONS, Decision::as_str));
        let shadow =
            given(&self.shadow).map(|s| word(&s, "shadow", &[true, false], |b| if b { "true" } else { "false" }));
        Ok(AlertFilter {
            tenant: given(&self.tenant),
            identity: given(&self.identity),
            search: given(&self.q),
            severities: severities.collect::<Result<_, _>>()?,
            state: state.transpose()?,
            decision: decision.transpose()?,
            shadow: shadow.transpose()?.unwrap_or_default(),
        })
    }
}

fn word<T: Copy>(text: &str, field: &str, words: &[T], name: fn(T) -> &'static str) -> Result<T, Problem> {
    words.iter().copied().find(|w| name(*w) == text).ok_or_else(|| {
        let names: Vec<_> = words.iter().map(|w| name(*w)).collect();
        Problem::invalid(format!("`{field}` must be one of {}", names.join(", ")))
    })
}

#[derive(Debug, Serialize)]
pub(super) struct Alerts {
    #[serde(rename = "alerts")]
    rows: Vec<AlertRecord>,
    /// Cursor of the next page.
    next: Option<String>,
    /// Position of `GET /v1/stream?after=` that continues this page.
    feed: i64,
}

pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<AlertQuery>, QueryRejection>,
) -> Result<Json<Alerts>, Problem> {
    let Query(query) = query?;
    let filter = query.filter()?;
    let (cursor, limit) = paging(query.cursor.as_deref(), query.limit)?;
    let page = app.read(move |conn| alerts::list(conn, &filter, cursor.as_ref(), limit)).await?;
    Ok(Json(Alerts { rows: page.rows, next: page.next.map(|c| c.encode()), feed: page.feed }))
}

pub(super) async fn one(State(app): State<App>, Path(id): Path<String>) -> Result<Json<AlertRecord>, Problem> {
    Ok(Json(find(&app, &id).await?))
}

/// One alert.
///
/// # Errors
/// When there is none with this id.
pub(crate) async fn find(app: &App, id: &str) -> Result<AlertRecord, Problem> {
    let wanted = id.to_owned();
    let found = app.read(move |conn| alerts::one(conn, &wanted)).await?;
    found.ok_or_else(|| Problem::unknown("alert", "there is no alert with this id; `GET /v1/alerts` lists them"))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerdictBody {
    verdict: Verdict,
    #[serde(default)]
    note: Option<String>,
}

pub(super) async fn verdict(
    State(app): State<App>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Result<Json<VerdictBody>, JsonRejection>,
) -> Result<Json<AlertRecord>, Problem> {
    let Json(body) = body?;
    settle(&app, &actor, &id, body.verdict, body.note).await?;
    Ok(Json(find(&app, &id).await?))
}

/// Settles an alert, for the API and the console.
///
/// # Errors
/// When there is no such alert, the note is too long, or the verdict cannot be made durable.
pub(crate) async fn settle(
    app: &App,
    actor: &Actor,
    id: &str,
    verdict: Verdict,
    note: Option<String>,
) -> Result<(), Problem> {
    let note = note.map(|n| n.trim().to_owned()).filter(|n| !n.is_empty());
    if note.as_ref().is_some_and(|n| n.chars().count() > MAX_NOTE) {
        return Err(Problem::invalid(format!(
            "`note` is longer than {MAX_NOTE} characters; put the rest where it links to"
        )));
    }
    let alert = find(app, id).await?.alert;
    let (tenant, identity) = (alert.tenant.into_string(), alert.identity.into_string());
    Ok(app.engine().verdict(alert.id, tenant, identity, verdict, actor.name.clone(), note).await?)
}
