//! From registers to numbers, exactly.
//!
//! Integers stay integers: a register times a decimal scale times a power of ten, rounded once, half away from zero.
//! A binary float is taken for what it is, mantissa times a power of two, and rounded once in the same way, so a
//! register that only rises gives a value that only rises. Its step is that of its last binary place.

use serde::Deserialize;
use std::fmt;

/// How a number is laid in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One register.
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers.
    U32,
    /// Two registers, two's complement.
    I32,
    /// Four registers.
    U64,
    /// Two registers, IEEE 754 binary32.
    F32,
}

impl Form {
    /// Registers it takes.
    #[must_use]
    pub fn registers(self) -> u16 {
        match self {
            Form::U16 | Form::I16 => 1,
            Form::U32 | Form::I32 | Form::F32 => 2,
            Form::U64 => 4,
        }
    }

    /// The number in exactly [`Form::registers`] registers; `None` for another count.
    #[must_use]
    pub fn read(self, order: Order, registers: &[u16]) -> Option<Raw> {
        if registers.len() != usize::from(self.registers()) {
            return None;
        }
        let bits = order.arrange(registers);
        Some(match self {
            Form::U16 | Form::U32 | Form::U64 => Raw::Integer(bits.into()),
            Form::I16 => Raw::Integer((bits as u16 as i16).into()),
            Form::I32 => Raw::Integer((bits as u32 as i32).into()),
            Form::F32 => Raw::Float(bits as u32),
        })
    }

    /// The registers of a number; `None` when it does not fit. Floats are never written.
    #[must_use]
    pub fn write(self, order: Order, number: i64) -> Option<Vec<u16>> {
        let bits = match self {
            Form::U16 => u64::from(u16::try_from(number).ok()?),
            Form::I16 => u64::from(i16::try_from(number).ok()? as u16),
            Form::U32 => u64::from(u32::try_from(number).ok()?),
            Form::I32 => u64::from(i32::try_from(number).ok()? as u32),
            Form::U64 => u64::try_from(number).ok()?,
            Form::F32 => return None,
        };
        let count = usize::from(self.registers());
        let plain: Vec<u16> = (0..count).rev().map(|word| (bits >> (16 * word)) as u16).collect();
        // each arrangement is its own inverse
        let arranged = order.arrange(&plain);
        Some((0..count).rev().map(|word| (arranged >> (16 * word)) as u16).collect())
    }

    /// The largest number that it holds, as far as i64 goes.
    #[must_use]
    pub fn largest(self) -> i64 {
        match self {
            Form::U16 => u16::MAX.into(),
            Form::I16 => i16::MAX.into(),
            Form::U32 => u32::MAX.into(),
            Form::I32 => i32::MAX.into(),
            Form::U64 | Form::F32 => i64::MAX,
        }
    }
}

/// Order of the octets of a number, written for the four octets of two registers. A property of the device
/// (rs485.md 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Order {
    /// High word first, high octet first: usual.
    #[default]
    #[serde(rename = "ABCD")]
    Abcd,
    /// Low word first.
    #[serde(rename = "CDAB")]
    Cdab,
    /// Low octet first in each word.
    #[serde(rename = "BADC")]
    Badc,
    /// Low octet first throughout.
    #[serde(rename = "DCBA")]
    Dcba,
}

impl Order {
    fn arrange(self, registers: &[u16]) -> u64 {
        let swap = matches!(self, Order::Badc | Order::Dcba);
        let join =
            |bits: u64, word: &u16| bits << 16 | u64::from(if swap { word.swap_bytes() } else { *word });
        match self {
            Order::Abcd | Order::Badc => registers.iter().fold(0, join),
            Order::Cdab | Order::Dcba => registers.iter().rev().fold(0, join),
        }
    }
}

/// A number as it stood in the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// Any integer form.
    Integer(i128),
    /// Bits of a binary32.
    Float(u32),
}

/// A decimal number: mantissa x 10^exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Signed.
    pub mantissa: i64,
    /// Power of ten, -18..=18.
    pub exponent: i32,
}

impl Decimal {
    /// One.
    pub const ONE: Decimal = Decimal { mantissa: 1, exponent: 0 };

    /// Reads `12`, `-0.001`, `1e-3`. `None` when it is no such number or has more than 18 places.
    #[must_use]
    pub fn parse(text: &str) -> Option<Decimal> {
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, power.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let part = part.trim_end_matches('0');
        if !part.bytes().all(|b| b.is_ascii_digit()) || part.len() > 18 {
            return None;
        }
        let mantissa = format!("{whole}{part}").parse().ok()?;
        let exponent = power.checked_sub(part.len() as i32)?;
        (-18..=18).contains(&exponent).then_some(Decimal { mantissa, exponent })
    }
}

impl<'de> Deserialize<'de> for Decimal {
    /// An integer, a float (by its shortest decimal text, which is what was written), or a text.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number with at most 18 places")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Decimal, E> {
                Ok(Decimal { mantissa: number, exponent: 0 })
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Decimal, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Decimal, E> {
                Decimal::parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl Raw {
    /// This number x `scale` x 10^`tens`, rounded half away from zero. `None` when it is no number or too large.
    #[must_use]
    pub fn scaled(self, scale: Decimal, tens: i32) -> Option<i64> {
        let (number, twos) = match self {
            Raw::Integer(number) => (number, 0),
            Raw::Float(bits) => float(bits)?,
        };
        let (over, under) = ratio(number, twos, scale, tens)?;
        i64::try_from(rounded(over, under)).ok()
    }

    /// The smallest step near this number x `scale` x 10^`tens`, rounded up. `None` as for [`Raw::scaled`].
    #[must_use]
    pub fn step(self, scale: Decimal, tens: i32) -> Option<i64> {
        let twos = match self {
            Raw::Integer(_) => 0,
            Raw::Float(bits) => float(bits)?.1,
        };
        let (over, under) = ratio(1, twos, scale, tens)?;
        let (whole, rest) = (over / under, over % under);
        i64::try_from(whole.abs() + i128::from(rest != 0)).ok()
    }

    /// The number x `scale` x 10^`tens` as a decimal text; a float by its shortest decimal.
    #[must_use]
    pub fn shown(self, scale: Decimal, tens: i32) -> Option<String> {
        let (number, power) = match self {
            Raw::Integer(number) => (number, 0),
            Raw::Float(bits) => {
                float(bits)?;
                let text = format!("{:e}", f32::from_bits(bits));
                let shortest = Decimal::parse(&text).unwrap_or(Decimal { mantissa: 0, exponent: 0 });
                (shortest.mantissa.into(), shortest.exponent)
            }
        };
        let number = number.checked_mul(scale.mantissa.into())?;
        Some(plain(number, power + scale.exponent + tens))
    }

    /// The number itself, when it is an integer of 16 bits.
    #[must_use]
    pub fn word(self) -> Option<u16> {
        match self {
            Raw::Integer(number) => u16::try_from(number).ok(),
            Raw::Float(_) => None,
        }
    }
}

/// Signed mantissa and power of two; `None` for infinities and no-numbers.
fn float(bits: u32) -> Option<(i128, i32)> {
    let (sign, power, fraction) = (bits >> 31, (bits >> 23 & 0xFF) as i32, i128::from(bits & 0x7F_FFFF));
    let (mantissa, twos) = match power {
        0xFF => return None,
        0 => (fraction, -149),
        _ => (fraction | 0x80_0000, power - 150),
    };
    Some((if sign == 1 { -mantissa } else { mantissa }, twos))
}

/// number x 2^twos x scale x 10^tens as a fraction. A value too small for the fraction is nought.
fn ratio(number: i128, twos: i32, scale: Decimal, tens: i32) -> Option<(i128, i128)> {
    let tens = scale.exponent.checked_add(tens)?;
    let over = number.checked_mul(scale.mantissa.into())?;
    let over = if tens > 0 { over.checked_mul(power(10, tens)?)? } else { over };
    let over = if twos > 0 { over.checked_mul(power(2, twos)?)? } else { over };
    let under = power(10, (-tens).max(0)).zip(power(2, (-twos).max(0))).and_then(|(a, b)| a.checked_mul(b));
    Some(under.map_or((0, 1), |under| (over, under)))
}

fn power(base: i128, exponent: i32) -> Option<i128> {
    base.checked_pow(u32::try_from(exponent).ok()?)
}

fn rounded(over: i128, under: i128) -> i128 {
    let (whole, rest) = (over / under, (over % under).abs());
    if rest >= under - rest { whole + over.signum() } else { whole }
}

/// Decimal text without needless zeros.
fn plain(number: i128, tens: i32) -> String {
    if number == 0 {
        return "0".to_owned();
    }
    let sign = if number < 0 { "-" } else { "" };
    let mut digits = number.unsigned_abs().to_string();
    if tens >= 0 {
        digits.push_str(&"0".repeat(tens.unsigned_abs() as usize));
        return format!("{sign}{digits}");
    }
    let places = tens.unsigned_abs() as usize;
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, part) = padded.split_at(padded.len() - places);
    let part = part.trim_end_matches('0');
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).expect("decimal")
    }

    #[test]
    fn word_orders_are_those_of_the_letters() {
        // the number 0x0A0B0C0D
        for (order, registers) in [
            (Order::Abcd, [0x0A0B, 0x0C0D]),
            (Order::Cdab, [0x0C0D, 0x0A0B]),
            (Order::Badc, [0x0B0A, 0x0D0C]),
            (Order::Dcba, [0x0D0C, 0x0B0A]),
        ] {
            assert_eq!(Form::U32.read(order, &registers), Some(Raw::Integer(0x0A0B_0C0D)), "{order:?}");
            assert_eq!(Form::U32.write(order, 0x0A0B_0C0D), Some(registers.to_vec()), "{order:?}");
        }
        assert_eq!(Form::I16.read(Order::Abcd, &[0xFFFE]), Some(Raw::Integer(-2)));
        assert_eq!(Form::U64.read(Order::Abcd, &[1, 0, 0, 2]), Some(Raw::Integer((1 << 48) + 2)));
    }

    #[test]
    fn scales_are_exact_decimals() {
        assert_eq!(decimal("0.1"), Decimal { mantissa: 1, exponent: -1 });
        assert_eq!(decimal("1e-3"), Decimal { mantissa: 1, exponent: -3 });
        assert_eq!(decimal("-2.50"), Decimal { mantissa: -25, exponent: -1 });
        for text in ["", ".", "1.2.3", "0x10", "nan", "1e99", "0.0000000000000000001"] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
        // 5987 x 0.1 V in mV
        assert_eq!(Raw::Integer(5987).scaled(decimal("0.1"), 3), Some(598_700));
        assert_eq!(Raw::Integer(-15).scaled(decimal("0.1"), 0), Some(-2));
        assert_eq!(Raw::Integer(-15).shown(decimal("0.1"), 0).as_deref(), Some("-1.5"));
        assert_eq!(Raw::Integer(u64::MAX.into()).scaled(decimal("1000"), 4), None);
    }

    #[test]
    fn a_float_register_is_taken_for_what_it_is_and_tells_its_step() {
        let bits = |number: f32| Raw::Float(number.to_bits());
        assert_eq!(bits(230.2).scaled(Decimal::ONE, 3), Some(230_200));
        assert_eq!(bits(230.2).shown(Decimal::ONE, 0).as_deref(), Some("230.2"));
        assert_eq!(bits(1234.5).scaled(Decimal::ONE, 4), Some(12_345_000));
        // above 131 072 kWh the last place is worth 0.015625 kWh: 157 steps of 0.1 Wh, rounded up
        assert_eq!(bits(131_072.0).step(Decimal::ONE, 4), Some(157));
        assert_eq!(bits(f32::NAN).scaled(Decimal::ONE, 4), None);
        assert_eq!(bits(f32::INFINITY).scaled(Decimal::ONE, 4), None);
        assert_eq!(bits(f32::MAX).scaled(Decimal::ONE, 4), None);
        assert_eq!(bits(f32::MIN_POSITIVE).scaled(Decimal::ONE, 4), Some(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_register_content_upsets_the_arithmetic(bits in any::<u32>(), mantissa in any::<i64>(), exponent in -18..=18_i32, tens in -30..=30_i32) {
            let scale = Decimal { mantissa, exponent };
            for raw in [Raw::Float(bits), Raw::Integer(bits.into()), Raw::Integer(u64::MAX.into())] {
                let _ = (raw.scaled(scale, tens), raw.step(scale, tens), raw.shown(scale, tens));
            }
        }

        #[test]
        fn a_register_that_rises_gives_a_value_that_rises(a in 0_u32..0x7F80_0000, b in 0_u32..0x7F80_0000) {
            let value = |bits| Raw::Float(bits).scaled(Decimal::ONE, 4);
            if let (Some(low), Some(high)) = (value(a.min(b)), value(a.max(b))) {
                prop_assert!(low <= high);
            }
        }

        #[test]
        fn what_is_written_is_read_again(number in any::<u32>(), order in prop::sample::select(vec![Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba])) {
            let registers = Form::U32.write(order, number.into()).expect("fits");
            prop_assert_eq!(Form::U32.read(order, &registers), Some(Raw::Integer(number.into())));
        }
    }
}
