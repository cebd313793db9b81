//! The part of the page about public benchmarks.

use std::fmt::Write;

use super::table;
use crate::benchmark::{Benchmark, Column, Line};

/// Everything about public benchmarks.
pub(super) fn section(benchmarks: &[Benchmark]) -> String {
    let mut page = "\n# Public benchmarks\n\n\
         Each set is measured by its own protocol. A set brings a column mapping and nothing else: the engine scores with its\n\
         default settings. Published figures are those of the whole set, ours and the simple baselines those of the part that\n\
         is here, so they can be compared only roughly. Figures of others are quoted from the README of the data.\n"
        .to_owned();
    for benchmark in benchmarks {
        let _ = write!(page, "\n## {}: {}\n\n{}\n\n", benchmark.set, benchmark.counted, wrapped(benchmark.note));
        page.push_str(&table(&rows(benchmark)));
        if !benchmark.areas.is_empty() {
            page.push_str("\nEvery statistic of the engine alone");
            page.push_str(if benchmark.set == "nab" { ", standard score: " } else { ", AUC: " });
            let shown = benchmark.areas.iter().map(|(name, area)| format!("{name} {}", figure(*area, 3)));
            page.push_str(&shown.collect::<Vec<_>>().join(", "));
            page.push_str(".\n");
        }
    }
    page
}

fn rows(benchmark: &Benchmark) -> Vec<Vec<String>> {
    let mut header = vec!["source".to_owned(), "method".to_owned()];
    header.extend(benchmark.columns.iter().map(|column| column.name.to_owned()));
    let mut rows = vec![header];
    for (source, lines) in [
        ("**driftwatch**", &benchmark.ours),
        ("published", &benchmark.published),
        ("simple baselines", &benchmark.baselines),
    ] {
        for (i, line) in lines.iter().enumerate() {
            rows.push(cells(if i == 0 { source } else { "" }, line, &benchmark.columns));
        }
    }
    rows
}

fn cells(source: &str, line: &Line, columns: &[Column]) -> Vec<String> {
    let mut row = vec![source.to_owned(), line.by.clone()];
    row.extend(columns.iter().zip(&line.figures).map(|(column, x)| figure(*x, column.decimals)));
    row
}

fn figure(figure: Option<f64>, decimals: usize) -> String {
    figure.map_or_else(|| "–".to_owned(), |x| format!("{x:.decimals$}"))
}

/// The text in lines of at most 118 characters.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let full =
            lines.last().is_some_and(|line| !line.is_empty() && line.chars().count() + word.chars().count() > 117);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words_and_nothing_is_lost() {
        let text = "word ".repeat(60);
        let wrapped = wrapped(text.trim());
        assert!(wrapped.lines().all(|line| line.len() <= 118) && wrapped.lines().count() == 3);
        assert_eq!(wrapped.split_whitespace().count(), 60);
    }
}
