//! Output is confirmed: energy is measured, limits and faults are watched, state goes to disk.

use super::cause;
use super::core::{Core, Heard, alarm};
use super::limits::{Limits, View};
use super::metering::{Verdict, most};
use super::phase::Phase;
use super::stopping::Stopping;
use super::storing::Wanted;
use super::timeline::millis;
use super::vehicle::is_timeout;
use super::{Event, Target};
use crate::billing::{Bill, bill, tier};
use crate::model::quantity::{Energy, Power};
use crate::model::report::{ChargerState, ChargerStatus, MeterReading};
use crate::model::request::{Feedback, Order};
use crate::model::session::Limit;
use crate::model::stop::StopReason;
use crate::model::tariff::Tier;
use crate::model::time::{Instant, Now};
use crate::model::vehicle::VehicleReport;
use std::collections::BTreeMap;
use std::time::Duration;

/// Present power is trusted for so long after a reading; a limit is not overrun between two readings.
const AHEAD_MS: i64 = 3_000;
/// Without a reading for so long, limits are watched by the charger's own count.
const BLIND: Duration = Duration::from_secs(10);
/// What was delivered is shown no oftener than this.
const SHOWN: Duration = Duration::from_secs(1);
/// A register that stands still under more current than this is frozen (domain.md 2.13).
const FROZEN_MA: i64 = 10_000;
/// Charger and meter may differ by less than this whatever the share: they are not read in the same moment.
const DIFFERENCE: Energy = Energy(5_000);

/// Output is confirmed.
#[derive(Clone, Debug)]
pub(super) struct Charging {
    limits: Limits,
    /// No current since.
    quiet_since: Option<Instant>,
    paused: bool,
    /// Some current has flowed.
    flowed: bool,
    /// Newest usable register.
    metered: Instant,
    /// The charger's own count then.
    mark: Option<Energy>,
    frozen_since: Option<Instant>,
    /// Next slot boundary, session time.
    boundary: Option<i64>,
    saved: Instant,
    saved_energy: Energy,
    /// What the battery reports as abnormal, and since when.
    faults: BTreeMap<StopReason, Instant>,
    /// What the charger was told of it last.
    shown: (Instant, Energy),
}

impl Charging {
    pub(super) fn begin(core: &mut Core, now: Now, step: &str) -> Phase {
        let at_ms = core.at(now);
        core.output_confirmed(at_ms);
        core.show(Feedback::Charging);
        core.save_started(step);
        Phase::Charging(Box::new(Charging {
            limits: Limits::default(),
            quiet_since: None,
            paused: false,
            flowed: false,
            metered: now.mono,
            mark: core.charger.as_ref().and_then(|status| status.session_energy),
            frozen_since: None,
            boundary: core.facts.timeline.boundary_after(at_ms),
            saved: now.mono,
            saved_energy: core.facts.metering.total(),
            faults: BTreeMap::new(),
            shown: (now.mono, Energy::ZERO),
        }))
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn on(mut self: Box<Self>, core: &mut Core, heard: &Heard<'_>) -> Phase {
        let now = heard.now;
        let mut off = false;
        match &heard.event {
            Event::Charger(status) => {
                off = Core::is_off(status);
                self.hear_charger(core, now, status);
            }
            Event::Meter(reading) => self.hear_meter(core, now, reading),
            Event::Vehicle { report, .. } => self.hear_vehicle(core, now, report),
            Event::Stop(reason) => core.stop(now, *reason),
            Event::Balance(_) => core.save("new balance"),
            Event::ChargerLink(_)
            | Event::MeterLink(_)
            | Event::Done(Target::Charger | Target::Meter, ..)
            | Event::Committed
            | Event::CommitFailed
            | Event::Online(_)
            | Event::Woke => {}
        }
        if let Some(reason) = heard.cause {
            core.stop(now, reason);
        }
        self.deadlines(core, now);
        self.check_limits(core, now);
        if core.is_stopped() {
            return Stopping::begin(core, now, false, off);
        }
        self.keep(core, now);
        Phase::Charging(self)
    }

    pub(super) fn wake_at(&self, core: &Core) -> Option<Instant> {
        let timers = &core.config.timers;
        let timeline = &core.facts.timeline;
        [
            Some(self.metered + timers.meter_lost),
            Some(self.saved + timers.save),
            core.silent_since.map(|since| since + timers.charger_lost),
            self.quiet_since.map(|since| since + if self.paused { timers.pause } else { timers.pause_after }),
            self.boundary.map(|at_ms| timeline.instant(at_ms)),
            self.limits.wake_at(&core.config),
            self.faults.iter().filter_map(|(reason, since)| Some(*since + fault_wait(core, *reason)?)).min(),
            self.limit_at(core),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn hear_charger(&mut self, core: &mut Core, now: Now, status: &ChargerStatus) {
        if status.plugged == Some(false) {
            core.stop(now, StopReason::PLUG_PULLED);
        }
        match status.state {
            ChargerState::Finished => core.stop(now, core.named_cause(StopReason::CHARGER_CONDITION)),
            ChargerState::Idle => core.stop(now, core.named_cause(StopReason::CHARGER_BY_HAND)),
            ChargerState::Faulted | ChargerState::StartFailed => {
                core.stop(now, core.named_cause(cause::of_faults(status)));
            }
            ChargerState::Unknown | ChargerState::Preparing | ChargerState::Charging => {}
        }
        let flows = Core::charger_flows(status).or(core.meter_flows(now));
        self.watch_pause(core, now, flows, status.state == ChargerState::Preparing);
        let bill = self.bill(core);
        let view = self.view(core, now, &bill);
        if status.soc.is_some() || core.vehicle.soc.is_none() {
            self.limits.hear_soc(now.mono, status.soc, &view);
        }
        self.limits.hear_power(now.mono, &view, flows != Some(false));
        compare_counts(core, status);
    }

    fn hear_vehicle(&mut self, core: &mut Core, now: Now, report: &VehicleReport) {
        match report {
            VehicleReport::Progress(progress) if progress.soc.is_some() => self.hear_soc(core, now),
            VehicleReport::Fault(reason, began) => self.hear_fault(core, now, *reason, *began),
            VehicleReport::Paused(paused) => self.quiet(core, now, *paused),
            VehicleReport::End(end) => {
                if let Some(reason) = end.reason {
                    core.stop(now, reason);
                }
            }
            VehicleReport::Gone => self.clear_faults(core),
            VehicleReport::Handshake(_) | VehicleReport::Progress(_) => {}
        }
    }

    /// The vehicle's own state of charge, where the charger tells none.
    fn hear_soc(&mut self, core: &Core, now: Now) {
        if core.charger.as_ref().is_some_and(|status| status.soc.is_some()) {
            return;
        }
        let bill = self.bill(core);
        let view = self.view(core, now, &bill);
        self.limits.hear_soc(now.mono, core.soc_told(), &view);
    }

    fn hear_fault(&mut self, core: &mut Core, now: Now, reason: StopReason, began: bool) {
        if began {
            self.faults.entry(reason).or_insert(now.mono);
        } else {
            self.faults.remove(&reason);
        }
        if let Some(code) = alarm_of(reason) {
            let still = self.faults.keys().any(|other| alarm_of(*other) == Some(code));
            core.alarm(code, still);
        }
    }

    fn clear_faults(&mut self, core: &mut Core) {
        for reason in std::mem::take(&mut self.faults).into_keys() {
            if let Some(code) = alarm_of(reason) {
                core.alarm(code, false);
            }
        }
    }

    fn watch_faults(&self, core: &mut Core, now: Now) {
        for (reason, since) in &self.faults {
            if fault_wait(core, *reason).is_some_and(|wait| now.mono.since(*since) >= wait) {
                core.stop(now, *reason);
            }
        }
    }

    fn hear_meter(&mut self, core: &mut Core, now: Now, reading: &MeterReading) {
        let before = core.facts.metering.total();
        match core.judge(now, reading) {
            Verdict::Nothing | Verdict::Doubtful => return,
            Verdict::Good | Verdict::WentBack | Verdict::Jumped | Verdict::Replaced => {}
        }
        self.metered = now.mono;
        self.mark = core.charger.as_ref().and_then(|status| status.session_energy);
        let current = core.charger.as_ref().and_then(|status| status.current).or(reading.current);
        let stands = core.facts.metering.total() == before;
        self.watch_frozen(core, now, stands && current.is_some_and(|current| current.0 > FROZEN_MA));
        self.show_delivered(core, now);
    }

    /// A charger with a display of its own shows what was delivered: each new value, at most once a second.
    fn show_delivered(&mut self, core: &mut Core, now: Now) {
        let energy = core.facts.metering.total();
        let (at, shown) = self.shown;
        if core.config.waits && energy != shown && now.mono.since(at) >= SHOWN {
            self.shown = (now.mono, energy);
            let elapsed = elapsed(core, now);
            core.tell(Target::Charger, Order::Delivered { energy, elapsed });
        }
    }

    fn watch_pause(&mut self, core: &mut Core, now: Now, flows: Option<bool>, preparing: bool) {
        self.flowed |= flows == Some(true);
        self.quiet(core, now, core.vehicle.paused || preparing || flows == Some(false));
    }

    fn quiet(&mut self, core: &mut Core, now: Now, quiet: bool) {
        self.quiet_since = quiet.then(|| self.quiet_since.unwrap_or(now.mono));
        if self.paused && !quiet {
            self.paused = false;
            core.save("charging goes on");
        }
    }

    fn watch_frozen(&mut self, core: &mut Core, now: Now, frozen: bool) {
        self.frozen_since = frozen.then(|| self.frozen_since.unwrap_or(now.mono));
        let lasted = self.frozen_since.map_or(Duration::ZERO, |since| now.mono.since(since));
        let (alarmed, ended) = (core.config.timers.frozen_alarm, core.config.timers.frozen_stop);
        core.alarm(alarm::FROZEN, frozen && lasted >= alarmed);
        if frozen && lasted >= ended {
            core.stop(now, StopReason::METER_FAULT);
        }
    }

    fn deadlines(&mut self, core: &mut Core, now: Now) {
        let timers = core.config.timers.clone();
        let past = |since: Instant, wait| now.mono.since(since) >= wait;
        if past(self.metered, timers.meter_lost) {
            core.stop(now, StopReason::METER_LINK_LOST);
        }
        if core.silent_since.is_some_and(|since| past(since, timers.charger_lost)) {
            core.stop(now, StopReason::CHARGER_LINK_LOST);
        }
        if self.quiet_since.is_some_and(|since| past(since, timers.pause)) {
            let reason = if self.flowed || core.vehicle.paused {
                StopReason::PAUSE_TOO_LONG
            } else {
                StopReason::NO_CURRENT
            };
            core.stop(now, reason);
        } else if !self.paused && self.quiet_since.is_some_and(|since| past(since, timers.pause_after)) {
            self.paused = true;
            core.save("paused");
        }
        self.watch_faults(core, now);
        self.read_at_boundary(core, now);
    }

    /// The register is read at each slot boundary (16.2).
    fn read_at_boundary(&mut self, core: &mut Core, now: Now) {
        let at_ms = core.at(now);
        if self.boundary.is_some_and(|boundary| at_ms >= boundary) {
            core.read_now(now);
            self.boundary = None;
        }
        self.boundary = self.boundary.or_else(|| core.facts.timeline.boundary_after(at_ms));
    }

    fn check_limits(&self, core: &mut Core, now: Now) {
        let bill = self.bill(core);
        if let Some(reason) = self.limits.reached(now.mono, &self.view(core, now, &bill)) {
            core.stop(now, reason);
        }
    }

    /// State to disk each minute and each kilowatt-hour (14.4).
    fn keep(&mut self, core: &mut Core, now: Now) {
        let energy = core.facts.metering.total();
        let due = now.mono.since(self.saved) >= core.config.timers.save;
        if due || energy - self.saved_energy >= core.config.save_energy {
            core.storing.want(Wanted::default());
            self.saved = now.mono;
            self.saved_energy = energy;
        }
    }

    fn bill(&self, core: &Core) -> Bill {
        let opening = &core.facts.opening;
        core.facts
            .metering
            .split()
            .map_or_else(Bill::default, |split| bill(split, opening.tariff.as_ref(), opening.billing_mode))
    }

    fn view<'a>(&self, core: &'a Core, now: Now, bill: &'a Bill) -> View<'a> {
        View {
            config: &core.config,
            grant: &core.facts.opening.grant,
            billing: core.facts.opening.billing_mode,
            offline: core.facts.opening.offline,
            online: core.online,
            energy: core.facts.metering.total(),
            unread: self.unread(core, now),
            bill,
            tier: tier_now(core, now),
            elapsed: elapsed(core, now),
            power: core.power(),
        }
    }

    /// What flowed since the last reading: by present power for a moment, by the charger's count when the meter is
    /// away. Never billed.
    fn unread(&self, core: &Core, now: Now) -> Energy {
        let age = now.mono.since(self.metered);
        let power = core.power().unwrap_or(Power(0));
        if age <= BLIND {
            return Energy::from_power(power, millis(age).min(AHEAD_MS));
        }
        let counted = core.charger.as_ref().and_then(|status| status.session_energy).zip(self.mark);
        let flowed = counted
            .map_or(Energy::from_power(power, millis(age)), |(count, mark)| (count - mark).max(Energy::ZERO));
        flowed.min(most(core.config.rated, millis(age)))
    }

    /// When the limit of time or energy is reached if nothing changes.
    fn limit_at(&self, core: &Core) -> Option<Instant> {
        match core.facts.opening.grant.limit {
            Limit::Time(time) => {
                let at_ms = core.facts.charging_ms?.saturating_add(millis(time));
                Some(core.facts.timeline.instant(at_ms))
            }
            Limit::Energy(energy) => {
                let power = core.power().filter(|power| power.0 > 0)?;
                let left = (energy - core.facts.metering.total()).max(Energy::ZERO);
                let wait_ms = i128::from(left.0) * 360_000 / i128::from(power.0) + 1;
                let soon = u64::try_from(wait_ms).ok().filter(|ms| *ms <= AHEAD_MS.unsigned_abs())?;
                Some(self.metered + Duration::from_millis(soon))
            }
            Limit::None | Limit::Amount(_) | Limit::Soc(_) => None,
        }
    }
}

/// Since output was confirmed, until the end.
pub(super) fn elapsed(core: &Core, now: Now) -> Duration {
    elapsed_at(core, core.at(now))
}

/// As [`elapsed`], at a moment of session time.
pub(super) fn elapsed_at(core: &Core, at_ms: i64) -> Duration {
    let until_ms = core.facts.end_ms.unwrap_or(at_ms);
    let ms = core.facts.charging_ms.map_or(0, |since_ms| until_ms.saturating_sub(since_ms).max(0));
    Duration::from_millis(ms.unsigned_abs())
}

fn tier_now(core: &Core, now: Now) -> Option<Tier> {
    let tariff = core.facts.opening.tariff.as_ref()?;
    let wall = core.facts.timeline.wall(core.at(now)).unwrap_or(now.wall);
    tier(tariff, wall.slot()).map(|(_, tier)| *tier)
}

/// The alarm that stands for what a battery reports (13.6).
fn alarm_of(reason: StopReason) -> Option<u16> {
    match reason {
        StopReason::BSM_CELL_VOLTAGE => Some(alarm::CELL_VOLTAGE),
        StopReason::BSM_SOC => Some(alarm::SOC_IMPLAUSIBLE),
        StopReason::BSM_CURRENT => Some(alarm::PACK_CURRENT),
        StopReason::BSM_HOT => Some(alarm::PACK_HOT),
        StopReason::BSM_INSULATION => Some(alarm::PACK_INSULATION),
        timeout => is_timeout(timeout).then_some(alarm::BMS_TIMEOUT),
    }
}

/// How long it may last; `None` = it ends nothing. Insulation ends at once.
fn fault_wait(core: &Core, reason: StopReason) -> Option<Duration> {
    match reason {
        StopReason::BSM_INSULATION => Some(Duration::ZERO),
        StopReason::BSM_CELL_VOLTAGE
        | StopReason::BSM_CURRENT
        | StopReason::BSM_HOT
        | StopReason::BSM_CONNECTOR => Some(core.config.timers.battery_fault),
        _ => None, // an open set of numbers
    }
}

/// The charger's own count against the meter: more than 2 % is an alarm, the meter bills (domain.md 2.13).
fn compare_counts(core: &mut Core, status: &ChargerStatus) {
    let Some(counted) = status.session_energy else { return };
    let metered = core.facts.metering.total();
    let apart = (counted - metered).0.saturating_abs();
    let differs = apart > DIFFERENCE.0 && i128::from(apart) * 50 > i128::from(metered.0);
    core.alarm(alarm::DIFFERS, differs);
}
