//! The wall clock and who may set it (platform-222.md 17, domain.md 2.12).

use crate::model::time::{ClockTrust, Now, Utc};

/// A smaller difference is left alone.
const STEP_MS: i64 = 2_000;
/// A trusted NTP source that differs from the platform by more raises alarm 0007.
const DISPUTE_MS: i64 = 300_000;
/// 2100-01-01 local: the wire has two digits for the year.
const LAST: Utc = Utc(4_102_416_000_000);

/// What follows from a time that the platform told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Set the clock to it.
    Set,
    /// The clock is right already: confirm it.
    Confirm,
    /// Our own source is better; true when they differ by more than 300 s.
    OwnIsBetter {
        /// Alarm 0007.
        disputed: bool,
    },
    /// No such time can be now.
    Implausible,
}

/// Judges a time that the platform told.
pub(super) fn judge(now: &Now, built: Utc, told: Utc) -> Verdict {
    let differs = i128::from(told.0).abs_diff(i128::from(now.wall.0));
    let over = |ms: i64| differs > u128::from(ms.unsigned_abs());
    if told < built || told >= LAST {
        Verdict::Implausible
    } else if now.trust == ClockTrust::Ntp {
        match over(STEP_MS) {
            true => Verdict::OwnIsBetter { disputed: over(DISPUTE_MS) },
            false => Verdict::Confirm,
        }
    } else if over(STEP_MS) {
        Verdict::Set
    } else {
        Verdict::Confirm
    }
}

/// The clocks as the station believes them: a wall clock before the build date of the software is not trusted, and
/// so is never sent.
pub(super) fn believed(now: Now, built: Utc) -> Now {
    if now.wall < built { Now { trust: ClockTrust::None, ..now } } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: Utc = Utc(1_760_000_000_000);
    const WALL: Utc = Utc(1_800_000_000_000);

    fn now(trust: ClockTrust) -> Now {
        Now { wall: WALL, trust, ..Now::default() }
    }

    #[test]
    fn platform_time_sets_the_clock_when_it_differs_by_more_than_two_seconds() {
        for trust in [ClockTrust::None, ClockTrust::Rtc, ClockTrust::Platform] {
            assert_eq!(judge(&now(trust), BUILT, WALL.plus_ms(2_000)), Verdict::Confirm);
            assert_eq!(judge(&now(trust), BUILT, WALL.plus_ms(-2_001)), Verdict::Set);
        }
    }

    #[test]
    fn a_trusted_ntp_source_wins_and_a_dispute_is_told() {
        let ntp = now(ClockTrust::Ntp);
        assert_eq!(judge(&ntp, BUILT, WALL.plus_ms(2_000)), Verdict::Confirm);
        assert_eq!(judge(&ntp, BUILT, WALL.plus_ms(300_000)), Verdict::OwnIsBetter { disputed: false });
        assert_eq!(judge(&ntp, BUILT, WALL.plus_ms(300_001)), Verdict::OwnIsBetter { disputed: true });
    }

    #[test]
    fn a_time_before_the_build_date_or_after_the_century_is_implausible() {
        for told in [Utc(0), BUILT.plus_ms(-1), LAST, Utc(i64::MAX), Utc(i64::MIN)] {
            assert_eq!(judge(&now(ClockTrust::None), BUILT, told), Verdict::Implausible);
        }
    }

    #[test]
    fn a_wall_clock_before_the_build_date_is_not_believed() {
        let early = Now { wall: BUILT.plus_ms(-1), trust: ClockTrust::Ntp, ..Now::default() };
        assert_eq!(believed(early, BUILT).stamp(), None);
        assert_eq!(believed(now(ClockTrust::Rtc), BUILT).stamp(), Some(WALL));
    }
}
