//! Finding frames in a stream (platform-222.md 4.4). Memory is bounded by one frame.

use super::checksum::Checksum;
use super::dialect::{BAD_RUN, FRAME_MAX, SILENT_OCTETS, START};
use super::frame::{self, Header};
use super::verdict::Verdict;

/// What a stream held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A frame with a good checksum; its header and body are not judged yet.
    Frame {
        /// Position of its first octet in the stream.
        at: u64,
        /// Header.
        header: Header,
        /// Body.
        body: Vec<u8>,
    },
    /// A bad frame.
    Bad {
        /// Position of its first octet in the stream.
        at: u64,
        /// `bad_length`, `bad_crc` or `truncated`.
        verdict: Verdict,
    },
    /// 16 bad frames in a row, or 65 536 octets without a good one: close the connection. Nothing follows.
    Hopeless,
}

/// Cuts a stream into frames. What it finds does not depend on how the stream was cut into pieces.
#[derive(Clone, Debug)]
pub struct Receiver {
    checksum: Checksum,
    buffer: Vec<u8>,
    /// Octets dropped in front of the buffer.
    dropped: u64,
    /// Those of them that came after the last good frame.
    silent: usize,
    bad_run: u32,
    hopeless: bool,
}

impl Receiver {
    /// At the beginning of a stream.
    #[must_use]
    pub fn new(checksum: Checksum) -> Receiver {
        Receiver {
            checksum,
            buffer: Vec::with_capacity(FRAME_MAX),
            dropped: 0,
            silent: 0,
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
            self.bad(Verdict::Truncated, &mut found);
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
                Err(verdict) => self.bad(verdict, found),
            }
        }
        if !self.hopeless && self.silent + self.buffer.len() >= SILENT_OCTETS {
            self.give_up(found);
        }
    }

    fn take(&mut self, whole: usize, found: &mut Vec<Found>) {
        match frame::open(self.checksum, &self.buffer[..whole]) {
            Ok((header, body)) => {
                found.push(Found::Frame { at: self.dropped, header, body: body.to_vec() });
                self.bad_run = 0;
                self.remove(whole);
                self.silent = 0;
            }
            Err(verdict) => self.bad(verdict, found),
        }
    }

    /// One octet is dropped, not the frame: a good frame may lie inside.
    fn bad(&mut self, verdict: Verdict, found: &mut Vec<Found>) {
        found.push(Found::Bad { at: self.dropped, verdict });
        self.remove(1);
        self.bad_run += 1;
        if self.bad_run >= BAD_RUN {
            self.give_up(found);
        }
    }

    fn skip_noise(&mut self) {
        let may_begin = |i: &usize| START.starts_with(&self.buffer[*i..self.buffer.len().min(i + 2)]);
        let noise = (0..self.buffer.len()).find(may_begin).unwrap_or(self.buffer.len());
        self.remove(noise);
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
    use crate::wire::platform222::dialect::CHECKSUM;
    use crate::wire::platform222::frame::seal;
    use proptest::prelude::*;

    fn frame(sequence: u32, body: &[u8]) -> Vec<u8> {
        seal(CHECKSUM, &Header::request(0x0102, sequence, [0x44, 3, 0, 0x12, 0x34, 0, 1], false), body)
    }

    fn sequences(found: &[Found]) -> Vec<u32> {
        found
            .iter()
            .filter_map(|f| match f {
                Found::Frame { header, .. } => Some(header.sequence),
                Found::Bad { .. } | Found::Hopeless => None,
            })
            .collect()
    }

    #[test]
    fn a_good_frame_inside_a_broken_one_is_found() {
        let mut receiver = Receiver::new(CHECKSUM);
        let mut stream = vec![0x53, 0x5A, 60, 0];
        stream.extend(frame(7, &[1, 2, 3]));
        stream.extend([0; 60]);
        let found = receiver.feed(&stream);
        assert_eq!(sequences(&found), [7]);
        assert_eq!(found[0], Found::Bad { at: 0, verdict: Verdict::BadCrc });
        assert_eq!(receiver.unfinished(), None);
    }

    #[test]
    fn an_unfinished_frame_that_expires_gives_way_to_the_next() {
        let mut receiver = Receiver::new(CHECKSUM);
        let mut stream = vec![0x53, 0x5A, 0, 1];
        stream.extend(frame(7, &[]));
        assert_eq!(receiver.feed(&stream), []);
        assert_eq!(receiver.unfinished(), Some(0));
        assert_eq!(sequences(&receiver.expire()), [7]);
        assert_eq!(receiver.unfinished(), None);
        assert_eq!(receiver.expire(), []);
    }

    #[test]
    fn sixteen_bad_frames_in_a_row_end_it_and_a_good_one_forgives() {
        let mut bad = frame(1, &[]);
        *bad.last_mut().expect("frame") ^= 1;
        let mut receiver = Receiver::new(CHECKSUM);
        for _ in 0..15 {
            assert!(!receiver.feed(&bad).contains(&Found::Hopeless));
        }
        assert_eq!(sequences(&receiver.feed(&frame(2, &[]))), [2]);
        for _ in 0..15 {
            assert!(!receiver.feed(&bad).contains(&Found::Hopeless));
        }
        assert!(receiver.feed(&bad).contains(&Found::Hopeless));
        assert_eq!(receiver.feed(&frame(3, &[])), [], "nothing follows");
    }

    #[test]
    fn noise_without_end_ends_it_after_65536_octets() {
        let mut receiver = Receiver::new(CHECKSUM);
        assert_eq!(receiver.feed(&vec![0; SILENT_OCTETS - 1]), []);
        assert_eq!(receiver.feed(&[0]), [Found::Hopeless]);
        let mut receiver = Receiver::new(CHECKSUM);
        assert_eq!(receiver.feed(&vec![0; SILENT_OCTETS - 100]), []);
        assert_eq!(sequences(&receiver.feed(&frame(1, &[]))), [1]);
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
                stream.extend(noise.iter().filter(|o| **o != 0x53));
                stream.extend(frame(i as u32 + 1, body));
            }
            let mut receiver = Receiver::new(CHECKSUM);
            let mut found = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                let (piece, left) = rest.split_at((*cut).min(rest.len()));
                found.extend(receiver.feed(piece));
                rest = left;
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(sequences(&found), (1..=parts.len() as u32).collect::<Vec<_>>());
            prop_assert_eq!(found, Receiver::new(CHECKSUM).feed(&stream));
        }

        #[test]
        fn any_octets_in_any_pieces_give_the_same_and_never_panic(
            stream in proptest::collection::vec(prop_oneof![Just(0x53u8), Just(0x5A), Just(15), Just(0), any::<u8>()], 0..600),
            cut in 1usize..64,
        ) {
            let whole = Receiver::new(CHECKSUM).feed(&stream);
            let mut receiver = Receiver::new(CHECKSUM);
            let mut found = Vec::new();
            for piece in stream.chunks(cut) {
                found.extend(receiver.feed(piece));
            }
            prop_assert_eq!(found, whole);
            while receiver.unfinished().is_some() {
                let _ = receiver.expire();
            }
        }
    }
}
