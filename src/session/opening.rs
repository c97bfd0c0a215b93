//! Before any order: the opening state becomes durable, the first register is read and becomes durable too.

use super::cause;
use super::closing::Closing;
use super::core::{Core, Heard, alarm};
use super::phase::Phase;
use super::starting::Starting;
use super::storing::Stored;
use super::{Action, Event};
use crate::model::ident::Credential;
use crate::model::record::BillingMode;
use crate::model::report::{ChargerState, ChargerStatus};
use crate::model::request::Feedback;
use crate::model::stop::StopReason;
use crate::model::time::{Instant, Now};

/// The opening state is on its way to disk.
#[derive(Clone, Debug)]
pub(super) struct Saving;

impl Saving {
    pub(super) fn begin(core: &mut Core) -> Phase {
        core.save(format!("accepted, {}", mode(core)));
        Phase::Saving(Saving)
    }

    pub(super) fn on(self, core: &mut Core, heard: &Heard<'_>) -> Phase {
        early_cause(core, heard);
        match heard.stored {
            Some(Stored::Saved) => opened(core, heard.now),
            Some(Stored::SaveFailed) => abandon(core),
            Some(Stored::Closed | Stored::CloseFailed) | None => Phase::Saving(self),
        }
    }
}

/// Waits for the register before any energy flows.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    until: Instant,
}

impl Reading {
    pub(super) fn on(self, core: &mut Core, heard: &Heard<'_>) -> Phase {
        early_cause(core, heard);
        if core.is_stopped() {
            return give_up(core, heard.now);
        }
        if let Event::Meter(reading) = heard.event
            && reading.order.is_some()
        {
            let (origin, at_ms) = (core.facts.timeline.origin(), core.at(heard.now));
            if core.facts.metering.begin(origin, at_ms, reading) {
                core.save(format!("first register {}", reading.register.unwrap_or_default()));
                return Phase::Arming(Arming);
            }
        }
        if heard.now.mono >= self.until {
            core.stop(heard.now, StopReason::NO_FIRST_READING);
            return give_up(core, heard.now);
        }
        core.keep_reading(heard.now);
        Phase::Reading(self)
    }

    pub(super) fn wake_at(&self, core: &Core) -> Option<Instant> {
        Some(self.until.min(core.read_due()))
    }
}

/// The first register is on its way to disk. Only then the contactor may close.
#[derive(Clone, Debug)]
pub(super) struct Arming;

impl Arming {
    pub(super) fn on(self, core: &mut Core, heard: &Heard<'_>) -> Phase {
        early_cause(core, heard);
        if heard.stored == Some(Stored::SaveFailed) {
            core.stop(heard.now, StopReason::STORAGE_FAILURE);
        }
        if core.is_stopped() {
            return give_up(core, heard.now);
        }
        match heard.stored {
            Some(Stored::Saved) => Starting::begin(core, heard.now),
            Some(Stored::SaveFailed | Stored::Closed | Stored::CloseFailed) | None => Phase::Arming(self),
        }
    }
}

/// The opening state is durable: from here on a record follows.
fn opened(core: &mut Core, now: Now) -> Phase {
    if !core.is_stopped()
        && let Some(reason) = unfit(core)
    {
        core.stop(now, reason);
    }
    if core.is_stopped() {
        return give_up(core, now);
    }
    core.show(Feedback::Accepted);
    core.read_now(now);
    // Counted from the opening, as all limits of the start.
    let until = core.facts.timeline.instant(0) + core.config.timers.first_reading;
    Phase::Reading(Reading { until })
}

/// What forbids a start whatever the devices say.
fn unfit(core: &mut Core) -> Option<StopReason> {
    let opening = &core.facts.opening;
    if opening.billing_mode == BillingMode::Pile && opening.tariff.is_none() {
        return Some(StopReason::TARIFF_MISSING);
    }
    let Credential::Vin(vin) = opening.credential else { return None };
    let differs = opening.grant.expected_vin.is_some_and(|expected| expected != vin);
    if differs {
        core.alarm(alarm::VIN_DIFFERS, true);
    }
    differs.then_some(StopReason::VIN_DIFFERS)
}

/// Ends what has ordered nothing: a record with zero energy.
fn give_up(core: &mut Core, now: Now) -> Phase {
    core.end(core.at(now));
    Closing::begin(core)
}

/// The session was never durable: it never existed.
fn abandon(core: &mut Core) -> Phase {
    core.storing.forget();
    core.out.push(Action::Abandon(StopReason::STORAGE_FAILURE));
    core.show(Feedback::Refused(cause::text(StopReason::STORAGE_FAILURE)));
    Phase::Closed
}

/// Causes that end a session before anything was ordered.
fn early_cause(core: &mut Core, heard: &Heard<'_>) {
    if let Event::Stop(reason) = heard.event {
        core.stop(heard.now, reason);
    }
    if let Some(reason) = heard.cause {
        core.stop(heard.now, reason);
    }
    let Event::Charger(status) = heard.event else { return };
    if status.plugged == Some(false) {
        core.stop(heard.now, StopReason::PULLED_BEFORE_START);
    } else if status.state == ChargerState::Faulted {
        core.stop(heard.now, start_fault(status));
    }
}

/// The fault that keeps a charger from starting.
pub(super) fn start_fault(status: &ChargerStatus) -> StopReason {
    match cause::of_faults(status) {
        StopReason::EMERGENCY_STOP => StopReason::EMERGENCY_ACTIVE,
        StopReason::CHARGER_FAULT => StopReason::CHARGER_NOT_READY,
        other => other,
    }
}

fn mode(core: &Core) -> String {
    let opening = &core.facts.opening;
    let offline = if opening.offline { ", offline" } else { "" };
    format!("start mode {}{offline}", opening.start_mode.number())
}
