//! The adapter's milliseconds, which wrap at 60000, as time that only goes on.

/// Milliseconds until a stamp comes again.
pub const WRAP_MS: u64 = 60_000;

/// Follows the stamps of one adapter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamps {
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    stamp_ms: u64,
    arrived_us: u64,
    total_us: u64,
}

impl Stamps {
    /// When a frame was on the bus, in microseconds of the monotonic clock: for the first frame its arrival, then as
    /// the adapter counts. The arrival says how often the stamps have wrapped in between, which is safe as long as
    /// octets are late by less than half a minute.
    pub fn follow(&mut self, stamp_ms: u16, arrived_us: u64) -> u64 {
        let stamp_ms = u64::from(stamp_ms) % WRAP_MS;
        let total_us = match self.last {
            None => arrived_us,
            Some(last) => {
                let step_ms = (stamp_ms + WRAP_MS - last.stamp_ms) % WRAP_MS;
                let waited_ms = arrived_us.saturating_sub(last.arrived_us) / 1000;
                let wraps = (waited_ms + WRAP_MS / 2).saturating_sub(step_ms) / WRAP_MS;
                last.total_us.saturating_add(
                    step_ms.saturating_add(wraps.saturating_mul(WRAP_MS)).saturating_mul(1000),
                )
            }
        };
        self.last = Some(Last { stamp_ms, arrived_us, total_us });
        total_us
    }

    /// Starts anew: the adapter was opened again.
    pub fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_go_on_over_the_wrap_and_over_minutes_of_silence() {
        let mut stamps = Stamps::default();
        assert_eq!(stamps.follow(59_990, 1_000_000), 1_000_000);
        assert_eq!(stamps.follow(5, 1_020_000), 1_015_000);
        assert_eq!(stamps.follow(5, 1_021_000), 1_015_000);
        assert_eq!(stamps.follow(10_005, 191_200_000), 191_015_000, "three wraps and ten seconds");
    }

    #[test]
    fn a_burst_that_arrives_at_once_keeps_its_spacing() {
        let mut stamps = Stamps::default();
        let heard: Vec<u64> = [100, 150, 200].map(|s| stamps.follow(s, 5_000_000)).into();
        assert_eq!(heard, [5_000_000, 5_050_000, 5_100_000]);
    }
}
