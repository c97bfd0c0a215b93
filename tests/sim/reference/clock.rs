//! What the program's wall clock showed, and what of it may be believed (I11).

use super::Reference;
use depotd::model::time::{ClockTrust, Instant, Utc};
use depotd::port::clock::BUILD;

/// What the wall clock of the program showed from a moment on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) at: Instant,
    wall: Utc,
    pub(super) trusted: bool,
    error_ms: i64,
}

impl Reference {
    pub(crate) fn clock_is(&mut self, wall: Utc, trust: ClockTrust, error_ms: i64) {
        let trusted = trust.is_trusted() && wall >= BUILD;
        let same = self
            .clocks
            .last()
            .is_some_and(|seen| seen.trusted == trusted && (seen.error_ms - error_ms).abs() < 10);
        if same {
            return;
        }
        if trusted {
            self.largest_clock_error_ms = self.largest_clock_error_ms.max(error_ms.abs());
            self.clock_was_far_off |= error_ms.abs() > 25_000;
        }
        self.log(format!("clock: {} ms ahead, {trust:?}", error_ms));
        self.clocks.push(Seen { at: self.at, wall, trusted, error_ms });
    }

    pub(super) fn truth(&self, at: Instant) -> Utc {
        let Some(seen) = self.clocks.last() else { return Utc(0) };
        let since = (at.0 as i64 - seen.at.0 as i64) / 1000;
        seen.wall.plus_ms(since - seen.error_ms)
    }

    /// The wall clock now, if the program may believe it.
    pub(super) fn stamp(&self) -> Option<Utc> {
        let seen = self.clocks.last().filter(|seen| seen.trusted)?;
        Some(self.truth(self.at).plus_ms(seen.error_ms))
    }

    /// Whether a clock that was trusted once shows this time between two moments: a session keeps the clock of its
    /// beginning (17).
    pub(super) fn is_shown(&self, time: Utc, from: Instant) -> bool {
        const SLOP_MS: i64 = 3_000;
        const ON_DISK_MS: i64 = 15_000; // it began before it was on a slow disk
        let (from, to) = (self.truth(from).plus_ms(-ON_DISK_MS), self.truth(self.at).plus_ms(SLOP_MS));
        self.clocks.iter().filter(|seen| seen.trusted).any(|seen| {
            let truth = time.plus_ms(-seen.error_ms);
            from <= truth && truth <= to
        })
    }
}
