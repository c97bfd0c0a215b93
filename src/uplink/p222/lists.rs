//! The lists of cards, vehicles and plates, and departure plans (020E, 020F, 0210 to 0212, 0504, 0505; platform-222.md 8,
//! 11, 18).

use super::values::{local, utc, vin as vin_text};
use super::wire::{self, Body, Value, octets};
use crate::model::access::{
    Card, CardStatus, Departure, ListEntries, ListKind, ListStep, ListUpdate, Listed, Plate, PlateNumber,
    PlateStatus, Vehicle, VehicleStatus,
};
use crate::model::ident::{CardUid, Vin};
use sha2::{Digest, Sha256};

/// An entry as a sync message holds it.
pub(super) trait Told: Listed {
    /// The sync message.
    const NUMBER: u16;

    /// The key of an entry, if it has one.
    fn name(entry: &Body) -> Option<Self::Key>;
    fn read(entry: &Body) -> Option<Self>;
    fn write(&self, entry: Body) -> Body;
}

impl Told for Card {
    const NUMBER: u16 = 0x020E;

    fn name(entry: &Body) -> Option<CardUid> {
        CardUid::new(entry.raw("uid")).ok()
    }

    fn read(entry: &Body) -> Option<Card> {
        Some(Card {
            uid: Card::name(entry)?,
            account: entry.str("account").into(),
            status: match entry.num("status") {
                1 => CardStatus::Allowed,
                3 => CardStatus::Lost,
                _ => CardStatus::Blocked,
            },
            group: entry.int("group"),
            max_concurrent: entry.int("max_concurrent"),
            valid_until: utc(entry.when("valid_until")),
        })
    }

    fn write(&self, entry: Body) -> Body {
        let status: u8 = match self.status {
            CardStatus::Allowed => 1,
            CardStatus::Blocked => 2,
            CardStatus::Lost => 3,
        };
        entry
            .octets("uid", self.uid.as_bytes())
            .text("account", &self.account)
            .number("status", status)
            .number("group", self.group)
            .number("max_concurrent", self.max_concurrent)
            .time("valid_until", local(self.valid_until))
    }
}

impl Told for Vehicle {
    const NUMBER: u16 = 0x0210;

    fn name(entry: &Body) -> Option<Vin> {
        entry.str("vin").parse().ok()
    }

    fn read(entry: &Body) -> Option<Vehicle> {
        Some(Vehicle {
            vin: Vehicle::name(entry)?,
            fleet_number: entry.str("fleet_number").into(),
            plate: entry.str("plate").into(),
            status: match entry.num("status") {
                1 => VehicleStatus::Allowed,
                2 => VehicleStatus::Grey,
                _ => VehicleStatus::Refused,
            },
            bound_card: CardUid::new(entry.raw("bound_card")).ok(),
            power_percent: entry.int("power_percent"),
            priority: entry.int("priority"),
        })
    }

    fn write(&self, entry: Body) -> Body {
        let status: u8 = match self.status {
            VehicleStatus::Allowed => 1,
            VehicleStatus::Grey => 2,
            VehicleStatus::Refused => 3,
        };
        entry
            .text("vin", vin_text(Some(&self.vin)))
            .text("fleet_number", &self.fleet_number)
            .text("plate", &self.plate)
            .number("status", status)
            .octets("bound_card", self.bound_card.as_ref().map_or(&[], CardUid::as_bytes))
            .number("power_percent", self.power_percent)
            .number("priority", self.priority)
    }
}

impl Told for Plate {
    const NUMBER: u16 = 0x0504;

    fn name(entry: &Body) -> Option<PlateNumber> {
        let plate = entry.str("plate");
        (!plate.is_empty()).then(|| plate.into())
    }

    fn read(entry: &Body) -> Option<Plate> {
        Some(Plate {
            plate: Plate::name(entry)?,
            status: match entry.num("status") {
                1 => PlateStatus::Open,
                2 => PlateStatus::Watched,
                _ => PlateStatus::Refused,
            },
            valid_from: utc(entry.when("valid_from")),
            valid_until: utc(entry.when("valid_until")),
            fleet_number: entry.str("fleet_number").into(),
        })
    }

    fn write(&self, entry: Body) -> Body {
        let status: u8 = match self.status {
            PlateStatus::Open => 1,
            PlateStatus::Watched => 2,
            PlateStatus::Refused => 3,
        };
        entry
            .text("plate", &self.plate)
            .number("status", status)
            .time("valid_from", local(self.valid_from))
            .time("valid_until", local(self.valid_until))
            .text("fleet_number", &self.fleet_number)
    }
}

/// 020E, 0210, 0504. An unknown operation, an entry without key (or with a VIN that is none), and entries where there
/// are none to be are malformed.
pub(super) fn update<T: Told>(body: &Body) -> ListUpdate<T> {
    let entries = body.entries("entries");
    let step = match (body.num("op"), entries.is_empty()) {
        (1, true) => Some(ListStep::BeginFull),
        (2, _) => entries.iter().map(T::read).collect::<Option<_>>().map(ListStep::Put),
        (3, _) => entries.iter().map(T::name).collect::<Option<_>>().map(ListStep::Delete),
        (4, true) => Some(ListStep::Commit),
        _ => None,
    };
    ListUpdate {
        from_version: body.int("from_version"),
        to_version: body.int("to_version"),
        step: step.unwrap_or(ListStep::Malformed),
    }
}

/// 0212; `None` when one of the VINs is none.
pub(super) fn departures(body: &Body) -> Option<Vec<Departure>> {
    let plan = |entry: &Body| {
        Some(Departure {
            vin: Vehicle::name(entry)?,
            depart: utc(entry.when("depart")),
            target_soc: entry.int("target_soc"),
            priority: entry.int("priority"),
        })
    };
    body.entries("entries").iter().map(plan).collect()
}

/// The sync message of a list; the question for its digest follows it.
pub(super) fn number(kind: ListKind) -> u16 {
    match kind {
        ListKind::Cards => Card::NUMBER,
        ListKind::Vehicles => Vehicle::NUMBER,
        ListKind::Plates => Plate::NUMBER,
    }
}

/// SHA-256 over the entries as a sync message encodes them, sorted by key, shorter prefix first (18.3).
#[must_use]
pub fn list_digest(entries: &ListEntries) -> [u8; 32] {
    match entries {
        ListEntries::Cards(entries) => digest(entries),
        ListEntries::Vehicles(entries) => digest(entries),
        ListEntries::Plates(entries) => digest(entries),
    }
}

/// One entry at a time: as one message the largest list would take hundreds of megabytes.
fn digest<T: Told>(entries: &[T]) -> [u8; 32] {
    debug_assert!(entries.is_sorted_by_key(Listed::key), "a list is kept sorted");
    let mut digest = Sha256::new();
    for one in entries {
        let list = wire::request(T::NUMBER).list("entries", &[one], |entry, one| one.write(entry));
        if let Some(Value::List(entries)) = list.get("entries") {
            entries.iter().for_each(|entry| digest.update(octets::write(entry)));
        }
    }
    digest.finalize().into()
}

/// 020Fr, 0211r, 0505r, with the number of the message.
pub(super) fn digest_reply(version: u32, entries: &ListEntries) -> (u16, Body) {
    let number = number(entries.kind()) + 1;
    let body = wire::reply(number)
        .number("version", version)
        .number("count", entries.count() as u64)
        .octets("digest", &list_digest(entries));
    (number, body)
}
