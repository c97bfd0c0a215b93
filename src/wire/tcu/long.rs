//! Long frames (can.md 3.1): not the transport protocol of J1939.
//!
//! Frame 1 is `01 | total frames | length lo | length hi | 4 octets`, the others `n | 7 octets`; behind the last octet
//! stands a sum of 16 bits, low byte first, over everything but the sequence octets. Frames come in order or not at all.

use super::Kind;

/// A longer wait between two frames drops the message.
pub const GAP_US: u64 = 2_000_000;
/// The longest payload: 255 frames.
pub const LARGEST: usize = 255 * 7 - 5;

/// Why a long message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The first frame names a length and a number of frames that do not fit.
    Length {
        /// Octets as named.
        length: usize,
        /// Frames as named.
        frames: u8,
    },
    /// A frame is missing before this one.
    Sequence {
        /// Wanted next.
        wanted: u8,
        /// Came instead.
        found: u8,
    },
    /// The sum is wrong.
    Sum {
        /// As sent.
        sent: u16,
        /// Over what came.
        computed: u16,
    },
}

/// What one frame did.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// More is to come.
    Taken,
    /// The message is whole and its sum good.
    Complete(&'a [u8]),
    /// The message is lost.
    Dropped(Fault),
    /// A later frame of a message whose beginning was not heard.
    Stray,
}

/// One message being put together. Senders send one long message of a kind at a time.
#[derive(Debug)]
pub struct Assembly {
    kind: Kind,
    octets: Vec<u8>,
    length: usize,
    total: u8,
    next: u8,
    last_us: u64,
}

impl Assembly {
    /// Nothing heard yet.
    #[must_use]
    pub fn new(kind: Kind) -> Assembly {
        Assembly { kind, octets: Vec::new(), length: 0, total: 0, next: 0, last_us: 0 }
    }

    /// Whose it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether frames are missing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.next != 0
    }

    /// One frame of eight octets. A repeated last frame is harmless.
    pub fn take(&mut self, data: &[u8; 8], at_us: u64) -> Step<'_> {
        if self.is_open() && at_us.saturating_sub(self.last_us) > GAP_US {
            self.next = 0;
        }
        self.last_us = at_us;
        let [number, rest @ ..] = data;
        match (*number, self.next) {
            (1, _) => self.begin(rest),
            (_, 0) => Step::Stray,
            (found, wanted) if found == wanted => self.carry_on(rest),
            (found, wanted) if found == wanted - 1 => Step::Taken,
            (found, wanted) => self.drop_for(Fault::Sequence { wanted, found }),
        }
    }

    fn begin(&mut self, rest: &[u8; 7]) -> Step<'_> {
        let [frames, low, high, data @ ..] = rest;
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        if length == 0 || (length + 5).div_ceil(7) != usize::from(*frames) {
            return self.drop_for(Fault::Length { length, frames: *frames });
        }
        self.octets.clear();
        self.octets.extend_from_slice(data);
        (self.length, self.total, self.next) = (length, *frames, 2);
        if self.total == 1 { self.finish() } else { Step::Taken }
    }

    fn carry_on(&mut self, rest: &[u8; 7]) -> Step<'_> {
        self.octets.extend_from_slice(rest);
        if self.next == self.total {
            return self.finish();
        }
        self.next += 1;
        Step::Taken
    }

    fn finish(&mut self) -> Step<'_> {
        self.next = 0;
        let Some((payload, [low, high, ..])) = self.octets.split_at_checked(self.length) else {
            return Step::Dropped(Fault::Length { length: self.length, frames: self.total });
        };
        let (sent, computed) = (u16::from_le_bytes([*low, *high]), sum(self.total, payload));
        if sent == computed { Step::Complete(payload) } else { Step::Dropped(Fault::Sum { sent, computed }) }
    }

    fn drop_for(&mut self, fault: Fault) -> Step<'_> {
        self.next = 0;
        Step::Dropped(fault)
    }
}

fn sum(frames: u8, payload: &[u8]) -> u16 {
    let [low, high] = (payload.len() as u16).to_le_bytes();
    [frames, low, high].iter().chain(payload).fold(0, |sum: u16, o| sum.wrapping_add(u16::from(*o)))
}

/// The frames of a payload, the sum behind it and FF behind that. `None` when it is empty or too long.
#[must_use]
pub fn frames(payload: &[u8]) -> Option<Vec<[u8; 8]>> {
    let total = u8::try_from((payload.len() + 5).div_ceil(7)).ok().filter(|_| !payload.is_empty())?;
    let [low, high] = (payload.len() as u16).to_le_bytes();
    let mut octets = vec![total, low, high];
    octets.extend_from_slice(payload);
    octets.extend_from_slice(&sum(total, payload).to_le_bytes());
    octets.resize(usize::from(total) * 7, 0xFF);
    let frame = |(i, data): (usize, &[u8])| {
        let mut frame = [i as u8 + 1; 8];
        frame[1..].copy_from_slice(data);
        frame
    };
    Some(octets.chunks_exact(7).enumerate().map(frame).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_pause_drops_what_came_before() {
        let frames = frames(&[7; 12]).expect("short");
        let mut assembly = Assembly::new(Kind::Configuration);
        assert_eq!(assembly.take(&frames[0], 0), Step::Taken);
        assert_eq!(assembly.take(&frames[1], GAP_US), Step::Taken);
        assert_eq!(assembly.take(&frames[2], 2 * GAP_US + 1), Step::Stray);
    }

    #[test]
    fn the_longest_message_needs_255_frames() {
        assert_eq!(frames(&[0; LARGEST]).map(|f| f.len()), Some(255));
        assert_eq!(frames(&[0; LARGEST + 1]), None);
        assert_eq!(frames(&[]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_cut_is_put_together_and_repeats_do_no_harm(
            payload in proptest::collection::vec(any::<u8>(), 1..200),
            repeated in any::<prop::sample::Index>(),
        ) {
            let frames = frames(&payload).expect("short");
            let repeated = repeated.index(frames.len());
            let mut assembly = Assembly::new(Kind::Configuration);
            let mut out = Vec::new();
            for (i, frame) in frames.iter().enumerate() {
                for _ in 0..if i == repeated { 2 } else { 1 } {
                    if let Step::Complete(octets) = assembly.take(frame, 0) {
                        out.push(octets.to_vec());
                    }
                }
            }
            let whole = frames.len() == 1 && repeated == 0;
            prop_assert_eq!(out, vec![payload; if whole { 2 } else { 1 }]);
        }

        #[test]
        fn one_flipped_bit_is_noticed(
            payload in proptest::collection::vec(any::<u8>(), 10..60),
            at in any::<prop::sample::Index>(),
            bit in 0..8u8,
        ) {
            let mut frames = frames(&payload).expect("short");
            let at = at.index(payload.len());
            let (frame, octet) = if at < 4 { (0, 4 + at) } else { (1 + (at - 4) / 7, 1 + (at - 4) % 7) };
            frames[frame][octet] ^= 1 << bit;
            let mut assembly = Assembly::new(Kind::Configuration);
            let complete = frames.iter().filter(|f| matches!(assembly.take(f, 0), Step::Complete(_))).count();
            prop_assert_eq!(complete, 0);
        }
    }
}
