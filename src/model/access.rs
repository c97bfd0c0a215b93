//! The lists that the platform keeps with the station: cards (020E), vehicles (0210), plates (0504), and departure plans
//! (0212); platform-222.md 18.

use super::ident::{CardUid, Vin};
use super::text::Text;
use super::time::Utc;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListKind {
    /// 020E, 020F.
    Cards,
    /// 0210, 0211.
    Vehicles,
    /// 0504, 0505.
    Plates,
}

impl ListKind {
    /// Most entries (platform-222.md 2, assumption).
    #[must_use]
    pub fn capacity(self) -> usize {
        match self {
            ListKind::Cards | ListKind::Vehicles => 200_000,
            ListKind::Plates => 20_000,
        }
    }

    /// What it is called in a line for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ListKind::Cards => "card list",
            ListKind::Vehicles => "VIN list",
            ListKind::Plates => "plate list",
        }
    }
}

/// An entry of a list. Entries are compact and hold nothing on the heap: there may be 200 000 of them.
pub trait Listed: Copy + fmt::Debug + Eq {
    /// What names it; ordered as the digest of the list wants it: by octets, a shorter prefix first (18.3).
    type Key: Copy + fmt::Debug + Ord;
    /// Which list it is of.
    const KIND: ListKind;

    /// Its name.
    fn key(&self) -> Self::Key;
}

/// Entries of a list sorted by key, shared and never changed: whoever needs all of them copies none.
pub type Entries<T> = Arc<Vec<T>>;

/// Printed number of a card, at most 20 characters.
pub type Account = Text<20>;
/// 车辆自编号, at most 12 characters; empty = none.
pub type FleetNumber = Text<12>;
/// A plate, normalised, at most 16 octets.
pub type PlateNumber = Text<16>;

/// What the list says of a card; unknown numbers mean blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardStatus {
    /// May charge.
    Allowed,
    /// May not.
    Blocked,
    /// Reported lost.
    Lost,
}

/// One card of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The key.
    pub uid: CardUid,
    /// Printed number.
    pub account: Account,
    /// What the list says.
    pub status: CardStatus,
    /// Cards of one group, not 0, may stop each other's sessions.
    pub group: u32,
    /// Sessions at the same time as the platform wrote it; the digest of the list covers it. Decisions use
    /// [`Card::concurrent`].
    pub max_concurrent: u8,
    /// `None` = no end.
    pub valid_until: Option<Utc>,
}

impl Card {
    /// Sessions at the same time: 0 counts as 1.
    #[must_use]
    pub fn concurrent(&self) -> u8 {
        self.max_concurrent.max(1)
    }
}

impl Listed for Card {
    type Key = CardUid;
    const KIND: ListKind = ListKind::Cards;

    fn key(&self) -> CardUid {
        self.uid
    }
}

/// What the list says of a vehicle; unknown numbers mean refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VehicleStatus {
    /// May charge.
    Allowed,
    /// May charge, marked (alarm 0410).
    Grey,
    /// May not (alarm 040C).
    Refused,
}

/// One vehicle of the VIN list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vehicle {
    /// The key.
    pub vin: Vin,
    /// 车辆自编号; empty = none.
    pub fleet_number: FleetNumber,
    /// Empty = none.
    pub plate: PlateNumber,
    /// What the list says.
    pub status: VehicleStatus,
    /// The only card that may start it; `None` = any.
    pub bound_card: Option<CardUid>,
    /// Of the charger's rating; 0 and 100 mean no limit.
    pub power_percent: u8,
    /// 0 lowest to 9.
    pub priority: u8,
}

impl Listed for Vehicle {
    type Key = Vin;
    const KIND: ListKind = ListKind::Vehicles;

    fn key(&self) -> Vin {
        self.vin
    }
}

/// What the list says of a plate; unknown numbers mean refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlateStatus {
    /// The gate opens.
    Open,
    /// The gate opens, with alarm 050B.
    Watched,
    /// The gate stays closed.
    Refused,
}

/// One plate of the plate list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plate {
    /// The key.
    pub plate: PlateNumber,
    /// What the list says.
    pub status: PlateStatus,
    /// `None` = always.
    pub valid_from: Option<Utc>,
    /// `None` = no end.
    pub valid_until: Option<Utc>,
    /// 车辆自编号; empty = none.
    pub fleet_number: FleetNumber,
}

impl Listed for Plate {
    type Key = PlateNumber;
    const KIND: ListKind = ListKind::Plates;

    fn key(&self) -> PlateNumber {
        self.plate
    }
}

/// When a vehicle leaves and what it needs by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// Which.
    pub vin: Vin,
    /// When; `None` removes the plan.
    pub depart: Option<Utc>,
    /// %.
    pub target_soc: u8,
    /// 0 lowest to 9.
    pub priority: u8,
}

/// A step of a list update (platform-222.md 18.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListStep<T: Listed> {
    /// Drop any unfinished update and open an empty full one.
    BeginFull,
    /// Add entries or replace those of the same key.
    Put(Vec<T>),
    /// Delete by key.
    Delete(Vec<T::Key>),
    /// Put the collected update in force in one durable step.
    Commit,
    /// Entries added or replaced, then keys deleted, in one durable step, whatever the version: of platforms whose lists
    /// have none. The list gets the next version.
    Change(Vec<T>, Vec<T::Key>),
    /// An operation number that the table does not hold, or an entry without a key.
    Malformed,
}

/// A list update message with the versions it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListUpdate<T: Listed> {
    /// Version in force, 0 for a full list.
    pub from_version: u32,
    /// Version after the commit, not 0.
    pub to_version: u32,
    /// What to do.
    pub step: ListStep<T>,
}

/// Every entry of one of the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEntries {
    /// Of the card list.
    Cards(Entries<Card>),
    /// Of the VIN list.
    Vehicles(Entries<Vehicle>),
    /// Of the plate list.
    Plates(Entries<Plate>),
}

impl ListEntries {
    /// Which list.
    #[must_use]
    pub fn kind(&self) -> ListKind {
        match self {
            ListEntries::Cards(_) => ListKind::Cards,
            ListEntries::Vehicles(_) => ListKind::Vehicles,
            ListEntries::Plates(_) => ListKind::Plates,
        }
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            ListEntries::Cards(entries) => entries.len(),
            ListEntries::Vehicles(entries) => entries.len(),
            ListEntries::Plates(entries) => entries.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_lists_of_cards_and_vehicles_take_less_than_sixteen_megabytes_each() {
        assert!(ListKind::Cards.capacity() * size_of::<Card>() <= 12_000_000, "{}", size_of::<Card>());
        assert!(
            ListKind::Vehicles.capacity() * size_of::<Vehicle>() <= 13_000_000,
            "{}",
            size_of::<Vehicle>()
        );
        assert!(ListKind::Plates.capacity() * size_of::<Plate>() <= 2_000_000, "{}", size_of::<Plate>());
    }
}
