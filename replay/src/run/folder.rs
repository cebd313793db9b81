//! The result folder: what may be overwritten, and files that appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::summary::FORMAT;
use crate::sweep::FORMAT as SWEEP_FORMAT;
use crate::table::Format;

/// Written last: a folder with a summary holds a whole result.
pub(crate) const SUMMARY: &str = "summary.json";
pub(crate) const REPORT: &str = "report.html";
pub(super) const ALERTS: &str = "alerts.ndjson";
pub(super) const REVOCATIONS: &str = "revocations.ndjson";
pub(super) const QUARANTINE: &str = "quarantine.ndjson";
/// What the engine knows, until the result is whole; one of the two.
pub(super) const ENGINE: [&str; 2] = ["engine-1.partial", "engine-2.partial"];
/// How far the replay is, until the result is whole.
pub(super) const CHECKPOINT: &str = "checkpoint.partial";
const UNFINISHED: &str = ".partial";

/// Why a folder cannot take the result.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It holds something else.
    #[error("`{0}` is not empty and holds no earlier replay; name another folder, or add `--force` to write into it")]
    Occupied(String),
    /// The operating system refuses.
    #[error("cannot write `{path}`: {source}; check the folder's permissions and free space")]
    Io {
        /// What was written.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A folder that a result is being written into, under names that end in `.partial` until [`Folder::publish`].
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    written: Vec<&'static str>,
}

impl Folder {
    /// Creates the folder, or takes one that is empty or holds an earlier result.
    pub(crate) fn prepare(path: &Path, force: bool) -> Result<Self, FolderError> {
        let folder = Self { path: path.to_path_buf(), written: Vec::new() };
        fs::create_dir_all(path).map_err(|source| refused(path, source))?;
        if !force && !folder.is_free()? {
            return Err(FolderError::Occupied(path.display().to_string()));
        }
        Ok(folder)
    }

    fn is_free(&self) -> Result<bool, FolderError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|source| refused(&self.path, source))? {
            names.push(entry.map_err(|source| refused(&self.path, source))?.file_name());
        }
        let interrupted = |name: &std::ffi::OsString| {
            let Some(name) = name.to_str() else { return false };
            let unfinished = name.strip_suffix(UNFINISHED);
            ENGINE.contains(&name)
                || name.starts_with(CHECKPOINT)
                || unfinished.is_some_and(|name| all_names().any(|ours| ours == name))
        };
        Ok(names.iter().all(interrupted) || self.holds_a_result())
    }

    fn holds_a_result(&self) -> bool {
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        let summary = fs::read(self.path.join(SUMMARY)).ok();
        summary
            .and_then(|bytes| serde_json::from_slice::<Head>(&bytes).ok())
            .is_some_and(|head| [FORMAT, SWEEP_FORMAT].contains(&head.format.as_str()))
    }

    /// Where to write a file of the result.
    pub(crate) fn partial(&mut self, name: &'static str) -> PathBuf {
        if !self.written.contains(&name) {
            self.written.push(name);
        }
        self.path.join(format!("{name}{UNFINISHED}"))
    }

    /// Creates a file of the result.
    pub(crate) fn create(&mut self, name: &'static str) -> Result<BufWriter<File>, FolderError> {
        let path = self.partial(name);
        File::create(&path).map(BufWriter::new).map_err(|source| refused(&path, source))
    }

    /// Writes a whole file of the result.
    pub(crate) fn write(&mut self, name: &'static str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.partial(name);
        fs::write(&path, bytes).map_err(|source| refused(&path, source))
    }

    /// Opens a file of the result again, cuts off what is behind `length`, and goes on there.
    pub(super) fn reopen(&mut self, name: &'static str, length: u64) -> Result<BufWriter<File>, FolderError> {
        let path = self.unfinished(name)?;
        let open = || -> io::Result<File> {
            let mut file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        open().map(BufWriter::new).map_err(|source| refused(&path, source))
    }

    /// Where a file of the result is that was begun by an earlier process.
    pub(super) fn unfinished(&mut self, name: &'static str) -> Result<PathBuf, FolderError> {
        let (path, published) = (self.partial(name), self.path.join(name));
        // The process may have ended while it was giving the files their names.
        if !path.exists() && published.exists() {
            fs::rename(&published, &path).map_err(|source| refused(&path, source))?;
        }
        Ok(path)
    }

    /// The folder itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives every file its name, in the order they were begun, and removes what an earlier replay left behind, and what
    /// this one needed to go on.
    pub(crate) fn publish(&self) -> Result<(), FolderError> {
        // Without its summary the folder holds no result until the new one is whole.
        for name in std::iter::once(SUMMARY).chain(all_names()) {
            self.remove(name)?;
        }
        for name in &self.written {
            let (from, to) = (self.path.join(format!("{name}{UNFINISHED}")), self.path.join(name));
            fs::rename(from, &to).map_err(|source| refused(&to, source))?;
        }
        self.forget()
    }

    /// Removes the checkpoint.
    pub(super) fn forget(&self) -> Result<(), FolderError> {
        std::iter::once(CHECKPOINT).chain(ENGINE).try_for_each(|name| self.remove(name))
    }

    fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(refused(&path, source)),
            _ => Ok(()),
        }
    }
}

pub(super) fn refused(path: &Path, source: io::Error) -> FolderError {
    FolderError::Io { path: path.display().to_string(), source }
}

fn all_names() -> impl Iterator<Item = &'static str> {
    let tables = [Format::Parquet, Format::Ndjson, Format::Csv].into_iter().filter_map(Format::file_name);
    [ALERTS, REVOCATIONS, QUARANTINE, REPORT, SUMMARY].into_iter().chain(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_anything_else_is_refused_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(SUMMARY), "{\"format\":\"something else\"}").unwrap();
        assert!(matches!(Folder::prepare(folder.path(), false), Err(FolderError::Occupied(_))));
        assert!(Folder::prepare(folder.path(), true).is_ok());
    }

    #[test]
    fn an_earlier_or_interrupted_result_is_replaced_and_foreign_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scores.csv.partial"), "half").unwrap();
        fs::write(folder.path().join(CHECKPOINT), "half").unwrap();
        assert!(Folder::prepare(folder.path(), false).is_ok());
        fs::write(folder.path().join(SUMMARY), format!("{{\"format\":\"{FORMAT}\"}}")).unwrap();
        fs::write(folder.path().join("scores.csv"), "old").unwrap();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        let mut next = Folder::prepare(folder.path(), false).unwrap();
        fs::write(next.partial(ALERTS), "new").unwrap();
        next.publish().unwrap();
        assert!(!folder.path().join("scores.csv").exists() && !folder.path().join(SUMMARY).exists());
        assert_eq!(fs::read_to_string(folder.path().join(ALERTS)).unwrap(), "new");
        assert!(folder.path().join("notes.txt").exists() && !folder.path().join(CHECKPOINT).exists());
    }
}
