//! One device on a shared line: what to ask, and what the answer means.
//!
//! A driver is pure. It never waits: [`crate::bus`] owns the line, its gaps, time-outs, retries, turns, quarantine and
//! the health of every device. A driver is asked what it wants, gives one question, cuts and judges what comes back.

pub mod card;
pub mod dlt645;
pub mod modbus;
pub mod mt62x;
pub mod osdp;
pub mod survey;
pub mod tcu;
pub mod uid_frame;
pub mod uid_modbus;

use crate::model::report::Report;
use crate::model::request::Request;
use crate::model::time::{Instant, Now};
use crate::wire::Cut;
use std::time::Duration;

/// Order in which a line serves: strict, but one `Slow` question at least every 32 turns (rs485.md 6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Somebody waits for the effect: start, stop, limit, lamp.
    Command,
    /// A register that will be billed.
    Billing,
    /// Values polled by a short period.
    Live,
    /// Numbers, clocks, status words, tariff registers.
    Slow,
}

/// What a device wants next, and when at the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Its class.
    pub class: Class,
    /// Not before this moment; at or before now means due. Among equals the earliest goes first.
    pub due: Instant,
}

/// One question to one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// As written to the line.
    pub octets: Vec<u8>,
    /// Its class.
    pub class: Class,
    /// Questions of one kind have like reply delays: the time-out adapts per device and kind.
    pub kind: u16,
    /// Broadcasts and the like are not answered.
    pub expects_reply: bool,
    /// How often it is sent in all, at least 1 (rs485.md 6.5: 3 billing, 2 live, 1 slow). The octets are repeated as
    /// they are.
    pub tries: u8,
}

/// What the line must know of a device's habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// First-octet time-out before anything was learned, counted from the end of the question.
    pub reply: Duration,
    /// The learned time-out never goes below this.
    pub floor: Duration,
    /// The learned time-out never goes above this.
    pub ceiling: Duration,
    /// Longest gap between octets of one frame.
    pub inter_octet: Duration,
    /// Silence after a frame before the next question, beside the silent gap of the wire.
    pub turnaround: Duration,
    /// Further silence when the master moves to this device from another one.
    pub after_switch: Duration,
    /// Longest wait between probes while the device is silent.
    pub probe_max: Duration,
    /// Failed questions in a row after which the device counts as silent.
    pub silent_after: u8,
}

/// What a frame meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The answer to the outstanding question (a refusal by the device is an answer too).
    Answer(Vec<Report>),
    /// Not the answer: another device's, a late one, an echo. Counted; the question stays open.
    Foreign(Foreign),
    /// The device is alive and asks to be asked again later (OSDP BUSY, Modbus 05 and 06).
    Busy,
}

/// Why a well-formed frame was not the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Foreign {
    /// Another address.
    Address,
    /// Another function, data identifier, length or sequence: most likely a late reply.
    Question,
    /// Our own octets came back.
    Echo,
}

/// One device on a shared line.
///
/// Order of calls: `wants` as often as liked; `ask` when its turn has come; then any number of `cut` and `hear`, ended
/// by an `Answer`, by `Busy`, or by `unanswered`. There is never a second `ask` before one of these.
pub trait Driver: Send {
    /// What it wants next; `None` = nothing until told.
    fn wants(&self) -> Option<Want>;

    /// The question to send now, of the class that `wants` named.
    fn ask(&mut self, now: Now) -> Option<Question>;

    /// The shortest question that shows whether the device lives; asked instead of `ask` while it is silent.
    fn probe(&mut self, now: Now) -> Question;

    /// How the octets received since the question begin.
    fn cut(&self, received: &[u8]) -> Cut;

    /// How octets begin after which nothing more comes: only for frames that silence ends does this say more than `cut`.
    fn cut_at_rest(&self, received: &[u8]) -> Cut {
        match self.cut(received) {
            Cut::More => Cut::Noise(1),
            known @ (Cut::Noise(_) | Cut::Frame(_)) => known,
        }
    }

    /// What a whole frame means.
    fn hear(&mut self, now: Now, frame: &[u8]) -> Heard;

    /// The question stays unanswered, tries included. An order behind it is reported as failed or kept, as the driver
    /// knows best.
    fn unanswered(&mut self, now: Now) -> Vec<Report>;

    /// An order of the station. May report at once (unsupported).
    fn tell(&mut self, now: Now, request: Request) -> Vec<Report>;

    /// Its habits.
    fn timing(&self) -> Timing;

    /// Whether the answer to a question of [`Class::Command`] names that question, as a Modbus write does that comes back
    /// with its function, address and value. No late answer to a read can then be taken for it, so it need not wait for
    /// one that the device still owes: a stop goes out at once.
    fn answers_name_commands(&self) -> bool {
        false
    }

    /// Whether every answer names its question, so that no late one can be taken for the answer to another. Then the next
    /// question need not wait for an answer that is still owed.
    fn answers_name_questions(&self) -> bool {
        false
    }

    /// For the plan check: questions per second it will ask and octets of question and answer of each.
    fn load(&self) -> Vec<PlannedQuestion>;
}

/// One periodic question, for the plan check of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedQuestion {
    /// How often.
    pub period: Duration,
    /// Octets of the question.
    pub asked: usize,
    /// Octets of the answer.
    pub answered: usize,
    /// The device's own delay, typical.
    pub delay: Duration,
}
