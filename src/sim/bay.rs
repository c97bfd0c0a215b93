//! One charging place: a gun, what is plugged into it, the power electronics and the meter behind it.

use super::vehicle::Vehicle;
use crate::model::quantity::{Current, Energy, Power, Voltage};
use crate::model::report::ChargerState;
use crate::model::time::Instant;
use std::time::Duration;

/// Times and ratings of the power electronics.
#[derive(Clone, Copy, Debug)]
pub struct Electronics {
    /// Rated output.
    pub rated: Power,
    /// From a start order to output: lock, insulation test, pre-charge.
    pub preparing: Duration,
    /// From a stop order to no output.
    pub stopping: Duration,
}

impl Default for Electronics {
    fn default() -> Self {
        Electronics {
            rated: Power(120_000),
            preparing: Duration::from_millis(2_500),
            stopping: Duration::from_millis(600),
        }
    }
}

/// How the next start goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartFault {
    /// It does not.
    #[default]
    None,
    /// The start order leads to "start failed".
    Fails,
    /// The start order leads to nothing.
    Ignored,
}

/// One charging place.
#[derive(Clone, Debug)]
pub struct Bay {
    electronics: Electronics,
    vehicle: Option<Vehicle>,
    state: ChargerState,
    since: Instant,
    ends: Option<Instant>,
    limit: Option<Power>,
    /// Energy through the meter in micro-steps: 1e-4 kWh is 360 000 mJ.
    millijoule: i128,
    session_start: Energy,
    updated: Instant,
    /// How the next start goes wrong.
    pub start_fault: StartFault,
    /// A stop order has no effect (a contactor that sticks).
    pub stop_ignored: bool,
    /// The emergency stop is pressed.
    pub emergency: bool,
    /// Starts that the electronics carried out.
    pub starts: u32,
}

const STEP_MJ: i128 = 360_000;

impl Bay {
    /// An empty place whose meter stands at `register`.
    #[must_use]
    pub fn new(electronics: Electronics, register: Energy) -> Bay {
        Bay {
            electronics,
            vehicle: None,
            state: ChargerState::Idle,
            since: Instant::default(),
            ends: None,
            limit: None,
            millijoule: i128::from(register.0) * STEP_MJ,
            session_start: register,
            updated: Instant::default(),
            start_fault: StartFault::None,
            stop_ignored: false,
            emergency: false,
            starts: 0,
        }
    }

    /// Lets time pass: energy flows, phases end.
    pub fn advance(&mut self, now: Instant) {
        // whole phases first, so that a long step does not charge past the moment a phase ended
        let until = self.ends.filter(|end| *end <= now);
        if let Some(end) = until {
            self.flow(end);
            self.ends = None;
            self.phase_over(end);
        }
        self.flow(now);
        if self.emergency && self.state == ChargerState::Charging {
            self.enter(ChargerState::Faulted, now);
        }
        if self.state == ChargerState::Charging
            && self.vehicle.as_ref().is_none_or(|v| v.demand() == Power(0))
        {
            self.enter(ChargerState::Finished, now);
        }
    }

    fn flow(&mut self, now: Instant) {
        let elapsed = i128::try_from(now.since(self.updated).as_micros()).unwrap_or(0);
        let power = self.power();
        if power.0 > 0 && elapsed > 0 {
            let before = self.register();
            self.millijoule += i128::from(power.0) * elapsed / 1000;
            let taken = self.register() - before;
            if let Some(vehicle) = &mut self.vehicle {
                vehicle.take(taken);
            }
        }
        self.updated = self.updated.max(now);
    }

    fn phase_over(&mut self, at: Instant) {
        match self.state {
            ChargerState::Preparing if self.vehicle.is_some() && !self.emergency => {
                self.starts += 1;
                self.session_start = self.register();
                self.enter(ChargerState::Charging, at);
            }
            ChargerState::Preparing => self.enter(ChargerState::StartFailed, at),
            ChargerState::Charging => self.enter(ChargerState::Finished, at),
            ChargerState::Idle
            | ChargerState::Finished
            | ChargerState::StartFailed
            | ChargerState::Faulted
            | ChargerState::Unknown => {}
        }
    }

    fn enter(&mut self, state: ChargerState, at: Instant) {
        self.state = state;
        self.since = at;
        self.ends = None;
    }

    /// A start order arrived.
    pub fn start(&mut self, now: Instant) {
        self.advance(now);
        let busy = matches!(self.state, ChargerState::Charging | ChargerState::Preparing);
        if busy || self.start_fault == StartFault::Ignored {
            return;
        }
        if self.vehicle.is_none() || self.start_fault == StartFault::Fails || self.emergency {
            self.enter(ChargerState::StartFailed, now);
            return;
        }
        self.enter(ChargerState::Preparing, now);
        self.ends = Some(now + self.electronics.preparing);
    }

    /// A stop order arrived.
    pub fn stop(&mut self, now: Instant) {
        self.advance(now);
        if self.stop_ignored {
            return;
        }
        match self.state {
            ChargerState::Charging if self.ends.is_none() => {
                self.ends = Some(now + self.electronics.stopping)
            }
            ChargerState::Preparing => self.enter(ChargerState::Finished, now),
            ChargerState::Charging
            | ChargerState::Idle
            | ChargerState::Finished
            | ChargerState::StartFailed
            | ChargerState::Faulted
            | ChargerState::Unknown => {}
        }
    }

    /// The place's own button.
    pub fn stop_by_hand(&mut self, now: Instant) {
        self.stop(now);
    }

    /// A power limit arrived.
    pub fn limit(&mut self, now: Instant, limit: Power) {
        self.advance(now);
        self.limit = Some(limit);
    }

    /// A bus is plugged in. The one that stood there is given back.
    pub fn plug(&mut self, now: Instant, vehicle: Vehicle) -> Option<Vehicle> {
        self.advance(now);
        self.enter(if self.emergency { ChargerState::Faulted } else { ChargerState::Idle }, now);
        self.limit = None;
        self.vehicle.replace(vehicle)
    }

    /// The gun is pulled.
    pub fn unplug(&mut self, now: Instant) -> Option<Vehicle> {
        self.advance(now);
        self.enter(if self.emergency { ChargerState::Faulted } else { ChargerState::Idle }, now);
        self.vehicle.take()
    }

    /// What it is doing.
    #[must_use]
    pub fn state(&self) -> ChargerState {
        self.state
    }

    /// Since when.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// What is plugged in.
    #[must_use]
    pub fn vehicle(&self) -> Option<&Vehicle> {
        self.vehicle.as_ref()
    }

    /// Output power.
    #[must_use]
    pub fn power(&self) -> Power {
        match (&self.vehicle, self.state) {
            (Some(vehicle), ChargerState::Charging) => {
                vehicle.demand().min(self.electronics.rated).min(self.limit.unwrap_or(self.electronics.rated))
            }
            _ => Power(0),
        }
    }

    /// Output voltage.
    #[must_use]
    pub fn voltage(&self) -> Voltage {
        match (&self.vehicle, self.state) {
            (Some(vehicle), ChargerState::Charging) => Voltage(560_000 + 900 * i64::from(vehicle.soc())),
            _ => Voltage(0),
        }
    }

    /// Output current.
    #[must_use]
    pub fn current(&self) -> Current {
        match self.voltage().0 {
            0 => Current(0),
            voltage => Current(self.power().0 * 1_000_000 / voltage),
        }
    }

    /// Register of the meter.
    #[must_use]
    pub fn register(&self) -> Energy {
        Energy(i64::try_from(self.millijoule / STEP_MJ).unwrap_or(i64::MAX))
    }

    /// Energy of the charge that runs or ran last.
    #[must_use]
    pub fn session_energy(&self) -> Energy {
        self.register() - self.session_start
    }

    /// When a phase ends by itself.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.ends
    }

    /// The meter is replaced by one that stands at `register`; the charger's own count of the charge goes on.
    pub fn replace_meter(&mut self, register: Energy) {
        self.session_start += register - self.register();
        self.millijoule = i128::from(register.0) * STEP_MJ;
    }

    /// The power of the whole place goes: the charge ends, the meter keeps its register.
    pub fn power_cut(&mut self, now: Instant) {
        self.advance(now);
        self.enter(ChargerState::Idle, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::vehicle::Character;

    fn bus(percent: i64) -> Vehicle {
        Vehicle {
            name: "B1".to_owned(),
            capacity: Energy(3_000_000),
            charge: Energy(30_000 * percent),
            max_power: Power(120_000),
            bms: Character::default(),
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant(seconds * 1_000_000)
    }

    #[test]
    fn energy_flows_between_the_start_and_the_stop_and_the_meter_counts_it() {
        let mut bay = Bay::new(Electronics::default(), Energy(1000));
        bay.plug(at(0), bus(20));
        bay.start(at(10));
        bay.advance(at(11));
        assert_eq!((bay.state(), bay.register()), (ChargerState::Preparing, Energy(1000)));
        bay.advance(at(3_612));
        assert_eq!(bay.state(), ChargerState::Charging);
        // 120 kW from 12.5 s to 3612 s
        assert_eq!(bay.register(), Energy(1000 + 1_199_833));
        bay.stop(at(3_612));
        bay.advance(at(4_000));
        assert_eq!((bay.state(), bay.power()), (ChargerState::Finished, Power(0)));
        assert_eq!(bay.session_energy(), Energy(1_199_833 + 200));
    }

    #[test]
    fn nothing_flows_without_a_bus_and_a_pulled_gun_ends_it() {
        let mut bay = Bay::new(Electronics::default(), Energy(0));
        bay.start(at(1));
        assert_eq!(bay.state(), ChargerState::StartFailed);
        bay.plug(at(2), bus(20));
        bay.start(at(3));
        bay.advance(at(30));
        assert!(bay.unplug(at(30)).is_some());
        let left = bay.register();
        bay.advance(at(600));
        assert_eq!((bay.register(), bay.state()), (left, ChargerState::Idle));
    }
}
