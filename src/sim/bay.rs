//! One charging place: a gun, what is plugged into it, the power electronics and the meter behind it.
//!
//! Its power electronics either keep the times of [`Electronics`] by themselves, or have a [`Plug`]: then output is
//! there when charger and vehicle agreed on it over GB/T 27930, and ends as they do.

use super::plug::{Plug, Stage, Why};
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
    plug: Option<Plug>,
    /// Current may flow: without a plug as long as it charges.
    output: bool,
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
            plug: None,
            output: true,
            start_fault: StartFault::None,
            stop_ignored: false,
            emergency: false,
            starts: 0,
        }
    }

    /// The same with a vehicle that is spoken to.
    #[must_use]
    pub fn with_plug(self, plug: Plug) -> Bay {
        Bay { plug: Some(plug), output: false, ..self }
    }

    /// Lets time pass: energy flows, phases end.
    pub fn advance(&mut self, now: Instant) {
        if self.plug.is_some() {
            return self.converse(now);
        }
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

    fn converse(&mut self, now: Instant) {
        if self.emergency {
            self.end(now, Why::Emergency);
        }
        while let Some(at) = self.plug.as_ref().and_then(Plug::wake_at).filter(|at| *at <= now) {
            self.flow(at);
            let (current, energy) = (self.current(), self.session_energy());
            if let Some(plug) = &mut self.plug {
                plug.step(at, self.vehicle.as_ref(), current, energy);
            }
            self.follow(at);
        }
        self.flow(now);
    }

    /// Takes over what charger and vehicle have come to.
    fn follow(&mut self, at: Instant) {
        let Some(plug) = &self.plug else { return };
        self.output = plug.is_output(at);
        let ending = *plug.ending();
        let state = match plug.stage() {
            Stage::Idle => return,
            Stage::Handshake | Stage::Identify | Stage::Config | Stage::Ready if ending.charged => self.state,
            Stage::Handshake | Stage::Identify | Stage::Config | Stage::Ready => ChargerState::Preparing,
            Stage::Charging => ChargerState::Charging,
            Stage::Stopping | Stage::Failed | Stage::Statistics => match (self.state, self.output) {
                (ChargerState::Charging, false) if ending.why.is_some() => ChargerState::Finished,
                (state, _) => state,
            },
            Stage::Over if ending.why == Some(Why::Emergency) => ChargerState::Faulted,
            Stage::Over if ending.charged => ChargerState::Finished,
            Stage::Over if ending.why == Some(Why::Ordered) => ChargerState::Finished,
            Stage::Over => ChargerState::StartFailed,
        };
        if state == self.state {
            return;
        }
        if state == ChargerState::Charging {
            self.starts += 1;
            self.session_start = self.register();
        }
        self.enter(state, at);
    }

    /// Ends the dialogue of a place that has one.
    fn end(&mut self, now: Instant, why: Why) {
        if let Some(plug) = &mut self.plug {
            plug.stop(now, why);
            self.follow(now);
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
        self.begin(now, true);
    }

    /// Handshake with the vehicle, but no output before [`Bay::release`]. Only a place with a plug can do that.
    pub fn start_held(&mut self, now: Instant) {
        self.begin(now, false);
    }

    /// The vehicle may have output.
    pub fn release(&mut self, now: Instant) {
        self.advance(now);
        if let Some(plug) = &mut self.plug {
            plug.release();
        }
    }

    fn begin(&mut self, now: Instant, released: bool) {
        self.advance(now);
        let talks = self.plug.as_ref().is_some_and(|p| !matches!(p.stage(), Stage::Idle | Stage::Over));
        let busy = talks || matches!(self.state, ChargerState::Charging | ChargerState::Preparing);
        if busy || self.start_fault == StartFault::Ignored {
            return;
        }
        if self.vehicle.is_none() || self.start_fault == StartFault::Fails || self.emergency {
            self.enter(ChargerState::StartFailed, now);
            return;
        }
        self.enter(ChargerState::Preparing, now);
        match &mut self.plug {
            Some(plug) => plug.start(now, released),
            None => self.ends = Some(now + self.electronics.preparing),
        }
    }

    /// A stop order arrived.
    pub fn stop(&mut self, now: Instant) {
        self.advance(now);
        if self.stop_ignored {
            return;
        }
        if self.plug.is_some() {
            return self.end(now, Why::Ordered);
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
        match self.plug {
            Some(_) => self.end(now, Why::ByHand),
            None => self.stop(now),
        }
    }

    /// The driver ends the charge in the bus.
    pub fn stop_in_vehicle(&mut self, now: Instant) {
        self.advance(now);
        match (&mut self.plug, &self.vehicle) {
            (Some(plug), Some(vehicle)) => {
                plug.stop_in_vehicle(now, vehicle);
                self.follow(now);
            }
            _ => self.stop(now),
        }
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
        self.unseat(now);
        self.vehicle.replace(vehicle)
    }

    /// The plug was moved: what was said over it is of the past.
    fn unseat(&mut self, now: Instant) {
        if let Some(plug) = &mut self.plug {
            plug.pull(now);
            self.output = false;
        }
    }

    /// The gun is pulled.
    pub fn unplug(&mut self, now: Instant) -> Option<Vehicle> {
        self.advance(now);
        self.unseat(now);
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
            (Some(vehicle), ChargerState::Charging) if self.output => {
                vehicle.demand().min(self.electronics.rated).min(self.limit.unwrap_or(self.electronics.rated))
            }
            _ => Power(0),
        }
    }

    /// Output voltage.
    #[must_use]
    pub fn voltage(&self) -> Voltage {
        match (&self.vehicle, self.state) {
            (Some(vehicle), ChargerState::Charging) if self.output => vehicle.voltage(),
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
        self.ends.into_iter().chain(self.plug.as_ref().and_then(Plug::wake_at)).min()
    }

    /// What is said over the plug, where it is simulated.
    #[must_use]
    pub fn plug_talk(&self) -> Option<&Plug> {
        self.plug.as_ref()
    }

    /// The same, to disturb it or to listen.
    pub fn plug_talk_mut(&mut self) -> Option<&mut Plug> {
        self.plug.as_mut()
    }

    /// Rated output.
    #[must_use]
    pub fn rated(&self) -> Power {
        self.electronics.rated
    }

    /// The limit in force.
    #[must_use]
    pub fn limited_to(&self) -> Option<Power> {
        self.limit
    }

    /// The meter is replaced by one that stands at `register`; the charger's own count of the charge goes on.
    pub fn replace_meter(&mut self, register: Energy) {
        self.session_start += register - self.register();
        self.millijoule = i128::from(register.0) * STEP_MJ;
    }

    /// The power of the whole place goes: the charge ends, the meter keeps its register.
    pub fn power_cut(&mut self, now: Instant) {
        self.advance(now);
        if let Some(plug) = &mut self.plug {
            plug.power_cut(now);
            self.output = false;
        }
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

    #[test]
    fn with_a_plug_output_is_there_when_both_sides_agreed_and_ends_as_they_do() {
        use crate::sim::plug::Config;
        use std::time::Duration;
        let config = Config {
            number: 1,
            rated: Power(120_000),
            insulation: Duration::from_millis(800),
            tapped: false,
            grant: 255,
        };
        let mut bay = Bay::new(Electronics::default(), Energy(0)).with_plug(Plug::new(config, 1));
        bay.plug(at(0), bus(20));
        bay.start_held(at(1));
        bay.advance(at(20));
        assert_eq!((bay.state(), bay.register()), (ChargerState::Preparing, Energy(0)));
        bay.release(at(20));
        bay.advance(at(21));
        assert_eq!((bay.state(), bay.starts), (ChargerState::Charging, 1));
        bay.advance(at(81));
        let (energy, took) = (bay.session_energy().0, 60_i64);
        assert!((energy - 120_000 * took / 360).abs() < 400, "{energy}");
        bay.limit(at(81), Power(60_000));
        assert_eq!(bay.power(), Power(60_000));
        bay.stop_in_vehicle(at(82));
        bay.advance(at(90));
        assert_eq!((bay.state(), bay.power()), (ChargerState::Finished, Power(0)));
        assert_eq!(bay.plug_talk().and_then(|p| p.ending().why), Some(Why::VehicleDone));
        bay.start(at(100));
        bay.advance(at(110));
        assert_eq!((bay.state(), bay.starts), (ChargerState::Charging, 2));
        assert!(bay.unplug(at(110)).is_some());
        assert_eq!(bay.state(), ChargerState::Idle);
    }
}
