//! The data identifiers of the 2007 edition: what they are called, how their values are written, in which unit
//! (rs485.md 1.5). Event codes (03) and status word 7 are general knowledge [R]; vendor items (1.8) are from the
//! firmware of a charger [S].

use super::value::Fixed;
use std::fmt;

/// Data identifier, DI3 the highest octet. Travels lowest octet first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Di(pub u32);

impl Di {
    /// In the order of the wire.
    #[must_use]
    pub fn to_wire(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }

    /// From the order of the wire.
    #[must_use]
    pub fn from_wire(octets: [u8; 4]) -> Di {
        Di(u32::from_le_bytes(octets))
    }
}

impl fmt::Display for Di {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

/// How the value of an item is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One number.
    Number(Fixed),
    /// Numbers one after the other: exactly so many, or as many as the meter has.
    Numbers(Fixed, Option<usize>),
    /// A maximum and the minute it was reached.
    Demand(Fixed),
    /// The same, total first and then the tariffs.
    Demands(Fixed),
    /// Little-endian binary of four octets.
    Binary,
    /// Decimal digits, high pair last on the wire.
    Digits(usize),
    /// A communication address; what is not BCD is shown as it is.
    Address,
    /// ASCII, last character first.
    Text(usize),
    /// WW DD MM YY.
    DateWeekday,
    /// ss mm hh.
    Time,
    /// ss mm hh WW DD MM YY.
    DateTime,
    /// mm hh DD MM YY.
    Minute,
    /// mm hh DD MM, the year left out (1997).
    MinuteOfYear,
    /// Sixteen bits.
    Word,
    /// So many times sixteen bits.
    Words(usize),
    /// Eight bits.
    Bits,
    /// hh DD.
    SettlementDay,
    /// NN DD MM each.
    Zones,
    /// NN mm hh each.
    Slots,
    /// Known by name only.
    Opaque,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// In words.
    pub name: String,
    /// How its value is written.
    pub format: Format,
    /// Of its numbers; empty for a number without one, `None` for what is no number.
    pub unit: Option<&'static str>,
}

pub(super) const ENERGY: Fixed = Fixed::plain(4, 2);
const SIGNED_ENERGY: Fixed = Fixed::signed(4, 2);
const DEMAND: Fixed = Fixed::plain(3, 4);
const POWER: Fixed = Fixed::plain(3, 4);
const SIGNED_POWER: Fixed = Fixed::signed(3, 4);

pub(super) fn measured(name: impl Into<String>, format: Format, unit: &'static str) -> Option<Item> {
    Some(Item { name: name.into(), format, unit: Some(unit) })
}

pub(super) fn told(name: impl Into<String>, format: Format) -> Option<Item> {
    Some(Item { name: name.into(), format, unit: None })
}

/// The item of an identifier; `None` when the table does not hold it.
#[must_use]
pub fn lookup(di: Di) -> Option<Item> {
    let [di3, di2, di1, di0] = di.0.to_be_bytes();
    match di3 {
        0x00 => energy(di2, di1, di0),
        0x01 => demand(di2, di1, di0),
        0x02 => live(di2, di1, di0),
        0x03 => event(di2, di1, di0),
        0x04 => parameter(di2, di1, di0),
        0x05 => frozen(di2, di1, di0),
        _ => None,
    }
}

/// Name and unit of the directions and quadrants in the order of DI2, from 01.
const DIRECTIONS: [(&str, &str); 10] = [
    ("forward active", "kWh"),
    ("reverse active", "kWh"),
    ("combined reactive 1", "kvarh"),
    ("combined reactive 2", "kvarh"),
    ("quadrant I reactive", "kvarh"),
    ("quadrant II reactive", "kvarh"),
    ("quadrant III reactive", "kvarh"),
    ("quadrant IV reactive", "kvarh"),
    ("forward apparent", "kVAh"),
    ("reverse apparent", "kVAh"),
];

const PHASES: [char; 3] = ['A', 'B', 'C'];

fn energy(di2: u8, di1: u8, di0: u8) -> Option<Item> {
    if (di2, di1, di0) == (0xD1, 0, 0) {
        return measured("forward active energy, vendor binary Wh", Format::Binary, "Wh");
    }
    let (name, unit, number) = energy_kind(di2)?;
    let format = match (di1, di0) {
        (0xFF, 0xFF) => return None,
        (0xFF, _) | (_, 0xFF) => Format::Numbers(number, None),
        _ => Format::Number(number),
    };
    measured(registers(&format!("{name} energy"), di1, di0)?, format, unit)
}

fn energy_kind(di2: u8) -> Option<(String, &'static str, Fixed)> {
    let direction = |at: u8| DIRECTIONS.get(usize::from(at)).copied();
    let phase = |phase: usize, first: u8| {
        let (name, unit) = direction(di2 - first)?;
        Some((format!("phase {} {name}", PHASES[phase]), unit, ENERGY))
    };
    match di2 {
        0x00 => Some(("combined active".to_owned(), "kWh", SIGNED_ENERGY)),
        0x01..=0x0A => direction(di2 - 1).map(|(name, unit)| (name.to_owned(), unit, ENERGY)),
        0x15..=0x1E => phase(0, 0x15),
        0x29..=0x32 => phase(1, 0x29),
        0x3D..=0x46 => phase(2, 0x3D),
        0x80..=0x85 => Some((RELATED[usize::from(di2 - 0x80)].to_owned(), "kWh", ENERGY)),
        _ => None,
    }
}

/// 0080..0085.
const RELATED: [&str; 6] = [
    "related",
    "forward fundamental active",
    "reverse fundamental active",
    "forward harmonic active",
    "reverse harmonic active",
    "copper loss",
];

/// Name of one register, or of a block of them: over the tariffs (DI1 = FF) or over the settlements (DI0 = FF).
fn registers(what: &str, di1: u8, di0: u8) -> Option<String> {
    let name = match di1 {
        0xFF => format!("{what} block: total, then tariffs"),
        _ => format!("{what}, {}", tariff(di1)?),
    };
    match di0 {
        0x00 => Some(name),
        0x01..=0x0C => Some(format!("{name}, {di0} settlement(s) ago")),
        0xFF => Some(format!("{name}, block over settlements")),
        _ => None,
    }
}

/// Tariffs by DI1. From 05 (deep valley on newer meters [R]) by number.
fn tariff(di1: u8) -> Option<String> {
    match di1 {
        0 => Some("total".to_owned()),
        1 => Some("sharp".to_owned()),
        2 => Some("peak".to_owned()),
        3 => Some("flat".to_owned()),
        4 => Some("valley".to_owned()),
        0x05..=0x3F => Some(format!("tariff {di1}")),
        _ => None,
    }
}

fn demand(di2: u8, di1: u8, di0: u8) -> Option<Item> {
    let (name, unit) = DIRECTIONS.get(usize::from(di2.checked_sub(1)?))?;
    let format = match (di1, di0) {
        (0xFF, 0xFF) => return None,
        (0xFF, _) | (_, 0xFF) => Format::Demands(DEMAND),
        _ => Format::Demand(DEMAND),
    };
    measured(registers(&format!("{name} maximum demand"), di1, di0)?, format, power_unit(unit))
}

fn power_unit(energy_unit: &str) -> &'static str {
    match energy_unit {
        "kvarh" => "kvar",
        "kVAh" => "kVA",
        _ => "kW",
    }
}

fn live(di2: u8, di1: u8, di0: u8) -> Option<Item> {
    match di2 {
        0x00 if (di1, di0) == (0x01, 0) => {
            return measured("DC current, vendor", Format::Number(Fixed::signed(4, 4)), "A");
        }
        0x00 if (di1, di0) == (0x02, 0) => {
            return measured("DC voltage, vendor", Format::Number(Fixed::plain(4, 4)), "V");
        }
        0x80 if di1 == 0 => return variable(di0),
        _ => {}
    }
    let (name, number, unit, has_total) = match di2 {
        0x01 => ("voltage", Fixed::plain(2, 1), "V", false),
        0x02 => ("current", Fixed::signed(3, 3), "A", false),
        0x03 => ("active power", SIGNED_POWER, "kW", true),
        0x04 => ("reactive power", SIGNED_POWER, "kvar", true),
        0x05 => ("apparent power", POWER, "kVA", true),
        0x06 => ("power factor", Fixed::signed(2, 3), "", true),
        0x07 => ("phase angle", Fixed::plain(2, 1), "deg", false),
        0x08 => ("voltage distortion", Fixed::plain(2, 2), "%", false),
        0x09 => ("current distortion", Fixed::plain(2, 2), "%", false),
        _ => return None,
    };
    match (di1, di0) {
        (0x00, 0) if has_total => measured(format!("{name}, total"), Format::Number(number), unit),
        (0x01..=0x03, 0) => {
            let phase = PHASES[usize::from(di1 - 1)];
            measured(format!("{name}, phase {phase}"), Format::Number(number), unit)
        }
        (0xFF, 0) => {
            let parts = 3 + usize::from(has_total);
            measured(format!("{name}, block"), Format::Numbers(number, Some(parts)), unit)
        }
        _ => None,
    }
}

/// 028000xx.
fn variable(di0: u8) -> Option<Item> {
    let (name, number, unit) = match di0 {
        0x01 => ("neutral current", Fixed::plain(3, 3), "A"),
        0x02 => ("frequency", Fixed::plain(2, 2), "Hz"),
        0x03 => ("one-minute mean active power", SIGNED_POWER, "kW"),
        0x04 => ("present active demand", SIGNED_POWER, "kW"),
        0x05 => ("present reactive demand", SIGNED_POWER, "kvar"),
        0x06 => ("present apparent demand", SIGNED_POWER, "kVA"),
        0x07 => ("inside temperature", Fixed::signed(2, 1), "degC"),
        0x08 => ("clock battery voltage", Fixed::plain(2, 2), "V"),
        0x09 => ("read-out battery voltage", Fixed::plain(2, 2), "V"),
        0x0A => ("battery working time", Fixed::plain(4, 0), "min"),
        _ => return None,
    };
    measured(name, Format::Number(number), unit)
}

/// Counts of events. Records of single events vary between meters and stay raw.
fn event(di2: u8, di1: u8, di0: u8) -> Option<Item> {
    let name = match (di2, di1, di0) {
        (0x11, 0x00, 0x00) => "power-off count",
        (0x30, 0x00, 0x00) => "programming count",
        (0x30, 0x01, 0x00) => "clear-meter count",
        (0x30, 0x04, 0x00) => "clock-setting count",
        (0x30, 0x0D, 0x00) => "cover-opened count",
        _ => return None,
    };
    measured(name, Format::Number(Fixed::plain(3, 0)), "")
}

fn parameter(di2: u8, di1: u8, di0: u8) -> Option<Item> {
    match (di2, di1) {
        (0x00, 0x01) => clock(di0),
        (0x00, 0x02) => count(di0),
        (0x00, 0x03) => {
            let name = match di0 {
                0x06 => "CT ratio",
                0x07 => "PT ratio",
                _ => return None,
            };
            measured(name, Format::Number(Fixed::plain(3, 0)), "")
        }
        (0x00, 0x04) => plate(di0),
        (0x00, 0x05) => match di0 {
            0x01..=0x07 => told(format!("run status word {di0}"), Format::Word),
            0xFF => told("run status words 1-7", Format::Words(7)),
            _ => None,
        },
        (0x00, 0x06) => match di0 {
            0x01 => told("active combination word", Format::Bits),
            0x02 | 0x03 => told(format!("reactive combination word {}", di0 - 1), Format::Bits),
            _ => None,
        },
        (0x00, 0x07) => match di0 {
            0x01 => told("rate of infrared port", Format::Bits),
            0x02 => told("rate of optical port", Format::Bits),
            0x03..=0x05 => told(format!("rate of RS-485 port {}", di0 - 2), Format::Bits),
            _ => None,
        },
        (0x00, 0x0B) if (1..=3).contains(&di0) => {
            told(format!("settlement day {di0}"), Format::SettlementDay)
        }
        (0x01 | 0x02, 0x00) => match di0 {
            0x00 => told(format!("zone table {di2}"), Format::Zones),
            0x01..=0x08 => told(format!("day table {di0} of set {di2}"), Format::Slots),
            _ => None,
        },
        _ => None,
    }
}

fn clock(di0: u8) -> Option<Item> {
    match di0 {
        0x01 => told("date and weekday", Format::DateWeekday),
        0x02 => told("time", Format::Time),
        0x03 => measured("demand period", Format::Number(Fixed::plain(1, 0)), "min"),
        0x04 => measured("demand slide", Format::Number(Fixed::plain(1, 0)), "min"),
        0x06 => told("switch time of the zone tables", Format::Minute),
        0x07 => told("switch time of the slot tables", Format::Minute),
        0x0C => told("date and time", Format::DateTime),
        _ => None,
    }
}

/// 040002xx. The number of holidays has two octets, the others one.
fn count(di0: u8) -> Option<Item> {
    let what = match di0 {
        0x01 => "year zones",
        0x02 => "day tables",
        0x03 => "slots",
        0x04 => "tariffs",
        0x05 => "holidays",
        0x06 => "harmonics",
        0x07 => "steps",
        _ => return None,
    };
    let octets = if di0 == 0x05 { 2 } else { 1 };
    measured(format!("number of {what}"), Format::Number(Fixed::plain(octets, 0)), "")
}

/// 040004xx: what the name plate says.
fn plate(di0: u8) -> Option<Item> {
    let constant = Format::Number(Fixed::plain(3, 0));
    match di0 {
        0x01 => told("communication address", Format::Address),
        0x02 => told("meter number", Format::Digits(6)),
        0x03 => told("asset number", Format::Text(32)),
        0x04 => told("rated voltage", Format::Text(6)),
        0x05 => told("rated current", Format::Text(6)),
        0x06 => told("maximum current", Format::Text(6)),
        0x07 => told("accuracy class, active", Format::Text(4)),
        0x08 => told("accuracy class, reactive", Format::Text(4)),
        0x09 => measured("active constant", constant, "imp/kWh"),
        0x0A => measured("reactive constant", constant, "imp/kvarh"),
        0x0B => told("model", Format::Text(10)),
        0x0C => told("production date", Format::Text(10)),
        0x0D => told("protocol version", Format::Text(16)),
        _ => None,
    }
}

/// 05 DI2 DI1 DI0: DI2 which freeze, DI1 what, DI0 how many freezes ago.
fn frozen(di2: u8, di1: u8, di0: u8) -> Option<Item> {
    let which = match di2 {
        0x00 => "timed",
        0x01 => "instant",
        0x02 => "zone switch",
        0x03 => "slot switch",
        0x04 => "hourly",
        0x06 => "daily",
        _ => return None,
    };
    if di0 == 0 || di0 == 0xFF {
        return None;
    }
    let name = |what: &str| format!("{which} freeze {di0}: {what}");
    match (di2, di1) {
        (_, 0x00) => told(name("time"), Format::Minute),
        (_, 0xFF) => told(name("everything"), Format::Opaque),
        (0x04, 0x01 | 0x02) => {
            let (direction, unit) = DIRECTIONS[usize::from(di1 - 1)];
            measured(name(&format!("{direction} energy total")), Format::Number(ENERGY), unit)
        }
        (0x04, _) => None,
        (_, 0x01..=0x08) => {
            let (direction, unit) = DIRECTIONS[usize::from(di1 - 1)];
            measured(name(&format!("{direction} energy block")), Format::Numbers(ENERGY, None), unit)
        }
        (_, 0x09 | 0x0A) => {
            let (direction, _) = DIRECTIONS[usize::from(di1 - 9)];
            measured(name(&format!("{direction} maximum demand block")), Format::Demands(DEMAND), "kW")
        }
        (_, 0x10) => told(name("live variables"), Format::Opaque),
        _ => None,
    }
}
