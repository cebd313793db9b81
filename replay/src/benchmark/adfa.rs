//! ADFA-LD: system calls of one host, one trace a session. Trained on the training traces, frozen for the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use models::engine::Phase;
use models::event::Timestamp;
use serde::Deserialize;

use super::feed::{files, labels, malformed, rows};
use super::scorer::Scorer;
use super::session::{EVIDENCE, Pool, SCORE, Unit, statistics};
use super::{Benchmark, BenchmarkError, Line, column, lines};
use crate::quality::{auroc, detection, threshold};
use crate::suite::{Mark, order_only};

const NOTE: &str = "A session is a trace, `tool` a call, the identity the host. The times are synthetic, so they are \
replaced by one second between calls and an hour between traces, and what looks at time is switched off. The training \
traces are learned, the test traces scored against the frozen baseline.";

/// Kim et al. 2016; Creech & Hu 2014; Chawla et al. 2018; Xie, Hu & Slay 2014; Xie & Hu 2013; as the
/// README quotes them.
const PUBLISHED: [(&str, [f64; 8]); 5] = [
    ("LSTM ensemble (2016)", [0.928, N, N, N, N, N, 16.0, N]),
    ("semantic features, ELM (2014)", [N, N, N, N, N, N, 15.0, N]),
    ("CNN-GRU (2018)", [0.81, N, N, N, N, N, 30.0, N]),
    ("one-class SVM (2014)", [N, N, N, N, N, 70.0, N, N]),
    ("kNN / k-means on frequencies (2013)", [N, N, N, N, N, 60.0, N, N]),
];
const BASELINES: [(&str, [f64; 8]); 5] = [
    ("stide, window 6", [0.835, N, 21.9, 39.6, 63.3, 79.2, 26.0, N]),
    ("Witten-Bell 3-gram", [0.834, N, 30.6, 49.9, 58.0, 72.3, 26.9, N]),
    ("Witten-Bell 6-gram", [0.847, N, 28.5, 47.0, 62.5, 81.8, 23.7, N]),
    ("6-gram, highest mean of 50 calls", [0.748, N, 29.0, 37.5, 51.7, 62.8, 55.7, N]),
    ("tf-idf kNN (3)", [0.775, N, 32.2, 41.7, 55.9, 60.7, 67.5, N]),
];
const N: f64 = f64::NAN;
const RATES: [f64; 5] = [0.01, 0.05, 0.10, 0.15, 0.20];
/// Between traces: longer than the silence that ends a session.
const BETWEEN: Duration = Duration::from_hours(1);

#[derive(Debug, Deserialize)]
struct Label {
    session: String,
    part: String,
    attack: u8,
}

pub(super) fn measure(folder: &Path) -> Result<Benchmark, BenchmarkError> {
    let started = Instant::now();
    let (events, label_file) = files(folder);
    let all: BTreeMap<String, Label> =
        labels(&label_file)?.into_iter().map(|label: Label| (label.session.clone(), label)).collect();
    let mut scorer = Scorer::new(order_only());
    let mut clock = Clock::default();
    each_trace(&events, &all, "train", &mut clock, &mut scorer, Phase::Warmup, |_, _| {})?;
    scorer.publish();
    let mut tested = Tested::default();
    each_trace(&events, &all, "test", &mut clock, &mut scorer, Phase::Frozen, |label, unit| tested.push(label, unit))?;
    Ok(tested.benchmark(scorer.handled, started.elapsed().as_secs_f64()))
}

/// Time made up where only the order is known.
#[derive(Debug)]
struct Clock(Timestamp);

impl Default for Clock {
    fn default() -> Self {
        Self(Timestamp::from_seconds(1_325_376_000))
    }
}

fn each_trace(
    events: &Path,
    labels: &BTreeMap<String, Label>,
    part: &str,
    clock: &mut Clock,
    scorer: &mut Scorer,
    phase: Phase,
    mut done: impl FnMut(&Label, Unit),
) -> Result<(), BenchmarkError> {
    let mut open: Option<(&Label, Unit)> = None;
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let fault = |id: &str, what: &str| malformed(events, 0, format!("event `{id}`: {what}"));
    rows(events, |row| {
        let session = row.session.as_ref().map(|s| s.0.as_ref()).unwrap_or_default();
        let label = labels.get(session).ok_or_else(|| fault(&row.id.0, "its session has no label"))?;
        if label.part != part {
            return Ok(());
        }
        if open.as_ref().is_none_or(|(label, _)| label.session != session) {
            if !seen.insert(&label.session) {
                return Err(fault(&row.id.0, "its session is not in one piece"));
            }
            if let Some((label, unit)) = open.replace((label, Unit::default())) {
                done(label, unit);
            }
            clock.0 = clock.0.saturating_add(BETWEEN);
        }
        clock.0 = clock.0.saturating_add(Duration::from_secs(1));
        let mut event = row.event("host", "").map_err(|r| fault(&row.id.0, &r.detail))?;
        event.time = clock.0;
        let assessment = scorer.handle(&event, phase)?;
        if let Some((_, unit)) = &mut open {
            unit.push(&assessment);
        }
        Ok(())
    })?;
    if let Some((label, unit)) = open {
        done(label, unit);
    }
    Ok(())
}

/// Scores of the test traces.
#[derive(Debug, Default)]
struct Tested {
    pool: Pool,
    /// Where the evidence of each attack rose, and to what.
    attacks: Vec<Vec<(u32, f64)>>,
}

impl Tested {
    fn push(&mut self, label: &Label, unit: Unit) {
        self.pool.push(label.attack == 1, unit.values());
        if label.attack == 1 {
            self.attacks.push(unit.rises);
        }
    }

    fn line(&self, statistic: usize) -> Line {
        let (positives, negatives) = self.pool.column(statistic);
        let mut figures = vec![auroc(&positives, &negatives)];
        figures.extend(RATES.iter().map(|r| detection(&positives, &negatives, *r).map(|d| 100.0 * d.detected)));
        figures.push(rate_at(&positives, &negatives, 0.9).map(|rate| 100.0 * rate));
        let cut = threshold(&negatives, 0.10).filter(|_| statistic == EVIDENCE);
        figures.push(cut.and_then(|cut| median_crossing(&self.attacks, cut)));
        Line { by: statistics().swap_remove(statistic), figures }
    }

    fn benchmark(&self, events: u64, seconds: f64) -> Benchmark {
        let ours: Vec<Line> = [EVIDENCE, SCORE].map(|statistic| self.line(statistic)).into();
        let area = ours.first().and_then(|line| *line.figures.first()?);
        let (attacks, clean) = self.pool.counts();
        Benchmark {
            set: "adfa-ld",
            note: NOTE,
            counted: format!("{} test traces ({attacks} attacks)", attacks + clean),
            columns: vec![
                column("AUC", 3),
                column("found % at FPR 1 %", 1),
                column("5 %", 1),
                column("10 %", 1),
                column("15 %", 1),
                column("20 %", 1),
                column("FPR % at found 90 %", 1),
                column("median call", 0),
            ],
            ours,
            published: lines(&PUBLISHED),
            baselines: lines(&BASELINES),
            areas: self.pool.areas(),
            marks: vec![Mark::at_least("adfa-ld", "AUC by evidence", 0.88, area)],
            events,
            seconds,
        }
    }
}

/// The smallest share of negatives that alarm when at least `share` of the positives do.
fn rate_at(positives: &[f64], negatives: &[f64], share: f64) -> Option<f64> {
    let mut sorted = positives.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let needed = ((share * sorted.len() as f64 - 1e-9).ceil() as usize).max(1);
    let cut = *sorted.get(needed - 1)?;
    let alarms = negatives.iter().filter(|x| **x >= cut).count();
    (!negatives.is_empty()).then(|| alarms as f64 / negatives.len() as f64)
}

/// The median, over attacks that are found, of the call at which the evidence first passes `cut`.
fn median_crossing(attacks: &[Vec<(u32, f64)>], cut: f64) -> Option<f64> {
    let first =
        |rises: &Vec<(u32, f64)>| rises.iter().find(|(_, evidence)| *evidence > cut).map(|(call, _)| f64::from(*call));
    let mut calls: Vec<f64> = attacks.iter().filter_map(first).collect();
    calls.sort_by(f64::total_cmp);
    calls.get(calls.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_at_a_share_is_read_off_the_curve() {
        // Nine of ten positives alarm at a cut of 2: negatives 2 and 3 do as well.
        let positives: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(rate_at(&positives, &[0.0, 1.0, 2.0, 3.0], 0.9), Some(0.5));
        assert_eq!(rate_at(&positives, &[0.0, 1.0, 2.0, 3.0], 1.0), Some(0.75));
        assert_eq!(rate_at(&[], &[1.0], 0.9), None);
    }

    #[test]
    fn crossing_is_the_first_call_above_the_cut() {
        let attacks = [vec![(3, 1.0), (9, 2.5)], vec![(1, 3.0)], vec![(2, 2.0)], vec![(4, 2.0), (5, 7.0)]];
        assert_eq!(median_crossing(&attacks, 2.0), Some(5.0));
        assert_eq!(median_crossing(&attacks, 9.0), None);
    }
}
