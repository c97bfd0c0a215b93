//! The record is on its way to disk, again and again until it is there. A charger that gives output meanwhile is told
//! to stop: a disk may take long.

use super::cause;
use super::core::{Core, Heard};
use super::phase::Phase;
use super::record;
use super::storing::{Stored, Wanted};
use super::{Event, Target};
use crate::model::message::StartOutcome;
use crate::model::request::{Feedback, Order};
use crate::model::time::Instant;

/// Everything is decided; only the store is awaited.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    /// The charger is told to stop, not before this.
    again: Instant,
}

impl Closing {
    pub(super) fn begin(core: &mut Core) -> Phase {
        core.storing.want(Wanted { close: true, ..Wanted::default() });
        match record::outcome(&core.facts) {
            StartOutcome::Charging => core.show(Feedback::Finished),
            StartOutcome::Failed(reason) | StartOutcome::NotStarted(reason) => {
                core.show(Feedback::Refused(cause::text(reason)));
            }
        }
        Phase::Closing(Closing { again: Instant::default() })
    }

    pub(super) fn on(mut self, core: &mut Core, heard: &Heard<'_>) -> Phase {
        let now = heard.now.mono;
        if let Event::Charger(status) = heard.event
            && Core::charger_flows(status) == Some(true)
            && now >= self.again
        {
            self.again = now + core.config.timers.stop_repeat;
            core.tell(Target::Charger, Order::Stop);
        }
        match heard.stored {
            Some(Stored::Closed) => {
                core.clear_alarms();
                core.storing.forget();
                Phase::Closed
            }
            Some(Stored::Saved | Stored::SaveFailed | Stored::CloseFailed) | None => Phase::Closing(self),
        }
    }
}
