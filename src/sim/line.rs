//! The slaves' side of an RS-485 line: wire time in both directions, the devices' own delays, and faults.
//!
//! A pseudo-terminal carries octets at once, so the line adds the time they would have taken. Replies go out in pieces
//! of at most [`PIECE`] of wire time, which a master sees as an uninterrupted frame.

use crate::model::time::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// Wire time of one piece of a reply.
pub const PIECE: Duration = Duration::from_millis(12);

/// What goes wrong with a device's replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Does not answer.
    Silent,
    /// Answers so much later.
    Late(Duration),
    /// Answers after some octets of noise.
    Noise,
    /// Answers under another address.
    WrongAddress,
    /// One bit of the answer is turned.
    BitFlip,
    /// Answers twice.
    Double,
    /// The answer breaks off in the middle.
    Cut,
}

impl Fault {
    /// All of them with the words that `depotsim` knows.
    pub const WORDS: [(&'static str, Fault); 7] = [
        ("silent", Fault::Silent),
        ("late", Fault::Late(Duration::from_millis(1_500))),
        ("noise", Fault::Noise),
        ("wrong-address", Fault::WrongAddress),
        ("bit-flip", Fault::BitFlip),
        ("double", Fault::Double),
        ("cut", Fault::Cut),
    ];
}

/// A reply as its device made it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The frame.
    pub octets: Vec<u8>,
    /// The device's own delay.
    pub delay: Duration,
    /// What goes wrong with it.
    pub fault: Option<Fault>,
}

/// What is on its way to the master.
#[derive(Clone, Debug)]
pub struct Pacer {
    character: Duration,
    outgoing: VecDeque<(Instant, Vec<u8>)>,
    free: Instant,
}

impl Pacer {
    /// For a line of this rate; `bits` per character with start, parity and stop bits.
    #[must_use]
    pub fn new(baud: u32, bits: u32) -> Pacer {
        Pacer {
            character: Duration::from_nanos(u64::from(bits) * 1_000_000_000 / u64::from(baud.max(1))),
            outgoing: VecDeque::new(),
            free: Instant::default(),
        }
    }

    /// When the last of so many octets, written at once at `now`, has arrived at the slaves.
    #[must_use]
    pub fn arrived(&self, now: Instant, octets: usize) -> Instant {
        now + self.character * u32::try_from(octets).unwrap_or(u32::MAX)
    }

    /// A device answers a question whose last octet arrived at `asked`.
    pub fn answer(&mut self, asked: Instant, answer: Answer, random: &mut fastrand::Rng) {
        let mut octets = answer.octets;
        let mut delay = answer.delay;
        match answer.fault {
            None => {}
            Some(Fault::Silent) => return,
            Some(Fault::Late(later)) => delay += later,
            Some(Fault::Noise) => {
                let noise: Vec<u8> = (0..random.usize(1..6)).map(|_| random.u8(..)).collect();
                octets.splice(0..0, noise);
            }
            Some(Fault::WrongAddress) => {} // the device itself answers under another address
            Some(Fault::BitFlip) => {
                let at = random.usize(..octets.len().max(1));
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= 1 << random.u32(..8);
                }
            }
            Some(Fault::Double) => octets.extend_from_within(..),
            Some(Fault::Cut) => octets.truncate(octets.len() / 2),
        }
        let mut at = (asked + delay).max(self.free);
        let per_piece =
            usize::try_from(PIECE.as_nanos() / self.character.as_nanos().max(1)).unwrap_or(1).max(1);
        for piece in octets.chunks(per_piece) {
            at = self.arrived(at, piece.len());
            self.outgoing.push_back((at, piece.to_vec()));
        }
        self.free = at;
    }

    /// Octets that have reached the master by now.
    pub fn take(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.outgoing.front().is_none_or(|(at, _)| *at > now) {
            return None;
        }
        self.outgoing.pop_front().map(|(_, octets)| octets)
    }

    /// When the next octets reach the master.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.outgoing.front().map(|(at, _)| *at)
    }

    /// The cable is pulled: nothing arrives any more.
    pub fn clear(&mut self) {
        self.outgoing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_takes_its_delay_and_its_wire_time() {
        let mut pacer = Pacer::new(2400, 11);
        let asked = pacer.arrived(Instant(0), 20);
        assert_eq!(asked, Instant(91_666));
        let answer = Answer { octets: vec![0; 24], delay: Duration::from_millis(100), fault: None };
        pacer.answer(asked, answer, &mut fastrand::Rng::with_seed(1));
        let mut got = 0;
        let mut last = Instant(0);
        while let Some(at) = pacer.wake_at() {
            last = at;
            got += pacer.take(at).map_or(0, |o| o.len());
        }
        assert_eq!(got, 24);
        assert!(last.since(Instant(301_600)) < Duration::from_millis(1), "{last:?}");
    }
}
