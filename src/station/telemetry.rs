//! What others see of the guns: 0201 at once on change and by period, login facts (platform-222.md 0201, 0101, 13.2).

use super::alarms::{Key, code};
use super::connector::{Gun, fault};
use super::{Action, Station};
use crate::model::message::{LimitCause, Realtime, StationFacts, ToLink};
use crate::model::record::BillingMode;
use crate::model::session::ConnectorState;
use crate::model::time::{Instant, Now};

impl Station {
    /// One connector as it is now.
    pub(super) fn realtime(&self, now: Now, gun: usize) -> Realtime {
        let faults = self.faults(now, gun);
        let gun = &self.guns[gun];
        let (state, txn) = gun.state();
        let told = gun.charger_answers();
        let own = Realtime {
            voltage: gun.charger.voltage.filter(|_| told).or(gun.meter.voltage),
            current: gun.charger.current.filter(|_| told).or(gun.meter.current),
            power: gun.charger.power.filter(|_| told).or(gun.meter.power),
            soc: gun.charger.soc.filter(|_| told).or(gun.vehicle.soc()),
            limit_cause: LimitCause::None,
            ..Realtime::default()
        };
        let own = match gun.last.as_ref().filter(|last| !txn.is_none() && last.txn == txn) {
            Some(last) => Realtime {
                energy: last.energy,
                electricity_amount: last.electricity_amount,
                service_amount: last.service_amount,
                elapsed: last.elapsed,
                ..own
            },
            None => own,
        };
        let values = gun.running().map_or(own, |r| r.session.realtime(now));
        Realtime {
            connector: gun.config.id,
            txn,
            state,
            plugged: gun.plugged(),
            faults,
            register: gun.meter.register,
            battery_temperature_c: gun.vehicle.battery_temperature_c(),
            connector_temperature_c: gun.charger.connector_temperature_c.filter(|_| told),
            remaining: gun.vehicle.remaining(),
            ..values
        }
    }

    fn faults(&self, now: Now, gun: usize) -> u32 {
        let when = |holds: bool, bit: u32| if holds { bit } else { 0 };
        let pile_billing = self.guns[gun].config.billing == BillingMode::Pile;
        self.guns[gun].faults()
            | when(pile_billing && self.tariffs.in_force().is_none(), fault::TARIFF_MISSING)
            | when(now.stamp().is_none(), fault::CLOCK_NOT_TRUSTED)
            | when(self.journal.is_failing(), fault::STORAGE)
    }

    pub(super) fn send_realtime(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        if !self.link.online || self.guns[gun].ghost {
            return;
        }
        let mut realtime = self.realtime(now, gun);
        if let Some(running) = self.guns[gun].running() {
            let Realtime { energy, electricity_amount, service_amount, elapsed, .. } = running.kept;
            realtime = Realtime { energy, electricity_amount, service_amount, elapsed, ..realtime };
        }
        let period = match is_live(realtime.state) {
            true => self.link.telemetry_charging,
            false => self.link.telemetry_idle,
        };
        self.guns[gun].seen.due = Some(now.mono + period);
        out.push(Action::Link(ToLink::Realtime(realtime)));
    }

    /// Tells what changed, and what is due by period.
    pub(super) fn telemetry(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let (state, txn) = self.guns[gun].state();
        let (plugged, faults) = (self.guns[gun].plugged(), self.faults(now, gun));
        let seen = &mut self.guns[gun].seen;
        let changed = (seen.state, seen.txn, seen.plugged, seen.faults) != (state, txn, plugged, faults);
        if seen.state != state {
            seen.since = now.stamp();
        }
        (seen.state, seen.txn, seen.plugged, seen.faults) = (state, txn, plugged, faults);
        if changed || seen.due.is_none_or(|due| due <= now.mono) {
            self.send_realtime(now, gun, out);
        }
    }

    pub(super) fn telemetry_wake(&self) -> Option<Instant> {
        let told = self.guns.iter().filter(|g| !g.ghost);
        told.filter_map(|g| g.seen.due).min().filter(|_| self.link.online)
    }

    pub(super) fn open_sessions(&self) -> usize {
        self.guns.iter().filter_map(Gun::running).count()
    }

    /// Values for login and heartbeat, when they changed.
    pub(super) fn tell_facts(&mut self, out: &mut Vec<Action>) {
        let facts = StationFacts {
            boot_counter: self.facts.boot_counter,
            unsent_records: u32::try_from(self.records.unsent()).unwrap_or(u32::MAX),
            tariff_number: self.tariffs.number(),
            card_list_version: self.cards.version(),
            vin_list_version: self.vins.version(),
            plate_list_version: self.plates.version(),
            open_sessions: u16::try_from(self.open_sessions()).unwrap_or(u16::MAX),
            alarm_level: self.alarms.level(),
        };
        if facts != self.facts {
            self.facts = facts.clone();
            out.push(Action::Link(ToLink::Facts(facts)));
        }
    }

    /// Conditions of the station that alarms stand for.
    pub(super) fn watch_conditions(&mut self, now: Now) {
        let offline = self.config.offline.enable;
        let needs_tariff = self.guns.iter().any(|g| !g.ghost && g.config.billing == BillingMode::Pile);
        let conditions = [
            (code::UPLINK_DOWN, "platform", Some(self.config.has_platform && !self.link.online)),
            (code::CLOCK_NOT_TRUSTED, "clock", Some(now.stamp().is_none())),
            (code::CARD_LIST_STALE, "cards", self.cards_are_stale(now)),
            (code::VIN_LIST_STALE, "vins", self.is_stale(now, &self.vins).map(|stale| stale && offline)),
            (code::PLATE_LIST_STALE, "plates", self.is_stale(now, &self.plates)),
            (code::TARIFF_MISSING, "tariff", Some(needs_tariff && self.tariffs.in_force().is_none())),
        ];
        for (code, subject, active) in conditions {
            if let Some(active) = active {
                self.alarms.set(now, Key::station(code, subject), active);
            }
        }
        self.watch_storage(now);
        self.watch_queue(now);
    }
}

/// States in which 0201 goes out by the period of charging.
fn is_live(state: ConnectorState) -> bool {
    match state {
        ConnectorState::Starting
        | ConnectorState::Charging
        | ConnectorState::Paused
        | ConnectorState::Stopping => true,
        ConnectorState::Unknown
        | ConnectorState::Idle
        | ConnectorState::Plugged
        | ConnectorState::Authorising
        | ConnectorState::Finished
        | ConnectorState::Faulted
        | ConnectorState::OutOfService => false,
    }
}
