//! Where a session stands. Each phase owns only what is known in it.

use super::charging::Charging;
use super::closing::Closing;
use super::core::{Core, Heard, Stage};
use super::opening::{Arming, Reading, Saving};
use super::recovery::Recovering;
use super::starting::Starting;
use super::stopping::{Settling, Stopping};
use crate::model::session::ConnectorState;
use crate::model::time::Instant;

#[derive(Clone, Debug)]
pub(super) enum Phase {
    Saving(Saving),
    Reading(Reading),
    Arming(Arming),
    Starting(Starting),
    Charging(Box<Charging>),
    Stopping(Stopping),
    Settling(Settling),
    Closing(Closing),
    Recovering(Box<Recovering>),
    Closed,
}

impl Phase {
    pub(super) fn on(self, core: &mut Core, heard: &Heard<'_>) -> Phase {
        match self {
            Phase::Saving(phase) => phase.on(core, heard),
            Phase::Reading(phase) => phase.on(core, heard),
            Phase::Arming(phase) => phase.on(core, heard),
            Phase::Starting(phase) => phase.on(core, heard),
            Phase::Charging(phase) => phase.on(core, heard),
            Phase::Stopping(phase) => phase.on(core, heard),
            Phase::Settling(phase) => phase.on(core, heard),
            Phase::Closing(phase) => phase.on(core, heard),
            Phase::Recovering(phase) => phase.on(core, heard),
            Phase::Closed => Phase::Closed,
        }
    }

    pub(super) fn wake_at(&self, core: &Core) -> Option<Instant> {
        match self {
            Phase::Reading(phase) => phase.wake_at(core),
            Phase::Starting(phase) => phase.wake_at(),
            Phase::Charging(phase) => phase.wake_at(core),
            Phase::Stopping(phase) => phase.wake_at(core),
            Phase::Settling(phase) => phase.wake_at(core),
            Phase::Recovering(phase) => phase.wake_at(core),
            Phase::Saving(_) | Phase::Arming(_) | Phase::Closing(_) | Phase::Closed => None,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self {
            Phase::Saving(_) => Stage::Opening,
            Phase::Reading(_) => Stage::Reading,
            Phase::Arming(_) => Stage::Arming,
            Phase::Starting(_) => Stage::Starting,
            Phase::Charging(phase) if phase.is_paused() => Stage::Paused,
            Phase::Charging(_) => Stage::Charging,
            Phase::Stopping(_) => Stage::Stopping,
            Phase::Settling(_) => Stage::Settling,
            Phase::Closing(_) => Stage::Closing,
            Phase::Recovering(_) => Stage::Recovering,
            Phase::Closed => Stage::Closed,
        }
    }

    pub(super) fn state(&self) -> ConnectorState {
        match self.stage() {
            Stage::Opening | Stage::Reading | Stage::Arming | Stage::Starting => ConnectorState::Starting,
            Stage::Charging => ConnectorState::Charging,
            Stage::Paused => ConnectorState::Paused,
            Stage::Stopping | Stage::Settling | Stage::Closing => ConnectorState::Stopping,
            Stage::Recovering => ConnectorState::Unknown,
            Stage::Closed => ConnectorState::Finished,
        }
    }
}
