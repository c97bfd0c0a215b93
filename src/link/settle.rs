//! The order after login (platform-222.md 5.5). Replies and heartbeats never wait for it.
//!
//! Steps 7 and 8 of the profile also name daily sums, inventory, gates and cameras; this version has none of them to
//! send and goes on at once.

use super::ask::About;
use super::{Action, Link, State};
use crate::model::message::FromLink;
use crate::model::time::{Instant, Now};
use crate::uplink::{Outgoing, Reply};
use std::time::Duration;

const STEP: Duration = Duration::from_secs(10);
const TARIFF_RETRY: Duration = Duration::from_secs(300);

/// A step of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// 2: pile register, one at a time.
    Piles {
        /// Index of the next one.
        next: usize,
    },
    /// 3: tariff check, and the tariff when it differs.
    Tariff {
        /// Turn of the question that is open or comes next.
        turn: usize,
    },
    /// 4: stored start results.
    StartResults {
        /// The step is over then.
        until: Instant,
    },
    /// 5: stored records.
    Records {
        /// The step is over then; the lane goes on.
        until: Instant,
    },
    /// 6: open alarms, then stored raises and clears.
    Alarms {
        /// The step is over then; the lane goes on.
        until: Instant,
    },
    /// 7: stored battery ends.
    BatteryEnds {
        /// The step is over then; the lane goes on.
        until: Instant,
    },
}

impl Step {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Step::StartResults { until }
            | Step::Records { until }
            | Step::Alarms { until }
            | Step::BatteryEnds { until } => Some(*until),
            Step::Piles { .. } | Step::Tariff { .. } => None,
        }
    }
}

impl Link {
    /// Goes on with the order as far as it can.
    pub(super) fn advance(&mut self, now: Now, out: &mut Vec<Action>) {
        while let State::Settling { since, step } = self.state {
            let Some(next) = self.step(now, step, out) else { return };
            self.state = match next {
                Some(step) => State::Settling { since, step },
                None => State::Ready { since },
            };
            if next.is_none() {
                out.push(Action::Tell(FromLink::Ready));
            }
        }
        if self.tariff_retry.is_some_and(|at| at <= now.mono) && matches!(self.state, State::Ready { .. }) {
            self.tariff_retry = None;
            for turn in 0..self.manners.tariff_checks {
                self.check_tariff(now, turn, out);
            }
        }
    }

    /// `None` = wait; `Some(None)` = the order is done.
    fn step(&mut self, now: Now, step: Step, out: &mut Vec<Action>) -> Option<Option<Step>> {
        match step {
            Step::Piles { next } if next >= self.config.piles.len() => Some(Some(self.after_piles(now))),
            Step::Piles { next } => {
                if !self.asks.is_open(About::Pile(next)) {
                    let pile = self.config.piles[next].clone();
                    self.ask(now, About::Pile(next), &Outgoing::PileRegister(&pile), self.patience(), out);
                }
                None
            }
            Step::Tariff { turn } if turn >= self.manners.tariff_checks => {
                let stored =
                    (!self.manners.stored_first).then_some(Step::StartResults { until: now.mono + STEP });
                Some(stored)
            }
            Step::Tariff { turn } => {
                if !self.asks.is_open(About::TariffCheck(turn)) && !self.asks.is_open(About::Tariff(turn)) {
                    self.check_tariff(now, turn, out);
                }
                None
            }
            Step::StartResults { until } if self.start_results.is_empty() || until <= now.mono => {
                Some(Some(Step::Records { until: now.mono + STEP }))
            }
            Step::Records { until } if self.records.is_empty() || until <= now.mono => {
                self.alarms.wanted = true;
                Some(Some(Step::Alarms { until: now.mono + STEP }))
            }
            Step::Alarms { until } if self.alarms_are_told() || until <= now.mono => {
                Some(Some(Step::BatteryEnds { until: now.mono + STEP }))
            }
            Step::BatteryEnds { until } if self.battery_ends.is_empty() || until <= now.mono => {
                Some(self.manners.stored_first.then_some(Step::Tariff { turn: 0 }))
            }
            Step::StartResults { .. }
            | Step::Records { .. }
            | Step::Alarms { .. }
            | Step::BatteryEnds { .. } => None,
        }
    }

    fn alarms_are_told(&self) -> bool {
        !self.alarms.is_telling() && self.alarm_events.is_empty()
    }

    fn after_piles(&self, now: Now) -> Step {
        match self.manners.stored_first {
            true => Step::StartResults { until: now.mono + STEP },
            false => Step::Tariff { turn: 0 },
        }
    }

    fn check_tariff(&mut self, now: Now, turn: usize, out: &mut Vec<Action>) {
        let number = self.facts.tariff_number;
        let check = Outgoing::TariffCheck { turn, number };
        self.ask(now, About::TariffCheck(turn), &check, self.patience(), out);
    }

    /// A question of the order was answered.
    pub(super) fn step_answered(&mut self, now: Now, about: About, reply: Reply, out: &mut Vec<Action>) {
        match (about, reply) {
            (About::Pile(index), reply) => {
                if let Reply::PileRegister(result) = reply {
                    let pile = self.config.piles[index].pile;
                    out.push(Action::Tell(FromLink::PileRegistered(pile, result)));
                }
                self.pile_done(index);
            }
            (About::TariffCheck(turn), Reply::TariffCheck { same: true, .. }) => {
                out.push(Action::Tell(FromLink::TariffConfirmed));
                self.tariff_done(turn);
            }
            (About::TariffCheck(turn), Reply::TariffCheck { same: false, .. }) => {
                let request = Outgoing::TariffRequest { turn };
                self.ask(now, About::Tariff(turn), &request, self.patience(), out);
            }
            (About::Tariff(turn), Reply::Tariff(Some(tariff))) => {
                out.push(Action::Tell(FromLink::Tariff(tariff)));
                self.tariff_done(turn);
            }
            (About::Tariff(turn), Reply::Tariff(None)) => self.tariff_done(turn),
            (About::TariffCheck(turn) | About::Tariff(turn), _) => self.tariff_later(now, turn),
            (About::Authorise(_) | About::OpenAlarms, _) => {}
        }
    }

    /// A question of the order stays unanswered: the order goes on without it.
    pub(super) fn step_silent(&mut self, now: Now, about: About) {
        match about {
            About::Pile(index) => self.pile_done(index),
            About::TariffCheck(turn) | About::Tariff(turn) => self.tariff_later(now, turn),
            About::Authorise(_) | About::OpenAlarms => {}
        }
    }

    fn tariff_later(&mut self, now: Now, turn: usize) {
        self.tariff_retry = Some(now.mono + TARIFF_RETRY);
        self.tariff_done(turn);
    }

    pub(super) fn tariff_done(&mut self, done: usize) {
        if let State::Settling { step: Step::Tariff { turn }, .. } = &mut self.state
            && *turn == done
        {
            *turn = done + 1;
        }
    }

    pub(super) fn pile_done(&mut self, index: usize) {
        if let State::Settling { step: Step::Piles { next }, .. } = &mut self.state
            && *next == index
        {
            *next = index + 1;
        }
    }
}
