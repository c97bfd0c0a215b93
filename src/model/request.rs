//! What the station wants of devices.

use super::quantity::Power;
use super::report::OrderId;

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
    /// Charger: begin to charge, at no more than this power.
    Start(Option<Power>),
    /// Charger: stop.
    Stop,
    /// Charger: draw no more than this.
    Limit(Power),
    /// Meter: read the register now, before any polled value (class billing).
    ReadRegister,
    /// Meter: tell it, and every other one that hears it, what time it is. Done when its clock was read back.
    SetClock,
    /// Reader: show a person what happens.
    Feedback(Feedback),
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
