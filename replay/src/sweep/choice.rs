//! What mistakes cost, and which setting to choose.

use serde::Serialize;

use super::pass::Counted;
use super::{Point, Setting};

/// What a mistake costs, in any one unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Costs {
    /// An episode of attack that is not found.
    pub missed_attack: f64,
    /// An alert that is wrong.
    pub false_alert: f64,
    /// A revocation that is wrong.
    pub false_revocation: f64,
}

/// Which point is best at one price of a missed attack.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// What a missed attack costs, in false alerts.
    pub missed_per_false_alert: f64,
    /// Place of the cheapest point.
    pub best: usize,
    /// What it costs, in false alerts.
    pub cost: f64,
    /// What the dearest point costs.
    pub worst: f64,
}

/// The recommended setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// Its place among the points.
    pub point: usize,
    /// Why, in sentences.
    pub reasons: Vec<String>,
}

/// Prices at which the curve is drawn: 1 to 100,000 false alerts for a missed attack.
const STEPS: i32 = 20;
const DECADES: f64 = 5.0;

impl Costs {
    /// What the mistakes of a setting cost; 0 where nothing is known.
    pub fn of(&self, counted: &Counted) -> f64 {
        counted.judged.as_ref().map_or(0.0, |judged| {
            let missed = judged.episodes.saturating_sub(judged.found) as f64;
            let wrong = judged.alerts.wrong as f64 * self.false_alert;
            missed * self.missed_attack + wrong + judged.revocations.wrong as f64 * self.false_revocation
        })
    }

    /// With another price of a missed attack, everything in false alerts.
    fn at(&self, missed_per_false_alert: f64) -> Self {
        let unit = self.false_alert.max(f64::MIN_POSITIVE);
        Self { missed_attack: missed_per_false_alert, false_alert: 1.0, false_revocation: self.false_revocation / unit }
    }
}

/// The cheapest point; of several, the one with the fewest wrong alerts, then the first.
fn cheapest(points: &[Point], costs: Costs) -> Option<usize> {
    let rank = |point: &Point| {
        let wrong = point.counted.judged.as_ref().map_or(0, |judged| judged.alerts.wrong);
        (costs.of(&point.counted), wrong)
    };
    let by_cost = |(_, a): &(usize, &Point), (_, b): &(usize, &Point)| {
        let (a, b) = (rank(a), rank(b));
        a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
    };
    points.iter().enumerate().min_by(by_cost).map(|(place, _)| place)
}

/// The best point over all prices.
pub(super) fn curve(points: &[Point], costs: Costs) -> Vec<CurvePoint> {
    let at = |step: i32| {
        let price = 10_f64.powf(DECADES * f64::from(step) / f64::from(STEPS));
        let costs = costs.at(price);
        let best = cheapest(points, costs)?;
        let all: Vec<f64> = points.iter().map(|point| costs.of(&point.counted)).collect();
        let worst = all.iter().copied().fold(0.0, f64::max);
        Some(CurvePoint { missed_per_false_alert: price, best, cost: all.get(best).copied()?, worst })
    };
    (0..=STEPS).filter_map(at).collect()
}

/// The point to choose at the stated costs, with reasons.
pub(super) fn choose(points: &[Point], costs: Costs) -> Option<Choice> {
    let place = cheapest(points, costs)?;
    let best = points.get(place)?;
    let judged = best.counted.judged.as_ref()?;
    let missed = judged.episodes - judged.found;
    let mut reasons = vec![format!(
        "It misses {missed} of {} episodes and raises {} wrong alerts and {} wrong revocations, which costs {:.0}.",
        judged.episodes,
        judged.alerts.wrong,
        judged.revocations.wrong,
        costs.of(&best.counted)
    )];
    let others = points.iter().enumerate().filter(|(other, _)| *other != place);
    if let Some(next) = others.map(|(_, point)| costs.of(&point.counted)).min_by(f64::total_cmp) {
        let as_well = if next <= costs.of(&best.counted) { " as well" } else { "" };
        reasons.push(format!("The next best costs {next:.0}{as_well}."));
    }
    let held: Vec<f64> =
        curve(points, costs).iter().filter(|c| c.best == place).map(|c| c.missed_per_false_alert).collect();
    if let (Some(low), Some(high)) = (held.first(), held.last()) {
        reasons.push(format!("It is the cheapest while a missed attack costs {low:.0} to {high:.0} false alerts."));
    }
    if let Some(recall) = judged.recall
        && let Some((low, high)) = recall.low.zip(recall.high)
    {
        reasons.push(format!(
            "What it finds is {:.0} % with a 95 % interval of {:.0} to {:.0} %: with few episodes a neighbour may be as good.",
            100.0 * recall.value,
            100.0 * low,
            100.0 * high
        ));
    }
    reasons.extend(best.settings.iter().filter(|setting| at_end(points, setting)).map(|setting| {
        format!("It is at the end of the grid for `{}`: a value beyond may be better.", setting.setting)
    }));
    if judged.revocations.right + judged.revocations.wrong == 0 {
        reasons.push("It revokes nothing, so these figures say nothing of revocations.".to_owned());
    }
    Some(Choice { point: place, reasons })
}

/// Whether a number is the smallest or the largest of those that were tried, and others were tried.
fn at_end(points: &[Point], setting: &Setting) -> bool {
    let tried = points.iter().flat_map(|point| &point.settings).filter(|other| other.setting == setting.setting);
    let numbers: Vec<f64> = tried.filter_map(|other| other.value.as_f64()).collect();
    let (low, high) = numbers.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
    let at = |end: f64| setting.value.as_f64().is_some_and(|value| value.total_cmp(&end).is_eq());
    low < high && (at(low) || at(high))
}

#[cfg(test)]
mod tests {
    use super::super::pass::Judged;
    use super::*;
    use crate::quality::RightOrWrong;

    fn point(found: usize, wrong: u64) -> Point {
        let alerts = RightOrWrong { right: found as u64, wrong, unknown: 0 };
        let judged = Judged {
            episodes: 10,
            found,
            recall: None,
            alerts,
            revocations: RightOrWrong::default(),
            false_alerts_per_1000_identity_days: None,
            delay: None,
        };
        let counted = Counted { judged: Some(judged), ..Counted::default() };
        Point { settings: Vec::new(), config_version: String::new(), pass: 1, counted, cost: None }
    }

    const COSTS: Costs = Costs { missed_attack: 100.0, false_alert: 10.0, false_revocation: 50.0 };

    #[test]
    fn the_cheapest_point_changes_with_the_price_of_a_missed_attack() {
        // 5 missed and 0 wrong, 2 missed and 20 wrong: the second pays from 20 / 3 false alerts a missed attack on.
        let points = [point(5, 0), point(8, 20)];
        for curve in curve(&points, COSTS) {
            assert_eq!(curve.best, usize::from(curve.missed_per_false_alert > 20.0 / 3.0), "{curve:?}");
            assert!(curve.cost <= curve.worst);
        }
        let choice = choose(&points, COSTS).unwrap();
        assert_eq!(choice.point, 1);
        assert!(choice.reasons[0].contains("misses 2 of 10") && choice.reasons[0].contains("costs 400"), "{choice:?}");
    }

    #[test]
    fn of_equally_cheap_points_the_quieter_is_chosen() {
        assert_eq!(choose(&[point(6, 10), point(5, 0)], COSTS).unwrap().point, 1);
        assert!(choose(&[], COSTS).is_none());
    }
}
