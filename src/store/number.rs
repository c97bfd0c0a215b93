//! Numbers that were met or given before: transactions, remote starts, own serials. Each list has a bound; the newest
//! stay (domain.md 2.9, platform-222.md 14.3, 15.1).

use super::error::{Fault, refuse};
use crate::model::ident::{DeviceCode, TransactionNumber};
use crate::model::time::Utc;
use rusqlite::{Connection, OptionalExtension, params};

/// Transactions and remote starts remembered.
pub(super) const REMEMBERED: i64 = 10_000;

/// Remembers a new transaction. One that was met before is refused: a number is unique for ever, as far as we remember.
/// Open sessions are remembered however many came after them.
pub(super) fn first_met(db: &Connection, txn: &TransactionNumber) -> Result<(), Fault> {
    let new = db.prepare_cached("INSERT OR IGNORE INTO number_seen (txn) VALUES (?1)")?.execute([txn])?;
    if new == 0 {
        return refuse(format!("transaction {txn} was there before"));
    }
    db.prepare_cached(
        "DELETE FROM number_seen WHERE id <= ?1 AND txn NOT IN (SELECT txn FROM session WHERE open = 1)",
    )?
    .execute([db.last_insert_rowid() - REMEMBERED])?;
    Ok(())
}

/// Every transaction remembered, oldest first.
pub(super) fn met(db: &Connection) -> rusqlite::Result<Vec<TransactionNumber>> {
    db.prepare("SELECT txn FROM number_seen ORDER BY id")?.query_map([], |r| r.get(0))?.collect()
}

/// Remembers the decision on a remote start. One that was decided afresh counts as new.
pub(super) fn command(db: &Connection, txn: &TransactionNumber, result: u8) -> Result<(), Fault> {
    db.prepare_cached("DELETE FROM command_seen WHERE txn = ?1")?.execute([txn])?;
    db.prepare_cached("INSERT INTO command_seen (txn, result) VALUES (?1, ?2)")?
        .execute(params![txn, result])?;
    db.prepare_cached(
        "DELETE FROM command_seen
         WHERE id <= (SELECT id FROM command_seen ORDER BY id DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([REMEMBERED])?;
    Ok(())
}

/// Every remote start remembered with its result, oldest first.
pub(super) fn commands(db: &Connection) -> rusqlite::Result<Vec<(TransactionNumber, u8)>> {
    db.prepare("SELECT txn, result FROM command_seen ORDER BY id")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect()
}

/// Keeps the newest serial of a pile. Its time never goes back, or a number could come twice.
pub(super) fn serial(db: &Connection, pile: DeviceCode, counter: u16, time: Utc) -> Result<(), Fault> {
    let newest: Option<Utc> = db
        .prepare_cached("SELECT time FROM serial WHERE pile = ?1")?
        .query_row([pile], |r| r.get(0))
        .optional()?;
    if newest.is_some_and(|newest| time < newest) {
        return refuse(format!("the serial of {pile} goes back in time: a number could come twice"));
    }
    db.prepare_cached(
        "INSERT INTO serial (pile, counter, time) VALUES (?1, ?2, ?3)
         ON CONFLICT (pile) DO UPDATE SET counter = excluded.counter, time = excluded.time",
    )?
    .execute(params![pile, counter, time])?;
    Ok(())
}

/// Newest serial of each pile, in the order of their codes.
pub(super) fn serials(db: &Connection) -> rusqlite::Result<Vec<(DeviceCode, u16, Utc)>> {
    db.prepare("SELECT pile, counter, time FROM serial ORDER BY pile")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect()
}
