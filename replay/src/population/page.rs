//! The figures of a population as a page of Markdown.

use std::fmt::Write;

use datasets::scenario::Scenario;

use super::benign::{Benign, OUTSIDE, Tally};
use super::floors::Floor;
use super::interval::{Rate, by_identity, garwood};
use super::{Attack, Measured, RATES};
use crate::report::percent;

/// What is to be reached: share found, at 20 and at 200 false alarms per million events. A control is to stay at 0.
const MARKS: [(Scenario, [f64; 2]); 5] = [
    (Scenario::TargetFanOut, [0.70, 0.95]),
    (Scenario::ExfiltrationX20, [0.70, 0.95]),
    (Scenario::KnownCredentialElsewhere, [0.90, 0.99]),
    (Scenario::NewTools, [0.50, 0.80]),
    (Scenario::Takeover, [0.80, 0.98]),
];

/// The page. It holds no time, path or machine: the same engine and options give the same bytes.
pub fn page(measured: &Measured) -> String {
    let size = measured.size;
    let mut page = format!(
        "# A generated population\n\n\
         {} agents over {} days, seed {}, {} sessions of an average agent a day; the first third is learned without\n\
         alerting. What happens in it is in [scenarios.md](scenarios.md). Nothing here is recorded from real agents:\n\
         see [quality.md](quality.md) for that. Default settings but for the budgets, mode `enforce`, every source trusted\n\
         to revoke. Written by `make population`.\n",
        size.agents, size.days, size.seed, size.sessions_per_day
    );
    page.push_str(
        "\n## False alarms against the budget\n\n\
         All agents are honest, and all honest changes happen. Rates are per 1,000 identity-days; in brackets the exact\n\
         95 % interval of a Poisson count (Garwood), then a bootstrap that draws identities. Revocations are per million\n\
         identity-days.\n\n",
    );
    page.push_str(&budgets(measured));
    for benign in &measured.benign {
        let _ = write!(page, "\n### Where they come from, at a budget of {}\n\n", benign.budget);
        page.push_str(&kinds(benign));
    }
    page.push_str(
        "\nA change is new for the first three days. An identity-day counts in every row in which it has a session, so the\n\
         rows add up to more than the whole.\n",
    );
    page.push_str(&attack_tables(measured));
    page.push_str(
        "\n## Slow growth\n\n\
         All volumes of one agent grow by so much a day for 30 days, each agent against a warm copy of its own, at the\n\
         first budget above. The first row is the same agents without growth: what chance finds in 30 days.\n\n",
    );
    let mut rows = vec![cells(["growth a day", "agents", "found", "median day"])];
    rows.extend(measured.ramps.iter().map(|ramp| {
        let days = ramp.days.map_or_else(|| "–".to_owned(), |days| format!("{days:.1}"));
        vec![format!("{} %", 100.0 * ramp.growth), ramp.agents.to_string(), percent(ramp.found), days]
    }));
    page.push_str(&table(&rows));
    page
}

fn budgets(measured: &Measured) -> String {
    let header =
        ["budget", "identity-days", "alerts", "rate", "by identity", "kept", "revocations", "per million", "brake"];
    let mut rows = vec![cells(header)];
    for benign in measured.benign.iter().chain(&measured.at_rates) {
        let days = benign.all.identity_days as f64;
        let rate = garwood(benign.all.alerts, days, 1e3);
        let identities: Vec<(u64, u64)> = benign.identities.values().copied().collect();
        let (low, high) = by_identity(&identities, 1e3, measured.size.seed);
        let revoked = garwood(benign.revocations, days, 1e6);
        let kept = |rate: Rate, low: f64, budget: f64| match rate.rate <= budget {
            true => "yes",
            false if rate.low.min(low) <= budget => "unclear",
            false => "no",
        };
        rows.push(vec![
            format!("{:.3}", benign.budget),
            benign.all.identity_days.to_string(),
            benign.all.alerts.to_string(),
            format!("{:.2} ({:.2}–{:.2})", rate.rate, rate.low, rate.high),
            format!("{low:.2}–{high:.2}"),
            kept(rate, low, benign.budget).to_owned(),
            benign.revocations.to_string(),
            format!("{:.0} ({:.0}–{:.0})", revoked.rate, revoked.low, revoked.high),
            benign.brakes.to_string(),
        ]);
    }
    let mut text = table(&rows);
    let _ = writeln!(
        text,
        "\nThe revocation budget is {} per million. The last {} rows are the budgets that attacks are measured at.",
        measured.revocation_budget,
        RATES.len()
    );
    text
}

fn kinds(benign: &Benign) -> String {
    let mut rows =
        vec![cells(["honest change", "when", "identity-days", "sessions", "alarmed", "alerts", "per 1,000"])];
    let row = |name: &str, when: &str, tally: &Tally| {
        let rate = garwood(tally.alerts, tally.identity_days as f64, 1e3);
        vec![
            name.to_owned(),
            when.to_owned(),
            tally.identity_days.to_string(),
            tally.sessions.to_string(),
            tally.alarmed.to_string(),
            tally.alerts.to_string(),
            format!("{:.1} ({:.1}–{:.1})", rate.rate, rate.low, rate.high),
        ]
    };
    for (kind, tally) in &benign.kinds {
        let when = match (kind.name.as_str(), kind.new) {
            (OUTSIDE, _) => "",
            (_, true) => "new",
            (_, false) => "later",
        };
        rows.push(row(&kind.name, when, tally));
    }
    rows.push(row("all", "", &benign.all));
    table(&rows)
}

fn attack_tables(measured: &Measured) -> String {
    let sessions = measured.attacks.iter().flat_map(|a| &a.engine).map(|found| found.sessions).max().unwrap_or(0);
    let mut page = format!(
        "\n## Attacks\n\n\
         {sessions} attacked sessions of each kind, each played against a copy of its own of the engine as it is at the end of\n\
         the first budget's run, so that no attack teaches another. Delay: median and 95th percentile over what is found,\n\
         in malicious events before the alarm and in minutes since the first one. Leaked: what tools returned and what was\n\
         sent across the trust boundary up to the alarm (all of it where none came), beside whole attacks; medians of all.\n\
         The floors see whole sessions at their end and alarm on the same share of honest sessions as the engine does.\n",
    );
    for (i, rate) in RATES.iter().enumerate() {
        let Some(benign) = measured.at_rates.get(i) else { continue };
        let alarms = benign.all.alerts as f64 / benign.events.max(1) as f64 * 1e6;
        let _ = write!(
            page,
            "\n### At {rate} false alarms per million events\n\n\
             With {:.1} events an identity-day that is a budget of {:.3} false alerts per 1,000 identity-days. Realised in\n\
             the honest population: {alarms:.1} alerts per million events, {} of the sessions alarmed.\n\n",
            benign.events as f64 / benign.all.identity_days.max(1) as f64,
            benign.budget,
            thousandth(benign.all.alarmed as f64 / benign.all.sessions.max(1) as f64),
        );
        let mut header = cells(["attack", "found", "mark", "at first event", "revoked"]);
        header.extend(cells(["events", "minutes", "leaked", "of"]));
        header.extend(Floor::ALL.map(|floor| floor.name().to_owned()));
        let mut rows = vec![header];
        rows.extend(measured.attacks.iter().filter_map(|attack| attack_row(attack, i)));
        page.push_str(&table(&rows));
    }
    page.push_str(
        "\nThe mark of known_credential_elsewhere is for the first event. Why something is missed: which dimensions said one\n\
         event in a thousand (6.9 nats) of a malicious event, in shares of the sessions, and the median evidence at the end.\n\n",
    );
    let names = measured.attacks.first().and_then(|attack| attack.engine.first()).map(|found| &found.seen);
    let mut header = vec!["attack".to_owned()];
    header.extend(names.into_iter().flatten().map(|(dimension, _)| dimension.to_string()));
    header.push("evidence".to_owned());
    let mut rows = vec![header];
    for attack in &measured.attacks {
        let Some(found) = attack.engine.last() else { continue };
        let mut row = vec![attack.scenario.name().to_owned()];
        row.extend(found.seen.iter().map(|(_, share)| percent(*share)));
        row.push(format!("{:.1}", found.evidence));
        rows.push(row);
    }
    page.push_str(&table(&rows));
    page
}

fn attack_row(attack: &Attack, at: usize) -> Option<Vec<String>> {
    let found = attack.engine.get(at)?;
    let mark = MARKS.iter().find(|(scenario, _)| *scenario == attack.scenario).and_then(|(_, marks)| marks.get(at));
    let mark = match (attack.scenario, mark) {
        (Scenario::Control, _) => format!("0 %: {}", met(found.detected <= 0.0)),
        (Scenario::KnownCredentialElsewhere, Some(mark)) => {
            format!("{}: {}", percent(*mark), met(found.at_first >= *mark))
        }
        (_, Some(mark)) => format!("{}: {}", percent(*mark), met(found.detected >= *mark)),
        (_, None) => String::new(),
    };
    let pair = |pair: Option<[f64; 2]>, digits: usize| {
        pair.map_or_else(|| "–".to_owned(), |[median, most]| format!("{median:.digits$} / {most:.digits$}"))
    };
    let mut row = vec![attack.scenario.name().to_owned(), percent(found.detected), mark, percent(found.at_first)];
    row.extend([percent(found.revoked), pair(found.delay, 0), pair(found.minutes, 1)]);
    row.extend([bytes(found.leaked), bytes(found.total)]);
    row.extend(attack.floors.get(at)?.iter().map(|share| percent(*share)));
    Some(row)
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn thousandth(share: f64) -> String {
    format!("{:.3} %", 100.0 * share)
}

fn bytes(bytes: f64) -> String {
    match bytes {
        b if b < 1e3 => format!("{b:.0} B"),
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b => format!("{:.1} MB", b / 1e6),
    }
}

fn cells<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

/// A Markdown table with its columns padded; the first row is the header.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(|c| width(c).max(3)).collect();
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        if i == 0 {
            for width in &widths {
                let _ = write!(text, "|{:-<w$}", "", w = width + 2);
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_tables_read_as_people_write_them() {
        assert_eq!([bytes(12.0), bytes(12_340.0), bytes(3.2e6)], ["12 B", "12.3 kB", "3.2 MB"]);
        assert_eq!(
            table(&[cells(["a", "b"]), cells(["long", "1"])]),
            "| a    | b   |\n|------|-----|\n| long | 1   |\n"
        );
    }
}
