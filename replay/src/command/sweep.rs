//! `sweep`: many settings over the same history.

use std::io::{self, Write};
use std::process::ExitCode;

use super::processors;
use crate::args::SweepArgs;
use crate::config;
use crate::sweep::{Axis, Costs, Options, Point, Sweep, sweep};

pub(super) fn run(args: SweepArgs) -> anyhow::Result<ExitCode> {
    let options = Options {
        learn: args.files.learn,
        events: args.files.events,
        labels: args.labels,
        window: args.window.window(),
        freeze: args.freeze,
        config: args.config.as_deref().map(config::load).transpose()?.unwrap_or_default(),
        axes: Axis::join(args.axes),
        costs: Costs {
            missed_attack: args.cost_missed,
            false_alert: args.cost_false_alert,
            false_revocation: args.cost_false_revocation,
        },
        seed: args.seed,
        out: args.out,
        force: args.force,
        threads: args.threads.unwrap_or_else(processors),
    };
    let swept = sweep(&options)?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &swept)?;
        writeln!(out)?;
    } else {
        print(&mut out, &swept)?;
        writeln!(out, "result {}", options.out.join("report.html").display())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut impl Write, swept: &Sweep) -> io::Result<()> {
    writeln!(out, "{} points in {} passes", swept.points.len(), swept.passes)?;
    for varied in &swept.varied {
        let pass = if varied.feeds_back { "a pass each" } else { "one pass" };
        writeln!(out, "{}: {pass}, because it {}", varied.setting, varied.why)?;
    }
    let chosen = swept.choice.as_ref().map(|choice| choice.point);
    for (place, point) in swept.points.iter().enumerate() {
        let mark = if chosen == Some(place) { '>' } else { ' ' };
        writeln!(out, "{mark} {}: {}", named(point), figures(point))?;
    }
    for reason in swept.choice.iter().flat_map(|choice| &choice.reasons) {
        writeln!(out, "  {reason}")?;
    }
    if swept.choice.is_none() {
        writeln!(out, "nothing is recommended: without labels nobody knows which alerts are right")?;
    }
    Ok(())
}

fn named(point: &Point) -> String {
    point.settings.iter().map(|s| format!("{}={}", s.setting, s.value)).collect::<Vec<_>>().join(" ")
}

fn figures(point: &Point) -> String {
    let counted = &point.counted;
    let fired = format!("{} alerts, {} revocations", counted.alerts, counted.revocations);
    match (&counted.judged, point.cost) {
        (Some(judged), Some(cost)) => format!(
            "{fired}, {} of {} attacks found, {} wrong alerts, cost {cost:.0}",
            judged.found, judged.episodes, judged.alerts.wrong
        ),
        _ => fired,
    }
}
