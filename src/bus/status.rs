//! What people see of a line: counters, use of the wire, reply times. Nothing here steers anything.

use crate::driver::Foreign;
use crate::model::ident::DeviceId;
use crate::model::report::LinkState;
use crate::model::time::Instant;
use serde::Serialize;
use std::ops::AddAssign;
use std::time::Duration;

/// Use of the wire is measured over windows of this length.
const WINDOW: Duration = Duration::from_secs(10);

/// How a line stands.
#[derive(Clone, Debug, Serialize)]
pub struct LineStatus {
    /// In one word.
    pub state: LineState,
    /// For how long, ms.
    pub state_for_ms: u64,
    /// The adapter hears itself; its echo is stripped.
    pub echo: bool,
    /// Octets on the wire over time, permille of the last whole 10 s; above 800 there is no room for repeats.
    pub use_permille: u64,
    /// Answered questions per minute, from the last whole 10 s.
    pub polls_per_minute: u64,
    /// Questions as they are planned, permille of the line's time (rs485.md 7.1).
    pub planned_permille: u64,
    /// Times that the port was opened.
    pub opened: u64,
    /// Times that the port was lost or could not be written.
    pub lost: u64,
    /// Times that the port was reopened because nobody was heard at all.
    pub reopened_mute: u64,
    /// Times that every device failed within one round: the adapter or the wiring, not the devices.
    pub mute: u64,
    /// Octets that arrived while no question was open, late ones excepted.
    pub stray_octets: u64,
    /// Sum over the devices.
    pub counters: Counters,
    /// From the write to the last octet of the answer.
    pub round_trip: RoundTrip,
    /// Each device, in the order of the configuration.
    pub devices: Vec<DeviceStatus>,
}

/// A line in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineState {
    /// The port is not there; it is opened again.
    Closed,
    /// In order.
    Open,
    /// Open, and every device failed: the adapter or the wiring.
    Mute,
}

/// How a device stands.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceStatus {
    /// Which.
    pub device: DeviceId,
    /// Its link.
    pub link: LinkState,
    /// For how long, ms.
    pub link_for_ms: u64,
    /// Longest learned time-out, ms.
    pub timeout_ms: u64,
    /// What happened.
    pub counters: Counters,
    /// From the write to the last octet of the answer.
    pub round_trip: RoundTrip,
}

/// What happened to the questions of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Written, repeats and probes included.
    pub sent: u64,
    /// Answered, refusals included.
    pub answered: u64,
    /// Sendings without an answer in time.
    pub timeouts: u64,
    /// Sendings that repeated a question.
    pub retries: u64,
    /// Questions given up, repeats included.
    pub unanswered: u64,
    /// Sendings to a silent device to see whether it lives.
    pub probes: u64,
    /// Answered by "ask me later".
    pub busy: u64,
    /// Orders that the device refused (exceptions).
    pub refused: u64,
    /// Frames of another address.
    pub foreign_address: u64,
    /// Frames of this address that answered something else.
    pub foreign_question: u64,
    /// Answers thrown away that came after their time-out or answered another question.
    pub stale: u64,
    /// Our own octets.
    pub foreign_echo: u64,
    /// Frames that began before the question had ended: second copies, never taken for the answer.
    pub early_frames: u64,
    /// Octets that began no frame.
    pub noise_octets: u64,
    /// Octets that came after their time-out and were thrown away.
    pub late_octets: u64,
    /// Periodic questions asked later than by their own period.
    pub overruns: u64,
}

impl Counters {
    pub(super) fn foreign(&mut self, foreign: Foreign) {
        match foreign {
            Foreign::Address => self.foreign_address += 1,
            Foreign::Question => {
                self.foreign_question += 1;
                self.stale += 1;
            }
            Foreign::Echo => self.foreign_echo += 1,
        }
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.timeouts += other.timeouts;
        self.retries += other.retries;
        self.unanswered += other.unanswered;
        self.probes += other.probes;
        self.busy += other.busy;
        self.refused += other.refused;
        self.foreign_address += other.foreign_address;
        self.foreign_question += other.foreign_question;
        self.stale += other.stale;
        self.foreign_echo += other.foreign_echo;
        self.early_frames += other.early_frames;
        self.noise_octets += other.noise_octets;
        self.late_octets += other.late_octets;
        self.overruns += other.overruns;
    }
}

/// Durations of exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RoundTrip {
    /// Mean, us.
    pub mean_us: u64,
    /// Half of them took no longer, us; up to a quarter too high, as are the next two.
    pub p50_us: u64,
    /// 95 of 100.
    pub p95_us: u64,
    /// 99 of 100 took no longer, us; up to a quarter too high.
    pub p99_us: u64,
    /// Longest, us.
    pub max_us: u64,
}

/// Buckets of a histogram: four to the octave, up to 67 s.
const BUCKETS: usize = 26 * 4;

/// Durations in buckets that widen with the duration.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    buckets: [u32; BUCKETS],
    count: u64,
    sum_us: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { buckets: [0; BUCKETS], count: 0, sum_us: 0, max_us: 0 }
    }
}

impl Histogram {
    pub(super) fn add(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = &mut self.buckets[bucket(us)];
        *bucket = bucket.saturating_add(1);
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }

    pub(super) fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine = mine.saturating_add(theirs);
        }
        self.count += other.count;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    pub(super) fn round_trip(&self) -> RoundTrip {
        let mean_us = self.sum_us / self.count.max(1);
        let of = |percent| self.longest_of(percent);
        RoundTrip { mean_us, p50_us: of(50), p95_us: of(95), p99_us: of(99), max_us: self.max_us }
    }

    /// What so many of a hundred did not exceed.
    fn longest_of(&self, percent: u64) -> u64 {
        let rank = self.count - self.count.saturating_mul(100 - percent) / 100;
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return upper(at).min(self.max_us);
            }
        }
        self.max_us
    }
}

fn bucket(us: u64) -> usize {
    let us = us.max(4);
    let octave = us.ilog2();
    let quarter = (us >> (octave - 2)) & 3;
    ((octave as usize - 2) * 4 + quarter as usize).min(BUCKETS - 1)
}

fn upper(bucket: usize) -> u64 {
    ((bucket as u64 % 4 + 5) << (bucket / 4)) - 1
}

/// Use of the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    began: Instant,
    wire: Duration,
    polls: u64,
    last: (u64, u64),
}

impl Usage {
    pub(super) fn add(&mut self, now: Instant, wire: Duration, polls: u64) {
        self.roll(now);
        self.wire += wire;
        self.polls += polls;
    }

    /// Use in permille and polls per minute of the last whole window.
    pub(super) fn last(mut self, now: Instant) -> (u64, u64) {
        self.roll(now);
        self.last
    }

    fn roll(&mut self, now: Instant) {
        let elapsed = now.since(self.began);
        if elapsed < WINDOW {
            return;
        }
        let permille = self.wire.as_micros() * 1_000 / elapsed.as_micros().max(1);
        let per_minute = u128::from(self.polls) * 60_000_000 / elapsed.as_micros().max(1);
        self.last = (permille as u64, per_minute as u64);
        (self.began, self.wire, self.polls) = (now, Duration::ZERO, 0);
    }
}

/// Whole milliseconds since.
pub(super) fn ms_since(now: Instant, since: Instant) -> u64 {
    u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_bucket() {
        for us in (0..1_000).chain([12_345, 999_999, 60_000_000]) {
            let at = bucket(us);
            assert!(us <= upper(at), "{us} in bucket {at} up to {}", upper(at));
            assert!(at == 0 || us > upper(at - 1), "{us} in bucket {at} from {}", upper(at - 1));
        }
    }

    #[test]
    fn the_slowest_of_a_hundred_is_seen() {
        let mut histogram = Histogram::default();
        (0..98).for_each(|_| histogram.add(Duration::from_millis(10)));
        (0..2).for_each(|_| histogram.add(Duration::from_millis(400)));
        let seen = histogram.round_trip();
        assert_eq!((seen.mean_us, seen.p99_us, seen.max_us), (17_800, 400_000, 400_000));
        assert!((10_000..=12_500).contains(&seen.p50_us) && seen.p50_us == seen.p95_us, "{seen:?}");
        assert_eq!(Histogram::default().round_trip(), RoundTrip::default());
    }

    #[test]
    fn use_is_that_of_the_last_whole_window() {
        let mut usage = Usage::default();
        usage.add(Instant(1_000_000), Duration::from_secs(5), 50);
        assert_eq!(usage.last(Instant(2_000_000)), (0, 0));
        assert_eq!(usage.last(Instant(10_000_000)), (500, 300));
    }
}
