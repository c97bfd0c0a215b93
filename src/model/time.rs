//! Time as an argument: a monotonic clock for deadlines and durations, a wall clock for records, and how far the wall
//! clock may be believed (domain.md 2.12, platform-222.md 17).

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment of the monotonic clock: microseconds since the program (or the simulation) began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// How long ago `earlier` was; zero when it lies in the future.
    #[must_use]
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, wait: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, wait: Duration) -> Instant {
        Instant(self.0.saturating_sub(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// A moment of the wall clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Utc(pub i64);

/// Milliseconds that local time (Asia/Shanghai, no summer time since 1991) is ahead of UTC.
pub const LOCAL_OFFSET_MS: i64 = 8 * 3_600_000;
/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Milliseconds of a tariff slot: half an hour.
pub const SLOT_MS: i64 = 1_800_000;

impl Utc {
    /// Milliseconds after local midnight, 0..86 400 000.
    #[must_use]
    pub fn local_ms_of_day(self) -> i64 {
        self.0.saturating_add(LOCAL_OFFSET_MS).rem_euclid(DAY_MS)
    }

    /// Half-hour slot of the local day, 0..=47. A moment on the boundary belongs to the new slot.
    #[must_use]
    pub fn slot(self) -> usize {
        usize::try_from(self.local_ms_of_day() / SLOT_MS).unwrap_or(0)
    }

    /// The next slot boundary strictly after this moment.
    #[must_use]
    pub fn next_slot(self) -> Utc {
        Utc((self.0.div_euclid(SLOT_MS) + 1).saturating_mul(SLOT_MS))
    }

    /// Number of the local day since 1970-01-01.
    #[must_use]
    pub fn local_day(self) -> i64 {
        self.0.saturating_add(LOCAL_OFFSET_MS).div_euclid(DAY_MS)
    }

    /// Date and time as people in the depot read them.
    #[must_use]
    pub fn local(self) -> jiff::civil::DateTime {
        const EPOCH: jiff::civil::DateTime = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
        let span = jiff::SignedDuration::from_millis(self.0.saturating_add(LOCAL_OFFSET_MS));
        EPOCH.saturating_add(span)
    }

    /// The moment that a local date and time names.
    #[must_use]
    pub fn from_local(local: jiff::civil::DateTime) -> Utc {
        const EPOCH: jiff::civil::DateTime = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
        let ms = i64::try_from(local.duration_since(EPOCH).as_millis()).unwrap_or(i64::MAX);
        Utc(ms.saturating_sub(LOCAL_OFFSET_MS))
    }

    /// This moment moved by so many milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Utc {
        Utc(self.0.saturating_add(ms))
    }
}

/// How far the wall clock may be believed. Without trust there is no offline start and nothing is stamped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockTrust {
    /// Nothing confirmed it since the start of the machine.
    #[default]
    None,
    /// A battery-backed clock.
    Rtc,
    /// The platform set or confirmed it.
    Platform,
    /// The operating system keeps it synchronised.
    Ntp,
}

impl ClockTrust {
    /// Whether times may be stamped and sent.
    #[must_use]
    pub fn is_trusted(self) -> bool {
        self >= ClockTrust::Rtc
    }
}

/// What the clocks said when an event was handed to a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For deadlines and durations.
    pub mono: Instant,
    /// For records.
    pub wall: Utc,
    /// Whether `wall` may be believed.
    pub trust: ClockTrust,
}

impl Now {
    /// The wall clock, if it may be believed.
    #[must_use]
    pub fn stamp(&self) -> Option<Utc> {
        self.trust.is_trusted().then_some(self.wall)
    }
}
