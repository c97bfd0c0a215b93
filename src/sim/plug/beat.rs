//! A message that is sent again and again.

use crate::model::time::Instant;
use std::time::Duration;

/// When something is due next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    period: Duration,
    next: Option<Instant>,
}

impl Beat {
    /// Silent until it is started.
    pub(super) fn every_ms(period_ms: u64) -> Beat {
        Beat { period: Duration::from_millis(period_ms), next: None }
    }

    /// First at once, then by its period. Nothing changes when it runs.
    pub(super) fn start(&mut self, now: Instant) {
        self.next.get_or_insert(now);
    }

    pub(super) fn stop(&mut self) {
        self.next = None;
    }

    /// Whether it is due; what was missed is not caught up.
    pub(super) fn due(&mut self, now: Instant) -> bool {
        match self.next {
            Some(next) if next <= now => {
                let next = next + self.period;
                self.next = Some(if next <= now { now + self.period } else { next });
                true
            }
            _ => false,
        }
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.next
    }
}
