//! The lists that the platform keeps with the station: cards (020E), vehicles (0210), plates (0504), and departure plans
//! (0212); platform-222.md 18.

use super::ident::{CardUid, Vin};
use super::time::Utc;
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The key.
    pub uid: CardUid,
    /// Printed number, at most 20 characters.
    pub account: String,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vehicle {
    /// The key.
    pub vin: Vin,
    /// 车辆自编号, at most 12 characters; empty = none.
    pub fleet_number: String,
    /// At most 16 octets; empty = none.
    pub plate: String,
    /// What the list says.
    pub status: VehicleStatus,
    /// The only card that may start it; `None` = any.
    pub bound_card: Option<CardUid>,
    /// Of the charger's rating; 0 and 100 mean no limit.
    pub power_percent: u8,
    /// 0 lowest to 9.
    pub priority: u8,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plate {
    /// The key, normalised, at most 16 octets.
    pub plate: String,
    /// What the list says.
    pub status: PlateStatus,
    /// `None` = always.
    pub valid_from: Option<Utc>,
    /// `None` = no end.
    pub valid_until: Option<Utc>,
    /// 车辆自编号, at most 12 characters; empty = none.
    pub fleet_number: String,
}

/// When a vehicle leaves and what it needs by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub enum ListStep<T, K> {
    /// Drop any unfinished update and open an empty full one.
    BeginFull,
    /// Add entries or replace those of the same key.
    Put(Vec<T>),
    /// Delete by key.
    Delete(Vec<K>),
    /// Put the collected update in force in one durable step.
    Commit,
    /// Entries added or replaced, then keys deleted, in one durable step, whatever the version: of platforms whose lists
    /// have none. The list gets the next version.
    Change(Vec<T>, Vec<K>),
    /// An operation number that the table does not hold, or an entry without a key.
    Malformed,
}

/// A list update message with the versions it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListUpdate<T, K> {
    /// Version in force, 0 for a full list.
    pub from_version: u32,
    /// Version after the commit, not 0.
    pub to_version: u32,
    /// What to do.
    pub step: ListStep<T, K>,
}
