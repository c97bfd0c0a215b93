//! Coming online, being lost, and what is shown meanwhile.

use super::feedback::steps;
use super::install::Install;
use super::{LONGEST_WAIT_S, RESTARTS, Reader, Show, Stage};
use crate::model::report::{OrderFault, OrderId, ReaderStatus, Report};
use crate::model::request::Feedback;
use crate::model::time::Instant;
use std::time::Duration;

impl Reader {
    pub(super) fn advance(&mut self, now: Instant, stage: Stage) {
        self.stage = stage;
        self.due = now;
    }

    /// The reader's capabilities are known.
    pub(super) fn known(&mut self, now: Instant) -> Vec<Report> {
        match self.config.key {
            Some(_) => {
                self.advance(now, Stage::Challenge);
                Vec::new()
            }
            None => self.come_online(now),
        }
    }

    pub(super) fn come_online(&mut self, now: Instant) -> Vec<Report> {
        self.counters.online += 1;
        self.advance(now, Stage::Online);
        self.status_due = Some(now);
        let mut reports: Vec<Report> = self.condition(true).into_iter().collect();
        let order = self.show.as_ref().and_then(|show| show.order);
        let restarts = self.show.as_ref().map_or(0, |show| show.restarts);
        if let Some(feedback) = self.wanted.clone() {
            reports.extend(self.begin(now, &feedback, order, restarts));
        }
        reports
    }

    /// Begins a feedback; says at once when the reader has nothing to show it with.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        feedback: &Feedback,
        order: Option<OrderId>,
        restarts: u8,
    ) -> Option<Report> {
        let steps = steps(feedback, self.abilities, self.config.language, order.is_some());
        if steps.is_empty() {
            self.show = None;
            return order.map(|order| Report::Done(order, Err(OrderFault::Unsupported)));
        }
        self.show = Some(Show { order, steps, due: now, shown: false, fault: None, restarts });
        None
    }

    /// A step was answered. What belongs to a feedback that was overtaken counts for nothing.
    pub(super) fn step_done(
        &mut self,
        order: Option<OrderId>,
        outcome: Result<(), OrderFault>,
    ) -> Option<Report> {
        let show = self.show.as_mut().filter(|show| show.order == order)?;
        match outcome {
            Ok(()) => show.shown = true,
            Err(fault) => show.fault = Some(fault),
        }
        if !show.steps.is_empty() {
            return None;
        }
        let outcome = match show.fault {
            Some(fault) if !show.shown => Err(fault),
            Some(_) | None => Ok(()),
        };
        self.show = None;
        order.map(|order| Report::Done(order, outcome))
    }

    /// Begins anew with sequence number 0, after `wait`.
    pub(super) fn restart(&mut self, now: Instant, wait: Duration) {
        self.counters.lost += u64::from(self.is_online());
        self.advance(now + wait, Stage::Identify);
        self.channel = None;
        self.sequence = 0;
        self.pending = None;
        self.again = None;
    }

    /// The two ends no longer agree: at once the first time, then with growing waits.
    pub(super) fn lose(&mut self, now: Instant) -> Vec<Report> {
        self.restart(now, wait(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.interrupted().into_iter().collect()
    }

    /// The reader has not shown that it has our key.
    pub(super) fn wrong_key(&mut self, now: Instant) -> Vec<Report> {
        self.counters.key_refused += 1;
        self.failures = self.failures.saturating_add(1);
        self.install.failed();
        self.restart(now, wait(self.failures));
        self.interrupted().into_iter().chain(self.condition(true)).collect()
    }

    /// A feedback that waits is kept over one restart and then reported as failed.
    pub(super) fn interrupted(&mut self) -> Option<Report> {
        let show = self.show.as_mut()?;
        if show.restarts < RESTARTS {
            show.restarts += 1;
            show.steps.clear(); // made anew from the reader's abilities when it is online again
            return None;
        }
        self.end_show(OrderFault::Silent)
    }

    pub(super) fn end_show(&mut self, fault: OrderFault) -> Option<Report> {
        let order = self.show.take()?.order?;
        Some(Report::Done(order, Err(fault)))
    }

    /// The reader's condition when it has changed since it was told, or has to be told for the first time.
    pub(super) fn condition(&mut self, first: bool) -> Option<Report> {
        let condition = ReaderStatus {
            tamper: self.status.tamper || self.head_tamper,
            power_failing: self.status.power_failing,
            secure: self.channel.is_some() && self.install != Install::Begun,
        };
        let news = self.told != Some(condition) && (first || self.told.is_some());
        news.then(|| {
            self.told = Some(condition);
            Report::Reader(condition)
        })
    }
}

/// 0, 1, 2, 4, 8, 10, 10 … s.
fn wait(failures: u32) -> Duration {
    let seconds = match failures {
        0 => 0,
        some => 1_u64.checked_shl(some - 1).unwrap_or(LONGEST_WAIT_S).clamp(1, LONGEST_WAIT_S),
    };
    Duration::from_secs(seconds)
}
