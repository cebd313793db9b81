//! The first events of a file, each as a table of its fields beside where they came from.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use datasets::reader::Converted;
use serde_json::Value;

use super::Outcome;
use super::input::{Entry, Input, shown_name};
use super::terminal::escaped;

/// Characters of a value that are shown.
const VALUE_CHARS: usize = 60;

pub(crate) struct Preview {
    left: u64,
    bad: u64,
}

impl Preview {
    pub(crate) fn new(events: u64) -> Self {
        Self { left: events, bad: 0 }
    }

    /// Shows what the files begin with; what is no event counts as well, so that a file of nothing else ends too.
    pub(crate) fn run(mut self, input: &mut Input, files: &[PathBuf]) -> anyhow::Result<Outcome> {
        for file in files {
            if self.left == 0 {
                break;
            }
            let name = shown_name(file);
            let told = input.for_each(file, |entry| {
                self.show(&name, &entry)?;
                Ok(if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
            println!("{name}: read as {}; records without an action: {}", told.format, told.ignored);
        }
        Ok(if self.bad > 0 { Outcome::Found } else { Outcome::Done })
    }

    fn show(&mut self, file: &str, entry: &Entry) -> anyhow::Result<()> {
        self.left = self.left.saturating_sub(1);
        match entry {
            Ok(converted) => {
                println!("{file} line {}", converted.line);
                println!("  {:<22} {:<VALUE_CHARS$} from", "field", "value");
                for (field, value, from) in rows(converted)? {
                    println!(
                        "  {field:<22} {:<VALUE_CHARS$} {}",
                        escaped(&value, VALUE_CHARS).to_string(),
                        escaped(&from, 100)
                    );
                }
            }
            Err(bad) => {
                self.bad += 1;
                println!("{file} line {}", bad.line);
                println!("  no event: {}: {}", bad.rejection.code, escaped(&bad.rejection.detail, 300));
            }
        }
        println!();
        Ok(())
    }
}

/// Field, value and origin, in the order in which they were found.
fn rows(converted: &Converted) -> serde_json::Result<Vec<(String, String, String)>> {
    let mut values = BTreeMap::new();
    flatten("", &serde_json::to_value(converted.decoded.event.to_record())?, &mut values);
    let is_native = converted.origins.is_empty();
    let mut rows = Vec::new();
    for origin in &converted.origins {
        if let Some(value) = values.remove(origin.field) {
            rows.push((origin.field.to_owned(), value, origin.from.to_string()));
        }
    }
    let from = if is_native { "as it is" } else { "default" };
    rows.extend(values.into_iter().map(|(field, value)| (field, value, from.to_owned())));
    Ok(rows)
}

fn flatten(prefix: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&path, value, into);
            }
        }
        Value::String(text) => {
            into.insert(prefix.to_owned(), text.clone());
        }
        other => {
            into.insert(prefix.to_owned(), other.to_string());
        }
    }
}
