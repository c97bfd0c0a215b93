//! How the tables of the messages are written, and the list of them all.
//!
//! One table per group of the profile, one row per field: name, type, unit, condition, list. The comment above a
//! message begins with its label (K named in the public description of the standard, C habit of such protocols,
//! A assumption); the comment above a field is the meaning that the profile gives it and its neighbours of the same row.

use super::{alarm, basic, charging, gate, maintenance, video};

/// Who makes the request of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The controller; the platform replies.
    Up,
    /// The platform; the controller replies.
    Down,
}

/// Whose device code the request of a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// The station code.
    Station,
    /// A pile code.
    Pile,
    /// Either of them.
    Either,
}

/// How a message is kept and repeated (platform-222.md 14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Owed for ever.
    Record,
    /// Durable, first in first out.
    Event,
    /// Only the newest counts.
    Latest,
    /// A question in memory.
    Ask,
    /// Never stored, has no reply.
    Flow,
    /// Of the platform.
    Command,
}

/// Type of a field (platform-222.md 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Unsigned, 1 octet.
    U8,
    /// Unsigned, 2 octets.
    U16,
    /// Unsigned, 4 octets.
    U32,
    /// Unsigned, 8 octets.
    U64,
    /// Two's complement, 1 octet.
    I8,
    /// Two's complement, 2 octets.
    I16,
    /// Two's complement, 4 octets.
    I32,
    /// 0 or 1, anything else is `bad_value`.
    Flag,
    /// One octet that selects what follows; other values are `bad_value`.
    Choice(&'static [u8]),
    /// Characters 20h..7Eh, then NUL.
    Ascii(usize),
    /// UTF-8 without control characters, then NUL.
    Utf8(usize),
    /// Raw octets.
    Bytes(usize),
    /// Two decimal digits per octet, high nibble first.
    Bcd(usize),
    /// Transaction number, opaque.
    Txn,
    /// CP56Time2a.
    Time,
    /// Credential: kind, length 0..=32, octets.
    Cred,
    /// Card UID: length 0..=10, octets.
    Uid,
    /// Parameter value: length 0..=128, octets; 255 = unknown id.
    Param,
    /// Length u16 1..=M, octets.
    Blob16(usize),
    /// Count u8 at most M, entries.
    List8(usize, &'static [Field]),
    /// Count u16 at most M, entries.
    List16(usize, &'static [Field]),
}

/// One row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// As in the profile and in the JSON view.
    pub name: &'static str,
    /// How it travels.
    pub kind: Type,
    /// Unit and scale; empty when it has none.
    pub unit: &'static str,
    /// Present only when the earlier field of this name holds this number.
    pub when: Option<(&'static str, i128)>,
}

/// One message with its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Group in the high octet, number in the low one.
    pub number: u16,
    /// English and Chinese name.
    pub name: &'static str,
    /// Who makes the request.
    pub made_by: Direction,
    /// Whose device code it carries.
    pub device: Addressee,
    /// How it is kept and repeated.
    pub class: Class,
    /// Body of the request.
    pub request: &'static [Field],
    /// Body of the reply; empty where the profile lists none.
    pub reply: &'static [Field],
}

/// The message of this number; `None` when sections 7 to 12 hold none.
#[must_use]
pub fn message(number: u16) -> Option<&'static Message> {
    messages().find(|m| m.number == number)
}

/// Every message of the profile.
pub fn messages() -> impl Iterator<Item = &'static Message> {
    let groups =
        [basic::BASIC, charging::CHARGING, maintenance::MAINTENANCE, alarm::ALARM, gate::GATE, video::VIDEO];
    groups.into_iter().flatten()
}

impl Type {
    /// Smallest and largest number of an integer type; `None` for the others.
    #[must_use]
    pub fn range(&self) -> Option<(i128, i128)> {
        match self {
            Type::U8 | Type::Choice(_) => Some((0, u8::MAX.into())),
            Type::U16 => Some((0, u16::MAX.into())),
            Type::U32 => Some((0, u32::MAX.into())),
            Type::U64 => Some((0, u64::MAX.into())),
            Type::I8 => Some((i8::MIN.into(), i8::MAX.into())),
            Type::I16 => Some((i16::MIN.into(), i16::MAX.into())),
            Type::I32 => Some((i32::MIN.into(), i32::MAX.into())),
            Type::Flag => Some((0, 1)),
            Type::Ascii(_)
            | Type::Utf8(_)
            | Type::Bytes(_)
            | Type::Bcd(_)
            | Type::Txn
            | Type::Time
            | Type::Cred
            | Type::Uid
            | Type::Param
            | Type::Blob16(_)
            | Type::List8(..)
            | Type::List16(..) => None,
        }
    }

    /// Octets of an integer on the wire.
    pub(super) fn width(&self) -> usize {
        match self {
            Type::U16 | Type::I16 => 2,
            Type::U32 | Type::I32 => 4,
            Type::U64 => 8,
            _ => 1,
        }
    }
}

impl Field {
    /// The number that means "not known" by the unit of the field (platform-222.md 3, "by unit").
    #[must_use]
    pub fn none(&self) -> Option<i128> {
        match (self.kind, self.unit) {
            (Type::U32, "0.01 yuan" | "W") => Some(u32::MAX.into()),
            (Type::U64, "1e-4 kWh") => Some(u64::MAX.into()),
            (Type::U16, "0.1 V" | "0.01 V" | "0.1 A" | "0.1 Ah" | "0.1 kWh" | "min") => Some(u16::MAX.into()),
            (Type::I16, "0.1 A") => Some(i16::MIN.into()),
            (Type::I8, "C") => Some(i8::MIN.into()),
            (Type::U8, "%" | "1 %") => Some(u8::MAX.into()),
            _ => None,
        }
    }

    /// Smallest and largest number that can be told and is not the "none" of the field.
    #[must_use]
    pub fn limits(&self) -> Option<(i128, i128)> {
        let (low, high) = self.kind.range()?;
        Some(match self.none() {
            Some(none) if none == high => (low, high - 1),
            Some(none) if none == low => (low + 1, high),
            _ => (low, high),
        })
    }
}

pub(super) const fn f(name: &'static str, kind: Type, unit: &'static str) -> Field {
    Field { name, kind, unit, when: None }
}

pub(super) const fn when(selector: &'static str, is: i128, field: Field) -> Field {
    Field { when: Some((selector, is)), ..field }
}

pub(super) const fn list8(name: &'static str, most: usize, entry: &'static [Field]) -> Field {
    f(name, Type::List8(most, entry), "")
}

pub(super) const fn list16(name: &'static str, most: usize, entry: &'static [Field]) -> Field {
    f(name, Type::List16(most, entry), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::platform222::dialect;

    fn longest(fields: &[Field]) -> usize {
        fields
            .iter()
            .map(|field| match field.kind {
                Type::Ascii(n) | Type::Utf8(n) | Type::Bytes(n) | Type::Bcd(n) => n,
                Type::Txn => 16,
                Type::Time => 7,
                Type::Cred => 34,
                Type::Uid => 11,
                Type::Param => 129,
                Type::Blob16(n) => 2 + n,
                Type::List8(n, entry) => 1 + n * longest(entry),
                Type::List16(n, entry) => 2 + n * longest(entry),
                other => other.width(),
            })
            .sum()
    }

    #[test]
    fn every_message_at_its_longest_fits_one_frame() {
        for message in messages() {
            assert!(longest(message.request) <= dialect::BODY_MAX, "{:04X}", message.number);
            assert!(longest(message.reply) <= dialect::BODY_MAX, "{:04X} reply", message.number);
        }
    }

    #[test]
    fn numbers_are_unique_and_reserved_ones_unused() {
        let numbers: std::collections::BTreeSet<u16> = messages().map(|m| m.number).collect();
        assert_eq!(numbers.len(), messages().count());
        assert_eq!(numbers.len(), 47);
        assert!(message(0x0209).is_none() && message(0x030B).is_none());
    }
}
