//! Retention: what has been taken is kept for `store.keep`, then deleted in small steps.

use rusqlite::Transaction;

use super::{Store, StoreError};

/// Most rows a step deletes, so that the engine's commits never wait long for the write lock.
const STEP: u32 = 5_000;

impl Store {
    /// Deletes inbox rows below `taken` and quarantine rows that came before `before_ms`; returns how many.
    ///
    /// # Errors
    /// When the database cannot be written. What was deleted until then stays deleted.
    pub fn expire(&self, taken: i64, before_ms: i64) -> Result<usize, StoreError> {
        let mut total = 0;
        loop {
            let deleted = self.write(|tx| step(tx, taken, before_ms))?;
            total += deleted;
            if deleted == 0 {
                return Ok(total);
            }
        }
    }
}

fn step(tx: &Transaction<'_>, taken: i64, before_ms: i64) -> rusqlite::Result<usize> {
    let inbox = "DELETE FROM inbox WHERE seq IN
        (SELECT seq FROM inbox WHERE seq < ?1 AND received_at < ?2 ORDER BY seq LIMIT ?3)";
    let quarantine = "DELETE FROM quarantine WHERE seq IN
        (SELECT seq FROM quarantine WHERE received_at < ?1 ORDER BY seq LIMIT ?2)";
    Ok(tx.execute(inbox, (taken, before_ms, STEP))? + tx.execute(quarantine, (before_ms, STEP))?)
}
