//! CloudTrail: audit logs of cloud accounts with known attacks, one file an account or collection.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use models::config::CheckedConfig;
use models::engine::Phase;
use models::event::{Action, Event};
use serde::Deserialize;

use super::feed::{Row, labels, malformed, rows};
use super::scorer::Scorer;
use super::{Benchmark, BenchmarkError, Column, Line, column};
use crate::quality::threshold;
use crate::suite::Mark;

const NOTE: &str = "`tool` is the API call, its server the service; calls named Get, List, Describe, Head, Lookup, Query or \
Scan read, the others write. An outcome that names a refusal is `denied`, another error code an error. One pass a file in \
time order from an empty engine that learns as it goes. A step is a labelled technique of a file; it is found when one of \
its events scores above the cut. Cuts are read off the benign events of the same file; a file without benign events takes \
those of all files. The last column is the smallest share of benign events at which every step is found.";

const RATES: [f64; 3] = [0.01, 0.02, 0.05];

#[derive(Debug, Deserialize)]
struct Truth {
    id: String,
    label: String,
    technique: Option<String>,
}

/// What one file came to, by one way to score.
#[derive(Debug, Clone, Default, PartialEq)]
struct Scored {
    benign: Vec<f64>,
    /// The highest score of each step, and which of its events (from 1) had it.
    steps: BTreeMap<String, Vec<f64>>,
}

pub(super) fn measure(folder: &Path) -> Result<Benchmark, BenchmarkError> {
    let started = Instant::now();
    let mut files = Vec::new();
    let mut events = 0;
    for (name, path, label_file) in sources(folder)? {
        let mut by = [Scored::default(), Scored::default()];
        events += score(&path, &label_file, &mut by)?;
        files.push((name, by));
    }
    let all = |way: usize| files.iter().filter_map(move |(_, by)| by.get(way)).flat_map(|s| s.benign.iter().copied());
    let (mut ours, mut worst) = (Vec::new(), None::<f64>);
    for (way, title) in ["event score", "evidence so far"].into_iter().enumerate() {
        let everywhere: Vec<f64> = all(way).collect();
        for (name, by) in &files {
            let Some(scored) = by.get(way) else { continue };
            let cuts = if scored.benign.is_empty() { &everywhere } else { &scored.benign };
            let share = share_for_all(&scored.steps, cuts);
            if way == 0 {
                worst = [worst, share].into_iter().flatten().max_by(f64::total_cmp);
            }
            ours.push(Line { by: format!("{title}, {name}"), figures: figures(scored, cuts, share) });
        }
    }
    Ok(Benchmark {
        set: "cloudtrail",
        note: NOTE,
        counted: format!("{} files, {events} events", files.len()),
        columns: columns(),
        ours,
        published: Vec::new(),
        baselines: Vec::new(),
        areas: Vec::new(),
        marks: vec![Mark::at_most("cloudtrail", "benign events flagged when every step is found", 0.01, worst)],
        events,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn columns() -> Vec<Column> {
    vec![
        column("benign events", 0),
        column("steps", 0),
        column("found at 1 %", 0),
        column("2 %", 0),
        column("5 %", 0),
        column("median event at 1 %", 0),
        column("share for all", 3),
    ]
}

/// Name, events and labels of every source, in order of name.
fn sources(folder: &Path) -> Result<Vec<(String, PathBuf, PathBuf)>, BenchmarkError> {
    let entries = std::fs::read_dir(folder).map_err(|error| malformed(folder, 0, error.to_string()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".events.ndjson.gz").map(str::to_owned))
        .collect();
    names.sort();
    let paths = |name: String| {
        let file = |kind: &str| folder.join(format!("{name}.{kind}.ndjson.gz"));
        (file("events"), file("labels"), name)
    };
    Ok(names.into_iter().map(paths).map(|(events, labels, name)| (name, events, labels)).collect())
}

fn score(path: &Path, label_file: &Path, by: &mut [Scored; 2]) -> Result<u64, BenchmarkError> {
    let labels: BTreeMap<String, Truth> =
        labels(label_file)?.into_iter().map(|label: Truth| (label.id.clone(), label)).collect();
    let mut scorer = Scorer::new(CheckedConfig::default());
    rows(path, |row| {
        let fault = |what: &str| malformed(path, 0, format!("event `{}`: {what}", row.id.0));
        let label = labels.get(row.id.0.as_ref()).ok_or_else(|| fault("it has no label"))?;
        let assessment = scorer.handle(&event(row).map_err(|what| fault(&what))?, Phase::Live)?;
        for (scored, score) in by.iter_mut().zip([assessment.score, assessment.evidence]) {
            if label.label == "benign" {
                scored.benign.push(score);
            } else {
                let step = label.technique.clone().unwrap_or_else(|| "attack".to_owned());
                scored.steps.entry(step).or_default().push(score);
            }
        }
        Ok(())
    })?;
    Ok(scorer.handled)
}

fn event(row: &Row<'_>) -> Result<Event, String> {
    const READS: [&str; 7] = ["Get", "List", "Describe", "Head", "Lookup", "Query", "Scan"];
    const REFUSED: [&str; 4] = ["Denied", "Unauthorized", "Forbidden", "NotAuthorized"];
    let mut event = row.event("", "").map_err(|r| r.detail)?;
    event.server = row.action.as_ref().map(|service| service.0.as_ref().into());
    let reads = READS.iter().any(|verb| event.tool.starts_with(verb));
    event.action = Some(if reads { Action::Read } else { Action::Write });
    event.outcome = row.outcome(|code| REFUSED.iter().any(|word| code.contains(word)), |code| code == "ok");
    Ok(event)
}

fn figures(scored: &Scored, cuts: &[f64], share: Option<f64>) -> Vec<Option<f64>> {
    let found = |rate: f64| -> Option<Vec<f64>> {
        let cut = threshold(cuts, rate)?;
        let first = |scores: &Vec<f64>| scores.iter().position(|s| *s > cut).map(|i| (i + 1) as f64);
        Some(scored.steps.values().filter_map(first).collect())
    };
    let mut figures = vec![Some(scored.benign.len() as f64), Some(scored.steps.len() as f64)];
    figures.extend(RATES.map(|rate| found(rate).map(|steps| steps.len() as f64)));
    figures.push(found(RATES[0]).and_then(|mut events| {
        events.sort_by(f64::total_cmp);
        events.get(events.len().checked_sub(1)? / 2).copied()
    }));
    figures.push(share);
    figures
}

/// The smallest share of `benign` at or above a cut at which every step is found; `None` without steps or benign events.
fn share_for_all(steps: &BTreeMap<String, Vec<f64>>, benign: &[f64]) -> Option<f64> {
    let highest = |scores: &Vec<f64>| scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weakest = steps.values().map(highest).min_by(f64::total_cmp)?;
    let flagged = benign.iter().filter(|score| **score >= weakest).count();
    (!benign.is_empty()).then(|| flagged as f64 / benign.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_by_its_highest_event() {
        let steps = BTreeMap::from([("a".to_owned(), vec![1.0, 9.0, 2.0]), ("b".to_owned(), vec![6.0, 3.0])]);
        let benign: Vec<f64> = (0..100).map(|i| f64::from(i) / 10.0).collect();
        // b at 6 needs the benign events from 6.0 to 9.9 flagged.
        assert_eq!(share_for_all(&steps, &benign), Some(0.4));
        assert_eq!(share_for_all(&BTreeMap::new(), &benign), None);
        let scored = Scored { benign: benign.clone(), steps };
        // One of 100 may be flagged: the cut is 9.8. At 5 % it is 9.4, at neither is a step found.
        let none = figures(&scored, &benign, None);
        assert_eq!(none, [Some(100.0), Some(2.0), Some(0.0), Some(0.0), Some(0.0), None, None]);
        let found = figures(&scored, &[0.0; 100], Some(0.4));
        assert_eq!(found, [Some(100.0), Some(2.0), Some(2.0), Some(2.0), Some(2.0), Some(1.0), Some(0.4)]);
    }
}
