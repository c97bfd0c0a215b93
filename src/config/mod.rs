//! The configuration file: as written (`file`), and as relied on (the types here).
//!
//! Whatever has a [`Config`] may rely on it: every name exists, every address is unique on its line, every plan fits
//! its wire. [`load`] gives every problem, not just the first.

mod can;
mod chargers;
mod check;
pub mod devices;
mod file;
mod profiles;
pub mod reader;
mod readers;
mod secret;
#[cfg(test)]
mod tests;
mod ykc16;

pub use can::{Can, CanWay};
pub(crate) use chargers::partner;
pub use reader::Problem;
pub use readers::{Reader, ReaderKind};
pub use secret::{Secret, SecretError, SecretSource};

use crate::driver::tcu::Dialect;
use crate::model::ident::DeviceCode;
use crate::model::quantity::Power;
use crate::model::record::{BillingMode, Protocol};
use crate::model::request::AuxVoltage;
use crate::wire::dlt645::control::Edition;
use std::time::Duration;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// 14 digits, given by the platform.
    pub code: DeviceCode,
    /// For people.
    pub name: String,
    /// The platform; absent = the depot works by itself.
    pub uplink: Option<Uplink>,
    /// What an orderly stop does to running sessions.
    pub stop: StopSessions,
    /// The database.
    pub store: Store,
    /// Who computes the money, unless a charger says otherwise.
    pub billing: BillingMode,
    /// Charging while the platform is away.
    pub offline: Offline,
    /// Limit of the site.
    pub site_limit: Option<Power>,
    /// Path of the control socket.
    pub socket: String,
    /// Address of the local page; absent = off.
    pub web: Option<Web>,
    /// Address of the metrics; absent = off.
    pub metrics: Option<std::net::SocketAddr>,
    /// RS-485 lines.
    pub lines: Vec<Line>,
    /// Meters.
    pub meters: Vec<Meter>,
    /// Card readers.
    pub readers: Vec<Reader>,
    /// CAN buses.
    pub cans: Vec<Can>,
    /// Chargers with their connectors.
    pub chargers: Vec<Charger>,
}

/// The platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// What it speaks.
    pub protocol: Protocol,
    /// How piles share connections.
    pub connections: Connections,
    /// `host:port`, tried in order.
    pub addresses: Vec<String>,
    /// Station secret; absent = login without proof.
    pub secret: Option<SecretSource>,
    /// Longest wait between tries, 1 s ..= 600 s.
    pub reconnect_max: Duration,
    /// Checksum variant of the dialect, for example `ibm3740`.
    pub crc: String,
    /// Checksum low byte first.
    pub crc_little_endian: bool,
}

/// How the piles of a station share connections to the platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connections {
    /// One connection carries them all.
    #[default]
    Station,
    /// Each pile has its own.
    Pile,
}

/// What an orderly stop does to running sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopSessions {
    /// Leave them charging and adopt them at the next start.
    #[default]
    Keep,
    /// Close them in order.
    End,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Its file.
    pub path: String,
    /// Acknowledged records stay this long for recall.
    pub keep_records: Duration,
}

/// Charging while the platform is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offline {
    /// Off is the safe default.
    pub enable: bool,
    /// Longest age of the lists.
    pub list_max_age: Duration,
    /// Per card, until its records are acknowledged.
    pub sessions_per_card: u32,
    /// Per card, until its records are acknowledged, 1e-4 kWh; 0 = no cap.
    pub energy_per_card: i64,
    /// Fleet VINs on the list may start.
    pub vin: bool,
}

/// The local page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// `address:port`.
    pub listen: std::net::SocketAddr,
    /// Needed on any address that is not the machine's own.
    pub token: Option<SecretSource>,
}

/// One RS-485 line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Path of the device.
    pub device: String,
    /// Bits per second.
    pub baud: u32,
    /// Parity bit.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    /// Whether the driver of the kernel turns the line (TIOCSRS485), not the adapter.
    pub kernel_turns: bool,
    /// Whether its DL/T 645 meters are told the time, once a day at most.
    pub set_meter_clocks: bool,
}

/// Parity of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parity {
    /// No parity bit.
    #[default]
    None,
    /// Even parity.
    Even,
    /// Odd parity.
    Odd,
}

/// One meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Its name.
    pub name: String,
    /// Index into [`Config::lines`].
    pub line: usize,
    /// What it speaks, and its address.
    pub address: MeterAddress,
    /// Name of a built-in profile, or the text of one.
    pub profile: String,
    /// Period of the live values.
    pub poll: Duration,
    /// Current-transformer ratio where it reports secondary values.
    pub ratio: u32,
}

/// What a meter speaks, and its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterAddress {
    /// DL/T 645, address as printed: 12 digits.
    Dlt645(Edition, [u8; 6]),
    /// Modbus RTU, 1..=247.
    Modbus(u8),
}

impl MeterAddress {
    /// What it speaks, in the words of the configuration.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            MeterAddress::Dlt645(Edition::Y2007, _) => "dlt645-2007",
            MeterAddress::Dlt645(Edition::Y1997, _) => "dlt645-1997",
            MeterAddress::Modbus(_) => "modbus",
        }
    }
}

impl std::fmt::Display for MeterAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MeterAddress::Dlt645(_, address) => address.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
            MeterAddress::Modbus(address) => write!(f, "{address}"),
        }
    }
}

/// One charger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charger {
    /// The pile's own code.
    pub code: DeviceCode,
    /// DC or AC.
    pub dc: bool,
    /// How it is spoken to.
    pub driver: ChargerDriver,
    /// Rating of the pile.
    pub rated: Power,
    /// Who computes the money.
    pub billing: BillingMode,
    /// Its guns.
    pub connectors: Vec<Connector>,
}

/// How a charger is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargerDriver {
    /// Modbus RTU on an RS-485 line.
    Modbus {
        /// Index into [`Config::lines`].
        line: usize,
        /// Of connector 1; connector n answers at `address + n - 1`.
        address: u8,
        /// Name of a built-in profile, or the text of one.
        profile: String,
    },
    /// The charge controllers behind a billing control unit on CAN.
    Tcu {
        /// Index into [`Config::cans`].
        can: usize,
        /// CAN address of connector 1; connector n sits at `address + n - 1`.
        address: u8,
        /// Which version of the protocol is offered.
        dialect: Dialect,
        /// Connectors 1 and 2, 3 and 4 … may be in one vehicle.
        dual_gun: bool,
    },
}

/// One gun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// From 1 inside the pile.
    pub number: u8,
    /// Index into [`Config::meters`].
    pub meter: usize,
    /// Index into [`Config::readers`].
    pub reader: Option<usize>,
    /// What it may draw when control is lost.
    pub fallback: Option<Power>,
    /// Index into [`Config::cans`] of the bus that listens at the plug.
    pub tap: Option<usize>,
    /// A vehicle may be its own credential.
    pub vin_start: bool,
    /// Supply of a vehicle's BMS.
    pub aux: AuxVoltage,
}

/// Reads and checks a configuration. `read_file` gives the text of a profile file.
pub fn load(text: &str, read_file: &dyn Fn(&str) -> std::io::Result<String>) -> Result<Config, Vec<Problem>> {
    let mut problems = reader::Problems::new(text);
    let written = file::read(text, &mut problems);
    let config = check::resolve(written, &mut problems, read_file);
    problems.found.sort();
    problems.found.dedup();
    if problems.found.is_empty() { Ok(config) } else { Err(problems.found) }
}
