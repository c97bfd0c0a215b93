//! How people read a number: exact decimals, codes, bits.

use super::stop;
use serde_json::{Number, Value, json};

/// How people read the number of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As it is.
    Plain,
    /// Scale and offset: number x 10^-decimals + offset.
    Scaled(Scale),
    /// An enumeration. What is not in it is unknown: never success, whatever the field.
    Codes(&'static [(u8, &'static str)]),
    /// Bits with meanings.
    Bits(&'static [Bits]),
    /// Stop-reason code (ykc16.md 6).
    Stop,
    /// Bits 0-11 highest cell voltage in 0.01 V, bits 12-15 its group.
    Cell,
}

/// Number x 10^-`decimals` + `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Digits behind the point.
    pub decimals: u8,
    /// In whole units.
    pub offset: i32,
}

/// Some neighbouring bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Lowest bit; bit 0 is the lowest of the first octet.
    pub at: u8,
    /// How many.
    pub width: u8,
    /// What they are about.
    pub name: &'static str,
    /// Words for 1, 2, 3; 0 is not told, what has no word is told as a number.
    pub words: &'static [&'static str],
}

/// `=> decimal(1)`: tenths.
pub(super) const fn decimal(decimals: u8) -> Reading {
    Reading::Scaled(Scale { decimals, offset: 0 })
}

/// `=> offset(0, -50)`: whole degrees from -50.
pub(super) const fn offset(decimals: u8, offset: i32) -> Reading {
    Reading::Scaled(Scale { decimals, offset })
}

impl Scale {
    fn unit(self) -> i128 {
        10_i128.pow(self.decimals.into())
    }

    /// The exact physical value, without needless zeros.
    #[must_use]
    pub fn show(self, raw: u64) -> Value {
        let units = i128::from(raw) + i128::from(self.offset) * self.unit();
        let digits = format!("{:0width$}", units.unsigned_abs(), width = usize::from(self.decimals) + 1);
        let (whole, part) = digits.split_at(digits.len() - usize::from(self.decimals));
        let part = part.trim_end_matches('0');
        let sign = if units < 0 { "-" } else { "" };
        let text = if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") };
        text.parse::<Number>().map_or(Value::Null, Value::Number)
    }

    /// The raw number of a physical value; `None` when it has more digits than travel, or lies below the offset.
    #[must_use]
    pub fn raw(self, value: &Number) -> Option<u64> {
        let units = units(&value.to_string(), self.decimals)?;
        u64::try_from(units - i128::from(self.offset) * self.unit()).ok()
    }
}

/// Longest number text that is looked at.
const LONGEST: usize = 40;

/// A decimal in units of the last of `decimals` digits.
fn units(text: &str, decimals: u8) -> Option<i128> {
    if text.len() > LONGEST {
        return None;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i8>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let number: i128 = format!("{whole}{part}").parse().ok()?;
    let shift = i32::from(exponent) + i32::from(decimals) - i32::try_from(part.len()).ok()?;
    let power = 10_i128.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 { number.checked_mul(power) } else { (number % power == 0).then_some(number / power) }
}

impl Reading {
    /// The number in words; `None` when it speaks for itself.
    #[must_use]
    pub fn text(&self, raw: u64) -> Option<Value> {
        match self {
            Reading::Plain | Reading::Scaled(_) => None,
            Reading::Codes(codes) => {
                let known = codes.iter().find(|(code, _)| u64::from(*code) == raw);
                Some(json!(known.map_or("unknown", |(_, text)| text)))
            }
            Reading::Bits(table) => Some(told(table, raw)),
            Reading::Stop => Some(
                stop::Reason::of(raw)
                    .map_or(json!("unknown"), |reason| json!({ "en": reason.english, "zh": reason.chinese })),
            ),
            Reading::Cell => Some(json!(format!(
                "{} V, group {}",
                Scale { decimals: 2, offset: 0 }.show(raw & 0xFFF),
                raw >> 12
            ))),
        }
    }
}

fn told(table: &[Bits], raw: u64) -> Value {
    let words = table.iter().filter_map(|bits| {
        let value = raw >> bits.at & !(u64::MAX << bits.width);
        let at = usize::try_from(value).ok()?.checked_sub(1)?;
        Some(match bits.words.get(at) {
            None => format!("{}: {value}", bits.name),
            Some(&"") => bits.name.to_owned(),
            Some(word) => format!("{}: {word}", bits.name),
        })
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit_and_no_more() {
        for (scale, raw, text) in [
            (Scale { decimals: 5, offset: 0 }, 16_540, "0.1654"),
            (Scale { decimals: 1, offset: -400 }, 2195, "-180.5"),
            (Scale { decimals: 0, offset: -50 }, 45, "-5"),
            (Scale { decimals: 1, offset: -400 }, 4000, "0"),
            (Scale { decimals: 4, offset: 0 }, u64::MAX, "1844674407370955.1615"),
        ] {
            assert_eq!(scale.show(raw).to_string(), text);
            assert_eq!(scale.raw(&text.parse().unwrap()), Some(raw));
        }
        let tenths = Scale { decimals: 1, offset: -400 };
        for (text, raw) in
            [("-400.0", Some(0)), ("1e1", Some(4100)), ("-400.1", None), ("0.05", None), ("1e99", None)]
        {
            assert_eq!(tenths.raw(&text.parse().unwrap()), raw, "{text}");
        }
    }

    #[test]
    fn a_value_outside_its_enumeration_is_unknown() {
        let verdict = Reading::Codes(&[(0, "stored"), (1, "illegal bill")]);
        assert_eq!(verdict.text(0), Some(json!("stored")));
        assert_eq!(verdict.text(0x30), Some(json!("unknown")), "an ASCII digit is no success");
        assert_eq!(verdict.text(0x100), Some(json!("unknown")));
    }

    #[test]
    fn a_cell_is_told_with_its_group() {
        assert_eq!(Reading::Cell.text(20_832), Some(json!("3.52 V, group 5")));
    }
}
