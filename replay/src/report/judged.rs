//! What the labels say of the alerts, as rows and drawings.

use super::chart::{self, Square, estimate};
use super::rows::NAME;
use super::text::{count, percent, shown};
use crate::quality::{Delays, Judgement, Rule};

/// Kinds of attack that are listed.
const ATTACKS: usize = 50;

#[derive(Debug)]
pub(super) struct RuleRow {
    /// How its line is drawn.
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    /// Figures with their intervals, in the order of the columns.
    pub(super) figures: [(String, String); 5],
    pub(super) events: String,
    pub(super) lasted: String,
}

#[derive(Debug)]
pub(super) struct AttackRow {
    pub(super) name: String,
    pub(super) episodes: String,
    pub(super) found: String,
    pub(super) share: String,
    pub(super) events: String,
    pub(super) lasted: String,
}

/// The part of the page that labels pay for.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) coverage: String,
    pub(super) alerts: [String; 3],
    pub(super) revocations: [String; 3],
    pub(super) false_alerts: (String, String),
    pub(super) rules: Vec<RuleRow>,
    pub(super) attacks: Vec<AttackRow>,
    pub(super) squares: [Square; 2],
    pub(super) how: String,
}

impl Judged {
    pub(super) fn of(judgement: &Judgement) -> Self {
        let bootstrap = judgement.bootstrap;
        Self {
            coverage: coverage(judgement),
            alerts: [judgement.alerts.right, judgement.alerts.wrong, judgement.alerts.unknown].map(count),
            revocations: [judgement.revocations.right, judgement.revocations.wrong, judgement.revocations.unknown]
                .map(count),
            false_alerts: estimate(judgement.false_alerts_per_1000_identity_days, 1.0, 1),
            rules: judgement.rules.iter().zip(chart::CLASSES).map(rule).collect(),
            attacks: judgement.attacks.iter().take(ATTACKS).map(attack).collect(),
            squares: [chart::roc(judgement), chart::precision_recall(judgement)],
            how: format!(
                "Intervals are 95 %, from {} bootstrap replicates over {} identities, seed {}.",
                bootstrap.replicates,
                count(bootstrap.identities as u64),
                bootstrap.seed
            ),
        }
    }
}

/// One paragraph: what is judged, and what is not.
fn coverage(judgement: &Judgement) -> String {
    let coverage = judgement.coverage;
    let events = coverage.labelled_events + coverage.unlabelled_events;
    let share = percent(coverage.labelled_events as f64 / events.max(1) as f64);
    let mut text = format!(
        "{} episodes of attack in {} sessions, against {} benign sessions. {} of the scored events are of judged sessions",
        count(judgement.episodes as u64),
        count(judgement.attacked_sessions as u64),
        count(judgement.benign_sessions as u64),
        share
    );
    if coverage.unlabelled_count_as_benign {
        text.push_str("; sessions without a label were taken for benign");
    }
    text.push('.');
    if coverage.labels_without_events > 0 {
        let missing = count(coverage.labels_without_events as u64);
        let rest = format!(" {missing} labels are of sessions that are not among the scored events.");
        text.push_str(&rest);
    }
    text
}

fn rule((rule, class): (&Rule, &'static str)) -> RuleRow {
    let (events, lasted) = delay(rule.delay);
    RuleRow {
        class,
        name: rule.name,
        figures: [
            estimate(rule.recall, 100.0, 1),
            estimate(rule.precision, 100.0, 1),
            estimate(rule.false_alarms_per_1000_identity_days, 1.0, 1),
            estimate(rule.auroc, 1.0, 3),
            estimate(rule.average_precision, 1.0, 3),
        ],
        events,
        lasted,
    }
}

fn attack(attack: &crate::quality::Attack) -> AttackRow {
    let (events, lasted) = delay(attack.delay);
    AttackRow {
        name: shown(&attack.name, NAME),
        episodes: count(attack.episodes as u64),
        found: count(attack.found as u64),
        share: percent(attack.found as f64 / attack.episodes.max(1) as f64),
        events,
        lasted,
    }
}

/// Median and 95 % quantile, in events and in time.
fn delay(delay: Option<Delays>) -> (String, String) {
    delay.map_or_else(
        || ("–".to_owned(), "–".to_owned()),
        |d| {
            let events = format!("{:.0} / {:.0}", d.events_median, d.events_p95);
            (events, format!("{} / {}", span(d.minutes_median), span(d.minutes_p95)))
        },
    )
}

/// So many minutes as people write them.
fn span(minutes: f64) -> String {
    match minutes {
        m if m < 1.0 => format!("{:.0} s", 60.0 * m),
        m if m < 120.0 => format!("{m:.0} min"),
        m if m < 2880.0 => format!("{:.0} h", m / 60.0),
        m => format!("{:.0} d", m / 1440.0),
    }
}
