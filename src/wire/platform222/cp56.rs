//! CP56Time2a as this profile uses it: local time, seven octets, all zero for "none" (platform-222.md 3).

use super::verdict::Verdict;
use jiff::civil::DateTime;

/// A local date and time as the frame carries it; `None` when it carries none.
pub type LocalTime = Option<DateTime>;

/// Where the bits of each octet lie.
mod bits {
    /// Minute octet: 0..59.
    pub(super) const MINUTE: u8 = 0x3F;
    /// Minute octet: the time is invalid, which is "none".
    pub(super) const INVALID: u8 = 0x80;
    /// Hour octet: 0..23.
    pub(super) const HOUR: u8 = 0x1F;
    /// Hour octet: summer time; ignored.
    pub(super) const SUMMER: u8 = 0x80;
    /// Day octet: 1..31.
    pub(super) const DAY: u8 = 0x1F;
    /// Day octet: weekday; ignored.
    pub(super) const WEEKDAY: u8 = 0xE0;
}

/// First year that fits.
const CENTURY: i16 = 2000;

/// Reads seven octets. `BadValue` when a reserved bit is set or the date is impossible.
pub fn read(octets: [u8; 7]) -> Result<LocalTime, Verdict> {
    let [low, high, minute, hour, day, month, year] = octets;
    if minute & bits::INVALID != 0 {
        return Ok(None);
    }
    let (hour, day) = (hour & !bits::SUMMER, day & !bits::WEEKDAY);
    if [low, high, minute, hour, day, month, year] == [0; 7] {
        return Ok(None);
    }
    let ms = i32::from(u16::from_le_bytes([low, high]));
    if minute & !bits::MINUTE != 0 || hour & !bits::HOUR != 0 || ms >= 60_000 || year > 99 || month > 12 {
        return Err(Verdict::BadValue);
    }
    let date = DateTime::new(
        CENTURY + i16::from(year),
        month as i8,
        (day & bits::DAY) as i8,
        hour as i8,
        minute as i8,
        (ms / 1000) as i8,
        ms % 1000 * 1_000_000,
    );
    date.map(Some).map_err(|_| Verdict::BadValue)
}

/// Writes seven octets. A date outside 2000..=2099 is "none": it cannot be told.
#[must_use]
pub fn write(time: LocalTime) -> [u8; 7] {
    let Some(time) = time.filter(|t| (CENTURY..CENTURY + 100).contains(&t.year())) else { return [0; 7] };
    let ms = time.second() as u16 * 1000 + time.millisecond() as u16;
    let [low, high] = ms.to_le_bytes();
    let year = (time.year() - CENTURY) as u8;
    [low, high, time.minute() as u8, time.hour() as u8, time.day() as u8, time.month() as u8, year]
}

/// `2026-11-22T08:30:00.000`.
#[must_use]
pub fn text(time: DateTime) -> String {
    format!("{time:.3}")
}

/// Reads the form of [`text`]; up to three places of a second.
#[must_use]
pub fn parse(text: &str) -> Option<DateTime> {
    let time: DateTime = text.parse().ok()?;
    let fits = (CENTURY..CENTURY + 100).contains(&time.year()) && time.subsec_nanosecond() % 1_000_000 == 0;
    fits.then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: [u8; 7] = [0x00, 0x00, 0x1E, 0x08, 0x16, 0x0B, 0x1A];

    #[test]
    fn the_time_of_the_profile_both_ways() {
        let time = parse("2026-11-22T08:30:00.000");
        assert_eq!(read(PROFILE), Ok(time));
        assert_eq!(write(time), PROFILE);
        assert_eq!(time.map(text).as_deref(), Some("2026-11-22T08:30:00.000"));
    }

    #[test]
    fn weekday_and_summer_time_are_ignored_and_invalid_is_none() {
        let mut octets = PROFILE;
        octets[3] |= 0x80;
        octets[4] |= 0xE0;
        assert_eq!(read(octets), read(PROFILE));
        assert_eq!(read([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), Ok(None));
        assert_eq!(read([0; 7]), Ok(None));
    }

    #[test]
    fn impossible_dates_and_reserved_bits_are_refused() {
        let broken = |at: usize, value: u8| {
            let mut octets = PROFILE;
            octets[at] = value;
            read(octets)
        };
        for (at, value) in [
            (1, 0xEB),
            (2, 60),
            (2, 0x5E),
            (3, 24),
            (3, 0x28),
            (4, 31),
            (4, 0),
            (5, 13),
            (5, 0),
            (6, 100),
            (6, 0x9A),
        ] {
            assert_eq!(broken(at, value), Err(Verdict::BadValue), "octet {at} = {value:#x}");
        }
        assert_eq!(read([0, 0, 0, 0, 29, 2, 23]), Err(Verdict::BadValue), "no 29 February in 2023");
        assert!(read([0, 0, 0, 0, 29, 2, 24]).is_ok());
    }
}
