//! `report.html`: one page for people, complete in itself.
//!
//! It asks nothing of any server, runs no script, and its policy forbids both. Every text out of an event is shortened,
//! its control and direction characters are made visible, and it is escaped by the template.

mod chart;
mod judged;
mod notes;
mod rows;
mod text;

use askama::Template;
use models::alert::Alert;

use crate::summary::Summary;
use chart::{Bar, Lane};
use judged::Judged;
use rows::{AlertRow, DimensionRow, IdentityRow, QualityRow, UseRow};

pub(crate) use notes::notes;
pub use text::shown;
pub(crate) use text::{area, count, percent};

/// Rows of a table beyond which it is cut, with the number left out stated.
const MAX_ROWS: usize = 50;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[error("cannot render the report: {0}; please report this")]
pub struct ReportError(#[from] askama::Error);

/// The page.
#[derive(Debug, Template)]
#[template(path = "report.html")]
pub struct Report<'a> {
    summary: &'a Summary,
    headlines: Vec<(&'static str, String, &'static str)>,
    inputs: Vec<(String, String, String, String)>,
    identities: Vec<IdentityRow>,
    identities_left_out: usize,
    uses: Vec<(&'static str, Vec<UseRow>, usize)>,
    dimensions: Vec<DimensionRow>,
    bars: Vec<Bar>,
    peak: u64,
    lanes: Vec<Lane>,
    lanes_height: usize,
    alerts: Vec<AlertRow>,
    alerts_left_out: usize,
    judged: Option<Judged>,
    quality: Vec<QualityRow>,
}

impl<'a> Report<'a> {
    /// The page for a result.
    pub fn of(summary: &'a Summary, alerts: &[Alert]) -> Self {
        let breakdown = &summary.breakdown;
        let (bars, peak) = chart::bars(&breakdown.timeline);
        let lanes = summary.first.zip(summary.last).map(|(first, last)| chart::lanes(alerts, first, last));
        let lanes = lanes.unwrap_or_default();
        let uses = [("task", &breakdown.tasks), ("tool", &breakdown.tools)];
        Self {
            headlines: rows::headlines(summary),
            inputs: rows::inputs(summary),
            identities: rows::identities(breakdown),
            identities_left_out: rows::left_out(&breakdown.identities),
            uses: uses.map(|(of, lines)| (of, rows::uses(lines), rows::left_out(lines))).into(),
            dimensions: rows::dimensions(breakdown),
            bars,
            peak,
            lanes_height: chart::lanes_height(&lanes),
            lanes,
            alerts: rows::alerts(alerts),
            alerts_left_out: alerts.len().saturating_sub(MAX_ROWS),
            judged: summary.judgement.as_ref().filter(|judgement| !judgement.rules.is_empty()).map(Judged::of),
            quality: summary.quality.as_ref().map(rows::quality).unwrap_or_default(),
            summary,
        }
    }

    /// The page as HTML.
    ///
    /// # Errors
    /// When the template fails.
    pub fn render(&self) -> Result<String, ReportError> {
        Ok(Template::render(self)?)
    }
}

#[cfg(test)]
mod tests;
