//! Whether a device answers, and when a silent one is probed (rs485.md 6.5).
//!
//! `Unknown -> Good <-> Degraded -> Silent`, and from each of them to `Good` by one answer. A silent device is asked its
//! probe after 1, 2, 4 … seconds up to `Timing::probe_max`, with 10 % of jitter so that many do not meet.

use crate::driver::Timing;
use crate::model::report::LinkState;
use crate::model::time::Instant;
use std::time::Duration;

/// Failures in a row that make a device degraded.
const DEGRADED_AFTER: u32 = 3;
/// A degraded device that has failed for this long is silent, however few questions it was asked.
const SILENT_FOR: Duration = Duration::from_secs(10);
/// Wait before the first probe.
const FIRST_PROBE: Duration = Duration::from_secs(1);
/// Probes are never closer, whatever the profile says.
const SHORTEST_PROBE: Duration = Duration::from_millis(100);

/// Health of one device.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    state: LinkState,
    since: Instant,
    failures: u32,
    failing_since: Instant,
    probes: u32,
    probe_at: Instant,
    /// Of a guest: it never changes.
    is_steady: bool,
}

impl Health {
    pub(super) fn of_guest() -> Health {
        Health { is_steady: true, ..Health::default() }
    }

    pub(super) fn state(&self) -> LinkState {
        self.state
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn is_silent(&self) -> bool {
        self.state == LinkState::Silent
    }

    /// Whether the last question stayed unanswered.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// When a silent device is probed.
    pub(super) fn probe_at(&self) -> Instant {
        self.probe_at
    }

    /// Somebody needs it: probe at the next turn.
    pub(super) fn probe_now(&mut self, now: Instant) {
        self.probe_at = self.probe_at.min(now);
    }

    /// It answered (busy and refusals are answers). Gives the new state when it changed.
    pub(super) fn answered(&mut self, now: Instant) -> Option<LinkState> {
        self.failures = 0;
        self.enter(now, LinkState::Good)
    }

    /// A question that was sent at `asked` stayed unanswered. Gives the new state when it changed.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        asked: Instant,
        timing: &Timing,
        random: &mut fastrand::Rng,
    ) -> Option<LinkState> {
        if self.failures == 0 {
            self.failing_since = now;
        }
        if self.is_steady {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if self.is_silent() {
            self.probes = self.probes.saturating_add(1);
            self.probe_at = asked + probe_wait(self.probes, timing.probe_max, random);
            return None;
        }
        let silent_after = u32::from(timing.silent_after.max(1));
        let long = self.failures >= DEGRADED_AFTER && now.since(self.failing_since) >= SILENT_FOR;
        if self.failures >= silent_after || long {
            self.probes = 0;
            self.probe_at = now + probe_wait(0, timing.probe_max, random);
            self.enter(now, LinkState::Silent)
        } else if self.failures >= DEGRADED_AFTER.min(silent_after - 1) {
            self.enter(now, LinkState::Degraded)
        } else {
            None
        }
    }

    /// The line itself is gone. The device is probed as soon as the line is back.
    pub(super) fn cut_off(&mut self, now: Instant) -> Option<LinkState> {
        (self.probes, self.probe_at) = (0, now);
        self.enter(now, LinkState::Silent)
    }

    fn enter(&mut self, now: Instant, state: LinkState) -> Option<LinkState> {
        if self.state == state || self.is_steady {
            return None;
        }
        (self.state, self.since) = (state, now);
        Some(state)
    }
}

/// Wait before the next probe after so many failed ones. A tenth of the longest wait is kept for the turn itself: others
/// may be probed before it.
fn probe_wait(probes: u32, longest: Duration, random: &mut fastrand::Rng) -> Duration {
    let longest = (longest - longest / 10).max(SHORTEST_PROBE);
    let plain = (FIRST_PROBE * (1 << probes.min(16))).min(longest);
    (plain * random.u32(900..=1_100) / 1_000).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_back_off_and_never_beyond_the_profile() {
        let mut random = fastrand::Rng::with_seed(3);
        for (probes, plain) in [(0, 1_000), (1, 2_000), (2, 4_000), (3, 8_000)] {
            let wait = probe_wait(probes, Duration::from_secs(60), &mut random).as_millis();
            assert!((plain * 9 / 10..=plain * 11 / 10).contains(&wait), "{probes}: {wait} ms");
        }
        for probes in 4..40 {
            assert!(probe_wait(probes, Duration::from_secs(10), &mut random) <= Duration::from_secs(9));
        }
        assert!(probe_wait(40, Duration::ZERO, &mut random) >= SHORTEST_PROBE * 9 / 10, "never a busy loop");
    }
}
