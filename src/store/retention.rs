//! What may go, and when: acknowledged records after their time (platform-222.md 14.1). Never by age what is owed.

use super::column::Whole;
use super::{Error, Store};
use crate::model::ident::TransactionNumber;
use crate::model::time::Utc;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use std::time::Duration;

/// Records removed in one step at most, so that a commit never waits long.
const STEP: usize = 500;

/// What one step removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Records, with their sessions and steps.
    pub records: usize,
    /// More may go: ask again.
    pub more: bool,
}

/// A removed run of records, as the chain is followed over it.
pub(super) struct Gap {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) previous: [u8; 8],
    pub(super) digest: [u8; 32],
}

impl Store {
    /// Removes records that were acknowledged longer than `keep` ago, with their sessions and steps; a bounded number
    /// at a time. The newest record always stays, and so does every record that is queued or set aside. An
    /// acknowledgement without a time counts from the first call that meets it.
    ///
    /// # Errors
    /// Nothing was removed; the file says why.
    pub fn prune(&self, now: Utc, keep: Duration) -> Result<Pruned, Error> {
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let before = Utc(now.0.saturating_sub(keep_ms));
        self.ask(|db| {
            let tx = db.unchecked_transaction()?;
            let pruned = prune(&tx, now, before)?;
            tx.commit()?;
            Ok(pruned)
        })
    }
}

/// Every removed run, oldest first.
pub(super) fn gaps(db: &Connection) -> rusqlite::Result<Vec<Gap>> {
    db.prepare("SELECT first, last, previous, digest FROM pruned ORDER BY first")?
        .query_map([], |r| {
            Ok(Gap {
                first: r.get::<_, Whole>(0)?.0,
                last: r.get::<_, Whole>(1)?.0,
                previous: r.get(2)?,
                digest: r.get(3)?,
            })
        })?
        .collect()
}

fn prune(db: &Connection, now: Utc, before: Utc) -> rusqlite::Result<Pruned> {
    db.execute("UPDATE delivery SET settled = ?1 WHERE state = 1 AND settled IS NULL", [now])?;
    let numbers: Vec<i64> = db
        .prepare_cached(
            "SELECT number FROM delivery
             WHERE state = 1 AND settled < ?1 AND number < (SELECT max(number) FROM record)
             ORDER BY number LIMIT ?2",
        )?
        .query_map(params![before, STEP as i64], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for run in numbers.chunk_by(|a, b| a + 1 == *b) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            remove(db, *first, *last)?;
        }
    }
    let sessions = forget_sessions(db, before)?;
    Ok(Pruned { records: numbers.len(), more: numbers.len() == STEP || sessions == STEP })
}

/// Removes a run of acknowledged records with what belongs to them, and notes the gap.
fn remove(db: &Connection, first: i64, last: i64) -> rusqlite::Result<()> {
    note_gap(db, first, last)?;
    for what in [
        "DELETE FROM step WHERE txn IN (SELECT txn FROM record WHERE number BETWEEN ?1 AND ?2)",
        "DELETE FROM session WHERE txn IN (SELECT txn FROM record WHERE number BETWEEN ?1 AND ?2)",
        "DELETE FROM record WHERE number BETWEEN ?1 AND ?2",
    ] {
        db.prepare_cached(what)?.execute([first, last])?;
    }
    Ok(())
}

/// Neighbouring gaps become one, so that there are never more of them than records that stay.
fn note_gap(db: &Connection, first: i64, last: i64) -> rusqlite::Result<()> {
    let body: Vec<u8> = db.query_row("SELECT body FROM record WHERE number = ?1", [first], |r| r.get(0))?;
    let digest: [u8; 32] =
        db.query_row("SELECT digest FROM record WHERE number = ?1", [last], |r| r.get(0))?;
    let previous = &body[body.len().saturating_sub(8)..];
    let (last, digest) = db
        .query_row("DELETE FROM pruned WHERE first = ?1 RETURNING last, digest", [last + 1], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .optional()?
        .unwrap_or((last, digest));
    let joined = db.execute(
        "UPDATE pruned SET last = ?2, digest = ?3 WHERE last = ?1",
        params![first - 1, last, digest],
    )?;
    if joined == 0 {
        db.execute(
            "INSERT INTO pruned (first, last, previous, digest) VALUES (?1, ?2, ?3, ?4)",
            params![first, last, previous, digest],
        )?;
    }
    Ok(())
}

/// Sessions that closed without a record have nothing to wait for but their time.
fn forget_sessions(db: &Connection, before: Utc) -> rusqlite::Result<usize> {
    let txns: Vec<TransactionNumber> = db
        .prepare_cached(
            "SELECT txn FROM session WHERE open = 0 AND at < ?1
             AND NOT EXISTS (SELECT 1 FROM record WHERE record.txn = session.txn) LIMIT ?2",
        )?
        .query_map(params![before, STEP as i64], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for txn in &txns {
        db.prepare_cached("DELETE FROM step WHERE txn = ?1")?.execute([txn])?;
        db.prepare_cached("DELETE FROM session WHERE txn = ?1")?.execute([txn])?;
    }
    Ok(txns.len())
}
