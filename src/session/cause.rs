//! Why a session ends: the first cause wins (platform-222.md 13.4).

use crate::model::report::ChargerStatus;
use crate::model::stop::StopReason;
use serde::{Deserialize, Serialize};

/// Two causes closer than this came in the same second: then the rank decides.
const SAME_MS: i64 = 1_000;

/// The first cause, frozen but for causes of the same second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cause {
    pub(super) reason: StopReason,
    /// Session time.
    pub(super) at_ms: i64,
}

impl Cause {
    /// The cause in force after another one came.
    pub(super) fn or(self, other: Cause) -> Cause {
        let same_second = other.at_ms.saturating_sub(self.at_ms) < SAME_MS;
        if same_second && rank(other.reason) < rank(self.reason) {
            Cause { reason: other.reason, ..self }
        } else {
            self
        }
    }
}

/// User before limit, platform, vehicle, charger; the rest last.
fn rank(reason: StopReason) -> u8 {
    match reason.0 >> 8 {
        group @ 1..=5 => group as u8,
        _ => 6,
    }
}

/// The charger's own fault, by the bits of 13.3; the gravest first.
pub(super) fn of_faults(status: &ChargerStatus) -> StopReason {
    const BY_BIT: [(u8, StopReason); 15] = [
        (0, StopReason::EMERGENCY_STOP),
        (16, StopReason::SMOKE),
        (4, StopReason::INSULATION),
        (10, StopReason::OUTPUT_CURRENT),
        (9, StopReason::OUTPUT_VOLTAGE),
        (11, StopReason::CONTACTOR),
        (5, StopReason::CONNECTOR_FAULT),
        (6, StopReason::CHARGER_HOT),
        (7, StopReason::POWER_MODULE),
        (8, StopReason::AC_INPUT),
        (14, StopReason::BREAKER),
        (13, StopReason::SURGE_ARRESTER),
        (12, StopReason::ELECTRONIC_LOCK),
        (15, StopReason::DOOR_OPEN),
        (19, StopReason::CONTROL_PILOT),
    ];
    const VEHICLE: [(u8, StopReason); 2] = [(18, StopReason::VEHICLE_FAULT), (17, StopReason::BMS_TIMEOUT)];
    let named = BY_BIT.iter().chain(&VEHICLE).find(|(bit, _)| status.faults >> bit & 1 == 1);
    named.map_or(StopReason::CHARGER_FAULT, |(_, reason)| *reason)
}

/// Text for the person at the reader: at most 32 characters of ASCII.
pub(super) fn text(reason: StopReason) -> String {
    let text =
        reason.text().map_or_else(|| format!("reason {:04X}", reason.0), |(english, _)| english.into());
    text.chars().filter(char::is_ascii).take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(reason: StopReason, at_ms: i64) -> Cause {
        Cause { reason, at_ms }
    }

    #[test]
    fn the_first_cause_wins_and_in_the_same_second_the_person_does() {
        let fault = cause(StopReason::CHARGER_FAULT, 5_000);
        assert_eq!(fault.or(cause(StopReason::SAME_CARD, 5_999)).reason, StopReason::SAME_CARD);
        assert_eq!(fault.or(cause(StopReason::SAME_CARD, 6_000)).reason, StopReason::CHARGER_FAULT);
        let limit = cause(StopReason::ENERGY_REACHED, 0);
        assert_eq!(limit.or(cause(StopReason::REMOTE_STOP, 0)).reason, StopReason::ENERGY_REACHED);
        assert_eq!(limit.or(cause(StopReason::PLUG_PULLED, 0)).at_ms, 0);
        let order =
            [StopReason::BUTTON, StopReason::FULL, StopReason::REMOTE_STOP, StopReason::PAUSE_TOO_LONG];
        assert!(order.windows(2).all(|pair| rank(pair[0]) < rank(pair[1])));
        assert!(rank(StopReason::CHARGER_FAULT) < rank(StopReason::METER_LINK_LOST));
    }

    #[test]
    fn a_fault_bit_names_the_reason_and_an_unknown_one_is_another_fault() {
        let of = |faults| of_faults(&ChargerStatus { faults, ..ChargerStatus::default() });
        assert_eq!(of(0), StopReason::CHARGER_FAULT);
        assert_eq!(of(1 << 31), StopReason::CHARGER_FAULT);
        assert_eq!(of(1 << 7 | 1), StopReason::EMERGENCY_STOP);
        assert_eq!(of(1 << 17), StopReason::BMS_TIMEOUT);
    }
}
