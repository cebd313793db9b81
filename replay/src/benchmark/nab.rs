//! The Numenta Anomaly Benchmark: one number over time, with labelled windows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use models::assessment::{Assessment, Outcome};
use models::config::CheckedConfig;
use models::dimension::Dimension;
use models::engine::Phase;
use models::event::{Event, Timestamp};
use serde::Deserialize;

use super::feed::{files, labels, malformed, rows};
use super::nab_score::{LOW_FALSE_ALARMS, LOW_MISSES, STANDARD, Scoring, Series};
use super::scorer::Scorer;
use super::{Benchmark, BenchmarkError, Line, column, lines};
use crate::suite::Mark;

const NOTE: &str = "The identity is the file, each with an engine of its own. The value becomes received bytes, \
round(e^(21 + z)), with z the value's distance from the median of the file's probation part in units of 1.4826 x its median \
absolute deviation (its standard deviation where that is 0, 1 where both are), held within -20 and 20: the engine looks at \
the logarithm of bytes, so this makes it see the value itself. Probation is learned; every later point is scored, then \
learned unless the engine finds it odd. Times are those of the file, held back from running backwards. NAB picks the one \
threshold for all files that is best for each profile, here and in the published figures; the last column is the score at \
a threshold chosen without looking, a point seen once in a thousand.";

const N: f64 = f64::NAN;
/// As the README quotes them; the second three columns are the same detectors rescored on the files that are here.
const PUBLISHED: [(&str, [f64; 5]); 13] = [
    ("ARTime", [74.9, 65.1, 80.4, N, N]),
    ("Numenta HTM", [70.5, 62.6, 75.2, N, N]),
    ("CAD OSE", [69.9, 67.0, 73.2, N, N]),
    ("earthgecko Skyline", [58.2, 46.2, 63.9, N, N]),
    ("KNN CAD", [58.0, 43.4, 64.8, N, N]),
    ("Relative Entropy", [54.6, 47.6, 58.8, N, N]),
    ("Random Cut Forest", [51.7, 38.4, 59.7, N, N]),
    ("Twitter ADVec", [47.1, 33.6, 53.5, N, N]),
    ("Windowed Gaussian", [39.6, 20.9, 47.4, N, N]),
    ("Etsy Skyline", [35.7, 27.1, 44.5, N, N]),
    ("Bayesian changepoint", [17.7, 3.2, 32.2, N, N]),
    ("EXPoSE", [16.4, 3.2, 26.9, N, N]),
    ("random", [11.0, 1.2, 19.5, N, N]),
];
const BASELINES: [(&str, [f64; 5]); 9] = [
    ("ARTime, rescored", [74.2, 65.4, 80.4, N, N]),
    ("Numenta HTM, rescored", [68.1, 61.4, 72.4, N, N]),
    ("KNN CAD, rescored", [56.8, 40.7, 64.3, N, N]),
    ("Random Cut Forest, rescored", [52.0, 41.1, 59.0, N, N]),
    ("random, rescored", [20.8, 8.2, 31.0, N, N]),
    ("Gaussian over the last 6,400 points", [36.2, N, N, N, N]),
    ("EWMA of absolute z, best of three rates", [37.1, N, N, N, N]),
    ("conformal kNN on 19-point windows", [47.5, N, N, N, N]),
    ("relative entropy on 52-point histograms", [42.1, N, N, N, N]),
];

#[derive(Debug, Deserialize)]
struct Label {
    identity: String,
    probation: usize,
    windows: Vec<(usize, usize)>,
}

/// A threshold that nothing was fitted to: once in a thousand points.
const ONCE_IN_1000: f64 = 6.908;

/// What is scored a point: the event score, the evidence where it rises, and each dimension.
const COLUMNS: usize = 2 + Dimension::COUNT;

pub(super) fn measure(folder: &Path) -> Result<Benchmark, BenchmarkError> {
    let started = Instant::now();
    let (events, label_file) = files(folder);
    let labels: BTreeMap<String, Label> =
        labels(&label_file)?.into_iter().map(|label: Label| (label.identity.clone(), label)).collect();
    let mut measured = Measured { path: events.clone(), series: vec![Vec::new(); COLUMNS], events: 0, windows: 0 };
    let mut open: Option<(&Label, Vec<(Event, f64)>)> = None;
    rows(&events, |row| {
        let fault = |what: &str| malformed(&events, 0, format!("event `{}`: {what}", row.id.0));
        let event = row.event("", "").map_err(|r| fault(&r.detail))?;
        let value = row.value.filter(|v| v.is_finite()).ok_or_else(|| fault("it has no value"))?;
        if open.as_ref().is_none_or(|(label, _)| *label.identity != *event.identity) {
            let label = labels.get(&*event.identity).ok_or_else(|| fault("its file has no label"))?;
            if let Some((label, points)) = open.replace((label, Vec::new())) {
                measured.file(label, points)?;
            }
        }
        if let Some((_, points)) = &mut open {
            points.push((event, value));
        }
        Ok(())
    })?;
    if let Some((label, points)) = open {
        measured.file(label, points)?;
    }
    Ok(measured.benchmark(started.elapsed().as_secs_f64()))
}

#[derive(Debug)]
struct Measured {
    path: PathBuf,
    /// By column, one a file.
    series: Vec<Vec<Series>>,
    events: u64,
    windows: usize,
}

impl Measured {
    fn file(&mut self, label: &Label, points: Vec<(Event, f64)>) -> Result<(), BenchmarkError> {
        if label.windows.iter().any(|(first, last)| first > last || *last >= points.len()) {
            return Err(malformed(&self.path, 0, format!("a window of `{}` lies outside its points", label.identity)));
        }
        let probation: Vec<f64> = points.iter().take(label.probation).map(|(_, value)| *value).collect();
        let scale = Scale::of(&probation);
        let mut scorer = Scorer::new(CheckedConfig::default());
        let mut scores: Vec<Vec<f64>> = vec![Vec::new(); COLUMNS];
        let (mut latest, mut evidence) = (Timestamp::EPOCH, 0.0);
        for (i, (mut event, value)) in points.into_iter().enumerate() {
            if i == label.probation {
                scorer.publish();
            }
            latest = event.time.max(latest);
            event.time = latest;
            event.bytes_out = Some(scale.bytes(value));
            let phase = if i < label.probation { Phase::Warmup } else { Phase::Live };
            let assessment = scorer.handle(&event, phase)?;
            for (scores, score) in scores.iter_mut().zip(columns(&assessment, &mut evidence)) {
                scores.push(score);
            }
        }
        self.events += scorer.handled;
        self.windows += label.windows.len();
        for (all, scores) in self.series.iter_mut().zip(scores) {
            all.push(Series { scores, probation: label.probation, windows: label.windows.clone() });
        }
        Ok(())
    }

    fn benchmark(&self, seconds: f64) -> Benchmark {
        let names = ["event score", "rise of the evidence"].into_iter().chain(Dimension::ALL.map(Dimension::as_str));
        let all: Vec<Line> = names.zip(&self.series).map(|(by, series)| line(by, series)).collect();
        let standard = all.first().and_then(|line| *line.figures.first()?);
        let files = self.series.first().map_or(0, Vec::len);
        Benchmark {
            set: "nab",
            note: NOTE,
            counted: format!("{files} files ({} windows)", self.windows),
            columns: vec![
                column("standard", 1),
                column("low false alarms", 1),
                column("low misses", 1),
                column("threshold for standard (nats)", 3),
                column("standard at 6.908 nats", 1),
            ],
            ours: all.iter().take(2).cloned().collect(),
            published: lines(&PUBLISHED),
            baselines: lines(&BASELINES),
            areas: all.into_iter().map(|line| (line.by, line.figures.into_iter().next().flatten())).collect(),
            marks: vec![Mark::at_least("nab", "standard score by event score", 60.0, standard)],
            events: self.events,
            seconds,
        }
    }
}

fn line(by: &str, series: &[Series]) -> Line {
    let scoring = Scoring::new(series);
    let (standard, threshold) = scoring.best(STANDARD);
    let others = [LOW_FALSE_ALARMS, LOW_MISSES].map(|profile| scoring.best(profile).0);
    let figures = [standard].into_iter().chain(others).chain([threshold, scoring.at(STANDARD, ONCE_IN_1000)]);
    Line { by: by.to_owned(), figures: figures.map(Some).collect() }
}

/// Evidence never falls within a session, so only where it rises does it say something of a point.
fn columns(assessment: &Assessment, evidence: &mut f64) -> impl Iterator<Item = f64> + use<> {
    let rise = if assessment.evidence > *evidence { assessment.evidence } else { 0.0 };
    if assessment.outcome == Outcome::Scored {
        *evidence = assessment.evidence;
    }
    [assessment.score, rise].into_iter().chain(assessment.dimensions.map(|nats| nats.unwrap_or(0.0)))
}

/// Where the values of the probation part lie.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    centre: f64,
    width: f64,
}

impl Scale {
    fn of(values: &[f64]) -> Self {
        let centre = median(values.to_vec()).unwrap_or(0.0);
        let deviation = median(values.iter().map(|x| (x - centre).abs()).collect()).unwrap_or(0.0);
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let spread = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let width = [1.4826 * deviation, spread].into_iter().find(|w| *w > 0.0).unwrap_or(1.0);
        Self { centre, width }
    }

    fn bytes(self, value: f64) -> u64 {
        let z = ((value - self.centre) / self.width).clamp(-20.0, 20.0);
        (21.0 + z).exp().round() as u64
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_linear_in_the_value_for_whoever_takes_their_logarithm() {
        let scale = Scale::of(&[9.0, 10.0, 11.0, 12.0, 50.0]);
        // Median 11, deviations 2, 1, 0, 1, 39: their median is 1.
        assert_eq!(scale, Scale { centre: 11.0, width: 1.4826 });
        for z in [-15.0, -1.0, 0.0, 3.0, 15.0] {
            let seen = (scale.bytes(11.0 + 1.4826 * z) as f64).ln() - 21.0;
            assert!((seen - z).abs() < 0.002, "{seen} instead of {z}");
        }
        assert_eq!(scale.bytes(1e300), scale.bytes(1e6));
        assert_eq!(Scale::of(&[3.0, 3.0, 3.0]).width.to_string(), "1");
        assert_eq!(Scale::of(&[0.0, 0.0, 0.0, 4.0]).width.to_string(), 3_f64.sqrt().to_string());
    }
}
