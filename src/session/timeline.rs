//! The session's own time: milliseconds since its opening, on the monotonic clock, carried over a restart.
//!
//! The wall time of its zero is fixed once, as soon as the wall clock can be believed; a later step of the wall clock
//! moves nothing (platform-222.md 17).

use crate::model::time::{Instant, Now, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A moment that is on disk: session time, and wall time when it could be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) at_ms: i64,
    pub(super) wall: Option<Utc>,
}

/// Maps the clocks to session time and session time to wall time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timeline {
    origin: Option<Utc>,
    /// What lies before has no wall time: the clock was not believed until the program ended.
    known_from_ms: i64,
    /// A wall time was worked out after the fact.
    reconstructed: bool,
    #[serde(skip)]
    base: Instant,
    #[serde(skip)]
    base_ms: i64,
    /// The last moment before a restart, until the time since then is known.
    #[serde(skip)]
    before: Option<Stamp>,
}

impl Timeline {
    pub(super) fn begin(now: Now) -> Timeline {
        Timeline {
            origin: now.stamp(),
            known_from_ms: 0,
            reconstructed: now.stamp().is_none(),
            base: now.mono,
            base_ms: 0,
            before: None,
        }
    }

    /// Goes on after a restart, from the last durable moment.
    pub(super) fn resume(&mut self, now: Now, last: Stamp) {
        self.base = now.mono;
        self.base_ms = last.at_ms;
        self.before = Some(last);
        if self.origin.is_none() {
            self.known_from_ms = last.at_ms.saturating_add(1);
            self.reconstructed = true;
        }
        self.advance(now);
    }

    /// Uses a wall clock that can be believed. The origin, when it was found just now.
    pub(super) fn advance(&mut self, now: Now) -> Option<Utc> {
        let wall = now.stamp()?;
        if let Some(then) = self.before.and_then(|before| before.wall.map(|wall| (before.at_ms, wall))) {
            let gone_ms = wall.0.saturating_sub(then.1.0).max(0);
            self.base_ms = self.at(now).max(then.0.saturating_add(gone_ms));
            self.base = now.mono;
            self.before = None;
        }
        if self.origin.is_some() {
            return None;
        }
        self.origin = Some(wall.plus_ms(self.at(now).saturating_neg()));
        self.origin
    }

    /// Session time now.
    pub(super) fn at(&self, now: Now) -> i64 {
        self.base_ms.saturating_add(millis(now.mono.since(self.base)))
    }

    /// When a moment of session time comes; now or earlier when it has passed.
    pub(super) fn instant(&self, at_ms: i64) -> Instant {
        let wait = at_ms.saturating_sub(self.base_ms).max(0);
        self.base + Duration::from_millis(wait.unsigned_abs())
    }

    /// Wall time of a moment.
    pub(super) fn wall(&self, at_ms: i64) -> Option<Utc> {
        self.origin.filter(|_| at_ms >= self.known_from_ms).map(|origin| origin.plus_ms(at_ms))
    }

    /// Wall time of the zero, for the split.
    pub(super) fn origin(&self) -> Option<Utc> {
        self.origin
    }

    /// The next slot boundary after a moment; none at the end of time.
    pub(super) fn boundary_after(&self, at_ms: i64) -> Option<i64> {
        let origin = self.origin?;
        let boundary = origin.plus_ms(at_ms).next_slot().0.saturating_sub(origin.0);
        (boundary > at_ms).then_some(boundary)
    }

    /// Whether the time since the last durable moment is known.
    pub(super) fn gap_is_known(&self) -> bool {
        self.before.is_none()
    }

    /// Whether a wall time is missing or was worked out after the fact.
    pub(super) fn is_reconstructed(&self) -> bool {
        self.reconstructed || self.origin.is_none()
    }

    /// This moment, as it is kept on disk.
    pub(super) fn stamp(&self, now: Now) -> Stamp {
        Stamp { at_ms: self.at(now), wall: now.stamp() }
    }
}

/// Whole milliseconds of a duration.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::ClockTrust;

    fn now(second: u64, wall: i64, trust: ClockTrust) -> Now {
        Now { mono: Instant(second * 1_000_000), wall: Utc(wall * 1000), trust }
    }

    #[test]
    fn a_step_of_the_wall_clock_moves_no_session_time() {
        let mut line = Timeline::begin(now(10, 1_000, ClockTrust::Rtc));
        assert_eq!(line.advance(now(20, 900_000, ClockTrust::Platform)), None);
        assert_eq!(line.wall(line.at(now(20, 900_000, ClockTrust::Platform))), Some(Utc(1_010_000)));
        assert!(!line.is_reconstructed());
    }

    #[test]
    fn trust_that_comes_in_the_same_boot_repairs_what_lies_before() {
        let mut line = Timeline::begin(now(10, 5, ClockTrust::None));
        assert_eq!(line.wall(0), None);
        assert_eq!(line.advance(now(70, 1_060, ClockTrust::Platform)), Some(Utc(1_000_000)));
        assert_eq!(line.wall(0), Some(Utc(1_000_000)));
        assert!(line.is_reconstructed());
    }

    #[test]
    fn a_restart_costs_the_time_between_two_believed_stamps_and_nothing_when_there_are_none() {
        let mut line = Timeline::begin(now(10, 1_000, ClockTrust::Rtc));
        let last = line.stamp(now(40, 1_030, ClockTrust::Rtc));
        line.resume(now(2, 7, ClockTrust::None), last);
        assert_eq!((line.at(now(3, 8, ClockTrust::None)), line.gap_is_known()), (31_000, false));
        line.advance(now(4, 1_100, ClockTrust::Ntp));
        assert_eq!((line.at(now(5, 0, ClockTrust::Ntp)), line.gap_is_known()), (101_000, true));
        line.resume(now(1, 500, ClockTrust::Rtc), last);
        assert_eq!(line.at(now(1, 500, ClockTrust::Rtc)), 30_000, "a clock set back takes no time away");
    }

    #[test]
    fn what_was_never_believed_before_a_restart_stays_without_a_time() {
        let mut line = Timeline::begin(now(10, 0, ClockTrust::None));
        let last = line.stamp(now(40, 30, ClockTrust::None));
        line.resume(now(1, 5_000, ClockTrust::Ntp), last);
        assert_eq!(line.wall(0), None);
        assert_eq!(line.wall(line.at(now(2, 0, ClockTrust::Ntp))), Some(Utc(5_001_000)));
        assert!(line.is_reconstructed() && !line.gap_is_known());
    }
}
