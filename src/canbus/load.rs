//! How full a bus is.

use crate::model::time::Instant;
use crate::wire::can::Frame;
use std::time::Duration;

/// Use is measured over windows of this length.
const WINDOW: Duration = Duration::from_secs(10);

/// Bits on the wire over time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    began: Instant,
    bits: u64,
    last_bits_per_second: u64,
}

impl Load {
    pub(super) fn add(&mut self, now: Instant, frame: &Frame) {
        self.roll(now);
        self.bits += bits(frame);
    }

    /// Permille of the bit rate, from the last whole window.
    pub(super) fn permille(mut self, now: Instant, bitrate: u32) -> u64 {
        self.roll(now);
        self.last_bits_per_second * 1_000 / u64::from(bitrate.max(1))
    }

    fn roll(&mut self, now: Instant) {
        let elapsed = now.since(self.began);
        if elapsed < WINDOW {
            return;
        }
        let per_second = u128::from(self.bits) * 1_000_000 / elapsed.as_micros().max(1);
        self.last_bits_per_second = u64::try_from(per_second).unwrap_or(u64::MAX);
        (self.began, self.bits) = (now, 0);
    }
}

/// Bits of a frame with the pause behind it (ISO 11898-1), and half of the stuff bits that it can have at most.
fn bits(frame: &Frame) -> u64 {
    let data = 8 * frame.data().len() as u64;
    let (all, stuffed) =
        if frame.id().is_extended() { (67 + data, 54 + data) } else { (47 + data, 34 + data) };
    all + stuffed / 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::can::Id;

    #[test]
    fn a_full_bus_carries_about_seventeen_hundred_frames_a_second() {
        let frame = Frame::new(Id::pdu1(6, 0x41, 0x8A, 0xF6), &[0; 8]).expect("eight");
        let mut load = Load::default();
        for at in 0..17_120_u64 {
            load.add(Instant(at * 584), &frame);
        }
        let permille = load.permille(Instant(10_000_000), 250_000);
        assert!((990..=1_010).contains(&permille), "{permille}");
    }
}
