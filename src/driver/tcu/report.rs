//! What the station is told: link, status, vehicle; and what the controller is told for its screen (21).

use super::attempt::Attempt;
use super::frame::short;
use super::seen::Work;
use super::{Action, Config, Controller, vehicle};
use crate::model::quantity::Energy;
use crate::model::report::{ChargerState, ChargerStatus, LinkState, Report};
use crate::model::time::Instant;
use crate::model::vehicle::{Handshake, Progress, VehicleReport};
use crate::wire::can::Frame;
use crate::wire::tcu::Kind;
use crate::wire::tcu::layout::energy_time;
use std::time::Duration;

/// A status is told at least this often while the controller lives.
const PERIOD: Duration = Duration::from_secs(1);
/// Values alone are told at most this often.
const VALUES: Duration = Duration::from_millis(500);
/// A controller that lives without taking its steps for so long leaves questions unanswered.
const STEPS: Duration = Duration::from_secs(3);

/// What the station knows already.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) link: LinkState,
    status: Option<(Instant, ChargerStatus)>,
    pub(super) handshake: Option<Handshake>,
    plugged: Option<bool>,
    paused: bool,
    progress: Option<Instant>,
}

/// What people see on the charger's screen.
#[derive(Debug, Default)]
pub(super) struct Display {
    values: Option<(Energy, Duration)>,
    due: Instant,
}

impl Display {
    pub(super) fn show(&mut self, energy: Energy, elapsed: Duration) {
        self.values = Some((energy, elapsed));
    }

    pub(super) fn clear(&mut self) {
        self.values = None;
    }

    /// 21, each second of a charge of ours; of one that was found running once the station told its values.
    pub(super) fn next(&mut self, now: Instant, config: &Config, own: bool) -> Option<Frame> {
        let (energy, elapsed) = self.values.or(own.then_some((Energy::ZERO, Duration::ZERO)))?;
        if now < self.due {
            return None;
        }
        self.due = now + PERIOD;
        let tenths = u16::try_from(energy.0.max(0) / (Energy::KWH.0 / 10)).unwrap_or(u16::MAX);
        let minutes = u16::try_from(elapsed.as_secs() / 60).unwrap_or(u16::MAX);
        let fields = [(energy_time::ENERGY, tenths.into()), (energy_time::MINUTES, minutes.into())];
        Some(short(config, Kind::EnergyTime, &fields))
    }

    pub(super) fn wake_at(&self, own: bool) -> Option<Instant> {
        (own || self.values.is_some()).then_some(self.due)
    }
}

impl Controller {
    /// Good when heartbeat and both steps are there; degraded when it lives and does not take them.
    pub(super) fn judge_link(&mut self, now: Instant, out: &mut Vec<Action>) {
        let link = match &self.bus {
            None => LinkState::Silent,
            Some(bus) if bus.beat.is_lost(now) => LinkState::Silent,
            Some(bus) if bus.alive && bus.steps.are_done() => LinkState::Good,
            Some(bus) if bus.alive && now >= bus.alive_since + STEPS => LinkState::Degraded,
            Some(_) => self.told.link,
        };
        if std::mem::replace(&mut self.told.link, link) != link {
            Self::report(Report::Link(link), out);
        }
    }

    /// Status, when something changed or a second went by.
    pub(super) fn tell_status(&mut self, now: Instant, out: &mut Vec<Action>) {
        let alive = self.bus.as_ref().is_some_and(|bus| bus.alive);
        let Some((at, told)) = &self.told.status else {
            if alive && self.seen.work(now).is_some() {
                self.report_status(now, out);
            }
            return;
        };
        let status = self.charger_status(now);
        let key = |s: &ChargerStatus| (s.state, s.plugged, s.faults, s.alarms.clone(), s.end);
        let due =
            if alive { key(&status) != key(told) || now >= *at + PERIOD } else { status.end != told.end };
        if due || alive && status != *told && now >= *at + VALUES {
            self.report_status(now, out);
        }
    }

    /// Status now.
    pub(super) fn report_status(&mut self, now: Instant, out: &mut Vec<Action>) {
        let status = self.charger_status(now);
        self.told.status = Some((now, status.clone()));
        Self::report(Report::Charger(status), out);
    }

    pub(super) fn status_due(&self) -> Option<Instant> {
        self.told.status.as_ref().map(|(at, _)| *at + PERIOD)
    }

    fn charger_status(&self, now: Instant) -> ChargerStatus {
        let said = self.seen.words(now);
        let telemetry = self.seen.telemetry(now);
        let on = matches!(self.attempt, Attempt::Charging(_) | Attempt::Leaving(_));
        let measured = telemetry.filter(|_| on).and_then(|t| t.progress.soc);
        let named = self.vehicle.as_ref().and_then(|v| v.soc_permille).map(|soc| (soc / 10) as u8);
        ChargerStatus {
            state: self.state(now, said.total_fault),
            plugged: self.seen.plugged(now),
            soc: measured.or(named),
            voltage: self.seen.voltage(now),
            current: self.seen.current(now),
            power: self.seen.power(now),
            session_energy: None,
            faults: said.faults,
            alarms: said.alarms,
            raw: self.seen.work(now).map_or(0xFF, |work| match work {
                Work::Standby => 0,
                Work::Working => 1,
                Work::Finished => 2,
                Work::Paused => 3,
            }),
            connector_temperature_c: telemetry.and_then(|t| t.plug_c),
            end: self.rest.end,
        }
    }

    fn state(&self, now: Instant, total_fault: bool) -> ChargerState {
        match &self.attempt {
            Attempt::Preparing(_) => ChargerState::Preparing,
            Attempt::Charging(_) => ChargerState::Charging,
            Attempt::Leaving(leaving) if leaving.began => ChargerState::Charging,
            Attempt::Leaving(_) => ChargerState::Preparing,
            Attempt::None if total_fault => ChargerState::Faulted,
            Attempt::None => match (self.rest.state, self.seen.work(now)) {
                (Some(state), _) => state,
                (None, Some(Work::Standby)) => ChargerState::Idle,
                (None, Some(Work::Finished)) => ChargerState::Finished,
                // On its way out; adopted if it stays so.
                (None, Some(Work::Working | Work::Paused)) | (None, None) => ChargerState::Unknown,
            },
        }
    }

    /// The vehicle named itself (17, 2D). What is known of the same one already is more.
    pub(super) fn tell_name(&mut self, named: Handshake, out: &mut Vec<Action>) {
        let known = self.vehicle.as_ref().is_some_and(|v| v.vin == named.vin);
        if !known || self.told.handshake.is_none() {
            self.tell_vehicle(named, out);
        }
    }

    /// The vehicle is known, or known better.
    pub(super) fn tell_vehicle(&mut self, newer: Handshake, out: &mut Vec<Action>) {
        let same =
            self.vehicle.as_ref().filter(|v| newer.vin.is_none() || v.vin.is_none() || v.vin == newer.vin);
        let newer = same.map_or_else(|| newer.clone(), |before| vehicle::merged(newer.clone(), before));
        self.vehicle = Some(newer.clone());
        if self.told.handshake.as_ref() != Some(&newer) {
            self.told.handshake = Some(newer.clone());
            Self::report(Report::Vehicle(VehicleReport::Handshake(Box::new(newer))), out);
        }
    }

    pub(super) fn note_plug(&mut self, now: Instant, out: &mut Vec<Action>) {
        let plugged = self.seen.plugged(now);
        let before = self.told.plugged;
        self.told.plugged = plugged.or(before);
        if plugged == Some(false) && before != Some(false) {
            let known = self.vehicle.take().is_some() | self.told.handshake.take().is_some();
            if known || before == Some(true) {
                Self::report(Report::Vehicle(VehicleReport::Gone), out);
            }
        }
    }

    pub(super) fn note_pause(&mut self, now: Instant, out: &mut Vec<Action>) {
        let charging = matches!(self.attempt, Attempt::Charging(_));
        let paused = charging && self.seen.work(now) == Some(Work::Paused);
        if std::mem::replace(&mut self.told.paused, paused) != paused {
            Self::report(Report::Vehicle(VehicleReport::Paused(paused)), out);
        }
    }

    /// Telemetry of a charge waits for its turn; the newest wins.
    pub(super) fn note_progress(&mut self) {
        self.progress_waits = matches!(self.attempt, Attempt::Charging(_));
    }

    pub(super) fn tell_progress(&mut self, now: Instant, out: &mut Vec<Action>) {
        if !self.progress_waits || self.progress_due().is_some_and(|due| now < due) {
            return;
        }
        self.progress_waits = false;
        let Some(telemetry) = self.seen.telemetry(now) else { return };
        let permit = self.seen.work(now).map(|work| work != Work::Paused);
        let progress = Progress { permit, ..telemetry.progress.clone() };
        self.told.progress = Some(now);
        Self::report(Report::Vehicle(VehicleReport::Progress(Box::new(progress))), out);
    }

    /// When a further progress may be told.
    pub(super) fn progress_due(&self) -> Option<Instant> {
        self.told.progress.map(|at| at + PERIOD)
    }
}
