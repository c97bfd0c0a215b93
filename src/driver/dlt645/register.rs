//! Whether a register may be believed at once.
//!
//! Eight bits of sum let two opposite errors in the digits pass. A register that fell, or rose faster than any feeder
//! of a depot delivers, is therefore believed only when the next reading agrees with it (rs485.md 2, domain.md 2.13).
//! What it means then (replaced, cleared) is for the session to say.

use crate::model::quantity::{Energy, Power};
use crate::model::time::Instant;

/// More than a feeder of a depot carries.
const FASTEST: Power = Power(10_000_000);

type Reading = (Instant, Energy);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Register {
    believed: Option<Reading>,
    doubted: Option<Reading>,
}

impl Register {
    /// Whether `value` may be reported; `step` is the smallest difference it can show.
    pub(super) fn believes(&mut self, now: Instant, value: Energy, step: Energy) -> bool {
        let follows = |earlier: Option<Reading>| earlier.is_some_and(|e| follows(e, (now, value), step));
        let good = self.believed.is_none() || follows(self.believed) || follows(self.doubted);
        if good {
            (self.believed, self.doubted) = (Some((now, value)), None);
        } else {
            self.doubted = Some((now, value));
        }
        good
    }
}

fn follows(earlier: Reading, later: Reading, step: Energy) -> bool {
    let elapsed = i64::try_from(later.0.since(earlier.0).as_millis()).unwrap_or(i64::MAX);
    let most = Energy::from_power(FASTEST, elapsed) + step + step;
    let rise = later.1 - earlier.1;
    rise.0 >= -step.0 && rise <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Energy = Energy(100);

    fn at(seconds: u64) -> Instant {
        Instant(seconds * 1_000_000)
    }

    #[test]
    fn a_single_wild_reading_is_not_believed() {
        let mut register = Register::default();
        assert!(register.believes(at(0), Energy(1_000_000), STEP));
        assert!(!register.believes(at(1), Energy(9_000_000), STEP));
        assert!(register.believes(at(2), Energy(1_000_300), STEP));
        assert!(!register.believes(at(3), Energy(0), STEP));
        assert!(register.believes(at(4), Energy(1_000_600), STEP));
        // what was doubted long ago does not help a second wild one
        assert!(!register.believes(at(5), Energy(0), STEP));
    }

    #[test]
    fn a_meter_that_was_replaced_is_believed_at_the_second_reading() {
        let mut register = Register::default();
        assert!(register.believes(at(0), Energy(1_000_000), STEP));
        assert!(!register.believes(at(1), Energy(1_200), STEP));
        assert!(register.believes(at(2), Energy(1_300), STEP));
        assert!(register.believes(at(3), Energy(1_400), STEP));
    }

    #[test]
    fn an_hour_of_silence_may_have_seen_an_hour_of_energy() {
        let mut register = Register::default();
        assert!(register.believes(at(0), Energy(0), STEP));
        assert!(register.believes(at(3_600), Energy(99_000_000), STEP));
        assert!(!register.believes(at(3_600), Energy(200_000_000), STEP));
    }
}
