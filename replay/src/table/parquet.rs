//! Rows as Parquet, one polars frame a row group.

use std::fs::File;
use std::io::{self, BufWriter};

use models::dimension::Dimension;
use polars::prelude::{
    ChunkedBuilder, DataFrame, DataType, Field, Float64Type, Int64Type, IntoColumn, IntoSeries, PolarsError,
    PrimitiveChunkedBuilder, Schema, StringChunkedBuilder, TimeUnit, TimeZone,
};
use polars_io::parquet::write::{BatchedWriter, ParquetWriter};

use super::{COLUMNS, Row};

const ROW_GROUP: usize = 65_536;

type Floats = PrimitiveChunkedBuilder<Float64Type>;

/// The columns of the row group under construction.
struct Group {
    rows: usize,
    id: StringChunkedBuilder,
    time: PrimitiveChunkedBuilder<Int64Type>,
    identity: StringChunkedBuilder,
    session: StringChunkedBuilder,
    score: Floats,
    p: Floats,
    dimensions: [Floats; Dimension::COUNT],
    evidence: Floats,
    decision: StringChunkedBuilder,
    alert: StringChunkedBuilder,
    outcome: StringChunkedBuilder,
}

impl Group {
    fn new() -> Self {
        let [id, time, identity, session, score, p, .., evidence, decision, alert, outcome] = COLUMNS;
        let text = |name: &'static str| StringChunkedBuilder::new(name.into(), ROW_GROUP);
        let floats = |name: &'static str| Floats::new(name.into(), ROW_GROUP);
        Self {
            rows: 0,
            id: text(id),
            time: PrimitiveChunkedBuilder::new(time.into(), ROW_GROUP),
            identity: text(identity),
            session: text(session),
            score: floats(score),
            p: floats(p),
            dimensions: Dimension::ALL.map(|dimension| floats(dimension.as_str())),
            evidence: floats(evidence),
            decision: text(decision),
            alert: text(alert),
            outcome: text(outcome),
        }
    }

    fn push(&mut self, row: &Row<'_>) {
        self.rows += 1;
        self.id.append_value(row.id);
        self.time.append_value(row.time.as_nanos());
        self.identity.append_value(row.identity);
        self.session.append_value(row.session);
        self.score.append_value(row.score);
        self.p.append_value(row.p);
        for (column, nats) in self.dimensions.iter_mut().zip(row.dimensions()) {
            column.append_option(nats);
        }
        self.evidence.append_value(row.evidence);
        self.decision.append_value(row.decision);
        self.alert.append_option(row.alert);
        self.outcome.append_value(row.outcome);
    }

    fn into_frame(self) -> Result<DataFrame, PolarsError> {
        let time = self.time.finish().into_datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC));
        let mut columns = vec![
            self.id.finish().into_column(),
            time.into_series().into_column(),
            self.identity.finish().into_column(),
            self.session.finish().into_column(),
            self.score.finish().into_column(),
            self.p.finish().into_column(),
        ];
        columns.extend(self.dimensions.map(|column| column.finish().into_column()));
        columns.extend([
            self.evidence.finish().into_column(),
            self.decision.finish().into_column(),
            self.alert.finish().into_column(),
            self.outcome.finish().into_column(),
        ]);
        DataFrame::new(self.rows, columns)
    }
}

fn schema() -> Schema {
    let kind = |name: &str| match name {
        "time" => DataType::Datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC)),
        "id" | "identity" | "session" | "decision" | "alert" | "outcome" => DataType::String,
        _ => DataType::Float64,
    };
    COLUMNS.iter().map(|name| Field::new((*name).into(), kind(name))).collect()
}

pub(super) struct Writer {
    file: BatchedWriter<BufWriter<File>>,
    group: Group,
}

impl Writer {
    pub(super) fn new(file: BufWriter<File>) -> io::Result<Self> {
        let file = ParquetWriter::new(file).batched(&schema()).map_err(io::Error::other)?;
        Ok(Self { file, group: Group::new() })
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.group.push(row);
        if self.group.rows == ROW_GROUP { self.flush() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.file.finish().map_err(io::Error::other)?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let group = std::mem::replace(&mut self.group, Group::new());
        if group.rows == 0 {
            return Ok(());
        }
        let frame = group.into_frame().map_err(io::Error::other)?;
        self.file.write_batch(&frame).map_err(io::Error::other)
    }
}
