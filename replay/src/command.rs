//! The commands: flags in, text and an exit status out.

mod diff;
mod gate;
mod sweep;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;

use anyhow::Context;
use models::config::CheckedConfig;
use models::event::RejectionCode;

use crate::args::{Command, ConvertArgs, PopulationArgs, QualityArgs, RunArgs};
use crate::inject::WhatIf;
use crate::quality::{Method, Quality};
use crate::run::Checkpoints;
use crate::summary::Summary;
use crate::{config, convert, population, run, suite};

/// Runs a command. The exit status is 0 when it is done and 1 when it found what it was asked to fail on.
///
/// # Errors
/// When it could not run: one sentence that says what to do.
pub fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => replay(args),
        Command::Diff(args) => diff::run(&args),
        Command::Sweep(args) => sweep::run(args),
        Command::Convert(args) => convert(&args),
        Command::Quality(args) => quality(args),
        Command::Population(args) => population(args),
    }
}

fn replay(args: RunArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.as_deref().map(config::load).transpose()?.unwrap_or_default();
    let options = run::Options {
        learn: args.files.learn,
        events: args.files.events,
        labels: args.labels,
        verdicts: args.verdicts,
        label_delay: args.label_delay.map(|span| span.0),
        what_if: WhatIf {
            injections: args.inject,
            drop: args.drop,
            delay: args.delay,
            skew: args.skew,
            seed: args.seed,
        },
        window: args.window.window(),
        as_recorded: args.as_recorded,
        freeze: args.freeze,
        seed: args.seed,
        config,
        out: args.out,
        scores: args.scores,
        threads: args.threads.unwrap_or_else(processors),
        force: args.force,
        strict: args.strict,
        pace: args.speed,
        resume: args.resume,
        checkpoints: args.checkpoint_every.map_or_else(Checkpoints::default, Checkpoints::Every),
        progress: args.progress,
        stop: run::on_signals().context("cannot listen for ctrl-c; check the limits of this process")?,
    };
    let run::Outcome { summary, alerts } = run::run(&options)?;
    let cases = gate::of_run(&args.fail_on, &summary, &alerts);
    let about = summary.provenance.properties(&summary.digest);
    gate::write(args.junit.as_deref(), "driftwatch-replay run", &about, &cases)?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &summary)?;
        writeln!(out)?;
    } else {
        print(&mut out, &summary, &options)?;
    }
    Ok(ExitCode::from(u8::from(gate::fails(&cases))))
}

fn print(out: &mut impl Write, summary: &Summary, options: &run::Options) -> io::Result<()> {
    let timing = &summary.timing;
    writeln!(
        out,
        "learned {} events, scored {} of {} identities in {} sessions ({:.0} events/s)",
        summary.learned.events, summary.events, summary.identities, summary.sessions, timing.events_per_second
    )?;
    let rate = summary.budget.alerts_per_1000_identity_days;
    writeln!(
        out,
        "would have opened {} alerts and requested {} revocations; {} alerts per 1000 identity-days, {} false ones accepted",
        summary.alerts,
        summary.revocations,
        rate.map_or_else(|| "no".to_owned(), |rate| format!("{rate:.1}")),
        summary.budget.promised_false_alerts_per_1000_identity_days
    )?;
    let bad = summary.quarantined + summary.learned.quarantined;
    if bad > 0 {
        writeln!(out, "{bad} lines are no events ({}): see quarantine.ndjson", reasons(&summary.rejected))?;
    }
    if let Some(quality) = &summary.quality {
        print_quality(out, quality)?;
    }
    writeln!(out, "digest {}", summary.digest)?;
    writeln!(out, "result {}", options.out.join("report.html").display())
}

fn reasons(rejected: &BTreeMap<RejectionCode, u64>) -> String {
    rejected.iter().map(|(code, count)| format!("{count} {code}")).collect::<Vec<_>>().join(", ")
}

fn print_quality(out: &mut impl Write, quality: &Quality) -> io::Result<()> {
    for method in [Method::Score, Method::Evidence, Method::FirstSeen, Method::ZScore] {
        let Some(figures) = quality.method(method) else { continue };
        let Some(auroc) = figures.session_auroc else {
            return writeln!(out, "quality: the labels name no attacked or no benign session among the scored events");
        };
        write!(out, "{:16} session AUROC {auroc:.3}", figures.name)?;
        for found in &figures.detection {
            write!(out, ", found {:.1} % at {} %", 100.0 * found.detected, 100.0 * found.rate)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn convert(args: &ConvertArgs) -> anyhow::Result<ExitCode> {
    let converted = convert::convert(&args.events, &args.out, args.threads.unwrap_or_else(processors))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} events in {} files", converted.events, converted.files)?;
    if !converted.rejected.is_empty() {
        writeln!(out, "left out what is no event: {}", reasons(&converted.rejected))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn quality(args: QualityArgs) -> anyhow::Result<ExitCode> {
    let threads = args.threads.unwrap_or_else(processors);
    let measured = suite::measure(&suite::Options { data: args.data, sets: args.sets, threads, progress: true })?;
    let page = suite::page(&measured, CheckedConfig::default().version());
    if let Some(path) = &args.out {
        let written = std::fs::write(path, &page);
        written.with_context(|| format!("cannot write `{}`; check that its folder is there", path.display()))?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &measured)?;
        writeln!(out)?;
    } else {
        out.write_all(page.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn population(args: PopulationArgs) -> anyhow::Result<ExitCode> {
    let size = population::world::Size {
        seed: args.seed,
        agents: args.agents,
        days: args.days,
        sessions_per_day: args.sessions_per_day,
    };
    let measured = population::measure(&population::Options {
        size,
        budgets: args.budgets,
        attacked: args.attacked,
        ramped: args.ramped,
        threads: args.threads.unwrap_or_else(processors),
        progress: true,
    })?;
    let written = std::fs::write(&args.out, population::page::page(&measured));
    written.with_context(|| format!("cannot write `{}`; check that its folder is there", args.out.display()))?;
    writeln!(io::stdout(), "written to {}", args.out.display())?;
    Ok(ExitCode::SUCCESS)
}

fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
