//! One question on the wire, from its first octet to its verdict (rs485.md 6.3).
//!
//! The first octet of the answer is due one time-out after the question's last octet has left, each further one within
//! the device's inter-octet gap. What looks like the begin of a frame and never becomes one loses an octet at a time,
//! because a good frame may begin inside it.

use super::device::Device;
use super::echo::Echo;
use super::quarantine::FRAME_LIKE;
use super::rate::{Pace, Rate};
use crate::driver::{Foreign, Heard, Question};
use crate::model::report::Report;
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use std::time::Duration;

/// Longest frame of any protocol on a line; the receive buffer holds no more.
pub(super) const LONGEST_FRAME: usize = 2_048;

/// How a question ended.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was answered.
    Answered(Vec<Report>),
    /// The device asks to be asked later.
    Busy,
}

/// What becomes of octets that may begin a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// More of them may come.
    Open,
    /// Nothing more comes: they begin none.
    Closed,
}

/// One question on the wire.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Whose turn it is.
    pub(super) device: usize,
    /// What was sent.
    pub(super) question: Question,
    /// When it was due.
    pub(super) due: Instant,
    /// Further sendings.
    pub(super) tries_left: u8,
    /// It was not sent before, so its answer teaches.
    pub(super) is_first: bool,
    /// Nobody owed an answer when it was sent: what is heard is its own answer, however damaged.
    pub(super) is_calm: bool,
    /// It only asks whether the device lives.
    pub(super) is_probe: bool,
    /// When the write was ordered.
    pub(super) sent: Instant,
    /// When the last octet has left.
    pub(super) tx_end: Instant,
    /// How long the first octet is waited for.
    pub(super) timeout: Duration,
    /// Slowness of the adapter.
    pub(super) adapter: Duration,
    /// Longest gap inside a frame.
    pub(super) inter_octet: Duration,
    /// Nothing is waited for after that, whatever still comes.
    pub(super) give_up: Instant,
    /// When octets came last, and when those that are not judged yet began to come.
    heard: Instant,
    begun: Instant,
    /// Octets that came late enough to answer this question.
    answered_octets: usize,
    /// Octets judged so far.
    judged: usize,
    /// So many octets came first that are our own; `None` when others did.
    led: Option<usize>,
    /// Our own octets came before the answer.
    echoed: bool,
    /// A frame was refused because it came too early.
    early: bool,
}

/// When a question leaves and how long it is waited for.
#[derive(Clone, Copy)]
pub(super) struct Sending {
    pub(super) now: Instant,
    pub(super) rate: Rate,
    pub(super) adapter: Duration,
    pub(super) timeout: Duration,
    pub(super) inter_octet: Duration,
}

impl Exchange {
    pub(super) fn new(device: usize, question: Question, sending: Sending) -> Exchange {
        let Sending { now, rate, adapter, timeout, inter_octet } = sending;
        let tx_end = now + rate.wire(question.octets.len());
        Exchange {
            device,
            question,
            due: now,
            tries_left: 0,
            is_first: true,
            is_calm: true,
            is_probe: false,
            sent: now,
            tx_end,
            timeout,
            adapter,
            inter_octet,
            give_up: tx_end + adapter + timeout + inter_octet + rate.wire(LONGEST_FRAME),
            heard: tx_end,
            begun: tx_end,
            answered_octets: 0,
            judged: 0,
            led: Some(0),
            echoed: false,
            early: false,
        }
    }

    /// When it must be looked at again; `is_partial`: octets are kept that may begin a frame.
    pub(super) fn deadline(&self, is_partial: bool) -> Instant {
        let next = if is_partial { self.heard + self.inter_octet } else { self.reply_by() };
        next.min(self.give_up)
    }

    /// Octets came and were put behind those kept.
    pub(super) fn octets(
        &mut self,
        now: Now,
        received: &mut Vec<u8>,
        came: usize,
        device: &mut Device,
        line: &mut Habits,
    ) -> Option<Verdict> {
        self.heard = now.mono;
        if now.mono >= self.tx_end + line.rate.wire(came) {
            self.answered_octets += came;
        }
        if received.len() == came {
            self.begun = now.mono;
        }
        self.compare(&received[received.len() - came..]);
        if self.judged == 0 && line.echo.is_expected() && self.lacks_echo(received, device) {
            return None;
        }
        let verdict = self.sift(now, received, Rest::Open, device, line);
        if verdict.is_none() && received.len() > LONGEST_FRAME {
            device.counters.noise_octets += received.len() as u64;
            received.clear();
        }
        verdict
    }

    /// The deadline passed. `None` and no octets left: nothing is to be expected any more, or not before the next
    /// deadline.
    pub(super) fn silence(
        &mut self,
        now: Now,
        received: &mut Vec<u8>,
        device: &mut Device,
        line: &mut Habits,
    ) -> Option<Verdict> {
        self.sift(now, received, Rest::Closed, device, line)
    }

    /// Whether the question is to be given up now.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.reply_by().min(self.give_up)
    }

    /// Delay of the device as the time-out sees it.
    pub(super) fn delay(&self) -> Duration {
        self.begun.since(self.tx_end)
    }

    /// Whether nothing but too early frames came.
    pub(super) fn was_only_early(&self) -> bool {
        self.early
    }

    /// Whether its answer came too damaged to be read, so that none is owed any more.
    pub(super) fn was_damaged(&self) -> bool {
        let echo = if self.echoed { self.question.octets.len() } else { 0 };
        self.is_calm && self.answered_octets >= echo + FRAME_LIKE
    }

    fn reply_by(&self) -> Instant {
        self.tx_end + self.adapter + self.timeout
    }

    /// Notes how far the first octets are our own.
    fn compare(&mut self, came: &[u8]) {
        for octet in came {
            let Some(led) = self.led else { return };
            match self.question.octets.get(led) {
                Some(own) if own == octet => self.led = Some(led + 1),
                Some(_) => self.led = None,
                None => return,
            }
        }
    }

    /// Whether all of our own octets came first.
    fn is_led(&self) -> bool {
        self.led == Some(self.question.octets.len())
    }

    /// Strips an expected echo; true while only a part of it has come.
    fn lacks_echo(&mut self, received: &mut Vec<u8>, device: &mut Device) -> bool {
        if self.is_led() {
            self.judged = self.question.octets.len();
            received.drain(..self.judged);
            device.counters.foreign_echo += 1;
            self.echoed = true;
        }
        self.judged == 0 && self.led.is_some()
    }

    /// Cuts what was received into frames and lets the driver judge them, until one ends the question.
    fn sift(
        &mut self,
        now: Now,
        received: &mut Vec<u8>,
        rest: Rest,
        device: &mut Device,
        line: &mut Habits,
    ) -> Option<Verdict> {
        let mut at = 0;
        let mut verdict = None;
        while at < received.len() && verdict.is_none() {
            let left = received.len() - at;
            let cut = match rest {
                Rest::Open => device.driver.cut(&received[at..]),
                Rest::Closed => device.driver.cut_at_rest(&received[at..]),
            };
            match cut {
                Cut::More if rest == Rest::Open => break,
                Cut::More => {
                    device.counters.noise_octets += 1;
                    at += 1;
                }
                Cut::Noise(octets) => {
                    let octets = octets.clamp(1, left);
                    device.counters.noise_octets += octets as u64;
                    at += octets;
                }
                Cut::Frame(octets) => {
                    let end = at + octets.clamp(1, left);
                    self.echoed |= self.is_led() && self.judged + at >= self.question.octets.len();
                    verdict = self.judge(now, &received[at..end], device, line);
                    at = end;
                }
            }
        }
        self.judged += at;
        received.drain(..at);
        verdict
    }

    /// What one whole frame means.
    fn judge(&mut self, now: Now, frame: &[u8], device: &mut Device, line: &mut Habits) -> Option<Verdict> {
        let wire = line.rate.wire(frame.len());
        if line.pace.refuses(now.mono, wire, self.tx_end) {
            device.counters.early_frames += 1;
            self.early = true;
            return None;
        }
        self.early = false;
        match device.driver.hear(now, frame) {
            Heard::Answer(reports) => {
                line.pace.answered(now.mono, wire, self.tx_end, self.is_first && self.is_calm);
                line.echo.answered(self.echoed);
                Some(Verdict::Answered(reports))
            }
            Heard::Busy => Some(Verdict::Busy),
            Heard::Foreign(foreign) => {
                device.counters.foreign(foreign);
                self.echoed |= foreign == Foreign::Echo;
                None
            }
        }
    }
}

/// What was learned of the line itself.
#[derive(Debug)]
pub(super) struct Habits {
    pub(super) rate: Rate,
    pub(super) pace: Pace,
    pub(super) echo: Echo,
}
