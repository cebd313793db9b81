//! Rows as Parquet, one polars frame a row group.
//!
//! A writer that is to go on after a crash cannot keep its footer in memory only, and that of polars does. So every row
//! group is written as a small Parquet file in memory; its pages are appended to the table, and what its footer says of
//! them is kept with their places moved. The footer of the table is written from that at the end.

mod footer;
mod group;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Property, Row};
use footer::Footer;
use group::{Group, ROW_GROUP};

/// What begins and ends every Parquet file.
const MAGIC: [u8; 4] = *b"PAR1";

/// All that is needed to go on with a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParquetState {
    length: u64,
    footer: Vec<u8>,
    /// The rows that fill no row group yet, as a Parquet file.
    rest: Vec<u8>,
}

pub(super) struct Writer {
    out: BufWriter<File>,
    length: u64,
    footer: Footer,
    group: Group,
}

impl Writer {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(&MAGIC)?;
        Ok(Self { out, length: MAGIC.len() as u64, footer: Footer::new()?, group: Group::new() })
    }

    /// Goes on where `state` was taken; what was written after it is cut off.
    pub(super) fn resume(path: &Path, state: &ParquetState) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.set_len(state.length)?;
        file.seek(SeekFrom::End(0))?;
        let (footer, group) = (Footer::parse(&state.footer)?, Group::read(&state.rest)?);
        Ok(Self { out: BufWriter::new(file), length: state.length, footer, group })
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.group.push(row);
        if self.group.rows() == ROW_GROUP { self.flush() } else { Ok(()) }
    }

    /// Makes durable what was written, and tells how to go on from here.
    pub(super) fn state(&mut self) -> io::Result<ParquetState> {
        self.out.flush()?;
        self.out.get_ref().sync_data()?;
        let rest = std::mem::replace(&mut self.group, Group::new()).into_file()?;
        self.group = Group::read(&rest)?;
        Ok(ParquetState { length: self.length, footer: self.footer.to_bytes()?, rest })
    }

    pub(super) fn finish(mut self, about: &[Property]) -> io::Result<()> {
        self.flush()?;
        self.footer.tell(about);
        let footer = self.footer.to_bytes()?;
        self.out.write_all(&footer)?;
        self.out.write_all(&u32::try_from(footer.len()).map_err(io::Error::other)?.to_le_bytes())?;
        self.out.write_all(&MAGIC)?;
        self.out.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.group.rows() == 0 {
            return Ok(());
        }
        let file = std::mem::replace(&mut self.group, Group::new()).into_file()?;
        let pages = self.footer.append(&file, self.length)?;
        self.out.write_all(pages)?;
        self.length += pages.len() as u64;
        Ok(())
    }
}
