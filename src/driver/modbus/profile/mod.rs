//! What a kind of device looks like on the wire: a TOML file, built in or of the user.
//!
//! ```toml
//! [profile]                       # id, kind "meter" | "charger", verified "none" | "manual" | "bench" | "field",
//! id = "example"                  # protocol "modbus-rtu"; source; power_from_voltage_and_current
//! [timing]                        # ms: reply, floor, ceiling, inter_octet, turnaround, after_slave_change
//! [limits]                        # max_regs, gap, cross_block
//! [[block]]                       # fc, first, last: registers that may be read together; whole = reads begin at first
//! [[point]]                       # name, fc, addr, type, order, scale, unit, exp_addr, exp_bias, values, resolution_wh,
//! group = "live"                  # shift, mask (of a u16), label; group "billing" | "live" | "slow", or never asked for
//! [[check]]                       # kind "p_equals_ui", tolerance, min_w: a power that differs from U x I is not told
//! [[write]]                       # order "start" | "stop" | "limit" | "watchdog", in sequence; fc, addr, type,
//!                                 # value | scale + unit (W, kW; A with watts_per_ampere); every_s of a watchdog
//! ```
//!
//! A watchdog is written for ever, so that a charger knows its station lives; without one the state poll must do.
//!
//! Addresses are those of the wire, from 0. Points that drivers know: `energy.forward`, `voltage`, `current`, `power`,
//! `number` of a meter; `state`, `fault` (not 0 is one), `plugged`, `soc`, `voltage`, `current`, `power`, `session-energy` of a charger. Others
//! are for people. `values` gives numbers their words; those of `state` are the names of [`ChargerState`], those of
//! `plugged` are `yes` and `no`.

mod deny;
mod points;
mod read;
mod show;
mod writes;
mod written;

use super::value::{Decimal, Form, Order, Raw};
use crate::driver::Timing;
use crate::model::quantity::{Energy, Power};
use crate::model::report::ChargerState;
use crate::wire::modbus::Table;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The built-in profiles: name and text.
pub const BUILT_IN: [(&str, &str); 9] = [
    ("acrel-djsf1352-rn", include_str!("../../../../packaging/profiles/acrel-djsf1352-rn.toml")),
    ("acrel-adl400", include_str!("../../../../packaging/profiles/acrel-adl400.toml")),
    ("cn-pile-v2", include_str!("../../../../packaging/profiles/cn-pile-v2.toml")),
    ("enlyta-djsf2669d", include_str!("../../../../packaging/profiles/enlyta-djsf2669d.toml")),
    ("eastron-sdm630", include_str!("../../../../packaging/profiles/eastron-sdm630.toml")),
    ("chint-dtsu666", include_str!("../../../../packaging/profiles/chint-dtsu666.toml")),
    ("orno-we514", include_str!("../../../../packaging/profiles/orno-we514.toml")),
    ("cn-dc-controller-2015", include_str!("../../../../packaging/profiles/cn-dc-controller-2015.toml")),
    ("abb-terra-ac", include_str!("../../../../packaging/profiles/abb-terra-ac.toml")),
];

/// A checked profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub id: String,
    /// What it describes.
    pub kind: Kind,
    /// How far it can be believed.
    pub verified: Verified,
    /// Where its facts come from.
    pub source: String,
    /// DC meters whose power register is not to be trusted.
    pub power_from_voltage_and_current: bool,
    /// Habits of the device.
    pub timing: Timing,
    /// How much may be read at once.
    pub limits: Limits,
    /// What may be read together; empty = everything.
    pub blocks: Vec<Block>,
    /// Its registers.
    pub points: Vec<Point>,
    /// What is written for each order, in sequence.
    pub writes: Vec<Write>,
    /// When a power is not to be believed.
    pub check: Option<Check>,
}

/// A power that differs from voltage x current is not told (rs485.md 3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// By more than so many thousandths of itself.
    pub permille: i64,
    /// Below this it is not looked at.
    pub least: Power,
}

/// What a profile describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A meter.
    Meter,
    /// One connector of a charger.
    Charger,
}

/// How far a profile can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// Not at all.
    None,
    /// Taken from a manual or from published code.
    Manual,
    /// Tried on a device on a bench.
    Bench,
    /// In service.
    Field,
}

/// How much may be read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most registers of one read, 1..=125.
    pub max_regs: u16,
    /// Points with at most so many registers between them are read together.
    pub gap: u16,
    /// Reads may cross the edges of blocks.
    pub cross_block: bool,
}

/// Registers that may be read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Holding or input.
    pub table: Table,
    /// First register.
    pub first: u16,
    /// Last one.
    pub last: u16,
    /// Every read begins at the first register.
    pub whole: bool,
}

/// One value of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Unique in the profile.
    pub name: String,
    /// Holding or input.
    pub table: Table,
    /// First register.
    pub address: u16,
    /// How it is laid in registers.
    pub form: Form,
    /// Order of its octets.
    pub order: Order,
    /// Decimal scale to `unit`.
    pub scale: Decimal,
    /// A register that holds a further power of ten, and what is added to it.
    pub exponent: Option<(u16, i32)>,
    /// What it is measured in.
    pub unit: Unit,
    /// When it is asked for; `None` = never.
    pub group: Option<Group>,
    /// Stated smallest step of an energy register.
    pub resolution: Option<Energy>,
    /// Some bits of the register: shifted down, then masked.
    pub bits: Option<(u32, u16)>,
    /// What people see it called; points of one label are shown as a list.
    pub label: Option<String>,
    /// Words of numbers.
    pub values: BTreeMap<u16, String>,
}

/// When a point is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// When a session needs it, and with the live values.
    Billing,
    /// By the period of the device.
    Live,
    /// Seldom.
    Slow,
}

/// What is written for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// For which order.
    pub order: Ordered,
    /// With function 10 instead of 06.
    pub multiple: bool,
    /// First register.
    pub address: u16,
    /// How the number is laid in registers.
    pub form: Form,
    /// Order of its octets.
    pub octets: Order,
    /// What is written.
    pub content: Content,
    /// Of a watchdog: from one write to the next.
    pub every: Duration,
}

/// Which order of the station a write belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ordered {
    /// Begin to charge.
    Start,
    /// Stop.
    Stop,
    /// Draw no more than this.
    Limit,
    /// No order: written again and again, so that the charger knows that its station lives.
    Watchdog,
}

/// What a write carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Always this.
    Fixed(i64),
    /// The ordered power: scale, power of ten from watts to the unit, and watts of one unit (1, or those of an ampere).
    Power(Decimal, i32, i64),
}

/// Units that profiles may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Unit {
    /// A bare number.
    #[default]
    #[serde(rename = "")]
    None,
    /// Watt-hours.
    Wh,
    /// Kilowatt-hours.
    #[serde(rename = "kWh")]
    KiloWh,
    /// Megawatt-hours.
    #[serde(rename = "MWh")]
    MegaWh,
    /// Millivolts.
    #[serde(rename = "mV")]
    MilliV,
    /// Volts.
    V,
    /// Milliamperes.
    #[serde(rename = "mA")]
    MilliA,
    /// Amperes.
    A,
    /// Watts.
    W,
    /// Kilowatts.
    #[serde(rename = "kW")]
    KiloW,
    /// Hundredths.
    #[serde(rename = "%")]
    Percent,
    /// Seconds.
    #[serde(rename = "s")]
    Second,
    /// Hertz.
    Hz,
    /// Degrees Celsius.
    #[serde(rename = "°C")]
    Celsius,
    /// Reactive power.
    #[serde(rename = "var")]
    Var,
    /// Apparent power.
    #[serde(rename = "VA")]
    VoltAmpere,
    /// Money, for people.
    #[serde(rename = "yuan")]
    Yuan,
}

/// What a unit measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// In 1e-4 kWh.
    Energy,
    /// In mV.
    Voltage,
    /// In mA.
    Current,
    /// In W.
    Power,
    /// As it is.
    Other,
}

impl fmt::Display for Unit {
    /// As profiles write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::None => "",
            Unit::Wh => "Wh",
            Unit::KiloWh => "kWh",
            Unit::MegaWh => "MWh",
            Unit::MilliV => "mV",
            Unit::V => "V",
            Unit::MilliA => "mA",
            Unit::A => "A",
            Unit::W => "W",
            Unit::KiloW => "kW",
            Unit::Percent => "%",
            Unit::Second => "s",
            Unit::Hz => "Hz",
            Unit::Celsius => "°C",
            Unit::Var => "var",
            Unit::VoltAmpere => "VA",
            Unit::Yuan => "yuan",
        })
    }
}

impl Unit {
    /// What it measures, and the power of ten from it to the model's unit.
    #[must_use]
    pub fn dimension(self) -> (Dimension, i32) {
        match self {
            Unit::Wh => (Dimension::Energy, 1),
            Unit::KiloWh => (Dimension::Energy, 4),
            Unit::MegaWh => (Dimension::Energy, 7),
            Unit::MilliV => (Dimension::Voltage, 0),
            Unit::V => (Dimension::Voltage, 3),
            Unit::MilliA => (Dimension::Current, 0),
            Unit::A => (Dimension::Current, 3),
            Unit::W => (Dimension::Power, 0),
            Unit::KiloW => (Dimension::Power, 3),
            Unit::None
            | Unit::Percent
            | Unit::Second
            | Unit::Hz
            | Unit::Celsius
            | Unit::Var
            | Unit::VoltAmpere
            | Unit::Yuan => (Dimension::Other, 0),
        }
    }
}

/// One thing wrong with a profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// The key with its path, for example `point[2].addr`.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.line, self.key, self.what)
    }
}

/// A value found in a response.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Which.
    pub point: &'a Point,
    raw: Raw,
    tens: i32,
}

impl Profile {
    /// A built-in profile.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Profile> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Profile::parse(text).ok()
    }

    /// Reads and checks a profile; every problem with its line.
    pub fn parse(text: &str) -> Result<Profile, Vec<Problem>> {
        read::profile(text)
    }

    /// The name of a built-in profile, or the text of one (a text has more than one line).
    pub fn load(name_or_text: &str) -> Result<Profile, Vec<Problem>> {
        if name_or_text.contains('\n') {
            return Profile::parse(name_or_text);
        }
        Profile::by_name(name_or_text).ok_or_else(|| {
            let known = BUILT_IN.map(|(name, _)| name).join(", ");
            let what = format!("no profile {name_or_text:?}; built in are {known}");
            vec![Problem { line: 1, key: "profile".to_owned(), what }]
        })
    }

    /// The point of this name.
    #[must_use]
    pub fn point(&self, name: &str) -> Option<&Point> {
        self.points.iter().find(|p| p.name == name)
    }

    /// Every point that lies wholly in so many registers from `start`, as a read response gives them.
    pub fn values<'a>(
        &'a self,
        table: Table,
        start: u16,
        registers: &'a [u16],
    ) -> impl Iterator<Item = Found<'a>> {
        self.points.iter().filter(move |p| p.table == table).filter_map(move |p| p.found(start, registers))
    }
}

impl Point {
    /// First and last register that it needs, its exponent included.
    #[must_use]
    pub fn span(&self) -> (u16, u16) {
        let last = self.address.saturating_add(self.form.registers() - 1);
        match self.exponent {
            Some((at, _)) => (self.address.min(at), last.max(at)),
            None => (self.address, last),
        }
    }

    /// Its value, when the registers hold it.
    #[must_use]
    pub fn found<'a>(&'a self, start: u16, registers: &[u16]) -> Option<Found<'a>> {
        let slice = |address: u16, count: u16| {
            let at = usize::from(address.checked_sub(start)?);
            registers.get(at..at + usize::from(count))
        };
        let tens = match self.exponent {
            Some((at, bias)) => i32::from(*slice(at, 1)?.first()?).saturating_add(bias),
            None => 0,
        };
        let raw = self.form.read(self.order, slice(self.address, self.form.registers())?)?;
        let raw = match (self.bits, raw) {
            (Some((shift, mask)), Raw::Integer(number)) => Raw::Integer((number >> shift) & i128::from(mask)),
            (Some(_) | None, raw) => raw,
        };
        Some(Found { point: self, raw, tens })
    }
}

impl Found<'_> {
    /// In the model's unit of its dimension; `None` when the registers hold no usable number.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        self.raw.scaled(self.point.scale, self.tens()?)
    }

    /// Smallest step of the value, in the same unit; never below the stated resolution.
    #[must_use]
    pub fn step(&self) -> Option<i64> {
        let step = self.raw.step(self.point.scale, self.tens()?)?.max(1);
        Some(self.point.resolution.map_or(step, |stated| step.max(stated.0)))
    }

    /// The register's own number, when it is one of 16 bits.
    #[must_use]
    pub fn word(&self) -> Option<u16> {
        self.raw.word()
    }

    /// The word that the profile gives the number.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.point.values.get(&self.word()?).map(String::as_str)
    }

    /// For people: the word of the number, or the value in the profile's unit as an exact decimal.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        match self.name() {
            Some(name) => Some(name.to_owned()),
            None if self.tens.abs() > MOST_TENS => None,
            None => self.raw.shown(self.point.scale, self.tens),
        }
    }

    /// Power of ten to the model's unit; `None` when an exponent register holds nonsense.
    fn tens(&self) -> Option<i32> {
        (self.tens.abs() <= MOST_TENS).then(|| self.tens + self.point.unit.dimension().1)
    }
}

/// Exponent registers beyond this hold no exponent.
const MOST_TENS: i32 = 12;

/// The state that a word of a profile names.
pub(super) fn state(word: &str) -> Option<ChargerState> {
    STATES.iter().find(|(known, _)| *known == word).map(|(_, state)| *state)
}

/// Words of `state`.
const STATES: [(&str, ChargerState); 6] = [
    ("idle", ChargerState::Idle),
    ("preparing", ChargerState::Preparing),
    ("charging", ChargerState::Charging),
    ("finished", ChargerState::Finished),
    ("start-failed", ChargerState::StartFailed),
    ("faulted", ChargerState::Faulted),
];
