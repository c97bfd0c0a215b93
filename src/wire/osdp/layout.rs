//! Tables become types: a message is a list of named fields, each of which can be read from octets, written to octets,
//! shown as JSON and read from JSON. Every table of rs485.md 4.2 and 4.3 is written once, in `command` and `reply`.

use crate::wire::hex;
use serde_json::{Map, Value};
use std::fmt;
use zeroize::Zeroizing;

/// One field of a table.
pub(super) trait Field: Sized {
    /// Takes it from the front.
    fn read(from: &mut &[u8]) -> Option<Self>;
    /// Adds it.
    fn write(&self, to: &mut Vec<u8>);
    /// `None`: it is not shown.
    fn show(&self) -> Option<Value>;
    /// From what was shown.
    fn parse(shown: Option<&Value>) -> Option<Self>;
}

/// A whole table.
pub(super) trait Record: Sized {
    fn read(from: &mut &[u8]) -> Option<Self>;
    fn write(&self, to: &mut Vec<u8>);
    fn show(&self, to: &mut Map<String, Value>);
    fn parse(shown: &Map<String, Value>) -> Option<Self>;
}

impl<T: Record> Field for T {
    fn read(from: &mut &[u8]) -> Option<Self> {
        Record::read(from)
    }

    fn write(&self, to: &mut Vec<u8>) {
        Record::write(self, to);
    }

    fn show(&self) -> Option<Value> {
        let mut shown = Map::new();
        Record::show(self, &mut shown);
        Some(Value::Object(shown))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        Record::parse(shown?.as_object()?)
    }
}

/// A table: its fields in wire order under the names that JSON gives them, and what must hold between them.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $type:ty,)* }) => {
        record!($(#[$doc])* $name { $($(#[$about])* $field: $type,)* } holds |_| true);
    };
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $type:ty,)* } holds $rule:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$about])* pub $field: $type,)*
        }

        impl $crate::wire::osdp::layout::Record for $name {
            fn read(from: &mut &[u8]) -> Option<Self> {
                let rule: fn(&Self) -> bool = $rule;
                Some($name { $($field: $crate::wire::osdp::layout::Field::read(from)?,)* }).filter(rule)
            }

            fn write(&self, to: &mut Vec<u8>) {
                $($crate::wire::osdp::layout::Field::write(&self.$field, to);)*
            }

            fn show(&self, to: &mut serde_json::Map<String, serde_json::Value>) {
                $(if let Some(shown) = $crate::wire::osdp::layout::Field::show(&self.$field) {
                    to.insert(stringify!($field).to_owned(), shown);
                })*
            }

            fn parse(shown: &serde_json::Map<String, serde_json::Value>) -> Option<Self> {
                let rule: fn(&Self) -> bool = $rule;
                Some($name {
                    $($field: $crate::wire::osdp::layout::Field::parse(shown.get(stringify!($field)))?,)*
                })
                .filter(rule)
            }
        }
    };
}

/// All messages of one direction: code, name of the standard, and the table where there are data.
macro_rules! messages {
    ($(#[$doc:meta])* $name:ident {
        bare { $($(#[$bare_doc:meta])* $bare_code:literal $bare_name:literal $bare:ident,)* }
        tabled { $($(#[$tabled_doc:meta])* $code:literal $word:literal $variant:ident($table:ty),)* }
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$bare_doc])* $bare,)*
            $($(#[$tabled_doc])* $variant($table),)*
        }

        impl $name {
            /// The code octet.
            #[must_use]
            pub fn code(&self) -> u8 {
                match self {
                    $($name::$bare => $bare_code,)*
                    $($name::$variant(_) => $code,)*
                }
            }

            /// The standard's name of it.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $($name::$bare => $bare_name,)*
                    $($name::$variant(_) => $word,)*
                }
            }

            /// The standard's name of a code.
            #[must_use]
            pub fn name_of(code: u8) -> Option<&'static str> {
                match code {
                    $($bare_code => Some($bare_name),)*
                    $($code => Some($word),)*
                    _ => None,
                }
            }

            /// The code of a name.
            #[must_use]
            pub fn code_of(name: &str) -> Option<u8> {
                match name {
                    $($bare_name => Some($bare_code),)*
                    $($word => Some($code),)*
                    _ => None,
                }
            }

            /// Reads clear data exactly.
            pub fn decode(code: u8, data: &[u8]) -> Result<Self, $crate::wire::osdp::Unreadable> {
                let mut rest = data;
                let read = match code {
                    $($bare_code => Some($name::$bare),)*
                    $($code => <$table as $crate::wire::osdp::layout::Record>::read(&mut rest).map($name::$variant),)*
                    _ => return Err($crate::wire::osdp::Unreadable::UnknownCode(code)),
                };
                read.filter(|_| rest.is_empty()).ok_or($crate::wire::osdp::Unreadable::Body(code, data.len()))
            }

            /// Its clear data.
            #[must_use]
            pub fn data(&self) -> Vec<u8> {
                let mut data = Vec::new();
                match self {
                    $($name::$bare => {})*
                    $($name::$variant(table) => $crate::wire::osdp::layout::Record::write(table, &mut data),)*
                }
                data
            }

            /// Its content by name.
            pub(super) fn show(&self, to: &mut serde_json::Map<String, serde_json::Value>) {
                match self {
                    $($name::$bare => {})*
                    $($name::$variant(table) => $crate::wire::osdp::layout::Record::show(table, to),)*
                }
            }

            /// From its content by name; `None` when that does not determine it.
            pub(super) fn parse(code: u8, shown: &serde_json::Map<String, serde_json::Value>) -> Option<Self> {
                match code {
                    $($bare_code => Some($name::$bare),)*
                    $($code => <$table as $crate::wire::osdp::layout::Record>::parse(shown).map($name::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use {messages, record};

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Field for $type {
            fn read(from: &mut &[u8]) -> Option<Self> {
                let (octets, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(<$type>::from_le_bytes(*octets))
            }

            fn write(&self, to: &mut Vec<u8>) {
                to.extend(self.to_le_bytes());
            }

            fn show(&self) -> Option<Value> {
                Some(Value::from(*self))
            }

            fn parse(shown: Option<&Value>) -> Option<Self> {
                <$type>::try_from(shown?.as_i64()?).ok()
            }
        }
    )*};
}

integers!(u8 u16 u32 i16);

/// Fields one after the other to the end of the data.
impl<T: Field> Field for Vec<T> {
    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut all = Vec::new();
        while !from.is_empty() {
            all.push(T::read(from)?);
        }
        Some(all)
    }

    fn write(&self, to: &mut Vec<u8>) {
        self.iter().for_each(|field| field.write(to));
    }

    fn show(&self) -> Option<Value> {
        Some(Value::Array(self.iter().filter_map(Field::show).collect()))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        shown?.as_array()?.iter().map(|one| T::parse(Some(one))).collect()
    }
}

/// So many octets, in wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octets<const N: usize>(pub [u8; N]);

impl<const N: usize> Field for Octets<N> {
    fn read(from: &mut &[u8]) -> Option<Self> {
        let (octets, rest) = from.split_first_chunk()?;
        *from = rest;
        Some(Octets(*octets))
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(self.0);
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(hex::upper(&self.0)))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        hex::parse(shown?.as_str()?)?.try_into().ok().map(Octets)
    }
}

/// All octets to the end, in wire order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest(pub Vec<u8>);

impl Field for Rest {
    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Rest(std::mem::take(from).to_vec()))
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(&self.0);
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(hex::upper(&self.0)))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        hex::parse(shown?.as_str()?).map(Rest)
    }
}

/// Octets to the end that may be missing; shown only when there are some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail(pub Vec<u8>);

impl Field for Detail {
    fn read(from: &mut &[u8]) -> Option<Self> {
        Rest::read(from).map(|rest| Detail(rest.0))
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(&self.0);
    }

    fn show(&self) -> Option<Value> {
        (!self.0.is_empty()).then(|| Value::from(hex::upper(&self.0)))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        match shown {
            None => Some(Detail::default()),
            Some(shown) => hex::parse(shown.as_str()?).map(Detail),
        }
    }
}

/// Octets without a table of ours: visible only in the frame's `data`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Untabled(pub Vec<u8>);

impl Field for Untabled {
    fn read(from: &mut &[u8]) -> Option<Self> {
        Rest::read(from).map(|rest| Untabled(rest.0))
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(&self.0);
    }

    fn show(&self) -> Option<Value> {
        None
    }

    fn parse(_: Option<&Value>) -> Option<Self> {
        None
    }
}

/// One octet that says nothing; written as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved(pub u8);

impl Field for Reserved {
    fn read(from: &mut &[u8]) -> Option<Self> {
        u8::read(from).map(Reserved)
    }

    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
    }

    fn show(&self) -> Option<Value> {
        None
    }

    fn parse(_: Option<&Value>) -> Option<Self> {
        Some(Reserved(0))
    }
}

/// Characters behind their number; at most 255. An octet above 7F is shown as the character of that number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<u8>);

impl Field for Text {
    fn read(from: &mut &[u8]) -> Option<Self> {
        let count = usize::from(u8::read(from)?);
        let (text, rest) = from.split_at_checked(count)?;
        *from = rest;
        Some(Text(text.to_vec()))
    }

    fn write(&self, to: &mut Vec<u8>) {
        let count = u8::try_from(self.0.len()).unwrap_or(u8::MAX);
        to.push(count);
        to.extend(&self.0[..usize::from(count)]);
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(self.0.iter().copied().map(char::from).collect::<String>()))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        let text: Option<Vec<u8>> = shown?.as_str()?.chars().map(|c| u8::try_from(c).ok()).collect();
        text.filter(|t| t.len() <= usize::from(u8::MAX)).map(Text)
    }
}

/// Keys pressed, behind their number: ASCII digits, 0D for `#`, 7F for `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digits(pub Text);

impl Field for Digits {
    fn read(from: &mut &[u8]) -> Option<Self> {
        Text::read(from).map(Digits)
    }

    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
    }

    fn show(&self) -> Option<Value> {
        let key = |octet: &u8| match octet {
            0x0D => '#',
            0x7F => '*',
            other => char::from(*other),
        };
        Some(Value::from(self.0.0.iter().map(key).collect::<String>()))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        let mut text = Text::parse(shown)?;
        for octet in &mut text.0 {
            match octet {
                b'#' => *octet = 0x0D,
                b'*' => *octet = 0x7F,
                _ => {}
            }
        }
        Some(Digits(text))
    }
}

/// Version of firmware, most important number first; shown as `3.2.1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(pub [u8; 3]);

impl Field for Version {
    fn read(from: &mut &[u8]) -> Option<Self> {
        Octets::read(from).map(|octets| Version(octets.0))
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(self.0);
    }

    fn show(&self) -> Option<Value> {
        let [major, minor, build] = self.0;
        Some(Value::from(format!("{major}.{minor}.{build}")))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        let numbers: Option<Vec<u8>> = shown?.as_str()?.split('.').map(|n| n.parse().ok()).collect();
        numbers?.try_into().ok().map(Version)
    }
}

/// A key on its way to a reader. Wiped when dropped, not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyOctets(pub Zeroizing<[u8; 16]>);

impl fmt::Debug for KeyOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyOctets(…)")
    }
}

impl Field for KeyOctets {
    fn read(from: &mut &[u8]) -> Option<Self> {
        Octets::read(from).map(|octets| KeyOctets(Zeroizing::new(octets.0)))
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(self.0.iter());
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(hex::upper(self.0.as_slice())))
    }

    fn parse(shown: Option<&Value>) -> Option<Self> {
        Octets::parse(shown).map(|octets| KeyOctets(Zeroizing::new(octets.0)))
    }
}
