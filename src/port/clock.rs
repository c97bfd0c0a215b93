//! The only place that reads a clock.

use crate::model::time::{ClockTrust, Instant, Now, Utc};
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clocks of this machine, with a correction for the wall clock.
///
/// The daemon never sets the operating system's clock (it has no right to): the platform's time is kept as an anchor of
/// the monotonic clock that all records are stamped with. So a step of the system clock, for example when a time server
/// is found at last, moves nothing. When the operating system says that its clock is synchronised, the anchor is dropped
/// and the trust is [`ClockTrust::Ntp`].
#[derive(Debug)]
pub struct Clock {
    origin: std::time::Instant,
    /// Wall time of the origin by the platform's clock, [`FREE`] without it.
    anchor_ms: AtomicI64,
    trust: AtomicU8,
    built: Utc,
}

/// No anchor: the system clock counts.
const FREE: i64 = i64::MIN;

/// No moment before this one is ever believed: 2026-01-01T00:00:00+08:00.
pub const BUILD: Utc = Utc(1_767_196_800_000);

impl Default for Clock {
    fn default() -> Self {
        Clock::new()
    }
}

impl Clock {
    /// Starts counting. Trust is [`ClockTrust::Rtc`] when the system clock is not before the build of the program, and
    /// better when the kernel says that it is synchronised.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one clock")]
    pub fn new() -> Clock {
        let clock = Clock {
            origin: std::time::Instant::now(),
            anchor_ms: AtomicI64::new(FREE),
            trust: AtomicU8::new(0),
            built: BUILD,
        };
        clock.judge();
        clock
    }

    /// What the clocks say.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one clock")]
    pub fn now(&self) -> Now {
        let mono = self.origin.elapsed();
        let wall = match self.anchor_ms.load(Ordering::Relaxed) {
            FREE => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
            anchor => anchor.saturating_add(millis(mono)),
        };
        Now {
            mono: Instant(u64::try_from(mono.as_micros()).unwrap_or(u64::MAX)),
            wall: Utc(wall),
            trust: self.trust(),
        }
    }

    /// Makes the wall clock say `time` now, as the platform wants it.
    pub fn set(&self, time: Utc) {
        self.anchor_ms.store(time.0.saturating_sub(millis(self.origin.elapsed())), Ordering::Relaxed);
        self.trust.fetch_max(trust_number(ClockTrust::Platform), Ordering::Relaxed);
    }

    /// The platform confirmed the clock without a change.
    pub fn confirm(&self) {
        if self.trust() < ClockTrust::Ntp {
            self.set(self.now().wall);
        }
        self.trust.fetch_max(trust_number(ClockTrust::Platform), Ordering::Relaxed);
    }

    /// Looks again at how far the system clock may be believed; to be called now and then.
    pub fn judge(&self) {
        if synchronised() {
            self.anchor_ms.store(FREE, Ordering::Relaxed);
            self.trust.store(trust_number(ClockTrust::Ntp), Ordering::Relaxed);
            return;
        }
        let plausible = self.now().wall >= self.built;
        let own = if plausible { ClockTrust::Rtc } else { ClockTrust::None };
        let kept = self.trust();
        let trust = if kept == ClockTrust::Platform { kept } else { own };
        self.trust.store(trust_number(trust), Ordering::Relaxed);
    }

    /// Whether the machine itself was started after this moment: it lost its power, or was restarted. True when no
    /// moment is known.
    #[must_use]
    pub fn machine_started_after(&self, moment: Option<Utc>) -> bool {
        let Some(moment) = moment else { return true };
        // Not /proc/uptime: the unit hides it.
        let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        started_after(self.now().wall, uptime.tv_sec, moment)
    }

    /// The moment of the runtime's clock at which `at` will be.
    #[must_use]
    pub fn deadline(&self, at: Instant) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.origin + Duration::from_micros(at.0))
    }

    fn trust(&self) -> ClockTrust {
        match self.trust.load(Ordering::Relaxed) {
            1 => ClockTrust::Rtc,
            2 => ClockTrust::Platform,
            3 => ClockTrust::Ntp,
            _ => ClockTrust::None,
        }
    }
}

/// Whether a machine that is up for so long was started after a moment of its past. A wall clock that stands before that
/// moment was lost, most likely with the power (there is no battery behind it): then a machine that has only just
/// started was started after it.
fn started_after(now: Utc, uptime_s: i64, moment: Utc) -> bool {
    const JUST_S: i64 = 300;
    if now < moment { uptime_s <= JUST_S } else { now.plus_ms(-1000 * (uptime_s + 1)) > moment }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn trust_number(trust: ClockTrust) -> u8 {
    match trust {
        ClockTrust::None => 0,
        ClockTrust::Rtc => 1,
        ClockTrust::Platform => 2,
        ClockTrust::Ntp => 3,
    }
}

/// Waits until a machine wants to be woken; for ever when it does not.
pub async fn sleep_until(clock: &Clock, at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(clock.deadline(at)).await,
        None => std::future::pending().await,
    }
}

/// systemd-timesyncd and its peers leave this mark once the clock was synchronised in this boot.
fn synchronised() -> bool {
    std::path::Path::new("/run/systemd/timesync/synchronized").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_moves_the_wall_clock_and_never_the_monotonic_one() {
        let clock = Clock::new();
        let before = clock.now();
        clock.set(before.wall.plus_ms(3_600_000));
        let after = clock.now();
        assert!(after.wall.0 - before.wall.0 >= 3_600_000);
        assert!(after.mono.since(before.mono) < Duration::from_secs(60));
        assert!(after.trust >= ClockTrust::Platform);
        clock.confirm();
        assert!(clock.now().wall.0 - after.wall.0 < 60_000, "a confirmation moves nothing");
    }

    #[test]
    fn a_clock_without_a_battery_does_not_hide_a_loss_of_power() {
        let moment = Utc(1_800_000_000_000);
        let cases = [
            (60_000, 30, true),          // the clock ran on; the machine is up for less than that
            (60_000, 3_600, false),      // only the program was started again
            (-900_000_000, 30, true),    // the clock is lost and the machine has just started
            (-3_600_000, 86_400, false), // the clock was set back; the machine runs since yesterday
        ];
        for (later_ms, uptime_s, after) in cases {
            let now = moment.plus_ms(later_ms);
            assert_eq!(started_after(now, uptime_s, moment), after, "{later_ms} {uptime_s}");
        }
    }

    #[test]
    fn a_machine_that_runs_was_started_before_now_and_after_1970() {
        let clock = Clock::new();
        let now = clock.now().wall;
        assert!(!clock.machine_started_after(Some(now)));
        assert!(clock.machine_started_after(Some(Utc(0))));
        assert!(clock.machine_started_after(None));
    }
}
