//! CP56Time2a as this protocol uses it: local time without zone, seven octets (ykc16.md 1).

use jiff::civil::DateTime;

/// A local date and time as the frame carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cp56(pub [u8; 7]);

/// Where the bits of each octet lie.
mod bits {
    /// Minute octet: 0..59.
    pub(super) const MINUTE: u8 = 0x3F;
    /// Minute octet: the time is invalid.
    pub(super) const INVALID: u8 = 0x80;
    /// Hour octet: 0..23; the top bit is summer time, ignored.
    pub(super) const HOUR: u8 = 0x1F;
    /// Day octet: 1..31; the top three bits are the weekday, ignored.
    pub(super) const DAY: u8 = 0x1F;
}

/// First year that fits.
const CENTURY: i16 = 2000;

impl Cp56 {
    /// No time: what is written when the own clock is not trusted.
    pub const NONE: Cp56 = Cp56([0; 7]);

    /// A date outside 2000..=2099 is [`Cp56::NONE`]: it cannot be told. Below a millisecond it is cut.
    #[must_use]
    pub fn new(time: DateTime) -> Cp56 {
        if !(CENTURY..CENTURY + 100).contains(&time.year()) {
            return Cp56::NONE;
        }
        let ms = time.second() as u16 * 1000 + time.millisecond() as u16;
        let [low, high] = ms.to_le_bytes();
        let year = (time.year() - CENTURY) as u8;
        let [minute, hour, day, month] =
            [time.minute(), time.hour(), time.day(), time.month()].map(|part| part as u8);
        Cp56([low, high, minute, hour, day, month, year])
    }

    /// `None` when it is marked invalid or names no moment of the calendar.
    #[must_use]
    pub fn local(self) -> Option<DateTime> {
        let [low, high, minute, hour, day, month, year] = self.0;
        let ms = i32::from(u16::from_le_bytes([low, high]));
        if minute & bits::INVALID != 0 || ms >= 60_000 || year > 99 || month > 12 {
            return None;
        }
        DateTime::new(
            CENTURY + i16::from(year),
            month as i8,
            (day & bits::DAY) as i8,
            (hour & bits::HOUR) as i8,
            (minute & bits::MINUTE) as i8,
            (ms / 1000) as i8,
            ms % 1000 * 1_000_000,
        )
        .ok()
    }

    /// `2026-11-22T08:30:00.000`; `None` as for [`Cp56::local`].
    #[must_use]
    pub fn text(self) -> Option<String> {
        self.local().map(|time| format!("{time:.3}"))
    }

    /// Reads the form of [`Cp56::text`]; up to three places of a second.
    #[must_use]
    pub fn parse(text: &str) -> Option<Cp56> {
        let time: DateTime = text.parse().ok()?;
        let fits =
            (CENTURY..CENTURY + 100).contains(&time.year()) && time.subsec_nanosecond() % 1_000_000 == 0;
        fits.then(|| Cp56::new(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample of the vendor text.
    const SAMPLE: Cp56 = Cp56([0x98, 0xB7, 0x0E, 0x11, 0x10, 0x03, 0x14]);

    #[test]
    fn the_published_time_both_ways() {
        assert_eq!(SAMPLE.text().as_deref(), Some("2020-03-16T17:14:47.000"));
        assert_eq!(Cp56::parse("2020-03-16T17:14:47.000"), Some(SAMPLE));
    }

    #[test]
    fn weekday_and_summer_time_are_ignored() {
        let mut marked = SAMPLE;
        marked.0[3] |= 0x80;
        marked.0[4] |= 0xE0;
        assert_eq!(marked.local(), SAMPLE.local());
    }

    #[test]
    fn what_names_no_moment_is_no_time() {
        for (at, octet) in
            [(1, 0xEB), (2, 60), (2, 0x8E), (3, 24), (4, 0), (4, 0xE0), (5, 0), (5, 13), (6, 100)]
        {
            let mut broken = SAMPLE;
            broken.0[at] = octet;
            assert_eq!(broken.local(), None, "octet {at} = {octet:#x}");
        }
        assert_eq!(Cp56::NONE.local(), None);
        assert_eq!(Cp56([0, 0, 0, 0, 30, 2, 24]).local(), None);
        assert_eq!(Cp56::parse("1999-12-31T00:00:00"), None);
    }
}
