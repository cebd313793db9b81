//! `report.html`: one page for people, complete in itself.
//!
//! It asks nothing of any server, runs no script, and its policy forbids both. Every text out of an event is shortened,
//! its control and direction characters are made visible, and it is escaped by the template.

mod chart;
mod notes;
mod rows;
mod text;

use askama::Template;
use models::alert::Alert;

use crate::summary::Summary;
use crate::tally::Tally;
use chart::{Bar, Curve};
use rows::{AlertRow, DayRow, DimensionRow, IdentityRow, QualityRow, ToolRow};

pub(crate) use notes::notes;
pub use text::shown;
pub(crate) use text::{area, percent};

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
    tools: Vec<ToolRow>,
    tools_left_out: usize,
    dimensions: Vec<DimensionRow>,
    days: Vec<DayRow>,
    day_bars: Vec<Bar>,
    day_peak: u64,
    alerts: Vec<AlertRow>,
    alerts_left_out: usize,
    quality: Vec<QualityRow>,
    curves: Vec<Curve>,
}

impl<'a> Report<'a> {
    /// The page for a result.
    pub fn of(summary: &'a Summary, tally: &Tally, alerts: &[Alert]) -> Self {
        let days = rows::days(tally);
        let (day_bars, day_peak) = chart::bars(&days);
        Self {
            headlines: rows::headlines(summary),
            inputs: rows::inputs(summary),
            identities: rows::identities(tally),
            identities_left_out: tally.identities.len().saturating_sub(MAX_ROWS),
            tools: rows::tools(tally),
            tools_left_out: tally.tools.len().saturating_sub(MAX_ROWS),
            dimensions: rows::dimensions(tally),
            day_bars,
            day_peak,
            days,
            alerts: rows::alerts(alerts),
            alerts_left_out: alerts.len().saturating_sub(MAX_ROWS),
            quality: summary.quality.as_ref().map(rows::quality).unwrap_or_default(),
            curves: summary.quality.as_ref().map(chart::curves).unwrap_or_default(),
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
