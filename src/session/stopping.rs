//! The stop order until output is off, then the register until it stands still (domain.md 2.2; 14.4).

use super::cause;
use super::closing::Closing;
use super::core::{Core, Heard, alarm};
use super::metering::{Verdict, usable};
use super::phase::Phase;
use super::{Event, Target};
use crate::model::quantity::Energy;
use crate::model::record::flag;
use crate::model::report::OrderFault;
use crate::model::request::Order;
use crate::model::time::{Instant, Now};
use std::time::Duration;

/// A start order may still be on its line; what the charger said before the stop was answered counts only after this.
const START_GONE: Duration = Duration::from_secs(5);
/// So many equal readings make a final register (14.4).
const EQUAL: u8 = 3;

/// The stop order is given until output is off.
#[derive(Clone, Debug)]
pub(super) struct Stopping {
    since: Instant,
    /// As `since`, begun anew when a silent charger answers again.
    heard: Instant,
    silent: bool,
    again: Instant,
    /// What the charger says now was said after all orders of this session.
    sure: bool,
    late: bool,
}

impl Stopping {
    /// `starting`: the start order may not be carried out yet. `off`: the charger's own words ended the session.
    pub(super) fn begin(core: &mut Core, now: Now, starting: bool, off: bool) -> Phase {
        core.tell(Target::Charger, Order::Stop);
        let ends = core.facts.vehicle.text().map_or_else(String::new, |text| format!(" ({text})"));
        core.save(format!("stopping: {}{ends}", cause::text(core.reason())));
        if off {
            return Settling::begin(core, now);
        }
        let again = now.mono + core.config.timers.stop_repeat;
        Phase::Stopping(Stopping {
            since: now.mono,
            heard: now.mono,
            silent: core.silent_since.is_some(),
            again,
            sure: !starting,
            late: false,
        })
    }

    pub(super) fn on(mut self, core: &mut Core, heard: &Heard<'_>) -> Phase {
        let now = heard.now;
        self.watch_link(core, now);
        keep_ends(core, heard);
        match &heard.event {
            Event::Charger(status) => {
                self.sure |= now.mono.since(self.since) >= START_GONE;
                if self.sure && Core::is_off(status) {
                    return Settling::begin(core, now);
                }
            }
            Event::Meter(reading) => {
                core.judge(now, reading);
            }
            Event::Vehicle { report, .. } => core.weigh_end(now, report),
            Event::Stop(reason) => core.stop(now, *reason),
            Event::Done(Target::Charger, _, Ok(()) | Err(OrderFault::Refused(_))) => self.sure = true,
            Event::ChargerLink(_)
            | Event::MeterLink(_)
            | Event::Done(..)
            | Event::Balance(_)
            | Event::Committed
            | Event::CommitFailed
            | Event::Online(_)
            | Event::Woke => {}
        }
        if now.mono >= self.forced_at(core) {
            return self.force(core, now);
        }
        self.insist(core, now);
        Phase::Stopping(self)
    }

    pub(super) fn wake_at(&self, core: &Core) -> Option<Instant> {
        Some(self.again.min(self.forced_at(core)))
    }

    /// A silent charger that answers again is told at once and gets its time.
    fn watch_link(&mut self, core: &Core, now: Now) {
        let silent = core.silent_since.is_some();
        if self.silent && !silent {
            self.heard = now.mono;
            self.again = now.mono;
        }
        self.silent = silent;
    }

    /// Until when the charger may take. One that does not answer keeps its stop longer.
    fn forced_at(&self, core: &Core) -> Instant {
        let timers = &core.config.timers;
        let kept = self.since + timers.stop_kept;
        if self.silent { kept } else { (self.heard + timers.stop_forced).min(kept + timers.stop_forced) }
    }

    fn insist(&mut self, core: &mut Core, now: Now) {
        if now.mono < self.again {
            return;
        }
        self.again = now.mono + core.config.timers.stop_repeat;
        core.tell(Target::Charger, Order::Stop);
        if !self.late && now.mono.since(self.since) >= core.config.timers.stop_normal {
            self.late = true;
            core.save("the charger does not stop");
        }
    }

    /// The charger did not stop in time: the record is made of what is known.
    fn force(self, core: &mut Core, now: Now) -> Phase {
        if self.silent && core.meter_flows(now) == Some(false) {
            return Settling::begin(core, now);
        }
        core.alarm(alarm::STOP_IGNORED, true);
        core.facts.flags |= flag::NOT_SETTLED;
        core.end(core.at(now));
        Closing::begin(core)
    }
}

/// Both sides' own codes are for people, who find them in the steps.
fn keep_ends(core: &mut Core, heard: &Heard<'_>) {
    if let Some(text) = core.facts.vehicle.text().filter(|_| heard.ended) {
        core.save(text);
    }
}

/// Output is off; the final register is read until it stands still.
#[derive(Clone, Debug)]
pub(super) struct Settling {
    until: Instant,
    last: Option<Energy>,
    equal: u8,
    /// A charger that gives output again is stopped again, not before this.
    again: Instant,
}

impl Settling {
    pub(super) fn begin(core: &mut Core, now: Now) -> Phase {
        core.end(core.at(now));
        core.save("output is off");
        core.read_now(now);
        let until = now.mono + core.config.timers.settle;
        Phase::Settling(Settling { until, last: None, equal: 0, again: now.mono })
    }

    pub(super) fn on(mut self, core: &mut Core, heard: &Heard<'_>) -> Phase {
        let now = heard.now;
        keep_ends(core, heard);
        match &heard.event {
            Event::Meter(reading) => {
                let verdict = core.judge(now, reading);
                if let Some(register) = usable(reading).filter(|_| reading.order.is_some()) {
                    self.count(register);
                }
                if self.equal >= EQUAL && verdict != Verdict::Doubtful {
                    return Closing::begin(core);
                }
            }
            Event::Charger(status) if Core::charger_flows(status) == Some(true) && now.mono >= self.again => {
                self.again = now.mono + core.config.timers.stop_repeat;
                self.equal = 0;
                core.tell(Target::Charger, Order::Stop);
            }
            Event::Vehicle { report, .. } => core.weigh_end(now, report),
            Event::Stop(reason) => core.stop(now, *reason),
            Event::Charger(_)
            | Event::ChargerLink(_)
            | Event::MeterLink(_)
            | Event::Done(..)
            | Event::Balance(_)
            | Event::Committed
            | Event::CommitFailed
            | Event::Online(_)
            | Event::Woke => {}
        }
        if now.mono >= self.until {
            core.facts.flags |= flag::NOT_SETTLED;
            core.save("the register did not settle: the last good value counts");
            return Closing::begin(core);
        }
        core.keep_reading(now);
        Phase::Settling(self)
    }

    pub(super) fn wake_at(&self, core: &Core) -> Option<Instant> {
        Some(self.until.min(core.read_due()))
    }

    fn count(&mut self, register: Energy) {
        self.equal = if self.last == Some(register) { self.equal.saturating_add(1) } else { 1 };
        self.last = Some(register);
    }
}
