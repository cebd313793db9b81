//! Arrow IPC, one record batch at a time.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use polars::prelude::{PolarsError, PolarsResult, Series};
use polars_arrow::array::{ArrayRef, PrimitiveArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field as ArrowField, TimeUnit};
use polars_arrow::io::ipc::read::{FileReader, StreamReader, StreamState, read_file_metadata, read_stream_metadata};
use polars_arrow::record_batch::RecordBatch;

use super::field::Field;
use super::{TraceError, damaged};

pub(super) enum Reader {
    File(Box<FileReader<BufReader<File>>>),
    Stream(Box<StreamReader<BufReader<File>>>),
}

impl Reader {
    /// Opens a file with a footer, or a stream.
    pub(super) fn open(path: &Path, has_footer: bool, wanted: &[Field]) -> Result<Self, TraceError> {
        let named = path.display().to_string();
        let file = File::open(path).map_err(|source| TraceError::refused(path, source))?;
        let mut input = BufReader::new(file);
        let failed = |cause: PolarsError| damaged(&named, 0, &cause);
        if has_footer {
            let metadata = read_file_metadata(&mut input).map_err(failed)?;
            let projection = projection(&metadata.schema, wanted, &named)?;
            Ok(Self::File(Box::new(FileReader::new(input, metadata, Some(projection), None))))
        } else {
            let metadata = read_stream_metadata(&mut input).map_err(failed)?;
            let projection = projection(&metadata.schema, wanted, &named)?;
            Ok(Self::Stream(Box::new(StreamReader::new(input, metadata, Some(projection)))))
        }
    }

    pub(super) fn next(&mut self) -> PolarsResult<Option<(usize, Vec<Series>)>> {
        let batch = match self {
            Reader::File(reader) => reader.next().transpose()?,
            Reader::Stream(reader) => match reader.next().transpose()? {
                Some(StreamState::Some(batch)) => Some(batch),
                Some(StreamState::Waiting) | None => None,
            },
        };
        batch.map(columns).transpose()
    }
}

fn columns(batch: RecordBatch) -> PolarsResult<(usize, Vec<Series>)> {
    let rows = batch.len();
    let (schema, arrays) = batch.into_schema_and_arrays();
    let columns = schema.iter_values().zip(arrays).map(|(field, array)| column(field, array));
    Ok((rows, columns.collect::<PolarsResult<_>>()?))
}

/// A column. Instants are instants whatever the time zone that they are to be shown in.
fn column(field: &ArrowField, array: ArrayRef) -> PolarsResult<Series> {
    let array = match (array.dtype().clone(), array.as_any().downcast_ref::<PrimitiveArray<i64>>()) {
        (ArrowDataType::Timestamp(TimeUnit::Second, _), Some(seconds)) => {
            let millis = seconds.values_iter().map(|second| second.saturating_mul(1000)).collect();
            let unit = ArrowDataType::Timestamp(TimeUnit::Millisecond, None);
            PrimitiveArray::new(unit, millis, seconds.validity().cloned()).boxed()
        }
        (ArrowDataType::Timestamp(unit, _), Some(instants)) => {
            instants.clone().to(ArrowDataType::Timestamp(unit, None)).boxed()
        }
        _ => array,
    };
    Series::from_arrow(field.name.clone(), array)
}

fn projection(schema: &ArrowSchema, wanted: &[Field], path: &str) -> Result<Vec<usize>, TraceError> {
    let mut projection = Vec::new();
    for (place, field) in schema.iter_values().enumerate() {
        if wanted.iter().any(|wanted| wanted.is_in(&field.name)) {
            check(field, path)?;
            projection.push(place);
        }
    }
    Ok(projection)
}

/// Refuses a column of a type that polars was built without: it would not return an error for it.
pub(super) fn check(field: &ArrowField, path: &str) -> Result<(), TraceError> {
    if is_known(field.dtype()) {
        return Ok(());
    }
    Err(TraceError::Column {
        path: path.to_owned(),
        column: field.name.escape_debug().to_string(),
        found: format!("{:?}", field.dtype()),
        wanted: "plain text, whole numbers, booleans, timestamps, lists of texts, or a struct of those",
    })
}

fn is_known(column: &ArrowDataType) -> bool {
    use ArrowDataType as T;
    match column {
        T::Null
        | T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::UInt32
        | T::UInt64
        | T::Float32
        | T::Float64
        | T::Timestamp(..)
        | T::Utf8
        | T::LargeUtf8
        | T::Utf8View => true,
        T::List(inner) | T::LargeList(inner) => is_known(inner.dtype()),
        T::Struct(fields) => fields.iter().all(|field| is_known(field.dtype())),
        _ => false,
    }
}
