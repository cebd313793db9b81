//! One row per scored event: `scores.parquet`, `scores.ndjson` or `scores.csv`.

mod csv;
mod parquet;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use models::assessment::Assessment;
use models::dimension::{Dimension, DimensionValues};
use models::event::{Event, Timestamp};
use serde::Serialize;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize)]
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
            Format::Parquet => Kind::Parquet(Box::new(parquet::Writer::new(open()?)?)),
        }))
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

    /// Writes what is held back and the file's end.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Kind::None => Ok(()),
            Kind::Ndjson(mut out) | Kind::Csv(mut out) => out.flush(),
            Kind::Parquet(writer) => writer.finish(),
        }
    }
}

#[cfg(test)]
mod tests;
