//! Small drawings, as numbers for the template's SVG.

use models::alert::Alert;
use models::assessment::Decision;
use models::event::Timestamp;

use super::rows::NAME;
use super::text::shown;
use crate::quality::{Estimate, Judgement, Rule};
use crate::summary::TimeLine;

/// Width and height of the timeline.
const TIMELINE: (f64, f64) = (720.0, 96.0);
/// A bar is no wider, however few days there are.
const MAX_BAR: f64 = 24.0;
/// Side of the ROC square.
const SQUARE: f64 = 240.0;

/// Identities whose alerts are drawn over time.
const LANES: usize = 15;
/// Height of a lane, and how far from its top the name stands.
const LANE: f64 = 26.0;
/// A mark is no narrower, however short the alert.
const MIN_MARK: f64 = 3.0;
/// Marks of one lane.
const MARKS: usize = 60;

/// How the lines of rules are drawn, in their order.
pub(super) const CLASSES: [&str; 4] = ["ours", "floor-1", "floor-2", "floor-3"];

/// One bar of the timeline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) title: String,
}

/// One line of a square drawing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) points: String,
}

/// A square drawing of shares against shares, with its table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Square {
    pub(super) caption: &'static str,
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    /// Whether a line from corner to corner shows what chance alone gives.
    pub(super) diagonal: bool,
    pub(super) curves: Vec<Curve>,
    /// A column a curve.
    pub(super) names: Vec<&'static str>,
    /// A share on the x-axis, and what each curve reaches by it.
    pub(super) rows: Vec<(String, Vec<String>)>,
}

/// The alerts of one identity over time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) text_y: String,
    pub(super) line_y: String,
    pub(super) marks: Vec<Bar>,
    pub(super) alerts: usize,
    pub(super) first: String,
    pub(super) last: String,
}

/// Bars of alerts, and of revocations before them, scaled to the highest, which is returned too.
pub(super) fn bars(timeline: &[TimeLine]) -> (Vec<Bar>, u64) {
    let peak = timeline.iter().map(|line| line.alerts.max(line.revocations)).max().unwrap_or(0);
    let step = (TIMELINE.0 / timeline.len().max(1) as f64).min(2.0 * MAX_BAR);
    let bar = |class, i: usize, value: u64, title: String| {
        let height = TIMELINE.1 * value as f64 / peak.max(1) as f64;
        Bar {
            class,
            x: format!("{:.1}", i as f64 * step),
            y: format!("{:.1}", TIMELINE.1 - height),
            width: format!("{:.1}", (step - 1.0).clamp(0.5, MAX_BAR)),
            height: format!("{height:.1}"),
            title,
        }
    };
    let alerts = timeline.iter().enumerate().filter(|(_, line)| line.alerts > 0);
    let alerts = alerts.map(|(i, line)| bar("bar", i, line.alerts, format!("{}: {} alerts", line.span, line.alerts)));
    let revocations = timeline.iter().enumerate().filter(|(_, line)| line.revocations > 0);
    let revocations = revocations
        .map(|(i, line)| bar("hot", i, line.revocations, format!("{}: {} revocations", line.span, line.revocations)));
    (alerts.chain(revocations).collect(), peak)
}

/// When the identities with the most alerts were alerted about, and for how long.
pub(super) fn lanes(alerts: &[Alert], first: Timestamp, last: Timestamp) -> Vec<Lane> {
    let mut by_identity: std::collections::BTreeMap<(&str, &str), Vec<&Alert>> = std::collections::BTreeMap::new();
    for alert in alerts {
        by_identity.entry((&alert.tenant, &alert.identity)).or_default().push(alert);
    }
    let mut lanes: Vec<_> = by_identity.into_iter().collect();
    lanes.sort_by_key(|(_, alerts)| std::cmp::Reverse(alerts.len()));
    let width = last.seconds_since(first).max(1.0);
    let x = |time: Timestamp| TIMELINE.0 * (time.seconds_since(first) / width).clamp(0.0, 1.0);
    let lane = |(number, ((_, identity), alerts)): (usize, ((&str, &str), Vec<&Alert>))| {
        let top = number as f64 * LANE;
        let mark = |alert: &&Alert| {
            let (from, until) = (x(alert.opened), x(alert.updated));
            let wide = (until - from).max(MIN_MARK);
            Bar {
                class: if alert.decision == Decision::Revoke { "hot" } else { "bar" },
                x: format!("{:.1}", from.min(TIMELINE.0 - wide)),
                y: format!("{:.1}", top + 14.0),
                width: format!("{wide:.1}"),
                height: "8".to_owned(),
                title: format!("{} from {} to {}", alert.decision, alert.opened, alert.updated),
            }
        };
        Lane {
            name: shown(identity, NAME),
            text_y: format!("{:.1}", top + 10.0),
            line_y: format!("{:.1}", top + 22.5),
            marks: alerts.iter().take(MARKS).map(mark).collect(),
            alerts: alerts.len(),
            first: alerts.iter().map(|alert| alert.opened).min().unwrap_or_default().to_string(),
            last: alerts.iter().map(|alert| alert.updated).max().unwrap_or_default().to_string(),
        }
    };
    lanes.into_iter().take(LANES).enumerate().map(lane).collect()
}

/// Height of the drawing of these lanes.
pub(super) fn lanes_height(lanes: &[Lane]) -> usize {
    lanes.len() * LANE as usize
}

/// The share of attacked sessions found against the share of benign ones flagged.
pub(super) fn roc(judgement: &Judgement) -> Square {
    let steps = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
    let reached = |curve: &[(f64, f64)], x: f64| {
        curve.iter().take_while(|(alarms, _)| *alarms <= x + 1e-12).last().map(|point| point.1)
    };
    Square {
        caption: "ROC",
        x: "benign sessions flagged",
        y: "attacked sessions found",
        diagonal: true,
        ..square(judgement, &steps, |rule| &rule.roc, <[_]>::to_vec, reached)
    }
}

/// The share of flagged sessions that are attacked against the share of attacked ones found.
pub(super) fn precision_recall(judgement: &Judgement) -> Square {
    let steps = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
    let reached =
        |curve: &[(f64, f64)], x: f64| curve.iter().find(|(recall, _)| *recall >= x - 1e-12).map(|point| point.1);
    Square {
        caption: "Precision and recall",
        x: "attacked sessions found",
        y: "flagged sessions that are attacked",
        ..square(judgement, &steps, |rule| &rule.precision_recall, stairs, reached)
    }
}

/// Between two cuts the later precision holds: a straight line would promise cuts that there are not.
fn stairs(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut before = 0.0;
    curve.iter().flat_map(|(x, y)| [(std::mem::replace(&mut before, *x), *y), (*x, *y)]).collect()
}

/// (x, y) at each cut.
type Points = [(f64, f64)];

fn square(
    judgement: &Judgement,
    steps: &[f64],
    of: fn(&Rule) -> &Points,
    line: fn(&Points) -> Vec<(f64, f64)>,
    reached: fn(&Points, f64) -> Option<f64>,
) -> Square {
    let drawn = &judgement.rules;
    let curve = |(rule, class): (&Rule, &'static str)| {
        let point = |(x, y): &(f64, f64)| format!("{:.1},{:.1}", SQUARE * x, SQUARE * (1.0 - y));
        Curve { class, name: rule.name, points: line(of(rule)).iter().map(point).collect::<Vec<_>>().join(" ") }
    };
    let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), super::text::percent);
    let row = |x: &f64| (super::text::percent(*x), drawn.iter().map(|rule| share(reached(of(rule), *x))).collect());
    Square {
        curves: drawn.iter().zip(CLASSES).map(curve).collect(),
        names: drawn.iter().map(|rule| rule.name).collect(),
        rows: steps.iter().map(row).collect(),
        ..Square::default()
    }
}

/// A figure and its interval, times `unit`.
pub(super) fn estimate(estimate: Option<Estimate>, unit: f64, decimals: usize) -> (String, String) {
    let Some(Estimate { value, low, high }) = estimate else { return ("–".to_owned(), String::new()) };
    let shown = |x: f64| format!("{:.decimals$}", unit * x);
    let interval = low.zip(high).map(|(low, high)| format!("{} – {}", shown(low), shown(high)));
    (shown(value), interval.unwrap_or_default())
}
