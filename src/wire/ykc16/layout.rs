//! How the tables of the messages are written, and the list of them all.
//!
//! One struct per message. Its fields are the rows of its table, in the order of the wire: the type of a row says how
//! it travels, the comment above it what it means, and behind `=>` stands how people read its number. The tables,
//! the typed reading and writing, and the JSON view all come from that one place.

use super::message::{card, charging, login, maintenance, record, start, tariff};
use super::reading::Reading;

/// Who sends a message: odd types come from the pile, even ones from the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Pile to platform.
    Up,
    /// Platform to pile.
    Down,
}

impl Way {
    /// As in the vector format.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Way::Up => "pile->platform",
            Way::Down => "platform->pile",
        }
    }
}

/// How a row travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned number of so many octets, low octet first.
    Unsigned(usize),
    /// So many opaque octets, BCD or raw.
    Octets(usize),
    /// ASCII, filled with zeros to so many octets.
    Ascii(usize),
    /// So many numbers of one octet.
    Numbers(usize),
    /// CP56Time2a.
    Time,
    /// Count octet (`count`), then entries; at most so many.
    Counted(usize, &'static [Row]),
    /// Entries to the end of the body; at most so many.
    Rest(usize, &'static [Row]),
    /// Length octet (`len`), then ASCII; at most so many octets.
    Text(usize),
}

/// One row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// As in the specification and in the JSON view.
    pub name: &'static str,
    /// How it travels.
    pub kind: Kind,
    /// How people read it.
    pub reading: Reading,
}

/// The table of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Type octet.
    pub number: u8,
    /// English name.
    pub title: &'static str,
    /// Who sends it.
    pub way: Way,
    /// Rows of the body.
    pub rows: &'static [Row],
}

/// Rows that stand together: a message, or one entry of a list.
pub trait Group: Sized {
    /// Their table.
    const ROWS: &'static [Row];

    /// Takes them from the front; `None` when one does not fit.
    fn take_rows(octets: &mut &[u8]) -> Option<Self>;

    /// Puts them behind what is there.
    fn put_rows(&self, octets: &mut Vec<u8>);
}

/// A message as a struct.
pub trait Message: Group {
    /// Type octet.
    const NUMBER: u8;
    /// Its table.
    const LAYOUT: Layout;

    /// Its body.
    fn body(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        self.put_rows(&mut octets);
        octets
    }
}

/// The table of this type; `None` when there is none.
#[must_use]
pub fn layout(number: u8) -> Option<&'static Layout> {
    layouts().find(|layout| layout.number == number)
}

/// Every table.
pub fn layouts() -> impl Iterator<Item = &'static Layout> {
    let groups = [
        login::LAYOUTS,
        tariff::LAYOUTS,
        charging::LAYOUTS,
        start::LAYOUTS,
        record::LAYOUTS,
        card::LAYOUTS,
        maintenance::LAYOUTS,
    ];
    groups.into_iter().flatten()
}

impl Kind {
    /// Octets that it takes at least.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Kind::Unsigned(n) | Kind::Octets(n) | Kind::Ascii(n) | Kind::Numbers(n) => n,
            Kind::Time => 7,
            Kind::Counted(..) | Kind::Text(_) => 1,
            Kind::Rest(..) => 0,
        }
    }
}

/// Octets that the rows take at least.
#[must_use]
pub fn width(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.kind.width()).sum()
}

macro_rules! reading {
    () => {
        $crate::wire::ykc16::reading::Reading::Plain
    };
    ($reading:expr) => {
        $reading
    };
}

/// A struct and its table.
macro_rules! group {
    ($(#[$about:meta])* $name:ident { $( $(#[$meaning:meta])* $field:ident: $kind:ty $(=> $reading:expr)?, )* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$meaning])* pub $field: $kind, )*
        }

        impl $crate::wire::ykc16::layout::Group for $name {
            const ROWS: &'static [$crate::wire::ykc16::layout::Row] = &[
                $( $crate::wire::ykc16::layout::Row {
                    name: stringify!($field),
                    kind: <$kind as $crate::wire::ykc16::field::Field>::KIND,
                    reading: $crate::wire::ykc16::layout::reading!($($reading)?),
                }, )*
            ];

            fn take_rows(octets: &mut &[u8]) -> Option<Self> {
                Some($name { $( $field: $crate::wire::ykc16::field::Field::take(octets)?, )* })
            }

            fn put_rows(&self, octets: &mut Vec<u8>) {
                $( $crate::wire::ykc16::field::Field::put(&self.$field, octets); )*
            }
        }
    };
}

/// The messages of a file, and the list of their tables. Behind name, type, sender and title stands how the body begins:
/// with the pile code (`pile`), with pile and connector (`connector`), with the transaction before them (`session`), or
/// with its own first row (`own`).
macro_rules! messages {
    ($( $(#[$about:meta])* $name:ident $number:literal $way:ident $title:literal $head:ident { $($rows:tt)* } )*) => {
        /// The tables of this file.
        pub(in crate::wire::ykc16) const LAYOUTS: &[$crate::wire::ykc16::layout::Layout] =
            &[$( <$name as $crate::wire::ykc16::layout::Message>::LAYOUT, )*];

        /// Each message of this file, read as a struct and written again.
        #[cfg(test)]
        pub(in crate::wire::ykc16) const AGAIN: &[fn(&$crate::wire::ykc16::body::Opened<'_>) -> Option<Vec<u8>>] =
            &[$( |opened| opened.read::<$name>().map(|message| {
                $crate::wire::ykc16::layout::Message::body(&message)
            }), )*];

        $( $crate::wire::ykc16::layout::message! {
            $(#[$about])* $name $number $way $title $head { $($rows)* }
        } )*
    };
}

macro_rules! message {
    ($(#[$about:meta])* $name:ident $number:literal $way:ident $title:literal own { $($rows:tt)* }) => {
        $crate::wire::ykc16::layout::group! { $(#[$about])* $name { $($rows)* } }

        impl $crate::wire::ykc16::layout::Message for $name {
            const NUMBER: u8 = $number;
            const LAYOUT: $crate::wire::ykc16::layout::Layout = $crate::wire::ykc16::layout::Layout {
                number: $number,
                title: $title,
                way: $crate::wire::ykc16::layout::Way::$way,
                rows: <$name as $crate::wire::ykc16::layout::Group>::ROWS,
            };
        }
    };
    ($(#[$about:meta])* $name:ident $number:literal $way:ident $title:literal pile { $($rows:tt)* }) => {
        $crate::wire::ykc16::layout::message! { $(#[$about])* $name $number $way $title own {
            /// Pile code, filled with 0 to 14 digits.
            pile: $crate::wire::ykc16::field::Bcd<7>,
            $($rows)*
        } }
    };
    ($(#[$about:meta])* $name:ident $number:literal $way:ident $title:literal connector { $($rows:tt)* }) => {
        $crate::wire::ykc16::layout::message! { $(#[$about])* $name $number $way $title pile {
            /// Connector number, from 1.
            gun: $crate::wire::ykc16::field::Bcd<1>,
            $($rows)*
        } }
    };
    ($(#[$about:meta])* $name:ident $number:literal $way:ident $title:literal session { $($rows:tt)* }) => {
        $crate::wire::ykc16::layout::message! { $(#[$about])* $name $number $way $title own {
            /// Transaction serial number.
            serial: $crate::wire::ykc16::field::Bcd<16>,
            /// Pile code, filled with 0 to 14 digits.
            pile: $crate::wire::ykc16::field::Bcd<7>,
            /// Connector number, from 1.
            gun: $crate::wire::ykc16::field::Bcd<1>,
            $($rows)*
        } }
    };
}

pub(super) use {group, message, messages, reading};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ykc16::body::open;
    use crate::wire::ykc16::frame::{BODY_MAX, Frame, Header, Order};
    use std::collections::BTreeSet;

    fn longest(rows: &[Row]) -> usize {
        let entries = |kind| match kind {
            Kind::Counted(most, rows) | Kind::Rest(most, rows) => most * longest(rows),
            Kind::Text(most) => most,
            Kind::Unsigned(_) | Kind::Octets(_) | Kind::Ascii(_) | Kind::Numbers(_) | Kind::Time => 0,
        };
        rows.iter().map(|row| row.kind.width() + entries(row.kind)).sum()
    }

    #[test]
    fn every_message_at_its_longest_fits_one_frame() {
        for layout in layouts() {
            assert!(longest(layout.rows) <= BODY_MAX, "{:02X}", layout.number);
        }
    }

    #[test]
    fn odd_types_come_from_the_pile_and_none_is_there_twice() {
        let numbers: BTreeSet<u8> = layouts().map(|l| l.number).collect();
        assert_eq!(numbers.len(), layouts().count());
        assert_eq!(numbers.len(), 54, "with 0x3D of V1.7 and the two of the QR extension");
        for layout in layouts() {
            let up = layout.number % 2 == 1;
            assert_eq!(layout.way == Way::Up, up, "{:02X}", layout.number);
        }
    }

    /// A body of the table that a seed makes.
    fn body(rows: &[Row], rng: &mut fastrand::Rng) -> Vec<u8> {
        let mut octets = Vec::new();
        for row in rows {
            let listed = match row.kind {
                Kind::Counted(most, _) | Kind::Rest(most, _) | Kind::Text(most) => rng.usize(..=most),
                Kind::Unsigned(_) | Kind::Octets(_) | Kind::Ascii(_) | Kind::Numbers(_) | Kind::Time => 0,
            };
            let entries = match row.kind {
                Kind::Counted(_, entry) => {
                    [vec![listed as u8], vec![rng.u8(..); listed * width(entry)]].concat()
                }
                Kind::Rest(_, entry) => vec![rng.u8(..); listed * width(entry)],
                Kind::Text(_) => [vec![listed as u8], vec![rng.u8(..); listed]].concat(),
                kind => (0..kind.width()).map(|_| rng.u8(..)).collect(),
            };
            octets.extend(entries);
        }
        octets
    }

    #[test]
    fn every_message_is_a_struct_that_loses_no_octet() {
        let all = [
            (login::LAYOUTS, login::AGAIN),
            (tariff::LAYOUTS, tariff::AGAIN),
            (charging::LAYOUTS, charging::AGAIN),
            (start::LAYOUTS, start::AGAIN),
            (record::LAYOUTS, record::AGAIN),
            (card::LAYOUTS, card::AGAIN),
            (maintenance::LAYOUTS, maintenance::AGAIN),
        ];
        let mut rng = fastrand::Rng::with_seed(16);
        let pairs = all.iter().flat_map(|(layouts, again)| layouts.iter().zip(again.iter()));
        for (layout, again) in pairs.flat_map(|pair| [pair; 20]) {
            let body = body(layout.rows, &mut rng);
            let header = Header { sequence: [1, 2], encryption: 0, kind: layout.number };
            let frame = Frame { header, body, order: Order::LowFirst };
            let opened = open(&frame).unwrap_or_else(|fault| panic!("{:02X}: {fault}", layout.number));
            assert!(!opened.is_tolerated(), "{:02X}", layout.number);
            assert_eq!(again(&opened).as_ref(), Some(&frame.body), "{:02X}", layout.number);
        }
    }

    /// Value of the length octet as published, for bodies of fixed size.
    #[test]
    fn the_tables_add_up_to_the_published_length_octets() {
        let published = [
            (0x01, 34),
            (0x02, 12),
            (0x03, 13),
            (0x04, 13),
            (0x05, 13),
            (0x06, 14),
            (0x09, 11),
            (0x0A, 94),
            (0x12, 12),
            (0x13, 64),
            (0x15, 77),
            (0x17, 49),
            (0x19, 43),
            (0x1B, 36),
            (0x1D, 32),
            (0x21, 32),
            (0x23, 48),
            (0x25, 35),
            (0x31, 55),
            (0x32, 42),
            (0x33, 30),
            (0x34, 48),
            (0x35, 14),
            (0x36, 12),
            (0x3B, 162),
            (0x3D, 205),
            (0x40, 21),
            (0x41, 20),
            (0x42, 24),
            (0x43, 13),
            (0x51, 12),
            (0x52, 13),
            (0x55, 18),
            (0x56, 18),
            (0x57, 12),
            (0x58, 94),
            (0x61, 20),
            (0x62, 17),
            (0x63, 17),
            (0x91, 12),
            (0x92, 12),
            (0x93, 12),
            (0x94, 98),
            (0xA1, 62),
            (0xA2, 48),
            (0xA3, 37),
            (0xA4, 54),
            (0xF1, 12),
        ];
        for (number, length) in published {
            let rows = layout(number).unwrap_or_else(|| panic!("no table {number:02X}")).rows;
            assert_eq!(width(rows) + 4, length, "{number:02X}");
        }
    }
}
