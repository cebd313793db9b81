//! Native events to CSV: a header row, then one row an event; lists are JSON arrays in their cell.

use std::io::{self, Write};

use models::event::Event;
use serde_json::Value;

use crate::columns::{COLUMNS, Column, Kind};

/// Writes a table of events. Cells are the events' own texts: a spreadsheet may take one that begins with `=` for a formula.
pub struct CsvWriter<W: Write> {
    rows: csv::Writer<W>,
}

impl<W: Write> std::fmt::Debug for CsvWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvWriter").finish_non_exhaustive()
    }
}

impl<W: Write> CsvWriter<W> {
    /// Writes the header row to `sink`.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn new(sink: W) -> io::Result<Self> {
        let mut rows = csv::Writer::from_writer(sink);
        rows.write_record(COLUMNS.iter().map(|column| column.name))?;
        Ok(Self { rows })
    }

    /// Writes one row.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn write_event(&mut self, event: &Event) -> io::Result<()> {
        let record = serde_json::to_value(event.to_record())?;
        for column in &COLUMNS {
            self.rows.write_field(cell(&record, column))?;
        }
        self.rows.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Writes what is left and hands the sink back.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(self) -> io::Result<W> {
        self.rows.into_inner().map_err(|error| io::Error::new(error.error().kind(), error.to_string()))
    }
}

fn cell(record: &Value, column: &Column) -> String {
    let field = column.name.split('.').try_fold(record, |object, name| object.get(name));
    match (field, column.kind) {
        (None, _) => String::new(),
        // A target that looks like a list must not be read as one.
        (Some(Value::String(text)), Kind::Targets) if text.starts_with('[') => {
            Value::from(vec![text.clone()]).to_string()
        }
        (Some(Value::String(text)), _) => text.clone(),
        (Some(other), _) => other.to_string(),
    }
}
