//! Output files of every format.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use datasets::reader::Packing;
use datasets::writer::cloudevents::Structured;
use datasets::writer::csv::CsvWriter;
use datasets::writer::{LineWriter, PackedWriter};
use models::event::Event;
use sha2::{Digest, Sha256};

use super::input::shown_name;

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One native event a line.
    Native,
    /// One structured `CloudEvents` event a line, with the native event as its data.
    Cloudevents,
    /// A table with a header row; columns are named like the fields, nested ones with dots.
    Csv,
}

type Sink = PackedWriter<Box<dyn Write>>;

/// Writes events in one of the formats.
pub(crate) enum Output {
    Native(LineWriter<Sink>),
    Cloudevents(LineWriter<Sink>),
    Csv(Box<CsvWriter<Sink>>),
}

impl Output {
    /// Creates a file, packed as its name says; `-` is standard output, plain.
    pub(crate) fn create(path: &Path, format: Format) -> anyhow::Result<Self> {
        let (sink, packing): (Box<dyn Write>, _) = if path == Path::new("-") {
            (Box::new(io::stdout()), Packing::Plain)
        } else {
            (Box::new(create(path)?), Packing::for_path(path))
        };
        let sink = PackedWriter::new(sink, packing)?;
        Ok(match format {
            Format::Native => Output::Native(LineWriter::new(sink)),
            Format::Cloudevents => Output::Cloudevents(LineWriter::new(sink)),
            Format::Csv => Output::Csv(Box::new(CsvWriter::new(sink)?)),
        })
    }

    pub(crate) fn write(&mut self, event: &Event) -> io::Result<()> {
        match self {
            Output::Native(lines) => lines.write_event(event),
            Output::Cloudevents(lines) => lines.write(&Structured::of(event)),
            Output::Csv(rows) => rows.write_event(event),
        }
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        let sink = match self {
            Output::Native(lines) | Output::Cloudevents(lines) => lines.into_inner(),
            Output::Csv(rows) => rows.finish()?,
        };
        sink.finish()?.flush()
    }
}

/// Creates or replaces a file.
pub(crate) fn create(path: &Path) -> anyhow::Result<File> {
    let context = || format!("`{}` cannot be written; check the path and its permissions", shown_name(path));
    File::create(path).with_context(context)
}

/// A packed file of lines with a digest of what is in it, whatever the packing.
pub(crate) struct Hashed {
    sink: PackedWriter<File>,
    digest: Sha256,
}

impl Hashed {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { sink: PackedWriter::new(create(path)?, Packing::for_path(path))?, digest: Sha256::new() })
    }

    /// Completes the file; returns the digest in hex.
    pub(crate) fn finish(self) -> io::Result<String> {
        self.sink.finish()?.sync_all()?;
        Ok(format!("{:x}", self.digest.finalize()))
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
