//! What a gun heard of the vehicle at its plug: from its charger, and from the tap on the plug's own bus.

use super::alarms::{Key, code};
use super::connector::Role;
use super::{Action, Station};
use crate::model::access::VehicleStatus;
use crate::model::ident::{Credential, Vin};
use crate::model::quantity::Power;
use crate::model::record::StartMode;
use crate::model::stop::StopReason;
use crate::model::time::Now;
use crate::model::vehicle::{End, Handshake, Progress, VehicleReport};
use crate::session::{self, Opening};
use std::time::Duration;

/// The newest words of one witness.
#[derive(Debug, Default)]
struct Words {
    handshake: Option<Box<Handshake>>,
    progress: Option<Box<Progress>>,
    end: Option<Box<End>>,
}

impl Words {
    fn hear(&mut self, report: &VehicleReport) {
        match report {
            VehicleReport::Handshake(handshake) => self.handshake = Some(handshake.clone()),
            VehicleReport::Progress(progress) => self.progress = Some(progress.clone()),
            VehicleReport::End(end) => self.end = Some(end.clone()),
            VehicleReport::Gone => *self = Words::default(),
            VehicleReport::Fault(..) | VehicleReport::Paused(_) => {}
        }
    }

    fn vin(&self) -> Option<Vin> {
        self.handshake.as_ref()?.vin
    }
}

/// The vehicle at a gun as far as it is known. The charger's own words win when both witnesses speak.
#[derive(Debug, Default)]
pub(super) struct Known {
    charger: Words,
    tap: Words,
}

impl Known {
    /// Takes it in; whether it counts.
    fn hear(&mut self, role: Role, report: &VehicleReport) -> bool {
        if role == Role::Charger {
            self.charger.hear(report);
            return true;
        }
        self.tap.hear(report);
        match report {
            VehicleReport::Handshake(_) => self.charger.vin().is_none(),
            VehicleReport::Progress(_) => self.charger.progress.is_none(),
            VehicleReport::End(_) => self.charger.end.is_none(),
            VehicleReport::Fault(..) | VehicleReport::Paused(_) | VehicleReport::Gone => true,
        }
    }

    pub(super) fn handshake(&self) -> Option<&Handshake> {
        let charger = self.charger.handshake.as_deref().filter(|h| h.vin.is_some());
        charger.or(self.tap.handshake.as_deref()).or(self.charger.handshake.as_deref())
    }

    pub(super) fn progress(&self) -> Option<&Progress> {
        self.charger.progress.as_deref().or(self.tap.progress.as_deref())
    }

    pub(super) fn vin(&self) -> Option<Vin> {
        self.charger.vin().or(self.tap.vin())
    }

    /// State of charge in the vehicle's own words, %.
    pub(super) fn soc(&self) -> Option<u8> {
        let at_first = || {
            let permille = self.handshake()?.soc_permille?;
            u8::try_from(permille / 10).ok()
        };
        self.progress().and_then(|p| p.soc).or_else(at_first).filter(|soc| *soc <= 100)
    }

    /// Hottest point of the battery, degrees Celsius.
    pub(super) fn battery_temperature_c(&self) -> Option<i16> {
        self.progress()?.max_temperature_c
    }

    /// Until full, as the vehicle reckons.
    pub(super) fn remaining(&self) -> Option<Duration> {
        self.progress()?.remaining
    }

    pub(super) fn forget(&mut self) {
        *self = Known::default();
    }
}

impl Station {
    /// Charger or tap told something of the vehicle.
    pub(super) fn vehicle(
        &mut self,
        now: Now,
        gun: usize,
        role: Role,
        report: &VehicleReport,
        out: &mut Vec<Action>,
    ) {
        if !self.guns[gun].vehicle.hear(role, report) {
            return;
        }
        let handshake = matches!(report, VehicleReport::Handshake(_));
        self.tell_vehicle(now, gun, report, out);
        if handshake {
            self.named_itself(now, gun, role, out);
        }
        self.mark_grey(now, gun);
    }

    fn tell_vehicle(&mut self, now: Now, gun: usize, report: &VehicleReport, out: &mut Vec<Action>) {
        let vin = match report {
            VehicleReport::Handshake(handshake) => handshake.vin,
            VehicleReport::Progress(_)
            | VehicleReport::Fault(..)
            | VehicleReport::Paused(_)
            | VehicleReport::End(_)
            | VehicleReport::Gone => None,
        };
        let opening = self.guns[gun].running().map(|r| r.session.opening());
        let objection = vin.zip(opening).and_then(|(vin, opening)| self.objection(&vin, opening));
        if objection.is_some() {
            self.mark_refused(now, gun, vin);
        }
        self.session_event(now, gun, session::Event::Vehicle { report, objection }, out);
    }

    /// A new session is told what is known of the vehicle already.
    pub(super) fn tell_known_vehicle(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let known = &self.guns[gun].vehicle;
        let handshake = known.handshake().cloned().map(|h| VehicleReport::Handshake(Box::new(h)));
        let progress = known.progress().cloned().map(|p| VehicleReport::Progress(Box::new(p)));
        for report in [handshake, progress].into_iter().flatten() {
            self.tell_vehicle(now, gun, &report, out);
        }
        self.mark_grey(now, gun);
    }

    /// What the VIN list has against this vehicle in this session: it is refused, or bound to another card. An operator
    /// in the depot decides for himself, and a platform that named the vehicle knows it.
    fn objection(&self, vin: &Vin, opening: &Opening) -> Option<StopReason> {
        let entry = self.vins.get(vin)?;
        let grant = &opening.grant;
        let bound = |card| {
            let card = Credential::Card(card);
            opening.credential == card || grant.also_stops == card
        };
        let named = opening.start_mode == StartMode::Remote && grant.expected_vin == Some(*vin);
        let fits = opening.start_mode == StartMode::LocalOperator
            || entry.status != VehicleStatus::Refused && (named || entry.bound_card.is_none_or(bound));
        (!fits).then_some(StopReason::CREDENTIAL_REFUSED)
    }

    /// Whether the vehicle has to name itself before output: somebody in particular is expected, or the list knows of
    /// vehicles that not everybody may start.
    pub(super) fn wants_name(&self, opening: &Opening) -> bool {
        let by_vin = matches!(opening.credential, Credential::Vin(_));
        by_vin || opening.grant.expected_vin.is_some() || self.restricted_vehicles
    }

    /// After a change of the list.
    pub(super) fn look_for_restrictions(&mut self) {
        let entries = self.vins.entries();
        self.restricted_vehicles =
            entries.iter().any(|v| v.status == VehicleStatus::Refused || v.bound_card.is_some());
    }

    /// What the list lets this vehicle draw here.
    pub(super) fn list_power(&self, gun: usize, vin: &Vin) -> Option<Power> {
        let percent = self.vins.get(vin)?.power_percent;
        let rated = self.guns[gun].config.rated.0;
        (1..100).contains(&percent).then(|| Power(rated.saturating_mul(i64::from(percent)) / 100))
    }

    /// Alarm 040C, until the plug is pulled: the list refuses this vehicle.
    pub(super) fn mark_refused(&mut self, now: Now, gun: usize, vin: Option<Vin>) {
        let refused =
            vin.and_then(|vin| self.vins.get(&vin)).is_some_and(|v| v.status == VehicleStatus::Refused);
        if refused {
            let id = self.guns[gun].config.id;
            self.alarms.set(now, Key::connector(code::REFUSED_VEHICLE, id, "vehicle"), true);
        }
    }

    /// Alarm 0410 while a vehicle of the grey kind charges.
    pub(super) fn mark_grey(&mut self, now: Now, gun: usize) {
        let session = self.guns[gun].running().map(|r| &r.session);
        let vin = session.and_then(session::Session::vin);
        let grey = vin.and_then(|vin| self.vins.get(&vin)).is_some_and(|v| v.status == VehicleStatus::Grey);
        let (id, txn) = (self.guns[gun].config.id, self.guns[gun].txn());
        self.alarms.set_for(now, Key::connector(code::GREY_VEHICLE, id, "vehicle"), grey, txn);
    }

    /// The plug is out: what was known is of the past.
    pub(super) fn forget_vehicle(&mut self, now: Now, gun: usize) {
        self.guns[gun].vehicle.forget();
        let id = self.guns[gun].config.id;
        for code in [code::REFUSED_VEHICLE, code::VIN_DIFFERS] {
            self.alarms.set(now, Key::connector(code, id, "vehicle"), false);
        }
    }

    /// Whether this credential names the vehicle at a gun: its VIN, or what the list calls it.
    pub(super) fn names_vehicle(&self, credential: &Credential, gun: usize) -> bool {
        let session = self.guns[gun].running().and_then(|r| r.session.vin());
        let Some(vin) = session.or(self.guns[gun].vehicle.vin()) else { return false };
        let entry = self.vins.get(&vin);
        match credential {
            Credential::Vin(named) => *named == vin,
            Credential::FleetNumber(number) => {
                entry.is_some_and(|v| !number.is_empty() && v.fleet_number.as_str() == number)
            }
            Credential::Plate(plate) => entry.is_some_and(|v| !plate.is_empty() && v.plate.as_str() == plate),
            Credential::None | Credential::Card(_) | Credential::Account(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(vin: Option<&str>, soc: u16) -> VehicleReport {
        let vin = vin.map(|text| text.parse().unwrap());
        VehicleReport::Handshake(Box::new(Handshake { vin, soc_permille: Some(soc), ..Handshake::default() }))
    }

    fn progress(soc: u8) -> VehicleReport {
        VehicleReport::Progress(Box::new(Progress { soc: Some(soc), ..Progress::default() }))
    }

    #[test]
    fn the_chargers_own_words_win_and_the_tap_fills_what_it_does_not_say() {
        let mut known = Known::default();
        assert!(known.hear(Role::Tap, &named(Some("LC06S24R0H1234567"), 400)));
        assert!(known.hear(Role::Charger, &named(None, 410)));
        assert_eq!(known.vin().unwrap().as_str(), "LC06S24R0H1234567");
        assert!(known.hear(Role::Charger, &named(Some("LC06S24R0H7654321"), 420)));
        assert!(!known.hear(Role::Tap, &named(Some("LC06S24R0H1234567"), 400)));
        assert_eq!((known.vin().unwrap().as_str(), known.soc()), ("LC06S24R0H7654321", Some(42)));
        assert!(known.hear(Role::Tap, &progress(43)));
        assert!(known.hear(Role::Charger, &progress(44)) && !known.hear(Role::Tap, &progress(43)));
        assert_eq!(known.soc(), Some(44));
        assert!(known.hear(Role::Charger, &VehicleReport::Gone));
        assert_eq!(known.soc(), Some(43));
    }
}
