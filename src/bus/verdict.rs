//! What octets, deadlines and silences do to the open question and to the line.

use super::device::{Device, Retry};
use super::exchange::{Exchange, Verdict};
use super::quarantine::{FRAME_LIKE, Lapse, Quarantine, owed_for};
use super::{Action, Line, State};
use crate::model::ident::DeviceId;
use crate::model::report::{OrderFault, Report};
use crate::model::time::{Instant, Now};
use std::time::Duration;

/// Hands the reports of a device on.
pub(super) fn report_all(device: DeviceId, reports: Vec<Report>, out: &mut Vec<Action>) {
    out.extend(reports.into_iter().map(|report| Action::Report(device, report)));
}

impl Line {
    pub(super) fn octets(&mut self, now: Now, octets: &[u8], out: &mut Vec<Action>) {
        self.usage.add(now.mono, self.habits.rate.wire(octets.len()), 0);
        match &mut self.state {
            State::Asking(_) => return self.octets_of_answer(now, octets, out),
            State::Closed { .. } | State::Opening => return,
            State::Quarantine(quarantine) => quarantine.heard(now.mono),
            State::Settling { .. } | State::Idle { .. } => {
                self.stray_run += octets.len();
                if let State::Idle { .. } = self.state
                    && self.stray_run >= FRAME_LIKE
                {
                    self.state = State::Quarantine(Quarantine::new(now.mono, Duration::ZERO));
                }
            }
        }
        self.heard();
        self.last_activity = self.last_activity.max(now.mono);
        self.count_unasked(now.mono, octets.len());
    }

    /// A deadline of the open question may have passed.
    pub(super) fn deadline(&mut self, now: Now, out: &mut Vec<Action>) {
        let State::Asking(exchange) = &mut self.state else { return };
        if now.mono < exchange.deadline(!self.received.is_empty()) {
            return;
        }
        let device = &mut self.devices[exchange.device];
        if let Some(verdict) = exchange.silence(now, &mut self.received, device, &mut self.habits) {
            self.ended(now, verdict, out);
        } else if exchange.is_over(now.mono) {
            self.lapsed(now, out);
        }
    }

    pub(super) fn leave_quarantine(&mut self, quarantine: Quarantine) {
        if let Some(lapse) = self.lapse
            && quarantine.was_silent()
        {
            let device = &mut self.devices[lapse.device];
            device.worst_late = device.worst_late * 7 / 8;
        }
        self.state = State::Idle { is_jammed: quarantine.is_jammed(), wake: None };
    }

    fn octets_of_answer(&mut self, now: Now, octets: &[u8], out: &mut Vec<Action>) {
        let State::Asking(exchange) = &mut self.state else { return };
        self.received.extend_from_slice(octets);
        self.last_activity = self.last_activity.max(now.mono);
        let device = &mut self.devices[exchange.device];
        let verdict = exchange.octets(now, &mut self.received, octets.len(), device, &mut self.habits);
        self.heard();
        if let Some(verdict) = verdict {
            self.ended(now, verdict, out);
        }
    }

    /// The device spoke: its turn is over. Octets behind the answer that may begin a frame are waited out.
    fn ended(&mut self, now: Now, verdict: Verdict, out: &mut Vec<Action>) {
        let idle = State::Idle { is_jammed: false, wake: None };
        let State::Asking(exchange) = std::mem::replace(&mut self.state, idle) else { return };
        self.stray_run = self.received.len();
        self.stray_octets += self.received.len() as u64;
        self.received.clear();
        if self.stray_run >= FRAME_LIKE {
            self.state = State::Quarantine(Quarantine::new(now.mono, Duration::ZERO));
        }
        self.mute = None;
        let device = &mut self.devices[exchange.device];
        device.served = now.mono;
        match verdict {
            Verdict::Answered(reports) => {
                self.usage.add(now.mono, Duration::ZERO, 1);
                device.answered(now.mono, &exchange, &reports);
                report_all(device.id, reports, out);
            }
            Verdict::Busy => device.is_busy(now.mono),
        }
        if device.confused_until(exchange.question.class) > exchange.sent {
            device.owe(&exchange);
            self.owed_until = self.owed_until.max(device.owes_until);
        }
        if let Some(state) = device.health.answered(now.mono) {
            out.push(Action::Report(device.id, Report::Link(state)));
        }
        device.refresh();
    }

    /// No answer in time: the line is in quarantine, the device owes an answer, the question is repeated or given up.
    fn lapsed(&mut self, now: Now, out: &mut Vec<Action>) {
        let closed = State::Closed { open_at: now.mono };
        let State::Asking(exchange) = std::mem::replace(&mut self.state, closed) else { return };
        if exchange.is_first && exchange.was_only_early() {
            self.habits.pace.only_early();
        }
        let device = &mut self.devices[exchange.device];
        device.counters.timeouts += 1;
        device.counters.noise_octets += self.received.len() as u64;
        self.received.clear();
        self.state = State::Quarantine(Quarantine::new(now.mono, device.worst_late));
        self.lapse = Some(device.lapse(now.mono, &exchange));
        self.owed_until = self.owed_until.max(device.owes_until);
        device.refresh();
        self.share_debt(exchange.device);
        let device = &mut self.devices[exchange.device];
        if exchange.tries_left > 0 && !device.gives_way(exchange.question.class, now.mono) {
            let Exchange { question, due, tries_left, .. } = exchange;
            device.retry = Some(Retry { question, due, tries_left });
        } else {
            self.unanswered(now, &exchange, out);
        }
    }

    fn unanswered(&mut self, now: Now, exchange: &Exchange, out: &mut Vec<Action>) {
        let device = &mut self.devices[exchange.device];
        device.counters.unanswered += 1;
        device.served = now.mono;
        report_all(device.id, device.driver.unanswered(now), out);
        device.refresh();
        if let Some(state) = device.health.failed(now.mono, exchange.sent, &device.timing, &mut self.random) {
            if device.health.is_silent() {
                device.reply_times.forget();
            }
            out.push(Action::Report(device.id, Report::Link(state)));
        }
        if self.mute.is_none() && self.is_mute() {
            self.mute = Some(now.mono);
            self.mutes += 1;
        }
    }

    /// Whether every device failed when it was last asked; a lone one must have failed for long.
    fn is_mute(&self) -> bool {
        let is_alone = self.residents().len() == 1;
        !self.residents().is_empty()
            && self
                .residents()
                .iter()
                .map(|device| &device.health)
                .all(|h| h.is_failing() && (!is_alone || h.is_silent()))
    }

    /// Octets outside of any question: a late answer, or nobody's.
    fn count_unasked(&mut self, now: Instant, octets: usize) {
        match &mut self.lapse {
            Some(lapse) if now < lapse.owed_until => {
                self.devices[lapse.device].late(now, lapse, octets);
            }
            Some(_) | None => self.stray_octets += octets as u64,
        }
    }
}

impl Device {
    fn answered(&mut self, now: Instant, exchange: &Exchange, reports: &[Report]) {
        let refused = |report: &&Report| matches!(report, Report::Done(_, Err(OrderFault::Refused(_))));
        self.counters.answered += 1;
        self.counters.refused += reports.iter().filter(refused).count() as u64;
        self.round_trip.add(now.since(exchange.sent));
        self.is_not_busy();
        if exchange.is_first {
            self.reply_times.answered(exchange.question.kind, exchange.delay());
        }
    }

    fn lapse(&mut self, now: Instant, exchange: &Exchange) -> Lapse {
        if !exchange.is_probe {
            self.reply_times.lapsed(exchange.question.kind);
        }
        if !exchange.was_damaged() {
            self.owe(exchange);
        }
        Lapse {
            device: exchange.device,
            kind: exchange.question.kind,
            tx_end: exchange.tx_end,
            at: now,
            owed_until: exchange.tx_end + owed_for(exchange.timeout, &self.timing),
            is_late: false,
        }
    }

    /// It may still answer this: because it did not, or because what it answered was an earlier sending.
    fn owe(&mut self, exchange: &Exchange) {
        let until = exchange.tx_end + owed_for(exchange.timeout, &self.timing);
        self.owe_until(exchange.question.class, until);
    }

    /// Its late answer comes. The first octet teaches how long it takes.
    fn late(&mut self, now: Instant, lapse: &mut Lapse, octets: usize) {
        self.counters.late_octets += octets as u64;
        if !lapse.is_late {
            lapse.is_late = true;
            self.worst_late = self.worst_late.max(now.since(lapse.at));
            self.reply_times.late(lapse.kind, now.since(lapse.tx_end));
        }
    }
}
