//! The baseline of one identity, and its alerts.

use askama::Template;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use models::event::{DEFAULT_TENANT, Timestamp};
use models::view::{IdentityView, ScopeView, StepView, ToolView};
use serde::Deserialize;
use serde_json::json;

use super::alert::{action_class, width};
use super::chrome::{Chrome, Place};
use super::format::{self, When};
use super::page::{PageError, render};
use super::row::Row;
use super::text::{Shown, plain};
use crate::http::records::alerts::{self, AlertFilter, AlertRecord};
use crate::http::{Actor, Web, url};

/// Alerts on the page.
const ALERTS: u32 = 50;
/// A chart with fewer points says less than the table.
const LEAST_POINTS: usize = 2;

#[derive(Debug, Deserialize)]
pub(super) struct IdentityQuery {
    identity: String,
    tenant: Option<String>,
}

#[derive(Template)]
#[template(path = "identity.html")]
struct IdentityPage {
    chrome: Chrome,
    title: String,
    tenant: Shown,
    identity: Shown,
    known: Option<Known>,
    points: String,
    alerts: Vec<Row>,
    more: Option<String>,
}

struct Known {
    maturity: &'static str,
    maturity_class: &'static str,
    sessions: String,
    events: String,
    live_sessions: u32,
    waiting: String,
    targets: String,
    group: Shown,
    first_seen: When,
    last_seen: When,
    bytes: String,
    tools: Vec<ToolLine>,
    scopes: Vec<ScopeLine>,
    steps: Vec<StepLine>,
}

struct ToolLine {
    name: Shown,
    action: &'static str,
    action_class: &'static str,
    width: String,
    share: String,
    calls: String,
    new_target: String,
    sent: String,
    received: String,
}

struct ScopeLine {
    name: Shown,
    exercised: String,
    proposal: &'static str,
}

struct StepLine {
    from: Shown,
    to: Shown,
    width: String,
    share: String,
}

pub(super) async fn show(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<IdentityQuery>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(query) = query?;
    let tenant = query.tenant.filter(|t| !t.is_empty()).unwrap_or_else(|| DEFAULT_TENANT.to_owned());
    let identity = query.identity;
    let view = web.app.engine().identity(tenant.clone(), identity.clone()).await?;
    let same = AlertFilter { tenant: Some(tenant.clone()), identity: Some(identity.clone()), ..AlertFilter::default() };
    let page = web.app.read(move |conn| alerts::list(conn, &same, None, ALERTS)).await?;
    let now = web.app.now();
    let (chrome, _) = Chrome::load(&web, &actor, Place::Identities).await;
    let all = format!("/?state=all&tenant={}&identity={}", url::encode(&tenant), url::encode(&identity));
    render(&IdentityPage {
        chrome,
        title: plain(&identity.chars().take(60).collect::<String>()),
        tenant: Shown::line(&tenant),
        identity: Shown::line(&identity),
        known: view.map(|v| Known::new(&v, now)),
        points: points(&page.rows),
        alerts: page.rows.iter().map(|record| Row::new(record, now)).collect(),
        more: page.next.map(|_| all),
    })
}

impl Known {
    fn new(view: &IdentityView, now: Timestamp) -> Self {
        let (maturity, maturity_class) = if view.mature {
            ("mature: may be revoked", "ok")
        } else {
            ("learning: alerts, never revoked on surprise", "wait")
        };
        Self {
            maturity,
            maturity_class,
            sessions: format::count(u64::from(view.sessions)),
            events: format::count(view.events),
            live_sessions: view.live_sessions,
            waiting: format::count(u64::from(view.waiting)),
            targets: format::count(u64::from(view.known_targets)),
            group: Shown::line(&view.group),
            first_seen: When::new(view.first_seen, now),
            last_seen: When::new(view.last_seen, now),
            bytes: format::bytes(view.bytes as u64),
            tools: view.tools.iter().map(tool).collect(),
            scopes: view.scopes.iter().map(scope).collect(),
            steps: view.steps.iter().map(step).collect(),
        }
    }
}

fn tool(tool: &ToolView) -> ToolLine {
    let range = |r: Option<(u64, u64)>| r.map_or_else(String::new, |(low, high)| amounts(low, high));
    ToolLine {
        name: Shown::line(&tool.name),
        action: tool.action.as_str(),
        action_class: action_class(tool.action),
        width: width(tool.share),
        share: format::percent(tool.share),
        calls: format::count(tool.calls.max(0.0).round() as u64),
        new_target: format::percent(tool.new_target_rate),
        sent: range(tool.bytes_in),
        received: range(tool.bytes_out),
    }
}

fn amounts(low: u64, high: u64) -> String {
    let (low, high) = (format::bytes(low), format::bytes(high));
    if low == high { low } else { format!("{low} – {high}") }
}

fn scope(scope: &ScopeView) -> ScopeLine {
    ScopeLine {
        name: Shown::line(&scope.name),
        exercised: format::count(scope.exercised.max(0.0).round() as u64),
        proposal: if scope.exercised > 0.0 { "keep" } else { "drop: never exercised" },
    }
}

fn step(step: &StepView) -> StepLine {
    StepLine {
        from: Shown::line(&step.from),
        to: Shown::line(&step.to),
        width: width(step.share),
        share: format::percent(step.share),
    }
}

/// The alerts as points of a chart, oldest first: seconds, bits, severity. Empty where a chart would say nothing.
fn points(records: &[AlertRecord]) -> String {
    if records.len() < LEAST_POINTS {
        return String::new();
    }
    let of = |f: &dyn Fn(&AlertRecord) -> serde_json::Value| records.iter().rev().map(f).collect::<Vec<_>>();
    json!({
        "at": of(&|r| json!(r.alert.opened.as_seconds())),
        "bits": of(&|r| json!(r.alert.evidence / std::f64::consts::LN_2)),
        "severity": of(&|r| json!(r.alert.severity.as_str())),
    })
    .to_string()
}
