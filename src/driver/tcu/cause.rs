//! Reason codes of the controller (can.md 3.5) as the stop reasons of platform-222.md 13.4.
//!
//! The mapping is ours [A]; where GB/T 27930 has a word for the same thing it is the number that a tap would give. Codes
//! above 30 differ between versions: only V2.30 is mapped there, all others are "not ready" or "other charger fault".
//! The public mapping sheet of one V1.21 maker (domain.md C.2) differs from 2E on and is not used. Raw code and stage
//! are always kept beside the mapped reason.

use crate::model::stop::StopReason as Reason;
use crate::model::vehicle::bst_cause;
use crate::wire::tcu::reason::Version;

/// Codes up to this one are common to the known versions.
const COMMON: u8 = 0x30;

/// Already working: what a controller says to the repetition of a start whose first answer was lost.
pub(super) const ALREADY_WORKING: u8 = 0x06;

/// Why a start order was refused (02).
pub(super) fn refused(code: u8) -> Reason {
    match code {
        0x02..=0x04 | 0x07 | 0x23 => Reason::CHARGER_NOT_READY,
        0x05 => Reason::CONNECTOR_OUT_OF_SERVICE,
        0x08 => Reason::NOT_PLUGGED,
        0x09 => Reason::EMERGENCY_ACTIVE,
        0x0A | 0x25 => Reason::DOOR_OPEN,
        0x0B => Reason::SURGE_ARRESTER,
        0x0C => Reason::SMOKE,
        0x0D => Reason::CHARGER_HOT,
        0x0E => Reason::CONNECTOR_FAULT,
        0x0F => Reason::LOCK_OPEN,
        0x10 | 0x2B => Reason::INSULATION_TEST,
        0x11 => Reason::BATTERY_REVERSED,
        0x12 => Reason::NO_BRM,
        0x13 => Reason::BREAKER,
        0x14 | 0x15 | 0x17 | 0x19 | 0x1A => Reason::CONTACTOR,
        0x16 => Reason::CONTACTOR_OPEN,
        0x18 => Reason::OUTPUT_FUSE,
        0x1C => Reason::AUX_SUPPLY,
        0x1D | 0x28..=0x2A => Reason::POWER_MODULE,
        0x1E => Reason::AC_INPUT,
        0x1F => Reason::OUTPUT_VOLTAGE,
        0x20 => Reason::CHARGER_VOLTAGE,
        0x21 => Reason::OUTPUT_CURRENT,
        0x22 => Reason::OUTPUT_SHORT,
        0x1B | 0x26 | 0x27 | 0x2C | 0x2D => Reason::CHARGER_FAULT,
        0x2E => Reason::METER_FAULT,
        _ => Reason::CHARGER_REFUSED,
    }
}

/// Why a start did not lead to output (11).
pub(super) fn not_started(code: u8, version: Version) -> Reason {
    if code > COMMON {
        return if version == Version::V230 { not_started_v230(code) } else { Reason::CHARGER_NOT_READY };
    }
    match code {
        0x01 => Reason::PILOT_AT_START,
        0x03 => Reason::EMERGENCY_ACTIVE,
        0x04 | 0x2B => Reason::DOOR_OPEN,
        0x05 => Reason::SURGE_ARRESTER,
        0x06 => Reason::SMOKE,
        0x07 => Reason::BREAKER,
        0x08 | 0x09 | 0x11 | 0x13 | 0x14 => Reason::CONTACTOR,
        0x0A => Reason::AC_INPUT,
        0x0B => Reason::CHARGER_HOT,
        0x0C => Reason::CONNECTOR_FAULT,
        0x0D => Reason::LOCK_OPEN,
        0x0E => Reason::INSULATION_TEST,
        0x0F => Reason::BATTERY_REVERSED,
        0x10 => Reason::CONTACTOR_OPEN,
        0x12 => Reason::OUTPUT_FUSE,
        0x15 | 0x2C..=0x2E => Reason::CHARGER_FAULT,
        0x16 => Reason::AUX_SUPPLY,
        0x17 | 0x2F | 0x30 => Reason::POWER_MODULE,
        0x18 => Reason::OUTPUT_VOLTAGE,
        0x19 => Reason::CHARGER_VOLTAGE,
        0x1A => Reason::OUTPUT_CURRENT,
        0x1B => Reason::OUTPUT_SHORT,
        0x1C | 0x1F..=0x21 => Reason::RANGES_DIFFER,
        0x1D => Reason::VOLTAGE_PRESENT,
        0x1E => Reason::BATTERY_VOLTAGE,
        0x22 => Reason::BRM_TIMEOUT,
        0x23 => Reason::NO_BRM,
        0x24 => Reason::BCP_TIMEOUT,
        0x25 => Reason::BAD_BCP,
        0x26 => Reason::BRO_TIMEOUT,
        0x27 => Reason::VEHICLE_NOT_READY,
        0x29 => Reason::BCL_TIMEOUT,
        0x2A => Reason::BMS_TIMEOUT,
        _ => Reason::CHARGER_NOT_READY,
    }
}

fn not_started_v230(code: u8) -> Reason {
    match code {
        0x31 => Reason::NO_BRM,
        0x32 | 0x3B => Reason::INSULATION_TEST,
        0x35 => Reason::PRECHARGE,
        0x37 => Reason::POWER_MODULE,
        0x33 | 0x38 | 0x3A | 0x3F | 0x40 | 0x42 => Reason::CHARGER_FAULT,
        0x3C => Reason::METER_FAULT,
        0x3D => Reason::DECISION_LATE,
        0x3E => Reason::CREDENTIAL_REFUSED,
        0x41 => Reason::READINESS_WITHDRAWN,
        _ => Reason::CHARGER_NOT_READY,
    }
}

/// Why charging stopped (13), with the vehicle's own words, which are more exact where it stopped.
pub(super) fn stopped(code: u8, bst: Option<[u8; 4]>, version: Version) -> Reason {
    if code > COMMON {
        return if version == Version::V230 { stopped_v230(code) } else { Reason::CHARGER_FAULT };
    }
    match code {
        // We said so ourselves, and know why.
        0x00..=0x02 => Reason::NONE,
        0x04 => Reason::CHARGER_NOT_READY,
        0x05 => Reason::CONTROL_PILOT,
        0x06 => Reason::CHARGER_LINK_LOST,
        0x07 => Reason::PAUSE_TOO_LONG,
        0x08 => Reason::EMERGENCY_STOP,
        0x09 => Reason::DOOR_OPEN,
        0x0A => Reason::SURGE_ARRESTER,
        0x0B => Reason::SMOKE,
        0x0C => Reason::BREAKER,
        0x0D | 0x0E | 0x13 | 0x14 | 0x16 | 0x17 => Reason::CONTACTOR,
        0x0F => Reason::AC_INPUT,
        0x10 => Reason::CHARGER_HOT,
        0x11 => Reason::CONNECTOR_FAULT,
        0x12 => Reason::ELECTRONIC_LOCK,
        0x15 => Reason::OUTPUT_FUSE,
        0x1A => Reason::POWER_MODULE,
        0x1B => Reason::OUTPUT_VOLTAGE,
        0x1C => Reason::CHARGER_VOLTAGE,
        0x1D => Reason::OUTPUT_CURRENT,
        0x1E => Reason::OUTPUT_SHORT,
        0x1F => Reason::BCL_TIMEOUT,
        0x20 | 0x21 => Reason::BMS_TIMEOUT,
        0x22 | 0x23 => Reason::BSM_CELL_VOLTAGE,
        0x24 | 0x25 => Reason::BSM_SOC,
        0x26 => Reason::BSM_CURRENT,
        0x27 => Reason::BSM_HOT,
        0x28 => Reason::BSM_INSULATION,
        0x29 => Reason::BSM_CONNECTOR,
        0x2A => bst.and_then(bst_cause).unwrap_or(Reason::BMS_STOPPED),
        0x2B | 0x2C => bst.and_then(bst_cause).unwrap_or(Reason::VEHICLE_FAULT),
        0x2E => Reason::NO_CURRENT,
        _ => Reason::CHARGER_FAULT,
    }
}

fn stopped_v230(code: u8) -> Reason {
    match code {
        0x31 => Reason::METER_FAULT,
        0x34 | 0x35 => Reason::POWER_MODULE,
        0x38 => Reason::CURRENT_MISMATCH,
        0x39 => Reason::CHARGER_VOLTAGE,
        _ => Reason::CHARGER_FAULT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tcu::reason;

    #[test]
    fn every_mapped_reason_is_in_the_table_of_the_platform() {
        for code in 0..=u8::MAX {
            for version in [Version::V121, Version::V230] {
                let found = [refused(code), not_started(code, version), stopped(code, None, version)];
                assert!(found.iter().all(|r| r.text().is_some()), "{code:02X}: {found:?}");
            }
        }
    }

    #[test]
    fn a_code_that_only_one_version_explains_says_little_in_the_other() {
        for code in 0x31..0xFF {
            assert_eq!(not_started(code, Version::V121), Reason::CHARGER_NOT_READY);
            assert_eq!(stopped(code, None, Version::V121), Reason::CHARGER_FAULT);
        }
        assert_eq!(not_started(0x3E, Version::V230), Reason::CREDENTIAL_REFUSED);
        assert!(reason::start_complete(0x3E, Version::V230).is_some());
    }

    #[test]
    fn a_vehicle_that_stopped_is_asked_why() {
        let full = Some([0x01, 0, 0, 0xF0]);
        assert_eq!(stopped(0x2A, full, Version::V121), Reason::TARGET_SOC);
        assert_eq!(stopped(0x2A, None, Version::V121), Reason::BMS_STOPPED);
        assert_eq!(stopped(0x2B, Some([0, 0, 0x04, 0xF0]), Version::V121), Reason::BST_RELAY);
        assert_eq!(stopped(0x1F, full, Version::V121), Reason::BCL_TIMEOUT, "the charger's own cause");
    }
}
