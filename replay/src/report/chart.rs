//! Two small drawings, as numbers for the template's SVG.

use super::rows::DayRow;
use crate::quality::{Method, Quality};

/// Width and height of the timeline.
const TIMELINE: (f64, f64) = (720.0, 96.0);
/// A bar is no wider, however few days there are.
const MAX_BAR: f64 = 24.0;
/// Side of the ROC square.
const SQUARE: f64 = 240.0;

/// One bar of the timeline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) title: String,
}

/// One line of the ROC drawing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) points: String,
}

/// Bars of alerts, scaled to the highest, which is returned too.
pub(super) fn bars(days: &[DayRow]) -> (Vec<Bar>, u64) {
    let peak = days.iter().map(|day| day.alerts).max().unwrap_or(0);
    let step = (TIMELINE.0 / days.len().max(1) as f64).min(2.0 * MAX_BAR);
    let bar = |(i, day): (usize, &DayRow)| {
        let height = TIMELINE.1 * day.alerts as f64 / peak.max(1) as f64;
        Bar {
            x: format!("{:.1}", i as f64 * step),
            y: format!("{:.1}", TIMELINE.1 - height),
            width: format!("{:.1}", (step - 1.0).clamp(0.5, MAX_BAR)),
            height: format!("{height:.1}"),
            title: format!("{}: {} alerts", day.name, day.alerts),
        }
    };
    (days.iter().enumerate().map(bar).collect(), peak)
}

/// The ROC curves of the engine and of the two floors.
pub(super) fn curves(quality: &Quality) -> Vec<Curve> {
    [(Method::Score, "ours"), (Method::FirstSeen, "floor-1"), (Method::ZScore, "floor-2")]
        .into_iter()
        .filter_map(|(method, class)| {
            let figures = quality.method(method).filter(|figures| !figures.roc.is_empty())?;
            let point = |(alarms, found): &(f64, f64)| format!("{:.1},{:.1}", SQUARE * alarms, SQUARE * (1.0 - found));
            let points = figures.roc.iter().map(point).collect::<Vec<_>>().join(" ");
            Some(Curve { class, name: figures.name, points })
        })
        .collect()
}
