//! The two steps before a start is legal (can.md 3.4): the version (07, 08) and the parameters (09, 0A).
//!
//! They are taken while the controller's heartbeat is there, and again when it was lost.

use super::frame::octets;
use super::{Config, Dialect};
use crate::model::time::Instant;
use crate::wire::can::Frame;
use crate::wire::tcu::layout::{parameters, parameters_ack, version};
use crate::wire::tcu::{Kind, Message};
use std::time::Duration;

/// Each is repeated after this until it is answered.
const REPEAT: Duration = Duration::from_millis(500);
/// Parameters that the controller refused are offered again after this.
const REFUSED: Duration = Duration::from_secs(5);

/// Raw words of 0A, reason.
const HEARTBEAT_LOST: u32 = 0x02;
const VERSION_NOT_CHECKED: u32 = 0x03;

/// Where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Version,
    Parameters,
    Done,
}

/// What the controller answered to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The step is taken.
    Taken,
    /// The step is taken; the controller speaks another version than we offered.
    OtherVersion,
    /// The controller does not take the parameters; its reason.
    Refused(u8),
    /// Nothing was asked.
    Unasked,
}

#[derive(Debug)]
pub(super) struct Steps {
    step: Step,
    due: Instant,
    /// The question of this step is out.
    asked: bool,
    dialect: Option<Dialect>,
}

impl Steps {
    pub(super) fn begin(now: Instant) -> Steps {
        Steps { step: Step::Version, due: now, asked: false, dialect: None }
    }

    pub(super) fn are_done(&self) -> bool {
        self.step == Step::Done
    }

    pub(super) fn is_version_checked(&self) -> bool {
        self.step != Step::Version
    }

    /// What the controller answered to the version step.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// The heartbeat was lost: both are taken again.
    pub(super) fn clear(&mut self) {
        (self.step, self.asked) = (Step::Version, false);
    }

    /// The question of the step, when it is due.
    pub(super) fn next(&mut self, now: Instant, config: &Config) -> Option<Frame> {
        if now < self.due || self.are_done() {
            return None;
        }
        (self.due, self.asked) = (now + REPEAT, true);
        Some(match self.step {
            Step::Version => octets(config, Kind::Version, version::VERSION, &offered(config.dialect)),
            Step::Parameters | Step::Done => {
                octets(config, Kind::Parameters, parameters::PILE_NUMBER, &config.pile.0)
            }
        })
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        (!self.are_done()).then_some(self.due)
    }

    /// 08. The answer chooses the dialect; a version that is not the offered one is noted, no more [2+].
    pub(super) fn hear_version(&mut self, now: Instant, config: &Config, message: &Message<'_>) -> Answer {
        if self.step != Step::Version || !self.asked {
            return Answer::Unasked;
        }
        let answered = version::VERSION.slice(message.payload()).unwrap_or_default();
        self.dialect = Some(spoken(answered).unwrap_or(config.dialect));
        (self.step, self.due, self.asked) = (Step::Parameters, now, false);
        let differs = answered != offered(config.dialect);
        if differs && config.dialect != Dialect::Auto { Answer::OtherVersion } else { Answer::Taken }
    }

    /// 0A. One firmware has its result in octet 3 [1]: octet 1 is then none of the two words.
    pub(super) fn hear_parameters(&mut self, now: Instant, message: &Message<'_>) -> Answer {
        if self.step != Step::Parameters || !self.asked {
            return Answer::Unasked;
        }
        let result = message.raw(&parameters_ack::RESULT);
        let elsewhere = result.is_some_and(|r| r > 1) && message.payload().get(3) == Some(&0);
        if result == Some(0) || elsewhere {
            self.step = Step::Done;
            return Answer::Taken;
        }
        let reason = message.raw(&parameters_ack::REASON).unwrap_or_default();
        if matches!(reason, HEARTBEAT_LOST | VERSION_NOT_CHECKED) {
            (self.step, self.due, self.asked) = (Step::Version, now + REPEAT, false);
        } else {
            self.due = now + REFUSED;
        }
        Answer::Refused(reason as u8)
    }
}

/// What we say we speak: packed BCD, major and minor.
fn offered(dialect: Dialect) -> [u8; 2] {
    match dialect {
        Dialect::Auto | Dialect::V1_21 => [0x01, 0x21],
        Dialect::V2_30 => [0x02, 0x30],
    }
}

/// The dialect of a version: V2 and later number the VIN step anew. `None` when it is no version.
fn spoken(version: &[u8]) -> Option<Dialect> {
    match version.first()? {
        0x01 => Some(Dialect::V1_21),
        0x02..=0x09 => Some(Dialect::V2_30),
        _ => None,
    }
}
