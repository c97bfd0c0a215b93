//! Open alarms, always complete (0402): after login and when the platform asks.
//!
//! They go out in parts, one request at a time, from one moment's list; events (0401) wait meanwhile, so that what
//! changed after that moment is told after it. The list is never older than an event that was sent. A list that is not
//! answered is told again, as it is by then, when a lane would begin again (platform-222.md 14.1, 14.2).

use super::ask::About;
use super::{Action, Link};
use crate::model::alarm::Alarm;
use crate::model::message::FromLink;
use crate::model::time::{Instant, Now};
use crate::uplink::{ALARMS_IN_A_PART, Outgoing};

/// What the platform is to know of open alarms.
#[derive(Debug, Default)]
pub(super) struct OpenAlarms {
    /// The newest list.
    pub(super) list: Vec<Alarm>,
    /// They are to be told.
    pub(super) wanted: bool,
    /// The moment's list that is on its way, and the part that goes next.
    telling: Option<(Vec<Alarm>, usize)>,
    /// Nobody answered; they are told again then.
    pub(super) again: Option<Instant>,
}

impl OpenAlarms {
    /// A new connection begins anew.
    pub(super) fn lost(&mut self) {
        (self.wanted, self.telling, self.again) = (false, None, None);
    }

    /// Something of them is still to be sent or answered.
    pub(super) fn is_telling(&self) -> bool {
        self.wanted || self.telling.is_some()
    }
}

impl Link {
    /// Sends the next part when nothing of them is unanswered.
    pub(super) fn pump_open_alarms(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.asks.is_open(About::OpenAlarms) {
            return;
        }
        self.alarms.wanted |= self.alarms.again.take_if(|at| *at <= now.mono).is_some();
        if self.alarms.telling.is_none() && std::mem::take(&mut self.alarms.wanted) {
            self.alarms.again = None;
            self.alarms.telling = Some((self.alarms.list.clone(), 0));
        }
        let Some((list, next)) = self.alarms.telling.take() else { return };
        let parts = list.len().div_ceil(ALARMS_IN_A_PART).max(1);
        let alarms = list.chunks(ALARMS_IN_A_PART).nth(next).unwrap_or_default();
        let number = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        let outgoing = Outgoing::OpenAlarms { part: number(next + 1), parts: number(parts), alarms };
        self.ask(now, About::OpenAlarms, &outgoing, self.patience(), out);
        // A protocol that does not ask for them ends them here.
        self.alarms.telling = self.asks.is_open(About::OpenAlarms).then_some((list, next + 1));
    }

    /// A part was answered: on with the next, or they are told. A refusal ends them until the next login.
    pub(super) fn open_alarms_answered(&mut self, taken: bool, out: &mut Vec<Action>) {
        let more = |(list, next): &(Vec<Alarm>, usize)| *next * ALARMS_IN_A_PART < list.len();
        self.alarms.telling = self.alarms.telling.take().filter(more).filter(|_| taken);
        if self.alarms.telling.is_none() {
            out.push(Action::Tell(FromLink::AlarmsTold(taken)));
        }
    }

    /// Nobody answers: what follows is not held up.
    pub(super) fn open_alarms_silent(&mut self, now: Now) {
        self.alarms.telling = None;
        self.alarms.again = Some(now.mono + self.config.lane_pause);
    }
}
