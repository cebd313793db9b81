//! Files of events in folders, as clouds and collectors deliver them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ReadError;

/// What the names of event files end in, before `.gz` or `.zst`.
const ENDINGS: [&str; 5] = [".json", ".ndjson", ".jsonl", ".csv", ".log"];
/// Folders inside of folders that are looked into.
const MAX_DEPTH: usize = 16;

/// The files that a path stands for: itself, or of a folder every event file in it and below it, by name.
///
/// Event files end in `.json`, `.ndjson`, `.jsonl`, `.csv` or `.log`, maybe with `.gz` or `.zst` behind. Hidden files and
/// links are left out.
///
/// # Errors
/// [`ReadError::Open`] if a folder cannot be read, [`ReadError::NoFile`] if there is no event file in it.
pub fn expand(path: impl AsRef<Path>) -> Result<Vec<PathBuf>, ReadError> {
    let path = path.as_ref();
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let name = path.to_string_lossy().escape_debug().to_string();
    let mut found = Vec::new();
    match collect(path, MAX_DEPTH, &mut found) {
        Err(cause) => return Err(ReadError::Open { name, cause }),
        Ok(()) if found.is_empty() => return Err(ReadError::NoFile { name }),
        Ok(()) => {}
    }
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        let kind = entry.file_type()?;
        if name.starts_with('.') {
            continue;
        }
        let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        if kind.is_dir() && depth > 0 {
            collect(&entry.path(), depth - 1, found)?;
        } else if kind.is_file() && ENDINGS.iter().any(|ending| plain.ends_with(ending)) {
            found.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_the_event_files_in_and_below_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("2026/05")).unwrap();
        for name in ["2026/05/b.json.gz", "2026/a.NDJSON", "notes.txt", ".hidden.json", "c.csv.zst"] {
            fs::write(at(name), "").unwrap();
        }
        let expected = [at("2026/05/b.json.gz"), at("2026/a.NDJSON"), at("c.csv.zst")];
        assert_eq!(expand(folder.path()).unwrap(), expected);
        assert_eq!(expand(at("notes.txt")).unwrap(), [at("notes.txt")]);
        let empty = tempfile::TempDir::new().unwrap();
        assert!(matches!(expand(empty.path()), Err(ReadError::NoFile { .. })));
    }
}
