//! The line after a time-out: nothing is asked until it has been silent (rs485.md 6.3-6, 6.4).
//!
//! An answer that comes after its time-out must not meet the next question. The line is read and thrown away until it
//! has been silent for 150 ms or for the longest lateness of the device that owes the answer, at most 1 s in all. That
//! keeps the line clean; it cannot outwait every late answer. So besides, a device that owes an answer is not asked
//! *another* question until the answer could only come later than four time-outs (see [`owed_for`]); other
//! devices are, and refuse the late frame by its address.

use crate::driver::Timing;
use crate::model::time::Instant;
use std::time::Duration;

/// Shortest silence that ends a quarantine.
const SILENCE: Duration = Duration::from_millis(150);
/// Longest quarantine.
const LONGEST: Duration = Duration::from_secs(1);
/// An answer is owed for so many time-outs of the profile after its question, or two of those in use.
const OWED_TIMEOUTS: u32 = 4;
/// No device blocks itself for longer.
const OWED_LONGEST: Duration = Duration::from_secs(10);
/// Octets that arrive between questions and may be the begin of a frame; fewer are stray octets of an unbiased line.
pub(super) const FRAME_LIKE: usize = 4;

/// How long after its question an unanswered device may still begin to answer it, and the adapter to show that.
pub(super) fn owed_for(timeout: Duration, timing: &Timing) -> Duration {
    timing.reply.saturating_mul(OWED_TIMEOUTS).max(timeout.saturating_mul(2)).min(OWED_LONGEST)
        + timing.inter_octet
}

/// A question that was given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lapse {
    /// Whose.
    pub(super) device: usize,
    /// Of which kind.
    pub(super) kind: u16,
    /// When its last octet had left.
    pub(super) tx_end: Instant,
    /// When it was given up.
    pub(super) at: Instant,
    /// The late answer is owed until then.
    pub(super) owed_until: Instant,
    /// Octets of it came.
    pub(super) is_late: bool,
}

/// The line keeps silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quarantine {
    began: Instant,
    heard: Instant,
    silence: Duration,
}

impl Quarantine {
    /// After a time-out of a device that was late by as much as `worst_late` before, or after stray octets.
    pub(super) fn new(now: Instant, worst_late: Duration) -> Quarantine {
        Quarantine { began: now, heard: now, silence: worst_late.clamp(SILENCE, LONGEST) }
    }

    /// Octets came.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// When it ends if nothing more comes.
    pub(super) fn ends_at(&self) -> Instant {
        (self.heard + self.silence).min(self.began + LONGEST)
    }

    /// Whether the line was silent all the time.
    pub(super) fn was_silent(&self) -> bool {
        self.heard == self.began
    }

    /// Whether it ended although octets went on coming.
    pub(super) fn is_jammed(&self) -> bool {
        self.heard + self.silence > self.began + LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_lasts_until_the_line_is_silent_and_a_second_at_most() {
        let mut quarantine = Quarantine::new(Instant(0), Duration::ZERO);
        assert_eq!(quarantine.ends_at(), Instant(150_000));
        quarantine.heard(Instant(100_000));
        assert_eq!(quarantine.ends_at(), Instant(250_000));
        quarantine.heard(Instant(900_000));
        assert_eq!(quarantine.ends_at(), Instant(1_000_000));
        assert!(quarantine.is_jammed());
    }

    #[test]
    fn who_was_late_before_is_waited_for() {
        assert_eq!(Quarantine::new(Instant(0), ms(400)).ends_at(), Instant(400_000));
        assert_eq!(Quarantine::new(Instant(0), ms(9_000)).ends_at(), Instant(1_000_000));
    }
}
