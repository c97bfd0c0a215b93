//! Finding frames in a stream (ykc16.md 8). Memory is bounded by one frame.
//!
//! Two frames in one segment, one frame in many, garbage between, a length octet that lies: what is found does not
//! depend on how the stream was cut into pieces. The text gives no bounds for a hopeless stream; ours are those of
//! profile 222.

use super::fault::Fault;
use super::frame::{self, FRAME_MAX, Frame, START};

/// Bad frames in a row after which a stream is given up.
pub const BAD_RUN: u32 = 16;
/// Octets without a good frame after which a stream is given up.
pub const SILENT_OCTETS: usize = 65_536;

/// What a stream held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A frame with a good checksum.
    Frame {
        /// Position of its first octet in the stream.
        at: u64,
        /// The frame.
        frame: Frame,
    },
    /// What began like a frame and is none. Octets with an impossible length are noise and not told.
    Bad {
        /// Position of its first octet in the stream.
        at: u64,
        /// Octets that it claimed, at least one. A good frame may still begin among them.
        claimed: usize,
        /// `checksum` or `truncated`.
        fault: Fault,
    },
    /// [`BAD_RUN`] bad frames in a row, or [`SILENT_OCTETS`] octets without a good one: close the connection. Nothing
    /// follows.
    Hopeless,
}

/// Cuts a stream into frames.
#[derive(Clone, Debug)]
pub struct Receiver {
    buffer: Vec<u8>,
    /// Octets dropped in front of the buffer.
    dropped: u64,
    /// Those of them that came after the last good frame.
    silent: usize,
    /// Where the claim of the last bad frame ends: what fails inside it is the same fault.
    claimed_to: u64,
    bad_run: u32,
    hopeless: bool,
}

impl Default for Receiver {
    fn default() -> Receiver {
        Receiver::new()
    }
}

impl Receiver {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new() -> Receiver {
        Receiver {
            buffer: Vec::with_capacity(FRAME_MAX),
            dropped: 0,
            silent: 0,
            claimed_to: 0,
            bad_run: 0,
            hopeless: false,
        }
    }

    /// The next octets, in pieces of any size.
    #[must_use]
    pub fn feed(&mut self, mut octets: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        while !octets.is_empty() && !self.hopeless {
            let room = (FRAME_MAX - self.buffer.len()).min(SILENT_OCTETS - self.silent - self.buffer.len());
            let (piece, rest) = octets.split_at(room.min(octets.len()));
            self.buffer.extend(piece);
            octets = rest;
            self.cut(&mut found);
        }
        found
    }

    /// How many octets of the stream are dealt with.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.dropped
    }

    /// Position in the stream of the first octet of a frame that has begun and is not complete.
    #[must_use]
    pub fn unfinished(&self) -> Option<u64> {
        (!self.buffer.is_empty()).then_some(self.dropped)
    }

    /// The unfinished frame will not come: its first octet is dropped and the rest looked at again.
    #[must_use]
    pub fn expire(&mut self) -> Vec<Found> {
        let mut found = Vec::new();
        if !self.buffer.is_empty() {
            self.bad(Fault::Truncated, self.buffer.len(), &mut found);
            self.cut(&mut found);
        }
        found
    }

    fn cut(&mut self, found: &mut Vec<Found>) {
        while !self.hopeless {
            self.skip_noise();
            match frame::length(&self.buffer) {
                Ok(Some(whole)) if whole <= self.buffer.len() => self.take(whole, found),
                Ok(_) => break,
                Err(_) => self.remove(1),
            }
        }
        if !self.hopeless && self.silent + self.buffer.len() >= SILENT_OCTETS {
            self.give_up(found);
        }
    }

    fn take(&mut self, whole: usize, found: &mut Vec<Found>) {
        match frame::open(&self.buffer[..whole]) {
            Ok(frame) => {
                found.push(Found::Frame { at: self.dropped, frame });
                self.bad_run = 0;
                self.remove(whole);
                self.silent = 0;
                self.claimed_to = self.dropped;
            }
            Err(fault) => self.bad(fault, whole, found),
        }
    }

    /// One octet is dropped, not the frame: a good frame may lie inside.
    fn bad(&mut self, fault: Fault, claimed: usize, found: &mut Vec<Found>) {
        if self.dropped >= self.claimed_to {
            found.push(Found::Bad { at: self.dropped, claimed, fault });
            self.claimed_to = self.dropped + claimed as u64;
            self.bad_run += 1;
        }
        self.remove(1);
        if self.bad_run >= BAD_RUN {
            self.give_up(found);
        }
    }

    fn skip_noise(&mut self) {
        let start = self.buffer.iter().position(|octet| *octet == START);
        self.remove(start.unwrap_or(self.buffer.len()));
    }

    fn remove(&mut self, count: usize) {
        self.buffer.drain(..count);
        self.dropped += count as u64;
        self.silent += count;
    }

    fn give_up(&mut self, found: &mut Vec<Found>) {
        self.hopeless = true;
        self.buffer.clear();
        found.push(Found::Hopeless);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ykc16::frame::{Header, Order, seal};
    use proptest::prelude::*;

    fn frame(number: u16, body: &[u8]) -> Vec<u8> {
        let header = Header { sequence: number.to_le_bytes(), encryption: 0, kind: 0x04 };
        seal(header, body, if number.is_multiple_of(2) { Order::LowFirst } else { Order::HighFirst })
    }

    fn numbers(found: &[Found]) -> Vec<u16> {
        found
            .iter()
            .filter_map(|f| match f {
                Found::Frame { frame, .. } => Some(u16::from_le_bytes(frame.header.sequence)),
                Found::Bad { .. } | Found::Hopeless => None,
            })
            .collect()
    }

    fn faults(found: &[Found]) -> usize {
        found.iter().filter(|f| matches!(f, Found::Bad { .. })).count()
    }

    #[test]
    fn a_good_frame_inside_a_broken_one_is_found_and_the_broken_one_told_once() {
        let mut receiver = Receiver::new();
        let mut stream = vec![0x68, 40, 0x68, 9];
        stream.extend(frame(7, &[1, 2, 3]));
        stream.extend([0; 40]);
        let found = receiver.feed(&stream);
        assert_eq!((numbers(&found), faults(&found)), (vec![7], 1));
        assert!(matches!(found[0], Found::Bad { at: 0, claimed: 44, fault: Fault::Checksum { .. } }));
        assert_eq!(receiver.unfinished(), None);
    }

    #[test]
    fn a_length_octet_four_too_small_costs_its_own_frame_only() {
        let mut short = frame(1, &[0x44, 3, 6, 0, 0, 0, 1, 1, 0]);
        short[1] -= 4;
        let found = Receiver::new().feed(&[short, frame(2, &[9])].concat());
        assert_eq!((numbers(&found), faults(&found)), (vec![2], 1));
    }

    #[test]
    fn an_unfinished_frame_that_expires_gives_way_to_the_next() {
        let mut receiver = Receiver::new();
        let stream = [vec![0x68, 0xFF], frame(7, &[])].concat();
        assert_eq!(receiver.feed(&stream), []);
        assert_eq!(receiver.unfinished(), Some(0));
        assert_eq!(numbers(&receiver.expire()), [7]);
        assert_eq!(receiver.unfinished(), None);
        assert_eq!(receiver.expire(), []);
    }

    #[test]
    fn sixteen_bad_frames_in_a_row_end_it_and_a_good_one_forgives() {
        let mut bad = frame(1, &[]);
        bad[6] ^= 0x55;
        let mut receiver = Receiver::new();
        for _ in 0..15 {
            assert_eq!(faults(&receiver.feed(&bad)), 1);
        }
        assert_eq!(numbers(&receiver.feed(&frame(2, &[]))), [2]);
        for _ in 0..15 {
            assert!(!receiver.feed(&bad).contains(&Found::Hopeless));
        }
        assert!(receiver.feed(&bad).contains(&Found::Hopeless));
        assert_eq!(receiver.feed(&frame(3, &[])), [], "nothing follows");
        assert_eq!(receiver.unfinished(), None);
    }

    #[test]
    fn noise_without_end_ends_it_after_65536_octets() {
        let mut receiver = Receiver::new();
        assert_eq!(receiver.feed(&vec![0; SILENT_OCTETS - 1]), []);
        assert_eq!(receiver.feed(&[0]), [Found::Hopeless]);
        let mut receiver = Receiver::new();
        assert_eq!(receiver.feed(&[0x68, 0x01].repeat(SILENT_OCTETS / 2 - 50)), []);
        assert_eq!(numbers(&receiver.feed(&frame(1, &[]))), [1]);
        assert_eq!(receiver.feed(&vec![0; SILENT_OCTETS - 1]), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_good_frame_is_found_in_any_segmentation_between_noise(
            parts in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..40), proptest::collection::vec(any::<u8>(), 0..80)), 1..8),
            cuts in proptest::collection::vec(1usize..50, 1..200),
        ) {
            // noise that looks like a start may swallow what follows until it expires
            let mut stream = Vec::new();
            for (i, (noise, body)) in parts.iter().enumerate() {
                stream.extend(noise.iter().filter(|o| **o != START));
                stream.extend(frame(i as u16 + 1, body));
            }
            let mut receiver = Receiver::new();
            let mut found = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                let (piece, left) = rest.split_at((*cut).min(rest.len()));
                found.extend(receiver.feed(piece));
                rest = left;
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(numbers(&found), (1..=parts.len() as u16).collect::<Vec<_>>());
            prop_assert_eq!(faults(&found), 0);
            prop_assert_eq!(found, Receiver::new().feed(&stream));
        }

        #[test]
        fn any_octets_in_any_pieces_give_the_same_and_never_panic(
            stream in proptest::collection::vec(prop_oneof![Just(START), Just(4u8), Just(0), any::<u8>()], 0..900),
            cut in 1usize..64,
        ) {
            let whole = Receiver::new().feed(&stream);
            let mut receiver = Receiver::new();
            let mut found = Vec::new();
            for piece in stream.chunks(cut) {
                found.extend(receiver.feed(piece));
                prop_assert!(receiver.buffer.len() <= FRAME_MAX);
            }
            prop_assert_eq!(found, whole);
            while receiver.unfinished().is_some() {
                let before = receiver.position();
                let _ = receiver.expire();
                prop_assert!(receiver.position() > before);
            }
        }
    }
}
