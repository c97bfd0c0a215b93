//! Names of things: piles, connectors, transactions, cards, vehicles.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Why a text is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadIdentity(pub &'static str);

impl fmt::Display for BadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadIdentity {}

/// Station or pile code: 14 decimal digits given by the platform, opaque (platform-222.md 1), kept as 7 BCD octets.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceCode(pub [u8; 7]);

impl FromStr for DeviceCode {
    type Err = BadIdentity;

    fn from_str(text: &str) -> Result<Self, BadIdentity> {
        if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadIdentity("14 decimal digits"));
        }
        let mut code = [0; 7];
        for (octet, pair) in code.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *octet = (pair[0] - b'0') << 4 | (pair[1] - b'0');
        }
        Ok(DeviceCode(code))
    }
}

impl fmt::Display for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// One charging gun: a pile and a number from 1. Written `44030000010001/1`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectorId {
    /// The charger.
    pub pile: DeviceCode,
    /// 1..=255 inside it.
    pub number: u8,
}

impl FromStr for ConnectorId {
    type Err = BadIdentity;

    fn from_str(text: &str) -> Result<Self, BadIdentity> {
        const FORM: BadIdentity =
            BadIdentity("a pile code of 14 digits, a slash and a connector number from 1");
        let (pile, number) = text.split_once('/').ok_or(FORM)?;
        let number = number.parse().ok().filter(|n| *n > 0).ok_or(FORM)?;
        Ok(ConnectorId { pile: pile.parse().map_err(|_| FORM)?, number })
    }
}

impl fmt::Display for ConnectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pile, self.number)
    }
}

/// 交易号: 16 opaque octets, the only name of a session (platform-222.md 15.1). All zeros means none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionNumber(pub [u8; 16]);

impl TransactionNumber {
    /// Whether it names no transaction.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl FromStr for TransactionNumber {
    type Err = BadIdentity;

    fn from_str(text: &str) -> Result<Self, BadIdentity> {
        octets(text).map(TransactionNumber).ok_or(BadIdentity("32 hexadecimal digits"))
    }
}

impl fmt::Display for TransactionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// UID of a card in the order on air, 1..=10 octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardUid {
    octets: [u8; 10],
    length: u8,
}

impl CardUid {
    /// Takes 1..=10 octets.
    pub fn new(uid: &[u8]) -> Result<CardUid, BadIdentity> {
        if uid.is_empty() || uid.len() > 10 {
            return Err(BadIdentity("a card UID of 1 to 10 octets"));
        }
        let mut octets = [0; 10];
        octets[..uid.len()].copy_from_slice(uid);
        Ok(CardUid { octets, length: uid.len() as u8 })
    }

    /// The octets in the order on air.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }

    /// Shortened for logs above DEBUG: the first two octets and a dot for each further one.
    #[must_use]
    pub fn masked(&self) -> String {
        let shown: String = self.as_bytes().iter().take(2).map(|o| format!("{o:02X}")).collect();
        shown + &"··".repeat(usize::from(self.length).saturating_sub(2))
    }
}

impl FromStr for CardUid {
    type Err = BadIdentity;

    fn from_str(text: &str) -> Result<Self, BadIdentity> {
        const FORM: BadIdentity = BadIdentity("a card UID of 2 to 20 hexadecimal digits");
        if !text.is_ascii() || !text.len().is_multiple_of(2) {
            return Err(FORM);
        }
        let octets: Option<Vec<u8>> =
            (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect();
        CardUid::new(&octets.ok_or(FORM)?).map_err(|_| FORM)
    }
}

impl fmt::Display for CardUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

/// Vehicle identification number: 17 characters of A-Z without I, O, Q and digits (platform-222.md 15.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vin([u8; 17]);

impl Vin {
    /// The 17 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Shortened for logs above DEBUG: maker and the last four characters. A VIN is personal data.
    #[must_use]
    pub fn masked(&self) -> String {
        let text = self.as_str();
        format!("{}··········{}", &text[..3], &text[13..])
    }
}

impl FromStr for Vin {
    type Err = BadIdentity;

    fn from_str(text: &str) -> Result<Self, BadIdentity> {
        const FORM: BadIdentity = BadIdentity("a VIN of 17 letters and digits without I, O, Q");
        let octets: [u8; 17] = text.as_bytes().try_into().map_err(|_| FORM)?;
        let good = |b: &u8| b.is_ascii_digit() || (b.is_ascii_uppercase() && !b"IOQ".contains(b));
        octets.iter().all(good).then_some(Vin(octets)).ok_or(FORM)
    }
}

impl fmt::Display for Vin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a person or vehicle shows to be let charge (platform-222.md 3, `cred`). Text kinds hold at most 32 octets.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "kebab-case")]
pub enum Credential {
    /// Nothing.
    #[default]
    None,
    /// A card.
    Card(CardUid),
    /// A vehicle by its VIN.
    Vin(Vin),
    /// A vehicle by its fleet number 车辆自编号.
    FleetNumber(String),
    /// An account.
    Account(String),
    /// A vehicle by its plate.
    Plate(String),
}

/// One configured device (charger connector, meter, reader, …): an index that the configuration gives and never reuses
/// in the life of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(pub u16);

fn octets<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut out = [0; N];
    for (i, octet) in out.iter_mut().enumerate() {
        *octet = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|e: BadIdentity| de::Error::custom(format_args!("{text:?} is not {e}")))
            }
        }
    )*};
}

as_text!(DeviceCode, ConnectorId, TransactionNumber, CardUid, Vin);
