//! What a scored unit (a block, a trace) came to: the engine's own statistic, and simpler ones to compare it with.

use models::assessment::Assessment;
use models::dimension::Dimension;

use crate::quality::auroc;

/// The statistics of a unit, in the order of [`Unit::values`]. The first two are what tables show.
pub(super) fn statistics() -> Vec<String> {
    let mut names: Vec<String> = ["evidence", "highest score", "mean score"].map(str::to_owned).to_vec();
    for dimension in Dimension::ALL {
        names.extend([format!("highest {dimension}"), format!("mean {dimension}")]);
    }
    names
}

/// The place of the session's evidence among [`statistics`].
pub(super) const EVIDENCE: usize = 0;
/// The place of the highest event score.
pub(super) const SCORE: usize = 1;

/// The highest and the sum of a score.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Seen {
    highest: f64,
    sum: f64,
}

impl Seen {
    fn push(&mut self, x: f64) {
        self.highest = self.highest.max(x);
        self.sum += x;
    }
}

/// Scores of one unit so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Unit {
    events: u32,
    evidence: f64,
    score: Seen,
    dimensions: [Seen; Dimension::COUNT],
    /// The number of the event (from 1) that brought the evidence to each new height.
    pub rises: Vec<(u32, f64)>,
}

impl Unit {
    pub(super) fn push(&mut self, assessment: &Assessment) {
        self.events += 1;
        if assessment.evidence > self.evidence {
            self.evidence = assessment.evidence;
            self.rises.push((self.events, self.evidence));
        }
        self.score.push(assessment.score);
        for (seen, nats) in self.dimensions.iter_mut().zip(assessment.dimensions) {
            seen.push(nats.unwrap_or(0.0));
        }
    }

    /// One value a statistic; means are over the events of the unit.
    pub(super) fn values(&self) -> Vec<f64> {
        let events = f64::from(self.events.max(1));
        let mut values = vec![self.evidence, self.score.highest, self.score.sum / events];
        for seen in self.dimensions {
            values.extend([seen.highest, seen.sum / events]);
        }
        values
    }
}

/// Values of positives and negatives, by statistic.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    positives: Vec<Vec<f64>>,
    negatives: Vec<Vec<f64>>,
}

impl Pool {
    pub(super) fn push(&mut self, positive: bool, values: Vec<f64>) {
        if positive { self.positives.push(values) } else { self.negatives.push(values) }
    }

    /// How many positives and negatives there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.positives.len(), self.negatives.len())
    }

    /// The values of one statistic: positives, negatives.
    pub(super) fn column(&self, statistic: usize) -> (Vec<f64>, Vec<f64>) {
        let of = |rows: &[Vec<f64>]| rows.iter().filter_map(|row| row.get(statistic).copied()).collect();
        (of(&self.positives), of(&self.negatives))
    }

    /// The area under the ROC curve of each statistic.
    pub(super) fn areas(&self) -> Vec<(String, Option<f64>)> {
        let area = |i| {
            let (positives, negatives) = self.column(i);
            auroc(&positives, &negatives)
        };
        statistics().into_iter().enumerate().map(|(i, name)| (name, area(i))).collect()
    }
}
