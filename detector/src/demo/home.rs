//! The directory of a demo: which agents it is about, and whether their history is learned.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use models::event::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::Options;

const DATABASE: &str = "driftwatch.db";

/// Everything that the agents and their history follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cast {
    /// Chance.
    pub seed: u64,
    /// How many agents.
    pub agents: u32,
    /// Days of history.
    pub days: u32,
}

impl Default for Cast {
    fn default() -> Self {
        Self { seed: 7, agents: 120, days: 30 }
    }
}

/// What `demo.json` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Notes {
    cast: Cast,
    /// When the history ended and the first run began.
    ended: Timestamp,
    /// Runs on this history, this one included.
    runs: u32,
    /// Whether the database holds the history.
    learned: bool,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// It cannot be created, read or written.
    #[error("cannot use the directory `{path}`: {source}; choose another --dir")]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its notes are not readable.
    #[error("`{0}` is not a file of `driftwatch demo`; choose another --dir")]
    Notes(PathBuf),
    /// It holds a database of something else.
    #[error("`{0}` holds a database that no demo has made; choose another --dir")]
    Foreign(PathBuf),
    /// It is about other agents.
    #[error(
        "`{path}` holds {agents} agents of seed {seed} with {days} days of history; leave these options out, or choose another --dir"
    )]
    OtherCast {
        /// The directory.
        path: PathBuf,
        /// Its seed.
        seed: u64,
        /// Its number of agents.
        agents: u32,
        /// Its days.
        days: u32,
    },
}

/// The directory while the demo runs. A directory that nobody asked for goes away with it.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    temporary: Option<TempDir>,
    notes: Notes,
}

impl Home {
    pub(super) fn open(options: &Options) -> Result<Self, HomeError> {
        let (path, temporary) = if let Some(path) = &options.dir {
            std::fs::create_dir_all(path).map_err(|source| HomeError::Io { path: path.clone(), source })?;
            (path.clone(), None)
        } else {
            let made = tempfile::Builder::new().prefix("driftwatch-demo-").tempdir();
            let made = made.map_err(|source| HomeError::Io { path: std::env::temp_dir(), source })?;
            (made.path().to_owned(), Some(made))
        };
        let notes = match read(&path)? {
            Some(notes) if notes.learned && wanted(options, notes.cast) == notes.cast => {
                Notes { runs: notes.runs + 1, ..notes }
            }
            Some(Notes { learned: false, .. }) => {
                remove_database(&path).map_err(|source| HomeError::Io { path: path.clone(), source })?;
                Notes::new(options)
            }
            Some(Notes { cast: Cast { seed, agents, days }, .. }) => {
                return Err(HomeError::OtherCast { path, seed, agents, days });
            }
            None if path.join(DATABASE).exists() => return Err(HomeError::Foreign(path)),
            None => Notes::new(options),
        };
        let home = Self { path, temporary, notes };
        home.write()?;
        Ok(home)
    }

    pub(super) fn cast(&self) -> Cast {
        self.notes.cast
    }

    /// When the history ended.
    pub(super) fn ended(&self) -> Timestamp {
        self.notes.ended
    }

    /// Which run this is on this history, from 1.
    pub(super) fn run(&self) -> u32 {
        self.notes.runs
    }

    /// Whether an earlier run has learned the history.
    pub(super) fn is_learned(&self) -> bool {
        self.notes.learned
    }

    pub(super) fn store_path(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Where state is kept beyond the end, if anywhere.
    pub(super) fn kept(&self) -> Option<&Path> {
        self.temporary.is_none().then_some(&*self.path)
    }

    /// Notes that the history is learned. Written after the database, so that what is noted is there.
    pub(super) fn learned(&mut self) -> Result<(), HomeError> {
        self.notes.learned = true;
        self.write()
    }

    fn write(&self) -> Result<(), HomeError> {
        let failed = |source| HomeError::Io { path: self.path.clone(), source };
        let text = serde_json::to_string_pretty(&self.notes).map_err(|error| failed(error.into()))?;
        std::fs::write(notes_of(&self.path), text).map_err(failed)
    }
}

impl Notes {
    fn new(options: &Options) -> Self {
        Self { cast: wanted(options, Cast::default()), ended: now(), runs: 1, learned: false }
    }
}

/// A history that was not learned to its end is of no use.
fn remove_database(directory: &Path) -> std::io::Result<()> {
    for ending in ["", "-wal", "-shm"] {
        match std::fs::remove_file(directory.join(format!("{DATABASE}{ending}"))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn wanted(options: &Options, otherwise: Cast) -> Cast {
    Cast {
        seed: options.seed.unwrap_or(otherwise.seed),
        agents: options.agents.unwrap_or(otherwise.agents),
        days: options.days.unwrap_or(otherwise.days),
    }
}

fn notes_of(path: &Path) -> PathBuf {
    path.join("demo.json")
}

fn read(path: &Path) -> Result<Option<Notes>, HomeError> {
    let file = notes_of(path);
    match std::fs::read(&file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| HomeError::Notes(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(HomeError::Io { path: path.to_owned(), source }),
    }
}

/// The wall clock of the agents.
pub(super) fn now() -> Timestamp {
    let since_epoch: Duration = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(dir: &Path) -> Options {
        Options { dir: Some(dir.to_owned()), agents: Some(9), ..Options::default() }
    }

    #[test]
    fn second_run_is_about_the_same_agents_without_being_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Home::open(&options(dir.path())).unwrap();
        assert!(!first.is_learned());
        first.learned().unwrap();

        let second = Home::open(&Options { agents: None, ..options(dir.path()) }).unwrap();

        assert_eq!((second.cast(), second.ended()), (first.cast(), first.ended()));
        assert!(second.is_learned() && second.run() == 2);
    }

    #[test]
    fn other_agents_in_the_same_directory_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        Home::open(&options(dir.path())).unwrap().learned().unwrap();
        let other = Home::open(&Options { agents: Some(10), ..options(dir.path()) }).unwrap_err();
        assert!(other.to_string().contains("holds 9 agents of seed 7"), "{other}");
    }

    #[test]
    fn history_that_was_not_learned_to_its_end_is_learned_anew() {
        let dir = tempfile::tempdir().unwrap();
        let half = Home::open(&options(dir.path())).unwrap();
        std::fs::write(half.store_path(), "half a history").unwrap();
        let again = Home::open(&options(dir.path())).unwrap();
        assert!(!again.is_learned() && again.run() == 1 && !again.store_path().exists());
    }

    #[test]
    fn database_of_somebody_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(DATABASE), "precious").unwrap();
        assert!(matches!(Home::open(&options(dir.path())), Err(HomeError::Foreign(_))));
        assert!(dir.path().join(DATABASE).exists());
    }

    #[test]
    fn directory_that_nobody_asked_for_goes_away() {
        let home = Home::open(&Options::default()).unwrap();
        let path = home.path.clone();
        assert!(path.is_dir() && home.kept().is_none());
        drop(home);
        assert!(!path.exists());
    }
}
