//! The figures of a collection as a page of Markdown whose tables also line up on a terminal.

use std::fmt::Write;

use super::{Kind, Measured};
use crate::quality::{Method, MethodFigures};
use crate::report::{area, percent};

const SHOWN: [(Method, &str); 6] = [
    (Method::Score, "**driftwatch** score"),
    (Method::Evidence, "driftwatch evidence"),
    (Method::FirstSeen, "first-seen rule"),
    (Method::ZScore, "summed z-scores"),
    (Method::TwoSigma, "counts beyond 2 sigma"),
    (Method::Forest, "isolation forest"),
];

/// The page. It holds no time, path or machine: the same engine, settings and data give the same bytes.
pub fn page(measured: &[Measured], config_version: &str) -> String {
    let mut page = format!(
        "# Quality on recorded agent traces\n\n\
         Version {}, default settings (configuration `{config_version}`), one configuration for every set. The baseline\n\
         of each set is learned, then its test part is scored against the frozen baseline. Written by `make quality`.\n\n\
         A session is as strange as its strangest event. Attacked sessions are attacks that succeeded and that a call\n\
         shows; benign sessions are runs without an attack. Found at 1 % and 5 %: share of attacked sessions that score\n\
         above the largest benign score that the rate still allows, ties not counted. Delay: median number of events from\n\
         the first malicious one to the first alarm, over attacks that are found; an earlier alarm counts as 0. Event\n\
         AUROC: malicious events against all events of benign sessions. The interval is a 95 % bootstrap by session; runs\n\
         of one task resemble one another, so the truth is somewhat wider. Two floors stand beside: the first-seen rule\n\
         (one point each for a tool, target, pair of both, or step never seen of the identity) and summed z-scores.\n",
        env!("CARGO_PKG_VERSION")
    );
    for without_task in [false, true] {
        let of: Vec<&Measured> = measured.iter().filter(|m| m.without_task == without_task).collect();
        page.push_str(if without_task {
            "\n## Without the field `task`\n\nThe user's task is taken out of every event, for the engine as for the floors: \
             in these sets a task is nearly a script, which flatters whoever may look at it.\n\n"
        } else {
            "\n## As recorded\n\n"
        });
        page.push_str(&table(&detection_rows(&of)));
        page.push_str("\n### Each dimension alone, session AUROC\n\n");
        page.push_str(&table(&ablation_rows(&of)));
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
        "found at 1 %",
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

fn figure_cells(figures: &MethodFigures) -> [String; 8] {
    let found = |rate: f64| {
        let at = figures.detection.iter().find(|d| d.rate.total_cmp(&rate).is_eq());
        at.map_or_else(|| "–".to_owned(), |d| percent(d.detected))
    };
    let delay = |rate: f64| {
        let at = figures.delay.iter().find(|d| d.rate.total_cmp(&rate).is_eq());
        at.and_then(|d| d.median).map_or_else(|| "–".to_owned(), |median| median.to_string())
    };
    [
        area(figures.session_auroc),
        figures.interval.map_or_else(|| "–".to_owned(), |i| format!("{:.3}–{:.3}", i.low, i.high)),
        area(figures.session_auroc_with_clean_failed),
        area(figures.event_auroc),
        found(0.01),
        found(0.05),
        delay(0.01),
        delay(0.05),
    ]
}

fn ablation_rows(measured: &[&Measured]) -> Vec<Vec<String>> {
    let methods = &crate::quality::METHODS;
    let ours: Vec<Method> =
        methods.iter().copied().filter(|m| matches!(m, Method::Score | Method::Dimension(_))).collect();
    let mut header = vec!["set".to_owned()];
    header.extend(ours.iter().map(|method| method.as_str().to_owned()));
    let mut rows = vec![header];
    for set in measured.iter().filter(|m| m.kind != Kind::Benign) {
        let mut row = vec![name(set)];
        row.extend(ours.iter().map(|m| area(set.quality.method(*m).and_then(|figures| figures.session_auroc))));
        rows.push(row);
    }
    rows
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

/// A Markdown table with its columns padded; the first row is the header.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0).max(3))
        .collect();
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str("| ");
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width + 1 - cell.chars().count()));
        }
        text.push_str("|\n");
        if i == 0 {
            for width in &widths {
                text.push('|');
                text.extend(std::iter::repeat_n('-', width + 2));
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
    fn table_lines_up_and_is_markdown() {
        let rows = [vec!["set".to_owned(), "n".to_owned()], vec!["a–b".to_owned(), "1234".to_owned()]];
        assert_eq!(table(&rows), "| set | n    |\n|-----|------|\n| a–b | 1234 |\n");
    }
}
