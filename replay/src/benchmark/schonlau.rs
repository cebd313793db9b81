//! Schonlau (SEA) masquerades: Unix commands of many users, some blocks of which somebody else typed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use models::engine::Phase;
use models::event::{Event, Timestamp};
use serde::Deserialize;

use super::feed::{files, labels, malformed, rows};
use super::scorer::{Learned, Scorer};
use super::session::{EVIDENCE, Pool, SCORE, Unit, statistics};
use super::{Benchmark, BenchmarkError, Line, column, lines};
use crate::quality::{auroc, detection};
use crate::suite::{Mark, order_only};

const NOTE: &str = "A session is a block of 100 commands, `tool` a command. The times are synthetic, so they are replaced \
by one second between commands and an hour between blocks, and what looks at time is switched off. The first 5,000 commands \
of all users are learned together, so the other users are this one's peers; then each user's test blocks go, one after \
another, through an engine of its own that starts from there and learns only what it judged normal itself. Cut is 100 - hit \
+ 6 x false alarms. The lowest cost and the hit rates are read off the curve of all blocks with one cut for all users, as \
those of the baselines are; the other published figures are at the cut that their authors chose.";

const N: f64 = f64::NAN;
/// Oka et al. 2004; Coull & Szymanski 2008; Maxion & Townsend 2002; Schonlau et al. 2001; Coull et al. 2003; Kim & Cha 2005;
/// as the README quotes them.
const PUBLISHED: [(&str, [f64; 8]); 12] = [
    ("ECM (2004)", [N, 42.7, 72.3, 2.5, N, N, N, N]),
    ("semi-global alignment, updating (2008)", [N, 42.8, 68.6, 1.9, N, N, N, N]),
    ("naive Bayes, updating (2002)", [N, 46.3, 61.5, 1.3, N, N, N, N]),
    ("naive Bayes (2002)", [N, 61.4, 66.2, 4.6, N, N, N, N]),
    ("uniqueness (2001)", [N, 69.0, 39.4, 1.4, N, N, N, N]),
    ("hybrid multi-step Markov (2001)", [N, 69.9, 49.3, 3.2, N, N, N, N]),
    ("semi-global alignment (2003)", [N, 70.4, 75.8, 7.7, N, N, N, N]),
    ("Bayes one-step Markov (2001)", [N, 70.9, 69.3, 6.7, N, N, N, N]),
    ("IPAM (2001)", [N, 75.1, 41.1, 2.7, N, N, N, N]),
    ("SVM, voting (2005)", [N, 78.1, 80.1, 9.7, N, N, N, N]),
    ("sequence-match (2001)", [N, 85.4, 36.8, 3.7, N, N, N, N]),
    ("compression (2001)", [N, 95.8, 34.2, 5.0, N, N, N, N]),
];
/// Where the README gives a spread, its best end.
const BASELINES: [(&str, [f64; 8]); 3] = [
    ("naive Bayes log-odds", [0.939, 65.4, 68.1, 5.6, N, 29.0, N, N]),
    ("the same, learning what it judged normal: best of 6 settings", [0.966, 44.9, N, N, N, 50.0, N, N]),
    ("the same through a two-state filter: best of 12 settings", [0.967, 42.3, N, N, N, 59.4, N, N]),
];
const RATES: [f64; 4] = [0.01, 0.013, 0.02, 0.05];
const TRAINING: usize = 5_000;
const BLOCK: usize = 100;
const START: Timestamp = Timestamp::from_seconds(946_684_800);

#[derive(Debug, Deserialize)]
struct Label {
    identity: String,
    block: usize,
    masquerade: u8,
}

/// Commands of every user, as places in a table of names.
#[derive(Debug, Default)]
struct Commands {
    names: Vec<Box<str>>,
    users: BTreeMap<String, Vec<u32>>,
}

pub(super) fn measure(folder: &Path) -> Result<Benchmark, BenchmarkError> {
    let started = Instant::now();
    let (events, label_file) = files(folder);
    let (commands, template) = read(&events)?;
    let mut masquerades: BTreeMap<(String, usize), bool> = BTreeMap::new();
    for Label { identity, block, masquerade } in labels(&label_file)? {
        masquerades.insert((identity, block), masquerade == 1);
    }
    let mut blocks = Blocks { commands: &commands, event: template };
    let mut scorer = Scorer::new(order_only());
    for block in 0..TRAINING / BLOCK {
        for user in commands.users.keys() {
            blocks.run(&mut scorer, user, block, Phase::Warmup)?;
        }
    }
    scorer.publish();
    let mut events = scorer.handled;
    let learned = scorer.into_learned();
    let mut pool = Pool::default();
    for user in commands.users.keys() {
        events += blocks.test(&learned, user, &masquerades, &mut pool)?;
    }
    Ok(benchmark(&pool, events, started.elapsed().as_secs_f64()))
}

/// The commands, and an event to make others from.
fn read(path: &Path) -> Result<(Commands, Event), BenchmarkError> {
    let (mut commands, mut places, mut template) = (Commands::default(), BTreeMap::new(), None);
    rows(path, |row| {
        let event = row.event("", "").map_err(|r| malformed(path, 0, format!("event `{}`: {}", row.id.0, r.detail)))?;
        let place = *places.entry(event.tool.clone()).or_insert_with(|| {
            commands.names.push(event.tool.clone());
            commands.names.len() as u32 - 1
        });
        match commands.users.get_mut(&*event.identity) {
            Some(user) => user.push(place),
            None => drop(commands.users.insert(event.identity.to_string(), vec![place])),
        }
        template.get_or_insert(event);
        Ok(())
    })?;
    let template = template.ok_or_else(|| malformed(path, 0, "there is no event in it"))?;
    Ok((commands, template))
}

/// Makes the events of a block.
struct Blocks<'a> {
    commands: &'a Commands,
    event: Event,
}

impl Blocks<'_> {
    /// Hands block `block` (from 0, training blocks first) of a user to an engine.
    fn run(&mut self, scorer: &mut Scorer, user: &str, block: usize, phase: Phase) -> Result<Unit, BenchmarkError> {
        let mut unit = Unit::default();
        self.event.identity = user.into();
        self.event.session = Some(format!("{user}-block-{block}").into());
        let commands = self.commands.users.get(user).map(Vec::as_slice).unwrap_or_default();
        for (i, place) in commands.iter().enumerate().skip(block * BLOCK).take(BLOCK) {
            self.event.id = format!("{user}-{i}").into();
            self.event.time = START.saturating_add(Duration::from_secs((block * 3_600 + i % BLOCK) as u64));
            if let Some(name) = self.commands.names.get(*place as usize) {
                self.event.tool.clone_from(name);
            }
            unit.push(&scorer.handle(&self.event, phase)?);
        }
        Ok(unit)
    }

    /// Scores the test blocks of one user, in order; gives the number of events.
    fn test(
        &mut self,
        learned: &Learned,
        user: &str,
        masquerades: &BTreeMap<(String, usize), bool>,
        pool: &mut Pool,
    ) -> Result<u64, BenchmarkError> {
        let mut scorer = learned.scorer()?;
        let blocks = self.commands.users.get(user).map_or(0, Vec::len).div_ceil(BLOCK);
        for block in TRAINING / BLOCK..blocks {
            let unit = self.run(&mut scorer, user, block, Phase::Live)?;
            if let Some(masquerade) = masquerades.get(&(user.to_owned(), block + 1 - TRAINING / BLOCK)) {
                pool.push(*masquerade, unit.values());
            }
        }
        Ok(scorer.handled)
    }
}

fn benchmark(pool: &Pool, events: u64, seconds: f64) -> Benchmark {
    let ours: Vec<Line> = [EVIDENCE, SCORE].map(|statistic| line(pool, statistic)).into();
    let cost = ours.first().and_then(|line| *line.figures.get(1)?);
    let (masquerades, clean) = pool.counts();
    Benchmark {
        set: "schonlau",
        note: NOTE,
        counted: format!("{} blocks ({masquerades} masquerades)", masquerades + clean),
        columns: vec![
            column("AUC", 3),
            column("lowest cost", 1),
            column("hit %", 1),
            column("false alarm %", 1),
            column("hit % at 1 %", 1),
            column("1.3 %", 1),
            column("2 %", 1),
            column("5 %", 1),
        ],
        ours,
        published: lines(&PUBLISHED),
        baselines: lines(&BASELINES),
        areas: pool.areas(),
        marks: vec![Mark::at_most("schonlau", "cost by evidence", 42.0, cost)],
        events,
        seconds,
    }
}

fn line(pool: &Pool, statistic: usize) -> Line {
    let (positives, negatives) = pool.column(statistic);
    let lowest = lowest_cost(&positives, &negatives);
    let mut figures = vec![auroc(&positives, &negatives)];
    figures.extend([lowest.map(|c| c.cost), lowest.map(|c| c.hit), lowest.map(|c| c.false_alarm)]);
    figures.extend(RATES.iter().map(|r| detection(&positives, &negatives, *r).map(|d| 100.0 * d.detected)));
    Line { by: statistics().swap_remove(statistic), figures }
}

/// A cut and what it costs, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cut {
    cost: f64,
    hit: f64,
    false_alarm: f64,
}

/// The lowest of (100 - hit) + 6 x false alarm (Maxion & Townsend 2002) over all cuts `score > cut`, and no alarm at all.
fn lowest_cost(positives: &[f64], negatives: &[f64]) -> Option<Cut> {
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let mut scored: Vec<(f64, bool)> =
        positives.iter().map(|x| (*x, true)).chain(negatives.iter().map(|x| (*x, false))).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best = Cut { cost: 100.0, hit: 0.0, false_alarm: 0.0 };
    let (mut hits, mut alarms) = (0.0, 0.0);
    for group in scored.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        hits += group.iter().filter(|(_, positive)| *positive).count() as f64;
        alarms += group.iter().filter(|(_, positive)| !positive).count() as f64;
        let (hit, false_alarm) = (100.0 * hits / positives.len() as f64, 100.0 * alarms / negatives.len() as f64);
        let cost = 100.0 - hit + 6.0 * false_alarm;
        if cost < best.cost {
            best = Cut { cost, hit, false_alarm };
        }
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_cost_is_that_of_the_best_cut() {
        // Cuts from above: (9) hit 50, cost 50; (9, 8) the same and a false alarm of 10: 110; (9, 8, 7) hit 100: 60.
        let mut negatives = vec![8.0, 1.0];
        negatives.extend([0.0; 8]);
        let best = lowest_cost(&[9.0, 7.0], &negatives).unwrap();
        assert_eq!(best, Cut { cost: 50.0, hit: 50.0, false_alarm: 0.0 });
        // Of 100 clean blocks one alarm costs 6, so the second masquerade is worth it.
        negatives.extend([0.0; 90]);
        let best = lowest_cost(&[9.0, 7.0], &negatives).unwrap();
        assert_eq!(best, Cut { cost: 6.0, hit: 100.0, false_alarm: 1.0 });
        // Ties alarm together; silence costs 100.
        assert_eq!(lowest_cost(&[5.0], &[5.0, 5.0]).unwrap().cost.to_string(), "100");
        assert_eq!(lowest_cost(&[], &[1.0]), None);
    }
}
