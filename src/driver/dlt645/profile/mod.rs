//! Which items of a meter mean what (rs485.md 1.8): a TOML file, built in or of the user.
//!
//! ```toml
//! [profile]                       # id, kind "meter", verified "none" | "manual" | "bench" | "field", source
//! id = "example"
//! protocol = "dlt645-2007"        # or "dlt645-1997"
//! [[item]]
//! name = "energy.forward"         # or voltage, current, power; without power it is voltage x current
//! di = "00D10000"                 # 8 hex digits, 4 in the edition of 1997
//! encoding = "u32_le"             # bcd | bcd_signed | u32_le | f32_le
//! count = 4                       # octets
//! scale = 0.001
//! unit = "kWh"
//! ```
//!
//! Current, power and energy are times the ratio of the meter's current transformers, voltage is not. Meter number,
//! tariff registers and clock are items of the standard and stand in no profile. Nothing in a profile is ever written.

mod read;
mod written;

use super::identifier::Identifier;
use crate::driver::modbus::profile::{Problem, Unit, Verified};
use crate::driver::modbus::value::{Decimal, Raw};
use crate::wire::dlt645::control::Edition;
use crate::wire::dlt645::value::Fixed;
use serde::Deserialize;

/// The built-in profiles: name and text.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("dlt645-ac", include_str!("../../../../packaging/profiles/dlt645-ac.toml")),
    ("dlt645-dc", include_str!("../../../../packaging/profiles/dlt645-dc.toml")),
    ("dlt645-dc-wh", include_str!("../../../../packaging/profiles/dlt645-dc-wh.toml")),
    ("dlt645-1997", include_str!("../../../../packaging/profiles/dlt645-1997.toml")),
];

/// One of the values that are polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Quantity {
    /// Total forward active energy.
    #[serde(rename = "energy.forward")]
    Register,
    /// Phase A, or the output.
    #[serde(rename = "voltage")]
    Voltage,
    /// Phase A, or the output.
    #[serde(rename = "current")]
    Current,
    /// All phases, or the output.
    #[serde(rename = "power")]
    Power,
}

impl Quantity {
    /// All of them, in the order they are polled.
    const ALL: [Quantity; 4] = [Quantity::Register, Quantity::Voltage, Quantity::Current, Quantity::Power];

    /// As a profile names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Register => "energy.forward",
            Quantity::Voltage => "voltage",
            Quantity::Current => "current",
            Quantity::Power => "power",
        }
    }

    fn is_transformed(self) -> bool {
        self != Quantity::Voltage
    }
}

/// How a number is written. In all of them, octets that are all FF mean no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Bcd(Fixed),
    /// Little-endian, four octets.
    Binary,
    /// Little-endian, four octets of a float.
    Float,
}

/// Where a value comes from, and how it becomes one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which.
    pub quantity: Quantity,
    /// The item.
    pub di: Identifier,
    code: Code,
    scale: Decimal,
    /// What it is measured in.
    pub unit: Unit,
    /// Power of ten from it to the unit of the model.
    tens: i32,
}

impl Source {
    /// Octets of its value.
    #[must_use]
    pub fn octets(&self) -> usize {
        match self.code {
            Code::Bcd(number) => number.octets,
            Code::Binary | Code::Float => 4,
        }
    }

    /// The value in the unit of [`crate::model::quantity`]; `None` when the octets hold no data.
    pub(super) fn read(&self, octets: &[u8], ratio: u32) -> Option<i64> {
        match self.raw(octets)? {
            Raw::Integer(raw) => {
                Raw::Integer(raw.checked_mul(self.times(ratio))?).scaled(self.scale, self.tens)
            }
            raw @ Raw::Float(_) => {
                raw.scaled(self.scale, self.tens)?.checked_mul(i64::try_from(self.times(ratio)).ok()?)
            }
        }
    }

    /// One step of the last digit at this value; a float's grows with it.
    pub(super) fn step(&self, octets: &[u8], ratio: u32) -> Option<i64> {
        let step = self.raw(octets)?.step(self.scale, self.tens)?.max(1);
        step.checked_mul(i64::try_from(self.times(ratio)).ok()?)
    }

    /// The value in the profile's own unit, for people.
    #[must_use]
    pub fn shown(&self, octets: &[u8]) -> Option<String> {
        self.raw(octets)?.shown(self.scale, 0)
    }

    /// Whether it is a float, whose last digit is worth more the higher it counts (rs485.md 2.2).
    #[must_use]
    pub fn is_float(&self) -> bool {
        self.code == Code::Float
    }

    fn raw(&self, octets: &[u8]) -> Option<Raw> {
        let binary = || octets.try_into().ok().map(u32::from_le_bytes).filter(|raw| *raw != u32::MAX);
        match self.code {
            Code::Bcd(number) => number.read(octets).map(|raw| Raw::Integer(raw.into())),
            Code::Binary => binary().map(|raw| Raw::Integer(raw.into())),
            Code::Float => binary().map(Raw::Float),
        }
    }

    fn times(&self, ratio: u32) -> i128 {
        if self.quantity.is_transformed() { ratio.into() } else { 1 }
    }
}

/// A kind of meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub id: String,
    /// Which text of the standard it speaks.
    pub edition: Edition,
    /// How far it can be believed.
    pub verified: Verified,
    /// Where its facts come from.
    pub source: String,
    /// At most one for each quantity; there is one for the register.
    sources: Vec<Source>,
    register: Source,
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
            let what = format!("no DL/T 645 profile {name_or_text:?}; built in are {known}");
            vec![Problem { line: 1, key: "profile".to_owned(), what }]
        })
    }

    /// Where a quantity comes from.
    #[must_use]
    pub fn source(&self, quantity: Quantity) -> Option<&Source> {
        self.sources.iter().find(|source| source.quantity == quantity)
    }

    /// Where the register comes from.
    #[must_use]
    pub fn register(&self) -> &Source {
        &self.register
    }

    /// What an item of this meter is.
    #[must_use]
    pub fn of(&self, di: Identifier) -> Option<&Source> {
        self.sources.iter().find(|source| source.di == di)
    }

    /// What is polled, in this order.
    pub(super) fn polled(&self) -> impl Iterator<Item = Quantity> + '_ {
        Quantity::ALL.into_iter().filter(|quantity| self.source(*quantity).is_some())
    }
}

#[cfg(test)]
mod tests;
