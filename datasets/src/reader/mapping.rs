//! A mapping file: which column or member of any table or log is which field of an event.
//!
//! Written by people, so that every mistake in it is named with what to do, before the first row is read. The keys are
//! described in `docs/formats.md`.

mod rule;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::convert::{Convert, Out, Place};
use super::draft::Draft;
use crate::columns::{COLUMNS, Column};
use rule::Rule;

/// Why a mapping cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Not TOML, or a key that no mapping has.
    #[error("the mapping is not valid TOML: {0}")]
    Syntax(String),
    /// A field that no event has.
    #[error("an event has no field `{name}`; {hint}")]
    UnknownField {
        /// As it is written.
        name: String,
        /// What it may have meant.
        hint: String,
    },
    /// A field that every event must have is not mapped.
    #[error("the mapping has no field `{0}`, which every event needs; add it under [fields]")]
    Missing(&'static str),
    /// A rule that cannot be carried out.
    #[error("field `{field}`: {problem}")]
    Rule {
        /// The field of the event.
        field: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A delimiter that is not one byte.
    #[error("`delimiter` is `{0}`; choose one ASCII character such as \";\" or \"\\t\"")]
    Delimiter(String),
}

/// How rows look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Layout {
    /// JSON objects: lines, a list, or a list inside of an object.
    Json,
    /// A table with a header row.
    Csv,
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "json")]
    format: Layout,
    delimiter: Option<String>,
    records: Option<String>,
    fields: BTreeMap<String, toml::Value>,
}

fn json() -> Layout {
    Layout::Json
}

/// A checked mapping.
///
/// ```
/// use datasets::reader::Mapping;
///
/// let mapping = r#"
///     [fields]
///     time = { from = "ts", format = "unix_ms" }
///     identity = "caller.name"
///     tool = "op"
///     action = { derive = "verb" }
/// "#;
/// mapping.parse::<Mapping>()?;
/// let error = "[fields]\ntime = \"ts\"\ntol = \"op\"".parse::<Mapping>().unwrap_err();
/// assert_eq!(error.to_string(), "an event has no field `tol`; did you mean `tool`?");
/// # Ok::<(), datasets::reader::MappingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mapping {
    layout: Layout,
    delimiter: u8,
    records: Option<String>,
    rules: Vec<Rule>,
}

impl std::str::FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let file: File = toml::from_str(text).map_err(|e| MappingError::Syntax(e.to_string().trim().to_owned()))?;
        let delimiter = match file.delimiter.as_deref().map(str::as_bytes) {
            None => b',',
            Some(&[byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => byte,
            Some(_) => return Err(MappingError::Delimiter(file.delimiter.unwrap_or_default())),
        };
        let mut rules = Vec::new();
        for (name, value) in &file.fields {
            let column = Column::named(name).ok_or_else(|| unknown(name))?;
            let rule = Rule::of(column, value);
            rules.push(rule.map_err(|problem| MappingError::Rule { field: column.name, problem })?);
        }
        for required in ["time", "tool"] {
            if !file.fields.contains_key(required) {
                return Err(MappingError::Missing(required));
            }
        }
        // The tool first: the action may be derived from it.
        rules.sort_by_key(|rule| rule.field() != "tool");
        Ok(Self { layout: file.format, delimiter, records: file.records, rules })
    }
}

impl Mapping {
    /// The delimiter of a table; `None` if rows are JSON.
    pub(super) fn table_delimiter(&self) -> Option<u8> {
        (self.layout == Layout::Csv).then_some(self.delimiter)
    }

    /// The member that holds the list of records, if there is one.
    pub(super) fn lists(&self) -> Vec<&str> {
        self.records.as_deref().into_iter().collect()
    }
}

/// Names the field that was most likely meant.
fn unknown(name: &str) -> MappingError {
    let nearest = COLUMNS.iter().map(|column| (distance(name, column.name), column.name)).min();
    let hint = match nearest {
        Some((distance, nearest)) if distance <= 3 => format!("did you mean `{nearest}`?"),
        _ => "its fields are in docs/event.schema.json, nested ones with dots and in quotes (\"credential.id\")"
            .to_owned(),
    };
    MappingError::UnknownField { name: name.chars().take(64).collect(), hint }
}

/// Letters to insert, delete or exchange (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let best = (diagonal + usize::from(x != *y)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

impl Convert for Mapping {
    fn record(&mut self, place: &Place<'_>, record: &serde_json::Value, out: &mut Out) {
        let mut draft = Draft::default();
        for rule in &self.rules {
            if let Err(rejection) = rule.apply(record, &mut draft) {
                out.reject(place.line, place.raw, rejection);
                return;
            }
        }
        if !draft.has("id") {
            draft.set("id", format!("{}:{}", place.stem, place.line), "name and line of the file");
        }
        out.event(place.line, place.raw, draft);
    }

    fn finish(&mut self, _: &mut Out) {}
}

#[cfg(test)]
mod tests;
