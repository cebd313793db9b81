//! The schema and its version.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::StoreError;

/// Version of `schema.sql`. Grows by one with every change that an older build could not read.
const VERSION: u32 = 1;

/// Creates the tables of a new database; refuses one of another version before touching it.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_new = !tx.table_exists(None, "meta")?;
    if is_new {
        tx.execute_batch(include_str!("schema.sql"))?;
        tx.execute("INSERT INTO meta (name, value) VALUES ('schema_version', ?1)", [VERSION.to_string()])?;
    }
    let found: Option<String> =
        tx.query_row("SELECT value FROM meta WHERE name = 'schema_version'", (), |row| row.get(0)).optional()?;
    if found.as_deref() != Some(&VERSION.to_string()) {
        return Err(StoreError::Version { found: found.unwrap_or_else(|| "none".to_owned()), expected: VERSION });
    }
    // Every statement creates what is absent: an older build reads what this one has added.
    tx.execute_batch(include_str!("schema.sql"))?;
    tx.commit()?;
    Ok(())
}
