//! `driftwatch record`: the events that were taken, as a file that can be replayed.

mod topic;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use crate::store::{Store, inbox};

/// Rows read at a time.
const STEP: u32 = 1_000;

/// Write the events that were taken to a file, to replay them.
///
/// Without --topic: what the inbox still holds (store.keep), in order. With --topic: what a configured Kafka topic holds
/// from its beginning to its end at the start of the command. Input that is no event is left out and counted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  driftwatch record -c driftwatch.toml --out events.ndjson\n  \
                        driftwatch record -c driftwatch.toml --topic agent.actions --out events.ndjson")]
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
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = super::config(args.config.as_deref())?;
    let mut lines = Lines { out: open(&args.out)?, written: 0, left_out: 0 };
    match &args.topic {
        Some(topic) => topic::record(&config, topic, &mut lines)?,
        None => from_inbox(&Store::open_existing(&config.store.path)?, &mut lines)?,
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

fn from_inbox(store: &Store, lines: &mut Lines) -> anyhow::Result<()> {
    let mut next = 0;
    loop {
        let rows = store.read(|db| inbox::from(db, next, STEP))?;
        let Some(last) = rows.last() else { return Ok(()) };
        next = last.seq + 1;
        for row in &rows {
            lines.write(crate::source::Envelope::default().decode(&row.raw).ok())?;
        }
    }
}

/// Events on their way into the file.
struct Lines {
    out: Box<dyn Write>,
    written: u64,
    left_out: u64,
}

impl Lines {
    /// Writes an event in the native form, whatever envelope it came in.
    fn write(&mut self, decoded: Option<models::event::Decoded>) -> anyhow::Result<()> {
        let Some(decoded) = decoded else {
            self.left_out += 1;
            return Ok(());
        };
        serde_json::to_writer(&mut self.out, &decoded.event.to_record())?;
        writeln!(self.out)?;
        self.written += 1;
        Ok(())
    }
}
