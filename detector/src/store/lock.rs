//! One running service a database: a lock that the kernel releases when its holder dies.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Held for as long as the service runs. Beside the database, not on it: SQLite's own locks are on that file, and they
/// are lost when any other handle of the process on it is closed.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// The file that holds the lock of the database at `path`.
    pub fn path(path: &Path) -> PathBuf {
        let mut name = OsString::from(path);
        name.push(".lock");
        name.into()
    }

    /// Takes the lock of the database at `path`.
    ///
    /// # Errors
    /// When another process holds it, or the file cannot be created.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        let failed = |reason: std::io::Error| StoreError::Open { path: path.to_owned(), reason: reason.to_string() };
        let file = File::create(Self::path(path)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
            Err(TryLockError::Error(e)) => Err(failed(e)),
        }
    }
}
