//! Who did what when: the newest entries, for `depotctl audit`.

use super::error::Fault;
use crate::model::time::Utc;
use rusqlite::{Connection, params};

/// Entries kept: the newest.
pub(super) const ENTRIES: i64 = 20_000;

/// Appends an entry; the oldest makes room.
pub(super) fn append(db: &Connection, at: Option<Utc>, who: &str, what: &str) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO audit (at, who, what) VALUES (?1, ?2, ?3)")?
        .execute(params![at, who, what])?;
    db.prepare_cached("DELETE FROM audit WHERE id <= ?1")?.execute([db.last_insert_rowid() - ENTRIES])?;
    Ok(())
}
