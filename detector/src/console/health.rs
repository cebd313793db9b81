//! Ingest and engine: what comes in, how it ends, what is learned, and the brake.

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use models::decision::Mode;
use models::event::Timestamp;
use models::view::{EngineView, Kept, PromiseView};

use super::chrome::{Chrome, Place};
use super::format::{self, When};
use super::page::{PageError, render};
use super::text::Shown;
use crate::app::{SourceState, State as Doing};
use crate::http::records::ingest::{self, Quarantined};
use crate::http::{Actor, Web, release_brake};

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    chrome: Chrome,
    ready: bool,
    sources: Vec<SourceLine>,
    counts: CountTable,
    engine: Option<EngineFacts>,
    quarantine: Vec<Reason>,
}

struct SourceLine {
    name: Shown,
    state: &'static str,
    class: &'static str,
    lag: String,
    oldest: Option<When>,
    stalled: String,
    last_event: Option<When>,
    error: Option<Shown>,
}

struct CountTable {
    consumed: String,
    ends: Vec<(&'static str, String, String)>,
    gap: String,
    balanced: bool,
    unknown_fields: String,
}

/// What was promised, and whether it is kept.
struct PromiseLine {
    of: &'static str,
    kept: &'static str,
    broken: bool,
    figures: String,
}

struct EngineFacts {
    identities: String,
    mature: String,
    ranked: String,
    mode: &'static str,
    promises: [PromiseLine; 2],
    ledger: String,
    snapshot: String,
    event_time: Option<When>,
    bytes: String,
    brake_open: bool,
}

struct Reason {
    code: Shown,
    kept: String,
    examples: Vec<ExampleLine>,
}

struct ExampleLine {
    place: Shown,
    received: When,
    detail: Shown,
    raw: Shown,
    size: String,
}

pub(super) async fn show(State(web): State<Web>, Extension(actor): Extension<Actor>) -> Result<Response, PageError> {
    let (counters, quarantine) = web.app.read(|conn| Ok((ingest::counters(conn)?, ingest::quarantine(conn)?))).await?;
    let now = web.app.now();
    let readiness = web.app.readiness();
    let (chrome, view) = Chrome::load(&web, &actor, Place::Ingest).await;
    render(&HealthPage {
        chrome,
        ready: readiness.ready,
        sources: readiness.sources.iter().map(|s| source(s, now)).collect(),
        counts: CountTable::new(&counters),
        engine: view.map(|v| EngineFacts::new(&v, now)),
        quarantine: quarantine.iter().map(|q| reason(q, now)).collect(),
    })
}

pub(super) async fn release(State(web): State<Web>, Extension(actor): Extension<Actor>) -> Result<Response, PageError> {
    release_brake(&web.app, &actor).await?;
    Ok(Redirect::to("/health").into_response())
}

fn source(s: &SourceState, now: Timestamp) -> SourceLine {
    let (state, class) = match s.state {
        Doing::Starting => ("starting", "wait"),
        Doing::Running => ("running", "ok"),
        Doing::Finished => ("read to its end", "ok"),
        Doing::Failing => ("failing, tries again", "bad"),
        Doing::Failed => ("gave up", "bad"),
    };
    SourceLine {
        name: Shown::line(&s.name),
        state,
        class,
        lag: s.lag.map_or_else(|| "–".to_owned(), |lag| format::count(lag.unsigned_abs())),
        oldest: s.oldest_arrival_at.map(|t| When::new(t, now)),
        stalled: partitions(&s.stalled),
        last_event: s.last_event_at.map(|t| When::new(t, now)),
        error: s.last_error.as_deref().map(Shown::line),
    }
}

/// The first few numbers; a source may have thousands.
fn partitions(numbers: &[i32]) -> String {
    const SHOWN: usize = 12;
    let mut shown: Vec<_> = numbers.iter().take(SHOWN).map(ToString::to_string).collect();
    if numbers.len() > SHOWN {
        shown.push(format!("and {} more", numbers.len() - SHOWN));
    }
    shown.join(", ")
}

impl CountTable {
    fn new(counters: &BTreeMap<String, u64>) -> Self {
        let count = |name: &str| counters.get(name).copied().unwrap_or_default();
        let consumed = count("consumed");
        let ends = ["scored", "duplicate", "late", "quarantined"];
        let gap = i128::from(consumed) - ends.iter().map(|name| i128::from(count(name))).sum::<i128>();
        let share = |n: u64| if consumed == 0 { String::new() } else { format::percent(n as f64 / consumed as f64) };
        Self {
            consumed: format::count(consumed),
            ends: ends.iter().map(|name| (*name, format::count(count(name)), share(count(name)))).collect(),
            gap: gap.to_string(),
            balanced: gap == 0,
            unknown_fields: format::count(count("unknown_fields")),
        }
    }
}

impl PromiseLine {
    fn new(of: &'static str, view: &PromiseView) -> Self {
        let PromiseView { kept, identity_days, accepted, raised, refuted, unsettled } = *view;
        let accepted = if accepted < 10.0 { format!("{accepted:.2}") } else { format!("{accepted:.0}") };
        let days = format::count(identity_days);
        Self {
            of,
            kept: format::kept(kept),
            broken: kept == Kept::No,
            figures: format!(
                "{} raised in 30 days: {} called false, {} not settled; {accepted} accepted on {days} identity-days",
                format::count(raised),
                format::count(refuted),
                format::count(unsettled),
            ),
        }
    }
}

impl EngineFacts {
    fn new(view: &EngineView, now: Timestamp) -> Self {
        Self {
            identities: format::count(view.identities),
            mature: format!("{} may be revoked on learned surprise", format::count(view.mature)),
            ranked: format::count(view.ranked_sessions),
            mode: match view.mode {
                Mode::Shadow => "shadow: decide, tell nobody",
                Mode::Warn => "warn: alert, never revoke",
                Mode::Enforce => "enforce: alert and revoke",
            },
            promises: [
                PromiseLine::new("False alerts", &view.alert_promise),
                PromiseLine::new("False revocations", &view.revocation_promise),
            ],
            ledger: format!("{:.2}", view.ledger),
            snapshot: format::count(view.snapshot),
            event_time: (view.event_time > Timestamp::EPOCH).then(|| When::new(view.event_time, now)),
            bytes: format::bytes(view.bytes as u64),
            brake_open: view.brake_open,
        }
    }
}

fn reason(q: &Quarantined, now: Timestamp) -> Reason {
    let examples = q.examples.iter().map(|x| ExampleLine {
        place: Shown::line(&x.place),
        received: When::from_millis(x.received_at_ms, now),
        detail: Shown::sentence(&x.detail),
        raw: Shown::block(&x.raw, 160),
        size: format::bytes(x.bytes),
    });
    Reason { code: Shown::line(&q.code), kept: format::count(q.kept), examples: examples.collect() }
}
