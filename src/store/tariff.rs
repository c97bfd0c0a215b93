//! Tariffs: a number is never reused with other content, and a tariff that is still referred to never goes.

use super::column::Json;
use super::error::{Fault, refuse};
use crate::model::tariff::Tariff;
use rusqlite::{Connection, OptionalExtension, params};

/// Tariffs kept beside those that are in force, pending, or named by an unacknowledged record: the newest. Open
/// sessions carry their own copy.
pub(super) const TARIFFS: i64 = 100;

/// Keeps a tariff. The same one again changes nothing.
pub(super) fn keep(db: &Connection, tariff: &Tariff) -> Result<(), Fault> {
    let held = db
        .prepare_cached("SELECT content FROM tariff WHERE number = ?1")?
        .query_row([tariff.number], |r| Ok(r.get::<_, Json<Tariff>>(0)?.0))
        .optional()?;
    match held {
        Some(held) if held == *tariff => return Ok(()),
        Some(_) => return refuse(format!("tariff {} is held with another content", tariff.number)),
        None if tariff.number == 0 => return refuse("tariff 0 means none"),
        None => {}
    }
    db.prepare_cached("INSERT INTO tariff (number, content) VALUES (?1, ?2)")?
        .execute(params![tariff.number, Json(tariff)])?;
    make_room(db, db.last_insert_rowid() - TARIFFS)
}

/// Which tariff counts now and which one later; 0 is none.
pub(super) fn in_force(db: &Connection, number: u32, pending: u32) -> Result<(), Fault> {
    for named in [number, pending] {
        if named != 0 && !db.prepare_cached("SELECT 1 FROM tariff WHERE number = ?1")?.exists([named])? {
            return refuse(format!("tariff {named} is not held"));
        }
    }
    db.prepare_cached("UPDATE station SET tariff_in_force = ?1, tariff_pending = ?2")?
        .execute([number, pending])?;
    Ok(())
}

/// Every tariff held, in the order they came.
pub(super) fn held(db: &Connection) -> rusqlite::Result<Vec<Tariff>> {
    db.prepare("SELECT content FROM tariff ORDER BY id")?
        .query_map([], |r| Ok(r.get::<_, Json<Tariff>>(0)?.0))?
        .collect()
}

fn make_room(db: &Connection, up_to: i64) -> Result<(), Fault> {
    if up_to <= 0 {
        return Ok(());
    }
    db.execute(
        "DELETE FROM tariff WHERE id <= ?1
         AND number NOT IN (SELECT tariff_in_force FROM station UNION SELECT tariff_pending FROM station)
         AND number NOT IN (SELECT tariff FROM record JOIN delivery USING (number) WHERE state IN (0, 2))",
        [up_to],
    )?;
    Ok(())
}
