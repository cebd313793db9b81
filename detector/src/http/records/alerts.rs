//! Alerts as rows: one by id, pages with filters, and how many wait for a verdict.

use models::alert::{Alert, Severity};
use models::assessment::Decision;
use models::decision::Verdict;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, OptionalExtension, Row, named_params};
use serde::Serialize;

use super::{Cursor, Page, body, count, feed, page, revocations};
use crate::outbox::RevocationState;

/// An alert with what people have said and done about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AlertRecord {
    /// The alert as the engine wrote it.
    #[serde(flatten)]
    pub(crate) alert: Alert,
    /// Position in the change feed.
    pub(crate) seq: i64,
    /// `false` in shadow mode.
    pub(crate) shown: bool,
    /// The verdict of an analyst.
    pub(crate) verdict: Option<Settled>,
    /// State of its revocation.
    pub(crate) revocation_state: Option<RevocationState>,
}

/// What an analyst said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Settled {
    /// `true`, `benign_expected` or `false`.
    pub(crate) verdict: String,
    /// Who.
    pub(crate) by: String,
    /// When, milliseconds of wall clock.
    pub(crate) at_ms: i64,
    /// Why.
    pub(crate) note: Option<String>,
}

/// Whether an alert is still growing, or still waits for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlertState {
    /// Its episode goes on.
    Open,
    /// Its episode is over.
    Closed,
    /// Without a verdict.
    Unsettled,
    /// With a verdict.
    Settled,
}

impl AlertState {
    /// Every state, in the order of the console.
    pub(crate) const ALL: [Self; 4] = [Self::Unsettled, Self::Open, Self::Closed, Self::Settled];

    /// The name in URLs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Unsettled => "unsettled",
            Self::Settled => "settled",
        }
    }
}

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub(crate) struct AlertFilter {
    /// Of this tenant.
    pub(crate) tenant: Option<String>,
    /// Of this identity, exactly.
    pub(crate) identity: Option<String>,
    /// Of identities whose name contains this, without regard to ASCII case.
    pub(crate) search: Option<String>,
    /// Of these severities; empty: all.
    pub(crate) severities: Vec<Severity>,
    /// In this state.
    pub(crate) state: Option<AlertState>,
    /// With this as the strongest response.
    pub(crate) decision: Option<Decision>,
    /// Also those of shadow mode.
    pub(crate) shadow: bool,
}

impl AlertFilter {
    /// Whether an alert passes: the same question as [`list`] asks in SQL, for alerts that arrive one by one.
    pub(crate) fn admits(&self, record: &AlertRecord) -> bool {
        let alert = &record.alert;
        let same = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
        let found = |part: &String| alert.identity.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
        let in_state = match self.state {
            None => true,
            Some(AlertState::Open) => !alert.closed,
            Some(AlertState::Closed) => alert.closed,
            Some(AlertState::Unsettled) => record.verdict.is_none(),
            Some(AlertState::Settled) => record.verdict.is_some(),
        };
        same(&self.tenant, &alert.tenant)
            && same(&self.identity, &alert.identity)
            && self.search.as_ref().is_none_or(found)
            && (self.severities.is_empty() || self.severities.contains(&alert.severity))
            && self.decision.is_none_or(|d| d == alert.decision)
            && in_state
            && (record.shown || self.shadow)
    }
}

const FIELDS: &str = "a.seq, a.shown, a.verdict, a.verdict_by, a.verdict_at, a.note, a.body, \
    (SELECT r.state FROM revocations r WHERE r.id = json_extract(a.body, '$.revocation'))";

/// The same as [`AlertFilter::admits`].
const MATCHES: &str = "(:tenant IS NULL OR a.tenant = :tenant) \
    AND (:identity IS NULL OR a.identity = :identity) \
    AND (:search IS NULL OR instr(lower(a.identity), lower(:search)) > 0) \
    AND (:severities = '' OR instr(:severities, ' ' || a.severity || ' ') > 0) \
    AND (:decision IS NULL OR a.decision = :decision) \
    AND (:closed IS NULL OR a.closed = :closed) \
    AND (:settled IS NULL OR (a.verdict IS NOT NULL) = :settled) \
    AND (a.shown = 1 OR :shadow)";

/// A page of alerts, newest first by the time they were opened.
pub(crate) fn list(
    conn: &Connection,
    filter: &AlertFilter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<AlertRecord>, Error> {
    let sql = format!(
        "SELECT {FIELDS} FROM alerts a WHERE {MATCHES} \
         AND (:at IS NULL OR (a.opened, a.id) < (:at, :id)) ORDER BY a.opened DESC, a.id DESC LIMIT :limit"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let (closed, settled) = state_columns(filter.state);
    let rows = statement.query_map(
        named_params! {
            ":tenant": filter.tenant,
            ":identity": filter.identity,
            ":search": filter.search,
            ":severities": severity_set(&filter.severities),
            ":decision": filter.decision.map(Decision::as_str),
            ":closed": closed,
            ":settled": settled,
            ":shadow": filter.shadow,
            ":at": after.map(|c| c.at),
            ":id": after.map(|c| c.id.as_str()),
            ":limit": i64::from(limit) + 1,
        },
        record,
    )?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let feed = feed::newest(conn)?;
    Ok(page(rows, limit, feed, |last| Cursor { at: last.alert.opened.as_nanos(), id: last.alert.id.to_string() }))
}

/// One alert.
pub(crate) fn one(conn: &Connection, id: &str) -> Result<Option<AlertRecord>, Error> {
    let sql = format!("SELECT {FIELDS} FROM alerts a WHERE a.id = :id");
    conn.prepare_cached(&sql)?.query_row(named_params! { ":id": id }, record).optional()
}

/// Alerts that wait for a verdict, by severity from `low` to `critical`, and whether there is any alert at all.
pub(crate) fn waiting(conn: &Connection) -> Result<(Vec<(String, u64)>, bool), Error> {
    let mut statement = conn.prepare_cached(
        "SELECT severity, count(*) FROM alerts WHERE shown = 1 AND verdict IS NULL GROUP BY severity",
    )?;
    let counts = statement.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?.collect::<Result<_, _>>()?;
    let any = conn.query_row("SELECT EXISTS (SELECT 1 FROM alerts WHERE shown = 1)", [], |row| row.get(0))?;
    Ok((counts, any))
}

fn state_columns(state: Option<AlertState>) -> (Option<bool>, Option<bool>) {
    match state {
        None => (None, None),
        Some(AlertState::Open) => (Some(false), None),
        Some(AlertState::Closed) => (Some(true), None),
        Some(AlertState::Unsettled) => (None, Some(false)),
        Some(AlertState::Settled) => (None, Some(true)),
    }
}

fn severity_set(severities: &[Severity]) -> String {
    let names: Vec<_> = severities.iter().map(|s| s.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(" {} ", names.join(" ")) }
}

fn record(row: &Row<'_>) -> Result<AlertRecord, Error> {
    let verdict = match row.get::<_, Option<String>>(2)? {
        None => None,
        Some(verdict) => Some(Settled {
            verdict,
            by: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            at_ms: row.get::<_, Option<i64>>(4)?.unwrap_or_default(),
            note: row.get(5)?,
        }),
    };
    let revocation_state = match row.get_ref(7)? {
        ValueRef::Null => None,
        _ => Some(revocations::state(7, row)?),
    };
    Ok(AlertRecord {
        alert: body(6, row.get_ref(6)?.as_str()?)?,
        seq: row.get(0)?,
        shown: row.get(1)?,
        verdict,
        revocation_state,
    })
}

/// A verdict from its name in the API.
pub(crate) fn verdict(name: &str) -> Option<Verdict> {
    [Verdict::True, Verdict::BenignExpected, Verdict::False].into_iter().find(|v| v.as_str() == name)
}
