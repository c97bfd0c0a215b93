//! The transaction record (0x3B, 0x40; ykc16.md 4) and how the ledger keeps it.
//!
//! What is kept is the body of 0x3B with the number of the record and the digest of the one before behind it, so that the
//! chain of the ledger (platform-222.md 16.4) binds records of this protocol, too. What is sent is the body alone.
//!
//! A record has four tiers, ours up to eight: deep valley 深谷 is told as valley, energy without a tariff as flat. Energy
//! and money of a tier are exact sums; where two prices meet in one tier, that of the larger energy is told.

use super::stop;
use super::values::{self, card_phys, energy, fit, gun, pile, serial, time};
use super::wire::field::{Narrow, Raw};
use super::wire::layout::Message;
use super::wire::message::record::{Record, RecordAck};
use crate::model::ident::Credential;
use crate::model::message::{Owed, Verdict};
use crate::model::quantity::Energy;
use crate::model::record::{Protocol, Segment, StartMode, TransactionRecord};
use crate::uplink::Reply;

/// Octets of the body of 0x3B.
const BODY: usize = 158;
/// Octets behind it in the ledger: record number, digest of the record before.
const CHAIN: usize = 16;
/// The highest register of 5 octets.
const HIGHEST_REGISTER: i64 = 0xFF_FFFF_FFFF;

/// What the ledger keeps of a record: made once, in the step that closes the session. A value that does not fit its field
/// is told as the largest one.
#[must_use]
pub fn record_body(record: &TransactionRecord) -> Vec<u8> {
    let mut octets = told(record).body();
    octets.extend(record.number.to_be_bytes());
    octets.extend(record.previous_digest);
    octets
}

/// Whether every value of a record fits its field.
#[must_use]
pub fn record_fits(record: &TransactionRecord) -> bool {
    let small = |value: i64| u32::try_from(value).is_ok();
    let register = |value: Option<Energy>| value.is_none_or(|r| (0..=HIGHEST_REGISTER).contains(&r.0));
    let tiers = Tier::ALL.map(|tier| Sum::of(record, tier));
    let card = match &record.credential {
        Credential::Card(uid) => card_phys(uid).is_some(),
        Credential::None
        | Credential::Vin(_)
        | Credential::FleetNumber(_)
        | Credential::Account(_)
        | Credential::Plate(_) => true,
    };
    tiers.iter().all(|sum| small(sum.energy) && small(sum.amount) && small(sum.price))
        && small(record.energy_total.0)
        && small(total(record))
        && register(record.start_register)
        && register(record.end_register)
        && card
}

/// The body that is sent: as it was made, or made from what the ledger says when it was made for another platform.
/// `None` when neither is there.
pub(super) fn sent(owed: &Owed) -> Option<Vec<u8>> {
    match &owed.record {
        Some(record) if record.protocol != Protocol::Ykc16 => Some(told(record).body()),
        Some(_) | None => {
            owed.body.get(..BODY).filter(|_| owed.body.len() == BODY + CHAIN).map(<[u8]>::to_vec)
        }
    }
}

/// 0x40. Only 0 acknowledges, only 1 refuses; an ASCII digit does neither.
pub(super) fn reply(ack: &RecordAck) -> Reply {
    let verdict = match ack.result {
        0 => Some(Verdict::Taken),
        1 => Some(Verdict::Refused(1)),
        _ => None,
    };
    Reply::Record { txn: values::txn(ack.serial), verdict }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tier {
    Tip,
    Peak,
    Flat,
    Valley,
}

impl Tier {
    const ALL: [Tier; 4] = [Tier::Tip, Tier::Peak, Tier::Flat, Tier::Valley];

    fn of(segment: &Segment) -> Tier {
        match segment.code {
            1 => Tier::Tip,
            2 => Tier::Peak,
            4 | 5 => Tier::Valley,
            _ => Tier::Flat,
        }
    }
}

/// One tier of a record.
#[derive(Default)]
struct Sum {
    price: i64,
    energy: i64,
    amount: i64,
}

impl Sum {
    fn of(record: &TransactionRecord, tier: Tier) -> Sum {
        let mut sum = Sum::default();
        let mut largest = 0;
        for segment in record.segments.iter().filter(|s| Tier::of(s) == tier) {
            if segment.energy.0 >= largest {
                largest = segment.energy.0;
                sum.price = i64::from(segment.electricity_price.0) + i64::from(segment.service_price.0);
            }
            let amount = segment.electricity_amount + segment.service_amount;
            sum.energy = sum.energy.saturating_add(segment.energy.0);
            sum.amount = sum.amount.saturating_add(amount.0);
        }
        sum
    }
}

fn total(record: &TransactionRecord) -> i64 {
    (record.electricity_total + record.service_total).0
}

fn told(record: &TransactionRecord) -> Record {
    let [tip, peak, flat, valley] = Tier::ALL.map(|tier| Sum::of(record, tier));
    let (start, end) = registers(record);
    let total_kwh = energy(record.energy_total);
    Record {
        serial: serial(record.txn),
        pile: pile(record.connector.pile),
        gun: gun(record.connector.number),
        start: time(record.start_time),
        end: time(record.end_time),
        tip_price: fit(tip.price),
        tip_kwh: fit(tip.energy),
        tip_kwh_loss: fit(tip.energy),
        tip_amount: fit(tip.amount),
        peak_price: fit(peak.price),
        peak_kwh: fit(peak.energy),
        peak_kwh_loss: fit(peak.energy),
        peak_amount: fit(peak.amount),
        flat_price: fit(flat.price),
        flat_kwh: fit(flat.energy),
        flat_kwh_loss: fit(flat.energy),
        flat_amount: fit(flat.amount),
        valley_price: fit(valley.price),
        valley_kwh: fit(valley.energy),
        valley_kwh_loss: fit(valley.energy),
        valley_amount: fit(valley.amount),
        meter_start: register(start),
        meter_end: register(end),
        total_kwh,
        total_kwh_loss: total_kwh,
        total_amount: fit(total(record)),
        vin: values::vin(record.vin.as_ref()),
        flag: flag(record.start_mode),
        time: time(record.end_time),
        stop: stop::code(record.stop_reason, record.energy_total > Energy::ZERO),
        card_phys: card(&record.credential),
    }
}

/// A session without a first reading has no energy: the register that is known stands for both.
fn registers(record: &TransactionRecord) -> (Energy, Energy) {
    let start = record.start_register.or(record.end_register).unwrap_or_default();
    let end = record.end_register.unwrap_or(start + record.energy_total);
    (start, end)
}

fn register(register: Energy) -> Narrow<5> {
    u64::try_from(register.0.max(0)).ok().and_then(Narrow::new).unwrap_or(Narrow::LARGEST)
}

/// How it began: 1 app, 2 card, 4 offline card, 5 VIN. An operator in the depot counts as app.
fn flag(mode: StartMode) -> u8 {
    match mode {
        StartMode::Remote | StartMode::LocalOperator => 1,
        StartMode::CardOnline => 2,
        StartMode::CardOffline => 4,
        StartMode::VinOnline | StartMode::VinOffline | StartMode::PlugAndCharge => 5,
    }
}

/// A UID of more than 8 octets is told as none: never as another card.
fn card(credential: &Credential) -> Raw<8> {
    match credential {
        Credential::Card(uid) => card_phys(uid).unwrap_or(Raw([0; 8])),
        Credential::None
        | Credential::Vin(_)
        | Credential::FleetNumber(_)
        | Credential::Account(_)
        | Credential::Plate(_) => Raw([0; 8]),
    }
}
