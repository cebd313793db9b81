//! A disk that fails: real SQLite on real files, and what is left of them after a crash.
//!
//! SQLite in WAL mode with `synchronous = FULL` has synced whatever belongs to a commit when the commit returns. So a loss of power
//! can damage only what the transaction in flight has written: the bytes in which the files differ before and after it.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Transaction, ffi};
use tempfile::TempDir;

use super::fleet::Dice;
use super::tally::{Fault, Tally};
use crate::store::commit::{Committed, Pending, Storage};
use crate::store::{Store, StoreError};
use crate::webhook::Endpoint;

/// The unit in which a disk writes.
const SECTOR: usize = 512;
/// Bytes at the beginning of a log, before its first frame.
const LOG_HEAD: usize = 32;
/// Few, so that the log goes back into the database within the small life of a seed.
const CHECKPOINT_PAGES: u32 = 40;
/// The files of a database as they are on the disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Image {
    /// Reading a database beside SQLite drops the locks that this process holds on it, which nobody else asks for here.
    fn of(database: &Path) -> Self {
        let read = |path: PathBuf| std::fs::read(path).unwrap_or_default();
        Self { database: read(database.to_owned()), log: read(log_of(database)) }
    }

    fn write(&self, database: &Path) {
        std::fs::write(database, &self.database).expect("room for a test");
        if !self.log.is_empty() {
            std::fs::write(log_of(database), &self.log).expect("room for a test");
        }
    }
}

fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Everything that a database says.
pub(super) type Contents = Vec<Vec<Value>>;

pub(super) fn contents(store: &Store) -> Contents {
    let all = |db: &rusqlite::Connection| {
        let mut rows = Vec::new();
        let mut tables = db.prepare_cached(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
        )?;
        let tables: Vec<String> = tables.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
        for table in tables {
            let mut select = db.prepare_cached(&format!("SELECT '{table}', * FROM {table} ORDER BY 2, 3"))?;
            let columns = select.column_count();
            let read = select.query_map((), |row| (0..columns).map(|at| row.get(at)).collect())?;
            rows.extend(read.collect::<Result<Vec<Vec<Value>>, _>>()?);
        }
        Ok(rows)
    };
    store.read(all).expect("readable")
}

/// What happens to the next transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing.
    #[default]
    Done,
    /// It fails before anything is on the disk.
    Refused,
    /// Writing succeeds, syncing fails: this process must see nothing of it, the next one may.
    Unsynced,
    /// The power goes while it is written. Nothing but a crash may follow.
    Torn,
}

/// Which transaction a crash has brought to light although it had failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// The engine's.
    Commit,
    /// Another one.
    Other,
}

/// What may be found after a crash instead of what was committed last.
struct Doubt {
    /// The files without what was not synced.
    clean: Image,
    /// What is on the disk, if that is not what the files say.
    left: Option<Image>,
    /// What the database says without any transaction that has failed, and with the one or the other as a whole.
    without: Contents,
    with: Vec<(Contents, Found)>,
    /// Whether the last of them must be there: it was synced, and only its answer is missing.
    synced: bool,
}

pub(super) struct Disk {
    directory: TempDir,
    generation: u32,
    store: Store,
    full: bool,
    pub(super) fate: Cell<Fate>,
    /// Whether the power is gone.
    dead: Cell<bool>,
    doubt: RefCell<Option<Doubt>>,
    dice: RefCell<Dice>,
    pub(super) tally: RefCell<Tally>,
}

impl Disk {
    pub(super) fn new(image: &Image, seed: u64) -> Self {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let directory = directory.expect("a directory");
        let store = open(&directory.path().join("0.db"), image, CHECKPOINT_PAGES);
        Self {
            directory,
            generation: 0,
            store,
            full: false,
            fate: Cell::default(),
            dead: Cell::default(),
            doubt: RefCell::default(),
            dice: RefCell::new(Dice(seed)),
            tally: RefCell::default(),
        }
    }

    /// The image of a database that was closed in good order.
    pub(super) fn format(fill: impl FnOnce(&Store)) -> Image {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("new.db");
        let store = Store::open(&path).expect("a new database");
        fill(&store);
        drop(store);
        Image::of(&path)
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// From now on there is room for so many more pages; `None`: for as many as one likes.
    pub(super) fn leave(&mut self, pages: Option<u32>) {
        self.full = pages.is_some();
        let limit = match pages {
            Some(more) => self.pages() + i64::from(more),
            None => i64::from(u32::MAX - 1),
        };
        let sql = format!("PRAGMA max_page_count = {limit}");
        self.store.write(|tx| tx.execute_batch(&sql)).expect("a setting");
    }

    fn pages(&self) -> i64 {
        self.store.read(|db| db.query_row("PRAGMA page_count", (), |row| row.get(0))).expect("readable")
    }

    /// A transaction that is not the engine's, with what the disk does to it.
    pub(super) fn write<T>(&self, f: impl Fn(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.run(Found::Other, f)
    }

    fn run<T>(&self, what: Found, f: impl Fn(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        assert!(!self.dead.get(), "nothing is written after the power is gone");
        let failed = |tx: &Transaction<'_>| f(tx).and_then(|_| Err::<T, _>(unsynced()));
        match self.fate.take() {
            Fate::Done => {
                let written = self.store.write(&f);
                match &written {
                    // What was not synced is written over, or follows on nothing: unless there was nothing to write.
                    Ok(_) => drop(self.doubt.borrow_mut().take_if(|doubt| doubt.without != contents(&self.store))),
                    Err(error) if is_full(error) => self.tally.borrow_mut().count(Fault::DiskFull),
                    Err(error) => panic!("{error}"),
                }
                written
            }
            Fate::Refused => {
                self.tally.borrow_mut().count(Fault::Refused);
                self.store.write(failed)
            }
            Fate::Unsynced => {
                let (clean, without) = (self.clean(), contents(&self.store));
                let path = self.path("unsynced");
                // Another database writes what this one would: the same log goes on, with the same salts.
                let other = open(&path, &clean, 0);
                let written = other.write(&f);
                let failed = self.store.write(failed);
                if written.is_ok() {
                    self.tally.borrow_mut().count(Fault::Unsynced);
                    // The frames are in the log, and its index, which is in memory, does not know of them.
                    let log = Image::of(&path).log;
                    std::fs::write(log_of(self.store.path()), log).expect("room for a test");
                    let with = vec![(contents(&other), what)];
                    *self.doubt.borrow_mut() = Some(Doubt { clean, left: None, without, with, synced: false });
                }
                failed
            }
            Fate::Torn => {
                let (clean, without, before) = (self.clean(), contents(&self.store), Image::of(self.store.path()));
                let written = self.store.write(&f);
                if written.is_ok() {
                    let (left, synced) = self.tear(&before, Image::of(self.store.path()));
                    let mut doubt = self.doubt.borrow_mut();
                    // Where it was not written yet, what was not synced before is there still.
                    let mut with = doubt.take().map(|doubt| doubt.with).unwrap_or_default();
                    with.push((contents(&self.store), what));
                    *doubt = Some(Doubt { clean, left: Some(left), without, with, synced });
                    self.dead.set(true);
                    return Err(unsynced().into());
                }
                written
            }
        }
    }

    /// The files as this process sees them.
    fn clean(&self) -> Image {
        let doubt = self.doubt.borrow();
        doubt.as_ref().map_or_else(|| Image::of(self.store.path()), |doubt| doubt.clean.clone())
    }

    /// Whether the power is gone, so that only a crash may follow.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// Whether a crash may find the last transaction although it failed.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.doubt.borrow().is_some()
    }

    /// What is left of two states of the files when the power goes between them.
    fn tear(&self, before: &Image, after: Image) -> (Image, bool) {
        let mut dice = self.dice.borrow_mut();
        let mut tally = self.tally.borrow_mut();
        if before.database != after.database && dice.below(2) == 0 {
            // The log is synced, and what is in it was on its way into the database.
            tally.count(Fault::TornCheckpoint);
            let database = mixed(&before.database, &after.database, &mut dice, |_, _| {});
            return (Image { database, log: after.log }, true);
        }
        // SQLite syncs the head of a log that begins anew before it writes behind it, or frames of the old log would count again.
        let mut old = before.log.clone();
        if let (Some(head), Some(new)) = (old.get_mut(..LOG_HEAD), after.log.get(..LOG_HEAD)) {
            head.copy_from_slice(new);
        }
        if old != before.log {
            tally.count(Fault::LogBeganAnew);
        }
        let log = match dice.below(3) {
            0 => {
                tally.count(Fault::TornCut);
                let changed = changes(&old, &after.log);
                let end = changed.get(dice.below(changed.len().max(1) as u64) as usize).copied().unwrap_or(0) * SECTOR;
                let mut log = after.log.get(..end).unwrap_or_default().to_vec();
                log.extend(old.get(end..).unwrap_or_default());
                log
            }
            1 => {
                tally.count(Fault::TornSectors);
                mixed(&old, &after.log, &mut dice, |_, _| {})
            }
            _ => {
                tally.count(Fault::TornGarbage);
                mixed(&old, &after.log, &mut dice, |bytes, dice| bytes.fill_with(|| dice.below(256) as u8))
            }
        };
        (Image { database: before.database.clone(), log }, false)
    }

    /// The process dies, and another one opens what is left.
    pub(super) fn crash(&mut self) -> Found {
        self.generation += 1;
        self.dead.set(false);
        let path = self.path(&self.generation.to_string());
        let Some(doubt) = self.doubt.take() else {
            let before = contents(&self.store);
            self.reopen(&path, &Image::of(self.store.path()));
            assert!(contents(&self.store) == before, "what was committed is not what is found");
            return Found::Nothing;
        };
        let left = doubt.left.unwrap_or_else(|| Image::of(self.store.path()));
        self.reopen(&path, &left);
        let found = contents(&self.store);
        if found == doubt.without {
            assert!(!doubt.synced, "a synced transaction is lost");
            return Found::Nothing;
        }
        // A later one may say the same as an earlier one.
        let mut with = doubt.with.into_iter().rev();
        let found = with.find(|(with, _)| *with == found);
        found.expect("a transaction is there wholly or not at all").1
    }

    fn reopen(&mut self, path: &Path, image: &Image) {
        self.store = open(path, image, CHECKPOINT_PAGES);
        if self.full {
            self.leave(Some(0));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.db"))
    }
}

impl Storage for Disk {
    fn commit(&self, pending: &Pending, endpoints: &[Endpoint], now_ms: i64) -> Result<Committed, StoreError> {
        self.run(Found::Commit, |tx| pending.write(tx, endpoints, now_ms))
    }
}

/// The index of the log is not part of an image: it does not survive a boot, and SQLite makes it anew.
fn open(path: &Path, image: &Image, checkpoint_pages: u32) -> Store {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
    image.write(path);
    let store = Store::open(path).expect("what is left of a database can be opened");
    let often = format!("PRAGMA wal_autocheckpoint = {checkpoint_pages}");
    store.write(|tx| tx.execute_batch(&often)).expect("a setting");
    store
}

fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Sqlite(error) if error.sqlite_error_code() == Some(ffi::ErrorCode::DiskFull))
}

fn unsynced() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), Some("simulated".to_owned()))
}

/// Sectors in which two states of a file differ.
fn changes(before: &[u8], after: &[u8]) -> Vec<usize> {
    let sector = |file: &[u8], at: usize| file.get(at * SECTOR..).map(|rest| rest[..rest.len().min(SECTOR)].to_vec());
    (0..after.len().div_ceil(SECTOR)).filter(|at| sector(before, *at) != sector(after, *at)).collect()
}

/// The later state of a file without some of the sectors that changed. `damage` is done to them instead, byte by byte only where
/// something was written: SQLite asks of a disk that it leaves alone what it is not told to write.
fn mixed(before: &[u8], after: &[u8], dice: &mut Dice, damage: impl Fn(&mut [u8], &mut Dice)) -> Vec<u8> {
    let mut file = after.to_vec();
    let changed = changes(before, after);
    let keep = dice.below(4);
    for at in changed {
        if dice.below(4) < keep {
            continue;
        }
        let range = at * SECTOR..((at + 1) * SECTOR).min(file.len());
        let mut ruined = vec![0; range.len()];
        damage(&mut ruined, dice);
        for (offset, ruin) in range.zip(ruined) {
            let old = before.get(offset).copied();
            if old != after.get(offset).copied() {
                file[offset] = if ruin == 0 { old.unwrap_or(0) } else { ruin };
            }
        }
    }
    file
}
