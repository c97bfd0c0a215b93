//! Commands of the platform: one answer each, the same answer when one is repeated (platform-222.md 14.3).

use super::{Action, Link};
use crate::model::command::{Answer, Command};
use crate::model::message::FromLink;
use crate::uplink::ReplyTo;
use std::collections::VecDeque;

/// Answers that are kept to be given again.
const KEPT: usize = 64;
/// Commands that may wait for their answers.
const WAITING: usize = 64;

#[derive(Debug)]
struct Slot {
    reply_to: ReplyTo,
    ticket: u64,
    octets: Option<Vec<u8>>,
}

/// The newest commands and their answers.
#[derive(Debug, Default)]
pub(super) struct Replies {
    slots: VecDeque<Slot>,
    tickets: u64,
}

impl Replies {
    /// A new connection knows nothing of the commands of the old one; tickets are never used again.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.iter().filter(|s| s.octets.is_none()).count() >= WAITING
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
    pub(super) fn command(&mut self, reply_to: ReplyTo, command: Command, out: &mut Vec<Action>) {
        let known = |s: &&Slot| s.reply_to.kind == reply_to.kind && s.reply_to.sequence == reply_to.sequence;
        if let Some(slot) = self.replies.slots.iter().find(known) {
            if let Some(octets) = &slot.octets {
                out.push(Action::Write(octets.clone()));
            }
            return; // still being answered: that answer serves both
        }
        self.replies.tickets += 1;
        let ticket = self.replies.tickets;
        self.replies.make_room();
        self.replies.slots.push_back(Slot { reply_to, ticket, octets: None });
        out.push(Action::Tell(FromLink::Command { ticket, device: reply_to.device, command }));
    }

    pub(super) fn answer(&mut self, ticket: u64, answer: &Answer, out: &mut Vec<Action>) {
        let Some(slot) = self.replies.slots.iter_mut().find(|s| s.ticket == ticket && s.octets.is_none())
        else {
            return; // of an older connection: the platform will ask again
        };
        let octets = self.uplink.answer(&slot.reply_to, answer);
        slot.octets = Some(octets.clone());
        out.push(Action::Write(octets));
    }
}
