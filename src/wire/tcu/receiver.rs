//! Frames in, messages out, for either side; everything odd is counted and nothing odd is believed.

use super::long::{Assembly, Fault, Step};
use super::message::{CCU, CCU_FIRST, TCU};
use super::{Kind, Message, Side};
use crate::wire::can::{Frame, Id};

/// Which controllers are listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controllers {
    /// The configured one.
    Only(u8),
    /// Every address that a controller may have: F6, and E0 to EF.
    Any,
}

impl Controllers {
    fn include(self, address: u8) -> bool {
        match self {
            Controllers::Only(one) => address == one,
            Controllers::Any => address == CCU || address & 0xF0 == CCU_FIRST,
        }
    }

    fn sender(self, id: Id) -> Option<(Side, u8)> {
        match (id.is_page_zero(), id.destination(), id.source()) {
            (true, TCU, ccu) if self.include(ccu) => Some((Side::Ccu, ccu)),
            (true, ccu, TCU) if self.include(ccu) => Some((Side::Tcu, ccu)),
            _ => None,
        }
    }
}

/// What one frame said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A message to or from the controller of this address.
    Message(u8, Message<'a>),
    /// A short frame that has not eight octets, or a long message that is too short for its fields.
    Length(Kind, usize),
    /// A long message was lost.
    Dropped(Kind, Fault),
    /// Part of a long message, or counted and dropped.
    Nothing,
}

/// How often something was odd, since the start. All saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Messages given out.
    pub messages: u64,
    /// Frames of others on the same bus.
    pub foreign: u64,
    /// PDU formats that the table does not hold, or of the wrong direction.
    pub unknown: u64,
    /// Messages of the wrong length.
    pub length: u64,
    /// Long messages lost to a gap, a sum or a length.
    pub dropped: u64,
    /// Later frames of a long message whose beginning was not heard.
    pub stray: u64,
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// As many long messages may be under way at once; a further one takes the place of the oldest.
const OPEN: usize = 32;

/// The ear on one bus.
#[derive(Debug)]
pub struct Receiver {
    controllers: Controllers,
    long: Vec<(u8, Assembly)>,
    counters: Counters,
}

impl Receiver {
    /// For these controllers.
    #[must_use]
    pub fn new(controllers: Controllers) -> Receiver {
        Receiver { controllers, long: Vec::new(), counters: Counters::default() }
    }

    /// What was odd so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Long messages whose frames did not all come.
    pub fn unfinished(&self) -> impl Iterator<Item = Kind> + '_ {
        self.long.iter().filter(|(_, a)| a.is_open()).map(|(_, a)| a.kind())
    }

    /// One frame at a moment of any monotonic clock.
    #[inline]
    pub fn hear<'a>(&'a mut self, at_us: u64, frame: &'a Frame) -> Heard<'a> {
        let Some((side, ccu)) = self.controllers.sender(frame.id()).filter(|_| !frame.is_remote()) else {
            count(&mut self.counters.foreign);
            return Heard::Nothing;
        };
        let Some(kind) = Kind::of(frame.id().pf(), side) else {
            count(&mut self.counters.unknown);
            return Heard::Nothing;
        };
        let Ok(data) = frame.data().try_into() else {
            count(&mut self.counters.length);
            return Heard::Length(kind, frame.data().len());
        };
        if kind.is_long() { self.long(at_us, ccu, kind, data) } else { self.give(ccu, kind, frame.data()) }
    }

    /// A payload that somebody already put together.
    pub fn payload<'a>(&mut self, id: Id, octets: &'a [u8]) -> Heard<'a> {
        let sender = self.controllers.sender(id);
        match sender.and_then(|(side, ccu)| Some((ccu, Kind::of(id.pf(), side)?))) {
            Some((ccu, kind)) => self.give(ccu, kind, octets),
            None => Heard::Nothing,
        }
    }

    fn give<'a>(&mut self, ccu: u8, kind: Kind, payload: &'a [u8]) -> Heard<'a> {
        given(&mut self.counters, ccu, kind, payload)
    }

    fn long<'a>(&'a mut self, at_us: u64, ccu: u8, kind: Kind, data: &[u8; 8]) -> Heard<'a> {
        let at = self.long.iter().position(|(of, a)| *of == ccu && a.kind() == kind).unwrap_or_else(|| {
            if self.long.len() == OPEN {
                self.long.remove(0);
            }
            self.long.push((ccu, Assembly::new(kind)));
            self.long.len() - 1
        });
        match self.long[at].1.take(data, at_us) {
            Step::Complete(payload) => return given(&mut self.counters, ccu, kind, payload),
            Step::Dropped(fault) => {
                count(&mut self.counters.dropped);
                return Heard::Dropped(kind, fault);
            }
            Step::Stray => count(&mut self.counters.stray),
            Step::Taken => {}
        }
        Heard::Nothing
    }
}

fn given<'a>(counters: &mut Counters, ccu: u8, kind: Kind, payload: &'a [u8]) -> Heard<'a> {
    match Message::new(kind, payload) {
        Some(message) => {
            count(&mut counters.messages);
            Heard::Message(ccu, message)
        }
        None => {
            count(&mut counters.length);
            Heard::Length(kind, payload.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_traffic_panics_and_memory_is_bounded(
            frames in proptest::collection::vec(
                (proptest::sample::select(Kind::ALL), 0..20u8, proptest::collection::vec(any::<u8>(), 0..=8), any::<bool>()),
                0..300,
            ),
        ) {
            let mut receiver = Receiver::new(Controllers::Any);
            for (at, (kind, gun, mut data, first)) in frames.into_iter().enumerate() {
                if let (true, Some(number)) = (first, data.first_mut()) {
                    *number = 1;
                }
                let frame = Frame::new(kind.id(CCU_FIRST.wrapping_add(gun)), &data).expect("at most eight");
                let _ = receiver.hear(at as u64 * 100_000, &frame);
                prop_assert!(receiver.long.len() <= OPEN);
            }
        }
    }

    #[test]
    fn the_neighbours_controller_is_not_ours() {
        let mut receiver = Receiver::new(Controllers::Only(0xE1));
        let frame = |ccu| Frame::new(Kind::CcuHeartbeat.id(ccu), &[0; 8]).expect("eight");
        assert_eq!(receiver.hear(0, &frame(0xE0)), Heard::Nothing);
        assert!(matches!(receiver.hear(0, &frame(0xE1)), Heard::Message(0xE1, _)));
        assert_eq!(receiver.counters().foreign, 1);
    }
}
