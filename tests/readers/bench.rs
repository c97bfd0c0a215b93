//! A driver and a simulated reader on one table, with the clock in hand.

use depotd::driver::{Driver, Heard, Question};
use depotd::model::ident::CardUid;
use depotd::model::quantity::Energy;
use depotd::model::report::{OrderFault, OrderId, Report};
use depotd::model::request::{Feedback, Order, Request};
use depotd::model::time::{Instant, Now};
use depotd::sim::bay::{Bay, Electronics};
use depotd::sim::slave::Slave;
use depotd::wire::Cut;
use std::time::Duration;

pub(crate) fn now(ms: u64) -> Now {
    Now { mono: Instant(ms * 1000), ..Now::default() }
}

pub(crate) fn card(uid: &str) -> CardUid {
    uid.parse().expect("a card")
}

pub(crate) fn feedback(order: u64, what: Feedback) -> Request {
    Request { order: OrderId(order), what: Order::Feedback(what) }
}

pub(crate) fn done(order: u64, outcome: Result<(), OrderFault>) -> Report {
    Report::Done(OrderId(order), outcome)
}

/// Changes an answer on its way.
pub(crate) type Mangle = Box<dyn FnMut(Vec<u8>) -> Vec<u8>>;

pub(crate) struct Bench<D, S> {
    pub(crate) driver: D,
    pub(crate) device: S,
    pub(crate) now: Now,
    /// Nothing reaches the device.
    pub(crate) deaf: bool,
    pub(crate) mangle: Option<Mangle>,
    bay: Bay,
    reports: Vec<Report>,
}

impl<D: Driver, S: Slave> Bench<D, S> {
    pub(crate) fn new(driver: D, device: S) -> Self {
        let bay = Bay::new(Electronics::default(), Energy(0));
        Bench { driver, device, now: now(1_000), deaf: false, mangle: None, bay, reports: Vec::new() }
    }

    /// One turn, when the driver wants it.
    pub(crate) fn exchange(&mut self) {
        let due = self.driver.wants().expect("a reader always wants something").due;
        self.now.mono = self.now.mono.max(due);
        let question = self.driver.ask(self.now).expect("a question");
        self.run(&question);
    }

    pub(crate) fn exchanges(&mut self, count: usize) {
        (0..count).for_each(|_| self.exchange());
    }

    /// Turns until so much time is over.
    pub(crate) fn pass(&mut self, ms: u64) {
        let until = self.now.mono + Duration::from_millis(ms);
        while self.driver.wants().is_some_and(|want| want.due < until) {
            self.exchange();
        }
        self.now.mono = self.now.mono.max(until);
    }

    /// What a line asks a silent device.
    pub(crate) fn probe(&mut self) {
        let question = self.driver.probe(self.now);
        self.run(&question);
    }

    /// All tries of a question, cut and judged as a line does it.
    fn run(&mut self, question: &Question) {
        for _ in 0..question.tries {
            self.now.mono = self.now.mono + Duration::from_millis(20);
            let heard = if self.deaf {
                None
            } else {
                self.device.hear(self.now.mono, &question.octets, &mut self.bay)
            };
            let answer = heard.and_then(|reaction| reaction.answer).map(|answer| answer.octets);
            let answer = match (&mut self.mangle, answer) {
                (Some(mangle), Some(answer)) => Some(mangle(answer)),
                (_, answer) => answer,
            };
            if self.judge(answer.unwrap_or_default()) {
                return;
            }
            self.now.mono = self.now.mono + Duration::from_millis(300);
        }
        let reports = self.driver.unanswered(self.now);
        self.reports.extend(reports);
    }

    /// Whether these octets ended the question.
    fn judge(&mut self, mut octets: Vec<u8>) -> bool {
        while !octets.is_empty() {
            let size = match self.driver.cut(&octets) {
                Cut::More => match self.driver.cut_at_rest(&octets) {
                    Cut::Frame(size) => size,
                    Cut::More | Cut::Noise(_) => {
                        octets.remove(0);
                        continue;
                    }
                },
                Cut::Noise(count) => {
                    octets.drain(..count);
                    continue;
                }
                Cut::Frame(size) => size,
            };
            let frame: Vec<u8> = octets.drain(..size).collect();
            match self.driver.hear(self.now, &frame) {
                Heard::Answer(reports) => {
                    self.reports.extend(reports);
                    return true;
                }
                Heard::Busy => return true,
                Heard::Foreign(_) => {}
            }
        }
        false
    }

    pub(crate) fn tell(&mut self, request: Request) {
        let reports = self.driver.tell(self.now, request);
        self.reports.extend(reports);
    }

    /// Reports since the last call.
    pub(crate) fn take(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// The device has nothing to complain of.
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.device.complaints(), [] as [String; 0]);
    }
}
