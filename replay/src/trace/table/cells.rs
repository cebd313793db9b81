//! One column of a table, in one of the few forms that fields are read from.

use polars::prelude::{
    BooleanChunked, DataType, Float64Chunked, Int64Chunked, PolarsError, Series, TimeUnit, UInt64Chunked,
};
use polars_arrow::array::{Array, ListArray, Utf8ViewArray};

use super::field::Kind;

/// The cells of a column, all of one type.
#[derive(Debug, Default)]
pub(super) enum Cells {
    /// The table has no such column.
    #[default]
    Absent,
    Text(Box<Utf8ViewArray>),
    Whole(Int64Chunked),
    Unsigned(UInt64Chunked),
    Real(Float64Chunked),
    Flag(BooleanChunked),
    /// Counts since the epoch, with the nanoseconds of one.
    Time(Int64Chunked, i64),
    Texts(Box<ListArray<i64>>),
}

/// Why a column cannot be read.
pub(super) enum Unfit {
    /// Its type; the words say which ones it may have.
    Type(&'static str),
    Polars(PolarsError),
}

impl From<PolarsError> for Unfit {
    fn from(error: PolarsError) -> Self {
        Self::Polars(error)
    }
}

impl Cells {
    /// The cells of a column that holds a field of this kind.
    pub(super) fn of(column: &Series, kind: Kind) -> Result<Self, Unfit> {
        let column = column.rechunk();
        let column_type = column.dtype();
        Ok(match (kind, column_type) {
            (_, DataType::Null) => Cells::Absent,
            (_, DataType::String) => {
                let texts = column.str()?.downcast_iter().next().cloned();
                texts.map_or(Cells::Absent, |texts| Cells::Text(Box::new(texts)))
            }
            (Kind::Text | Kind::Number, DataType::UInt64) => Cells::Unsigned(column.u64()?.clone()),
            (Kind::Text | Kind::Number, whole) if whole.is_integer() => {
                Cells::Whole(column.cast(&DataType::Int64)?.i64()?.clone())
            }
            (Kind::Number, real) if real.is_float() => Cells::Real(column.cast(&DataType::Float64)?.f64()?.clone()),
            (Kind::Flag, DataType::Boolean) => Cells::Flag(column.bool()?.clone()),
            (Kind::Time, DataType::Datetime(unit, _)) => {
                let nanos = match unit {
                    TimeUnit::Nanoseconds => 1,
                    TimeUnit::Microseconds => 1_000,
                    TimeUnit::Milliseconds => 1_000_000,
                };
                Cells::Time(column.datetime()?.physical().clone(), nanos)
            }
            (Kind::Texts, DataType::List(inner)) if **inner == DataType::String => {
                let lists = column.list()?.downcast_iter().next().cloned();
                lists.map_or(Cells::Absent, |lists| Cells::Texts(Box::new(lists)))
            }
            (Kind::Text, _) => return Err(Unfit::Type("text")),
            (Kind::Number, _) => return Err(Unfit::Type("a whole number")),
            (Kind::Flag, _) => return Err(Unfit::Type("a boolean, or as `true` and `false`")),
            (Kind::Time, _) => return Err(Unfit::Type("a timestamp, or as RFC 3339 text")),
            (Kind::Texts, _) => return Err(Unfit::Type("a list of texts, or as text")),
        })
    }
}

/// The texts of one cell of a list column.
pub(super) fn texts(lists: &ListArray<i64>, row: usize) -> Option<impl Iterator<Item = &str>> {
    if lists.is_null(row) {
        return None;
    }
    let values = lists.values().as_any().downcast_ref::<Utf8ViewArray>()?;
    let (start, end) = lists.offsets().start_end(row);
    Some((start..end).filter_map(|at| values.get(at)))
}
