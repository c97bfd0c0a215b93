//! Types of the fields (ykc16.md 1): each knows its octets and loses none of them.

use super::layout::{Group, Kind, width};
use super::time::Cp56;
use crate::wire::hex;
use std::fmt;

/// What may stand in a message.
pub trait Field: Sized {
    /// How tables and people see it.
    const KIND: Kind;

    /// Takes it from the front; `None` when it does not fit.
    fn take(octets: &mut &[u8]) -> Option<Self>;

    /// Puts it behind what is there.
    fn put(&self, octets: &mut Vec<u8>);
}

/// Digits in reading order, two per octet: codes and serial numbers. Opaque: platforms send other octets too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bcd<const N: usize>(pub [u8; N]);

/// Opaque octets in the order of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Raw<const N: usize>(pub [u8; N]);

/// ASCII, filled with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ascii<const N: usize>(pub [u8; N]);

/// An unsigned number of 3 or 5 octets, low octet first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrow<const N: usize>([u8; N]);

/// A count octet and so many entries, at most `MOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted<T, const MOST: usize>(Vec<T>);

/// Entries to the end of the body, at most `MOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest<T, const MOST: usize>(Vec<T>);

/// A length octet and so many octets of ASCII, at most `MOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MOST: usize>(Vec<u8>);

impl<const N: usize> fmt::Display for Bcd<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::upper(&self.0))
    }
}

impl<const N: usize> fmt::Display for Raw<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::upper(&self.0))
    }
}

impl<const N: usize> Ascii<N> {
    /// `None` when the text is longer than the field, or not ASCII.
    #[must_use]
    pub fn new(text: &str) -> Option<Ascii<N>> {
        let mut octets = [0; N];
        octets.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        text.is_ascii().then_some(Ascii(octets))
    }

    /// Without the filling; `None` when it is not ASCII.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        ascii(&self.0)
    }

    /// In the reverse order of characters, as the VIN travels in 0x31 and 0xA1.
    #[must_use]
    pub fn reversed(&self) -> Ascii<N> {
        let mut octets = [0; N];
        let used = filled(&self.0);
        octets[..used].copy_from_slice(&self.0[..used]);
        octets[..used].reverse();
        Ascii(octets)
    }
}

/// The characters in front of the filling; `None` when they are not ASCII.
pub(super) fn ascii(octets: &[u8]) -> Option<&str> {
    let text = &octets[..filled(octets)];
    std::str::from_utf8(text).ok().filter(|text| text.is_ascii())
}

fn filled(octets: &[u8]) -> usize {
    octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1)
}

impl<const N: usize> Narrow<N> {
    /// The largest number that fits.
    pub const LARGEST: Narrow<N> = Narrow([0xFF; N]);

    /// `None` when the number does not fit.
    #[must_use]
    pub fn new(number: u64) -> Option<Narrow<N>> {
        let octets = number.to_le_bytes();
        let (low, high) = octets.split_at_checked(N)?;
        if high.iter().any(|octet| *octet != 0) {
            return None;
        }
        Some(Narrow(low.try_into().ok()?))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        number(&self.0)
    }
}

/// Unsigned, low octet first, of at most 8 octets.
pub(super) fn number(octets: &[u8]) -> u64 {
    octets.iter().rev().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

impl<T, const MOST: usize> Counted<T, MOST> {
    /// `None` when there are more entries than one message may hold.
    #[must_use]
    pub fn new(entries: Vec<T>) -> Option<Counted<T, MOST>> {
        (entries.len() <= MOST).then_some(Counted(entries))
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MOST: usize> Rest<T, MOST> {
    /// `None` when there are more entries than one message may hold.
    #[must_use]
    pub fn new(entries: Vec<T>) -> Option<Rest<T, MOST>> {
        (entries.len() <= MOST).then_some(Rest(entries))
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[T] {
        &self.0
    }
}

impl<const MOST: usize> Text<MOST> {
    /// `None` when the text is longer than the message allows, or not ASCII.
    #[must_use]
    pub fn new(text: &str) -> Option<Text<MOST>> {
        (text.len() <= MOST && text.is_ascii()).then(|| Text(text.as_bytes().to_vec()))
    }

    /// `None` when it is not ASCII.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok().filter(|text| text.is_ascii())
    }
}

fn array<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = octets.split_first_chunk::<N>()?;
    *octets = rest;
    Some(*first)
}

macro_rules! unsigned {
    ($($number:ty)*) => { $(
        impl Field for $number {
            const KIND: Kind = Kind::Unsigned(size_of::<$number>());

            fn take(octets: &mut &[u8]) -> Option<Self> {
                array(octets).map(<$number>::from_le_bytes)
            }

            fn put(&self, octets: &mut Vec<u8>) {
                octets.extend(self.to_le_bytes());
            }
        }
    )* };
}

unsigned! { u8 u16 u32 u64 }

macro_rules! octets {
    ($($name:ident => $kind:expr;)*) => { $(
        impl<const N: usize> Field for $name<N> {
            const KIND: Kind = $kind;

            fn take(octets: &mut &[u8]) -> Option<Self> {
                array(octets).map($name)
            }

            fn put(&self, octets: &mut Vec<u8>) {
                octets.extend(self.0);
            }
        }
    )* };
}

octets! {
    Bcd => Kind::Octets(N);
    Raw => Kind::Octets(N);
    Ascii => Kind::Ascii(N);
    Narrow => Kind::Unsigned(N);
}

/// Numbers of one octet each, as the 48 slots of a billing model.
impl<const N: usize> Field for [u8; N] {
    const KIND: Kind = Kind::Numbers(N);

    fn take(octets: &mut &[u8]) -> Option<Self> {
        array(octets)
    }

    fn put(&self, octets: &mut Vec<u8>) {
        octets.extend(self);
    }
}

impl Field for Cp56 {
    const KIND: Kind = Kind::Time;

    fn take(octets: &mut &[u8]) -> Option<Self> {
        array(octets).map(Cp56)
    }

    fn put(&self, octets: &mut Vec<u8>) {
        octets.extend(self.0);
    }
}

impl<T: Group, const MOST: usize> Field for Counted<T, MOST> {
    const KIND: Kind = Kind::Counted(MOST, T::ROWS);

    fn take(octets: &mut &[u8]) -> Option<Self> {
        let count = usize::from(u8::take(octets)?);
        Counted::new((0..count).map(|_| T::take_rows(octets)).collect::<Option<_>>()?)
    }

    fn put(&self, octets: &mut Vec<u8>) {
        octets.push(self.0.len() as u8);
        self.0.iter().for_each(|entry| entry.put_rows(octets));
    }
}

impl<T: Group, const MOST: usize> Field for Rest<T, MOST> {
    const KIND: Kind = Kind::Rest(MOST, T::ROWS);

    fn take(octets: &mut &[u8]) -> Option<Self> {
        let count = octets.len() / width(T::ROWS).max(1);
        Rest::new((0..count).map(|_| T::take_rows(octets)).collect::<Option<_>>()?)
    }

    fn put(&self, octets: &mut Vec<u8>) {
        self.0.iter().for_each(|entry| entry.put_rows(octets));
    }
}

impl<const MOST: usize> Field for Text<MOST> {
    const KIND: Kind = Kind::Text(MOST);

    fn take(octets: &mut &[u8]) -> Option<Self> {
        let length = usize::from(u8::take(octets)?);
        let (text, rest) = octets.split_at_checked(length).filter(|_| length <= MOST)?;
        *octets = rest;
        Some(Text(text.to_vec()))
    }

    fn put(&self, octets: &mut Vec<u8>) {
        octets.push(self.0.len() as u8);
        octets.extend(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_filled_with_zeros_and_never_cut() {
        let vin = Ascii::<17>::new("LTESTVANXBUS00001").unwrap();
        assert_eq!(vin.reversed().text(), Some("10000SUBXNAVTSETL"));
        assert_eq!(vin.reversed().reversed(), vin);
        assert_eq!(Ascii::<8>::new("sr").unwrap().0, *b"sr\0\0\0\0\0\0");
        assert_eq!(Ascii::<4>::new("short").is_none(), Ascii::<4>::new("é").is_none());
        assert_eq!(Ascii([0xFF; 17]).text(), None);
        assert_eq!(Ascii([0; 17]).text(), Some(""));
        assert!(Text::<3>::new("long").is_none());
    }

    #[test]
    fn a_number_of_five_octets_holds_a_meter_for_ten_years_and_no_more() {
        let register = Narrow::<5>::new(0xFF_FFFF_FFFF).unwrap();
        assert_eq!(register.get(), 0xFF_FFFF_FFFF);
        assert_eq!(Narrow::<5>::new(0x100_0000_0000), None);
        assert_eq!(Narrow::<3>::new(1000).unwrap().0, [0xE8, 3, 0]);
    }
}
