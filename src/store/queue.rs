//! The lanes of durable messages: what waits, oldest first (platform-222.md 14.2).
//!
//! A record waits in the ledger itself; start results, battery ends and alarm events wait in tables of their own and are
//! gone once they are taken or no longer wanted. What was refused is set aside with its reason; a message that the
//! platform refused to know is queued again once, at the next start of the program at the latest (4.3).

use super::alarm;
use super::column::{Json, Whole, at_most};
use super::error::{Fault, refuse};
use super::ledger::{self, QUEUED, REFUSED};
use crate::model::alarm::AlarmEvent;
use crate::model::ident::{DeviceCode, TransactionNumber};
use crate::model::message::{Content, Entry, EntryId, Lane, Owed, Verdict};
use crate::model::time::Utc;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

/// Refused messages of a lane kept for people: the newest.
pub(super) const SET_ASIDE: i64 = 1000;

/// Alarm events that wait for the platform; beyond that a raise and its clear make room together.
pub(super) const ALARM_EVENTS: i64 = 10_000;

/// The oldest of them may be on their way and are left alone: more than a lane ever holds in memory.
const UNDER_WAY: i64 = 256;

/// A lane that waits in a table of its own.
#[derive(Clone, Copy)]
struct Own {
    lane: Lane,
    table: &'static str,
    /// Column of `station` with the highest identity ever given.
    newest: &'static str,
    /// For people.
    name: &'static str,
    /// What a row says.
    read: fn(&Row<'_>) -> rusqlite::Result<Content>,
}

const START_RESULTS: Own = Own {
    lane: Lane::StartResult,
    table: "start_result",
    newest: "last_start_result",
    name: "start result",
    read: start_result,
};

const BATTERY_ENDS: Own = Own {
    lane: Lane::BatteryEnd,
    table: "battery_end",
    newest: "last_battery_end",
    name: "battery end",
    read: battery_end,
};

const ALARM_EVENT_LANE: Own = Own {
    lane: Lane::Alarm,
    table: "alarm_event",
    newest: "last_alarm_event",
    name: "alarm event",
    read: alarm_event,
};

/// Queues a message. Records queue themselves; an identity is given once.
pub(super) fn put(db: &Connection, entry: &Entry) -> Result<(), Fault> {
    match (entry.id.lane, &entry.content) {
        (Lane::StartResult, Content::StartResult(result)) => START_RESULTS.put(db, entry, result),
        (Lane::BatteryEnd, Content::BatteryEnd(end)) => BATTERY_ENDS.put(db, entry, end),
        (Lane::Alarm, Content::Alarm(event)) => put_alarm_event(db, entry, event),
        (_, Content::StartResult(_) | Content::BatteryEnd(_) | Content::Alarm(_) | Content::Record(_)) => {
            refuse("a message is queued in its own lane, and records queue themselves")
        }
    }
}

/// The platform took or refused a message.
pub(super) fn acknowledged(
    db: &Connection,
    entry: EntryId,
    at: Option<Utc>,
    verdict: Verdict,
) -> Result<(), Fault> {
    match entry.lane {
        Lane::Record => ledger::settle(db, entry.id, at, verdict),
        Lane::StartResult => START_RESULTS.settle(db, entry.id, at, verdict),
        Lane::BatteryEnd => BATTERY_ENDS.settle(db, entry.id, at, verdict),
        Lane::Alarm => {
            if verdict == Verdict::Taken {
                alarm_event_taken(db, entry.id)?;
            }
            ALARM_EVENT_LANE.settle(db, entry.id, at, verdict)
        }
    }
}

/// A message is no longer wanted. A record always is, and so are a battery end and an alarm event until they are answered.
pub(super) fn withdrawn(db: &Connection, entry: EntryId) -> Result<(), Fault> {
    match entry.lane {
        Lane::Record => refuse(format!("record {} is owed and cannot be withdrawn", entry.id)),
        Lane::BatteryEnd => refuse(format!("battery end {} is wanted until it is answered", entry.id)),
        Lane::Alarm => refuse(format!("alarm event {} is wanted until it is answered", entry.id)),
        Lane::StartResult => START_RESULTS.remove(db, entry.id),
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
    match lane {
        Lane::StartResult => START_RESULTS.entries(db, of, after, limit),
        Lane::BatteryEnd => BATTERY_ENDS.entries(db, of, after, limit),
        Lane::Alarm => ALARM_EVENT_LANE.entries(db, of, after, limit),
        Lane::Record => db
            .prepare_cached(
                "SELECT number, pile, stored, txn, record, body FROM delivery JOIN record USING (number)
                 WHERE state = 0 AND number > ?1 AND (?3 IS NULL OR pile = ?3) ORDER BY number LIMIT ?2",
            )?
            .query_map(params![identity(after), at_most(limit), of], record)?
            .collect(),
    }
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

/// A new start of the program means a new login: what was refused once is queued again. Gives all that is queued and
/// was refused once.
pub(super) fn offer_again(db: &Connection) -> rusqlite::Result<Vec<EntryId>> {
    let mut offered = Vec::new();
    for Own { lane, table, .. } in [START_RESULTS, ALARM_EVENT_LANE, BATTERY_ENDS] {
        db.execute(&format!("UPDATE {table} SET state = 0 WHERE state = 2 AND refusals = 1"), [])?;
        let again: Vec<EntryId> = db
            .prepare(&format!("SELECT id FROM {table} WHERE state = 0 AND refusals = 1 ORDER BY id"))?
            .query_map([], |r| Ok(EntryId { lane, id: r.get::<_, Whole>(0)?.0 }))?
            .collect::<rusqlite::Result<_>>()?;
        offered.extend(again);
    }
    Ok(offered)
}

fn put_alarm_event(db: &Connection, entry: &Entry, event: &AlarmEvent) -> Result<(), Fault> {
    ALARM_EVENT_LANE.put(db, entry, event)?;
    if db.prepare_cached("SELECT count(*) FROM alarm_event")?.query_row([], |r| r.get::<_, i64>(0))?
        > ALARM_EVENTS
    {
        // A raise that was not sent and its clear cancel each other out for the platform.
        db.prepare_cached(
            "DELETE FROM alarm_event WHERE alarm =
             (SELECT alarm FROM alarm_event
              WHERE state = 0 AND id >=
                  (SELECT id FROM alarm_event WHERE state = 0 ORDER BY id LIMIT 1 OFFSET ?1)
              GROUP BY alarm HAVING count(*) = 2 ORDER BY min(id) LIMIT 1)",
        )?
        .execute([UNDER_WAY])?;
    }
    Ok(())
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

impl Own {
    fn put(&self, db: &Connection, entry: &Entry, content: impl Serialize) -> Result<(), Fault> {
        let Own { table, name, .. } = self;
        let id = entry.id.id;
        let newest = self.newest(db)?;
        if id <= newest {
            return if self.find(db, id)?.as_ref() == Some(entry) {
                Ok(())
            } else {
                refuse(format!("{name} {id} was given before; the newest is {newest}"))
            };
        }
        db.prepare_cached(&format!(
            "INSERT INTO {table} (id, device, stored, txn, content, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ))?
        .execute(params![
            Whole(id),
            entry.device,
            entry.stored,
            entry.txn,
            Json(content),
            QUEUED
        ])?;
        db.prepare_cached(&format!("UPDATE station SET {} = ?1", self.newest))?.execute([Whole(id)])?;
        Ok(())
    }

    fn settle(&self, db: &Connection, id: u64, at: Option<Utc>, verdict: Verdict) -> Result<(), Fault> {
        match verdict {
            Verdict::Taken => self.remove(db, id),
            Verdict::Refused(reason) => self.set_aside(db, id, at, reason),
        }
    }

    fn entries(
        &self,
        db: &Connection,
        of: Option<DeviceCode>,
        after: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<Entry>> {
        db.prepare_cached(&format!(
            "SELECT id, device, stored, txn, content FROM {}
             WHERE state = 0 AND id > ?1 AND (?3 IS NULL OR device = ?3) ORDER BY id LIMIT ?2",
            self.table
        ))?
        .query_map(params![identity(after), at_most(limit), of], |row| self.entry(row))?
        .collect()
    }

    /// Highest identity ever given.
    fn newest(&self, db: &Connection) -> rusqlite::Result<u64> {
        db.prepare_cached(&format!("SELECT {} FROM station", self.newest))?
            .query_row([], |r| Ok(r.get::<_, Whole>(0)?.0))
    }

    fn find(&self, db: &Connection, id: u64) -> rusqlite::Result<Option<Entry>> {
        db.prepare_cached(&format!(
            "SELECT id, device, stored, txn, content FROM {} WHERE id = ?1",
            self.table
        ))?
        .query_row([Whole(id)], |row| self.entry(row))
        .optional()
    }

    /// Removing what is gone already is no fault; what never was, is.
    fn remove(&self, db: &Connection, id: u64) -> Result<(), Fault> {
        self.known(db, id)?;
        db.prepare_cached(&format!("DELETE FROM {} WHERE id = ?1", self.table))?.execute([Whole(id)])?;
        Ok(())
    }

    fn set_aside(&self, db: &Connection, id: u64, at: Option<Utc>, reason: u8) -> Result<(), Fault> {
        let table = self.table;
        self.known(db, id)?;
        db.prepare_cached(&format!(
            "UPDATE {table} SET state = ?2, reason = ?3, settled = ?4, refusals = refusals + 1 WHERE id = ?1"
        ))?
        .execute(params![Whole(id), REFUSED, reason, at])?;
        db.prepare_cached(&format!(
            "DELETE FROM {table} WHERE state = ?1 AND id <=
             (SELECT id FROM {table} WHERE state = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"
        ))?
        .execute(params![REFUSED, SET_ASIDE])?;
        Ok(())
    }

    fn known(&self, db: &Connection, id: u64) -> Result<(), Fault> {
        let (name, newest) = (self.name, self.newest(db)?);
        if id == 0 || id > newest {
            return refuse(format!("{name} {id} was never queued; the newest is {newest}"));
        }
        Ok(())
    }

    fn entry(&self, row: &Row<'_>) -> rusqlite::Result<Entry> {
        Ok(Entry {
            id: EntryId { lane: self.lane, id: row.get::<_, Whole>("id")?.0 },
            device: row.get("device")?,
            stored: row.get("stored")?,
            txn: row.get("txn")?,
            content: (self.read)(row)?,
        })
    }
}

fn start_result(row: &Row<'_>) -> rusqlite::Result<Content> {
    Ok(Content::StartResult(row.get::<_, Json<_>>("content")?.0))
}

fn battery_end(row: &Row<'_>) -> rusqlite::Result<Content> {
    Ok(Content::BatteryEnd(row.get::<_, Json<_>>("content")?.0))
}

fn alarm_event(row: &Row<'_>) -> rusqlite::Result<Content> {
    Ok(Content::Alarm(row.get::<_, Json<_>>("content")?.0))
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

fn identity(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
