//! `generate`: a labelled data set of a seeded population.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use datasets::generator::{EventStream, Plan, Population, PopulationConfig, ROLES};
use datasets::reader::labels::Label;
use datasets::scenario::{Reach, Scenario, Share};
use datasets::writer::LineWriter;
use indicatif::ProgressBar;
use models::event::Timestamp;
use serde::Serialize;

use super::Outcome;
use super::input::{shown_name, style};
use super::output::{Format, Hashed, Output, create};

const DAY: Duration = Duration::from_hours(24);

/// Generate a data set of a seeded population of agents, with attacks and their labels
///
/// Writes `baseline` (to learn from), `test` (to score) and `labels` (one line a session) to a directory, and a manifest with
/// counts and digests of the contents. The same options give the same bytes on every machine.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("Examples:
  driftwatch-datasets generate --seed 7 --agents 40 --days 30 --attack prompt_injection=0.01 --out data
  driftwatch-datasets generate --agents 500 --role invoice-bot --attack month_end=1 --attack exfiltration=0.02 --out data
  driftwatch-datasets generate --days 1 --out - | driftwatch-datasets describe -

Roles: {}
Scenarios: {}", ROLES.iter().map(|role| role.agent).collect::<Vec<_>>().join(", "),
    Scenario::ALL.map(Scenario::name).join(", ")))]
pub(crate) struct Args {
    /// Everything follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// How many agents, spread evenly over the roles
    #[arg(long, default_value_t = 40)]
    agents: u32,
    /// Days of history to learn from, without scenarios
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Days to score after them, with scenarios
    #[arg(long, default_value_t = 7)]
    test_days: u32,
    /// Sessions of an average agent on an average day; one has about eight events
    #[arg(long, default_value_t = 12.0)]
    sessions_per_day: f64,
    /// The first day, such as 2026-03-02
    #[arg(long, default_value = "2026-03-02", value_parser = day)]
    start: Timestamp,
    /// Take only this role; may be repeated
    #[arg(long = "role", value_name = "NAME")]
    roles: Vec<String>,
    /// Share of the test sessions that get a scenario (of a benign one or a ramp: of the agents or roles); may be repeated
    #[arg(long = "attack", visible_alias = "scenario", value_name = "NAME=SHARE")]
    shares: Vec<Share>,
    /// How to pack the files
    #[arg(long, default_value = "gzip")]
    pack: Pack,
    /// Directory to write to; `-` writes all events, without labels, to standard output
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Pack {
    Gzip,
    Zstd,
    None,
}

#[derive(Debug, Serialize)]
struct Manifest {
    generator: &'static str,
    seed: u64,
    agents: u32,
    days: u32,
    test_days: u32,
    sessions_per_day: f64,
    start: Timestamp,
    roles: Vec<String>,
    shares: BTreeMap<&'static str, f64>,
    /// Split and label, with the scenario if there is one.
    sessions: BTreeMap<String, u64>,
    files: BTreeMap<String, FileEntry>,
}

#[derive(Debug, Serialize)]
struct FileEntry {
    lines: u64,
    /// Of the content, unpacked.
    sha256: String,
}

/// What is written where.
struct Run {
    stream: EventStream,
    split: Timestamp,
    end: Timestamp,
    bar: ProgressBar,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    ensure!(args.days <= 36_500 && args.test_days <= 36_500, "at most 36500 days can be made; choose fewer");
    let total: f64 = args.shares.iter().filter(|s| s.scenario.reach() == Reach::Sessions).map(|s| s.share).sum();
    ensure!(total <= 1.0, "the shares of the attacks add up to {total}; at most 1 is possible");
    let population = Population::new(PopulationConfig {
        seed: args.seed,
        agents: args.agents,
        roles: args.roles.clone(),
        start: args.start,
        sessions_per_day: args.sessions_per_day,
        ..PopulationConfig::default()
    })?;
    let to_stdout = args.out == Path::new("-");
    let split = args.start.saturating_add(DAY * args.days);
    let end = split.saturating_add(DAY * args.test_days);
    let plan =
        Plan { shares: args.shares.clone(), from: split, until: end, cuts: vec![split, end], labels: !to_stdout };
    let bar = ProgressBar::new(u64::from(args.days + args.test_days)).with_style(style("day {pos}/{len}"));
    let run = Run { stream: population.events_with(plan), split, end, bar };
    if to_stdout { run.write_stdout() } else { run.write_directory(args) }
}

impl Run {
    fn write_stdout(mut self) -> anyhow::Result<Outcome> {
        let mut output = Output::create(Path::new("-"), Format::Native)?;
        while let Some(event) = self.stream.next_before(self.end) {
            output.write(&event)?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }

    fn write_directory(mut self, args: &Args) -> anyhow::Result<Outcome> {
        let context = || format!("`{}` cannot be made; check the path and its permissions", shown_name(&args.out));
        fs::create_dir_all(&args.out).with_context(context)?;
        let extension = match args.pack {
            Pack::Gzip => ".gz",
            Pack::Zstd => ".zst",
            Pack::None => "",
        };
        let name = |part: &str| format!("{part}.ndjson{extension}");
        let mut labels = LineWriter::new(Hashed::create(&args.out.join(name("labels")))?);
        let mut sessions = BTreeMap::new();
        let mut files = BTreeMap::new();
        for (part, until) in [("baseline", self.split), ("test", self.end)] {
            let mut events = LineWriter::new(Hashed::create(&args.out.join(name(part)))?);
            self.write_until(until, args.start, &mut events, |label| {
                *sessions.entry(kind(&label)).or_default() += 1;
                labels.write(&label)
            })?;
            files.insert(name(part), FileEntry::of(events)?);
        }
        files.insert(name("labels"), FileEntry::of(labels)?);
        self.bar.finish_and_clear();
        let manifest = Manifest {
            generator: concat!("driftwatch-datasets ", env!("CARGO_PKG_VERSION")),
            seed: args.seed,
            agents: args.agents,
            days: args.days,
            test_days: args.test_days,
            sessions_per_day: args.sessions_per_day,
            start: args.start,
            roles: args.roles.clone(),
            shares: args.shares.iter().map(|share| (share.scenario.name(), share.share)).collect(),
            sessions,
            files,
        };
        // Last: where there is a manifest, the files it names are complete.
        serde_json::to_writer_pretty(create(&args.out.join("manifest.json"))?, &manifest)?;
        manifest.print(&args.out);
        Ok(Outcome::Done)
    }

    fn write_until(
        &mut self,
        until: Timestamp,
        start: Timestamp,
        events: &mut LineWriter<Hashed>,
        mut on_label: impl FnMut(Label) -> std::io::Result<()>,
    ) -> anyhow::Result<()> {
        while let Some(event) = self.stream.next_before(until) {
            events.write_event(&event)?;
            for label in self.stream.take_labels() {
                on_label(label)?;
            }
            if events.written().is_multiple_of(4096) {
                self.bar.set_position((event.time.seconds_since(start) / DAY.as_secs_f64()) as u64);
            }
        }
        Ok(())
    }
}

impl FileEntry {
    fn of(lines: LineWriter<Hashed>) -> anyhow::Result<Self> {
        Ok(Self { lines: lines.written(), sha256: lines.into_inner().finish()? })
    }
}

impl Manifest {
    fn print(&self, out: &Path) {
        println!("written to {}", shown_name(out));
        for (name, file) in &self.files {
            println!("  {name:<24}{:>10} lines", file.lines);
        }
        for (kind, count) in &self.sessions {
            println!("  {kind:<50}{count:>8} sessions");
        }
    }
}

/// `test/attacked_succeeded/prompt_injection`
fn kind(label: &Label) -> String {
    let parts = [label.split.as_deref(), Some(label.label.as_str()), label.scenario.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("/")
}

fn day(text: &str) -> Result<Timestamp, String> {
    format!("{text}T00:00:00Z").parse().map_err(|_| "name a day such as 2026-03-02".to_owned())
}
