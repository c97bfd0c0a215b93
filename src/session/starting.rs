//! The start order was given; output is awaited (domain.md 2.2, 2.4).

use super::charging::Charging;
use super::core::{Core, Heard};
use super::opening::start_fault;
use super::phase::Phase;
use super::stopping::Stopping;
use super::{Event, Tag, Target};
use crate::model::report::{ChargerState, ChargerStatus, OrderFault};
use crate::model::request::{Order, StartOrder};
use crate::model::stop::StopReason;
use crate::model::time::{Instant, Now};
use crate::model::vehicle::{Admission, VehicleReport};
use std::time::Duration;

/// An order that was overtaken on its line is given again after this.
const AGAIN: Duration = Duration::from_secs(2);

/// Output is awaited.
#[derive(Clone, Debug)]
pub(super) struct Starting {
    tag: Tag,
    /// When the order is given again, if it is.
    again: Option<Instant>,
    until: Instant,
    /// What the charger said before the order: what it left over from its last charge is no answer.
    before: Option<ChargerState>,
}

impl Starting {
    pub(super) fn begin(core: &mut Core, now: Now) -> Phase {
        core.ends_count();
        let tag = order(core);
        core.save("start ordered");
        Phase::Starting(Starting {
            tag,
            again: Some(now.mono + core.config.timers.start_repeat),
            until: core.facts.timeline.instant(0) + core.config.timers.output,
            before: core.charger.as_ref().map(|status| status.state),
        })
    }

    pub(super) fn on(mut self, core: &mut Core, heard: &Heard<'_>) -> Phase {
        let now = heard.now;
        match &heard.event {
            Event::Charger(status) if status.plugged == Some(false) => {
                core.stop(now, StopReason::PULLED_BEFORE_START);
            }
            Event::Charger(status) => {
                if self.hear(core, now, status) && core.vin_is_missing() {
                    core.stop(now, StopReason::VIN_ABSENT);
                } else if !core.is_stopped() && status.state == ChargerState::Charging {
                    return Charging::begin(core, now, "charging");
                }
            }
            Event::Meter(reading) => {
                core.judge(now, reading);
            }
            Event::Vehicle { report, .. } => hear_vehicle(core, now, report, heard.cause),
            Event::Stop(reason) => core.stop(now, *reason),
            Event::Done(Target::Charger, tag, Err(fault)) if *tag == self.tag => {
                self.order_failed(core, now, *fault);
            }
            Event::ChargerLink(_)
            | Event::MeterLink(_)
            | Event::Done(..)
            | Event::Balance(_)
            | Event::Committed
            | Event::CommitFailed
            | Event::Online(_)
            | Event::Woke => {}
        }
        self.deadlines(core, now);
        if core.is_stopped() { Stopping::begin(core, now, true, false) } else { Phase::Starting(self) }
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        Some(self.again.map_or(self.until, |again| again.min(self.until)))
    }

    /// Whether output is confirmed.
    fn hear(&mut self, core: &mut Core, now: Now, status: &ChargerStatus) -> bool {
        let left_over = self.before == Some(status.state);
        match status.state {
            ChargerState::Charging => return true,
            ChargerState::Faulted => core.stop(now, start_fault(status)),
            ChargerState::StartFailed if !left_over => {
                let why = core.named_cause(start_fault(status));
                core.stop(now, why);
            }
            ChargerState::Finished if !left_over => {
                let why = core.named_cause(StopReason::CHARGER_NOT_READY);
                core.stop(now, why);
            }
            ChargerState::Preparing | ChargerState::Idle => self.before = Some(status.state),
            ChargerState::Unknown | ChargerState::StartFailed | ChargerState::Finished => {}
        }
        false
    }

    fn order_failed(&mut self, core: &mut Core, now: Now, fault: OrderFault) {
        let began = core.charger.as_ref().is_some_and(|status| status.state == ChargerState::Preparing);
        match fault {
            OrderFault::Refused(_) if began => {}
            OrderFault::Refused(_) | OrderFault::Unsupported => {
                let why = core.named_cause(StopReason::CHARGER_REFUSED);
                core.stop(now, why);
            }
            OrderFault::Overtaken => self.again = Some(now.mono + AGAIN),
            OrderFault::Silent => {}
        }
    }

    fn deadlines(&mut self, core: &mut Core, now: Now) {
        if core.is_stopped() {
            return;
        }
        if now.mono >= self.until {
            let why = match core.silent_since {
                Some(_) => StopReason::CHARGER_LINK_LOST,
                None => core.named_cause(StopReason::CHARGER_NOT_READY),
            };
            core.stop(now, why);
        } else if self.again.is_some_and(|again| now.mono >= again) {
            self.again = None;
            self.tag = order(core);
        }
    }
}

fn order(core: &mut Core) -> Tag {
    let opening = &core.facts.opening;
    let order = StartOrder {
        max_power: opening.grant.max_power,
        aux_voltage: opening.aux,
        verify_vin: opening.verify && core.config.waits,
        dual: opening.dual,
    };
    core.tell(Target::Charger, Order::Start(order))
}

/// A vehicle that named itself is answered before its contactor may close, where the charger waits for that.
fn hear_vehicle(core: &mut Core, now: Now, report: &VehicleReport, cause: Option<StopReason>) {
    if matches!(report, VehicleReport::Handshake(_)) && core.config.waits && core.facts.opening.verify {
        let admission = match cause {
            None => Admission::Admitted,
            Some(StopReason::VIN_ABSENT) => Admission::Illegal,
            Some(_) => Admission::Refused,
        };
        core.tell(Target::Charger, Order::Admit(admission));
    }
    if let Some(reason) = cause {
        core.stop(now, reason);
    }
}
