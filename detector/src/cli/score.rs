//! `driftwatch score`: the engine over files or stdin, one line out for each line in.

mod row;

use std::io::{BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use datasets::reader::{LineReader, decode_line};
use models::assessment::Decision;
use models::engine::{Engine, Input, Output, Phase, Trust};

use super::FOUND;
use crate::source::file;
use row::{Rejected, Row};

/// Score events from files or stdin, without a service or a database.
///
/// Reads NDJSON, plain, gzip or zstd. Writes one JSON object for each line in, in order: how strange the event is, by
/// which dimension, and what would be done. Lines that are no event are written with the reason.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  driftwatch score events.ndjson.gz\n  \
                        driftwatch score --learn last-week.ndjson --freeze today.ndjson > scores.ndjson\n  \
                        tail -F actions.ndjson | driftwatch score -c driftwatch.toml\n  \
                        driftwatch score --fail-on alert nightly.ndjson || echo 'something is strange'")]
pub(super) struct Args {
    /// Files to score, in this order; none or `-` is stdin.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Learn from this file first, without output.
    #[arg(long, value_name = "BASELINE")]
    learn: Vec<PathBuf>,
    /// Score against the baseline as it is after --learn; learn nothing more.
    #[arg(long)]
    freeze: bool,
    /// The configuration file whose [engine] table applies.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Exit with 1 if any event comes to this decision or a stronger one.
    #[arg(long, value_name = "DECISION")]
    fail_on: Option<FailOn>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FailOn {
    Record,
    Alert,
    Revoke,
}

impl FailOn {
    fn decision(self) -> Decision {
        match self {
            FailOn::Record => Decision::Record,
            FailOn::Alert => Decision::Alert,
            FailOn::Revoke => Decision::Revoke,
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::config(args.config.as_deref())?;
    let mut run = Run {
        engine: Engine::new(config.engine),
        outputs: Vec::new(),
        out: BufWriter::new(std::io::stdout().lock()),
        strongest: Decision::None,
    };
    for baseline in &args.learn {
        run.learn(baseline)?;
    }
    if !args.learn.is_empty() {
        run.engine.publish(&mut run.outputs);
    }
    let phase = if args.freeze { Phase::Frozen } else { Phase::Live };
    let stdin = [PathBuf::from("-")];
    for events in if args.files.is_empty() { &stdin[..] } else { &args.files } {
        run.score(events, phase)?;
    }
    run.out.flush()?;
    let found = args.fail_on.is_some_and(|limit| run.strongest >= limit.decision());
    Ok(if found { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

/// Scoring in progress.
struct Run<'a> {
    engine: Engine,
    outputs: Vec<Output>,
    out: BufWriter<StdoutLock<'a>>,
    strongest: Decision,
}

impl Run<'_> {
    fn learn(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut reader = file::open(path)?;
        let mut left_out = 0_u64;
        while let Some(line) = reader.next_line()? {
            match decode_line(&line) {
                Ok(decoded) => self.handle(&decoded.event, Phase::Warmup),
                Err(_) => left_out += 1,
            }
        }
        if left_out > 0 {
            super::note(format_args!("{left_out} lines of `{}` are no events and were not learned", path.display()));
        }
        Ok(())
    }

    fn score(&mut self, path: &Path, phase: Phase) -> anyhow::Result<()> {
        let mut reader: LineReader = file::open(path)?;
        while let Some(line) = reader.next_line()? {
            match decode_line(&line) {
                Ok(decoded) => {
                    self.handle(&decoded.event, phase);
                    for output in self.outputs.drain(..) {
                        if let Output::Assessed(assessment) = output {
                            self.strongest = self.strongest.max(assessment.decision);
                            serde_json::to_writer(&mut self.out, &Row::new(&decoded.event, &assessment))?;
                        }
                    }
                }
                Err(rejection) => serde_json::to_writer(&mut self.out, &Rejected::new(line.number, &rejection))?,
            }
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn handle(&mut self, event: &models::event::Event, phase: Phase) {
        self.outputs.clear();
        // No arrival: what is scored here is history, and nothing in it is stale.
        self.engine.handle(Input::recorded(event, Trust::Revoke, phase), &mut self.outputs);
    }
}
