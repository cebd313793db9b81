//! Parquet, one row group at a time.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::vec::IntoIter;

use polars::prelude::{Column, PolarsError, PolarsResult, Series};
use polars_io::SerReader;
use polars_io::parquet::metadata::FileMetadataRef;
use polars_io::parquet::read::{ParallelStrategy, ParquetReader};

use super::arrow::check;
use super::field::Field;
use super::{TraceError, damaged};

/// Row groups of more rows than this are read in parts, so that no writer decides how much memory we take.
const MOST_ROWS: usize = 131_072;

pub(super) struct Reader {
    file: File,
    metadata: FileMetadataRef,
    projection: Vec<usize>,
    /// First row and number of rows of what is read at a time.
    parts: IntoIter<(usize, usize)>,
}

impl Reader {
    pub(super) fn open(path: &Path, wanted: &[Field]) -> Result<Self, TraceError> {
        let named = path.display().to_string();
        let file = File::open(path).map_err(|source| TraceError::refused(path, source))?;
        let (metadata, projection) = layout(&file, wanted, &named)?;
        let mut parts = Vec::new();
        let mut first = 0;
        for group in &metadata.row_groups {
            let rows = group.num_rows();
            let pieces = rows.div_ceil(MOST_ROWS).max(1);
            for piece in 0..pieces {
                let (start, end) = (rows * piece / pieces, rows * (piece + 1) / pieces);
                parts.push((first + start, end - start));
            }
            first += rows;
        }
        Ok(Self { file, metadata, projection, parts: parts.into_iter() })
    }

    pub(super) fn next(&mut self) -> Result<Option<(usize, Vec<Series>)>, PolarsError> {
        let Some(part) = self.parts.next() else { return Ok(None) };
        let mut reader = ParquetReader::new(self.file.try_clone()?)
            .with_slice(Some(part))
            .with_projection(Some(self.projection.clone()))
            // The pool that we are called from is what reads in parallel.
            .read_parallel(ParallelStrategy::None);
        reader.set_metadata(Arc::clone(&self.metadata));
        let frame = reader.finish()?;
        let columns = frame.into_columns().into_iter().map(Column::take_materialized_series);
        Ok(Some((part.1, columns.collect())))
    }
}

fn layout(file: &File, wanted: &[Field], path: &str) -> Result<(FileMetadataRef, Vec<usize>), TraceError> {
    let read = |file: io::Result<File>| -> PolarsResult<_> {
        let mut reader = ParquetReader::new(file?);
        let mut metadata = (**reader.get_metadata()?).clone();
        // The schema of the program that wrote the file tells of dictionaries and time zones, which would only have to
        // be turned into texts and instants again: the types of Parquet itself are those already.
        metadata.key_value_metadata = None;
        let metadata = Arc::new(metadata);
        reader.set_metadata(Arc::clone(&metadata));
        Ok((metadata, reader.schema()?))
    };
    let (metadata, schema) = read(file.try_clone()).map_err(|cause| damaged(path, 0, &cause))?;
    let mut projection = Vec::new();
    for (place, field) in schema.iter_values().enumerate() {
        if wanted.iter().any(|wanted| wanted.is_in(&field.name)) {
            check(field, path)?;
            projection.push(place);
        }
    }
    Ok((metadata, projection))
}
