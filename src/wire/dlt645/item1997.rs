//! The data identifiers of the 1997 edition (rs485.md 1.7), for decoding.

use super::item::{ENERGY, Format, Item, measured, told};
use super::value::Fixed;

/// The item of an identifier of two octets, DI1 high.
pub(super) fn lookup(di: u16) -> Option<Item> {
    let [di1, di0] = di.to_be_bytes();
    match di1 {
        0x90 | 0x94 | 0x98 => energy(di1, di0, "active energy", "kWh"),
        0x91 | 0x95 | 0x99 => energy(di1, di0, "reactive energy", "kvarh"),
        0xA0 => demand(di0),
        0xB0 => {
            let demand = demand(di0)?;
            told(format!("{}, time", demand.name), Format::MinuteOfYear)
        }
        0xB6 => live(di0),
        0xC0 | 0xC1 => parameter(di),
        _ => None,
    }
}

fn direction(di0: u8) -> Option<&'static str> {
    match di0 >> 4 {
        1 => Some("forward"),
        2 => Some("reverse"),
        _ => None,
    }
}

fn energy(di1: u8, di0: u8, what: &str, unit: &'static str) -> Option<Item> {
    let direction = direction(di0)?;
    let month = match di1 & 0x0C {
        0x04 => ", last month",
        0x08 => ", month before last",
        _ => "",
    };
    let part = match di0 & 0x0F {
        0x0 => ", total",
        0x1 => ", sharp",
        0x2 => ", peak",
        0x3 => ", flat",
        0x4 => ", valley",
        0xF => " block: total, then tariffs",
        _ => return None,
    };
    let format = if di0 & 0x0F == 0x0F { Format::Numbers(ENERGY, None) } else { Format::Number(ENERGY) };
    measured(format!("{direction} {what}{part}{month}"), format, unit)
}

fn demand(di0: u8) -> Option<Item> {
    let part = match di0 & 0x0F {
        0x0 => "",
        0x1 => ", sharp",
        0x2 => ", peak",
        0x3 => ", flat",
        0x4 => ", valley",
        _ => return None,
    };
    let name = format!("{} active maximum demand{part}", direction(di0)?);
    measured(name, Format::Number(Fixed::plain(3, 4)), "kW")
}

fn live(di0: u8) -> Option<Item> {
    let (name, number, unit, total) = match di0 >> 4 {
        1 => ("voltage", Fixed::plain(2, 0), "V", false),
        2 => ("current", Fixed::plain(2, 2), "A", false),
        3 => ("active power", Fixed::plain(3, 4), "kW", true),
        4 => ("reactive power", Fixed::plain(2, 2), "kvar", true),
        5 => ("power factor", Fixed::plain(2, 3), "", true),
        _ => return None,
    };
    let part = match di0 & 0x0F {
        0 if total => "total",
        1 => "phase A",
        2 => "phase B",
        3 => "phase C",
        _ => return None,
    };
    measured(format!("{name}, {part}"), Format::Number(number), unit)
}

fn parameter(di: u16) -> Option<Item> {
    match di {
        0xC010 => told("date and weekday", Format::DateWeekday),
        0xC011 => told("time", Format::Time),
        0xC020 => told("run status word", Format::Bits),
        0xC030 => measured("active constant", Format::Number(Fixed::plain(3, 0)), "imp/kWh"),
        0xC031 => measured("reactive constant", Format::Number(Fixed::plain(3, 0)), "imp/kvarh"),
        0xC032 => told("meter number", Format::Digits(6)),
        0xC033 => told("user number", Format::Digits(6)),
        0xC034 => told("device number", Format::Digits(6)),
        0xC117 => told("settlement day 1", Format::SettlementDay),
        _ => None,
    }
}
