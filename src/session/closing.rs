//! The record is on its way to disk, again and again until it is there.

use super::cause;
use super::core::{Core, Heard};
use super::phase::Phase;
use super::record;
use super::storing::{Stored, Wanted};
use crate::model::message::StartOutcome;
use crate::model::request::Feedback;

/// Everything is decided; only the store is awaited.
#[derive(Clone, Debug)]
pub(super) struct Closing;

impl Closing {
    pub(super) fn begin(core: &mut Core) -> Phase {
        core.storing.want(Wanted { close: true, ..Wanted::default() });
        match record::outcome(&core.facts) {
            StartOutcome::Charging => core.show(Feedback::Finished),
            StartOutcome::Failed(reason) | StartOutcome::NotStarted(reason) => {
                core.show(Feedback::Refused(cause::text(reason)));
            }
        }
        Phase::Closing(Closing)
    }

    pub(super) fn on(self, core: &mut Core, heard: &Heard<'_>) -> Phase {
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
