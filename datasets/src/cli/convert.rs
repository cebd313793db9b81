//! `convert`: the same events in another format.

use std::path::PathBuf;

use anyhow::ensure;

use super::Outcome;
use super::input::{self, Format};
use super::output::Output;
use super::terminal::escaped;

/// Write the events of a file in another format or packing
///
/// Lines that are no event are left out, counted, and make it exit 1; the first one is shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  driftwatch-datasets convert --from csv --to native gateway.csv events.ndjson.zst
  driftwatch-datasets convert --to cloudevents events.ndjson.gz - | kcat -P -b localhost:9092 -t agent.actions
  driftwatch-datasets convert --to csv events.ndjson.gz table.csv")]
pub(crate) struct Args {
    /// What the input holds; without it, lines may be native or CloudEvents, and `.csv` is a table
    #[arg(long)]
    from: Option<Format>,
    /// What to write
    #[arg(long, default_value = "native")]
    to: Format,
    /// File to read, or `-`
    input: PathBuf,
    /// File to write, or `-`; `.gz` and `.zst` are packed
    output: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let same = args.input.canonicalize().ok().is_some_and(|path| args.output.canonicalize().is_ok_and(|o| o == path));
    ensure!(!same, "`{}` would be overwritten while it is read; name another output", input::shown_name(&args.input));
    let mut output = None;
    let (mut written, mut bad) = (0_u64, 0_u64);
    let mut first = None;
    input::for_each(&args.input, args.from, |seen| {
        // Created late: an input that cannot be read leaves an existing output alone.
        let output = match &mut output {
            Some(output) => output,
            none => none.insert(Output::create(&args.output, args.to)?),
        };
        match seen.decoded {
            Ok(decoded) => {
                output.write(&decoded.event)?;
                written += 1;
            }
            Err(rejection) => {
                bad += 1;
                first.get_or_insert((seen.line, rejection));
            }
        }
        Ok(())
    })?;
    match output {
        Some(output) => output.finish()?,
        None => Output::create(&args.output, args.to)?.finish()?,
    }
    eprintln!("{written} events written, {bad} lines left out");
    let Some((line, rejection)) = first else { return Ok(Outcome::Done) };
    eprintln!("line {line}: {}: {}", rejection.code, escaped(&rejection.detail, 300));
    Ok(Outcome::Found)
}
