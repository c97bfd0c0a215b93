//! What is known of a vehicle at a connector: the words of GB/T 27930 in our units, whoever heard them (a tap on the
//! plug's own bus, or a charge controller that repeats them). Currents are positive while charging, unlike on the bus.
//!
//! Fields that were not heard, or that the sender marked as not sent, are `None`. Telemetry: it may be lost.

use super::ident::Vin;
use super::quantity::{Current, Energy, Voltage};
use super::stop::StopReason;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One thing that was heard of the vehicle at a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VehicleReport {
    /// It named itself. Told again when more of it is known or it names itself otherwise.
    Handshake(Box<Handshake>),
    /// Newest demand and measurements; at most once a second.
    Progress(Box<Progress>),
    /// Something that GB/T 27930 calls abnormal (0420 to 0425, 0601 to 0623) began (true) or is over.
    Fault(StopReason, bool),
    /// Vehicle or charger forbids current for now (true), or no more.
    Paused(bool),
    /// The dialogue ended; told again when the other side's words follow.
    End(Box<End>),
    /// The plug is out or nothing was heard for long: what was known is of the past.
    Gone,
}

/// Who the vehicle is and what its battery bears (BRM, BCP) and what the charger offers it (CML): the content of 0206.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Its VIN; `None` when absent or no identity (platform-222.md 15.4).
    pub vin: Option<Vin>,
    /// Protocol version of the BMS as on the bus.
    pub bms_version: Option<[u8; 3]>,
    /// GB/T 27930 code of the battery type.
    pub battery_type: Option<u8>,
    /// Rated capacity in 0.1 Ah.
    pub rated_capacity_dah: Option<u16>,
    /// Rated voltage.
    pub rated_voltage: Option<Voltage>,
    /// Four characters of the battery's maker, as on the bus.
    pub battery_maker: Option<[u8; 4]>,
    /// Maker-defined serial number of the pack.
    pub pack_serial: Option<u32>,
    /// Year minus 1985, month, day, as on the bus.
    pub made: Option<(u8, u8, u8)>,
    /// How often it was charged.
    pub charge_count: Option<u32>,
    /// 0 leased, 1 owned.
    pub ownership: Option<u8>,
    /// Software stamp of the BMS as on the bus.
    pub bms_software: Option<[u8; 8]>,
    /// Highest cell voltage allowed.
    pub max_cell_voltage: Option<Voltage>,
    /// Highest charging current allowed.
    pub max_current: Option<Current>,
    /// Nominal energy.
    pub nominal_energy: Option<Energy>,
    /// Highest total voltage allowed.
    pub max_voltage: Option<Voltage>,
    /// Highest temperature allowed, degrees Celsius.
    pub max_temperature_c: Option<i16>,
    /// State of charge in 0.1 %.
    pub soc_permille: Option<u16>,
    /// Battery voltage before charging.
    pub battery_voltage: Option<Voltage>,
    /// Highest voltage of the charger.
    pub charger_max_voltage: Option<Voltage>,
    /// Lowest voltage of the charger.
    pub charger_min_voltage: Option<Voltage>,
    /// Highest current of the charger.
    pub charger_max_current: Option<Current>,
    /// Lowest current of the charger.
    pub charger_min_current: Option<Current>,
}

/// How charging goes (BCL, BCS, CCS, BSM): the content of 0207.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Voltage wanted.
    pub demand_voltage: Option<Voltage>,
    /// Current wanted.
    pub demand_current: Option<Current>,
    /// 1 constant voltage, 2 constant current.
    pub demand_mode: Option<u8>,
    /// Voltage that the battery measures.
    pub battery_voltage: Option<Voltage>,
    /// Current that the battery measures.
    pub battery_current: Option<Current>,
    /// Highest cell voltage.
    pub max_cell_voltage: Option<Voltage>,
    /// Group of that cell, as on the bus.
    pub max_cell_group: Option<u8>,
    /// 0..=100 %.
    pub soc: Option<u8>,
    /// Until full, whole minutes; 600 min is that or more.
    pub remaining: Option<Duration>,
    /// Output voltage.
    pub output_voltage: Option<Voltage>,
    /// Output current.
    pub output_current: Option<Current>,
    /// How long the charger has charged, whole minutes.
    pub charge_time: Option<Duration>,
    /// Whether the charger allows current.
    pub permit: Option<bool>,
    /// Number of the cell with the highest voltage, as on the bus.
    pub max_cell_number: Option<u8>,
    /// Hottest point, degrees Celsius.
    pub max_temperature_c: Option<i16>,
    /// Its number, as on the bus.
    pub max_temperature_point: Option<u8>,
    /// Coldest point, degrees Celsius.
    pub min_temperature_c: Option<i16>,
    /// Its number, as on the bus.
    pub min_temperature_point: Option<u8>,
    /// Bytes 6 and 7 of BSM as on the bus, undefined bits 1.
    pub status: Option<[u8; 2]>,
}

/// How it ended, from both sides (BST, CST, BSD, CSD, BEM, CEM): the content of 0208.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Why the BMS stopped, as on the bus.
    pub bst: Option<[u8; 4]>,
    /// Why the charger stopped, as on the bus.
    pub cst: Option<[u8; 4]>,
    /// The first cause that either side named; `None` while both only follow each other.
    pub reason: Option<StopReason>,
    /// State of charge at the end, 0..=100 % (BSD and the following).
    pub end_soc: Option<u8>,
    /// Lowest cell voltage.
    pub min_cell_voltage: Option<Voltage>,
    /// Highest cell voltage.
    pub max_cell_voltage: Option<Voltage>,
    /// Lowest temperature, degrees Celsius.
    pub min_temperature_c: Option<i16>,
    /// Highest temperature, degrees Celsius.
    pub max_temperature_c: Option<i16>,
    /// Charging time as the charger counts it, minutes (CSD).
    pub charge_minutes: Option<u16>,
    /// Energy as the charger counts it; never billed (CSD).
    pub charge_energy: Option<Energy>,
    /// The charger's number as on the bus (CSD).
    pub charger_number: Option<u32>,
    /// What the BMS missed, as on the bus.
    pub bem: Option<[u8; 4]>,
    /// What the charger missed, as on the bus.
    pub cem: Option<[u8; 4]>,
}

/// The causes of BST in the edition of 2015 (can.md 1.3): octet, lower bit of its two-bit state, reason. Faults before
/// goals: a goal that is reached together with a fault is not why it stopped.
const BST: [(usize, u8, StopReason); 13] = [
    (1, 0, StopReason::BST_INSULATION),
    (1, 2, StopReason::BST_CONNECTOR_HOT),
    (1, 4, StopReason::BST_PART_HOT),
    (1, 6, StopReason::BST_CONNECTOR),
    (2, 0, StopReason::BST_PACK_HOT),
    (2, 2, StopReason::BST_RELAY),
    (2, 4, StopReason::BST_POINT_2),
    (3, 0, StopReason::BST_CURRENT),
    (3, 2, StopReason::BST_VOLTAGE),
    (2, 6, StopReason::VEHICLE_FAULT),
    (0, 0, StopReason::TARGET_SOC),
    (0, 2, StopReason::TOTAL_VOLTAGE),
    (0, 4, StopReason::CELL_VOLTAGE),
];

/// Why a vehicle of the edition of 2015 says it stopped; `None` when it names no cause of its own.
#[must_use]
pub fn bst_cause(bst: [u8; 4]) -> Option<StopReason> {
    BST.iter().find(|(octet, bit, _)| bst[*octet] >> bit & 3 == 1).map(|(.., reason)| *reason)
}

/// In which part of a charge it ended: what a raw reason code means depends on it (can.md 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndStage {
    /// The start order was refused.
    StartRefused,
    /// The start was not completed.
    Starting,
    /// It had begun.
    Charging,
}

/// Why a charge controller says a charge ended or did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargerEnd {
    /// When.
    pub stage: EndStage,
    /// The controller's own code.
    pub code: u8,
    /// What that means for us.
    pub reason: StopReason,
}

/// What the station lets a vehicle do that named itself while the output contactor is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may charge.
    Admitted,
    /// Its VIN is no identity.
    Illegal,
    /// It may not.
    Refused,
    /// Nobody decided in time.
    TimedOut,
}
