//! Questions in memory: pile register, tariff, authorise. Each is sent again with the same sequence and octets.

use super::{Action, Link, Note};
use crate::model::message::{AuthoriseRequest, Decision, FromLink};
use crate::model::time::{Instant, Now};
use crate::uplink::{Encoded, Kind, Outgoing, Reply};
use std::collections::VecDeque;
use std::time::Duration;

/// A decision that comes later than this is late: the link stops asking (platform-222.md 14.4).
const DECISION: Duration = Duration::from_secs(30);
/// Late decisions that are still recognised.
const REMEMBERED: usize = 64;

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Index into the configured piles.
    Pile(usize),
    /// Is our tariff right? The question of this turn.
    TariffCheck(usize),
    /// The tariff, please: after the question of this turn.
    Tariff(usize),
    /// The station's ticket.
    Authorise(u64),
    /// One part of the open alarms.
    OpenAlarms,
}

#[derive(Debug)]
struct Ask {
    about: About,
    sequence: u32,
    octets: Vec<u8>,
    due: Instant,
    ends: Instant,
}

/// Outstanding questions.
#[derive(Debug, Default)]
pub(super) struct Asks {
    open: Vec<Ask>,
    held: Vec<(u64, AuthoriseRequest, Instant)>,
    late: VecDeque<(u32, u64)>,
}

impl Asks {
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let held = self.held.iter().map(|(_, _, ends)| *ends);
        self.open.iter().map(|a| a.due.min(a.ends)).chain(held).min()
    }

    /// The link is gone: nobody will answer.
    pub(super) fn lost(&mut self, out: &mut Vec<Action>) {
        let tickets = self.open.iter().filter_map(|a| match a.about {
            About::Authorise(ticket) => Some(ticket),
            About::Pile(_) | About::TariffCheck(_) | About::Tariff(_) | About::OpenAlarms => None,
        });
        let held = self.held.iter().map(|(ticket, _, _)| *ticket);
        for ticket in tickets.chain(held) {
            out.push(Action::Tell(FromLink::Decision(ticket, Decision::LinkLost)));
        }
        *self = Asks::default();
    }

    pub(super) fn forget(&mut self, ticket: u64) {
        self.held.retain(|(held, _, _)| *held != ticket);
        if let Some(at) = self.open.iter().position(|a| a.about == About::Authorise(ticket)) {
            let ask = self.open.remove(at);
            self.remember(ask.sequence, ticket);
        }
    }

    pub(super) fn is_open(&self, about: About) -> bool {
        self.open.iter().any(|a| a.about == about)
    }

    fn remember(&mut self, sequence: u32, ticket: u64) {
        if self.late.len() == REMEMBERED {
            self.late.pop_front();
        }
        self.late.push_back((sequence, ticket));
    }
}

impl Link {
    /// Sends a question and keeps it until it is answered or its time is over.
    pub(super) fn ask(
        &mut self,
        now: Now,
        about: About,
        outgoing: &Outgoing<'_>,
        lasts: Duration,
        out: &mut Vec<Action>,
    ) {
        let (sequence, octets) = match self.encode(outgoing) {
            Some((sequence, Encoded::Asked(octets))) => (sequence, octets),
            Some((_, Encoded::Told(frames))) => {
                out.extend(frames.into_iter().map(Action::Write));
                self.needless(about, out);
                return;
            }
            Some((_, Encoded::Unsayable)) => {
                self.unsayable(about, out);
                return;
            }
            None => return,
        };
        out.push(Action::Write(octets.clone()));
        let due = now.mono + self.config.resend_after;
        self.asks.open.push(Ask { about, sequence, octets, due, ends: now.mono + lasts });
    }

    /// A question that this protocol does not ask.
    fn needless(&mut self, about: About, out: &mut Vec<Action>) {
        match about {
            About::Pile(index) => {
                let pile = self.config.piles[index].pile;
                out.push(Action::Tell(FromLink::PileRegistered(pile, 0)));
                self.pile_done(index);
            }
            About::TariffCheck(turn) | About::Tariff(turn) => self.tariff_done(turn),
            About::OpenAlarms => {}
            About::Authorise(_) => self.unsayable(about, out),
        }
    }

    /// Something that this protocol has no words for: nobody will say yes to it.
    fn unsayable(&mut self, about: About, out: &mut Vec<Action>) {
        const MODE_NOT_SUPPORTED: u8 = 12;
        match about {
            About::Authorise(ticket) => {
                let refused = Decision::Refused(MODE_NOT_SUPPORTED);
                out.push(Action::Tell(FromLink::Decision(ticket, refused)));
            }
            About::Pile(index) => self.pile_done(index),
            About::TariffCheck(turn) | About::Tariff(turn) => self.tariff_done(turn),
            About::OpenAlarms => {}
        }
    }

    /// How long a question is sent again before it counts as silent.
    pub(super) fn patience(&self) -> Duration {
        self.config.resend_after * (u32::from(self.config.resends) + 1)
    }

    pub(super) fn authorise(
        &mut self,
        now: Now,
        ticket: u64,
        request: AuthoriseRequest,
        out: &mut Vec<Action>,
    ) {
        if !self.state.is_online() {
            out.push(Action::Tell(FromLink::Decision(ticket, Decision::LinkLost)));
            return;
        }
        self.asks.held.push((ticket, request, now.mono + DECISION));
    }

    /// Sends what waited for the tariff (step 3), repeats what is overdue, ends what nobody answers.
    pub(super) fn pump_asks(&mut self, now: Now, may_authorise: bool, out: &mut Vec<Action>) {
        if may_authorise {
            for (ticket, request, ends) in std::mem::take(&mut self.asks.held) {
                let lasts = ends.since(now.mono);
                self.ask(now, About::Authorise(ticket), &Outgoing::Authorise(&request), lasts, out);
            }
        }
        self.asks.held.retain(|(ticket, _, ends)| {
            let over = *ends <= now.mono;
            if over {
                out.push(Action::Tell(FromLink::Decision(*ticket, Decision::TimedOut)));
            }
            !over
        });
        let mut over = Vec::new();
        self.asks.open.retain_mut(|ask| {
            if ask.ends <= now.mono {
                over.push((ask.about, ask.sequence));
                return false;
            }
            if ask.due <= now.mono {
                ask.due = now.mono + self.config.resend_after;
                out.push(Action::Write(ask.octets.clone()));
            }
            true
        });
        for (about, sequence) in over {
            self.unanswered(now, about, sequence, out);
        }
    }

    fn unanswered(&mut self, now: Now, about: About, sequence: u32, out: &mut Vec<Action>) {
        match about {
            About::Authorise(ticket) => {
                self.asks.remember(sequence, ticket);
                out.push(Action::Tell(FromLink::Decision(ticket, Decision::TimedOut)));
            }
            About::OpenAlarms => self.open_alarms_silent(now),
            About::Pile(_) | About::TariffCheck(_) | About::Tariff(_) => self.step_silent(now, about),
        }
    }

    /// A reply to one of these questions.
    pub(super) fn asked(&mut self, now: Now, kind: Kind, sequence: u32, reply: Reply, out: &mut Vec<Action>) {
        let Some(at) = self.asks.open.iter().position(|a| a.sequence == sequence && a.about.kind() == kind)
        else {
            self.late_decision(kind, sequence, reply, out);
            return;
        };
        let about = self.asks.open.remove(at).about;
        match (about, reply) {
            (About::Authorise(ticket), Reply::Decision(decision)) => {
                out.push(Action::Tell(FromLink::Decision(ticket, decision)));
            }
            (About::Authorise(ticket), Reply::Refused(_)) => {
                const OTHER: u8 = 13;
                out.push(Action::Tell(FromLink::Decision(ticket, Decision::Refused(OTHER))));
            }
            (About::OpenAlarms, reply) => self.open_alarms_answered(reply == Reply::OpenAlarms, out),
            (about, reply) => self.step_answered(now, about, reply, out),
        }
    }

    fn late_decision(&mut self, kind: Kind, sequence: u32, reply: Reply, out: &mut Vec<Action>) {
        let late = self.asks.late.iter().position(|(s, _)| *s == sequence);
        match (kind, reply, late) {
            (Kind::Authorise, Reply::Decision(decision), Some(at)) => {
                if let Some((_, ticket)) = self.asks.late.remove(at) {
                    out.push(Action::Tell(FromLink::Decision(ticket, decision)));
                }
            }
            (kind, _, _) => out.push(Action::Note(Note::Unmatched(kind))),
        }
    }
}

impl About {
    fn kind(self) -> Kind {
        match self {
            About::Pile(_) => Kind::PileRegister,
            About::TariffCheck(_) => Kind::TariffCheck,
            About::Tariff(_) => Kind::TariffRequest,
            About::Authorise(_) => Kind::Authorise,
            About::OpenAlarms => Kind::OpenAlarms,
        }
    }
}
