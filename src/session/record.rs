//! The record of a session, and the self-check before it is queued (platform-222.md 16.3).

use super::core::{Core, Facts};
use crate::billing::bill;
use crate::model::ident::{Credential, Vin};
use crate::model::message::StartOutcome;
use crate::model::money::{Money, Price};
use crate::model::quantity::Energy;
use crate::model::record::{BillingMode, Protocol, Segment, TransactionRecord, flag};
use crate::model::stop::StopReason;
use crate::model::tariff::Tariff;
use crate::model::time::Now;

/// What came of the start: output that was confirmed, or energy that says so, is a charge; the rest failed.
pub(super) fn outcome(facts: &Facts) -> StartOutcome {
    if facts.charging_ms.is_some() || facts.metering.total() > Energy::ZERO {
        StartOutcome::Charging
    } else {
        StartOutcome::Failed(facts.cause.map_or(StopReason::NONE, |cause| cause.reason))
    }
}

/// The vehicle as it named itself, else the one whose VIN started the session.
pub(super) fn vin(facts: &Facts) -> Option<Vin> {
    let by_vin = if let Credential::Vin(vin) = facts.opening.credential { Some(vin) } else { None };
    facts.vehicle.vin.or(by_vin)
}

/// The record, and whether it is consistent. Number and previous digest are the station's.
pub(super) fn record(core: &Core, now: Now) -> (TransactionRecord, bool) {
    let facts = &core.facts;
    let opening = &facts.opening;
    let timeline = &facts.timeline;
    let mut split = facts.metering.split().cloned();
    if let Some(split) = split.as_mut() {
        // Without any believed clock the slots are those of the clock as it is; flag bit 2 says so.
        split.map(now.wall.plus_ms(timeline.at(now).saturating_neg()));
    }
    let bill = split.as_ref().map(|split| bill(split, opening.tariff.as_ref(), opening.billing_mode));
    let bill = bill.unwrap_or_default();
    let start_time = timeline.wall(facts.charging_ms.unwrap_or(0));
    let end_time = timeline.wall(facts.end_ms.unwrap_or_else(|| timeline.at(now)));
    let clock = timeline.is_reconstructed() || start_time.is_none() || end_time.is_none();
    let flags = facts.flags
        | split.as_ref().map_or(0, |split| split.flags())
        | if opening.offline { flag::STARTED_OFFLINE } else { 0 }
        | if clock { flag::CLOCK } else { 0 };
    let mut record = TransactionRecord {
        txn: opening.grant.txn,
        connector: opening.connector,
        start_mode: opening.start_mode,
        credential: opening.credential.clone(),
        account: opening.grant.account.chars().filter(char::is_ascii).take(20).collect(),
        vin: vin(facts),
        start_time,
        end_time,
        start_register: split.as_ref().map(|split| split.first()),
        end_register: split.as_ref().map(|split| split.last()),
        meter_number: facts.metering.number().chars().filter(char::is_ascii).take(20).collect(),
        start_soc: facts.start_soc,
        end_soc: facts.soc,
        stop_reason: core.reason(),
        billing_mode: opening.billing_mode,
        tariff_number: opening.tariff.as_ref().map_or(0, |tariff| tariff.number),
        energy_total: bill.energy,
        electricity_total: bill.electricity,
        service_total: bill.service,
        segments: bill.segments,
        flags,
        number: 0,
        previous_digest: [0; 8],
        protocol: Protocol::default(),
    };
    let consistent = !bill.overflow && is_consistent(&record, opening.tariff.as_ref());
    if !consistent {
        record.flags |= flag::INCONSISTENT;
    }
    (record, consistent)
}

/// The self-check of 16.3: times, registers, sums, prices against the frozen tariff, a number.
pub(super) fn is_consistent(record: &TransactionRecord, tariff: Option<&Tariff>) -> bool {
    let sum =
        |part: fn(&Segment) -> i64| -> i64 { record.segments.iter().map(part).fold(0, i64::saturating_add) };
    let sums = sum(|s| s.energy.0) == record.energy_total.0
        && Money(sum(|s| s.electricity_amount.0)) == record.electricity_total
        && Money(sum(|s| s.service_amount.0)) == record.service_total;
    !record.txn.is_none() && times_rise(record) && registers_fit(record) && sums && prices_fit(record, tariff)
}

fn times_rise(record: &TransactionRecord) -> bool {
    record.start_time.zip(record.end_time).is_none_or(|(start, end)| start <= end)
}

fn registers_fit(record: &TransactionRecord) -> bool {
    if record.flags & flag::METER_CHANGED != 0 {
        return true;
    }
    match record.start_register.zip(record.end_register) {
        Some((start, end)) => {
            start <= end && (record.flags & flag::NOT_SETTLED != 0 || end - start == record.energy_total)
        }
        None => record.energy_total == Energy::ZERO,
    }
}

fn prices_fit(record: &TransactionRecord, tariff: Option<&Tariff>) -> bool {
    record.segments.iter().all(|segment| match record.billing_mode {
        BillingMode::Platform => segment.electricity_price == Price(0) && segment.service_price == Price(0),
        BillingMode::Pile => tariff.is_some_and(|tariff| {
            tariff.number == record.tariff_number
                && tariff.tiers.iter().any(|tier| {
                    tier.code == segment.code
                        && tier.electricity == segment.electricity_price
                        && tier.service == segment.service_price
                })
        }),
    })
}
