//! Replies, and how they go wrong: as in profile 222, and as platforms of this protocol do (ykc16.md 8.1).

use super::{Action, Fault, Platform};
use crate::model::time::{Instant, Now};
use crate::wire::ykc16::body::Opened;
use crate::wire::ykc16::frame::{Header, Order, seal};
use crate::wire::ykc16::layout::Message;
use crate::wire::ykc16::message::start::StartDecision;
use std::time::Duration;

/// Octets that are written later.
#[derive(Clone, Debug)]
pub(super) struct Later {
    pub(super) at: Instant,
    pub(super) connection: u64,
    octets: Vec<u8>,
}

impl Platform {
    pub(super) fn write(&self, id: u64, octets: Vec<u8>, out: &mut Vec<Action>) {
        if self.connections.get(&id).is_some_and(|c| !c.frozen) {
            out.push(Action::Write(id, octets));
        }
    }

    pub(super) fn write_later(&mut self, now: Now, out: &mut Vec<Action>) {
        let (due, rest) = std::mem::take(&mut self.later).into_iter().partition(|later| later.at <= now.mono);
        self.later = rest;
        let due: Vec<Later> = due;
        due.into_iter().for_each(|later| self.write(later.connection, later.octets, out));
    }

    /// Writes a reply to a frame, or what a fault makes of it.
    pub(super) fn reply<M: Message>(
        &mut self,
        now: Now,
        id: u64,
        to: &Opened<'_>,
        message: &M,
        out: &mut Vec<Action>,
    ) {
        let header = Header { sequence: to.header.sequence, encryption: 0, kind: M::NUMBER };
        let body = message.body();
        let good = seal(header, &body, Order::LowFirst);
        let Some(fault) = self.faults.draw(M::NUMBER.into()) else { return self.write(id, good, out) };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.disturbed = true;
        }
        match fault {
            Fault::DropReply => {}
            Fault::DoubleReply => [good.clone(), good].into_iter().for_each(|o| self.write(id, o, out)),
            Fault::DelayReply => {
                let at = now.mono + Duration::from_millis(self.random.u64(2_000..14_000));
                self.later.push(Later { at, connection: id, octets: good });
            }
            Fault::SplitWrites => {
                let size = self.random.usize(1..8);
                good.chunks(size).for_each(|piece| self.write(id, piece.to_vec(), out));
            }
            Fault::MergeWrites => self.write(id, [good.clone(), good].concat(), out),
            Fault::BadCrc => {
                let mut bad = good;
                bad.iter_mut().last().into_iter().for_each(|octet| *octet ^= 0x55);
                self.write(id, bad, out);
            }
            Fault::WrongVerdict => {
                let wrong = self.faults.wrong(&body);
                self.write(id, seal(header, &wrong, Order::LowFirst), out);
            }
            Fault::CutSequence => {
                let cut = Header { sequence: [header.sequence[0], 0], ..header };
                self.write(id, seal(cut, &body, Order::LowFirst), out);
            }
            Fault::AsciiDigits => {
                let mut told = body;
                told.iter_mut().last().into_iter().for_each(|octet| *octet |= 0x30);
                self.write(id, seal(header, &told, Order::LowFirst), out);
            }
            Fault::SwappedCrc => self.write(id, seal(header, &body, Order::HighFirst), out),
            Fault::ShortLength => {
                let mut short = good;
                short[1] = short[1].saturating_sub(4);
                self.write(id, short, out);
            }
            Fault::ShortDecision => {
                let cut = if M::NUMBER == StartDecision::NUMBER {
                    body.len().saturating_sub(2)
                } else {
                    body.len()
                };
                self.write(id, seal(header, &body[..cut], Order::LowFirst), out);
            }
            Fault::Freeze => self.freeze(id),
            Fault::Cut => self.end(id, out),
        }
    }

    pub(super) fn freeze(&mut self, id: u64) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.frozen = true;
            connection.disturbed = true;
        }
    }
}
