//! The sweep as a page of its own, like the report.

use askama::Template;

use super::{Point, Sweep};
use crate::report::{ReportError, percent, shown};

/// Rows of a table beyond which it is cut, with the number left out stated.
const MAX_ROWS: usize = 200;
/// Characters of a value.
const VALUE: usize = 120;
/// Width and height of the cost curve.
const CHART: (f64, f64) = (640.0, 220.0);

#[derive(Debug)]
struct Row {
    settings: String,
    chosen: bool,
    pass: usize,
    alerts: u64,
    revocations: u64,
    found: String,
    wrong: String,
    rate: String,
    wrong_revocations: String,
    cost: String,
}

#[derive(Debug)]
struct CurveRow {
    price: String,
    best: String,
    cost: String,
    worst: String,
}

#[derive(Debug, Template)]
#[template(path = "sweep.html")]
struct Page<'a> {
    sweep: &'a Sweep,
    varied: Vec<(String, String, bool, &'static str)>,
    rows: Vec<Row>,
    left_out: usize,
    curve: Vec<CurveRow>,
    best: String,
    worst: String,
    inputs: Vec<(&'static str, String, &'a str)>,
}

/// The page as HTML.
pub(super) fn html(sweep: &Sweep) -> Result<String, ReportError> {
    let chosen = sweep.choice.as_ref().map(|choice| choice.point);
    let value = |value: &serde_json::Value| shown(&value.to_string(), VALUE);
    let varied = sweep.varied.iter().map(|varied| {
        let values: Vec<String> = varied.values.iter().map(value).collect();
        (shown(&varied.setting, VALUE), values.join(", "), varied.feeds_back, varied.why)
    });
    let name = |place: usize| sweep.points.get(place).map(named).unwrap_or_default();
    let curve = sweep.curve.iter().map(|at| CurveRow {
        price: format!("{:.0}", at.missed_per_false_alert),
        best: name(at.best),
        cost: format!("{:.0}", at.cost),
        worst: format!("{:.0}", at.worst),
    });
    let page = Page {
        varied: varied.collect(),
        rows: sweep.points.iter().enumerate().take(MAX_ROWS).map(|(i, point)| row(point, chosen == Some(i))).collect(),
        left_out: sweep.points.len().saturating_sub(MAX_ROWS),
        curve: curve.collect(),
        best: line(sweep, |at| at.cost),
        worst: line(sweep, |at| at.worst),
        inputs: sweep
            .provenance
            .inputs
            .iter()
            .take(MAX_ROWS)
            .map(|i| (i.role, shown(&i.path, VALUE), i.sha256.as_str()))
            .collect(),
        sweep,
    };
    Ok(page.render()?)
}

fn named(point: &Point) -> String {
    let settings = point.settings.iter().map(|s| format!("{} = {}", s.setting, s.value));
    shown(&settings.collect::<Vec<_>>().join(", "), 2 * VALUE)
}

fn row(point: &Point, chosen: bool) -> Row {
    let counted = &point.counted;
    let judged = |of: fn(&super::pass::Judged) -> String| counted.judged.as_ref().map_or_else(|| "–".to_owned(), of);
    Row {
        settings: named(point),
        chosen,
        pass: point.pass,
        alerts: counted.alerts,
        revocations: counted.revocations,
        found: judged(|j| {
            format!("{} of {} ({})", j.found, j.episodes, percent(j.found as f64 / j.episodes.max(1) as f64))
        }),
        wrong: judged(|j| j.alerts.wrong.to_string()),
        rate: judged(|j| {
            j.false_alerts_per_1000_identity_days.map_or_else(|| "–".to_owned(), |r| format!("{:.1}", r.value))
        }),
        wrong_revocations: judged(|j| j.revocations.wrong.to_string()),
        cost: point.cost.map_or_else(|| "–".to_owned(), |cost| format!("{cost:.0}")),
    }
}

/// A line over all prices, both axes logarithmic.
fn line(sweep: &Sweep, of: fn(&super::CurvePoint) -> f64) -> String {
    let log = |x: f64| (1.0 + x.max(0.0)).log10();
    let highest = sweep.curve.iter().map(|at| log(at.worst)).fold(1e-9, f64::max);
    let last = sweep.curve.len().saturating_sub(1).max(1) as f64;
    let point = |(i, at): (usize, &super::CurvePoint)| {
        format!("{:.1},{:.1}", CHART.0 * i as f64 / last, CHART.1 * (1.0 - log(of(at)) / highest))
    };
    sweep.curve.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
}
