//! Frames in, messages out; everything odd is counted and nothing odd is believed.

use super::transport::{self, Reassembly, Step};
use super::{Edition, Evidence, Kind, Message, Side, layout};
use crate::wire::can::Frame;

/// PDU formats of the version negotiation of category B [1].
pub const NEGOTIATION: [u8; 2] = [0x3C, 0x3D];

/// What one frame said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A message.
    Message {
        /// What was said.
        message: Message<'a>,
        /// The edition of the session, this message included.
        edition: Edition,
        /// Whether the transport protocol carried it.
        carried: bool,
    },
    /// Category B of 2023 is being negotiated; the octets as they are.
    Negotiation(Side, &'a [u8]),
    /// A message whose length does not suit; counted.
    Length(Kind, usize),
    /// Part of a transfer, or counted and dropped.
    Nothing,
}

/// How often something was odd, since the start. All saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Messages given out.
    pub messages: u64,
    /// Frames of somebody else on the same pair.
    pub foreign: u64,
    /// Remote frames of the two addresses; the protocol has none.
    pub remote: u64,
    /// PDU formats that the table does not hold (diagnostics, V2G extensions).
    pub unknown: u64,
    /// Negotiations of category B.
    pub category_b: u64,
    /// Messages dropped because their length does not suit.
    pub length: u64,
    /// Transfers refused: size, packets or message cannot be.
    pub refused: u64,
    /// Packets of no open transfer.
    pub stray: u64,
    /// Transfers given up by one side.
    pub aborted: u64,
    /// Transfers lost to a new one of the same sender.
    pub replaced: u64,
    /// Transfers dropped after 1.25 s of silence.
    pub silent: u64,
    /// Tolerated: a length other than the edition defines (can.md 1.9, 1).
    pub odd_length: u64,
    /// Tolerated: undefined bits sent as 0 (can.md 1.9, 2).
    pub broken_fill: u64,
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// The ear on one bus.
#[derive(Debug, Default)]
pub struct Receiver {
    transfers: Reassembly,
    evidence: Evidence,
    fallback: Option<Edition>,
    counters: Counters,
}

impl Receiver {
    /// With the edition to believe in before, or without, a BRM.
    #[must_use]
    pub fn new(fallback: Option<Edition>) -> Receiver {
        Receiver { fallback, ..Receiver::default() }
    }

    /// The edition of the session: what BRM decided, else the configured one, else 2015.
    #[must_use]
    pub fn edition(&self) -> Edition {
        self.evidence.edition().or(self.fallback).unwrap_or_default()
    }

    /// Whether BRM has decided the edition.
    #[must_use]
    pub fn is_edition_known(&self) -> bool {
        self.evidence.edition().is_some()
    }

    /// What was odd so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The session is over: its evidence and its transfers are forgotten, counters stay.
    pub fn forget(&mut self) {
        self.evidence = Evidence::default();
        self.transfers = Reassembly::default();
    }

    /// One frame at a moment of any monotonic clock.
    #[inline]
    pub fn hear<'a>(&'a mut self, at_us: u64, frame: &'a Frame) -> Heard<'a> {
        let Some(side) = Side::of(frame.id()) else {
            count(&mut self.counters.foreign);
            return Heard::Nothing;
        };
        if frame.is_remote() {
            count(&mut self.counters.remote);
            return Heard::Nothing;
        }
        match frame.id().pf() {
            transport::CM | transport::DT => self.transport(at_us, side, frame),
            pf => self.take(side, pf, frame.data(), false),
        }
    }

    /// A payload that somebody already put together.
    pub fn payload<'a>(&'a mut self, side: Side, pf: u8, octets: &'a [u8]) -> Heard<'a> {
        self.take(side, pf, octets, true)
    }

    fn take<'a>(&'a mut self, side: Side, pf: u8, octets: &'a [u8], carried: bool) -> Heard<'a> {
        match Kind::of(pf, side) {
            Some(kind) => self.rest().give(kind, octets, carried),
            None if NEGOTIATION.contains(&pf) => {
                count(&mut self.counters.category_b);
                Heard::Negotiation(side, octets)
            }
            None => {
                count(&mut self.counters.unknown);
                Heard::Nothing
            }
        }
    }

    fn transport(&mut self, at_us: u64, side: Side, frame: &Frame) -> Heard<'_> {
        let dropped = self.transfers.expire(at_us);
        self.counters.silent = self.counters.silent.saturating_add(dropped);
        let mut rest =
            Rest { evidence: &mut self.evidence, counters: &mut self.counters, fallback: self.fallback };
        let step = match frame.id().pf() {
            transport::CM => self.transfers.manage(side, frame.data(), at_us),
            _ => self.transfers.data(side, frame.data(), at_us),
        };
        match step {
            Step::Complete(kind, octets) => return rest.give(kind, octets, true),
            Step::Taken => {}
            Step::Replaced => count(&mut rest.counters.replaced),
            Step::Aborted => count(&mut rest.counters.aborted),
            Step::Refused => count(&mut rest.counters.refused),
            Step::Stray => count(&mut rest.counters.stray),
        }
        Heard::Nothing
    }

    fn rest(&mut self) -> Rest<'_> {
        Rest { evidence: &mut self.evidence, counters: &mut self.counters, fallback: self.fallback }
    }
}

/// Everything but the transfers, which a complete message still borrows.
struct Rest<'r> {
    evidence: &'r mut Evidence,
    counters: &'r mut Counters,
    fallback: Option<Edition>,
}

impl Rest<'_> {
    #[inline]
    fn give<'a>(&mut self, kind: Kind, octets: &'a [u8], carried: bool) -> Heard<'a> {
        let Some(message) = Message::new(kind, octets) else {
            count(&mut self.counters.length);
            return Heard::Length(kind, octets.len());
        };
        self.evidence.see(&message);
        let edition = self.evidence.edition().or(self.fallback).unwrap_or_default();
        if !layout::is_defined(kind, edition, octets.len()) {
            count(&mut self.counters.odd_length);
        }
        if message.layout(edition).breaks_fill(octets) {
            count(&mut self.counters.broken_fill);
        }
        count(&mut self.counters.messages);
        Heard::Message { message, edition, carried }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::can::{self, Id};
    use proptest::prelude::*;

    fn frame(text: &str) -> Frame {
        match can::line(text).expect("line").content {
            can::Content::Frame(frame) => frame,
            can::Content::Payload(..) => panic!("a payload"),
        }
    }

    fn heard(receiver: &mut Receiver, text: &str) -> Option<Kind> {
        match receiver.hear(0, &frame(text)) {
            Heard::Message { message, .. } => Some(message.kind()),
            Heard::Negotiation(..) | Heard::Length(..) | Heard::Nothing => None,
        }
    }

    #[test]
    fn what_real_devices_do_is_tolerated_and_counted() {
        let mut receiver = Receiver::default();
        assert_eq!(heard(&mut receiver, "1812F456#6F1798082D00FDFF"), Some(Kind::Ccs));
        assert_eq!(receiver.counters(), &Counters { messages: 1, ..Counters::default() });
        assert_eq!(heard(&mut receiver, "1812F456#6F1798082D00FD"), Some(Kind::Ccs));
        assert_eq!(receiver.counters().odd_length, 1);
        assert_eq!(heard(&mut receiver, "101956F4#40000000"), Some(Kind::Bst));
        assert_eq!(receiver.counters().broken_fill, 1);
        assert_eq!(heard(&mut receiver, "181056F4#75179308"), None);
        assert_eq!(receiver.counters().length, 1);
        assert_eq!(heard(&mut receiver, "0070F4B5#0000B5"), None);
        assert_eq!(receiver.counters().foreign, 1);
        assert_eq!(heard(&mut receiver, "1828F456#01FF"), None);
        assert_eq!(receiver.counters().unknown, 1);
        assert_eq!(heard(&mut receiver, "0C3CF456#0000010100FFFF00"), None);
        assert_eq!(receiver.counters().category_b, 1);
    }

    #[test]
    fn priority_bits_count_for_nothing() {
        let mut receiver = Receiver::default();
        assert_eq!(heard(&mut receiver, "001056F4#7517930802"), Some(Kind::Bcl));
        assert_eq!(heard(&mut receiver, "1C1056F4#7517930802"), Some(Kind::Bcl));
    }

    proptest! {
        #[test]
        fn no_traffic_panics(
            frames in proptest::collection::vec(
                (any::<bool>(), any::<u8>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..=8), 0..3_000_000u64),
                0..200,
            ),
        ) {
            let mut receiver = Receiver::default();
            let mut at_us = 0;
            for (transport, pf, bms, data, wait_us) in frames {
                let pf = if transport { transport::CM - (pf & 1) } else { pf };
                let (to, from) = if bms { (0x56, 0xF4) } else { (0xF4, 0x56) };
                at_us += wait_us;
                let frame = Frame::new(Id::pdu1(6, pf, to, from), &data).expect("at most eight");
                let _ = receiver.hear(at_us, &frame);
            }
        }
    }
}
