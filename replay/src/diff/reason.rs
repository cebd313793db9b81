//! Why two sides differ: what the other side said at the moment at which one of them alerted.

use models::alert::{Alert, AlertKind};
use models::config::EngineConfig;
use models::dimension::{Dimension, DimensionValues};
use serde::Serialize;

use super::Change;
use super::pair::Pair;
use super::rows::{Moment, Rows, Said};
use super::side::Side;

/// Evidence that differs by less is the same, in nats.
const SAME_NATS: f64 = 0.05;

/// What kind of thing makes the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The event is not among the other side's.
    NotCovered,
    /// There it belongs to another alert.
    Grouping,
    /// A dimension scores the event otherwise.
    Dimension,
    /// The session is ranked otherwise: other history, or other sessions before it.
    Evidence,
    /// The same evidence, and another budget.
    Threshold,
    /// A decision rule: mode, policy, ledger, brake or maturity.
    Decision,
    /// A side does not say enough.
    Unknown,
}

impl Cause {
    /// Its name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::NotCovered => "not covered",
            Cause::Grouping => "grouping",
            Cause::Dimension => "dimension",
            Cause::Evidence => "evidence",
            Cause::Threshold => "threshold",
            Cause::Decision => "decision",
            Cause::Unknown => "unknown",
        }
    }
}

/// Why an alert differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// What kind of thing makes the difference.
    pub cause: Cause,
    /// The dimension that changed most, where scores differ.
    pub dimension: Option<Dimension>,
    /// In words, with the numbers of both sides.
    pub detail: String,
}

impl Reason {
    fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, dimension: None, detail: detail.into() }
    }
}

/// Both sides with what they said.
pub(super) struct Judge<'a> {
    pub(super) a: &'a Side,
    pub(super) b: &'a Side,
    pub(super) rows_a: &'a Rows,
    pub(super) rows_b: &'a Rows,
}

impl Judge<'_> {
    pub(super) fn reason(&self, pair: &Pair<'_>, change: Change) -> Reason {
        match (change, pair.a, pair.b) {
            (Change::RevocationGained | Change::RevocationLost, Some(a), Some(b)) => self.revocation(pair, a, b),
            // Whoever opened it first had a reason that the other did not have yet.
            (_, Some(a), Some(b)) => self.alert(pair, if a.opened <= b.opened { a } else { b }),
            (_, Some(alert), None) | (_, None, Some(alert)) => self.alert(pair, alert),
            (_, None, None) => Reason::new(Cause::Unknown, "neither side has it"),
        }
    }

    /// Why one side opened an alert at a moment at which the other did not.
    fn alert(&self, pair: &Pair<'_>, alert: &Alert) -> Reason {
        if alert.kind != AlertKind::ScopeDrift {
            let rule = format!("raised by the rule `{}`, not by a score", alert.kind.as_str());
            return match self.differing(pair) {
                Some((_, differs)) => Reason::new(Cause::Threshold, format!("{rule}; {differs}")),
                None => Reason::new(Cause::Unknown, rule),
            };
        }
        let moment = Moment { identity: alert.identity.clone(), time: alert.opened };
        // A side without rows says of the moment only what its alert tells.
        let said = |rows: &Rows, own: Option<&Alert>| match own.filter(|own| own.opened == alert.opened) {
            Some(own) if !rows.any => {
                let alert = Some(own.id.0.clone());
                Some(Said { dimensions: [None; Dimension::COUNT], evidence: own.score, alert })
            }
            _ => rows.at(&moment).cloned(),
        };
        let side = |rows: &Rows, name: &str| {
            let (cause, what) = if rows.any {
                (Cause::NotCovered, "has no event of this identity at that time")
            } else {
                (Cause::Unknown, "says nothing of that moment")
            };
            Reason::new(cause, format!("the {name} side {what}"))
        };
        let (a, b) = match (said(self.rows_a, pair.a), said(self.rows_b, pair.b)) {
            (Some(a), Some(b)) => (a, b),
            (None, _) => return side(self.rows_a, "first"),
            (_, None) => return side(self.rows_b, "second"),
        };
        if let (Some(x), Some(y)) = (&a.alert, &b.alert)
            && x != y
        {
            let detail = format!("the event belongs to {x} on the first side and to {y} on the second");
            return Reason::new(Cause::Grouping, detail);
        }
        let evidence = format!("evidence {:.1} and {:.1} nats", a.evidence, b.evidence);
        let moved = (a.evidence - b.evidence).abs();
        match self.differing(pair) {
            // A cut that moved by more than the evidence did is what made the difference.
            Some((nats, differs)) if moved < nats.max(SAME_NATS) => {
                Reason::new(Cause::Threshold, format!("{evidence}; {differs}"))
            }
            _ if moved > SAME_NATS => changed(&a, &b, &evidence),
            _ => Reason::new(Cause::Evidence, format!("{evidence}; what earlier sessions left over differs")),
        }
    }

    /// What of the settings differs, and by how many nats that moves the cut.
    fn differing(&self, pair: &Pair<'_>) -> Option<(f64, String)> {
        if let Some((a, b)) = self.a.settings.as_ref().zip(self.b.settings.as_ref()) {
            return setting(a, b);
        }
        let (a, b) = pair.a.zip(pair.b)?;
        (a.config_version != b.config_version)
            .then(|| (0.0, format!("the settings are {} and {}", a.config_version, b.config_version)))
    }

    /// Why one of two alerts about the same episode led to a revocation.
    fn revocation(&self, pair: &Pair<'_>, a: &Alert, b: &Alert) -> Reason {
        let without = if super::pair::revokes(a) { b } else { a };
        if let Some(withheld) = without.withheld {
            return Reason::new(Cause::Decision, withheld.reason());
        }
        let evidence = format!("the evidence is {:.1} and {:.1} nats", a.evidence, b.evidence);
        match self.differing(pair) {
            Some((_, differs)) => Reason::new(Cause::Threshold, format!("{evidence}; {differs}")),
            None => Reason::new(Cause::Evidence, evidence),
        }
    }
}

/// The dimension that changed most, or the evidence itself.
fn changed(a: &Said, b: &Said, evidence: &str) -> Reason {
    match strongest(&a.dimensions, &b.dimensions) {
        Some((dimension, from, to)) => Reason {
            cause: Cause::Dimension,
            dimension: Some(dimension),
            detail: format!("`{dimension}` scores {from:.1} and {to:.1} nats at its first event; {evidence}"),
        },
        None => Reason::new(Cause::Evidence, format!("{evidence}: ranked otherwise")),
    }
}

fn strongest(a: &DimensionValues<Option<f64>>, b: &DimensionValues<Option<f64>>) -> Option<(Dimension, f64, f64)> {
    let values = Dimension::ALL.into_iter().zip(a.iter().zip(b));
    // A side without rows says nothing of any dimension: that is no zero.
    let silent = |values: &DimensionValues<Option<f64>>| values.iter().all(Option::is_none);
    if silent(a) || silent(b) {
        return None;
    }
    let pairs = values.map(|(dimension, (a, b))| (dimension, a.unwrap_or(0.0), b.unwrap_or(0.0)));
    let by_change =
        |x: &(Dimension, f64, f64), y: &(Dimension, f64, f64)| (x.1 - x.2).abs().total_cmp(&(y.1 - y.2).abs());
    pairs.max_by(by_change).filter(|(_, a, b)| (a - b).abs() > SAME_NATS)
}

/// The first setting that differs and decides about alerts, and by how many nats it moves a cut.
fn setting(a: &EngineConfig, b: &EngineConfig) -> Option<(f64, String)> {
    let budgets = [
        (
            "budget.false_alerts_per_1000_identity_days",
            a.budget.false_alerts_per_1000_identity_days,
            b.budget.false_alerts_per_1000_identity_days,
        ),
        (
            "budget.false_revocations_per_million_identity_days",
            a.budget.false_revocations_per_million_identity_days,
            b.budget.false_revocations_per_million_identity_days,
        ),
    ];
    let budget = budgets.into_iter().find(|(_, a, b)| a.total_cmp(b).is_ne());
    let budget = budget.map(|(name, a, b)| ((a / b).ln().abs(), format!("`{name}` is {a} and {b}")));
    budget.or_else(|| (a.mode != b.mode || a.policy != b.policy).then(|| (0.0, "mode or policy differ".to_owned())))
}
