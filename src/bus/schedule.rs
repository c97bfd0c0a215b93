//! Whose turn it is (rs485.md 6.5), and how a turn begins.
//!
//! Classes are strict, but one question at least in [`SLOW_EVERY`] turns is a slow one. Inside a class the longest due
//! goes first; a device is due at the earliest when its last turn ended, so one that always wants something goes round
//! with the others. Ties go round the devices. A turn begins when the line has been silent for its gap.

use super::device::{Purpose, Retry, Turn};
use super::exchange::{Exchange, Sending};
use super::{Action, Line, State};
use crate::driver::{Class, Question};
use crate::model::time::{Instant, Now};
use std::time::Duration;

/// At least one turn in so many is a slow one, if one is due.
const SLOW_EVERY: u32 = 32;
/// A device that wanted its turn and had no question rests for so long.
const NOTHING_TO_ASK: Duration = Duration::from_millis(100);

/// What the schedule says.
enum Next {
    /// The turn of this device.
    Now(usize, Turn),
    /// Nobody's, not before then.
    Later(Option<Instant>),
}

impl Line {
    /// Begins the next turn if its moment has come; otherwise says when to look again.
    pub(super) fn take_turn(
        &mut self,
        now: Now,
        mut is_jammed: bool,
        out: &mut Vec<Action>,
    ) -> Option<Instant> {
        for _ in 0..=self.devices.len() {
            let (index, turn) = match self.next(now.mono) {
                Next::Now(index, turn) => (index, turn),
                Next::Later(at) => return at,
            };
            let from = self.last_activity + self.gap(index);
            if now.mono < from && !is_jammed {
                return Some(from);
            }
            if !self.begin(now, index, turn, out) {
                self.devices[index].rests_until = now.mono + NOTHING_TO_ASK;
            }
            if let State::Asking(_) = self.state {
                return None;
            }
            is_jammed = false;
        }
        Some(now.mono + NOTHING_TO_ASK)
    }

    fn next(&self, now: Instant) -> Next {
        let slow_first = self.turns_since_slow >= SLOW_EVERY - 1;
        let mut later: Option<Instant> = None;
        let mut best = None;
        for (index, device) in self.devices.iter().enumerate() {
            let Some(mut turn) = device.turn(now) else { continue };
            turn.ready = turn.ready.max(self.host_owes_until(device));
            if turn.ready > now {
                later = Some(later.map_or(turn.ready, |at| at.min(turn.ready)));
                continue;
            }
            let class = if slow_first && turn.class == Class::Slow { None } else { Some(turn.class) };
            let round = (index + self.devices.len() - self.last_asked.map_or(0, |last| last + 1))
                .checked_rem(self.devices.len());
            let key = (class, turn.due, round);
            if best.as_ref().is_none_or(|(least, _, _)| key < *least) {
                best = Some((key, index, turn));
            }
        }
        best.map_or(Next::Later(later), |(_, index, turn)| Next::Now(index, turn))
    }

    /// Silence before a question to this device.
    fn gap(&self, index: usize) -> Duration {
        let next = &self.devices[index].timing;
        let gap = self.habits.rate.silent_gap().max(next.turnaround);
        match self.last_asked {
            Some(last) if last != index => {
                gap.max(self.devices[last].timing.turnaround).max(next.after_switch)
            }
            Some(_) | None => gap,
        }
    }

    /// Puts the question of a turn on the wire; false when the device has none after all.
    fn begin(&mut self, now: Now, index: usize, turn: Turn, out: &mut Vec<Action>) -> bool {
        let Some((question, tries, is_first)) = self.question(now, index, turn) else {
            self.devices[index].refresh();
            return false;
        };
        self.turns_since_slow =
            if question.class == Class::Slow { 0 } else { self.turns_since_slow.saturating_add(1) };
        self.last_asked = Some(index);
        self.stray_run = 0;
        self.received.clear();
        let device = &mut self.devices[index];
        device.counters.sent += 1;
        out.extend([Action::DiscardInput, Action::Write(question.octets.clone())]);
        let rate = self.habits.rate;
        self.usage.add(now.mono, rate.wire(question.octets.len()), 0);
        if !question.expects_reply {
            self.last_activity = now.mono + rate.wire(question.octets.len());
            device.served = self.last_activity;
            device.refresh();
            self.state = State::Idle { is_jammed: false, wake: None };
            return true;
        }
        let is_probe = device.health.is_silent() && question.class != Class::Command;
        let timeout = match is_probe {
            true => device.reply_times.probe_timeout(question.kind, &device.timing),
            false => device.reply_times.timeout(question.kind, &device.timing),
        };
        let inter_octet = device.timing.inter_octet;
        let sending = Sending { now: now.mono, rate, adapter: self.config.adapter, timeout, inter_octet };
        let mut exchange = Exchange::new(index, question, sending);
        (exchange.due, exchange.tries_left) = (turn.due, tries - 1);
        (exchange.is_first, exchange.is_probe) = (is_first, is_probe);
        exchange.is_calm = now.mono >= self.owed_until;
        self.last_activity = exchange.tx_end;
        self.unheard.get_or_insert(now.mono);
        self.state = State::Asking(exchange);
        true
    }

    /// The question, how often it may be sent from now on, and whether it was not sent before.
    fn question(&mut self, now: Now, index: usize, turn: Turn) -> Option<(Question, u8, bool)> {
        let device = &mut self.devices[index];
        match turn.purpose {
            Purpose::Retry => {
                let Retry { question, tries_left, .. } = device.retry.take()?;
                device.counters.retries += 1;
                Some((question, tries_left, false))
            }
            Purpose::Ask => {
                let question = device.driver.ask(now)?;
                device.asked_late(question.class, now.mono.since(turn.due));
                let tries = device.tries(&question);
                Some((question, tries, true))
            }
            Purpose::Probe => {
                device.counters.probes += 1;
                let billed = if device.wants_billing(now.mono) { device.driver.ask(now) } else { None };
                let question = billed.unwrap_or_else(|| device.driver.probe(now));
                Some((question, 1, true))
            }
        }
    }
}
