//! Rows for the tests of the store.

use super::ledger;
use crate::model::access::{Card, CardStatus, Departure, Plate, PlateStatus, Vehicle, VehicleStatus};
use crate::model::alarm::{Alarm, AlarmEvent};
use crate::model::batch::{Batch, RecordRow, Row, SessionRow};
use crate::model::ident::{CardUid, ConnectorId, Credential, DeviceCode, TransactionNumber, Vin};
use crate::model::message::{BatteryEnd, Content, Entry, EntryId, Lane, StartOutcome, StartResult, Verdict};
use crate::model::money::{Money, Price};
use crate::model::quantity::Energy;
use crate::model::record::{BillingMode, Segment, StartMode, TransactionRecord, flag};
use crate::model::stop::StopReason;
use crate::model::tariff::{Tariff, Tier};
use crate::model::time::Utc;
use crate::model::vehicle::End;

/// 2026-11-22 08:30:00 local time.
pub(super) const MORNING: Utc = Utc(1_795_307_400_000);

pub(super) fn station() -> DeviceCode {
    "44030012340001".parse().expect("code")
}

pub(super) fn pile(n: u8) -> DeviceCode {
    format!("440300000100{n:02}").parse().expect("code")
}

pub(super) fn txn(n: u64) -> TransactionNumber {
    TransactionNumber((u128::from(n) + (1 << 120)).to_be_bytes())
}

pub(super) fn uid(n: u32) -> CardUid {
    CardUid::new(&n.to_be_bytes()).expect("uid")
}

pub(super) fn vin(n: u32) -> Vin {
    format!("LGWEF4A5{n:09}").parse().expect("VIN")
}

pub(super) fn vehicle(n: u32) -> Vehicle {
    Vehicle {
        vin: vin(n),
        fleet_number: format!("B{n}").into(),
        plate: plate(n).plate,
        status: [VehicleStatus::Allowed, VehicleStatus::Grey, VehicleStatus::Refused][n as usize % 3],
        bound_card: n.is_multiple_of(2).then(|| uid(n)),
        power_percent: 80,
        priority: (n % 10) as u8,
    }
}

pub(super) fn plate(n: u32) -> Plate {
    Plate {
        plate: format!("粤B{n:05}").into(),
        status: [PlateStatus::Open, PlateStatus::Watched, PlateStatus::Refused][n as usize % 3],
        valid_from: None,
        valid_until: Some(MORNING.plus_ms(i64::from(n))),
        fleet_number: format!("B{n}").into(),
    }
}

pub(super) fn departure(n: u32, depart: Option<Utc>) -> Departure {
    Departure { vin: vin(n), depart, target_soc: 90, priority: 5 }
}

pub(super) fn batch(rows: impl IntoIterator<Item = Row>) -> Batch {
    Batch { number: 1, rows: rows.into_iter().collect() }
}

pub(super) fn session(n: u64, connector: u8, open: bool) -> Row {
    Row::Session(SessionRow {
        txn: txn(n),
        connector: ConnectorId { pile: pile(1), number: connector },
        phase: if open { "charging" } else { "closed" }.into(),
        open,
        at: Some(MORNING),
        state: format!("{{\"txn\":{n}}}"),
    })
}

/// A record that continues the chain after number and digest.
pub(super) fn record(n: u64, after: Option<(u64, [u8; 32])>) -> RecordRow {
    let previous = after.map_or(ledger::chain_start(station()), |(_, digest)| ledger::link(&digest));
    let number = after.map_or(1, |(number, _)| number + 1);
    let energy = Energy(1000 + n as i64);
    let segment = Segment {
        code: 2,
        electricity_price: Price(100_000),
        service_price: Price(0),
        energy,
        electricity_amount: Money(energy.0),
        service_amount: Money(0),
    };
    let record = TransactionRecord {
        txn: txn(n),
        connector: ConnectorId { pile: pile(1), number: 1 },
        start_mode: StartMode::CardOffline,
        credential: Credential::Card(uid(n as u32 % 3)),
        account: "6230010000012345".into(),
        vin: None,
        start_time: Some(MORNING),
        end_time: Some(MORNING.plus_ms(3_600_000)),
        start_register: Some(Energy(5_000_000)),
        end_register: Some(Energy(5_000_000) + energy),
        meter_number: "000000000001".into(),
        start_soc: Some(31),
        end_soc: Some(97),
        stop_reason: StopReason::SAME_CARD,
        billing_mode: BillingMode::Pile,
        tariff_number: 0,
        energy_total: energy,
        electricity_total: Money(energy.0),
        service_total: Money(0),
        segments: vec![segment],
        flags: flag::STARTED_OFFLINE,
        number,
        previous_digest: previous,
        protocol: Default::default(),
    };
    seal(record)
}

/// Body and digest of a record as it is. The middle of the body does not matter to the store.
pub(super) fn seal(record: TransactionRecord) -> RecordRow {
    let mut body = record.txn.0.to_vec();
    body.extend(record.energy_total.0.to_le_bytes());
    body.extend(record.number.to_le_bytes());
    body.extend(record.previous_digest);
    let digest = ledger::digest(record.connector.pile, &body);
    RecordRow { record, body, digest, stored: true, at: Some(MORNING) }
}

/// So many records in a row, of transactions from this one on.
pub(super) fn records(from: u64, count: u64, mut after: Option<(u64, [u8; 32])>) -> Vec<Row> {
    (from..from + count)
        .map(|n| {
            let row = record(n, after);
            after = Some((row.record.number, row.digest));
            Row::Record(Box::new(row))
        })
        .collect()
}

pub(super) fn start_result(id: u64, n: u64) -> Entry {
    Entry {
        id: EntryId { lane: Lane::StartResult, id },
        device: pile(1),
        stored: false,
        txn: txn(n),
        content: Content::StartResult(StartResult {
            txn: txn(n),
            connector: ConnectorId { pile: pile(1), number: 1 },
            result: StartOutcome::Charging,
            vin: None,
            soc: Some(31),
            start_time: Some(MORNING),
            start_register: Some(Energy(5_000_000)),
            start_mode: StartMode::Remote,
        }),
    }
}

pub(super) fn battery_end(id: u64, n: u64) -> Entry {
    let connector = ConnectorId { pile: pile(1), number: 1 };
    let end = End { bst: Some([1, 0, 0, 0]), end_soc: Some(97), charge_minutes: Some(71), ..End::default() };
    Entry {
        id: EntryId { lane: Lane::BatteryEnd, id },
        device: pile(1),
        stored: n.is_multiple_of(2),
        txn: txn(n),
        content: Content::BatteryEnd(Box::new(BatteryEnd { txn: txn(n), connector, end })),
    }
}

/// An alarm raised or cleared, and its message.
pub(super) fn alarm_rows(id: u64, entry: u64, raised: bool) -> [Row; 2] {
    let alarm = Alarm {
        id,
        code: 0x0201,
        level: 2,
        latched: false,
        index: 1,
        connector: Some(ConnectorId { pile: pile(1), number: 1 }),
        subject: "meter".into(),
        raised: Some(MORNING),
        txn: None,
        value: 0,
    };
    let event =
        AlarmEvent { alarm: alarm.clone(), raised, at: Some(MORNING), text: "电表通信中断".into() };
    let message = Entry {
        id: EntryId { lane: Lane::Alarm, id: entry },
        device: pile(1),
        stored: false,
        txn: TransactionNumber::default(),
        content: Content::Alarm(event),
    };
    [Row::Alarm { alarm, open: raised, at: Some(MORNING) }, Row::Queue(message)]
}

pub(super) fn acknowledged(lane: Lane, id: u64, verdict: Verdict) -> Row {
    Row::Acknowledged { entry: EntryId { lane, id }, at: Some(MORNING), verdict }
}

pub(super) fn card(n: u32) -> Card {
    Card {
        uid: uid(n),
        account: format!("62300100{n:08}").into(),
        status: CardStatus::Allowed,
        group: 0,
        max_concurrent: 1,
        valid_until: Some(MORNING.plus_ms(86_400_000)),
    }
}

pub(super) fn tariff(number: u32, price: u32) -> Tariff {
    Tariff {
        number,
        valid_from: None,
        tiers: vec![Tier { code: 2, electricity: Price(price), service: Price(0) }],
        slots: vec![0; 48],
    }
}
