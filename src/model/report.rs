//! What devices tell the station.

use super::ident::CardUid;
use super::quantity::{Current, Energy, Power, Voltage};
use super::vehicle::{ChargerEnd, VehicleReport};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One thing that a device told, already in units and judged by its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Values of a meter.
    Meter(MeterReading),
    /// State and values of one connector of a charger.
    Charger(ChargerStatus),
    /// A card was shown at a reader (once per showing; repeats within 2 s are swallowed by the driver).
    Card(CardUid),
    /// What was heard of the vehicle at a connector.
    Vehicle(VehicleReport),
    /// Condition of a reader.
    Reader(ReaderStatus),
    /// The outcome of an order that the station gave.
    Done(OrderId, Result<(), OrderFault>),
    /// The device's link changed.
    Link(LinkState),
}

/// Names one order from the station to a device, so that its outcome is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// Why an order was not carried out. "The device said no" is not "the line failed".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderFault {
    /// The device answered with a refusal; its raw code.
    Refused(u16),
    /// The device did not answer, retries included.
    Silent,
    /// The device or its profile does not offer this.
    Unsupported,
    /// The order waited too long in the queue of its line.
    Overtaken,
}

/// Values of a meter. Absent values were not read this time or were not usable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterReading {
    /// The order this answers; `None` for a value polled by period.
    pub order: Option<OrderId>,
    /// Total forward active energy, ratio applied.
    pub register: Option<Energy>,
    /// Smallest step of the register.
    pub resolution: Energy,
    /// Output or phase A.
    pub voltage: Option<Voltage>,
    /// Positive while charging.
    pub current: Option<Current>,
    /// Positive while charging.
    pub power: Option<Power>,
    /// Number of the meter as it tells it; a change means it was replaced.
    pub number: Option<String>,
    /// Registers of the tariffs in the meter's own order, ratio applied; empty when they were not read this time, or
    /// when their sum was not the total that was read with them.
    pub tariffs: Vec<Energy>,
    /// How far the meter's clock is ahead of ours, to about a second.
    pub clock_ahead_ms: Option<i64>,
}

/// What a charger is doing at one connector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChargerState {
    /// A number that its profile does not name.
    #[default]
    Unknown,
    /// Nothing runs.
    Idle,
    /// Between a start order and output.
    Preparing,
    /// Output confirmed.
    Charging,
    /// Ended, still plugged.
    Finished,
    /// A start did not lead to output.
    StartFailed,
    /// Stopped by a fault of its own.
    Faulted,
}

/// State and values of one connector of a charger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChargerStatus {
    /// What it is doing.
    pub state: ChargerState,
    /// Whether a vehicle is plugged in; `None` when the charger cannot tell.
    pub plugged: Option<bool>,
    /// State of charge, 0..=100 %.
    pub soc: Option<u8>,
    /// Output.
    pub voltage: Option<Voltage>,
    /// Output, positive while charging.
    pub current: Option<Current>,
    /// Output.
    pub power: Option<Power>,
    /// The charger's own count of this charge; never billed.
    pub session_energy: Option<Energy>,
    /// Fault bits of platform-222.md 13.3.
    pub faults: u32,
    /// Alarm codes of platform-222.md 13.6 that are the case, where the charger tells more than the fault bits do.
    pub alarms: BTreeSet<u16>,
    /// The charger's own state number.
    pub raw: u16,
    /// Hottest contact of the plug, degrees Celsius.
    pub connector_temperature_c: Option<i16>,
    /// Why the newest charge ended or did not begin, where the charger tells it; `None` once another one begins.
    pub end: Option<ChargerEnd>,
}

/// Condition of a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderStatus {
    /// Opened.
    pub tamper: bool,
    /// Its supply fails.
    pub power_failing: bool,
    /// The secure channel is up (always false where none is configured).
    pub secure: bool,
}

/// What is told of the depot beside its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surrounding {
    /// How a line stands.
    Line {
        /// Its place in the configuration, from 0.
        line: u16,
        /// Its port or adapter is not there.
        gone: bool,
        /// Share of what went wrong lately: of the questions to devices that answer otherwise, those that stayed
        /// unanswered; of the frames of a bus, those that broke.
        errors_permille: u16,
    },
    /// How full the disk of the store is.
    Disk {
        /// Free for us.
        free_permille: u16,
    },
}

/// State of a device's link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// Not asked yet.
    #[default]
    Unknown,
    /// Answers.
    Good,
    /// Some questions stay unanswered.
    Degraded,
    /// Does not answer; probed with back-off.
    Silent,
}
