//! The list of alerts, and what is said while there is none.

use askama::Template;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use models::event::Timestamp;
use models::view::EngineView;

use super::chrome::{Chrome, Place};
use super::format::{self, When};
use super::page::{PageError, render};
use super::row::Row;
use super::text::plain;
use crate::http::problem::Problem;
use crate::http::records::alerts::{self, AlertFilter};
use crate::http::{Actor, AlertQuery, Web, paging, url};

/// The states one can look at: value and name.
pub(crate) const TABS: [(&str, &str); 4] =
    [("unsettled", "Needs verdict"), ("open", "Ongoing"), ("settled", "Settled"), ("all", "All")];
/// The severities one can ask for.
pub(crate) const SEVERITIES: [(&str, &str); 5] = [
    ("", "any"),
    ("critical", "critical"),
    ("high,critical", "high and above"),
    ("medium,high,critical", "medium and above"),
    ("low", "low"),
];
/// The responses one can ask for.
pub(crate) const DECISIONS: [(&str, &str); 3] = [("", "any"), ("revoke", "revoked"), ("alert", "alert only")];

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    chrome: Chrome,
    waiting: Vec<(String, u64)>,
    chosen: Chosen,
    filtered: bool,
    any_alert: bool,
    first: bool,
    live: String,
    rows: Vec<Row>,
    learning: Option<Learning>,
    more: Option<String>,
}

/// The filters as the form shows them.
struct Chosen {
    state: String,
    q: String,
    severity: String,
    decision: String,
    shadow: bool,
}

impl Chosen {
    fn of(query: &AlertQuery) -> Self {
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        Self {
            state: query.state.clone().filter(|s| !s.is_empty()).unwrap_or_else(|| "unsettled".to_owned()),
            q: plain(&text(&query.q)),
            severity: text(&query.severity),
            decision: text(&query.decision),
            shadow: query.shadow.as_deref() == Some("true"),
        }
    }

    /// Whether anything but the tab narrows the list.
    fn is_narrow(&self, query: &AlertQuery) -> bool {
        !self.q.is_empty()
            || !self.severity.is_empty()
            || !self.decision.is_empty()
            || self.shadow
            || !matches!(self.state.as_str(), "unsettled" | "all")
            || query.identity.is_some()
    }
}

/// The filter of a console URL: the API's, but the list shows what waits for a verdict unless asked otherwise.
pub(super) fn filter(query: &AlertQuery) -> Result<AlertFilter, Problem> {
    let mut query = query.clone();
    query.state = match query.state.as_deref() {
        None | Some("") => Some("unsettled".to_owned()),
        Some("all") => None,
        Some(other) => Some(other.to_owned()),
    };
    query.filter()
}

/// The same filters in a URL.
fn query_string(query: &AlertQuery) -> String {
    let pairs = [
        ("state", &query.state),
        ("q", &query.q),
        ("tenant", &query.tenant),
        ("identity", &query.identity),
        ("severity", &query.severity),
        ("decision", &query.decision),
        ("shadow", &query.shadow),
    ];
    let given = pairs.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let texts = given.filter(|(_, v)| !v.is_empty()).map(|(name, v)| format!("{name}={}&", url::encode(v)));
    texts.chain(query.limit.map(|limit| format!("limit={limit}&"))).collect()
}

pub(super) async fn show(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<AlertQuery>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(query) = query?;
    let filter = filter(&query)?;
    let (cursor, limit) = paging(query.cursor.as_deref(), query.limit)?;
    let first = cursor.is_none();
    let (page, (waiting, any_alert)) = web
        .app
        .read(move |conn| Ok((alerts::list(conn, &filter, cursor.as_ref(), limit)?, alerts::waiting(conn)?)))
        .await?;
    let now = web.app.now();
    let (chrome, view) = Chrome::load(&web, &actor, Place::Alerts).await;
    let filters = query_string(&query);
    let chosen = Chosen::of(&query);
    render(&AlertsPage {
        chrome,
        waiting: strongest_first(waiting),
        filtered: chosen.is_narrow(&query) || !first,
        chosen,
        any_alert,
        first,
        live: format!("/live?{filters}after={}", page.feed),
        rows: page.rows.iter().map(|record| Row::new(record, now)).collect(),
        learning: view.map(|v| Learning::new(&v, now)),
        more: page.next.map(|next| format!("/?{filters}cursor={}", next.encode())),
    })
}

fn strongest_first(mut counts: Vec<(String, u64)>) -> Vec<(String, u64)> {
    const ORDER: [&str; 4] = ["critical", "high", "medium", "low"];
    counts.sort_by_key(|(severity, _)| ORDER.iter().position(|s| s == severity));
    counts
}

/// How far driftwatch has come with learning, for a list that is still empty.
struct Learning {
    sentence: String,
    identities: String,
    mature: String,
    mature_share: String,
    mature_width: String,
    ranked: String,
    finest: String,
    event_time: Option<When>,
    budget: String,
}

impl Learning {
    fn new(view: &EngineView, now: Timestamp) -> Self {
        let share = if view.identities == 0 { 0.0 } else { view.mature as f64 / view.identities as f64 };
        let sentence = match (view.identities, view.mature, view.ranked_sessions) {
            (0, ..) => "driftwatch waits for its first event: point a source at it, or send some to POST /v1/events.",
            (_, _, 0) => {
                "driftwatch is learning what each identity does. Until sessions have been completed there is nothing to \
                 rank against, so only exact rules can alert."
            }
            (_, 0, _) => {
                "driftwatch is learning what each identity does. Its alerts are calibrated by the sessions below; no \
                 identity has enough history yet to be revoked on learned surprise."
            }
            _ => "driftwatch is watching. Nothing so far was strange enough for the alert budget.",
        };
        Self {
            sentence: sentence.to_owned(),
            identities: format::count(view.identities),
            mature: format!("{} of {}", format::count(view.mature), format::count(view.identities)),
            mature_share: format::percent(share),
            mature_width: format!("{:.1}", share * 100.0),
            ranked: format::count(view.ranked_sessions),
            finest: match view.ranked_sessions {
                0 => "none yet".to_owned(),
                n => format!("1 session in {}", format::count(n + 1)),
            },
            event_time: (view.event_time > Timestamp::EPOCH).then(|| When::new(view.event_time, now)),
            budget: format!(
                "{} per 1,000 identity-days, {}",
                view.promised_alerts_per_1000_identity_days,
                format::kept(view.alert_promise.kept)
            ),
        }
    }
}
