//! What kind of file an event file is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How events are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// One JSON object a line, plain or compressed.
    Lines,
    /// Comma-separated with a header row, plain or compressed.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC with a footer, also called Feather.
    ArrowFile,
    /// Apache Arrow IPC as a stream.
    ArrowStream,
}

/// Endings of event files; a folder gives the files that have one of them.
const ENDINGS: [&str; 8] = [".ndjson", ".jsonl", ".csv", ".parquet", ".arrow", ".arrows", ".feather", ".ipc"];

/// Whether a file in a folder is meant.
pub(super) fn is_event_file(name: &str) -> bool {
    ENDINGS.iter().any(|ending| unpacked(name).ends_with(ending))
}

fn unpacked(name: &str) -> &str {
    name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(name)
}

impl Encoding {
    /// What the first bytes say; only CSV, which has no mark, is told by its name.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(6);
        File::open(path)?.take(6).read_to_end(&mut magic)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        Ok(match magic.as_slice() {
            [b'P', b'A', b'R', b'1', ..] => Encoding::Parquet,
            b"ARROW1" => Encoding::ArrowFile,
            [0xff, 0xff, 0xff, 0xff, ..] => Encoding::ArrowStream,
            _ if Path::new(unpacked(&name)).extension() == Some("csv".as_ref()) => Encoding::Csv,
            _ => Encoding::Lines,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide_and_csv_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes, encoding) in [
            ("a.ndjson", &b"PAR1...."[..], Encoding::Parquet),
            ("b.csv", b"ARROW1\0\0", Encoding::ArrowFile),
            ("c", b"\xff\xff\xff\xff\x10", Encoding::ArrowStream),
            ("d.CSV.gz", b"\x1f\x8b", Encoding::Csv),
            ("e.log", b"{}", Encoding::Lines),
            ("empty", b"", Encoding::Lines),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(Encoding::of(&path).unwrap(), encoding, "{name}");
        }
    }
}
