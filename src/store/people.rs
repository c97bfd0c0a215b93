//! What people ask: plain rows for the tool and the page. Machines never read these.
//!
//! Times are local text, `YYYY-MM-DD hh:mm:ss`, or null; energy and money stay integers (1e-4 kWh, 1e-4 yuan).

use super::column::{Json, Whole, at_most, connector};
use super::ledger::{ACKNOWLEDGED, REFUSED};
use super::lists::{self, Table};
use super::{Error, Store};
use crate::model::access::{Card, ListKind, Listed, Plate, Vehicle};
use crate::model::alarm::{Alarm, AlarmEvent};
use crate::model::batch::KeptList;
use crate::model::ident::{ConnectorId, DeviceCode, TransactionNumber};
use crate::model::message::{Lane, StartOutcome, StartResult};
use crate::model::money::Money;
use crate::model::quantity::Energy;
use crate::model::record::TransactionRecord;
use crate::model::stop::StopReason;
use crate::model::time::Utc;
use crate::station::alarm_text;
use crate::wire::hex;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A session in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionLine {
    /// Its name.
    pub txn: TransactionNumber,
    /// Where.
    pub connector: ConnectorId,
    /// Phase; `closed` when it is over.
    pub phase: String,
    /// Still open.
    pub open: bool,
    /// When it was first written.
    pub began: Option<String>,
    /// When its present phase was reached.
    pub since: Option<String>,
}

/// A session with its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionSheet {
    /// As in the table.
    #[serde(flatten)]
    pub line: SessionLine,
    /// Every step, oldest first.
    pub steps: Vec<Step>,
    /// Its record, once there is one.
    pub record: Option<RecordLine>,
}

/// A step of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When; null while the clock was not trusted.
    pub at: Option<String>,
    /// What happened.
    pub what: String,
}

/// How far a record got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Waits for the platform.
    Queued,
    /// The platform has it.
    Acknowledged,
    /// The platform refused it; set aside.
    Refused,
}

/// A record in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordLine {
    /// The session.
    pub txn: TransactionNumber,
    /// Where.
    pub connector: ConnectorId,
    /// Start of the session.
    pub start: Option<String>,
    /// End of the session.
    pub end: Option<String>,
    /// 1e-4 kWh.
    pub energy: Energy,
    /// 1e-4 yuan, electricity and service together; 0 under platform billing.
    pub amount: Money,
    /// Why it ended.
    pub reason: String,
    /// The same in Chinese.
    pub reason_zh: String,
    /// How far it got.
    pub state: Delivery,
    /// From 1, gapless.
    pub number: u64,
}

/// Everything about one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordSheet {
    /// As in the table.
    #[serde(flatten)]
    pub line: RecordLine,
    /// Created while offline.
    pub stored: bool,
    /// When its number was given.
    pub numbered: Option<String>,
    /// When the platform took or refused it.
    pub settled: Option<String>,
    /// Why the platform refused it (020Ar).
    pub refusal: Option<&'static str>,
    /// The whole record with its segments.
    pub record: TransactionRecord,
    /// SHA-256 of device code and body, hexadecimal.
    pub digest: String,
    /// Body of 020A, hexadecimal.
    pub body: String,
}

/// A message that the platform does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueLine {
    /// Its queue.
    pub lane: Lane,
    /// Its identity in the lane; of a record its number.
    pub id: u64,
    /// The session.
    pub txn: TransactionNumber,
    /// The pile it speaks for.
    pub device: DeviceCode,
    /// What it says, in short.
    pub what: String,
    /// Created while offline.
    pub stored: bool,
    /// `queued` or `refused`.
    pub state: Delivery,
    /// Why it waits.
    pub why: String,
    /// When it was made or refused, as far as that is known.
    pub since: Option<String>,
}

/// A list of the platform. In JSON its entries stand under `cards`, `vins` or `plates`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSheet<T> {
    /// In force, 0 none.
    pub version: u32,
    /// When it was committed or last confirmed.
    pub confirmed: Option<String>,
    /// Entries in all.
    pub count: u64,
    /// The first of them, in the order of their keys.
    pub entries: Vec<T>,
}

impl<T: Listed + Serialize> Serialize for ListSheet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = match T::KIND {
            ListKind::Cards => "cards",
            ListKind::Vehicles => "vins",
            ListKind::Plates => "plates",
        };
        let mut sheet = serializer.serialize_map(Some(4))?;
        sheet.serialize_entry("version", &self.version)?;
        sheet.serialize_entry("confirmed", &self.confirmed)?;
        sheet.serialize_entry("count", &self.count)?;
        sheet.serialize_entry(entries, &self.entries)?;
        sheet.end()
    }
}

/// An alarm in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlarmLine {
    /// Of the occurrence.
    pub id: u64,
    /// Four hexadecimal digits (platform-222.md 13.6).
    pub code: String,
    /// 1 stop or forbid now, 2 finish then service, 3 information.
    pub level: u8,
    /// Stays until it is reset.
    pub latched: bool,
    /// The platform has its raise.
    pub acknowledged: bool,
    /// The connector concerned.
    pub connector: Option<ConnectorId>,
    /// The device or list concerned.
    pub subject: String,
    /// When it was raised; null while the clock was not trusted.
    pub since: Option<String>,
    /// When it was over; null while it is open, or while the clock was not trusted.
    pub until: Option<String>,
    /// Still open.
    pub open: bool,
    /// The session concerned.
    pub txn: Option<TransactionNumber>,
    /// In English.
    pub en: &'static str,
    /// In Chinese.
    pub zh: &'static str,
}

/// Who did what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditLine {
    /// When; null while the clock was not trusted.
    pub at: Option<String>,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
}

/// Each question fails only when the file cannot be read.
impl Store {
    /// Open and past sessions, newest first.
    pub fn sessions(&self, limit: usize) -> Result<Vec<SessionLine>, Error> {
        self.ask(|db| {
            db.prepare_cached("SELECT * FROM session ORDER BY id DESC LIMIT ?1")?
                .query_map([at_most(limit)], session_line)?
                .collect()
        })
    }

    /// One session with its steps.
    pub fn session(&self, txn: &TransactionNumber) -> Result<Option<SessionSheet>, Error> {
        self.ask(|db| {
            let line = db
                .prepare_cached("SELECT * FROM session WHERE txn = ?1")?
                .query_row([txn], session_line)
                .optional()?;
            let Some(line) = line else { return Ok(None) };
            let record = one_record(db, txn, record_line)?;
            Ok(Some(SessionSheet { line, steps: steps(db, txn)?, record }))
        })
    }

    /// The ledger, newest first; `unsent`: only what the platform has not acknowledged.
    pub fn records(&self, unsent: bool, limit: usize) -> Result<Vec<RecordLine>, Error> {
        let question = if unsent {
            "SELECT * FROM (SELECT number, state FROM delivery WHERE state = 0
                            UNION ALL SELECT number, state FROM delivery WHERE state = 2)
             JOIN record USING (number) ORDER BY number DESC LIMIT ?1"
        } else {
            "SELECT * FROM record JOIN delivery USING (number) ORDER BY number DESC LIMIT ?1"
        };
        self.ask(|db| db.prepare_cached(question)?.query_map([at_most(limit)], record_line)?.collect())
    }

    /// Everything about the record of a session.
    pub fn record(&self, txn: &TransactionNumber) -> Result<Option<RecordSheet>, Error> {
        self.ask(|db| one_record(db, txn, record_sheet))
    }

    /// What the platform does not have and why it waits: start results, records, alarm events, each oldest first.
    pub fn queue(&self, limit: usize) -> Result<Vec<QueueLine>, Error> {
        self.ask(|db| {
            let mut lines: Vec<QueueLine> = db
                .prepare_cached("SELECT * FROM start_result ORDER BY id LIMIT ?1")?
                .query_map([at_most(limit)], queued_start_result)?
                .collect::<rusqlite::Result<_>>()?;
            let records = db
                .prepare_cached(
                    "SELECT * FROM (SELECT * FROM delivery WHERE state = 0
                                    UNION ALL SELECT * FROM delivery WHERE state = 2)
                     JOIN record USING (number) ORDER BY number LIMIT ?1",
                )?
                .query_map([at_most(limit.saturating_sub(lines.len()))], queued_record)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            lines.extend(records);
            let events = db
                .prepare_cached("SELECT * FROM alarm_event ORDER BY id LIMIT ?1")?
                .query_map([at_most(limit.saturating_sub(lines.len()))], queued_alarm_event)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            lines.extend(events);
            Ok(lines)
        })
    }

    /// The card list with its version, and the first so many entries.
    pub fn cards(&self, limit: usize) -> Result<ListSheet<Card>, Error> {
        self.ask(|db| list_sheet(db, limit))
    }

    /// The VIN list likewise.
    pub fn vehicles(&self, limit: usize) -> Result<ListSheet<Vehicle>, Error> {
        self.ask(|db| list_sheet(db, limit))
    }

    /// The plate list likewise.
    pub fn plates(&self, limit: usize) -> Result<ListSheet<Plate>, Error> {
        self.ask(|db| list_sheet(db, limit))
    }

    /// Alarms that are open and those that are over, newest first.
    pub fn alarms(&self, limit: usize) -> Result<Vec<AlarmLine>, Error> {
        self.ask(|db| {
            db.prepare_cached("SELECT * FROM alarm ORDER BY id DESC LIMIT ?1")?
                .query_map([at_most(limit)], alarm_line)?
                .collect()
        })
    }

    /// Who did what when, newest first.
    pub fn audit(&self, limit: usize) -> Result<Vec<AuditLine>, Error> {
        self.ask(|db| {
            db.prepare_cached("SELECT at, who, what FROM audit ORDER BY id DESC LIMIT ?1")?
                .query_map([at_most(limit)], |r| {
                    Ok(AuditLine { at: local(r.get(0)?), who: r.get(1)?, what: r.get(2)? })
                })?
                .collect()
        })
    }
}

fn list_sheet<T: Table>(db: &Connection, limit: usize) -> rusqlite::Result<ListSheet<T>> {
    let count = u64::try_from(lists::count::<T>(db)?).unwrap_or_default();
    let KeptList { version, confirmed, entries } = lists::kept(db, limit)?;
    Ok(ListSheet { version, confirmed: local(confirmed), count, entries })
}

/// Local time as people in the depot read it.
fn local(at: Option<Utc>) -> Option<String> {
    at.map(|at| at.local().strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn session_line(row: &Row<'_>) -> rusqlite::Result<SessionLine> {
    let open = row.get("open")?;
    Ok(SessionLine {
        txn: row.get("txn")?,
        connector: connector(row)?,
        phase: if open { row.get("phase")? } else { "closed".into() },
        open,
        began: local(row.get("began")?),
        since: local(row.get("at")?),
    })
}

fn steps(db: &Connection, txn: &TransactionNumber) -> rusqlite::Result<Vec<Step>> {
    db.prepare_cached("SELECT at, what FROM step WHERE txn = ?1 ORDER BY id")?
        .query_map([txn], |r| Ok(Step { at: local(r.get(0)?), what: r.get(1)? }))?
        .collect()
}

fn one_record<T>(
    db: &Connection,
    txn: &TransactionNumber,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    db.prepare_cached("SELECT * FROM record JOIN delivery USING (number) WHERE txn = ?1")?
        .query_row(params![txn], read)
        .optional()
}

fn record_line(row: &Row<'_>) -> rusqlite::Result<RecordLine> {
    let Json(record) = row.get::<_, Json<TransactionRecord>>("record")?;
    let (reason, reason_zh) = reason(record.stop_reason);
    Ok(RecordLine {
        txn: record.txn,
        connector: record.connector,
        start: local(record.start_time),
        end: local(record.end_time),
        energy: record.energy_total,
        amount: record.electricity_total + record.service_total,
        reason,
        reason_zh,
        state: delivery(row)?,
        number: row.get::<_, Whole>("number")?.0,
    })
}

fn record_sheet(row: &Row<'_>) -> rusqlite::Result<RecordSheet> {
    Ok(RecordSheet {
        line: record_line(row)?,
        stored: row.get("stored")?,
        numbered: local(row.get("numbered")?),
        settled: local(row.get("settled")?),
        refusal: row.get::<_, Option<u8>>("reason")?.map(refusal),
        record: row.get::<_, Json<TransactionRecord>>("record")?.0,
        digest: hex::lower(&row.get::<_, [u8; 32]>("digest")?),
        body: hex::lower(&row.get::<_, Vec<u8>>("body")?),
    })
}

fn queued_start_result(row: &Row<'_>) -> rusqlite::Result<QueueLine> {
    let Json(result) = row.get::<_, Json<StartResult>>("content")?;
    let state = delivery(row)?;
    Ok(QueueLine {
        lane: Lane::StartResult,
        id: row.get::<_, Whole>("id")?.0,
        txn: row.get("txn")?,
        device: row.get("device")?,
        what: outcome(result.result),
        stored: row.get("stored")?,
        state,
        why: why_it_waits(row.get("reason")?),
        since: local(row.get::<_, Option<Utc>>("settled")?.or(result.start_time)),
    })
}

fn queued_record(row: &Row<'_>) -> rusqlite::Result<QueueLine> {
    let refused = row.get::<_, Option<u8>>("reason")?.map(refusal);
    let since: Option<Utc> = match refused {
        Some(_) => row.get("settled")?,
        None => row.get("numbered")?,
    };
    Ok(QueueLine {
        lane: Lane::Record,
        id: row.get::<_, Whole>("number")?.0,
        txn: row.get("txn")?,
        device: row.get("pile")?,
        what: format!("record, {}", row.get::<_, Energy>("energy")?),
        stored: row.get("stored")?,
        state: delivery(row)?,
        why: match refused {
            Some(reason) => format!("set aside: the platform refused it ({reason})"),
            None => "waits for the platform".into(),
        },
        since: local(since),
    })
}

fn alarm_line(row: &Row<'_>) -> rusqlite::Result<AlarmLine> {
    let Json(alarm) = row.get::<_, Json<Alarm>>("content")?;
    let (en, zh) = alarm_text(alarm.code);
    Ok(AlarmLine {
        id: alarm.id,
        code: format!("{:04X}", alarm.code),
        level: alarm.level,
        latched: alarm.latched,
        acknowledged: row.get("acknowledged")?,
        connector: alarm.connector,
        subject: alarm.subject,
        since: local(alarm.raised),
        until: local(row.get("cleared")?),
        open: row.get("open")?,
        txn: alarm.txn,
        en,
        zh,
    })
}

fn queued_alarm_event(row: &Row<'_>) -> rusqlite::Result<QueueLine> {
    let Json(event) = row.get::<_, Json<AlarmEvent>>("content")?;
    let AlarmEvent { alarm, raised, at, .. } = event;
    let (en, _) = alarm_text(alarm.code);
    let settled: Option<Utc> = row.get("settled")?;
    Ok(QueueLine {
        lane: Lane::Alarm,
        id: row.get::<_, Whole>("id")?.0,
        txn: row.get("txn")?,
        device: row.get("device")?,
        what: format!(
            "alarm {} {}: {:04X} {en}",
            alarm.id,
            if raised { "raised" } else { "over" },
            alarm.code
        ),
        stored: row.get("stored")?,
        state: delivery(row)?,
        why: why_it_waits(row.get("reason")?),
        since: local(settled.or(at)),
    })
}

/// Of a message that is no record.
fn why_it_waits(refused: Option<u8>) -> String {
    match refused {
        Some(reason) => format!("set aside: the platform refused it with {reason}"),
        None => "waits for the platform".into(),
    }
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(match row.get::<_, u8>("state")? {
        ACKNOWLEDGED => Delivery::Acknowledged,
        REFUSED => Delivery::Refused,
        _ => Delivery::Queued,
    })
}

fn outcome(outcome: StartOutcome) -> String {
    match outcome {
        StartOutcome::Charging => "charging".into(),
        StartOutcome::NotStarted(why) => format!("not started: {}", reason(why).0),
        StartOutcome::Failed(why) => format!("start failed: {}", reason(why).0),
    }
}

fn reason(reason: StopReason) -> (String, String) {
    match reason.text() {
        Some((english, chinese)) => (english.into(), chinese.into()),
        None => (format!("reason {:04X}", reason.0), format!("原因 {:04X}", reason.0)),
    }
}

/// Reasons of 020Ar.
fn refusal(reason: u8) -> &'static str {
    match reason {
        0 => "no reason given",
        1 => "pile unknown",
        2 => "sums do not fit",
        3 => "tariff unknown",
        4 => "transaction known with other content",
        5 => "record number known with other content",
        _ => "another reason",
    }
}
