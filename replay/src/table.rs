//! One row per scored event: `scores.parquet`, `scores.ndjson` or `scores.csv`.

mod csv;
mod parquet;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use models::assessment::Assessment;
use models::dimension::{Dimension, DimensionValues};
use models::event::{Event, Timestamp};
use serde::{Deserialize, Serialize};

use crate::provenance::Property;

pub use parquet::ParquetState;

/// The columns, in order. The dimensions are those of [`Dimension::ALL`].
pub const COLUMNS: [&str; 20] = [
    "id",
    "time",
    "identity",
    "session",
    "score",
    "p",
    "tool",
    "target",
    "chain",
    "volume",
    "rate",
    "schedule",
    "context",
    "delegation",
    "scope",
    "flow",
    "evidence",
    "decision",
    "alert",
    "outcome",
];

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Apache Parquet, zstd, in row groups of 65,536.
    #[default]
    Parquet,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated, RFC 4180.
    Csv,
    /// No rows at all; the digest is the same.
    None,
}

impl Format {
    /// Name of the file, if there is one.
    pub fn file_name(self) -> Option<&'static str> {
        match self {
            Format::Parquet => Some("scores.parquet"),
            Format::Ndjson => Some("scores.ndjson"),
            Format::Csv => Some("scores.csv"),
            Format::None => None,
        }
    }
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row<'a> {
    /// Id of the event.
    pub id: &'a str,
    /// When it happened.
    pub time: Timestamp,
    /// Who acted.
    pub identity: &'a str,
    /// The session it was counted in.
    pub session: &'a str,
    /// `-ln p`: higher is stranger, comparable across identities.
    pub score: f64,
    /// Probability of an event at least as strange.
    pub p: f64,
    /// `-ln p` of the tool; none where the event says nothing about it, and so on.
    pub tool: Option<f64>,
    /// `-ln p` of the target.
    pub target: Option<f64>,
    /// `-ln p` of the step from one tool to the next.
    pub chain: Option<f64>,
    /// `-ln p` of the bytes.
    pub volume: Option<f64>,
    /// `-ln p` of the pace.
    pub rate: Option<f64>,
    /// `-ln p` of the hour of the start.
    pub schedule: Option<f64>,
    /// `-ln p` of the source.
    pub context: Option<f64>,
    /// `-ln p` of the people and agents behind it.
    pub delegation: Option<f64>,
    /// `-ln p` of the grant.
    pub scope: Option<f64>,
    /// `-ln p` of the data that leaves.
    pub flow: Option<f64>,
    /// Accumulated evidence of the session.
    pub evidence: f64,
    /// What was decided.
    pub decision: &'a str,
    /// The alert it belongs to.
    pub alert: Option<&'a str>,
    /// How the event ended.
    pub outcome: &'a str,
}

impl<'a> Row<'a> {
    /// `-ln p` by dimension, in the order of [`Dimension::ALL`].
    pub fn dimensions(&self) -> DimensionValues<Option<f64>> {
        let Self { tool, target, chain, volume, rate, schedule, context, delegation, scope, flow, .. } = *self;
        [tool, target, chain, volume, rate, schedule, context, delegation, scope, flow]
    }

    /// The row of an event.
    pub fn of(event: &'a Event, assessment: &'a Assessment) -> Self {
        const { assert!(Dimension::COUNT == 10) };
        let [tool, target, chain, volume, rate, schedule, context, delegation, scope, flow] = assessment.dimensions;
        Self {
            id: &event.id,
            time: event.time,
            identity: &event.identity,
            session: &assessment.session,
            score: assessment.score,
            p: assessment.p,
            tool,
            target,
            chain,
            volume,
            rate,
            schedule,
            context,
            delegation,
            scope,
            flow,
            evidence: assessment.evidence,
            decision: assessment.decision.as_str(),
            alert: assessment.alert.as_ref().map(|id| &*id.0),
            outcome: assessment.outcome.as_str(),
        }
    }
}

/// Where a table stands: see [`Table::resume`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableState {
    /// There is no table.
    None,
    /// Length of a text file in bytes.
    Text(u64),
    /// A Parquet file.
    Parquet(ParquetState),
}

/// Writes rows; memory is one row group.
pub struct Table(Kind);

enum Kind {
    None,
    Ndjson(BufWriter<File>),
    Csv(BufWriter<File>),
    Parquet(Box<parquet::Writer>),
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match &self.0 {
            Kind::None => "none",
            Kind::Ndjson(_) => "ndjson",
            Kind::Csv(_) => "csv",
            Kind::Parquet(_) => "parquet",
        };
        f.debug_tuple("Table").field(&kind).finish()
    }
}

impl Table {
    /// A table that keeps nothing.
    pub fn none() -> Self {
        Self(Kind::None)
    }

    /// Creates or replaces the file; [`Format::None`] creates none.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(format: Format, path: &Path) -> io::Result<Self> {
        let open = || File::create(path).map(|file| BufWriter::with_capacity(1 << 16, file));
        Ok(Self(match format {
            Format::None => Kind::None,
            Format::Ndjson => Kind::Ndjson(open()?),
            Format::Csv => {
                let mut out = open()?;
                csv::write_header(&mut out)?;
                Kind::Csv(out)
            }
            Format::Parquet => Kind::Parquet(Box::new(parquet::Writer::create(path)?)),
        }))
    }

    /// Goes on with a table where `state` was taken; what was written after it is cut off.
    ///
    /// # Errors
    /// What the system says; also when the state is not one of this format.
    pub fn resume(format: Format, path: &Path, state: &TableState) -> io::Result<Self> {
        let open = |length: u64| -> io::Result<BufWriter<File>> {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            Ok(BufWriter::with_capacity(1 << 16, file))
        };
        Ok(Self(match (format, state) {
            (Format::None, TableState::None) => Kind::None,
            (Format::Ndjson, TableState::Text(length)) => Kind::Ndjson(open(*length)?),
            (Format::Csv, TableState::Text(length)) => Kind::Csv(open(*length)?),
            (Format::Parquet, TableState::Parquet(state)) => {
                Kind::Parquet(Box::new(parquet::Writer::resume(path, state)?))
            }
            _ => return Err(io::Error::other("the checkpoint is of another format")),
        }))
    }

    /// Makes durable what was written, and tells how to go on from here.
    ///
    /// # Errors
    /// What the system says.
    pub fn state(&mut self) -> io::Result<TableState> {
        Ok(match &mut self.0 {
            Kind::None => TableState::None,
            Kind::Ndjson(out) | Kind::Csv(out) => {
                out.flush()?;
                out.get_ref().sync_data()?;
                TableState::Text(out.stream_position()?)
            }
            Kind::Parquet(writer) => TableState::Parquet(writer.state()?),
        })
    }

    /// Writes one row.
    ///
    /// # Errors
    /// What the system says.
    pub fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        match &mut self.0 {
            Kind::None => Ok(()),
            Kind::Ndjson(out) => {
                serde_json::to_writer(&mut *out, row)?;
                out.write_all(b"\n")
            }
            Kind::Csv(out) => csv::write_row(out, row),
            Kind::Parquet(writer) => writer.push(row),
        }
    }

    /// Writes what is held back and the file's end. Of the formats only Parquet has a place for `about`.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(self, about: &[Property]) -> io::Result<()> {
        match self.0 {
            Kind::None => Ok(()),
            Kind::Ndjson(mut out) | Kind::Csv(mut out) => out.flush(),
            Kind::Parquet(writer) => writer.finish(about),
        }
    }
}

#[cfg(test)]
mod tests;
