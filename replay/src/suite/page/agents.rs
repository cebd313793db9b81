//! The part of the page about recorded agents.

use std::fmt::Write;

use super::table;
use crate::quality::{Detection, Method, MethodFigures};
use crate::report::{area, percent};
use crate::suite::{Ablation, Kind, Measured, NewTasks, Report, Worth};

const SHOWN: [(Method, &str); 6] = [
    (Method::Score, "**driftwatch** score"),
    (Method::Evidence, "driftwatch evidence"),
    (Method::FirstSeen, "first-seen rule"),
    (Method::ZScore, "summed z-scores"),
    (Method::TwoSigma, "counts beyond 2 sigma"),
    (Method::Forest, "isolation forest"),
];

/// Everything about recorded agents.
pub(super) fn section(report: &Report) -> String {
    let measured = &report.agents;
    let mut page = "\n# Recorded agent traces\n\n\
         The baseline of each set is learned, then its test part is scored against the frozen baseline. Times carry order\n\
         only, except in openagentsafety: elsewhere what looks at time is switched off, for us as for the floors.\n\n\
         A session is as strange as its strangest event, by evidence as by score. Attacked sessions are attacks that\n\
         succeeded and that a call shows; benign sessions are runs without an attack. Found at 0.1 %, 1 % and 5 %: share of\n\
         attacked sessions above the largest benign score that the rate still allows, ties not counted; with fewer than\n\
         1,000 benign sessions 0.1 % allows none. Delay: median number of events from the first malicious one to the first\n\
         alarm, over attacks that are found; an earlier alarm counts as 0. Event AUROC: malicious events against all events\n\
         of benign sessions. The interval is a 95 % bootstrap by session; runs of one task resemble one another, so the\n\
         truth is somewhat wider. Four floors stand beside: the first-seen rule (one point each for a tool, target, pair of\n\
         both, or step never seen of the identity), summed z-scores, how many of a session's numbers (calls by action,\n\
         calls of new tools, new targets, bytes, length) lie beyond two sigma, and an isolation forest (Liu, Ting & Zhou\n\
         2008; 100 trees of 256 baseline sessions) over the same numbers. The last two judge whole sessions only.\n"
        .to_owned();
    for without_task in [false, true] {
        let of: Vec<&Measured> = measured.iter().filter(|m| m.without_task == without_task).collect();
        page.push_str(if without_task {
            "\n## Without the field `task`\n\nThe user's task is taken out of every event, for the engine as for the floors: \
             in these sets a task is nearly a script, which flatters whoever may look at it.\n\n"
        } else {
            "\n## As recorded\n\n"
        });
        page.push_str(&table(&detection_rows(&of)));
        page.push_str("\n### What the engine decided at its default budget, in sessions\n\n");
        page.push_str(&table(&alarm_rows(&of)));
    }
    page.push_str(
        "\n\\* Labels of openagentsafety are two judges' opinions that agree in two thirds of the cases, and the unsafe part\n\
         is often in the user's own request: not a headline. tau-bench-airline has no attacks: every customer is a new\n\
         target, so its alarms show what novelty costs.\n\n\
         The sets span few identity-days, and a default budget of 5 false alerts per 1,000 of them allows less than one\n\
         here; where the history has too few sessions to rank that finely, the engine does not alert. AUROC and the shares\n\
         found tell how well it orders sessions, the last tables what it does with that at this budget and history.\n\n\
         Attacked sessions are far more common here than in life, so no precision is given. Times are synthetic except in\n\
         openagentsafety, so nothing here looks at the time between events elsewhere; there the test part is moved behind\n\
         the baseline by whole days, because both were recorded side by side.\n",
    );
    page.push_str(&realised(report));
    page.push_str(&new_tasks(&report.new_tasks));
    page.push_str(&ablations(&report.ablations));
    let unscored: u64 = measured.iter().map(|m| m.unscored).sum();
    if unscored > 0 {
        let _ = writeln!(page, "\n{unscored} events were duplicate or late and have no score.");
    }
    page
}

fn name(measured: &Measured) -> String {
    let mark = if measured.kind == Kind::Judged { " \\*" } else { "" };
    format!("{}{mark}", measured.set)
}

fn detection_rows(measured: &[&Measured]) -> Vec<Vec<String>> {
    let header = [
        "set",
        "attacked : benign",
        "scored by",
        "session AUROC",
        "95 %",
        "with ignored attacks",
        "event AUROC",
        "found at 0.1 %",
        "at 1 %",
        "at 5 %",
        "delay at 1 %",
        "at 5 %",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for set in measured.iter().filter(|m| m.kind != Kind::Benign) {
        for (i, (method, title)) in SHOWN.iter().enumerate() {
            let Some(figures) = set.quality.method(*method) else { continue };
            let sessions = set.quality.sessions;
            let mut row = match i {
                0 => vec![name(set), format!("{} : {}", sessions.positives, sessions.negatives)],
                _ => vec![String::new(), String::new()],
            };
            row.push((*title).to_owned());
            row.extend(figure_cells(figures));
            rows.push(row);
        }
    }
    rows
}

fn figure_cells(figures: &MethodFigures) -> [String; 9] {
    let found = |rate: f64| found_at(&figures.detection, rate);
    let delay = |rate: f64| {
        let at = figures.delay.iter().find(|d| d.rate.total_cmp(&rate).is_eq());
        at.and_then(|d| d.median).map_or_else(|| "–".to_owned(), |median| median.to_string())
    };
    [
        area(figures.session_auroc),
        figures.interval.map_or_else(|| "–".to_owned(), |i| format!("{:.3}–{:.3}", i.low, i.high)),
        area(figures.session_auroc_with_clean_failed),
        area(figures.event_auroc),
        found(0.001),
        found(0.01),
        found(0.05),
        delay(0.01),
        delay(0.05),
    ]
}

/// What each dimension is worth.
fn ablations(ablations: &[Ablation]) -> String {
    if ablations.iter().all(|ablation| ablation.dimensions.is_empty()) {
        return String::new();
    }
    let header = ["set", "dimension", "AUROC without it", "found at 1 %", "AUROC of it alone", "found at 1 %"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let share = |found: Option<f64>| found.map_or_else(|| "–".to_owned(), percent);
    for ablation in ablations {
        let all = &ablation.all;
        let none = ["–".to_owned(), "–".to_owned()];
        let first = [ablation.set.to_owned(), "(all)".to_owned(), area(all.area), share(all.found)];
        rows.push(first.into_iter().chain(none).collect());
        for Worth { dimension, without, alone } in &ablation.dimensions {
            let figures = [area(without.area), share(without.found), area(alone.area), share(alone.found)];
            rows.push([String::new(), dimension.to_string()].into_iter().chain(figures).collect());
        }
    }
    format!(
        "\n## What each dimension is worth\n\n\
         The evidence with one dimension switched off, and with only that one. As recorded; a dimension that no event of a\n\
         set says anything about is left out.\n\n{}",
        table(&rows)
    )
}

fn alarm_rows(measured: &[&Measured]) -> Vec<Vec<String>> {
    let header = ["set", "attacked", "benign", "ignored attacks", "alerts", "identity-days"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for set in measured {
        let (sessions, alarms) = (set.quality.sessions, set.quality.alarms);
        rows.push(vec![
            name(set),
            format!("{} of {}", alarms.positives, sessions.positives),
            format!("{} of {}", alarms.negatives, sessions.negatives),
            format!("{} of {}", alarms.clean_failed, sessions.clean_failed),
            set.alerts.to_string(),
            set.identity_days.to_string(),
        ]);
    }
    rows
}

fn found_at(detection: &[Detection], rate: f64) -> String {
    let at = detection.iter().find(|d| d.rate.total_cmp(&rate).is_eq());
    at.map_or_else(|| "–".to_owned(), |d| percent(d.detected))
}

/// What cuts from the history alone flag.
fn realised(report: &Report) -> String {
    let header = ["set", "asked", "benign flagged", "realised / asked", "ignored attacks flagged", "attacks found"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for measured in report.agents.iter().filter(|m| !m.without_task) {
        for (i, realised) in measured.quality.realised.iter().enumerate() {
            let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
            rows.push(vec![
                if i == 0 { name(measured) } else { String::new() },
                percent(realised.asked),
                percent(realised.flagged),
                format!("{:.2}", realised.flagged / realised.asked),
                share(realised.clean_failed),
                share(realised.found),
            ]);
        }
    }
    format!(
        "\n## False alarms when the cut comes from the baseline alone\n\n\
         A session is flagged when its evidence reaches -ln of the share asked for: no benign session of the test part is\n\
         looked at to choose the cut. As recorded.\n\n{}",
        table(&rows)
    )
}

/// Figures on tasks that the baseline does not hold.
fn new_tasks(measured: &[NewTasks]) -> String {
    if measured.is_empty() {
        return String::new();
    }
    let header =
        ["set", "attacked : benign", "scored by", "session AUROC", "event AUROC", "found at 0.1 %", "at 1 %", "at 5 %"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for set in measured {
        for (i, (method, title)) in SHOWN.iter().enumerate() {
            let Some(figures) = set.quality.method(*method) else { continue };
            let sessions = set.quality.sessions;
            let mut row = match i {
                0 => vec![set.set.to_owned(), format!("{} : {}", sessions.positives, sessions.negatives)],
                _ => vec![String::new(), String::new()],
            };
            row.extend([(*title).to_owned(), area(figures.session_auroc), area(figures.event_auroc)]);
            row.extend([0.001, 0.01, 0.05].map(|rate| found_at(&figures.detection, rate)));
            rows.push(row);
        }
    }
    format!(
        "\n## New tasks\n\n\
         The tasks fall into two halves by a hash of their names. Each half is scored against a baseline of the sessions of\n\
         the other half; the figures are over both together.\n\n{}",
        table(&rows)
    )
}
