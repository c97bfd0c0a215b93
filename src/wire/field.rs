//! Tables of fields for payloads of fixed layout, little-endian, bit 0 the lowest bit of the first octet; and their
//! JSON. Raw integers inside, exact decimals outside.

use super::{decimal, hex};
use serde_json::{Map, Value, json};

/// One field: where it stands and what its raw integer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The key in JSON.
    pub name: &'static str,
    /// First bit.
    pub at: u16,
    /// Number of bits; a multiple of eight for everything that is no number.
    pub bits: u16,
    /// What it means.
    pub form: Form,
}

/// What a raw integer or a row of octets means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `(raw + offset) / 10^places`, with the sign turned when `negated`.
    Number {
        /// Decimal places of a raw step.
        places: u8,
        /// Added to the raw integer.
        offset: i32,
        /// Whether the wire counts the other way.
        negated: bool,
    },
    /// ASCII; beside it the octets under the name with `_hex`.
    Text,
    /// ASCII of 17; beside it the octets under `vin_hex` and whether it may be an identity under `vin_usable`.
    Vin,
    /// Octets in wire order.
    Hex,
    /// One number an octet, with an offset.
    Octets(i16),
    /// Two octets of BCD: `1.21`.
    Version,
}

impl Field {
    /// An unsigned number of whole octets.
    #[must_use]
    pub const fn number(name: &'static str, octet: u16, octets: u16) -> Field {
        Field::bits(name, octet, 0, octets * 8)
    }

    /// An unsigned number of some bits.
    #[must_use]
    pub const fn bits(name: &'static str, octet: u16, bit: u16, bits: u16) -> Field {
        Field { name, at: octet * 8 + bit, bits, form: Form::Number { places: 0, offset: 0, negated: false } }
    }

    /// A row of octets.
    #[must_use]
    pub const fn octets(name: &'static str, octet: u16, octets: u16, form: Form) -> Field {
        Field { name, at: octet * 8, bits: octets * 8, form }
    }

    /// With a scale and an offset in raw steps.
    #[must_use]
    pub const fn scaled(self, places: u8, offset: i32) -> Field {
        Field { form: Form::Number { places, offset, negated: false }, ..self }
    }

    /// With a scale, an offset and the sign turned.
    #[must_use]
    pub const fn negated(self, places: u8, offset: i32) -> Field {
        Field { form: Form::Number { places, offset, negated: true }, ..self }
    }

    /// The first octet behind it.
    #[must_use]
    pub const fn end(&self) -> usize {
        (self.at as usize + self.bits as usize).div_ceil(8)
    }

    /// Its octets, if the payload reaches so far.
    #[must_use]
    #[inline]
    pub fn slice<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        payload.get(usize::from(self.at / 8)..self.end())
    }

    /// The raw integer of a field of at most 32 bits, if the payload reaches so far.
    #[must_use]
    #[inline]
    pub fn raw(&self, payload: &[u8]) -> Option<u32> {
        let octets = self.slice(payload)?;
        let wide = octets.iter().rev().fold(0u64, |n, o| n << 8 | u64::from(*o));
        Some((wide >> (self.at % 8)) as u32 & self.mask())
    }

    /// The number as `(value, places)`, if it is one and the payload reaches so far.
    #[must_use]
    pub fn value(&self, payload: &[u8]) -> Option<i64> {
        let raw = i64::from(self.raw(payload)?);
        match self.form {
            Form::Number { offset, negated, .. } => {
                let value = raw + i64::from(offset);
                Some(if negated { -value } else { value })
            }
            Form::Text | Form::Vin | Form::Hex | Form::Octets(_) | Form::Version => None,
        }
    }

    const fn mask(&self) -> u32 {
        if self.bits >= 32 { u32::MAX } else { (1 << self.bits) - 1 }
    }

    /// Writes the raw integer; bits around it stay. Nothing when the payload does not reach so far.
    pub fn put(&self, payload: &mut [u8], raw: u32) {
        let Some(octets) = payload.get_mut(usize::from(self.at / 8)..self.end()) else { return };
        let shift = self.at % 8;
        let mask = u64::from(self.mask()) << shift;
        let value = u64::from(raw) << shift & mask;
        for (i, octet) in octets.iter_mut().enumerate() {
            *octet = *octet & !((mask >> (8 * i)) as u8) | (value >> (8 * i)) as u8;
        }
    }

    /// Adds the keys of the field; none when the payload does not reach so far.
    pub fn show(&self, payload: &[u8], into: &mut Map<String, Value>) {
        let Some(octets) = self.slice(payload) else { return };
        let value = match self.form {
            Form::Number { places, .. } => {
                self.value(payload).map_or(Value::Null, |value| decimal::json(value, places))
            }
            Form::Text | Form::Vin => text(octets).map_or(Value::Null, |t| json!(t)),
            Form::Hex => json!(hex::upper(octets)),
            Form::Octets(offset) => octets.iter().map(|o| i64::from(*o) + i64::from(offset)).collect(),
            Form::Version => version(octets).map_or(Value::Null, |v| json!(v)),
        };
        into.insert(self.name.to_owned(), value);
        match self.form {
            Form::Text => {
                into.insert(format!("{}_hex", self.name), json!(hex::upper(octets)));
            }
            Form::Vin => {
                into.insert("vin_hex".to_owned(), json!(hex::upper(octets)));
                into.insert("vin_usable".to_owned(), json!(is_vin(octets)));
            }
            // No BCD: the octets say what the text cannot.
            Form::Version if version(octets).is_none() => {
                into.insert(format!("{}_hex", self.name), json!(hex::upper(octets)));
            }
            Form::Number { .. } | Form::Hex | Form::Octets(_) | Form::Version => {}
        }
    }

    /// Writes the field from its keys. Null leaves the fill.
    pub fn fill(&self, fields: &Map<String, Value>, payload: &mut [u8]) -> Result<(), String> {
        let wrong = || format!("{}: not a value of this field", self.name);
        if let Some(Value::String(digits)) = fields.get(&format!("{}_hex", self.name)) {
            return self.place(payload, &hex::parse(digits).ok_or_else(wrong)?);
        }
        let value = fields.get(self.name).ok_or_else(|| format!("{}: absent", self.name))?;
        match (self.form, value) {
            (_, Value::Null) => Ok(()),
            (Form::Number { places, offset, negated }, value) => {
                let value = decimal::read(value, places).ok_or_else(wrong)?;
                let raw =
                    (if negated { -value } else { value }).checked_sub(offset.into()).ok_or_else(wrong)?;
                let raw = u32::try_from(raw).ok().filter(|r| *r <= self.mask()).ok_or_else(wrong)?;
                self.put(payload, raw);
                Ok(())
            }
            (Form::Text | Form::Vin, Value::String(text)) => self.place(payload, text.as_bytes()),
            (Form::Hex, Value::String(digits)) => self.place(payload, &hex::parse(digits).ok_or_else(wrong)?),
            (Form::Octets(offset), Value::Array(list)) => {
                let octet = |v: &Value| u8::try_from(v.as_i64()? - i64::from(offset)).ok();
                self.place(payload, &list.iter().map(octet).collect::<Option<Vec<u8>>>().ok_or_else(wrong)?)
            }
            (Form::Version, Value::String(text)) => {
                self.place(payload, &hex::parse(&version_digits(text).ok_or_else(wrong)?).ok_or_else(wrong)?)
            }
            (Form::Text | Form::Vin | Form::Hex | Form::Octets(_) | Form::Version, _) => Err(wrong()),
        }
    }

    fn place(&self, payload: &mut [u8], octets: &[u8]) -> Result<(), String> {
        match payload.get_mut(usize::from(self.at / 8)..self.end()) {
            Some(room) if room.len() == octets.len() => room.copy_from_slice(octets),
            Some(room) => return Err(format!("{}: {} octets, not {}", self.name, room.len(), octets.len())),
            None => {}
        }
        Ok(())
    }
}

/// Printable and not blank.
fn text(octets: &[u8]) -> Option<&str> {
    let printable = octets.iter().all(|o| (0x20..0x7F).contains(o)) && octets.iter().any(|o| *o != b' ');
    std::str::from_utf8(octets).ok().filter(|_| printable)
}

/// Whether 17 characters may serve as an identity: A-Z without I, O, Q and digits (domain.md 2.5).
#[must_use]
pub fn is_vin(octets: &[u8]) -> bool {
    let good = |o: &u8| o.is_ascii_digit() || o.is_ascii_uppercase() && !b"IOQ".contains(o);
    octets.len() == 17 && octets.iter().all(good) && octets.iter().any(|o| *o != b'0')
}

fn version(octets: &[u8]) -> Option<String> {
    let [major, minor] = *octets else { return None };
    let bcd = |o: u8| o & 15 <= 9 && o >> 4 <= 9;
    (bcd(major) && bcd(minor)).then(|| format!("{major:x}.{minor:02x}"))
}

fn version_digits(text: &str) -> Option<String> {
    let (major, minor) = text.split_once('.')?;
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    (digits(major) && digits(minor)).then(|| format!("{major:0>2}{minor:0>2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_across_octets_leaves_its_neighbours_alone() {
        const FIELD: Field = Field::bits("x", 1, 4, 12);
        let mut payload = [0xFF, 0x05, 0x00, 0xFF];
        FIELD.put(&mut payload, 0xABC);
        assert_eq!(payload, [0xFF, 0xC5, 0xAB, 0xFF]);
        assert_eq!(FIELD.raw(&payload), Some(0xABC));
        assert_eq!(FIELD.raw(&payload[..2]), None);
    }

    #[test]
    fn zeros_ones_blanks_and_forbidden_letters_are_no_vin() {
        assert!(is_vin(b"LTESTVANXBUS00001"));
        for bad in
            [[0u8; 17], [0xFF; 17], [b' '; 17], [b'0'; 17], *b"LTESTVANXBUSI0001", *b"ltestvanxbus00001"]
        {
            assert!(!is_vin(&bad));
        }
        assert!(!is_vin(b"LTESTVANXBUS0000"));
    }
}
