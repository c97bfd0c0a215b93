//! The transport protocol of J1939-21 as its two ends play it (can.md 1.4): the vehicle sends, the charger grants.
//!
//! Times out of J1939-21 are general knowledge [K]: T3 1250 ms for an answer; packets follow each other after 10 ms.

use crate::model::time::Instant;
use crate::wire::can::{Frame, Id};
use crate::wire::gbt27930::message::{BMS, CHARGER};
use crate::wire::gbt27930::{Kind, transport};
use std::collections::VecDeque;
use std::time::Duration;

const PRIORITY: u8 = 7;
const ANSWER: Duration = Duration::from_millis(1_250);
const SPACING: Duration = Duration::from_millis(10);
const PER_PACKET: usize = 7;
const TIMED_OUT: u8 = 3;

fn from_vehicle(pf: u8, octets: [u8; 8]) -> Option<Frame> {
    Frame::new(Id::pdu1(PRIORITY, pf, CHARGER, BMS), &octets)
}

fn from_charger(octets: [u8; 8]) -> Option<Frame> {
    Frame::new(Id::pdu1(PRIORITY, transport::CM, BMS, CHARGER), &octets)
}

/// What a sender does now.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// It asked, was held or has sent what it may; after this moment it gives up.
    Waiting(Instant),
    /// The next packet goes at this moment, the last one that is granted is named.
    Sending(Instant, u8),
}

#[derive(Clone, Debug)]
struct Transfer {
    kind: Kind,
    payload: Vec<u8>,
    packets: u8,
    next: u8,
    step: Step,
}

/// The vehicle's end. One message at a time; the newest of each kind waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Sender {
    waiting: VecDeque<(Kind, Vec<u8>)>,
    open: Option<Transfer>,
    /// The first transfer is given up once.
    pub(super) aborts_once: bool,
    /// Transfers that nobody answered.
    pub(super) unanswered: u32,
}

impl Sender {
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.open = None;
    }

    /// A message of 9 to 1785 octets to be sent; an older one of its kind that has not begun is forgotten.
    pub(super) fn offer(&mut self, kind: Kind, payload: Vec<u8>) {
        match self.waiting.iter_mut().find(|(waiting, _)| *waiting == kind) {
            Some((_, old)) => *old = payload,
            None => self.waiting.push_back((kind, payload)),
        }
    }

    pub(super) fn advance(&mut self, now: Instant, out: &mut Vec<Frame>) {
        if self.open.is_none() {
            self.begin(now, out);
        }
        let Some(transfer) = &mut self.open else { return };
        match transfer.step {
            Step::Sending(at, last) if at <= now => {
                let from = usize::from(transfer.next - 1) * PER_PACKET;
                let mut octets = [0xFF; 8];
                octets[0] = transfer.next;
                let part = transfer.payload[from..].iter().take(PER_PACKET);
                octets[1..].iter_mut().zip(part).for_each(|(room, octet)| *room = *octet);
                out.extend(from_vehicle(transport::DT, octets));
                let done = transfer.next == last;
                transfer.next += 1;
                transfer.step =
                    if done { Step::Waiting(now + ANSWER) } else { Step::Sending(now + SPACING, last) };
            }
            Step::Waiting(until) if until <= now => {
                self.unanswered += 1;
                out.extend(from_vehicle(
                    transport::CM,
                    [0xFF, TIMED_OUT, 0xFF, 0xFF, 0xFF, 0, transfer.kind.pf(), 0],
                ));
                self.open = None;
            }
            Step::Sending(..) | Step::Waiting(_) => {}
        }
    }

    fn begin(&mut self, now: Instant, out: &mut Vec<Frame>) {
        let Some((kind, payload)) = self.waiting.pop_front() else { return };
        let [low, high, ..] = payload.len().to_le_bytes();
        let packets = payload.len().div_ceil(PER_PACKET) as u8;
        out.extend(from_vehicle(transport::CM, [0x10, low, high, packets, 0xFF, 0, kind.pf(), 0]));
        self.open = Some(Transfer { kind, payload, packets, next: 1, step: Step::Waiting(now + ANSWER) });
    }

    /// A connection management frame of the charger.
    pub(super) fn hear(&mut self, now: Instant, data: &[u8], out: &mut Vec<Frame>) {
        let (Some(transfer), &[control, count, next, _, _, 0, pf, 0]) = (&mut self.open, data) else {
            return;
        };
        if transfer.kind.pf() != pf {
            return;
        }
        match control {
            0x11 if std::mem::take(&mut self.aborts_once) => {
                out.extend(from_vehicle(transport::CM, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, pf, 0]));
                let transfer = self.open.take();
                self.waiting.extend(transfer.map(|t| (t.kind, t.payload)));
            }
            0x11 if count == 0 => transfer.step = Step::Waiting(now + ANSWER),
            0x11 if (1..=transfer.packets).contains(&next) => {
                transfer.next = next;
                let last = next.saturating_add(count - 1).min(transfer.packets);
                transfer.step = Step::Sending(now + Duration::from_millis(6), last);
            }
            0x13 | 0xFF => self.open = None,
            _ => {}
        }
    }

    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        match self.open.as_ref().map(|t| t.step) {
            Some(Step::Waiting(at) | Step::Sending(at, _)) => Some(at),
            None => (!self.waiting.is_empty()).then_some(now),
        }
    }
}

/// The charger's end.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    open: Option<Incoming>,
    /// Packets that it grants at a time.
    grant: u8,
}

#[derive(Clone, Debug)]
struct Incoming {
    kind: Kind,
    size: usize,
    packets: u8,
    next: u8,
    granted: u8,
    octets: Vec<u8>,
}

impl Receiver {
    pub(super) fn new(grant: u8) -> Receiver {
        Receiver { open: None, grant: grant.max(1) }
    }

    pub(super) fn clear(&mut self) {
        self.open = None;
    }

    /// A connection management frame of the vehicle.
    pub(super) fn manage(&mut self, data: &[u8], out: &mut Vec<Frame>) {
        let &[control, low, high, packets, _, 0, pf, 0] = data else { return };
        let Some(kind) = Kind::of(pf, crate::wire::gbt27930::Side::Bms) else { return };
        match control {
            0x10 => {
                let size = usize::from(u16::from_le_bytes([low, high]));
                let octets = Vec::with_capacity(size);
                self.open = Some(Incoming { kind, size, packets, next: 1, granted: 0, octets });
                self.clear_to_send(out);
            }
            0xFF => self.open = None,
            _ => {}
        }
    }

    fn clear_to_send(&mut self, out: &mut Vec<Frame>) {
        let Some(open) = &mut self.open else { return };
        let count = self.grant.min(open.packets.saturating_sub(open.next - 1));
        open.granted = open.next.saturating_add(count - 1);
        out.extend(from_charger([0x11, count, open.next, 0xFF, 0xFF, 0, open.kind.pf(), 0]));
    }

    /// A packet of the vehicle, and the message that it completes.
    pub(super) fn data(&mut self, data: &[u8], out: &mut Vec<Frame>) -> Option<(Kind, Vec<u8>)> {
        let open = self.open.as_mut()?;
        let (number, octets) = data.split_first()?;
        if *number != open.next {
            return None; // a repeat, or one after a gap: it is granted again by the sender's time-out
        }
        open.octets.extend_from_slice(octets);
        if open.next < open.packets {
            open.next += 1;
            if open.next > open.granted {
                self.clear_to_send(out);
            }
            return None;
        }
        let mut open = self.open.take()?;
        let [low, high, ..] = open.size.to_le_bytes();
        out.extend(from_charger([0x13, low, high, open.packets, 0xFF, 0, open.kind.pf(), 0]));
        open.octets.truncate(open.size);
        Some((open.kind, open.octets))
    }
}
