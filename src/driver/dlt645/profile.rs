//! Which items of a meter mean what (rs485.md 1.8). Standard items are written as the standard says; the vendor items
//! of `dlt645-dc-wh` are from the firmware of one charger [S]: check them against the display of the meter.

use crate::wire::dlt645::Di;
use crate::wire::dlt645::value::Fixed;

/// One of the values that are polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quantity {
    /// Total forward active energy.
    Register,
    /// Phase A, or the output.
    Voltage,
    /// Phase A, or the output.
    Current,
    /// All phases, or the output.
    Power,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Bcd(Fixed),
    /// Little-endian, four octets; all ones mean no data.
    Binary,
}

/// Where a value comes from, and how it becomes one of ours: times `times`, times the ratio if it is one that a
/// current transformer scales, divided by `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// The item.
    pub(super) di: Di,
    code: Code,
    times: i64,
    per: i64,
    transformed: bool,
}

impl Source {
    const fn bcd(di: u32, number: Fixed, times: i64, per: i64) -> Source {
        Source { di: Di(di), code: Code::Bcd(number), times, per, transformed: true }
    }

    const fn untransformed(self) -> Source {
        Source { transformed: false, ..self }
    }

    /// Octets of its value.
    pub(super) fn octets(&self) -> usize {
        match self.code {
            Code::Bcd(number) => number.octets,
            Code::Binary => 4,
        }
    }

    /// The value in the unit of [`crate::model::quantity`]; `None` when the octets hold no data.
    pub(super) fn read(&self, octets: &[u8], ratio: u32) -> Option<i64> {
        let raw = match self.code {
            Code::Bcd(number) => number.read(octets)?,
            Code::Binary => {
                let raw = u32::from_le_bytes(octets.try_into().ok()?);
                i64::from(Some(raw).filter(|raw| *raw != u32::MAX)?)
            }
        };
        Some(raw.checked_mul(self.scale(ratio)?)? / self.per)
    }

    /// One step of the last digit.
    pub(super) fn step(&self, ratio: u32) -> i64 {
        self.scale(ratio).unwrap_or(i64::MAX) / self.per
    }

    fn scale(&self, ratio: u32) -> Option<i64> {
        self.times.checked_mul(if self.transformed { i64::from(ratio) } else { 1 })
    }
}

/// A kind of meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    name: &'static str,
    register: Source,
    voltage: Source,
    current: Source,
    /// `None`: the product of voltage and current.
    power: Option<Source>,
}

// 0.01 kWh to 1e-4 kWh, 0.1 V to mV, 0.001 A to mA, 0.0001 kW to W
const REGISTER: Source = Source::bcd(0x0001_0000, Fixed::plain(4, 2), 100, 1);
const VOLTAGE: Source = Source::bcd(0x0201_0100, Fixed::plain(2, 1), 100, 1).untransformed();
const CURRENT: Source = Source::bcd(0x0202_0100, Fixed::signed(3, 3), 1, 1);
const POWER: Source = Source::bcd(0x0203_0000, Fixed::signed(3, 4), 1, 10);

// 1 Wh to 1e-4 kWh, 0.0001 V to mV, 0.0001 A to mA
const REGISTER_WH: Source =
    Source { di: Di(0x00D1_0000), code: Code::Binary, times: 10, per: 1, transformed: true };
const VOLTAGE_FINE: Source = Source::bcd(0x0200_0200, Fixed::plain(4, 4), 1, 10).untransformed();
const CURRENT_FINE: Source = Source::bcd(0x0200_0100, Fixed::signed(4, 4), 1, 10);

/// Polyphase AC meter: phase A stands for voltage and current, power is the total.
const AC: Profile =
    Profile { name: "dlt645-ac", register: REGISTER, voltage: VOLTAGE, current: CURRENT, power: Some(POWER) };

/// DC meter with the standard items; its current is signed, phase A stands for the output. Its power item ends at
/// 79.9999 kW, below what a charger delivers, so power is the product.
const DC: Profile = Profile { name: "dlt645-dc", power: None, ..AC };

/// DC meter with the vendor items: energy in Wh, voltage and current to four places, no power.
const DC_WH: Profile = Profile {
    name: "dlt645-dc-wh",
    register: REGISTER_WH,
    voltage: VOLTAGE_FINE,
    current: CURRENT_FINE,
    power: None,
};

impl Profile {
    /// All of them.
    pub const BUILT_IN: [Profile; 3] = [AC, DC, DC_WH];

    /// Finds one by the word that the configuration uses.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Profile> {
        Profile::BUILT_IN.into_iter().find(|profile| profile.name == name)
    }

    /// The word that the configuration uses.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn source(&self, quantity: Quantity) -> Option<&Source> {
        match quantity {
            Quantity::Register => Some(&self.register),
            Quantity::Voltage => Some(&self.voltage),
            Quantity::Current => Some(&self.current),
            Quantity::Power => self.power.as_ref(),
        }
    }

    pub(super) fn register(&self) -> &Source {
        &self.register
    }

    /// What is polled, in this order.
    pub(super) fn polled(&self) -> impl Iterator<Item = Quantity> + '_ {
        [Quantity::Register, Quantity::Voltage, Quantity::Current, Quantity::Power]
            .into_iter()
            .filter(|quantity| self.source(*quantity).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_arrive_in_our_units_with_the_ratio_where_it_belongs() {
        let read = |profile: &str, quantity, octets: &[u8], ratio| {
            Profile::by_name(profile).unwrap().source(quantity).unwrap().read(octets, ratio)
        };
        use Quantity::{Current, Power, Register, Voltage};
        assert_eq!(
            read("dlt645-ac", Register, &[0x99, 0x99, 0x99, 0x99], 100_000),
            Some(999_999_990_000_000)
        );
        assert_eq!(read("dlt645-ac", Voltage, &[0x01, 0x22], 40), Some(220_100));
        assert_eq!(read("dlt645-dc", Current, &[0x00, 0x50, 0x81], 40), Some(-600_000));
        assert_eq!(read("dlt645-ac", Power, &[0x12, 0x25, 0x00], 40), Some(10_048));
        assert_eq!(read("dlt645-dc-wh", Register, &[0x87, 0xD6, 0x12, 0x00], 1), Some(12_345_670));
        assert_eq!(read("dlt645-dc-wh", Register, &[0xFF; 4], 1), None);
        assert_eq!(read("dlt645-dc-wh", Current, &[0x67, 0x45, 0x23, 0x01], 1), Some(123_456));
        assert_eq!(read("dlt645-ac", Register, &[0x0E, 0, 0, 0], 1), None);
    }

    #[test]
    fn steps_are_those_of_the_register_times_the_ratio() {
        assert_eq!(AC.register().step(40), 4_000);
        assert_eq!(DC_WH.register().step(1), 10);
        assert_eq!(DC_WH.polled().count(), 3);
        assert_eq!(Profile::by_name("dlt645-1p"), None);
    }
}
