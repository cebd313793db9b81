//! Which files a flag names: a file, a folder, or a pattern.

use std::path::{Path, PathBuf};

use super::TraceError;

const ENDINGS: [&str; 6] = [".ndjson", ".ndjson.gz", ".ndjson.zst", ".jsonl", ".jsonl.gz", ".jsonl.zst"];

/// The files that `named` stands for, in the order given; a folder or pattern gives its files by name.
///
/// A pattern may hold `*` and `?` in its last component only.
///
/// # Errors
/// When one of the names stands for no file.
pub fn expand(named: &[PathBuf]) -> Result<Vec<PathBuf>, TraceError> {
    let mut files = Vec::new();
    for path in named {
        let before = files.len();
        if path.is_dir() {
            files.extend(list(path, |name| ENDINGS.iter().any(|ending| name.ends_with(ending)))?);
        } else if path.exists() {
            files.push(path.clone());
        } else if let Some(pattern) = path.file_name().and_then(|name| name.to_str()) {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if pattern.contains(['*', '?']) && folder.is_dir() {
                files.extend(list(folder, |name| matches(pattern.as_bytes(), name.as_bytes()))?);
            }
        }
        if files.len() == before {
            return Err(TraceError::NoFile(path.display().to_string()));
        }
    }
    Ok(files)
}

fn list(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, TraceError> {
    let refused = |source| TraceError::Refused { path: folder.display().to_string(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if path.is_file() && path.file_name().and_then(|n| n.to_str()).is_some_and(&wanted) {
            found.push(path);
        }
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
    fn folder_gives_its_event_files_by_name_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.ndjson", "a.ndjson.zst", "notes.txt", "c.ndjson.bak"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = expand(&[folder.path().to_path_buf()]).unwrap();
        let names: Vec<_> = names.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.ndjson.zst", "b.ndjson"]);
        assert!(matches!(expand(&[folder.path().join("*.csv")]), Err(TraceError::NoFile(_))));
    }
}
