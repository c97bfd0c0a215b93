//! Values: BCD, low octet first (rs485.md 1.5). What is FF-filled or not BCD is no data, never a number.

use jiff::civil::{Date, DateTime, Time};

/// A fixed-point number of so many BCD octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Octets on the wire, 1..=8.
    pub octets: usize,
    /// Digits behind the point.
    pub decimals: u8,
    /// The top bit of the last octet is the sign.
    pub signed: bool,
}

const SIGN: u8 = 0x80;

impl Fixed {
    /// Unsigned.
    #[must_use]
    pub const fn plain(octets: usize, decimals: u8) -> Fixed {
        Fixed { octets, decimals, signed: false }
    }

    /// With a sign bit.
    #[must_use]
    pub const fn signed(octets: usize, decimals: u8) -> Fixed {
        Fixed { octets, decimals, signed: true }
    }

    /// The number in units of its last digit; `None` when the octets hold no data or are not as many as they must be.
    #[must_use]
    pub fn read(self, octets: &[u8]) -> Option<i64> {
        let (last, low) = octets.split_last()?;
        if octets.len() != self.octets || octets.iter().all(|o| *o == 0xFF) {
            return None;
        }
        let negative = self.signed && last & SIGN != 0;
        let last = if self.signed { last & !SIGN } else { *last };
        let mut number = i64::from(pair(last)?);
        for octet in low.iter().rev() {
            number = number.checked_mul(100)?.checked_add(i64::from(pair(*octet)?))?;
        }
        Some(if negative { -number } else { number })
    }

    /// The octets of a number in units of its last digit; `None` when it does not fit.
    #[must_use]
    pub fn write(self, number: i64) -> Option<Vec<u8>> {
        let mut rest = number.unsigned_abs();
        let mut octets = Vec::with_capacity(self.octets);
        for _ in 0..self.octets {
            octets.push(to_pair((rest % 100) as u8));
            rest /= 100;
        }
        let last = octets.last_mut()?;
        if rest != 0 || (number < 0 && !self.signed) || (self.signed && *last & SIGN != 0) {
            return None;
        }
        if number < 0 {
            *last |= SIGN;
        }
        Some(octets)
    }
}

/// Two digits, 0..=99.
#[must_use]
pub fn pair(octet: u8) -> Option<u8> {
    let (tens, ones) = (octet >> 4, octet & 15);
    (tens < 10 && ones < 10).then_some(tens * 10 + ones)
}

/// The octet of two digits; `number` is 0..=99.
#[must_use]
pub fn to_pair(number: u8) -> u8 {
    ((number / 10 % 10) << 4) | (number % 10)
}

/// DD MM YY, in 2000..=2099.
#[must_use]
pub fn date(octets: [u8; 3]) -> Option<Date> {
    let [day, month, year] = pairs(octets)?;
    Date::new(2000 + i16::from(year), month, day).ok()
}

/// ss mm hh.
#[must_use]
pub fn time(octets: [u8; 3]) -> Option<Time> {
    let [second, minute, hour] = pairs(octets)?;
    Time::new(hour, minute, second, 0).ok()
}

/// ss mm hh DD MM YY.
#[must_use]
pub fn date_time(octets: [u8; 6]) -> Option<DateTime> {
    let [ss, mm, hh, day, month, year] = octets;
    Some(DateTime::from_parts(date([day, month, year])?, time([ss, mm, hh])?))
}

/// mm hh DD MM YY.
#[must_use]
pub fn minute(octets: [u8; 5]) -> Option<DateTime> {
    let [mm, hh, day, month, year] = octets;
    date_time([0, mm, hh, day, month, year])
}

/// The octets of a date; `None` outside 2000..=2099.
#[must_use]
pub fn write_date(date: Date) -> Option<[u8; 3]> {
    let year = u8::try_from(date.year() - 2000).ok().filter(|y| *y < 100)?;
    Some([to_pair(date.day() as u8), to_pair(date.month() as u8), to_pair(year)])
}

/// The octets of a time of day.
#[must_use]
pub fn write_time(time: Time) -> [u8; 3] {
    [to_pair(time.second() as u8), to_pair(time.minute() as u8), to_pair(time.hour() as u8)]
}

fn pairs<const N: usize>(octets: [u8; N]) -> Option<[i8; N]> {
    let mut digits = [0; N];
    for (digit, octet) in digits.iter_mut().zip(octets) {
        *digit = pair(octet)? as i8;
    }
    Some(digits)
}

/// Text as meters keep it: last character first, filled up with zeros. `None` when it is not printable ASCII.
#[must_use]
pub fn text(octets: &[u8]) -> Option<String> {
    let text: String = octets.iter().rev().map(|o| char::from(*o)).collect();
    let text = text.trim_matches('\0');
    text.chars().all(|c| c == ' ' || c.is_ascii_graphic()).then(|| text.to_owned())
}

/// The octets of a text; `None` when it is longer or not ASCII.
#[must_use]
pub fn write_text(text: &str, octets: usize) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() > octets {
        return None;
    }
    let mut out = vec![0; octets - text.len()];
    out.extend(text.bytes().rev());
    Some(out)
}

/// Digits of a number plate, a meter number: high pair first. `None` when they are not BCD.
#[must_use]
pub fn digits(octets: &[u8]) -> Option<String> {
    octets.iter().rev().map(|o| pair(*o).map(|p| format!("{p:02}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_only_when_every_digit_is_one() {
        let power = Fixed::signed(3, 4);
        assert_eq!(power.read(&[0x34, 0x12, 0x80]), Some(-1234));
        assert_eq!(power.read(&[0x12, 0x25, 0x00]), Some(2512));
        assert_eq!(power.read(&[0xFF, 0xFF, 0xFF]), None);
        assert_eq!(power.read(&[0x0A, 0x00, 0x00]), None);
        assert_eq!(power.read(&[0x00, 0x00]), None);
        assert_eq!(Fixed::plain(4, 2).read(&[0x48, 0x27, 0x54, 0x83]), Some(83_542_748));
    }

    #[test]
    fn a_number_that_does_not_fit_is_not_written() {
        assert_eq!(Fixed::plain(2, 1).write(10_000), None);
        assert_eq!(Fixed::plain(2, 1).write(-1), None);
        assert_eq!(Fixed::signed(2, 1).write(8_000), None);
        assert_eq!(Fixed::signed(2, 1).write(-7_999), Some(vec![0x99, 0xF9]));
        assert_eq!(Fixed::signed(2, 1).read(&[0x99, 0xF9]), Some(-7_999));
    }

    #[test]
    fn a_day_that_is_not_in_the_calendar_is_no_day() {
        assert_eq!(date([0x29, 0x02, 0x26]), None);
        assert!(date([0x29, 0x02, 0x28]).is_some());
        assert_eq!(time([0x60, 0x00, 0x00]), None);
        assert_eq!(date([0x1A, 0x02, 0x28]), None);
    }
}
