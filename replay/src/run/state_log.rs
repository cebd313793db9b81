//! The engine's state on disk: what changed from checkpoint to checkpoint, one record after the other.
//!
//! A record is its length (8 bytes, little-endian) and the blobs that replace earlier ones under the same keys, with the
//! keys that are gone. When most of the log is out of date it is written anew under the other of two names; which of the
//! two counts, and how much of it, is what the checkpoint says.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use models::engine::Checkpoint;
use serde::{Deserialize, Serialize};

use super::folder::ENGINE;

/// A log is written anew when it has this many times the bytes it had when it was new, and is not small.
const GROWTH: u64 = 3;
const SMALL_BYTES: u64 = 64 << 20;

/// Blobs by key.
pub(super) type Blobs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Which of the logs counts, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogState {
    second: bool,
    bytes: u64,
}

pub(super) struct StateLog {
    folder: PathBuf,
    state: LogState,
    file: File,
    /// Bytes of the log when it was new.
    fresh: u64,
    /// Whether the other log is there and out of date.
    outdated: bool,
}

#[derive(Serialize, Deserialize)]
struct Record {
    put: Vec<(Vec<u8>, Vec<u8>)>,
    delete: Vec<Vec<u8>>,
}

fn path(folder: &Path, second: bool) -> PathBuf {
    let [first, other] = ENGINE;
    folder.join(if second { other } else { first })
}

impl StateLog {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let state = LogState { second: false, bytes: 0 };
        let file = File::create(path(folder, state.second))?;
        Ok(Self { folder: folder.to_path_buf(), state, file, fresh: 0, outdated: false })
    }

    /// Goes on with a log, and gives the newest blob for every key.
    pub(super) fn resume(folder: &Path, state: LogState) -> io::Result<(Self, Blobs)> {
        let blobs = read(folder, state)?;
        let mut file = OpenOptions::new().write(true).open(path(folder, state.second))?;
        file.set_len(state.bytes)?;
        file.seek(SeekFrom::End(0))?;
        Ok((Self { folder: folder.to_path_buf(), state, file, fresh: state.bytes, outdated: false }, blobs))
    }

    /// Makes durable what changed, and tells where the log stands.
    pub(super) fn append(&mut self, changed: Checkpoint) -> io::Result<LogState> {
        self.write(Record { put: changed.put, delete: changed.delete })?;
        if self.state.bytes > SMALL_BYTES.max(GROWTH * self.fresh) {
            self.renew()?;
        }
        self.file.sync_data()?;
        Ok(self.state)
    }

    /// To be called when the state that [`StateLog::append`] gave is what the checkpoint says.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.outdated) {
            std::fs::remove_file(path(&self.folder, !self.state.second))?;
        }
        Ok(())
    }

    fn renew(&mut self) -> io::Result<()> {
        let put = read(&self.folder, self.state)?.into_iter().collect();
        self.state = LogState { second: !self.state.second, bytes: 0 };
        self.file = File::create(path(&self.folder, self.state.second))?;
        self.outdated = true;
        self.write(Record { put, delete: Vec::new() })?;
        self.fresh = self.state.bytes;
        Ok(())
    }

    fn write(&mut self, record: Record) -> io::Result<()> {
        let bytes = postcard::to_stdvec(&record).map_err(io::Error::other)?;
        drop(record);
        self.file.write_all(&(bytes.len() as u64).to_le_bytes())?;
        self.file.write_all(&bytes)?;
        self.state.bytes += (size_of::<u64>() + bytes.len()) as u64;
        Ok(())
    }
}

fn read(folder: &Path, state: LogState) -> io::Result<Blobs> {
    let mut blobs = Blobs::new();
    let mut input = BufReader::new(File::open(path(folder, state.second))?).take(state.bytes);
    while input.limit() > 0 {
        let mut length = [0; size_of::<u64>()];
        input.read_exact(&mut length)?;
        let mut bytes = Vec::new();
        let length = u64::from_le_bytes(length);
        if input.by_ref().take(length).read_to_end(&mut bytes)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let record: Record = postcard::from_bytes(&bytes).map_err(io::Error::other)?;
        blobs.extend(record.put);
        for key in record.delete {
            blobs.remove(&key);
        }
    }
    Ok(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(put: &[(&str, &str)], delete: &[&str]) -> Checkpoint {
        let bytes = |text: &&str| text.as_bytes().to_vec();
        Checkpoint {
            put: put.iter().map(|(key, blob)| (bytes(key), bytes(blob))).collect(),
            delete: delete.iter().map(bytes).collect(),
        }
    }

    fn shown(blobs: &Blobs) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        blobs.iter().map(|(key, blob)| format!("{}={}", text(key), text(blob))).collect()
    }

    #[test]
    fn the_newest_blobs_come_back_and_what_no_checkpoint_names_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = StateLog::create(folder.path()).unwrap();
        log.append(changed(&[("a", "1"), ("b", "1")], &[])).unwrap();
        let state = log.append(changed(&[("a", "2")], &["b"])).unwrap();
        log.append(changed(&[("a", "3")], &[])).unwrap();
        let (mut log, blobs) = StateLog::resume(folder.path(), state).unwrap();
        assert_eq!(shown(&blobs), ["a=2"]);
        let state = log.append(changed(&[("c", "1")], &[])).unwrap();
        assert_eq!(shown(&StateLog::resume(folder.path(), state).unwrap().1), ["a=2", "c=1"]);
    }

    #[test]
    fn a_renewed_log_holds_the_same_and_the_old_one_goes_when_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = StateLog::create(folder.path()).unwrap();
        log.append(changed(&[("a", "1")], &[])).unwrap();
        let before = log.append(changed(&[("a", "2"), ("b", "2")], &[])).unwrap();
        log.renew().unwrap();
        let after = log.append(changed(&[("b", "3")], &[])).unwrap();
        // Until the checkpoint names the new log, the old one is still whole.
        assert_eq!(shown(&read(folder.path(), before).unwrap()), ["a=2", "b=2"]);
        log.settle().unwrap();
        assert_eq!(shown(&read(folder.path(), after).unwrap()), ["a=2", "b=3"]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
