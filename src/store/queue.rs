//! The lanes of durable messages: what waits, oldest first (platform-222.md 14.2).
//!
//! A record waits in the ledger itself; start results and alarm events wait in tables of their own and are gone once
//! they are taken or no longer wanted. What was refused is set aside with its reason; a message that the platform
//! refused to know is queued again once, at the next start of the program at the latest (4.3).

use super::alarm;
use super::column::{Json, Whole, at_most};
use super::error::{Fault, refuse};
use super::ledger::{self, QUEUED, REFUSED};
use crate::model::alarm::AlarmEvent;
use crate::model::ident::TransactionNumber;
use crate::model::message::{Content, Entry, EntryId, Lane, StartResult, Verdict};
use crate::model::time::Utc;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Refused messages of a lane kept for people: the newest.
pub(super) const SET_ASIDE: i64 = 1000;
/// Alarm events that may wait; beyond that the oldest raise goes together with its clear, never one of them alone.
pub(super) const ALARM_EVENTS: i64 = 10_000;

/// The table of a lane and the column that holds the highest identity ever given in it. Records wait in the ledger.
struct Table {
    name: &'static str,
    last: &'static str,
}

fn table(lane: Lane) -> Option<Table> {
    match lane {
        Lane::StartResult => Some(Table { name: "start_result", last: "last_start_result" }),
        Lane::Alarm => Some(Table { name: "alarm_event", last: "last_alarm_event" }),
        Lane::Record => None,
    }
}

/// Queues a message. Records queue themselves; an identity is given once.
pub(super) fn put(db: &Connection, entry: &Entry) -> Result<(), Fault> {
    let EntryId { lane, id } = entry.id;
    let Some(table) = table(lane) else {
        return refuse("records queue themselves");
    };
    let last = last(db, lane)?;
    if id <= last {
        return if find(db, &table, entry.id)?.as_ref() == Some(entry) {
            Ok(())
        } else {
            refuse(format!("{} {id} was given before; the newest is {last}", table.name))
        };
    }
    match (lane, &entry.content) {
        (Lane::StartResult, Content::StartResult(result)) => {
            db.prepare_cached(
                "INSERT INTO start_result (id, device, stored, txn, content, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                Whole(id),
                entry.device,
                entry.stored,
                entry.txn,
                Json(result),
                QUEUED
            ])?;
        }
        (Lane::Alarm, Content::Alarm(event)) => put_alarm_event(db, entry, event)?,
        (_, Content::StartResult(_) | Content::Alarm(_) | Content::Record(_)) => {
            return refuse(format!("a message of another kind in the lane of {}", table.name));
        }
    }
    db.prepare_cached(&format!("UPDATE station SET {} = ?1", table.last))?.execute([Whole(id)])?;
    Ok(())
}

fn put_alarm_event(db: &Connection, entry: &Entry, event: &AlarmEvent) -> Result<(), Fault> {
    db.prepare_cached(
        "INSERT INTO alarm_event (id, alarm, raised, device, stored, txn, content, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        Whole(entry.id.id),
        Whole(event.alarm.id),
        event.raised,
        entry.device,
        entry.stored,
        entry.txn,
        Json(event),
        QUEUED
    ])?;
    if db.prepare_cached("SELECT count(*) FROM alarm_event")?.query_row([], |r| r.get::<_, i64>(0))?
        > ALARM_EVENTS
    {
        // A raise that was not sent and its clear cancel each other out for the platform.
        db.prepare_cached(
            "DELETE FROM alarm_event WHERE alarm =
             (SELECT alarm FROM alarm_event GROUP BY alarm HAVING count(*) = 2 ORDER BY min(id) LIMIT 1)",
        )?
        .execute([])?;
    }
    Ok(())
}

/// The platform took or refused a message.
pub(super) fn acknowledged(
    db: &Connection,
    entry: EntryId,
    at: Option<Utc>,
    verdict: Verdict,
) -> Result<(), Fault> {
    match (table(entry.lane), verdict) {
        (None, verdict) => ledger::settle(db, entry.id, at, verdict),
        (Some(table), Verdict::Taken) => {
            if entry.lane == Lane::Alarm {
                alarm_event_taken(db, entry.id)?;
            }
            remove(db, &table, entry)
        }
        (Some(table), Verdict::Refused(reason)) => set_aside(db, &table, entry, at, reason),
    }
}

/// A message is no longer wanted. A record always is, and so is every raise and clear.
pub(super) fn withdrawn(db: &Connection, entry: EntryId) -> Result<(), Fault> {
    match (entry.lane, table(entry.lane)) {
        (Lane::StartResult, Some(table)) => remove(db, &table, entry),
        (Lane::StartResult | Lane::Alarm | Lane::Record, _) => {
            refuse(format!("{:?} {} is owed and cannot be withdrawn", entry.lane, entry.id))
        }
    }
}

/// What waits in a lane after this identity, oldest first.
pub(super) fn entries(db: &Connection, lane: Lane, after: u64, limit: usize) -> rusqlite::Result<Vec<Entry>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let Some(table) = table(lane) else {
        return db
            .prepare_cached(
                "SELECT number, pile, stored, txn, body FROM delivery JOIN record USING (number)
                 WHERE state = 0 AND number > ?1 ORDER BY number LIMIT ?2",
            )?
            .query_map([after, at_most(limit)], record)?
            .collect();
    };
    db.prepare_cached(&format!(
        "SELECT * FROM {} WHERE state = 0 AND id > ?1 ORDER BY id LIMIT ?2",
        table.name
    ))?
    .query_map([after, at_most(limit)], |row| message(lane, row))?
    .collect()
}

/// Highest identity ever given in a lane that is no ledger; 0 none.
pub(super) fn last(db: &Connection, lane: Lane) -> rusqlite::Result<u64> {
    let Some(Table { last, .. }) = table(lane) else { return Ok(0) };
    db.prepare_cached(&format!("SELECT {last} FROM station"))?.query_row([], |r| Ok(r.get::<_, Whole>(0)?.0))
}

/// A new start of the program means a new login: what was refused once is queued again. Gives all that is queued and
/// was refused once.
pub(super) fn offer_again(db: &Connection) -> rusqlite::Result<Vec<EntryId>> {
    let mut offered = Vec::new();
    for lane in [Lane::StartResult, Lane::Alarm] {
        let Some(Table { name, .. }) = table(lane) else { continue };
        db.execute(&format!("UPDATE {name} SET state = 0 WHERE state = 2 AND refusals = 1"), [])?;
        let again: Vec<EntryId> = db
            .prepare(&format!("SELECT id FROM {name} WHERE state = 0 AND refusals = 1 ORDER BY id"))?
            .query_map([], |r| Ok(EntryId { lane, id: r.get::<_, Whole>(0)?.0 }))?
            .collect::<rusqlite::Result<_>>()?;
        offered.extend(again);
    }
    Ok(offered)
}

/// Start results that wait: identity and transaction.
pub(super) fn start_results(db: &Connection) -> rusqlite::Result<Vec<(u64, TransactionNumber)>> {
    db.prepare("SELECT id, txn FROM start_result WHERE state = 0 ORDER BY id")?
        .query_map([], |r| Ok((r.get::<_, Whole>(0)?.0, r.get(1)?)))?
        .collect()
}

/// Alarm events that wait.
pub(super) fn alarm_events(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("SELECT count(*) FROM alarm_event WHERE state = 0", [], |r| Ok(r.get::<_, Whole>(0)?.0))
}

fn find(db: &Connection, table: &Table, id: EntryId) -> rusqlite::Result<Option<Entry>> {
    db.prepare_cached(&format!("SELECT * FROM {} WHERE id = ?1", table.name))?
        .query_row([Whole(id.id)], |row| message(id.lane, row))
        .optional()
}

/// The platform has the raise of an alarm; or it knows that it is over, and a raise that it refused to know is of no use.
fn alarm_event_taken(db: &Connection, id: u64) -> Result<(), Fault> {
    let event = db
        .prepare_cached("SELECT alarm, raised FROM alarm_event WHERE id = ?1")?
        .query_row([Whole(id)], |r| Ok((r.get::<_, Whole>(0)?.0, r.get(1)?)))
        .optional()?;
    match event {
        Some((alarm, true)) => alarm::acknowledged(db, alarm),
        Some((alarm, false)) => {
            db.prepare_cached("DELETE FROM alarm_event WHERE alarm = ?1")?.execute([Whole(alarm)])?;
            Ok(())
        }
        None => Ok(()),
    }
}

/// Removing what is gone already is no fault; what never was, is.
fn remove(db: &Connection, table: &Table, entry: EntryId) -> Result<(), Fault> {
    known(db, table, entry)?;
    db.prepare_cached(&format!("DELETE FROM {} WHERE id = ?1", table.name))?.execute([Whole(entry.id)])?;
    Ok(())
}

fn set_aside(
    db: &Connection,
    table: &Table,
    entry: EntryId,
    at: Option<Utc>,
    reason: u8,
) -> Result<(), Fault> {
    known(db, table, entry)?;
    let Table { name, .. } = table;
    db.prepare_cached(&format!(
        "UPDATE {name} SET state = ?2, reason = ?3, settled = ?4, refusals = refusals + 1 WHERE id = ?1"
    ))?
    .execute(params![Whole(entry.id), REFUSED, reason, at])?;
    db.prepare_cached(&format!(
        "DELETE FROM {name} WHERE state = ?1 AND id <=
         (SELECT id FROM {name} WHERE state = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"
    ))?
    .execute(params![REFUSED, SET_ASIDE])?;
    Ok(())
}

fn known(db: &Connection, table: &Table, entry: EntryId) -> Result<(), Fault> {
    let last = last(db, entry.lane)?;
    if entry.id == 0 || entry.id > last {
        return refuse(format!("{} {} was never queued; the newest is {last}", table.name, entry.id));
    }
    Ok(())
}

fn message(lane: Lane, row: &Row<'_>) -> rusqlite::Result<Entry> {
    let content = match lane {
        Lane::StartResult => Content::StartResult(row.get::<_, Json<StartResult>>("content")?.0),
        Lane::Alarm => Content::Alarm(row.get::<_, Json<AlarmEvent>>("content")?.0),
        Lane::Record => return record(row),
    };
    Ok(Entry {
        id: EntryId { lane, id: row.get::<_, Whole>("id")?.0 },
        device: row.get("device")?,
        stored: row.get("stored")?,
        txn: row.get("txn")?,
        content,
    })
}

fn record(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: EntryId { lane: Lane::Record, id: row.get::<_, Whole>("number")?.0 },
        device: row.get("pile")?,
        stored: row.get("stored")?,
        txn: row.get("txn")?,
        content: Content::Record(row.get("body")?),
    })
}
