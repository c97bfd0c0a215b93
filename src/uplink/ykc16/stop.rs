//! Stop reasons of ours as codes of 0x3B (ykc16.md 6; ours in platform-222.md 13.4).
//!
//! The text has one code for a start that failed and another for a charge that was broken off by the same thing; ours
//! do not differ. What has no code of its own is told as the nearest one, else as 0x90, unknown.

use crate::model::stop::StopReason;

/// Unknown.
const UNKNOWN: u8 = 0x90;

/// The code: as a start that failed when nothing was delivered.
pub(super) fn code(reason: StopReason, delivered: bool) -> u8 {
    ended(reason)
        .or_else(|| broken(reason).map(|(start, abort)| if delivered { abort } else { start }))
        .unwrap_or(UNKNOWN)
}

/// What ends a session as wanted, whenever it comes.
fn ended(reason: StopReason) -> Option<u8> {
    Some(match reason {
        StopReason::REMOTE_STOP | StopReason::OUT_OF_SERVICE => 0x40,
        StopReason::FULL | StopReason::SOC_REACHED | StopReason::STATION_SOC | StopReason::TARGET_SOC => 0x41,
        StopReason::TAIL_CURRENT | StopReason::TOTAL_VOLTAGE | StopReason::CELL_VOLTAGE => 0x41,
        StopReason::ENERGY_REACHED | StopReason::OFFLINE_CAP => 0x42,
        StopReason::AMOUNT_REACHED => 0x43,
        StopReason::TIME_REACHED => 0x44,
        StopReason::SAME_CARD | StopReason::GROUP_CARD | StopReason::BUTTON => 0x45,
        StopReason::MAINTENANCE_CARD | StopReason::LOCAL_OPERATOR | StopReason::CHARGER_BY_HAND => 0x45,
        _ => return None,
    })
}

/// What breaks it off: as a failed start, and while charging.
fn broken(reason: StopReason) -> Option<(u8, u8)> {
    Some(match reason {
        StopReason::CONTROL_PILOT | StopReason::PLUG_PULLED | StopReason::PULLED_BEFORE_START => (0x4B, 0x6B),
        StopReason::NOT_PLUGGED | StopReason::CONNECTOR_FAULT | StopReason::BST_CONNECTOR => (0x4B, 0x6B),
        StopReason::BST_POINT_2 | StopReason::BSM_CONNECTOR => (0x4B, 0x6B),
        StopReason::BREAKER => (0x4C, 0x6C),
        StopReason::METER_LINK_LOST | StopReason::METER_FAULT | StopReason::NO_FIRST_READING => (0x4D, 0x6D),
        StopReason::BALANCE_USED => (0x4E, 0x6E),
        StopReason::POWER_MODULE => (0x4F, 0x71),
        StopReason::EMERGENCY_STOP | StopReason::EMERGENCY_ACTIVE => (0x50, 0x72),
        StopReason::SURGE_ARRESTER => (0x51, 0x73),
        StopReason::CHARGER_HOT | StopReason::CHARGER_INNER_HOT | StopReason::BST_CONNECTOR_HOT => {
            (0x53, 0x74)
        }
        StopReason::BST_PART_HOT | StopReason::SMOKE => (0x53, 0x74),
        StopReason::ELECTRONIC_LOCK => (0x55, 0x77),
        StopReason::CONTACTOR | StopReason::BST_RELAY => (0x56, 0x70),
        StopReason::INSULATION | StopReason::BST_INSULATION | StopReason::BSM_INSULATION => (0x57, 0x70),
        StopReason::AC_INPUT => (0x4A, 0x6F),
        StopReason::OUTPUT_VOLTAGE | StopReason::CHARGER_VOLTAGE | StopReason::BST_VOLTAGE => (0x4A, 0x79),
        StopReason::OUTPUT_CURRENT | StopReason::CURRENT_MISMATCH | StopReason::BST_CURRENT => (0x4A, 0x7A),
        StopReason::BSM_CURRENT => (0x52, 0x7A),
        StopReason::NO_CURRENT | StopReason::PAUSE_TOO_LONG => (0x4A, 0x76),
        StopReason::ENERGY_UNDELIVERABLE => (0x4A, 0x75),
        StopReason::BSM_CELL_VOLTAGE => (0x52, 0x7B),
        StopReason::BST_PACK_HOT | StopReason::BSM_HOT => (0x53, 0x7C),
        StopReason::BSM_SOC | StopReason::VEHICLE_FAULT | StopReason::BMS_STOPPED => (0x52, 0x81),
        StopReason::VIN_CHANGED | StopReason::VIN_DIFFERS | StopReason::CREDENTIAL_REFUSED => (0x52, 0x82),
        StopReason::BRM_TIMEOUT | StopReason::CRM_00_TIMEOUT => (0x5A, 0x84),
        StopReason::BCP_TIMEOUT | StopReason::CRM_AA_TIMEOUT => (0x5B, 0x84),
        StopReason::BRO_TIMEOUT => (0x5C, 0x84),
        StopReason::BMS_TIMEOUT => (0x5D, 0x84),
        StopReason::BCL_TIMEOUT => (0x5E, 0x85),
        StopReason::BST_TIMEOUT => (0x52, 0x87),
        StopReason::BSD_TIMEOUT => (0x52, 0x88),
        StopReason::CCS_TIMEOUT | StopReason::CST_TIMEOUT | StopReason::CSD_TIMEOUT => (0x64, 0x89),
        StopReason::CML_TIMEOUT | StopReason::CRO_TIMEOUT => (0x64, 0x89),
        StopReason::BMS_LISTENER_SILENT | StopReason::BOTH_SILENT => (0x52, 0x84),
        StopReason::CHARGER_NOT_READY | StopReason::CHARGER_REFUSED => (0x64, 0x6A),
        StopReason::CHARGER_LINK_LOST | StopReason::COMMAND_EXPIRED => (0x63, 0x6A),
        StopReason::CHARGER_FAULT | StopReason::CHARGER_CONDITION | StopReason::DOOR_OPEN => (0x4A, 0x6A),
        StopReason::STORAGE_FAILURE | StopReason::TARIFF_MISSING | StopReason::CLOCK_NOT_TRUSTED => {
            (0x4A, 0x6A)
        }
        StopReason::POWER_LOSS | StopReason::ORDERED_RESTART | StopReason::UNEXPECTED_RESTART => (0x4A, 0x83),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ykc16::stop::{Reason, Stage};

    #[test]
    fn every_reason_of_ours_has_a_code_of_the_table_in_the_right_group() {
        for number in 0..=u16::MAX {
            let reason = StopReason(number);
            let stage = |delivered| Reason::of(code(reason, delivered).into()).map(Reason::stage);
            assert!(stage(true).is_some() && stage(false).is_some(), "{number:04X}");
            if broken(reason).is_some() {
                assert_eq!(
                    (stage(false), stage(true)),
                    (Some(Stage::Start), Some(Stage::Aborted)),
                    "{number:04X}"
                );
            }
            if ended(reason).is_some() {
                assert_eq!(
                    (stage(false), stage(true)),
                    (Some(Stage::Ended), Some(Stage::Ended)),
                    "{number:04X}"
                );
                assert_eq!(broken(reason), None, "{number:04X}");
            }
        }
    }

    #[test]
    fn an_emergency_stop_is_told_as_what_it_ended() {
        assert_eq!(code(StopReason::EMERGENCY_STOP, true), 0x72);
        assert_eq!(code(StopReason::EMERGENCY_STOP, false), 0x50);
        assert_eq!(code(StopReason::REMOTE_STOP, false), 0x40);
        assert_eq!(code(StopReason(0x9999), true), 0x90);
    }
}
