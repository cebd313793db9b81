//! `driftwatch quarantine`: what was set aside, and how to put it back.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use models::event::Timestamp;

use super::printable;
use crate::app;
use crate::store::Store;
use crate::store::quarantine::{self, Filter, Row};

/// List input that was set aside, or put it back.
///
/// Works beside a running service.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  driftwatch quarantine list\n  driftwatch quarantine list --code missing_field --json\n  \
                        driftwatch quarantine replay 17 18\n  driftwatch quarantine replay --all --source kafka:agent.actions"
)]
pub(super) struct Args {
    /// The configuration file that names the database.
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what was set aside, newest first.
    List {
        #[command(flatten)]
        which: Which,
        /// Most rows that are shown.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// One JSON object a line, with the bytes that came.
        #[arg(long)]
        json: bool,
    },
    /// Put rows back to the end of the inbox, to be read again after the reader was corrected. What is still no event comes
    /// back; events put back can raise alerts, but never revoke.
    Replay {
        /// Numbers of the rows, as `list` shows them.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        rows: Vec<i64>,
        /// Every row that matches.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Only from this source, e.g. `inbox` or `kafka:agent.actions`.
    #[arg(long)]
    source: Option<String>,
    /// Only with this reason, e.g. `missing_field`.
    #[arg(long)]
    code: Option<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let store = Store::open_existing(&super::config(args.config.as_deref())?.store.path)?;
    let mut out = std::io::stdout().lock();
    match &args.command {
        Command::List { which, limit, json } => {
            let filter = which.filter(&[]);
            for row in store.read(|db| quarantine::list(db, &filter, *limit))? {
                if *json {
                    serde_json::to_writer(&mut out, &row)?;
                    writeln!(out)?;
                } else {
                    writeln!(out, "{}", line(&row))?;
                }
            }
        }
        Command::Replay { rows, all: _, which } => {
            let filter = which.filter(rows);
            let now_ms = app::now().as_nanos() / 1_000_000;
            let moved = store.write(|tx| quarantine::replay(tx, &filter, now_ms))?;
            writeln!(out, "{moved} put back; a running service reads them now, else the next one does")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Which {
    fn filter(&self, seqs: &[i64]) -> Filter {
        Filter { seqs: seqs.to_vec(), source: self.source.clone(), code: self.code.clone() }
    }
}

/// One row for a terminal.
fn line(row: &Row) -> String {
    let start: String = row.raw.chars().take(80).collect();
    format!(
        "{}  {}  {}/{}:{}  {}  {}\n    {}",
        row.seq,
        Timestamp::from_millis(row.received_at),
        printable(&row.source),
        row.partition,
        row.position,
        row.code,
        printable(&row.detail),
        printable(&start),
    )
}
