//! Heartbeats both ways (40, 41; can.md 3.2): one a second each; three seconds without are a loss.
//!
//! Ours is the first thing said on a bus that came up, and is said whatever the controller does: a controller that
//! charges stops by itself when it misses it.

use super::Config;
use super::frame::short;
use crate::model::time::Instant;
use crate::wire::can::Frame;
use crate::wire::tcu::Kind;
use crate::wire::tcu::layout::heartbeat::{COUNTER, PEER_TIMEOUT};
use std::time::Duration;

/// Between two of ours.
pub(super) const PERIOD: Duration = Duration::from_secs(1);
/// So long without one of the controller's and it counts as gone.
pub(super) const LOSS: Duration = Duration::from_secs(3);

/// Both heartbeats of one controller, since the bus came up.
#[derive(Debug)]
pub(super) struct Beat {
    counter: u8,
    due: Instant,
    since: Instant,
    heard: Option<Instant>,
}

impl Beat {
    pub(super) fn begin(now: Instant) -> Beat {
        Beat { counter: 0, due: now, since: now, heard: None }
    }

    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// Whether the controller's heartbeat is there.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        self.heard.is_some_and(|at| now < at + LOSS)
    }

    /// Whether it has been waited for long enough: before that nothing is known.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        now >= self.loss()
    }

    /// How long ago the controller's was heard.
    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        self.heard.map(|at| now.since(at))
    }

    /// Ours, when it is due.
    pub(super) fn next(&mut self, now: Instant, config: &Config) -> Option<Frame> {
        if now < self.due {
            return None;
        }
        let lost = u32::from(self.is_lost(now));
        let counter = u32::from(self.counter);
        self.counter = self.counter.wrapping_add(1);
        self.due = now + PERIOD;
        Some(short(config, Kind::TcuHeartbeat, &[(COUNTER, counter), (PEER_TIMEOUT, lost)]))
    }

    /// When ours is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// When theirs counts as lost if nothing comes.
    pub(super) fn loss(&self) -> Instant {
        self.heard.unwrap_or(self.since) + LOSS
    }
}
