//! The ledger: records in a gapless chain (platform-222.md 16.4), and how far each of them got.
//!
//! Invariants: the number of a new record is the next one; its `previous_digest` is the first 8 octets of the digest
//! of the record before; its digest is that of its body; a body is never made again, changed, or deleted while the
//! platform has not acknowledged it. The file itself refuses changes and such deletions by triggers.

use super::column::{Json, Whole};
use super::error::{Fault, refuse};
use super::number;
use crate::model::batch::{KnownRecord, RecordRow};
use crate::model::ident::{CardUid, Credential, DeviceCode};
use crate::model::message::Verdict;
use crate::model::quantity::Energy;
use crate::model::record::{TransactionRecord, flag};
use crate::model::stop::StopReason;
use crate::model::time::Utc;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

/// State of a delivery: waits for the platform.
pub(super) const QUEUED: u8 = 0;
/// State of a delivery: the platform has it.
pub(super) const ACKNOWLEDGED: u8 = 1;
/// State of a delivery: the platform refused it; set aside.
pub(super) const REFUSED: u8 = 2;

/// SHA-256 of the device code and the body (16.4).
pub(super) fn digest(pile: DeviceCode, body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(pile.0).chain_update(body).finalize().into()
}

/// `previous_digest` of record 1: from the station code (16.4).
pub(super) fn chain_start(station: DeviceCode) -> [u8; 8] {
    link(&Sha256::digest(station.0).into())
}

/// What the next record says of this digest.
pub(super) fn link(digest: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}

/// Number and digest of the newest record. It is never pruned.
pub(super) fn newest(db: &Connection) -> rusqlite::Result<Option<(u64, [u8; 32])>> {
    db.prepare_cached("SELECT number, digest FROM record ORDER BY number DESC LIMIT 1")?
        .query_row([], |r| Ok((r.get::<_, Whole>(0)?.0, r.get(1)?)))
        .optional()
}

/// Appends a record and queues it. The same record again changes nothing.
pub(super) fn append(db: &Connection, row: &RecordRow) -> Result<(), Fault> {
    let record = &row.record;
    let newest = newest(db)?;
    let last = newest.map_or(0, |(number, _)| number);
    if record.number <= last {
        return repeated(db, row);
    }
    if record.number != last + 1 {
        return refuse(format!("record {} leaves a gap after {last}", record.number));
    }
    if let Some((_, digest)) = newest
        && record.previous_digest != link(&digest)
    {
        return refuse(format!("record {} does not continue the chain of record {last}", record.number));
    }
    if row.digest != digest(record.connector.pile, &row.body) {
        return refuse(format!("the digest of record {} is not that of its body", record.number));
    }
    if let Some(part) = contradiction(record, &row.body) {
        return refuse(format!("the body of record {} has another {part}", record.number));
    }
    meet(db, record)?;
    insert(db, row)?;
    db.prepare_cached("INSERT INTO delivery (number, state) VALUES (?1, ?2)")?
        .execute(params![Whole(record.number), QUEUED])?;
    Ok(())
}

/// Where a body and its record differ: a body begins with the transaction number and ends with the record number and
/// `previous_digest` (020A). The byte order of integers is a constant of the dialect, so either one will do here.
pub(super) fn contradiction(record: &TransactionRecord, body: &[u8]) -> Option<&'static str> {
    let Some(number) = body.len().checked_sub(16).filter(|at| *at >= 16).map(|at| &body[at..at + 8]) else {
        return Some("length");
    };
    if body[..16] != record.txn.0 {
        Some("transaction number")
    } else if number != record.number.to_le_bytes() && number != record.number.to_be_bytes() {
        Some("record number")
    } else if body[body.len() - 8..] != record.previous_digest {
        Some("previous_digest")
    } else {
        None
    }
}

/// The platform took or refused a record. A record that it has stays acknowledged whatever comes late.
pub(super) fn settle(db: &Connection, number: u64, at: Option<Utc>, verdict: Verdict) -> Result<(), Fault> {
    let (state, reason) = match verdict {
        Verdict::Taken => (ACKNOWLEDGED, None),
        Verdict::Refused(reason) => (REFUSED, Some(reason)),
    };
    let changed = db
        .prepare_cached(
            "UPDATE delivery SET state = ?2, reason = ?3, settled = ?4 WHERE number = ?1 AND state <> ?5",
        )?
        .execute(params![Whole(number), state, reason, at, ACKNOWLEDGED])?;
    if changed == 0 && newest(db)?.is_none_or(|(last, _)| number > last || number == 0) {
        return refuse(format!("record {number} was never made"));
    }
    Ok(())
}

/// Puts settled records back into the queue; what is no longer kept is left out.
pub(super) fn requeue(db: &Connection, first: u64, last: u64) -> Result<(), Fault> {
    let first = i64::try_from(first).unwrap_or(i64::MAX);
    let last = i64::try_from(last).unwrap_or(i64::MAX);
    db.prepare_cached(
        "UPDATE delivery SET state = ?3, reason = NULL, settled = NULL
         WHERE number BETWEEN ?1 AND ?2 AND state <> ?3",
    )?
    .execute(params![first, last, QUEUED])?;
    Ok(())
}

/// Records that the platform has not acknowledged: queued or set aside.
pub(super) fn unsent(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row(
        "SELECT (SELECT count(*) FROM delivery WHERE state = 0) + (SELECT count(*) FROM delivery WHERE state = 2)",
        [],
        |r| Ok(r.get::<_, Whole>(0)?.0),
    )
}

/// Per credential, sessions and energy of records that were started offline and are not acknowledged yet.
pub(super) fn offline_use(db: &Connection) -> rusqlite::Result<Vec<(Credential, u32, Energy)>> {
    db.prepare(
        "SELECT json_extract(record, '$.credential'), count(*), sum(energy)
         FROM (SELECT number FROM delivery WHERE state = 0 UNION ALL SELECT number FROM delivery WHERE state = 2)
         JOIN record USING (number)
         WHERE json_extract(record, '$.flags') & ?1 AND json_extract(record, '$.credential.kind') <> 'none'
         GROUP BY 1 ORDER BY 1",
    )?
    .query_map([flag::STARTED_OFFLINE], |r| Ok((r.get::<_, Json<_>>(0)?.0, r.get(1)?, r.get(2)?)))?
    .collect()
}

/// The newest so many records as the station remembers them, oldest first.
pub(super) fn known(db: &Connection, count: u32) -> rusqlite::Result<Vec<KnownRecord>> {
    let mut newest: Vec<KnownRecord> = db
        .prepare(
            "SELECT number, txn, json_extract(record, '$.end_time') AS end_time, state, reason,
                    json_quote(json_extract(record, '$.connector')) AS connector,
                    json_extract(record, '$.stop_reason') AS stop_reason,
                    CASE WHEN json_extract(record, '$.flags') & ?2 AND json_extract(record, '$.credential.kind') <> 'none'
                         THEN json_extract(record, '$.credential') END AS offline
             FROM record JOIN delivery USING (number) ORDER BY number DESC LIMIT ?1",
        )?
        .query_map(params![count, flag::STARTED_OFFLINE], |row| {
            let verdict = match row.get::<_, u8>("state")? {
                ACKNOWLEDGED => Some(Verdict::Taken),
                REFUSED => Some(Verdict::Refused(row.get::<_, Option<u8>>("reason")?.unwrap_or_default())),
                _ => None,
            };
            Ok(KnownRecord {
                number: row.get::<_, Whole>("number")?.0,
                txn: row.get("txn")?,
                connector: row.get::<_, Json<_>>("connector")?.0,
                end_time: row.get("end_time")?,
                stop_reason: StopReason(row.get("stop_reason")?),
                offline: row.get::<_, Option<Json<_>>>("offline")?.map(|json| json.0),
                verdict,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    newest.reverse();
    Ok(newest)
}

/// A number that was given before: the same record again is as good as written, another one is refused.
fn repeated(db: &Connection, row: &RecordRow) -> Result<(), Fault> {
    let same = db
        .prepare_cached("SELECT body = ?2 AND digest = ?3 FROM record WHERE number = ?1")?
        .query_row(params![Whole(row.record.number), row.body, row.digest], |r| r.get(0))
        .optional()?;
    match same {
        Some(true) => Ok(()),
        Some(false) | None => {
            refuse(format!("record {} was made before with another content", row.record.number))
        }
    }
}

/// One session, one record: the number belongs to a session that is here, or was never met.
fn meet(db: &Connection, record: &TransactionRecord) -> Result<(), Fault> {
    if record.txn.is_none() {
        return refuse(format!("record {} has no transaction number", record.number));
    }
    if db.prepare_cached("SELECT 1 FROM record WHERE txn = ?1")?.exists([record.txn])? {
        return refuse(format!("transaction {} has its record already", record.txn));
    }
    if db.prepare_cached("SELECT 1 FROM session WHERE txn = ?1")?.exists([record.txn])? {
        return Ok(());
    }
    number::first_met(db, &record.txn)
}

fn insert(db: &Connection, row: &RecordRow) -> Result<(), Fault> {
    let record = &row.record;
    db.prepare_cached(
        "INSERT INTO record (number, txn, pile, connector, tariff, energy, amount, card, stored, numbered, record,
                             body, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        Whole(record.number),
        record.txn,
        record.connector.pile,
        record.connector.number,
        record.tariff_number,
        record.energy_total,
        record.electricity_total + record.service_total,
        card(record),
        row.stored,
        row.at,
        Json(record),
        row.body,
        row.digest,
    ])?;
    Ok(())
}

/// The card whose offline caps this record counts against (15.5).
fn card(record: &TransactionRecord) -> Option<CardUid> {
    match &record.credential {
        Credential::Card(uid) if record.flags & flag::STARTED_OFFLINE != 0 => Some(*uid),
        Credential::Card(_)
        | Credential::None
        | Credential::Vin(_)
        | Credential::FleetNumber(_)
        | Credential::Account(_)
        | Credential::Plate(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hex;

    #[test]
    fn the_chain_of_a_station_starts_where_the_profile_says() {
        let station = "44030012340001".parse().expect("code");
        assert_eq!(hex::lower(&chain_start(station)), "d459cf43471fe2b6", "platform-222.md 21");
    }

    #[test]
    fn the_digest_is_over_the_device_code_and_the_body() {
        let pile: DeviceCode = "44030000010001".parse().expect("code");
        let whole: [u8; 32] = Sha256::digest([&pile.0[..], b"body"].concat()).into();
        assert_eq!(digest(pile, b"body"), whole);
    }
}
