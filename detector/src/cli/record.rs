//! `driftwatch record`: the events that were taken, as a file that can be replayed.

mod topic;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use datasets::recorded::Recorded;
use models::engine::Trust;
use models::event::{Decoded, EventRecord, Timestamp};
use serde::Serialize;

use crate::service::clock_of;
use crate::source;
use crate::store::{Store, inbox};

/// Rows read at a time.
const STEP: u32 = 1_000;

const HELP: &str = "\
Without --topic: what the inbox still holds (store.keep), in the order in which the engine takes it. With --topic: what a
configured Kafka topic holds, from its beginning to its end at the start of the command, or between two offsets. Input that is
no event is left out and counted.

Beside each event stands what the engine was told with it, as `recorded`; other readers of events pass over it. Of a topic, the
arrival is the time stamp of the record, because the service keeps no other.

Examples:
  driftwatch record -c driftwatch.toml --out events.ndjson
  driftwatch record -c driftwatch.toml --topic agent.actions --out events.ndjson
  driftwatch record -c driftwatch.toml --topic agent.actions --from-offset 1000 --out part.ndjson
  driftwatch record -c driftwatch.toml --from 2026-05-04T00:00:00Z --to 2026-05-05T00:00:00Z --out monday.ndjson
  driftwatch-replay run --config driftwatch.toml --events events.ndjson --as-recorded --out again";

/// Flags of `record`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// The configuration file that names the database and the topics.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to write, as NDJSON; `-` is stdout.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A topic of the configuration.
    #[arg(long)]
    topic: Option<String>,
    #[command(flatten)]
    range: topic::Range,
    #[command(flatten)]
    span: Span,
}

/// When what is wanted reached the service; of a topic, the broker's time stamp. The whole source is read nevertheless.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
struct Span {
    /// Only what arrived at this time or later (RFC 3339).
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only what arrived before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
}

impl Span {
    /// Whether it arrived within it; nobody knows that of what has no arrival.
    fn holds(self, arrival: Option<Timestamp>) -> bool {
        match arrival {
            Some(arrival) => self.from.is_none_or(|from| from <= arrival) && self.to.is_none_or(|to| arrival < to),
            None => self.from.is_none() && self.to.is_none(),
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::config(args.config.as_deref())?;
    let mut lines = Lines { out: open(&args.out)?, span: args.span, written: 0, left_out: 0 };
    match &args.topic {
        Some(topic) => topic::record(&config, topic, args.range, &mut lines)?,
        None => from_inbox(&Store::open_existing(&config.store.path)?, config.source.http.trust, &mut lines)?,
    }
    lines.out.flush()?;
    if args.out != Path::new("-") {
        let (written, left_out) = (lines.written, lines.left_out);
        writeln!(std::io::stdout(), "{written} events written, {left_out} left out because they are none")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(std::io::stdout())));
    }
    let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(Box::new(BufWriter::new(file)))
}

fn from_inbox(store: &Store, trust: Trust, lines: &mut Lines) -> anyhow::Result<()> {
    let (mut next, clock) = (0, clock_of(source::inbox::NAME, 0));
    loop {
        let rows = store.read(|db| inbox::from(db, next, STEP))?;
        let Some(last) = rows.last() else { return Ok(()) };
        next = last.seq + 1;
        for row in &rows {
            let recorded = Recorded {
                source: source::inbox::NAME.to_owned(),
                partition: 0,
                position: row.seq,
                clock,
                arrival: Some(Timestamp::from_millis(row.received_at)),
                trust: source::inbox::trust(row, trust),
            };
            lines.write(source::Envelope::default().decode(&row.raw).ok(), recorded)?;
        }
    }
}

/// One line of the file.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: EventRecord<'a>,
    recorded: Recorded,
}

/// Events on their way into the file.
struct Lines {
    out: Box<dyn Write>,
    span: Span,
    written: u64,
    left_out: u64,
}

impl Lines {
    /// Writes an event of the wanted time in the native form, whatever envelope it came in, and beside it what the engine was told.
    fn write(&mut self, decoded: Option<Decoded>, recorded: Recorded) -> anyhow::Result<()> {
        if !self.span.holds(recorded.arrival) {
            return Ok(());
        }
        let Some(decoded) = decoded else {
            self.left_out += 1;
            return Ok(());
        };
        serde_json::to_writer(&mut self.out, &Line { event: decoded.event.to_record(), recorded })?;
        writeln!(self.out)?;
        self.written += 1;
        Ok(())
    }
}
