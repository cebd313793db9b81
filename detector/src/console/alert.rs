//! One alert: why it was raised, what was done, and the verdict on it.

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use models::alert::{Alert, AlertEvent, Contribution, CredentialRef};
use models::assessment::Decision;
use models::decision::Withheld;
use models::dimension::Dimension;
use models::event::{Action, ActionOutcome, Timestamp};
use serde::Deserialize;

use super::chrome::{Chrome, Place};
use super::format::{self, When};
use super::page::{PageError, render};
use super::row::{self, Row};
use super::tags;
use super::text::{Shown, plain};
use super::timeline::Timeline;
use crate::http::problem::Problem;
use crate::http::records::alerts::{self, AlertFilter, AlertRecord, Settled};
use crate::http::records::{feed, revocations};
use crate::http::{Actor, Web, settle as settle_alert, url};
use crate::outbox::RevocationState;

/// Other alerts of the identity that are listed.
const OTHERS: u32 = 5;

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertPage {
    chrome: Chrome,
    feed: i64,
    title: String,
    identity_query: String,
    tenant_query: String,
    row: Row,
    kind: &'static str,
    updated: When,
    summary: Shown,
    identity: Shown,
    session: Shown,
    task: Option<Shown>,
    opening_evidence: String,
    contributions: Vec<ContributionLine>,
    event_count: String,
    events: Vec<EventLine>,
    others: Vec<Row>,
    verdict: Option<VerdictLine>,
    response: &'static str,
    withheld: Option<&'static str>,
    revocation: Option<Timeline>,
    approvals: Vec<Shown>,
    credential: Option<CredentialCard>,
    history: String,
    nearest: Option<NearestCard>,
    tags: Vec<Tag>,
    model: Shown,
    config: Shown,
}

struct ContributionLine {
    dimension: &'static str,
    asks: &'static str,
    width: String,
    share: String,
    bits: String,
    actual: Shown,
    typical: Shown,
}

struct EventLine {
    culprit: bool,
    carries: Vec<&'static str>,
    time: When,
    tool: Shown,
    action: &'static str,
    action_class: &'static str,
    targets: Vec<Shown>,
    sent: String,
    received: String,
    outcome: &'static str,
    bits: String,
}

struct VerdictLine {
    name: &'static str,
    by: Shown,
    at: When,
    note: Option<Shown>,
}

struct CredentialCard {
    id: Shown,
    issuer: Option<Shown>,
    expires: String,
    reach: &'static str,
    scopes: Vec<Shown>,
}

struct NearestCard {
    session: Shown,
    ended: When,
    shared: String,
    added: Vec<Shown>,
    absent: Vec<Shown>,
}

struct Tag {
    id: Shown,
    name: &'static str,
    catalogue: &'static str,
}

pub(super) async fn show(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let found = web.app.read(move |conn| {
        let Some(record) = alerts::one(conn, &id)? else { return Ok(None) };
        let revocation = match &record.alert.revocation {
            None => None,
            Some(id) => revocations::one(conn, &id.0)?.zip(Some(revocations::audit(conn, &id.0)?)),
        };
        let same = AlertFilter {
            tenant: Some(record.alert.tenant.to_string()),
            identity: Some(record.alert.identity.to_string()),
            ..AlertFilter::default()
        };
        let others = alerts::list(conn, &same, None, OTHERS + 1)?.rows;
        Ok(Some((record, revocation, others, feed::newest(conn)?)))
    });
    let Some((record, revocation, others, feed)) = found.await? else {
        return Err(Problem::unknown("alert", "there is no alert with this id; it may be from another database").into());
    };
    let now = web.app.now();
    let (chrome, _) = Chrome::load(&web, &actor, Place::Alerts).await;
    let timeline = revocation.map(|(record, audit)| Timeline::new(&record, &audit, now));
    render(&page(chrome, &record, timeline, &others, feed, now))
}

fn page(
    chrome: Chrome,
    record: &AlertRecord,
    revocation: Option<Timeline>,
    others: &[AlertRecord],
    feed: i64,
    now: Timestamp,
) -> AlertPage {
    let alert = &record.alert;
    let others = others.iter().filter(|o| o.alert.id != alert.id).take(OTHERS as usize);
    AlertPage {
        chrome,
        feed,
        title: plain(&alert.summary.chars().take(60).collect::<String>()),
        identity_query: url::encode(&alert.identity),
        tenant_query: url::encode(&alert.tenant),
        row: Row::new(record, now),
        kind: row::kind(alert.kind),
        updated: When::new(alert.updated, now),
        summary: Shown::sentence(&alert.summary),
        identity: Shown::line(&alert.identity),
        session: Shown::line(&alert.session),
        task: alert.task.as_deref().map(Shown::line),
        opening_evidence: format::bits(alert.score),
        contributions: alert.contributions.iter().map(contribution).collect(),
        event_count: event_count(alert),
        events: events(alert, now),
        others: others.map(|o| Row::new(o, now)).collect(),
        verdict: record.verdict.as_ref().map(|v| verdict_line(v, now)),
        response: response(record),
        withheld: alert.withheld.filter(|_| alert.decision != Decision::Revoke).map(Withheld::reason),
        revocation,
        approvals: alert.approvals.iter().map(|a| Shown::line(a)).collect(),
        credential: alert.credential.as_ref().map(|c| credential(c, record, now)),
        history: history(alert),
        nearest: nearest(alert, now),
        tags: alert.tags.iter().map(|t| tag(t)).collect(),
        model: Shown::line(&alert.model_version),
        config: Shown::line(&alert.config_version),
    }
}

fn contribution(c: &Contribution) -> ContributionLine {
    ContributionLine {
        dimension: c.dimension.as_str(),
        asks: asks(c.dimension),
        width: width(c.share),
        share: format::percent(c.share),
        bits: format!("{:.1}", c.bits),
        actual: Shown::sentence(&c.actual),
        typical: Shown::sentence(&c.typical),
    }
}

/// A share as the width of a bar of 100.
pub(super) fn width(share: f64) -> String {
    format!("{:.1}", share.clamp(0.0, 1.0) * 100.0)
}

/// What a dimension asks, in the words of the documentation.
fn asks(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Tool => "does it use this tool?",
        Dimension::Target => "does it touch this resource?",
        Dimension::Chain => "is this the step that follows?",
        Dimension::Volume => "are these amounts usual?",
        Dimension::Rate => "is this its pace?",
        Dimension::Schedule => "does it act at this hour?",
        Dimension::Context => "does it come from where it always does?",
        Dimension::Delegation => "is this who stands behind it?",
        Dimension::Scope => "is this what it was granted?",
        Dimension::Flow => "does sensitive data leave?",
    }
}

fn event_count(alert: &Alert) -> String {
    match (alert.events.len() as u64, alert.event_count) {
        (shown, all) if shown >= all => format!("{} events", format::count(all)),
        (shown, all) => format!("the {shown} strangest of {} events", format::count(all)),
    }
}

fn events(alert: &Alert, now: Timestamp) -> Vec<EventLine> {
    // The first of the strangest: an episode has one culprit, even if it did the same thing again.
    let culprit = alert.events.iter().reduce(|most, e| if e.score > most.score { e } else { most });
    let line = |e: &AlertEvent| {
        let carried = alert.contributions.iter().filter(|c| c.event == e.id);
        let carries = carried.map(|c| c.dimension.as_str()).collect();
        event(e, culprit.is_some_and(|c| c.id == e.id), carries, now)
    };
    alert.events.iter().map(line).collect()
}

fn event(e: &AlertEvent, culprit: bool, carries: Vec<&'static str>, now: Timestamp) -> EventLine {
    let tool = e.server.as_ref().map_or_else(|| e.tool.to_string(), |server| format!("{server}/{}", e.tool));
    let amount = |bytes: Option<u64>| bytes.map(format::bytes).unwrap_or_default();
    EventLine {
        culprit,
        carries,
        time: When::new(e.time, now),
        tool: Shown::line(&tool),
        action: e.action.as_str(),
        action_class: action_class(e.action),
        targets: e.targets.iter().map(|t| Shown::line(t)).collect(),
        sent: amount(e.bytes_in),
        received: amount(e.bytes_out),
        outcome: outcome(e.outcome),
        bits: format::bits(e.score),
    }
}

/// Whether an action changes anything outside the agent.
pub(super) fn action_class(action: Action) -> &'static str {
    if action.is_side_effect() { "effect" } else { "look" }
}

fn outcome(outcome: ActionOutcome) -> &'static str {
    match outcome {
        ActionOutcome::Success => "success",
        ActionOutcome::Denied => "denied",
        ActionOutcome::Error => "error",
    }
}

fn verdict_line(settled: &Settled, now: Timestamp) -> VerdictLine {
    VerdictLine {
        name: row::verdict_name(&settled.verdict),
        by: Shown::line(&settled.by),
        at: When::from_millis(settled.at_ms, now),
        note: settled.note.as_deref().map(Shown::sentence),
    }
}

fn response(record: &AlertRecord) -> &'static str {
    match (record.alert.decision, record.revocation_state) {
        (Decision::Revoke, Some(RevocationState::Delivered)) => "Revocation delivered, not confirmed yet",
        (Decision::Revoke, Some(RevocationState::Confirmed)) => "Revoked, and confirmed by the broker",
        (Decision::Revoke, Some(RevocationState::StillUsed)) => "Revoked, but the credential is still used",
        (Decision::Revoke, Some(RevocationState::Failed)) => "The revocation failed: it is not revoked",
        (Decision::Revoke, Some(RevocationState::Expired)) => "The credential expired before a broker confirmed",
        (Decision::Revoke, Some(RevocationState::Undone)) => "Revoked, and taken back",
        (Decision::Revoke, _) => "Revocation requested",
        (Decision::Alert, _) => "An alert was raised, nothing was revoked",
        (Decision::Record, _) => "Recorded only: the policy for this identity is in shadow mode",
        (Decision::None, _) => "Nothing was done",
    }
}

fn credential(c: &CredentialRef, record: &AlertRecord, now: Timestamp) -> CredentialCard {
    let expired = c.expires_at.is_some_and(|at| at <= now);
    let revoked = record.revocation_state == Some(RevocationState::Confirmed);
    let reach = match (revoked, expired, c.scopes.is_empty()) {
        (true, ..) => "It was revoked. Until then it could reach",
        (_, true, _) => "It has expired. Until then it could reach",
        (.., true) => "The events do not say what it can reach",
        _ => "It can still reach",
    };
    CredentialCard {
        id: Shown::line(&c.id),
        issuer: c.issuer.as_deref().map(Shown::line),
        expires: c.expires_at.map_or_else(
            || "the events do not say".to_owned(),
            |at| format!("{} ({})", When::new(at, now).distance(), When::new(at, now).exact()),
        ),
        reach,
        scopes: c.scopes.iter().map(|s| Shown::line(s)).collect(),
    }
}

fn nearest(alert: &Alert, now: Timestamp) -> Option<NearestCard> {
    let nearest = alert.nearest_session.as_ref()?;
    let names = |tools: &[Box<str>]| tools.iter().map(|tool| Shown::line(tool)).collect();
    Some(NearestCard {
        session: Shown::line(&nearest.session),
        ended: When::new(nearest.ended, now),
        shared: format!("{} of its {} tools are the same", nearest.shared_tools, nearest.tools),
        added: names(&nearest.added),
        absent: names(&nearest.absent),
    })
}

fn history(alert: &Alert) -> String {
    let sessions = match alert.history_sessions {
        0 => "No past session of this identity stands behind it: it is judged by its peers".to_owned(),
        1 => "1 past session of this identity stands behind it".to_owned(),
        n => format!("{} past sessions of this identity stand behind it", format::count(u64::from(n))),
    };
    format!("{sessions}; its session is {}.", format::rank(alert.p, alert.ranked_among))
}

fn tag(id: &str) -> Tag {
    let (catalogue, name) = tags::name(id).unwrap_or_default();
    Tag { id: Shown::brief(id), name, catalogue }
}

#[derive(Debug, Deserialize)]
pub(super) struct VerdictForm {
    verdict: String,
    #[serde(default)]
    note: String,
}

pub(super) async fn settle(
    State(web): State<Web>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Form(form): Form<VerdictForm>,
) -> Result<Response, PageError> {
    let Some(verdict) = alerts::verdict(&form.verdict) else {
        return Err(Problem::invalid("`verdict` must be one of true, benign_expected, false").into());
    };
    settle_alert(&web.app, &actor, &id, verdict, Some(form.note)).await?;
    Ok(Redirect::to(&format!("/alerts/{}", row::id(&id))).into_response())
}
