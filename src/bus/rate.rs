//! What the baud rate says: wire time of octets, the silent gap between frames, and whether answers keep to it.

use crate::model::time::Instant;
use std::time::Duration;

/// Shortest silent gap at any rate (Modbus over serial line 2.5.1.1: fixed above 19200 baud).
const SHORTEST_GAP: Duration = Duration::from_micros(1_750);
/// The silent gap is 3.5 characters of 11 bits, whatever the line's own characters have (rs485.md 7.3).
const GAP_HALF_BITS: u64 = 77;
/// An answer may seem to begin so much before its question has ended: clocks of both ends differ.
const CLOCK_SLACK: Duration = Duration::from_millis(1);
/// After so many questions in a row that were left with nothing but too early frames, the line is no wire. On a wire
/// each of them needs an answer before it whose copy it is.
const EARLY_ONLY: u8 = 5;

/// Characters on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    baud: u64,
    bits: u64,
}

impl Rate {
    pub(super) fn new(baud: u32, bits: u32) -> Rate {
        Rate { baud: u64::from(baud.max(1)), bits: u64::from(bits.max(1)) }
    }

    /// How long so many octets take, rounded up to the microsecond.
    pub(super) fn wire(self, octets: usize) -> Duration {
        let bits = (octets as u64).saturating_mul(self.bits);
        Duration::from_micros(bits.saturating_mul(1_000_000).div_ceil(self.baud))
    }

    /// Silence between two frames, rounded up to the microsecond.
    pub(super) fn silent_gap(self) -> Duration {
        Duration::from_micros((GAP_HALF_BITS * 500_000).div_ceil(self.baud)).max(SHORTEST_GAP)
    }
}

/// Whether answers on this line take their wire time.
///
/// On a real wire no frame can have begun before the question before it ended. One that did is the second copy of an
/// earlier answer, held back by an adapter, and is never taken for the answer. Pseudo-terminals and devices with a USB
/// port of their own carry octets at once; there the rule would refuse everything, so the first answers after the
/// opening decide whether it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// No answer yet.
    Unknown,
    /// Answers take their wire time; so many questions in a row were left with too early frames only.
    Wire(u8),
    /// Octets arrive at once.
    Free,
}

impl Pace {
    /// Whether a frame of `wire` time, complete at `now`, cannot be the answer to a question that ended at `tx_end`.
    pub(super) fn refuses(self, now: Instant, wire: Duration, tx_end: Instant) -> bool {
        matches!(self, Pace::Wire(_)) && is_early(now, wire, tx_end)
    }

    /// An answer was taken. `is_own`: it can be the answer to no earlier sending. A late answer to one seems early, and
    /// must not make a wire pass for none.
    pub(super) fn answered(&mut self, now: Instant, wire: Duration, tx_end: Instant, is_own: bool) {
        match self {
            Pace::Unknown if is_early(now, wire, tx_end) => {
                if is_own {
                    *self = Pace::Free;
                }
            }
            Pace::Unknown | Pace::Wire(_) => *self = Pace::Wire(0),
            Pace::Free => {}
        }
    }

    /// A question was left with nothing but too early frames.
    pub(super) fn only_early(&mut self) {
        match self {
            Pace::Wire(seen) if *seen + 1 >= EARLY_ONLY => *self = Pace::Free,
            Pace::Wire(seen) => *seen += 1,
            Pace::Unknown | Pace::Free => {}
        }
    }
}

fn is_early(now: Instant, wire: Duration, tx_end: Instant) -> bool {
    now + CLOCK_SLACK + wire / 32 < tx_end + wire
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn the_silent_gap_is_three_and_a_half_characters_and_never_below_1750_us() {
        for (baud, gap) in [
            (1200, 32_084),
            (2400, 16_042),
            (9600, 4_011),
            (19_200, 2_006),
            (38_400, 1_750),
            (115_200, 1_750),
        ] {
            assert_eq!(Rate::new(baud, 10).silent_gap(), us(gap), "{baud} baud");
        }
    }

    #[test]
    fn octets_take_their_bits() {
        assert_eq!(Rate::new(2400, 11).wire(44), us(201_667));
        assert_eq!(Rate::new(9600, 10).wire(17), us(17_709));
    }

    #[test]
    fn a_line_that_answers_at_once_is_no_wire() {
        let mut pace = Pace::Unknown;
        pace.answered(Instant(1_000), us(10_000), Instant(8_000), false);
        assert_eq!(pace, Pace::Unknown, "the late answer to an earlier sending");
        pace.answered(Instant(1_000), us(10_000), Instant(8_000), true);
        assert_eq!(pace, Pace::Free);
        assert!(!pace.refuses(Instant(1_000), us(10_000), Instant(8_000)));
    }

    #[test]
    fn on_a_wire_no_answer_begins_before_its_question_ended() {
        let mut pace = Pace::Unknown;
        pace.answered(Instant(20_000), us(10_000), Instant(8_000), false);
        assert!(pace.refuses(Instant(14_000), us(10_000), Instant(8_000)));
        assert!(!pace.refuses(Instant(18_000), us(10_000), Instant(8_000)));
        (0..EARLY_ONLY).for_each(|_| pace.only_early());
        assert_eq!(pace, Pace::Free, "a wrong judgement does not last");
    }
}
