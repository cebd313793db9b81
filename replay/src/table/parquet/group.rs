//! The row group under construction.

use std::io::{self, Cursor};

use models::dimension::Dimension;
use polars::prelude::{
    ChunkedBuilder, DataFrame, DataType, Field, Float64Type, Int64Type, IntoColumn, IntoSeries, PolarsError,
    PolarsResult, PrimitiveChunkedBuilder, Schema, StringChunkedBuilder, TimeUnit, TimeZone,
};
use polars_io::SerReader;
use polars_io::parquet::read::{ParallelStrategy, ParquetReader};
use polars_io::parquet::write::ParquetWriter;

use super::super::{COLUMNS, Row};

/// Rows of a row group.
pub(super) const ROW_GROUP: usize = 65_536;

type Floats = PrimitiveChunkedBuilder<Float64Type>;

/// Its columns.
pub(super) struct Group {
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
    pub(super) fn new() -> Self {
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

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn push(&mut self, row: &Row<'_>) {
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

    /// The rows as a Parquet file.
    pub(super) fn into_file(self) -> io::Result<Vec<u8>> {
        let mut file = Vec::new();
        let rows = self.rows;
        let write = |file: &mut Vec<u8>| -> PolarsResult<()> {
            // One row group costs some ten milliseconds: not worth a pool of threads beside ours.
            let mut writer = ParquetWriter::new(file).set_parallel(false).batched(&schema())?;
            if rows > 0 {
                writer.write_batch(&self.into_frame()?)?;
            }
            writer.finish()?;
            Ok(())
        };
        write(&mut file).map_err(io::Error::other)?;
        Ok(file)
    }

    /// The rows of such a file, as a group that goes on.
    pub(super) fn read(file: &[u8]) -> io::Result<Self> {
        let reader = ParquetReader::new(Cursor::new(file)).read_parallel(ParallelStrategy::None);
        reader.finish().and_then(|frame| Self::of(&frame)).map_err(io::Error::other)
    }

    fn of(frame: &DataFrame) -> Result<Self, PolarsError> {
        let mut group = Self::new();
        group.rows = frame.height();
        let [id, time, identity, session, score, p, .., evidence, decision, alert, outcome] = COLUMNS;
        let texts = [
            (id, &mut group.id),
            (identity, &mut group.identity),
            (session, &mut group.session),
            (decision, &mut group.decision),
            (alert, &mut group.alert),
            (outcome, &mut group.outcome),
        ];
        for (name, column) in texts {
            frame.column(name)?.str()?.iter().for_each(|text| column.append_option(text));
        }
        for nanos in frame.column(time)?.datetime()?.physical().iter() {
            group.time.append_option(nanos);
        }
        let dimensions = Dimension::ALL.map(Dimension::as_str).into_iter().zip(&mut group.dimensions);
        let floats = [(score, &mut group.score), (p, &mut group.p), (evidence, &mut group.evidence)];
        for (name, column) in floats.into_iter().chain(dimensions) {
            frame.column(name)?.f64()?.iter().for_each(|nats| column.append_option(nats));
        }
        Ok(group)
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
