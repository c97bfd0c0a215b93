//! A CAN bus: what is sent takes its bit times, one frame after the other, and everybody hears it.
//!
//! What is absent: arbitration (frames go in the order in which they were given), acknowledgement and bus errors.

use crate::model::time::Instant;
use crate::wire::can::Frame;
use std::collections::VecDeque;
use std::time::Duration;

/// Bits of a frame with an identifier of 29 bits beside its data: start, identifier, control, sum, end, pause.
const OVERHEAD_EXTENDED: u32 = 67;
const OVERHEAD_STANDARD: u32 = 47;
/// Frames on their way; nobody fills a bus that far who keeps his periods.
const MOST: usize = 1_000;

/// One bus and the frames on their way. `S` names who sent.
#[derive(Clone, Debug)]
pub struct CanBus<S> {
    bit_ns: u64,
    free: Instant,
    moving: VecDeque<(Instant, S, Frame)>,
    /// Frames for which there was no room.
    pub lost: u64,
}

impl<S> CanBus<S> {
    /// An idle bus of this bit rate.
    #[must_use]
    pub fn new(bit_rate: u32) -> CanBus<S> {
        let bit_ns = 1_000_000_000 / u64::from(bit_rate.max(1));
        CanBus { bit_ns, free: Instant::default(), moving: VecDeque::new(), lost: 0 }
    }

    /// A frame is put on the bus as soon as that is free.
    pub fn send(&mut self, now: Instant, from: S, frame: Frame) {
        if self.moving.len() >= MOST {
            self.lost += 1;
            return;
        }
        self.free = self.free.max(now) + self.duration(&frame);
        self.moving.push_back((self.free, from, frame));
    }

    /// A frame that everybody has heard by now, and when.
    pub fn take(&mut self, now: Instant) -> Option<(Instant, S, Frame)> {
        self.moving.front().filter(|(at, ..)| *at <= now)?;
        self.moving.pop_front()
    }

    /// When the next frame is through.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.moving.front().map(|(at, ..)| *at)
    }

    /// The bus is cut: what is on its way is lost.
    pub fn clear(&mut self) {
        self.moving.clear();
    }

    fn duration(&self, frame: &Frame) -> Duration {
        let overhead = if frame.id().is_extended() { OVERHEAD_EXTENDED } else { OVERHEAD_STANDARD };
        let data = if frame.is_remote() { 0 } else { u32::from(frame.dlc()) * 8 };
        // a stuffed bit for about ten others
        let bits = u64::from((overhead + data) * 11 / 10);
        Duration::from_nanos(bits * self.bit_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::can::Id;

    #[test]
    fn two_frames_at_once_are_heard_one_after_the_other() {
        let mut bus = CanBus::new(250_000);
        let frame = Frame::new(Id::pdu1(6, 0x12, 0xF4, 0x56), &[0; 8]).expect("eight");
        bus.send(Instant(0), 'a', frame);
        bus.send(Instant(0), 'b', frame);
        assert!(bus.take(Instant(500)).is_none());
        assert_eq!(bus.take(Instant(576)).map(|(at, who, _)| (at, who)), Some((Instant(576), 'a')));
        assert_eq!(bus.wake_at(), Some(Instant(1_152)));
    }
}
