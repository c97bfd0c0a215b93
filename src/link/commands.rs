//! Commands of the platform: one answer each, the same answer when one is repeated (platform-222.md 14.3).

use super::{Action, Link};
use crate::model::command::{Answer, Command};
use crate::model::message::FromLink;
use crate::model::time::{Instant, Now};
use crate::uplink::ReplyTo;
use std::collections::VecDeque;
use std::time::Duration;

/// Answers that are kept to be given again.
const KEPT: usize = 64;
/// Commands that may wait for their answers.
const WAITING: usize = 64;

/// More new commands than this in one second wait.
const PER_SECOND: usize = 10;

#[derive(Debug)]
struct Slot {
    reply_to: ReplyTo,
    ticket: u64,
    /// Not told to the station yet.
    command: Option<Command>,
    /// The answer; empty = the protocol has none.
    octets: Option<Vec<u8>>,
}

/// The newest commands and their answers.
#[derive(Debug, Default)]
pub(super) struct Replies {
    slots: VecDeque<Slot>,
    tickets: u64,
    /// When the newest commands were told.
    told: VecDeque<Instant>,
}

impl Replies {
    /// A new connection knows nothing of the commands of the old one; tickets are never used again.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.iter().filter(|s| s.octets.is_none()).count() >= WAITING
    }

    /// When a command that waits may be told.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let waits = self.slots.iter().any(|s| s.command.is_some());
        self.may_tell_at().filter(|_| waits)
    }

    fn may_tell_at(&self) -> Option<Instant> {
        let oldest = self.told.front().filter(|_| self.told.len() >= PER_SECOND);
        oldest.map(|at| *at + Duration::from_secs(1))
    }

    fn make_room(&mut self) {
        let answered = self.slots.iter().filter(|s| s.octets.is_some()).count();
        if answered >= KEPT
            && let Some(oldest) = self.slots.iter().position(|s| s.octets.is_some())
        {
            self.slots.remove(oldest);
        }
    }
}

impl Link {
    pub(super) fn command(&mut self, now: Now, reply_to: ReplyTo, command: Command, out: &mut Vec<Action>) {
        let known = |s: &&Slot| s.reply_to.kind == reply_to.kind && s.reply_to.sequence == reply_to.sequence;
        if let Some(slot) = self.replies.slots.iter().find(known) {
            if let Some(octets) = slot.octets.as_ref().filter(|octets| !octets.is_empty()) {
                out.push(Action::Write(octets.clone()));
            }
            return; // still being answered: that answer serves both
        }
        self.replies.tickets += 1;
        let ticket = self.replies.tickets;
        self.replies.make_room();
        self.replies.slots.push_back(Slot { reply_to, ticket, command: Some(command), octets: None });
        self.pump_commands(now, out);
    }

    /// Tells the station what may be told now, in the order in which it came.
    pub(super) fn pump_commands(&mut self, now: Now, out: &mut Vec<Action>) {
        let replies = &mut self.replies;
        while let Some(at) = replies.slots.iter().position(|s| s.command.is_some()) {
            if replies.may_tell_at().is_some_and(|at| at > now.mono) {
                return;
            }
            let slot = &mut replies.slots[at];
            let Some(command) = slot.command.take() else { return };
            let (ticket, device) = (slot.ticket, slot.reply_to.device);
            if replies.told.len() == PER_SECOND {
                replies.told.pop_front();
            }
            replies.told.push_back(now.mono);
            out.push(Action::Tell(FromLink::Command { ticket, device, command }));
        }
    }

    pub(super) fn answer(&mut self, ticket: u64, answer: &Answer, out: &mut Vec<Action>) {
        let Some(slot) = self.replies.slots.iter_mut().find(|s| s.ticket == ticket && s.octets.is_none())
        else {
            return; // of an older connection: the platform will ask again
        };
        let octets = self.uplink.answer(&slot.reply_to, answer).unwrap_or_default();
        slot.octets = Some(octets.clone());
        if !octets.is_empty() {
            out.push(Action::Write(octets));
        }
    }
}
