//! What the store knows when the program starts.

use super::column::Whole;
use super::{alarm, ledger, lists, number, queue, session, tariff};
use crate::model::batch::Recovered;
use crate::model::time::Utc;
use rusqlite::Connection;

/// Records that the station remembers for recall and offline caps.
const REMEMBERED: u32 = 10_000;

/// Raises the boot counter and reads everything back, as of one moment.
pub(super) fn recover(db: &mut Connection) -> rusqlite::Result<Recovered> {
    let tx = db.transaction()?;
    tx.execute("UPDATE station SET boot_counter = min(boot_counter + 1, ?1)", [u32::MAX])?;
    let newest = ledger::newest(&tx)?;
    let mut recovered = facts(&tx)?;
    recovered.sessions = session::open(&tx)?;
    recovered.last_record = newest.map_or(0, |(number, _)| number);
    recovered.last_digest = newest.map(|(_, digest)| digest);
    recovered.offered_again = queue::offer_again(&tx)?;
    recovered.start_results = queue::start_results(&tx)?;
    recovered.alarms = alarm::open(&tx)?;
    recovered.alarm_events = queue::alarm_events(&tx)?;
    recovered.unsent_records = ledger::unsent(&tx)?;
    recovered.records = ledger::known(&tx, REMEMBERED)?;
    recovered.offline_use = ledger::offline_use(&tx)?;
    recovered.serials = number::serials(&tx)?;
    recovered.transactions = number::met(&tx)?;
    recovered.commands = number::commands(&tx)?;
    recovered.tariffs = tariff::held(&tx)?;
    recovered.cards = lists::kept(&tx, usize::MAX)?;
    recovered.vehicles = lists::kept(&tx, usize::MAX)?;
    recovered.plates = lists::kept(&tx, usize::MAX)?;
    recovered.departures = lists::planned(&tx)?;
    tx.commit()?;
    Ok(recovered)
}

/// Keeps the newest moment that anything was stamped with.
pub(super) fn stamp(db: &Connection, at: Utc) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE station SET last_stamp = ?1 WHERE last_stamp IS NULL OR last_stamp < ?1")?
        .execute([at])?;
    Ok(())
}

/// What there is once.
fn facts(db: &Connection) -> rusqlite::Result<Recovered> {
    db.query_row("SELECT * FROM station", [], |row| {
        Ok(Recovered {
            boot_counter: row.get("boot_counter")?,
            last_start_result: row.get::<_, Whole>("last_start_result")?.0,
            last_battery_end: row.get::<_, Whole>("last_battery_end")?.0,
            last_alarm: row.get::<_, Whole>("last_alarm")?.0,
            last_alarm_event: row.get::<_, Whole>("last_alarm_event")?.0,
            tariff_in_force: row.get("tariff_in_force")?,
            tariff_pending: row.get("tariff_pending")?,
            last_stamp: row.get("last_stamp")?,
            ..Recovered::default()
        })
    })
}
