//! The transaction record and its chain (020A; platform-222.md 8, 16.3, 16.4).

use super::values::{local, vin, with_credential};
use super::wire::{self, Body, octets};
use crate::model::ident::{DeviceCode, TransactionNumber};
use crate::model::message::{Owed, Verdict};
use crate::model::record::{BillingMode, Protocol, Segment, TransactionRecord, flag};
use crate::uplink::Reply;
use sha2::{Digest, Sha256};

/// Body of 020A. It is made once, in the step that closes the session, and kept as octets. A value that does not fit
/// its field is told as the largest one, and flag bit 6 is set (16.3).
#[must_use]
pub fn record_body(record: &TransactionRecord) -> Vec<u8> {
    let inconsistent = if record_fits(record) { 0 } else { flag::INCONSISTENT };
    octets::write(&body(record).number("record_flags", record.flags | inconsistent))
}

/// The body that is sent: as it was made, or made from what the ledger says when it was made for another platform.
pub(super) fn told(owed: &Owed) -> Vec<u8> {
    match &owed.record {
        Some(record) if record.protocol != Protocol::Profile222 => record_body(record),
        Some(_) | None => owed.body.clone(),
    }
}

/// Whether every value of a record fits its field; where one does not, alarm 0008 is due.
#[must_use]
pub fn record_fits(record: &TransactionRecord) -> bool {
    let limits = |name: &str, value: i64| {
        let field = body(record).layout().iter().find(|f| f.name == name);
        let limits = field.and_then(|f| f.limits());
        limits.is_none_or(|(low, high)| (low..=high).contains(&i128::from(value)))
    };
    let register = |name: &str, value: Option<crate::model::quantity::Energy>| {
        value.is_none_or(|register| limits(name, register.0))
    };
    body(record).misfit().is_none()
        && register("start_register", record.start_register)
        && register("end_register", record.end_register)
}

/// SHA-256 of the image of a record: device code of its frame, then its body (16.4).
#[must_use]
pub fn record_digest(pile: DeviceCode, body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(pile.0).chain_update(body).finalize().into()
}

/// `previous_digest` of record 1: the first 8 octets of SHA-256 of the station code.
#[must_use]
pub fn chain_start(station: DeviceCode) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(station.0).into();
    let mut start = [0; 8];
    start.copy_from_slice(&digest[..8]);
    start
}

fn body(record: &TransactionRecord) -> Body {
    let billing: u8 = match record.billing_mode {
        BillingMode::Platform => 1,
        BillingMode::Pile => 2,
    };
    let body = wire::request(0x020A)
        .octets("txn", &record.txn.0)
        .number("connector", record.connector.number)
        .number("start_mode", record.start_mode.number())
        .text("account", &record.account)
        .text("vin", vin(record.vin.as_ref()))
        .time("start_time", local(record.start_time))
        .time("end_time", local(record.end_time))
        .known("start_register", record.start_register.map(|r| r.0))
        .known("end_register", record.end_register.map(|r| r.0))
        .text("meter_number", &record.meter_number)
        .known("start_soc", record.start_soc)
        .known("end_soc", record.end_soc)
        .number("stop_reason", record.stop_reason.0)
        .number("billing_mode", billing)
        .number("tariff_number", record.tariff_number)
        .number("energy_total", record.energy_total.0)
        .number("electricity_total", record.electricity_total.0)
        .number("service_total", record.service_total.0)
        .list("segments", &record.segments, segment)
        .number("record_flags", record.flags)
        .number("record_number", record.number)
        .octets("previous_digest", &record.previous_digest);
    with_credential(body, "cred", &record.credential)
}

fn segment(entry: Body, segment: &Segment) -> Body {
    entry
        .number("code", segment.code)
        .number("electricity_price", segment.electricity_price.0)
        .number("service_price", segment.service_price.0)
        .number("energy", segment.energy.0)
        .number("electricity_amount", segment.electricity_amount.0)
        .number("service_amount", segment.service_amount.0)
}

/// 020Ar. Only 0 and 1 acknowledge, only 2 refuses.
pub(super) fn reply(body: &Body) -> Reply {
    let verdict = match body.num("verdict") {
        0 | 1 => Some(Verdict::Taken),
        2 => Some(Verdict::Refused(body.int("reason"))),
        _ => None,
    };
    Reply::Record { txn: TransactionNumber(body.array("txn")), verdict }
}
