//! The port below the line: opened, lost, opened again (rs485.md 6.2, 6.5).
//!
//! A lost port is opened again after 1, 2, 4 and then each 8 s. While it is away every device is silent, and what
//! somebody waits for fails at once instead of waiting for the adapter. A port on which nobody was heard for 30 s is
//! reopened once, then each 5 min.

use super::verdict::report_all;
use super::{Action, Line, State};
use crate::model::report::Report;
use crate::model::time::{Instant, Now};
use std::time::Duration;

/// Waits before the port is opened again; the last one is repeated.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// Nobody was heard for so long: the port is reopened …
const UNHEARD: Duration = Duration::from_secs(30);
/// … and again after each of these.
const STILL_UNHEARD: Duration = Duration::from_secs(300);
/// A device whose port is away is asked no more often.
const AWAY: Duration = Duration::from_secs(1);

/// The port as the line knows it.
#[derive(Debug, Default)]
pub(super) struct Port {
    /// Since when it is there, or is not.
    pub(super) since: Instant,
    /// Openings.
    pub(super) opened: u64,
    /// Losses and failed openings.
    pub(super) lost: u64,
    /// Reopened because nobody was heard.
    pub(super) reopened_mute: u64,
    /// Losses in a row without anybody heard.
    tries: usize,
    /// It was reopened in vain.
    is_still_unheard: bool,
}

impl Line {
    /// Somebody was heard: the port works.
    pub(super) fn heard(&mut self) {
        self.unheard = None;
        self.port.tries = 0;
        self.port.is_still_unheard = false;
    }

    pub(super) fn opened(&mut self, now: Instant) {
        let State::Opening = self.state else { return };
        self.port.opened += 1;
        self.port.since = now;
        self.received.clear();
        self.last_activity = now;
        self.habits.pace = super::Pace::Unknown;
        self.habits.echo = super::Echo::default();
        self.state = State::Settling { until: now + self.config.settle };
    }

    /// The port is gone: the open question and all repeats end unanswered, every device is silent.
    pub(super) fn down(&mut self, now: Now, out: &mut Vec<Action>) {
        if let State::Closed { .. } = self.state {
            return;
        }
        let wait = WAITS[self.port.tries.min(WAITS.len() - 1)];
        let before = std::mem::replace(&mut self.state, State::Closed { open_at: now.mono + wait });
        if !matches!(before, State::Opening) {
            self.port.since = now.mono;
        }
        self.port.tries += 1;
        self.port.lost += 1;
        self.unheard = None;
        let open = if let State::Asking(exchange) = before { Some(exchange.device) } else { None };
        for (index, device) in self.devices.iter_mut().enumerate() {
            if device.retry.take().is_some() || open == Some(index) {
                device.counters.unanswered += 1;
                report_all(device.id, device.driver.unanswered(now), out);
                device.refresh();
            }
            if let Some(state) = device.health.cut_off(now.mono) {
                out.push(Action::Report(device.id, Report::Link(state)));
            }
        }
        self.dismiss();
    }

    /// Opens the port when its moment has come. Until then, what somebody waits for fails at once.
    pub(super) fn reopen(&mut self, now: Now, out: &mut Vec<Action>) {
        let State::Closed { open_at } = self.state else { return };
        if now.mono >= open_at {
            self.state = State::Opening;
            out.push(Action::Open);
            return;
        }
        for device in &mut self.devices {
            if device.pressing().is_some_and(|due| due <= now.mono) {
                device.rests_until = now.mono + AWAY;
                if device.driver.ask(now).is_some() {
                    device.counters.unanswered += 1;
                    report_all(device.id, device.driver.unanswered(now), out);
                }
                device.refresh();
            }
        }
    }

    /// Whether the port is to be reopened because nobody was heard; the state is `Opening` then.
    pub(super) fn reopen_mute(&mut self, now: Instant) -> bool {
        let patience = if self.port.is_still_unheard { STILL_UNHEARD } else { UNHEARD };
        if self.unheard.is_none_or(|since| now.since(since) < patience) {
            return false;
        }
        self.unheard = Some(now);
        self.port.since = now;
        self.port.is_still_unheard = true;
        self.port.reopened_mute += 1;
        self.state = State::Opening;
        true
    }
}
