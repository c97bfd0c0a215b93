//! Alarms: every open one, and the newest of those that are over (platform-222.md 13.6).

use super::column::{Json, Whole};
use super::error::{Fault, refuse};
use crate::model::alarm::Alarm;
use crate::model::batch::KnownAlarm;
use crate::model::time::Utc;
use rusqlite::{Connection, params};

/// Alarms that are over and kept for people: the newest.
pub(super) const HISTORY: i64 = 10_000;

/// An alarm was raised or is over. An identity is given once, and what is over never opens again.
pub(super) fn put(db: &Connection, alarm: &Alarm, open: bool, at: Option<Utc>) -> Result<(), Fault> {
    let last = last(db)?;
    if alarm.id > last {
        if !open {
            return refuse(format!("alarm {} was never raised; the newest is {last}", alarm.id));
        }
        db.prepare_cached("INSERT INTO alarm (id, open, content) VALUES (?1, 1, ?2)")?
            .execute(params![Whole(alarm.id), Json(alarm)])?;
        db.prepare_cached("UPDATE station SET last_alarm = ?1")?.execute([Whole(alarm.id)])?;
        return Ok(());
    }
    if open {
        return refuse(format!("alarm {} was raised before; the newest is {last}", alarm.id));
    }
    db.prepare_cached("UPDATE alarm SET open = 0, cleared = ?2 WHERE id = ?1 AND open = 1")?
        .execute(params![Whole(alarm.id), at])?;
    db.prepare_cached(
        "DELETE FROM alarm WHERE open = 0 AND id <=
         (SELECT id FROM alarm WHERE open = 0 ORDER BY id DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([HISTORY])?;
    Ok(())
}

/// The platform has the raise of this alarm.
pub(super) fn acknowledged(db: &Connection, id: u64) -> Result<(), Fault> {
    db.prepare_cached("UPDATE alarm SET acknowledged = 1 WHERE id = ?1")?.execute([Whole(id)])?;
    Ok(())
}

/// Highest identity ever given.
pub(super) fn last(db: &Connection) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT last_alarm FROM station")?.query_row([], |r| Ok(r.get::<_, Whole>(0)?.0))
}

/// Every open alarm, in the order of their identities.
pub(super) fn open(db: &Connection) -> rusqlite::Result<Vec<KnownAlarm>> {
    db.prepare(
        "SELECT content, acknowledged,
                (SELECT id FROM alarm_event WHERE alarm = alarm.id AND raised = 1 AND state = 0)
         FROM alarm WHERE open = 1 ORDER BY id",
    )?
    .query_map([], |r| {
        let Json(alarm) = r.get::<_, Json<Alarm>>(0)?;
        let entry = r.get::<_, Option<Whole>>(2)?.map(|id| id.0);
        Ok(KnownAlarm { alarm, acknowledged: r.get(1)?, entry })
    })?
    .collect()
}
