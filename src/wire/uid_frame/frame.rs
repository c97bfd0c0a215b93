//! How octets are cut and checked under a profile.

use super::check::{Check, Reach};
use super::profile::LONGEST;
use super::{Endian, Layout, Length, Profile};
use crate::wire::{Cut, hex, sweep};
use std::fmt;

/// Why octets are no frame of this profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// They do not begin like one.
    Start,
    /// They break off; how many there are.
    Truncated(usize),
    /// The length cannot be, or does not fit.
    Length {
        /// As the frame says or the profile asks.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// Another end mark or tail.
    End(Vec<u8>),
    /// The checksum is wrong.
    Checksum {
        /// As received.
        sent: Vec<u8>,
        /// As it should be.
        computed: Vec<u8>,
    },
    /// The checksum goes over octets that are not there, or over digits that are none.
    Body,
}

impl fmt::Display for Refusal {
    /// Begins with the error code of the vector format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Start => f.write_str("start: no frame of this profile begins here"),
            Refusal::Truncated(octets) => write!(f, "truncated: {octets} octets are no frame"),
            Refusal::Length { wanted, found } => write!(f, "length: {wanted} octets wanted, {found} there"),
            Refusal::End(found) => write!(f, "end: {} does not end a frame", hex::upper(found)),
            Refusal::Checksum { sent, computed } => {
                write!(f, "checksum: sent {}, computed {}", hex::upper(sent), hex::upper(computed))
            }
            Refusal::Body => {
                f.write_str("body: the checksum goes over octets that are not there or no digits")
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Whether more octets may come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Open,
    Closed,
}

/// How octets begin.
enum Look {
    More,
    Frame(usize),
    Refused { claims: usize, why: Refusal },
}

impl Profile {
    /// How a receive buffer begins.
    #[must_use]
    pub fn cut(&self, received: &[u8]) -> Cut {
        self.cut_with(received, Rest::Open)
    }

    /// How octets begin after which nothing more comes. A frame that only silence ends is found by this one.
    #[must_use]
    pub fn cut_at_rest(&self, received: &[u8]) -> Cut {
        self.cut_with(received, Rest::Closed)
    }

    fn cut_with(&self, received: &[u8], rest: Rest) -> Cut {
        match self.layout.look(received, rest) {
            Look::More => Cut::More,
            Look::Frame(length) => Cut::Frame(length),
            Look::Refused { .. } => Cut::Noise(1),
        }
    }

    /// For the whole of a stream.
    pub(super) fn look(&self, octets: &[u8]) -> sweep::Look {
        match self.layout.look(octets, Rest::Closed) {
            Look::More | Look::Refused { why: Refusal::Start, .. } => sweep::Look::Nothing,
            Look::Frame(length) => sweep::Look::Frame(length),
            Look::Refused { claims, why } => sweep::Look::Refused { claims, error: why.to_string() },
        }
    }
}

impl Layout {
    fn look(&self, octets: &[u8], rest: Rest) -> Look {
        if !octets.starts_with(&self.start) {
            let begins = rest == Rest::Open && self.start.starts_with(octets);
            return if begins { Look::More } else { Look::Refused { claims: 1, why: Refusal::Start } };
        }
        let total = match self.total(octets, rest) {
            Ok(Some(total)) => total,
            Ok(None) if rest == Rest::Open => return Look::More,
            Ok(None) => return Look::Refused { claims: octets.len(), why: Refusal::Truncated(octets.len()) },
            // noise with a length that cannot be: a good frame anywhere behind it says so
            Err(why) => return Look::Refused { claims: octets.len(), why },
        };
        match octets.get(..total) {
            None if rest == Rest::Open => Look::More,
            None => Look::Refused { claims: octets.len(), why: self.short(octets, total) },
            Some(frame) => match self.check(frame) {
                Ok(()) => Look::Frame(total),
                Err(why) => Look::Refused { claims: total, why },
            },
        }
    }

    /// Octets of the frame that begins here, when enough of it is there to know.
    fn total(&self, octets: &[u8], rest: Rest) -> Result<Option<usize>, Refusal> {
        let found = octets.len();
        let total = match self.length {
            Length::Field { offset, size, endian, adds } => {
                octets.get(offset..offset + size).map(|field| number(field, endian) + adds)
            }
            Length::Fixed(total) => Some(total),
            Length::Until => self.first_tail(octets),
            Length::Idle(_) => (rest == Rest::Closed).then_some(found),
        };
        match total {
            Some(wanted) if wanted > LONGEST || wanted < self.shortest() => {
                Err(Refusal::Length { wanted, found })
            }
            None if found > LONGEST => Err(Refusal::Length { wanted: LONGEST, found }),
            total => Ok(total),
        }
    }

    /// Where the frame ends that goes up to the first tail.
    fn first_tail(&self, octets: &[u8]) -> Option<usize> {
        let from = self.shortest() - self.tail.len();
        let rest = octets.get(from..).filter(|_| !self.tail.is_empty())?;
        let at = rest.windows(self.tail.len()).position(|window| window == self.tail)?;
        Some(from + at + self.tail.len())
    }

    /// Octets that end like a frame and are too few for it have a wrong length; others break off.
    fn short(&self, octets: &[u8], wanted: usize) -> Refusal {
        let found = octets.len();
        let marked = !self.end.is_empty() || !self.tail.is_empty();
        if marked && found >= self.shortest() && self.ends(octets).is_ok() {
            return Refusal::Length { wanted, found };
        }
        Refusal::Truncated(found)
    }

    /// End mark and tail.
    fn ends(&self, frame: &[u8]) -> Result<(), Refusal> {
        let (rest, tail) = frame.split_at(frame.len() - self.tail.len());
        if tail != self.tail {
            return Err(Refusal::End(tail.to_vec()));
        }
        let end = &rest[rest.len() - self.check_size() - self.end.len()..rest.len() - self.check_size()];
        if end == self.end { Ok(()) } else { Err(Refusal::End(end.to_vec())) }
    }

    /// A frame of good length, at least the shortest.
    fn check(&self, frame: &[u8]) -> Result<(), Refusal> {
        self.ends(frame)?;
        let Some(check) = self.check else { return Ok(()) };
        let computed = self.computed(&check, frame).ok_or(Refusal::Body)?;
        let at = self.check_at(frame.len());
        let sent = &frame[at..at + check.size()];
        if sent.eq_ignore_ascii_case(&computed) && (check.ascii_hex || sent == computed) {
            Ok(())
        } else {
            Err(Refusal::Checksum { sent: sent.to_vec(), computed })
        }
    }

    /// Where the checksum stands in a frame of this length.
    pub(super) fn check_at(&self, total: usize) -> usize {
        total - self.tail.len() - self.check_size()
    }

    /// The checksum that a frame of good length should have.
    pub(super) fn computed(&self, check: &Check, frame: &[u8]) -> Option<Vec<u8>> {
        let end = self.check_at(frame.len());
        let to = match check.to {
            Reach::End => end,
            Reach::Data => end - self.end.len(),
            Reach::At(offset) => offset,
        };
        check.over(frame.get(check.from..to)?)
    }
}

fn number(octets: &[u8], endian: Endian) -> usize {
    let digit = |number: usize, octet: &u8| number << 8 | usize::from(*octet);
    match endian {
        Endian::Big => octets.iter().fold(0, digit),
        Endian::Little => octets.iter().rev().fold(0, digit),
    }
}
