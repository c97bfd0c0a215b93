//! What people see of a controller.

use super::attempt::{Attempt, Wish};
use super::{Controller, Dialect};
use crate::model::report::LinkState;
use crate::model::time::Now;
use crate::wire::tcu::reason::{self, Text, Version};
use crate::wire::tcu::receiver;
use serde::Serialize;

/// What people see of a controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Of the connector's charger.
    pub link: LinkState,
    /// Since the controller's heartbeat was heard, milliseconds.
    pub heartbeat_age_ms: Option<u64>,
    /// The version step is done.
    pub version_checked: bool,
    /// The parameter step is done too: starts are legal.
    pub parameters_set: bool,
    /// What the controller speaks.
    pub dialect: Option<Dialect>,
    /// What runs: `none`, `identifying`, `verifying`, `starting`, `charging`, `adopted` or `leaving`.
    pub attempt: &'static str,
    /// Names of the bits that are set in the two status words.
    pub bits: Vec<&'static str>,
    /// Why the controller refused the parameters, its raw code.
    pub parameters_refused: Option<u8>,
    /// Why it last refused a start.
    pub start_refused: Option<Reason>,
    /// Why a start last gave no output.
    pub start_complete: Option<Reason>,
    /// Why a charge last stopped.
    pub stopped: Option<Reason>,
    /// What was odd about frames since the start of the program.
    pub frames: receiver::Counters,
    /// What was odd about the dialogue.
    pub counters: Counters,
}

/// A reason code of the controller and its text, where the version explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// As sent.
    pub code: u8,
    /// English.
    pub en: Option<&'static str>,
    /// Chinese.
    pub zh: Option<&'static str>,
}

/// How often something was odd about the dialogue since the start of the program. All saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Messages of another charge interface.
    pub interface: u64,
    /// Version steps that were answered with another version than the configured one.
    pub version: u64,
    /// Heartbeats lost.
    pub heartbeat: u64,
    /// Output given where only a name was asked for; stopped at once.
    pub unbidden: u64,
    /// Starts taken and then neither finished nor failed; stopped.
    pub no_output: u64,
}

/// The newest raw codes.
#[derive(Debug, Default)]
pub(super) struct Last {
    pub(super) parameters_refused: Option<u8>,
    pub(super) start_refused: Option<u8>,
    pub(super) start_complete: Option<u8>,
    pub(super) stopped: Option<u8>,
}

impl Controller {
    /// For people.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let bus = self.bus.as_ref();
        let version = self.version();
        Status {
            link: self.told.link,
            heartbeat_age_ms: bus.and_then(|b| b.beat.age(now.mono)).map(|age| age.as_millis() as u64),
            version_checked: bus.is_some_and(|b| b.steps.is_version_checked()),
            parameters_set: bus.is_some_and(|b| b.steps.are_done()),
            dialect: self.dialect(),
            attempt: self.attempt_name(),
            bits: self.seen.names(now.mono),
            parameters_refused: self.last.parameters_refused,
            start_refused: self
                .last
                .start_refused
                .map(|code| explained(code, version, reason::start_refused)),
            start_complete: self
                .last
                .start_complete
                .map(|code| explained(code, version, reason::start_complete)),
            stopped: self.last.stopped.map(|code| explained(code, version, reason::stopped)),
            frames: *self.receiver.counters(),
            counters: self.counters,
        }
    }

    /// What the controller answered to the version step, the last time it did.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        self.bus.as_ref().and_then(|bus| bus.steps.dialect())
    }

    fn attempt_name(&self) -> &'static str {
        match &self.attempt {
            Attempt::None => "none",
            Attempt::Preparing(preparing) => match preparing.wish {
                Wish::Identify => "identifying",
                Wish::Verify => "verifying",
                Wish::Charge => "starting",
            },
            Attempt::Charging(charging) if charging.own => "charging",
            Attempt::Charging(_) => "adopted",
            Attempt::Leaving(_) => "leaving",
        }
    }
}

fn explained(code: u8, version: Version, text: fn(u8, Version) -> Option<Text>) -> Reason {
    let text = text(code, version);
    Reason { code, en: text.map(|t| t.0), zh: text.map(|t| t.1) }
}
