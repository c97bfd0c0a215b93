//! The order after login (platform-222.md 5.5). Replies and heartbeats never wait for it.
//!
//! Steps 7 and 8 of the profile also name inventory, gates and cameras; this version has none of them to send and goes
//! on at once.

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
    Tariff,
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
}

impl Step {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Step::StartResults { until } | Step::Records { until } | Step::Alarms { until } => Some(*until),
            Step::Piles { .. } | Step::Tariff => None,
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
            self.check_tariff(now, out);
        }
    }

    /// `None` = wait; `Some(None)` = the order is done.
    fn step(&mut self, now: Now, step: Step, out: &mut Vec<Action>) -> Option<Option<Step>> {
        match step {
            Step::Piles { next } if next >= self.config.piles.len() => {
                self.check_tariff(now, out);
                Some(Some(Step::Tariff))
            }
            Step::Piles { next } => {
                if !self.asks.is_open(About::Pile(next)) {
                    let pile = self.config.piles[next].clone();
                    self.ask(now, About::Pile(next), &Outgoing::PileRegister(&pile), self.patience(), out);
                }
                None
            }
            Step::Tariff if self.asks.is_open(About::TariffCheck) || self.asks.is_open(About::Tariff) => None,
            Step::Tariff => Some(Some(Step::StartResults { until: now.mono + STEP })),
            Step::StartResults { until } if self.start_results.is_empty() || until <= now.mono => {
                Some(Some(Step::Records { until: now.mono + STEP }))
            }
            Step::Records { until } if self.records.is_empty() || until <= now.mono => {
                self.alarms.wanted = true;
                Some(Some(Step::Alarms { until: now.mono + STEP }))
            }
            Step::Alarms { until } if until <= now.mono => Some(None),
            Step::Alarms { .. } if !self.alarms.is_telling() && self.alarm_events.is_empty() => Some(None),
            Step::StartResults { .. } | Step::Records { .. } | Step::Alarms { .. } => None,
        }
    }

    fn check_tariff(&mut self, now: Now, out: &mut Vec<Action>) {
        let number = self.facts.tariff_number;
        self.ask(now, About::TariffCheck, &Outgoing::TariffCheck(number), self.patience(), out);
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
            (About::TariffCheck, Reply::TariffCheck { same: true, .. }) => {
                out.push(Action::Tell(FromLink::TariffConfirmed));
            }
            (About::TariffCheck, Reply::TariffCheck { same: false, .. }) => {
                self.ask(now, About::Tariff, &Outgoing::TariffRequest, self.patience(), out);
            }
            (About::Tariff, Reply::Tariff(Some(tariff))) => out.push(Action::Tell(FromLink::Tariff(tariff))),
            (About::Tariff, Reply::Tariff(None)) => {}
            (About::TariffCheck | About::Tariff, _) => self.tariff_retry = Some(now.mono + TARIFF_RETRY),
            (About::Authorise(_) | About::OpenAlarms, _) => {}
        }
    }

    /// A question of the order stays unanswered: the order goes on without it.
    pub(super) fn step_silent(&mut self, now: Now, about: About) {
        match about {
            About::Pile(index) => self.pile_done(index),
            About::TariffCheck | About::Tariff => self.tariff_retry = Some(now.mono + TARIFF_RETRY),
            About::Authorise(_) | About::OpenAlarms => {}
        }
    }

    fn pile_done(&mut self, index: usize) {
        if let State::Settling { step: Step::Piles { next }, .. } = &mut self.state
            && *next == index
        {
            *next = index + 1;
        }
    }
}
