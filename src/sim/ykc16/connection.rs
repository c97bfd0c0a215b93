//! One connection: frames, sequence numbers, heartbeats (ykc16.md 1).

use super::Platform;
use crate::model::ident::{ConnectorId, DeviceCode};
use crate::model::time::Instant;
use crate::wire::ykc16::body::Opened;
use crate::wire::ykc16::{Frame, Receiver};
use std::collections::{BTreeMap, VecDeque};

/// Frames remembered, to know a repetition.
const REMEMBERED: usize = 64;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) receiver: Receiver,
    pub(super) heard: Instant,
    /// Half-open: nothing is read, nothing is written.
    pub(super) frozen: bool,
    /// Something went wrong with a reply: rules about time are not judged.
    pub(super) disturbed: bool,
    /// Where the next frame begins.
    next_octet: u64,
    /// Sequence number of the platform's next command.
    own: u16,
    /// That of the next frame of the piles.
    due: u16,
    newest: VecDeque<([u8; 2], Vec<u8>)>,
    pub(super) heartbeats: BTreeMap<ConnectorId, Instant>,
    /// Piles whose model was said to differ.
    pub(super) wanting: Vec<DeviceCode>,
}

impl Connection {
    pub(super) fn new(now: Instant) -> Connection {
        Connection {
            receiver: Receiver::new(),
            heard: now,
            frozen: false,
            disturbed: false,
            next_octet: 0,
            own: 0,
            due: 0,
            newest: VecDeque::new(),
            heartbeats: BTreeMap::new(),
            wanting: Vec::new(),
        }
    }

    /// A good frame; whether there was something else before it.
    pub(super) fn took(&mut self, now: Instant, at: u64, frame: &Frame) -> bool {
        let noise = at != self.next_octet;
        self.next_octet = at + frame.length() as u64;
        self.heard = now;
        noise
    }

    pub(super) fn next_own(&mut self) -> [u8; 2] {
        let own = self.own;
        self.own = self.own.wrapping_add(1);
        own.to_le_bytes()
    }

    /// Whether the number is the next one, or that of the same frame again.
    fn fits(&mut self, opened: &Opened<'_>) -> bool {
        let frame = (opened.header.sequence, [&[opened.header.kind], opened.body()].concat());
        if self.newest.contains(&frame) {
            return true;
        }
        let fits = frame.0 == self.due.to_le_bytes();
        self.due = u16::from_le_bytes(frame.0).wrapping_add(1);
        if self.newest.len() == REMEMBERED {
            self.newest.pop_front();
        }
        self.newest.push_back(frame);
        fits
    }
}

impl Platform {
    /// From 0 upward per connection; a repetition has the number of the first sending.
    pub(super) fn judge_sequence(&mut self, id: u64, opened: &Opened<'_>) {
        let fits = self.connections.get_mut(&id).is_none_or(|connection| connection.fits(opened));
        if !fits {
            let [low, high] = opened.header.sequence;
            self.complain(format!(
                "1: sequence {low:02X}{high:02X} of 0x{:02X} is not the next",
                opened.header.kind
            ));
        }
    }
}
