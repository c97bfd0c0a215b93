//! What people hear at a reader that has nothing but a sounder.

use crate::model::report::OrderId;
use crate::model::request::Feedback;
use crate::model::time::Instant;
use crate::wire::mt62x::Command;
use std::time::Duration;

/// From one beep to the next.
const GAP: Duration = Duration::from_millis(300);

/// The command that makes one short beep; both parts from the maker's manual (rs485.md 5.1 knows only 30).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beep {
    /// Behind 30.
    pub parameter: u8,
    /// Behind the parameter, for example how long.
    pub data: Vec<u8>,
}

impl Beep {
    pub(super) fn command(&self) -> Command {
        Command([Command::DEVICE, self.parameter])
    }
}

/// Beeps on their way.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) order: OrderId,
    pub(super) due: Instant,
    left: u8,
}

impl Signal {
    pub(super) fn new(now: Instant, order: OrderId, beeps: u8) -> Signal {
        Signal { order, due: now, left: beeps }
    }

    /// One beep was made. Whether another follows.
    pub(super) fn next(&mut self, now: Instant) -> bool {
        self.left = self.left.saturating_sub(1);
        self.due = now + GAP;
        self.left > 0
    }
}

/// How many beeps mean this; those that can be told apart by ear, and only what ends somebody's waiting.
pub(super) fn beeps(feedback: &Feedback) -> Option<u8> {
    match feedback {
        Feedback::Accepted => Some(1),
        Feedback::Finished => Some(2),
        Feedback::Refused(_) => Some(3),
        Feedback::Idle | Feedback::Asking | Feedback::Charging | Feedback::OutOfOrder => None,
    }
}
