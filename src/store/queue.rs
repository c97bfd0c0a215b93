//! The lanes of durable messages: what waits, oldest first (platform-222.md 14.2).
//!
//! A record waits in the ledger itself; a start result waits in a table of its own and is gone once it is taken or no
//! longer wanted. What was refused is set aside with its reason and never offered by itself.

use super::column::{Json, Whole, at_most};
use super::error::{Fault, refuse};
use super::ledger::{self, QUEUED, REFUSED};
use crate::model::ident::{DeviceCode, TransactionNumber};
use crate::model::message::{Content, Entry, EntryId, Lane, Owed, StartResult, Verdict};
use crate::model::time::Utc;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Refused start results kept for people: the newest.
pub(super) const SET_ASIDE: i64 = 1000;

/// Queues a message. Records queue themselves; an identity is given once.
pub(super) fn put(db: &Connection, entry: &Entry) -> Result<(), Fault> {
    let (Lane::StartResult, Content::StartResult(result)) = (entry.id.lane, &entry.content) else {
        return refuse("only start results are queued by a row of their own; records queue themselves");
    };
    let id = entry.id.id;
    let last = last_start_result(db)?;
    if id <= last {
        return if find(db, id)?.as_ref() == Some(entry) {
            Ok(())
        } else {
            refuse(format!("start result {id} was given before; the newest is {last}"))
        };
    }
    db.prepare_cached(
        "INSERT INTO start_result (id, device, stored, txn, content, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![Whole(id), entry.device, entry.stored, entry.txn, Json(result), QUEUED])?;
    db.prepare_cached("UPDATE station SET last_start_result = ?1")?.execute([Whole(id)])?;
    Ok(())
}

/// The platform took or refused a message.
pub(super) fn acknowledged(
    db: &Connection,
    entry: EntryId,
    at: Option<Utc>,
    verdict: Verdict,
) -> Result<(), Fault> {
    match (entry.lane, verdict) {
        (Lane::Record, verdict) => ledger::settle(db, entry.id, at, verdict),
        (Lane::StartResult, Verdict::Taken) => remove(db, entry.id),
        (Lane::StartResult, Verdict::Refused(reason)) => set_aside(db, entry.id, at, reason),
    }
}

/// A message is no longer wanted. A record always is.
pub(super) fn withdrawn(db: &Connection, entry: EntryId) -> Result<(), Fault> {
    match entry.lane {
        Lane::Record => refuse(format!("record {} is owed and cannot be withdrawn", entry.id)),
        Lane::StartResult => remove(db, entry.id),
    }
}

/// What waits in a lane after this identity, oldest first: of one pile, or of all.
pub(super) fn entries(
    db: &Connection,
    lane: Lane,
    of: Option<DeviceCode>,
    after: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let (question, read): (_, fn(&Row<'_>) -> rusqlite::Result<Entry>) = match lane {
        Lane::StartResult => (
            "SELECT id, device, stored, txn, content FROM start_result
             WHERE state = 0 AND id > ?1 AND (?3 IS NULL OR device = ?3) ORDER BY id LIMIT ?2",
            start_result,
        ),
        Lane::Record => (
            "SELECT number, pile, stored, txn, record, body FROM delivery JOIN record USING (number)
             WHERE state = 0 AND number > ?1 AND (?3 IS NULL OR pile = ?3) ORDER BY number LIMIT ?2",
            record,
        ),
    };
    db.prepare_cached(question)?.query_map(params![after, at_most(limit), of], read)?.collect()
}

/// Highest identity ever given to a start result.
pub(super) fn last_start_result(db: &Connection) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT last_start_result FROM station")?.query_row([], |r| Ok(r.get::<_, Whole>(0)?.0))
}

/// Start results that wait: identity and transaction.
pub(super) fn start_results(db: &Connection) -> rusqlite::Result<Vec<(u64, TransactionNumber)>> {
    db.prepare("SELECT id, txn FROM start_result WHERE state = 0 ORDER BY id")?
        .query_map([], |r| Ok((r.get::<_, Whole>(0)?.0, r.get(1)?)))?
        .collect()
}

fn find(db: &Connection, id: u64) -> rusqlite::Result<Option<Entry>> {
    db.prepare_cached("SELECT id, device, stored, txn, content FROM start_result WHERE id = ?1")?
        .query_row([Whole(id)], start_result)
        .optional()
}

/// Removing what is gone already is no fault; what never was, is.
fn remove(db: &Connection, id: u64) -> Result<(), Fault> {
    known(db, id)?;
    db.prepare_cached("DELETE FROM start_result WHERE id = ?1")?.execute([Whole(id)])?;
    Ok(())
}

fn set_aside(db: &Connection, id: u64, at: Option<Utc>, reason: u8) -> Result<(), Fault> {
    known(db, id)?;
    db.prepare_cached("UPDATE start_result SET state = ?2, reason = ?3, settled = ?4 WHERE id = ?1")?
        .execute(params![Whole(id), REFUSED, reason, at])?;
    db.prepare_cached(
        "DELETE FROM start_result WHERE state = ?1 AND id <=
         (SELECT id FROM start_result WHERE state = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![REFUSED, SET_ASIDE])?;
    Ok(())
}

fn known(db: &Connection, id: u64) -> Result<(), Fault> {
    let last = last_start_result(db)?;
    if id == 0 || id > last {
        return refuse(format!("start result {id} was never queued; the newest is {last}"));
    }
    Ok(())
}

fn start_result(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let Json(result) = row.get::<_, Json<StartResult>>("content")?;
    Ok(Entry {
        id: EntryId { lane: Lane::StartResult, id: row.get::<_, Whole>("id")?.0 },
        device: row.get("device")?,
        stored: row.get("stored")?,
        txn: row.get("txn")?,
        content: Content::StartResult(result),
    })
}

fn record(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: EntryId { lane: Lane::Record, id: row.get::<_, Whole>("number")?.0 },
        device: row.get("pile")?,
        stored: row.get("stored")?,
        txn: row.get("txn")?,
        content: Content::Record(Owed {
            body: row.get("body")?,
            record: row.get::<_, Json<_>>("record").ok().map(|Json(record)| Box::new(record)),
        }),
    })
}
