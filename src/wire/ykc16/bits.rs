//! Bit tables (ykc16.md 5).

use super::reading::Bits;

/// Two bits: 01 yes, 10 untrusted.
const YES: &[&str] = &["", "untrusted", "invalid"];
/// Two bits: 01 timeout, 10 untrusted.
const TIMEOUT: &[&str] = &["timeout", "untrusted", "invalid"];
/// Two bits: 01 high, 10 low.
const HIGH_LOW: &[&str] = &["high", "low", "invalid"];

const fn one(at: u8, name: &'static str) -> Bits {
    Bits { at, width: 1, name, words: &[""] }
}

const fn two(at: u8, name: &'static str, words: &'static [&'static str]) -> Bits {
    Bits { at, width: 2, name, words }
}

/// A number of six bits in the upper part of this octet.
const fn other(octet: u8, name: &'static str) -> Bits {
    Bits { at: octet * 8 + 2, width: 6, name, words: &[] }
}

const fn timeout(octet: u8, low: u8, name: &'static str) -> Bits {
    two(octet * 8 + low, name, TIMEOUT)
}

/// 0x13 hw_fault. Bit 0 is unused; 14 and 15 are of 易联桩 (YiLian), beyond the text.
pub const HARDWARE: &[Bits] = &[
    one(1, "e-stop"),
    one(2, "no rectifier module available"),
    one(3, "outlet air hot"),
    one(4, "AC surge arrester"),
    one(5, "AC/DC module comms"),
    one(6, "insulation module comms"),
    one(7, "meter comms"),
    one(8, "card reader comms"),
    one(9, "RC10 comms"),
    one(10, "fan controller"),
    one(11, "DC fuse"),
    one(12, "HV contactor"),
    one(13, "door open"),
    one(14, "phase-C relay welded"),
    one(15, "output short"),
];

/// 0x1B timeouts; the BMS side in octets 0 to 3, the charger side in 4 to 7.
pub const TIMEOUTS: &[Bits] = &[
    timeout(0, 0, "SPN2560=00"),
    timeout(0, 2, "SPN2560=AA"),
    timeout(1, 0, "time sync and max output"),
    timeout(1, 2, "charger ready"),
    timeout(2, 0, "charger status"),
    timeout(2, 2, "charger stop"),
    timeout(3, 0, "charger statistics"),
    other(3, "BMS other"),
    timeout(4, 0, "BRM"),
    timeout(5, 0, "BCP"),
    timeout(5, 2, "BRO"),
    timeout(6, 0, "BCS"),
    timeout(6, 2, "BCL"),
    timeout(6, 4, "BST"),
    timeout(7, 0, "BSD"),
    other(7, "charger other"),
];

/// 0x1D reason: why the BMS stopped.
pub const BMS_REASON: &[Bits] = &[
    two(0, "SOC target", YES),
    two(2, "total voltage", YES),
    two(4, "cell voltage", YES),
    two(6, "charger stopped", YES),
];

/// 0x1D fault.
pub const BMS_FAULT: &[Bits] = &[
    two(0, "insulation", YES),
    two(2, "output connector hot", YES),
    two(4, "BMS element or connector hot", YES),
    two(6, "charging connector", YES),
    two(8, "pack hot", YES),
    two(10, "HV relay", YES),
    two(12, "detection point 2", YES),
    two(14, "other", YES),
];

/// 0x1D error.
pub const BMS_ERROR: &[Bits] = &[two(0, "overcurrent", YES), two(2, "voltage", YES)];

/// 0x21 reason: why the charger stopped.
pub const CHARGER_REASON: &[Bits] = &[
    two(0, "charger condition reached", YES),
    two(2, "manual", YES),
    two(4, "abnormal", YES),
    two(6, "BMS stopped", YES),
];

/// 0x21 fault.
pub const CHARGER_FAULT: &[Bits] = &[
    two(0, "charger hot", YES),
    two(2, "connector", YES),
    two(4, "inside hot", YES),
    two(6, "energy cannot be delivered", YES),
    two(8, "e-stop", YES),
    two(10, "other", YES),
];

/// 0x21 error.
pub const CHARGER_ERROR: &[Bits] = &[two(0, "current mismatch", YES), two(2, "voltage", YES)];

/// 0x25 flags.
pub const BATTERY: &[Bits] = &[
    two(0, "cell voltage", HIGH_LOW),
    two(2, "SOC", HIGH_LOW),
    two(4, "overcurrent", YES),
    two(6, "over-temperature", YES),
    two(8, "insulation", YES),
    two(10, "connector", YES),
    two(12, "charging permitted", YES),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ykc16::reading::Reading;
    use serde_json::json;

    #[test]
    fn bits_are_told_by_name() {
        assert_eq!(Reading::Bits(HARDWARE).text(1 << 1 | 1 << 13), Some(json!(["e-stop", "door open"])));
        assert_eq!(Reading::Bits(HARDWARE).text(1), Some(json!([])), "bit 0 is unused");
        let battery = Reading::Bits(BATTERY).text(53_312);
        assert_eq!(battery, Some(json!(["over-temperature", "charging permitted"])));
        let low = Reading::Bits(BATTERY).text(0b10_01);
        assert_eq!(low, Some(json!(["cell voltage: high", "SOC: low"])));
        let late = u64::from_le_bytes([0b0000_0100, 0, 0, 0b0001_0100, 0b10, 0, 0b0001_0000, 0]);
        let told = json!(["SPN2560=AA: timeout", "BMS other: 5", "BRM: untrusted", "BST: timeout"]);
        assert_eq!(Reading::Bits(TIMEOUTS).text(late), Some(told));
    }

    #[test]
    fn no_two_meanings_share_a_bit() {
        for (table, octets) in [
            (HARDWARE, 2),
            (TIMEOUTS, 8),
            (BMS_REASON, 1),
            (BMS_FAULT, 2),
            (BMS_ERROR, 1),
            (CHARGER_REASON, 1),
            (CHARGER_FAULT, 2),
            (CHARGER_ERROR, 1),
            (BATTERY, 2),
        ] {
            let mut next = 0;
            for bits in table {
                assert!(bits.at >= next, "{}", bits.name);
                next = bits.at + bits.width;
            }
            assert!(next <= octets * 8);
        }
    }
}
