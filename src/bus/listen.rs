//! A line whose device speaks when it likes: a reader that pushes its cards.
//!
//! Nothing is asked, so there is no answer to wait for and no silence that means anything: the device is good while its
//! port is open. What comes is cut as an answer would be; what begins a frame and stays incomplete for the device's
//! inter-octet gap loses an octet at a time, because a good frame may begin inside it.

use super::exchange::LONGEST_FRAME;
use super::verdict::report_all;
use super::{Action, Line, State};
use crate::model::report::Report;
use crate::model::time::{Instant, Now};
use crate::wire::Cut;

impl Line {
    /// The one that speaks unasked; nobody else is on its line.
    pub(super) fn speaker(&self) -> Option<usize> {
        self.residents().iter().position(|device| device.driver.speaks_unasked())
    }

    /// The port is open: as far as anybody can tell the speaker is there.
    pub(super) fn greet(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(device) = self.speaker().map(|speaker| &mut self.devices[speaker]) else { return };
        if let Some(state) = device.health.answered(now.mono) {
            out.push(Action::Report(device.id, Report::Link(state)));
        }
    }

    /// Octets came while nothing was asked; false when nobody of this line speaks unasked.
    pub(super) fn overhear(&mut self, now: Now, octets: &[u8], out: &mut Vec<Action>) -> bool {
        let Some(speaker) = self.speaker() else { return false };
        if !matches!(self.state, State::Idle { .. }) {
            return false; // just opened: what the adapter had kept is thrown away
        }
        self.received.extend_from_slice(octets);
        self.last_activity = self.last_activity.max(now.mono);
        self.sift_overheard(now, speaker, false, out);
        if self.received.len() > LONGEST_FRAME {
            self.devices[speaker].counters.noise_octets += self.received.len() as u64;
            self.received.clear();
        }
        true
    }

    /// What was begun and did not go on.
    pub(super) fn overhear_rest(&mut self, now: Now, out: &mut Vec<Action>) {
        if let Some(speaker) = self.speaker()
            && self.rest_at().is_some_and(|at| at <= now.mono)
        {
            self.sift_overheard(now, speaker, true, out);
        }
    }

    /// When what is kept of a speaker is looked at again.
    pub(super) fn rest_at(&self) -> Option<Instant> {
        let device = &self.devices[self.speaker()?];
        let is_kept = matches!(self.state, State::Idle { .. }) && !self.received.is_empty();
        is_kept.then(|| self.last_activity + device.timing.inter_octet)
    }

    fn sift_overheard(&mut self, now: Now, speaker: usize, at_rest: bool, out: &mut Vec<Action>) {
        let device = &mut self.devices[speaker];
        let mut at = 0;
        while at < self.received.len() {
            let rest = &self.received[at..];
            let cut = if at_rest { device.driver.cut_at_rest(rest) } else { device.driver.cut(rest) };
            let octets = match cut {
                Cut::More if !at_rest => break,
                Cut::More => 1,
                Cut::Noise(octets) | Cut::Frame(octets) => octets.clamp(1, rest.len()),
            };
            let told = match cut {
                Cut::Frame(_) => device.driver.overhear(now, &self.received[at..at + octets]),
                Cut::Noise(_) | Cut::More => None,
            };
            match told {
                Some(reports) => {
                    device.counters.answered += 1;
                    self.usage.add(now.mono, std::time::Duration::ZERO, 1);
                    report_all(device.id, reports, out);
                }
                None => device.counters.noise_octets += octets as u64,
            }
            at += octets;
        }
        self.received.drain(..at);
    }
}
