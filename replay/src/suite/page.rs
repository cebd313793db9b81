//! The figures of a collection as a page of Markdown whose tables also line up on a terminal.

mod agents;
mod benchmarks;

use super::{Mark, Report};

/// The page. It holds no time, path or machine: the same engine, settings and data give the same bytes.
pub fn page(report: &Report, config_version: &str) -> String {
    let mut page = format!(
        "# Detection quality, measured\n\n\
         Version {}, default settings (configuration `{config_version}`) for every set. Written by `make quality`.\n",
        env!("CARGO_PKG_VERSION")
    );
    page.push_str(&marks(&report.marks));
    if !report.missing.is_empty() {
        page.push_str("\nNot measured, because it is not in the data folder: ");
        page.push_str(&report.missing.join(", "));
        page.push_str(".\n");
    }
    if !report.agents.is_empty() {
        page.push_str(&agents::section(report));
    }
    if !report.benchmarks.is_empty() {
        page.push_str(&benchmarks::section(&report.benchmarks));
    }
    page
}

fn marks(marks: &[Mark]) -> String {
    if marks.is_empty() {
        return String::new();
    }
    let mut rows = vec![["set", "mark", "wanted", "measured", "kept", "by"].map(str::to_owned).to_vec()];
    for mark in marks {
        let number = |x: f64| if x.is_infinite() { "none".to_owned() } else { format!("{x:.3}") };
        let kept = match mark.kept() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "not measured",
        };
        rows.push(vec![
            mark.set.clone(),
            mark.what.clone(),
            format!("{} {}", if mark.at_most { "≤" } else { "≥" }, mark.wanted),
            mark.figure.map_or_else(|| "–".to_owned(), number),
            kept.to_owned(),
            mark.margin().filter(|by| by.is_finite()).map_or_else(|| "–".to_owned(), |by| format!("{by:+.3}")),
        ]);
    }
    let kept = marks.iter().filter(|mark| mark.kept() == Some(true)).count();
    format!(
        "\n## Marks: {kept} of {} kept\n\n{}\nWhy the others are missed, and what was tried: \
         [decision 011](decisions/011-marks-that-are-missed.md).\n",
        marks.len(),
        table(&rows)
    )
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
