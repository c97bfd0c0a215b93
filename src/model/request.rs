//! What the station wants of devices.

use super::quantity::{Energy, Power};
use super::report::OrderId;
use super::vehicle::Admission;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An order with the name under which its outcome is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Repeated in [`super::report::Report::Done`] and in an ordered meter reading.
    pub order: OrderId,
    /// What is wanted.
    pub what: Order,
}

/// What can be wanted of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Charger: begin to charge. Done when the device took the order; its status tells when output is there.
    Start(StartOrder),
    /// Charger: handshake with the vehicle and learn who it is, the output contactor open. Done when the device took the
    /// order; the vehicle follows as a report and then waits for [`Order::Admit`]. A [`Order::Start`] meanwhile goes on
    /// from there, a [`Order::Stop`] ends it.
    Identify(AuxVoltage),
    /// Charger: what the vehicle that named itself may do. Only where the device waits for it.
    Admit(Admission),
    /// Charger: stop.
    Stop,
    /// Charger: draw no more than this.
    Limit(Power),
    /// Charger: take this connector into service, or out of it.
    Service(bool),
    /// Charger: close the electronic lock of the plug, or open it.
    Lock(bool),
    /// Charger: show this to the person there. Nothing is reported of it.
    Delivered {
        /// In this session so far.
        energy: Energy,
        /// Since charging began.
        elapsed: Duration,
    },
    /// Meter: read the register now, before any polled value (class billing).
    ReadRegister,
    /// Meter: tell it, and every other one that hears it, what time it is. Done when its clock was read back.
    SetClock,
    /// Reader: show a person what happens.
    Feedback(Feedback),
}

/// How a charge is to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartOrder {
    /// No more than this; `None` = what it can.
    pub max_power: Option<Power>,
    /// Supply of the vehicle's BMS.
    pub aux_voltage: AuxVoltage,
    /// The vehicle has to name itself first and waits for [`Order::Admit`], where the device can do that.
    pub verify_vin: bool,
    /// It is one of two plugs in one vehicle.
    pub dual: bool,
}

/// Auxiliary supply of a vehicle's BMS. Never raised from 12 to 24 V by ourselves: that destroys a 12 V BMS (domain.md 2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuxVoltage {
    /// Cars, and the default of parameter 0038.
    #[default]
    V12,
    /// Buses.
    V24,
}

/// What a person at a reader sees and hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// Waiting for a card.
    Idle,
    /// A card was read; somebody is being asked.
    Asking,
    /// Yes: charging begins.
    Accepted,
    /// No, and why, in at most 32 characters of ASCII.
    Refused(String),
    /// A session runs.
    Charging,
    /// The session ended.
    Finished,
    /// The connector cannot be used.
    OutOfOrder,
}
