//! Which files a flag names: a file, a folder, or a pattern.

use std::path::{Component, Path, PathBuf};

use super::TraceError;
use super::encoding::is_event_file;

/// Folders inside folders that are looked into; a circle of links ends there.
const DEEPEST: usize = 16;

/// The files that `named` stands for, in the order given; a folder or pattern gives its files by name.
///
/// A folder gives the event files in it and in the folders inside it; names that begin with `.` or `_` are no data. A
/// pattern may hold `*` and `?` in any of its components.
///
/// # Errors
/// When one of the names stands for no file.
pub fn expand(named: &[PathBuf]) -> Result<Vec<PathBuf>, TraceError> {
    let mut files = Vec::new();
    for path in named {
        let before = files.len();
        for found in if path.exists() { vec![path.clone()] } else { matching(path)? } {
            if found.is_dir() {
                walk(&found, 0, &mut files)?;
            } else {
                files.push(found);
            }
        }
        if files.len() == before {
            return Err(TraceError::NoFile(path.display().to_string()));
        }
    }
    Ok(files)
}

fn walk(folder: &Path, depth: usize, into: &mut Vec<PathBuf>) -> Result<(), TraceError> {
    for (name, path) in list(folder)? {
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            if depth < DEEPEST {
                walk(&path, depth + 1, into)?;
            }
        } else if is_event_file(&name.to_ascii_lowercase()) {
            into.push(path);
        }
    }
    Ok(())
}

/// What a pattern fits, component by component.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, TraceError> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let text = component.as_os_str().to_string_lossy();
        if !matches!(component, Component::Normal(_)) || !text.contains(['*', '?']) {
            for path in &mut found {
                path.push(component);
            }
            continue;
        }
        let mut next = Vec::new();
        for folder in found {
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            if folder.is_dir() {
                let names = list(&folder)?.into_iter();
                next.extend(names.filter(|(name, _)| matches(text.as_bytes(), name.as_bytes())).map(|(_, path)| path));
            }
        }
        found = next;
    }
    found.retain(|path| path.exists());
    Ok(found)
}

/// What is in a folder, by name. Names that are not UTF-8 are left out.
fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, TraceError> {
    let refused = |source| TraceError::refused(folder, source);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        found.extend(entry.file_name().into_string().ok().map(|name| (name, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// Whether `name` fits `pattern`, where `*` stands for any bytes and `?` for one. Time is the product of the lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || Some(&c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|&c| c == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_and_question_mark_match_as_in_a_shell() {
        for (pattern, name, fits) in [
            ("day-*.ndjson", "day-01.ndjson", true),
            ("day-*.ndjson", "day-01.ndjson.gz", false),
            ("*a*b", "xxaxxab", true),
            ("?.ndjson", "ab.ndjson", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), fits, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_folder_gives_its_event_files_by_name_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("day=1/_tmp")).unwrap();
        for name in ["b.ndjson", "a.ndjson.zst", "notes.txt", "c.ndjson.bak", "day=1/p.parquet", "day=1/_tmp/q.parquet"]
        {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |named: &str| -> Vec<String> {
            let found = expand(&[folder.path().join(named)]).unwrap();
            found.iter().map(|p| p.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names(""), ["a.ndjson.zst", "b.ndjson", "day=1/p.parquet"]);
        assert_eq!(names("d*/*.parquet"), ["day=1/p.parquet"]);
        assert_eq!(names("?.ndjson"), ["b.ndjson"]);
        assert!(matches!(expand(&[folder.path().join("*.csv")]), Err(TraceError::NoFile(_))));
    }
}
