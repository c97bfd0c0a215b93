//! What a session hears of its vehicle: who it is, how full it is, and both sides' own words on the end
//! (domain.md 2.5, 2.8; platform-222.md 13.4, 15.4).

use super::core::{Core, alarm};
use crate::model::ident::{Credential, Vin};
use crate::model::report::ChargerStatus;
use crate::model::stop::StopReason;
use crate::model::time::Now;
use crate::model::vehicle::{ChargerEnd, End, Handshake, VehicleReport};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// After a BMS time-out the charger may handshake anew so often (GB/T 27930; domain.md 2.8).
const HANDSHAKES_AGAIN: u8 = 3;

/// What is kept on disk of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// As it named itself.
    pub(super) vin: Option<Vin>,
    /// Why the charger says it ended.
    charger: Option<ChargerEnd>,
    /// Both sides' octets.
    end: Option<End>,
    /// BMS time-outs so far.
    timeouts: u8,
}

impl Known {
    /// Why it ended or did not begin, in the words of whoever named a cause.
    pub(super) fn reason(&self) -> Option<StopReason> {
        let charger = self.charger.map(|end| end.reason).filter(|reason| *reason != StopReason::NONE);
        charger.or(self.end.as_ref().and_then(|end| end.reason))
    }

    /// Both sides' words on the end.
    pub(super) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The raw codes for people; nothing while there are none.
    pub(super) fn text(&self) -> Option<String> {
        let mut parts = Vec::new();
        if let Some(end) = self.charger {
            let why = end.reason.text().map_or("no cause known here", |(english, _)| english);
            parts.push(format!("charger: stop code {:02X}, {why}", end.code));
        }
        if let Some(end) = &self.end {
            let said = [("BST", end.bst), ("CST", end.cst), ("BEM", end.bem), ("CEM", end.cem)];
            let mut text = String::from("vehicle:");
            for (name, octets) in said.into_iter().filter_map(|(name, octets)| Some((name, octets?))) {
                let [a, b, c, d] = octets;
                let _ = write!(text, " {name} {a:02X} {b:02X} {c:02X} {d:02X}");
            }
            parts.push(text);
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// What is heard of it now.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// Newest state of charge in its own words, %.
    pub(super) soc: Option<u8>,
    /// It or its charger forbids current for now.
    pub(super) paused: bool,
    /// What the charger says of its last charge is not of this one.
    left_over: Option<ChargerEnd>,
    /// Orders were given: what ends now is of this session.
    ordered: bool,
}

impl Core {
    /// From here on the charger's and the vehicle's words on an end are of this session.
    pub(super) fn ends_count(&mut self) {
        self.vehicle.ordered = true;
        self.vehicle.left_over = self.charger.as_ref().and_then(|status| status.end);
    }

    /// Keeps why the charger says it ended. Whether that is new.
    pub(super) fn hear_charger_end(&mut self, status: &ChargerStatus) -> bool {
        if status.end.is_none() {
            self.vehicle.left_over = None;
        }
        let left_over = self.vehicle.left_over;
        let end = status.end.filter(|end| self.vehicle.ordered && Some(*end) != left_over);
        let known = &mut self.facts.vehicle.charger;
        let news = end.is_some() && *known != end;
        *known = end.or(*known);
        news
    }

    /// Takes in what was heard of the vehicle. Why the session must end for it, if it must.
    pub(super) fn hear_vehicle(
        &mut self,
        report: &VehicleReport,
        objection: Option<StopReason>,
    ) -> Option<StopReason> {
        match report {
            VehicleReport::Handshake(handshake) => {
                self.hear_soc(handshake.soc_permille.map(|permille| permille / 10));
                self.named(handshake, objection)
            }
            VehicleReport::Progress(progress) => {
                self.hear_soc(progress.soc.map(u16::from));
                None
            }
            VehicleReport::Fault(reason, began) => self.hear_timeout(*reason, *began),
            VehicleReport::Paused(paused) => {
                self.vehicle.paused = *paused;
                None
            }
            VehicleReport::End(end) => {
                if self.vehicle.ordered {
                    self.facts.vehicle.end = Some((**end).clone());
                }
                None
            }
            VehicleReport::Gone => {
                self.vehicle.soc = None;
                self.vehicle.paused = false;
                None
            }
        }
    }

    fn hear_soc(&mut self, percent: Option<u16>) {
        let Some(soc) = percent.and_then(|soc| u8::try_from(soc).ok()).filter(|soc| *soc <= 100) else {
            return;
        };
        self.vehicle.soc = Some(soc);
        if self.charger.as_ref().is_none_or(|status| status.soc.is_none()) {
            self.facts.soc = Some(soc);
        }
    }

    /// It named itself: whether it is the one that may charge.
    fn named(&mut self, handshake: &Handshake, objection: Option<StopReason>) -> Option<StopReason> {
        let opening = &self.facts.opening;
        let Some(vin) = handshake.vin else {
            let wanted = self.config.waits && opening.grant.expected_vin.is_some();
            return (wanted && self.facts.vehicle.vin.is_none()).then_some(StopReason::VIN_ABSENT);
        };
        let charges = self.facts.charging_ms.is_some();
        match self.facts.vehicle.vin {
            Some(first) if first != vin && charges => {
                self.alarm(alarm::VIN_CHANGED, true);
                return Some(StopReason::VIN_CHANGED);
            }
            Some(first) if first != vin => return self.differs(StopReason::VIN_DIFFERS),
            Some(_) | None => {}
        }
        let by_vin = if let Credential::Vin(vin) = opening.credential { Some(vin) } else { None };
        let expected = [opening.grant.expected_vin, by_vin];
        self.facts.vehicle.vin = Some(vin);
        if expected.into_iter().flatten().any(|expected| expected != vin) {
            return self.differs(StopReason::VIN_DIFFERS);
        }
        objection.and_then(|reason| self.differs(reason))
    }

    fn differs(&mut self, reason: StopReason) -> Option<StopReason> {
        self.alarm(alarm::VIN_DIFFERS, true);
        Some(reason)
    }

    /// Counts BMS time-outs: the one after the last allowed handshake ends the session.
    fn hear_timeout(&mut self, reason: StopReason, began: bool) -> Option<StopReason> {
        if !began || !is_timeout(reason) {
            return None;
        }
        let timeouts = &mut self.facts.vehicle.timeouts;
        *timeouts = timeouts.saturating_add(1);
        (*timeouts > HANDSHAKES_AGAIN).then_some(reason)
    }

    /// Output is there and the vehicle that alone may charge was never heard.
    pub(super) fn vin_is_missing(&self) -> bool {
        self.facts.opening.grant.expected_vin.is_some() && self.facts.vehicle.vin.is_none()
    }

    /// A cause in the words of charger or vehicle, or this one when they name none.
    pub(super) fn named_cause(&self, otherwise: StopReason) -> StopReason {
        self.facts.vehicle.reason().unwrap_or(otherwise)
    }

    /// The state of charge that counts: the charger's, else the vehicle's own.
    pub(super) fn soc_told(&self) -> Option<u8> {
        self.charger.as_ref().and_then(|status| status.soc).or(self.vehicle.soc)
    }

    /// The vehicle's cause against the charger's of the same second: the vehicle's goes before (13.4).
    pub(super) fn weigh_end(&mut self, now: Now, report: &VehicleReport) {
        let VehicleReport::End(end) = report else { return };
        let charger = self.reason().0 >> 8 == 5;
        if let Some(reason) = end.reason.filter(|reason| charger && reason.0 >> 8 == 4) {
            self.stop(now, reason);
        }
    }
}

/// One side missed a message of the other; that a listener hears nothing is none of these.
pub(super) fn is_timeout(reason: StopReason) -> bool {
    (0x0601..=0x0617).contains(&reason.0)
}
