//! The DARPA 1998 edge stream: who connects to whom, one event a connection, most of it floods.

use std::path::Path;
use std::time::Instant;

use models::assessment::Assessment;
use models::config::CheckedConfig;
use models::dimension::Dimension;
use models::engine::Phase;
use models::event::Event;

use super::feed::{Row, files, malformed, rows};
use super::runs::Runs;
use super::scorer::Scorer;
use super::stream::StreamArea;
use super::{Benchmark, BenchmarkError, Line, column, lines};
use crate::suite::Mark;

const NOTE: &str = "The identity is the source address, `target` the destination, the tool is always `connect`; nothing \
names a session, so silence cuts them. One pass from an empty engine that learns as it goes; the area is over all events. \
Areas are kept in constant memory, with scores told apart to 1 part in 256.";

/// Bhatia et al. 2022 and 2023, as the README quotes them.
const PUBLISHED: [(&str, [f64; 1]); 8] = [
    ("MIDAS-F", [0.987]),
    ("AnoEdge-G", [0.970]),
    ("AnoEdge-L", [0.963]),
    ("MIDAS-R", [0.951]),
    ("MIDAS", [0.904]),
    ("F-FADE", [0.845]),
    ("PENminer", [0.827]),
    ("SedanSpot", [0.644]),
];
const BASELINES: [(&str, [f64; 1]); 4] =
    [("MIDAS-F", [0.994]), ("MIDAS-R", [0.994]), ("MIDAS", [0.950]), ("rarity of the pair alone", [0.158])];

pub(super) fn measure(folder: &Path) -> Result<Benchmark, BenchmarkError> {
    let started = Instant::now();
    let config = CheckedConfig::default();
    let streamed = stream(folder, config, |row| row.event("", "connect").map_err(|r| r.detail), |attack, _| attack)?;
    let area = streamed.areas.first().and_then(|(_, area)| *area);
    Ok(Benchmark {
        set: "darpa-edges",
        note: NOTE,
        counted: format!("{} events ({} of attacks)", streamed.events, streamed.positives),
        columns: vec![column("AUC", 3)],
        ours: streamed.lines(),
        published: lines(&PUBLISHED),
        baselines: lines(&BASELINES),
        areas: streamed.areas,
        marks: vec![Mark::at_least("darpa-edges", "AUC by event score", 0.99, area)],
        events: streamed.events,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Areas of a stream of labelled events.
#[derive(Debug)]
pub(super) struct Streamed {
    pub events: u64,
    pub positives: u64,
    pub areas: Vec<(String, Option<f64>)>,
}

impl Streamed {
    /// The event score, and the evidence of the session so far.
    pub(super) fn lines(&self) -> Vec<Line> {
        let line = |(by, area): &(String, Option<f64>)| Line { by: by.clone(), figures: vec![*area] };
        self.areas.iter().take(2).map(line).collect()
    }
}

/// One pass over a set whose labels are runs, learning as it goes. `event` maps the columns, `positive` says from the
/// label and the name of its run what counts as one.
pub(super) fn stream(
    folder: &Path,
    config: CheckedConfig,
    event: impl Fn(&Row<'_>) -> Result<Event, String>,
    positive: impl Fn(bool, &str) -> bool,
) -> Result<Streamed, BenchmarkError> {
    let (events, label_file) = files(folder);
    let mut runs = Runs::read(&label_file)?;
    let mut scorer = Scorer::new(config);
    let mut areas = vec![StreamArea::new(); 2 + Dimension::COUNT];
    rows(&events, |row| {
        let fault = |what: &str| malformed(&events, 0, format!("event `{}`: {what}", row.id.0));
        let number = row.id.0.parse().map_err(|_| fault("its id is not a number"))?;
        let (attack, name) = runs.of(number).ok_or_else(|| fault("it has no label"))?;
        let positive = positive(attack, name);
        let assessment = scorer.handle(&event(row).map_err(|what| fault(&what))?, Phase::Live)?;
        for (area, score) in areas.iter_mut().zip(scores(&assessment)) {
            area.push(positive, score);
        }
        Ok(())
    })?;
    let names = ["event score", "evidence"].into_iter().chain(Dimension::ALL.map(Dimension::as_str));
    Ok(Streamed {
        events: scorer.handled,
        positives: areas.first().map_or(0, |area| area.counts().0),
        areas: names.map(str::to_owned).zip(areas.iter().map(StreamArea::area)).collect(),
    })
}

fn scores(assessment: &Assessment) -> impl Iterator<Item = f64> {
    let dimensions = assessment.dimensions.map(|nats| nats.unwrap_or(0.0));
    [assessment.score, assessment.evidence].into_iter().chain(dimensions)
}
