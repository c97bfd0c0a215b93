//! The meter's clock: one item on newer meters, date and time one after the other on the rest (rs485.md 1.6).

use super::identifier::{Identifier, standard};
use crate::model::time::{Now, Utc};
use crate::wire::dlt645::Di;
use crate::wire::dlt645::control::Edition;
use crate::wire::dlt645::value;
use jiff::civil::{Date, DateTime};

/// Where the reading of the clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// 0400010C: date and time at once (meters of the 2013 filing [R]).
    Joint,
    /// 04000101 before.
    Date,
    /// 04000102.
    Time(Date),
    /// 04000101 again: the day may have changed in between.
    DateAgain(Date, Option<i64>),
}

/// What a part of the reading led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The next part is to be read.
    GoesOn,
    /// So many milliseconds ahead of ours; `None` when it could not be told.
    Done(Option<i64>),
}

impl Clock {
    /// Where a reading begins. The edition of 1997 has no joint item.
    pub(super) fn new(edition: Edition) -> Clock {
        match edition {
            Edition::Y2007 => Clock::Joint,
            Edition::Y1997 => Clock::Date,
        }
    }

    pub(super) fn di(self, edition: Edition) -> Identifier {
        match self {
            Clock::Joint => Identifier::Long(Di(0x0400_010C)),
            Clock::Date | Clock::DateAgain(..) => standard(edition).date,
            Clock::Time(_) => standard(edition).time,
        }
    }

    pub(super) fn octets(self) -> usize {
        match self {
            Clock::Joint => 7,
            Clock::Date | Clock::DateAgain(..) => 4,
            Clock::Time(_) => 3,
        }
    }

    /// The meter does not know the item. The first time the other way is tried.
    pub(super) fn refused(&mut self, edition: Edition) -> Step {
        match self {
            Clock::Joint => {
                *self = Clock::Date;
                Step::GoesOn
            }
            Clock::Date | Clock::Time(_) | Clock::DateAgain(..) => {
                *self = Clock::new(edition);
                Step::Done(None)
            }
        }
    }

    pub(super) fn read(&mut self, now: Now, octets: &[u8]) -> Step {
        let (next, step) = self.after(now, octets);
        *self = next;
        step
    }

    fn after(self, now: Now, octets: &[u8]) -> (Clock, Step) {
        match (self, octets) {
            (Clock::Joint, &[ss, mm, hh, _, day, month, year]) => {
                let shown = value::date_time([ss, mm, hh, day, month, year]);
                (Clock::Joint, Step::Done(shown.and_then(|shown| ahead(now, shown))))
            }
            (Clock::Date, _) => match date(octets) {
                Some(date) => (Clock::Time(date), Step::GoesOn),
                None => (Clock::Date, Step::Done(None)),
            },
            (Clock::Time(date), &[ss, mm, hh]) => match value::time([ss, mm, hh]) {
                Some(time) => {
                    let ahead = ahead(now, DateTime::from_parts(date, time));
                    (Clock::DateAgain(date, ahead), Step::GoesOn)
                }
                None => (Clock::Date, Step::Done(None)),
            },
            (Clock::DateAgain(before, ahead), _) if date(octets) == Some(before) => {
                (Clock::Date, Step::Done(ahead))
            }
            (Clock::DateAgain(..), _) if date(octets).is_some() => (Clock::Date, Step::GoesOn),
            (Clock::Joint | Clock::Time(_) | Clock::DateAgain(..), _) => (Clock::Date, Step::Done(None)),
        }
    }
}

fn date(octets: &[u8]) -> Option<Date> {
    let &[_, day, month, year] = octets else { return None };
    value::date([day, month, year])
}

/// Against our own clock, if that may be believed.
fn ahead(now: Now, shown: DateTime) -> Option<i64> {
    now.stamp().map(|ours| Utc::from_local(shown).0.saturating_sub(ours.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::{ClockTrust, Instant};

    fn noon() -> Now {
        let noon = Utc::from_local(jiff::civil::date(2026, 11, 22).at(12, 0, 0, 0));
        Now { mono: Instant(0), wall: noon, trust: ClockTrust::Ntp }
    }

    #[test]
    fn the_day_that_turns_between_date_and_time_is_read_again() {
        let mut clock = Clock::new(Edition::Y2007);
        assert_eq!(clock.refused(Edition::Y2007), Step::GoesOn);
        assert_eq!(clock.read(noon(), &[0x00, 0x22, 0x11, 0x26]), Step::GoesOn);
        assert_eq!(clock.read(noon(), &[0x07, 0x00, 0x12]), Step::GoesOn);
        assert_eq!(clock.read(noon(), &[0x01, 0x23, 0x11, 0x26]), Step::GoesOn);
        assert_eq!(clock, Clock::Date);
        for octets in [&[0x00, 0x22, 0x11, 0x26][..], &[0x07, 0x00, 0x12]] {
            assert_eq!(clock.read(noon(), octets), Step::GoesOn);
        }
        assert_eq!(clock.read(noon(), &[0x00, 0x22, 0x11, 0x26]), Step::Done(Some(7_000)));
    }

    #[test]
    fn a_clock_is_compared_with_ours_only_when_ours_may_be_believed() {
        let shown = [0x00, 0x50, 0x11, 0x00, 0x22, 0x11, 0x26];
        assert_eq!(Clock::new(Edition::Y2007).read(noon(), &shown), Step::Done(Some(-600_000)));
        let lost = Now { trust: ClockTrust::None, ..noon() };
        assert_eq!(Clock::new(Edition::Y2007).read(lost, &shown), Step::Done(None));
        assert_eq!(Clock::new(Edition::Y2007).read(noon(), &[0xFF; 7]), Step::Done(None));
    }
}
