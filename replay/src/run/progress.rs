//! Tells how far a replay is: a bar on a terminal, or lines for a program.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::drive::Stage;

/// How progress is shown, always on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// A bar, if standard error is a terminal.
    #[default]
    Auto,
    /// A line of JSON every second, and when a checkpoint was written.
    Json,
    /// Not at all.
    None,
}

/// How often a person or program hears of it.
const EVERY: Duration = Duration::from_secs(1);
/// Lines after which it is worth looking at the clock.
const STEP: u64 = 1024;

/// One line of JSON.
#[derive(Debug, Serialize)]
struct Line {
    stage: &'static str,
    /// Lines and rows taken from the files, events or not.
    handled: u64,
    total: u64,
    events_per_second: f64,
    seconds_left: Option<f64>,
    memory_bytes: Option<u64>,
    /// How many were handled when the last checkpoint was written.
    checkpoint: u64,
}

pub(super) struct Reporter {
    how: Progress,
    bar: ProgressBar,
    stage: Stage,
    total: u64,
    /// How many were handled before this process.
    before: u64,
    handled: u64,
    checkpoint: u64,
    started: Instant,
    told: Instant,
}

impl Reporter {
    pub(super) fn new(how: Progress, stage: Stage, handled: u64, total: u64) -> Self {
        // indicatif draws on a terminal only.
        let bar = if how == Progress::Auto { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let style = "{prefix:10} {bar:30} {human_pos}/{human_len} events  {per_sec}  {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_position(handled);
        bar.reset_eta();
        bar.set_prefix(name(stage));
        let now = Instant::now();
        Self { how, bar, stage, total, before: handled, handled, checkpoint: 0, started: now, told: now }
    }

    /// Takes in how far the replay is.
    pub(super) fn step(&mut self, stage: Stage, handled: u64) {
        self.handled = handled;
        if stage != self.stage {
            self.stage = stage;
            self.bar.set_prefix(name(stage));
        }
        if handled.is_multiple_of(STEP) && self.told.elapsed() >= EVERY {
            self.tell();
        }
    }

    /// Takes in that a checkpoint was written when so many were handled.
    pub(super) fn checkpoint(&mut self, handled: u64) {
        if handled != self.checkpoint {
            self.checkpoint = handled;
            self.tell();
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn tell(&mut self) {
        self.told = Instant::now();
        let memory_bytes = memory();
        if self.how == Progress::Auto {
            self.bar.set_position(self.handled);
            let memory = memory_bytes.map(|bytes| format!("{} MiB", bytes >> 20));
            self.bar.set_message(memory.unwrap_or_default());
        }
        if self.how == Progress::Json {
            let rate = (self.handled - self.before) as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
            let left = self.total.saturating_sub(self.handled) as f64 / rate;
            let line = Line {
                stage: name(self.stage),
                handled: self.handled,
                total: self.total,
                events_per_second: rate,
                seconds_left: left.is_finite().then_some(left),
                memory_bytes,
                checkpoint: self.checkpoint,
            };
            if let Ok(line) = serde_json::to_string(&line) {
                // Whoever listened may be gone; the replay goes on.
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Learning => "learning",
        Stage::WarmingUp => "warming up",
        Stage::Scoring => "scoring",
    }
}

/// Memory of this process in bytes, where the system tells it in `/proc`.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
