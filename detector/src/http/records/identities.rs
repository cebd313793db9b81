//! Identities that have alerts.

use rusqlite::{Connection, Error, named_params};
use serde::Serialize;

use super::{Cursor, Page, count, feed, page};

/// An identity with its alerts counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct IdentityRecord {
    /// Tenant.
    pub(crate) tenant: String,
    /// The identity.
    pub(crate) identity: String,
    /// Its alerts in any state, those of shadow mode included.
    pub(crate) alerts: u64,
    /// When the newest was opened: event time in nanoseconds.
    #[serde(skip)]
    pub(crate) last_opened: i64,
}

/// A page of identities with alerts, ordered by tenant and name.
pub(crate) fn list(
    conn: &Connection,
    search: Option<&str>,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<IdentityRecord>, Error> {
    // The names of a page's last row are its cursor: a tenant may hold any character, so they travel as JSON.
    let (tenant, identity) = after.and_then(|c| serde_json::from_str::<(String, String)>(&c.id).ok()).unzip();
    let mut statement = conn.prepare_cached(
        "SELECT tenant, identity, count(*), max(opened) FROM alerts \
         WHERE (:tenant IS NULL OR (tenant, identity) > (:tenant, :identity)) \
         AND (:search IS NULL OR instr(lower(identity), lower(:search)) > 0) \
         GROUP BY tenant, identity ORDER BY tenant, identity LIMIT :limit",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":tenant": tenant, ":identity": identity, ":search": search, ":limit": i64::from(limit) + 1
        },
        |row| {
            Ok(IdentityRecord {
                tenant: row.get(0)?,
                identity: row.get(1)?,
                alerts: count(row, 2)?,
                last_opened: row.get(3)?,
            })
        },
    )?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let feed = feed::newest(conn)?;
    Ok(page(rows, limit, feed, |last| Cursor {
        at: 0,
        id: serde_json::json!([last.tenant, last.identity]).to_string(),
    }))
}
