//! Writes event files whose bytes depend only on the events: NDJSON, plain or compressed.

pub mod cloudevents;
pub mod csv;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use models::event::Event;
use serde::Serialize;

use crate::reader::Packing;

impl Packing {
    /// What a file's name asks for: `.gz`, `.zst`, anything else plain.
    pub fn for_path(path: &Path) -> Self {
        match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("gz" | "gzip") => Packing::Gzip,
            Some("zst" | "zstd") => Packing::Zstd,
            _ => Packing::Plain,
        }
    }
}

/// A compressing sink. [`PackedWriter::finish`] writes the trailer; without it a compressed file is cut short.
pub struct PackedWriter<W: Write>(Inner<W>);

enum Inner<W: Write> {
    Plain(BufWriter<W>),
    Gzip(GzEncoder<BufWriter<W>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<W>>),
}

impl<W: Write> std::fmt::Debug for PackedWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PackedWriter").finish_non_exhaustive()
    }
}

impl PackedWriter<File> {
    /// Creates or replaces a file, compressed as its name says.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::new(File::create(path)?, Packing::for_path(path))
    }
}

impl<W: Write> PackedWriter<W> {
    /// Compresses into `sink`.
    ///
    /// # Errors
    /// If the compressor cannot be set up.
    pub fn new(sink: W, packing: Packing) -> io::Result<Self> {
        let sink = BufWriter::new(sink);
        Ok(Self(match packing {
            Packing::Plain => Inner::Plain(sink),
            // No time, no name, no system in the header: the same content gives the same bytes.
            Packing::Gzip => {
                Inner::Gzip(GzBuilder::new().mtime(0).operating_system(255).write(sink, flate2::Compression::new(6)))
            }
            Packing::Zstd => Inner::Zstd(zstd::stream::write::Encoder::new(sink, 3)?),
        }))
    }

    /// Writes what is left and hands the sink back.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(self) -> io::Result<W> {
        let sink = match self.0 {
            Inner::Plain(sink) => sink,
            Inner::Gzip(encoder) => encoder.finish()?,
            Inner::Zstd(encoder) => encoder.finish()?,
        };
        sink.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl<W: Write> Write for PackedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::Plain(sink) => sink.write(bytes),
            Inner::Gzip(encoder) => encoder.write(bytes),
            Inner::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Inner::Plain(sink) => sink.flush(),
            Inner::Gzip(encoder) => encoder.flush(),
            Inner::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// Writes one JSON value a line, through one reused buffer.
#[derive(Debug)]
pub struct LineWriter<W> {
    sink: W,
    line: Vec<u8>,
    written: u64,
}

impl<W: Write> LineWriter<W> {
    /// Writes to `sink`, for example a [`PackedWriter`].
    pub fn new(sink: W) -> Self {
        Self { sink, line: Vec::with_capacity(1024), written: 0 }
    }

    /// Writes an event in the native format.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn write_event(&mut self, event: &Event) -> io::Result<()> {
        self.write(&event.to_record())
    }

    /// Writes any value, such as a label, as one line.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn write(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)?;
        self.line.push(b'\n');
        self.written += 1;
        self.sink.write_all(&self.line)
    }

    /// How many lines were written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Hands the sink back.
    pub fn into_inner(self) -> W {
        self.sink
    }
}
