//! The database: one file that holds state, alerts, revocations, positions and counters, so that one transaction can hold
//! them together.
//!
//! Readers never wait for writers (WAL). Writers of this process queue at one mutex instead of at SQLite's busy handler,
//! which polls with sleeps. `synchronous = FULL`: a commit that returned survives the loss of power.

pub mod commit;
pub mod feed;
pub mod inbox;
mod lock;
pub mod quarantine;
mod retention;
mod schema;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::outcome::Counts;

pub use lock::Lock;

/// How far each source has been taken into the state: (source, partition) to the next offset, sequence or line.
pub type Positions = BTreeMap<(Arc<str>, i32), i64>;

/// Engine state: the newest blob of every key.
pub type Blobs = Vec<(Vec<u8>, Vec<u8>)>;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened or created.
    #[error("cannot open the database `{path}`: {reason}; check that its directory exists and may be written")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It was written by another version.
    #[error(
        "the database has schema version `{found}`; this build reads {expected}: use the matching version or move the database away"
    )]
    Version {
        /// Version found.
        found: String,
        /// Version that this build reads.
        expected: u32,
    },
    /// Another process has it.
    #[error("the database `{0}` is in use by another driftwatch; stop that one, or set another store.path")]
    InUse(PathBuf),
    /// A statement failed: disk full, damaged file, locked by another program.
    #[error("the database failed: {0}; free disk space or check the disk, nothing accepted is lost")]
    Sqlite(#[from] rusqlite::Error),
    /// The process is stopping.
    #[error("the service is stopping; try again when it is up")]
    Stopped,
}

/// Idle read connections that are kept open; more readers than this open and close their own.
const IDLE_READERS: usize = 8;

/// How long a writer waits for another *process* (`driftwatch quarantine replay` beside a running service).
const BUSY: Duration = Duration::from_secs(10);

/// The database. Cheap to clone; every method blocks, so async callers go through [`crate::app::App`].
#[derive(Debug, Clone)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    // One at a time through the write lock of the whole process. std, not tokio: it is held only by blocking threads.
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens the database, creating it if absent.
    ///
    /// # Errors
    /// When it cannot be opened or belongs to another version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = connect(path, OpenFlags::default())?;
        schema::migrate(&mut writer)?;
        Ok(Self(Arc::new(Shared { path: path.to_owned(), writer: Mutex::new(writer), readers: Mutex::default() })))
    }

    /// Opens a database that is there already.
    ///
    /// # Errors
    /// When it is not, cannot be opened or belongs to another version.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Open { path: path.to_owned(), reason: "it does not exist".to_owned() });
        }
        Self::open(path)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Runs `f` in one write transaction, committed if it returns `Ok` and rolled back otherwise.
    ///
    /// # Errors
    /// What `f` returned, or why the transaction could not be made durable.
    pub fn write<T>(&self, f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut writer = held(&self.0.writer);
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = f(&tx)?;
        tx.commit()?;
        Ok(value)
    }

    /// Runs `f` on a read-only connection that sees one consistent state of the database.
    ///
    /// # Errors
    /// What `f` returned, or why there is no connection.
    pub fn read<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let idle = held(&self.0.readers).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect(&self.0.path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?,
        };
        // Two statements of one reader must not see two states.
        let value = {
            let snapshot = connection.transaction()?;
            f(&snapshot)?
        };
        let mut readers = held(&self.0.readers);
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
        Ok(value)
    }

    /// The newest blob of every state key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn state(&self) -> Result<Blobs, StoreError> {
        self.read(|db| {
            db.prepare("SELECT key, blob FROM state")?.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// How far every source has been taken.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn positions(&self) -> Result<Positions, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare("SELECT source, partition, position FROM positions")?;
            rows.query_map((), |row| Ok(((row.get::<_, String>(0)?.into(), row.get(1)?), row.get(2)?)))?.collect()
        })
    }

    /// How all events so far ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        self.read(|db| {
            let mut value = db.prepare("SELECT COALESCE(SUM(value), 0) FROM counters WHERE name = ?1")?;
            let mut count = |name: &str| value.query_row([name], |row| row.get::<_, i64>(0)).map(|n| n.max(0) as u64);
            Ok(Counts {
                consumed: count("consumed")?,
                scored: count("scored")?,
                duplicate: count("duplicate")?,
                late: count("late")?,
                quarantined: count("quarantined")?,
                unknown_fields: count("unknown_fields")?,
            })
        })
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        if !flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY) {
            connection.pragma_update(None, "journal_mode", "WAL")?;
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    open().map_err(|e| StoreError::Open { path: path.to_owned(), reason: e.to_string() })
}

/// A panic of another holder leaves the connection usable: its transaction was rolled back when it was dropped.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
