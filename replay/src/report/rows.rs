//! The rows of the report's tables.

use models::alert::Alert;

use super::MAX_ROWS;
use super::text::{area, count, percent, shown};
use crate::quality::Quality;
use crate::summary::{Breakdown, Capped, Summary, UseLine};

/// Characters of a name that are shown.
pub(super) const NAME: usize = 120;
/// Characters of a sentence that are shown.
const SENTENCE: usize = 300;
/// Contributions shown for an alert.
const REASONS: usize = 3;

#[derive(Debug)]
pub(super) struct IdentityRow {
    pub(super) name: String,
    pub(super) tenant: String,
    pub(super) events: String,
    pub(super) sessions: String,
    pub(super) alerts: String,
    pub(super) revocations: String,
    pub(super) evidence: String,
}

#[derive(Debug)]
pub(super) struct UseRow {
    pub(super) name: String,
    pub(super) events: String,
    pub(super) alerted: String,
    pub(super) share: String,
    pub(super) revoked: String,
}

#[derive(Debug)]
pub(super) struct DimensionRow {
    pub(super) name: &'static str,
    pub(super) alerts: String,
    pub(super) revocations: String,
}

#[derive(Debug)]
pub(super) struct Reason {
    pub(super) dimension: &'static str,
    pub(super) share: String,
    pub(super) actual: String,
    pub(super) typical: String,
}

#[derive(Debug)]
pub(super) struct AlertRow {
    pub(super) id: String,
    pub(super) severity: &'static str,
    pub(super) decision: &'static str,
    pub(super) opened: String,
    pub(super) identity: String,
    pub(super) session: String,
    pub(super) summary: String,
    pub(super) score: String,
    pub(super) events: String,
    pub(super) withheld: Option<&'static str>,
    pub(super) reasons: Vec<Reason>,
}

#[derive(Debug)]
pub(super) struct QualityRow {
    pub(super) name: &'static str,
    pub(super) session_auroc: String,
    pub(super) interval: String,
    pub(super) with_clean_failed: String,
    pub(super) event_auroc: String,
    pub(super) at_one: String,
    pub(super) at_five: String,
    pub(super) delay_one: String,
    pub(super) delay_five: String,
}

/// Name, value and unit of each headline number.
pub(super) fn headlines(summary: &Summary) -> Vec<(&'static str, String, &'static str)> {
    let rate = summary.budget.alerts_per_1000_identity_days;
    vec![
        ("Events scored", count(summary.events), ""),
        ("Identities", count(summary.identities), ""),
        ("Sessions", count(summary.sessions), ""),
        ("Would have alerted", count(summary.alerts), "alerts"),
        ("Would have revoked", count(summary.revocations), "credentials or sessions"),
        (
            "Alerts, true and false",
            rate.map_or_else(|| "–".to_owned(), |r| format!("{r:.1}")),
            "per 1000 identity-days",
        ),
        (
            "Budget of false alerts",
            format!("{}", summary.budget.promised_false_alerts_per_1000_identity_days),
            "per 1000 identity-days",
        ),
        ("Not an event", count(summary.quarantined + summary.learned.quarantined), "lines"),
    ]
}

/// Role, name, size and digest of each input file.
pub(super) fn inputs(summary: &Summary) -> Vec<(String, String, String, String)> {
    let row = |file: &crate::provenance::InputFile| {
        let lines = file.lines.map_or_else(String::new, count);
        (file.role.to_owned(), shown(&file.path, NAME), lines, file.sha256.clone())
    };
    summary.provenance.inputs.iter().take(MAX_ROWS).map(row).collect()
}

pub(super) fn identities(breakdown: &Breakdown) -> Vec<IdentityRow> {
    breakdown
        .identities
        .lines
        .iter()
        .take(MAX_ROWS)
        .map(|line| IdentityRow {
            name: shown(&line.identity, NAME),
            tenant: shown(&line.tenant, NAME),
            events: count(line.events),
            sessions: count(line.sessions),
            alerts: count(line.alerts),
            revocations: count(line.revocations),
            evidence: format!("{:.1}", line.evidence),
        })
        .collect()
}

/// Tools or tasks.
pub(super) fn uses(lines: &Capped<UseLine>) -> Vec<UseRow> {
    lines
        .lines
        .iter()
        .take(MAX_ROWS)
        .map(|line| UseRow {
            name: shown(&line.name, NAME),
            events: count(line.events),
            alerted: count(line.alerted),
            share: percent(line.alerted as f64 / line.events.max(1) as f64),
            revoked: count(line.revoked),
        })
        .collect()
}

/// How many rows the report leaves out.
pub(super) fn left_out<T>(lines: &Capped<T>) -> usize {
    lines.left_out + lines.lines.len().saturating_sub(MAX_ROWS)
}

pub(super) fn dimensions(breakdown: &Breakdown) -> Vec<DimensionRow> {
    let row = |line: &crate::summary::DimensionLine| DimensionRow {
        name: line.dimension.as_str(),
        alerts: count(line.alerts),
        revocations: count(line.revocations),
    };
    breakdown.dimensions.iter().map(row).collect()
}

/// The strongest alerts first.
pub(super) fn alerts(alerts: &[Alert]) -> Vec<AlertRow> {
    let mut all: Vec<&Alert> = alerts.iter().collect();
    all.sort_by(|a, b| (b.decision, b.severity).cmp(&(a.decision, a.severity)).then(b.evidence.total_cmp(&a.evidence)));
    all.into_iter().take(MAX_ROWS).map(alert).collect()
}

fn alert(alert: &Alert) -> AlertRow {
    let reason = |c: &models::alert::Contribution| Reason {
        dimension: c.dimension.as_str(),
        share: percent(c.share),
        actual: shown(&c.actual, SENTENCE),
        typical: shown(&c.typical, SENTENCE),
    };
    AlertRow {
        id: shown(&alert.id.0, NAME),
        severity: alert.severity.as_str(),
        decision: alert.decision.as_str(),
        opened: alert.opened.to_string(),
        identity: shown(&alert.identity, NAME),
        session: shown(&alert.session, NAME),
        summary: shown(&alert.summary, SENTENCE),
        score: format!("{:.1}", alert.score),
        events: count(alert.event_count),
        withheld: alert.withheld.map(models::decision::Withheld::reason),
        reasons: alert.contributions.iter().take(REASONS).map(reason).collect(),
    }
}

pub(super) fn quality(quality: &Quality) -> Vec<QualityRow> {
    quality
        .methods
        .iter()
        .map(|figures| {
            let found = |rate: f64| {
                let at = figures.detection.iter().find(|d| d.rate.total_cmp(&rate).is_eq());
                at.map_or_else(|| "–".to_owned(), |d| percent(d.detected))
            };
            let delay = |rate: f64| {
                let at = figures.delay.iter().find(|d| d.rate.total_cmp(&rate).is_eq());
                let quantiles = at.and_then(|d| Some((d.median?, d.p95?)));
                quantiles.map_or_else(|| "–".to_owned(), |(median, p95)| format!("{median} / {p95}"))
            };
            QualityRow {
                name: figures.name,
                session_auroc: area(figures.session_auroc),
                interval: figures.interval.map_or_else(String::new, |i| format!("{:.3}–{:.3}", i.low, i.high)),
                with_clean_failed: area(figures.session_auroc_with_clean_failed),
                event_auroc: area(figures.event_auroc),
                at_one: found(0.01),
                at_five: found(0.05),
                delay_one: delay(0.01),
                delay_five: delay(0.05),
            }
        })
        .collect()
}
