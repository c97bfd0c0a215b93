//! Modbus RTU devices, told apart by profiles (rs485.md 3).
//!
//! A [`profile`] is data: registers, scales, words, poll groups, writes. From it [`plan`] makes reads, and [`Meter`] and
//! [`Charger`] ask them. A read response names no register, so a late one could be taken for the answer to another
//! question (rs485.md 6.4); three things stand against it here: its length and function must be those asked for,
//! questions that follow one another have different lengths where the map allows, and a write is answered only by its
//! own echo. The fourth, silence after a time-out, is the line's.

pub mod charger;
mod cycle;
mod exchange;
pub mod meter;
pub mod plan;
pub mod profile;
pub mod value;

pub use charger::Charger;
pub use meter::Meter;
pub use profile::Profile;

use std::fmt;
use std::time::Duration;

/// Orders that may wait at one device; the next one is reported as overtaken.
pub const MOST_ORDERS: usize = 8;

/// An order that has waited longer than this is reported as overtaken instead of being sent. A stop never is.
pub const OLDEST_ORDER: Duration = Duration::from_secs(10);

/// How often an order is sent again to a device that answers "busy", and how long it waits between.
const BUSY_TRIES: u8 = 10;
const BUSY_WAIT: Duration = Duration::from_millis(300);

/// Why a device cannot be made of this configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Modbus addresses are 1..=247.
    Address(u16),
    /// The profile describes another kind of device.
    Kind,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Address(address) => write!(f, "{address} is no Modbus address; 1 to 247"),
            Unfit::Kind => f.write_str("the profile describes another kind of device"),
        }
    }
}

impl std::error::Error for Unfit {}

/// Kinds of questions, for the line's learning of reply delays.
mod kind {
    pub(super) const PROBE: u16 = 0;
    pub(super) const WRITE: u16 = 1;
    pub(super) const BILLING: u16 = 2;
    /// And those that follow, one for each read.
    pub(super) const LIVE: u16 = 0x100;
    /// And those that follow, one for each read.
    pub(super) const SLOW: u16 = 0x200;
}
