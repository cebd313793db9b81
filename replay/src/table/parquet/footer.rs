//! The footer of a table that grows by row groups (Apache Parquet format, `parquet.thrift`).

use std::io;

use polars_parquet_format::thrift::protocol::{TCompactInputProtocol, TCompactOutputProtocol};
use polars_parquet_format::{ColumnChunk, FileMetaData, KeyValue};

use super::group::Group;
use super::{MAGIC, Property};
use crate::provenance::in_parquet;

/// Bytes behind the footer: its length and the magic.
const TAIL_BYTES: usize = size_of::<u32>() + MAGIC.len();
/// More than any footer of ours; a damaged one is not to take all memory.
const MOST_BYTES: usize = 1 << 30;

/// What is known of the row groups written so far.
pub(super) struct Footer(FileMetaData);

impl Footer {
    /// Of a table without rows.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(split(&Group::new().into_file()?)?.1))
    }

    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        parse(bytes).map(Self)
    }

    /// Takes in the row groups of a file whose pages are appended at `at`, and gives those pages.
    pub(super) fn append<'a>(&mut self, file: &'a [u8], at: u64) -> io::Result<&'a [u8]> {
        let (pages, footer) = split(file)?;
        let by = i64::try_from(at.saturating_sub(MAGIC.len() as u64)).map_err(io::Error::other)?;
        for mut group in footer.row_groups {
            group.ordinal = i16::try_from(self.0.row_groups.len()).ok();
            shift(&mut group.file_offset, by);
            group.columns.iter_mut().for_each(|column| move_column(column, by));
            self.0.num_rows += group.num_rows;
            self.0.row_groups.push(group);
        }
        Ok(pages)
    }

    /// Adds what readers find in the metadata of the file.
    pub(super) fn tell(&mut self, about: &[Property]) {
        let entries = about.iter().map(|(name, value)| KeyValue::new(in_parquet(name), value.clone()));
        self.0.key_value_metadata.get_or_insert_default().extend(entries);
    }

    pub(super) fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut out = TCompactOutputProtocol::new(&mut bytes);
        self.0.write_to_out_protocol(&mut out).map_err(io::Error::other)?;
        Ok(bytes)
    }
}

/// The pages of a Parquet file, and its footer.
fn split(file: &[u8]) -> io::Result<(&[u8], FileMetaData)> {
    let damaged = || io::Error::other("a row group was not written as Parquet");
    let (body, tail) = file.split_last_chunk::<TAIL_BYTES>().ok_or_else(damaged)?;
    let [l0, l1, l2, l3, ..] = *tail;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let (pages, footer) = body.split_at_checked(body.len().wrapping_sub(length)).ok_or_else(damaged)?;
    Ok((pages.get(MAGIC.len()..).ok_or_else(damaged)?, parse(footer)?))
}

fn parse(bytes: &[u8]) -> io::Result<FileMetaData> {
    let mut input = TCompactInputProtocol::new(bytes, MOST_BYTES);
    FileMetaData::read_from_in_protocol(&mut input).map_err(io::Error::other)
}

/// Moves everything that is a place in the file.
fn move_column(column: &mut ColumnChunk, by: i64) {
    if column.file_offset != 0 {
        column.file_offset += by;
    }
    shift(&mut column.offset_index_offset, by);
    shift(&mut column.column_index_offset, by);
    if let Some(chunk) = &mut column.meta_data {
        chunk.data_page_offset += by;
        shift(&mut chunk.index_page_offset, by);
        shift(&mut chunk.dictionary_page_offset, by);
        shift(&mut chunk.bloom_filter_offset, by);
    }
}

fn shift(place: &mut Option<i64>, by: i64) {
    if let Some(place) = place {
        *place += by;
    }
}
