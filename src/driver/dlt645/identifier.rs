//! Data identifiers of both editions: four octets in 2007, two in 1997 (rs485.md 1.7).

use crate::wire::dlt645::control::Edition;
use crate::wire::dlt645::{Address, Control, Di, Frame, question};
use std::fmt;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// 2007.
    Long(Di),
    /// 1997, DI1 high.
    Short(u16),
}

impl Identifier {
    /// From its digits: eight in the edition of 2007, four in that of 1997.
    #[must_use]
    pub fn parse(edition: Edition, digits: &str) -> Option<Identifier> {
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        match (edition, digits.len()) {
            (Edition::Y2007, 8) => u32::from_str_radix(digits, 16).ok().map(|di| Identifier::Long(Di(di))),
            (Edition::Y1997, 4) => u16::from_str_radix(digits, 16).ok().map(Identifier::Short),
            (Edition::Y2007 | Edition::Y1997, _) => None,
        }
    }

    /// As it travels, low octet first.
    #[must_use]
    pub fn to_wire(self) -> Vec<u8> {
        match self {
            Identifier::Long(di) => di.to_wire().to_vec(),
            Identifier::Short(di) => di.to_le_bytes().to_vec(),
        }
    }

    /// The question for it.
    #[must_use]
    pub(super) fn question(self, address: Address) -> Frame {
        match self {
            Identifier::Long(di) => question::read(address, di),
            Identifier::Short(di) => question::read_1997(address, di),
        }
    }

    /// The question for a further part of it. The edition of 1997 is not read in parts: how its parts are told apart is
    /// not known to us, so a meter that splits an answer gives none.
    pub(super) fn follow_up(self, address: Address, part: u8) -> Option<Frame> {
        match self {
            Identifier::Long(di) => Some(question::read_follow_up(address, di, part)),
            Identifier::Short(_) => None,
        }
    }

    /// The function that reads it.
    #[must_use]
    pub fn read(self) -> Control {
        match self {
            Identifier::Long(_) => Control::READ,
            Identifier::Short(_) => Control::READ_1997,
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identifier::Long(di) => write!(f, "{:08X}", di.0),
            Identifier::Short(di) => write!(f, "{di:04X}"),
        }
    }
}

/// The items that every meter of an edition has in the same place.
pub(super) struct Standard {
    pub(super) number: Identifier,
    pub(super) tariffs: Identifier,
    pub(super) date: Identifier,
    pub(super) time: Identifier,
}

pub(super) fn standard(edition: Edition) -> &'static Standard {
    const Y2007: Standard = Standard {
        number: Identifier::Long(Di(0x0400_0402)),
        tariffs: Identifier::Long(Di(0x0001_FF00)),
        date: Identifier::Long(Di(0x0400_0101)),
        time: Identifier::Long(Di(0x0400_0102)),
    };
    const Y1997: Standard = Standard {
        number: Identifier::Short(0xC032),
        tariffs: Identifier::Short(0x901F),
        date: Identifier::Short(0xC010),
        time: Identifier::Short(0xC011),
    };
    match edition {
        Edition::Y2007 => &Y2007,
        Edition::Y1997 => &Y1997,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_the_digits_of_its_edition() {
        assert_eq!(Identifier::parse(Edition::Y2007, "00D10000"), Some(Identifier::Long(Di(0x00D1_0000))));
        assert_eq!(Identifier::parse(Edition::Y1997, "B611"), Some(Identifier::Short(0xB611)));
        for (edition, digits) in [
            (Edition::Y2007, "B611"),
            (Edition::Y1997, "00D10000"),
            (Edition::Y1997, "+B61"),
            (Edition::Y2007, ""),
        ] {
            assert_eq!(Identifier::parse(edition, digits), None, "{digits}");
        }
        assert_eq!(Identifier::Short(0xB611).to_wire(), [0x11, 0xB6]);
    }
}
