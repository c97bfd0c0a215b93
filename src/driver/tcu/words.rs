//! The bits of the two status words as fault bits (platform-222.md 13.3) and alarm codes (13.6).
//!
//! The mapping is ours [A]. Warnings that have no alarm of their own are 0124, other charger fault; bits that tell a
//! state or a sum are none. The last bits of word 2 differ between versions and are only shown raw.

use crate::wire::tcu::status::{STATUS_1, STATUS_2};
use std::collections::BTreeSet;

/// Fault bits of platform-222.md 13.3.
mod fault {
    pub(super) const EMERGENCY_STOP: u32 = 1;
    pub(super) const INSULATION: u32 = 1 << 4;
    pub(super) const CONNECTOR_HOT: u32 = 1 << 5;
    pub(super) const CHARGER_HOT: u32 = 1 << 6;
    pub(super) const MODULE: u32 = 1 << 7;
    pub(super) const AC_INPUT: u32 = 1 << 8;
    pub(super) const VOLTAGE: u32 = 1 << 9;
    pub(super) const CURRENT: u32 = 1 << 10;
    pub(super) const CONTACTOR: u32 = 1 << 11;
    pub(super) const LOCK: u32 = 1 << 12;
    pub(super) const SURGE: u32 = 1 << 13;
    pub(super) const BREAKER: u32 = 1 << 14;
    pub(super) const DOOR: u32 = 1 << 15;
    pub(super) const SMOKE: u32 = 1 << 16;
    pub(super) const BMS: u32 = 1 << 17;
    pub(super) const BATTERY: u32 = 1 << 18;
    pub(super) const PILOT: u32 = 1 << 19;
}

/// Other charger fault: what a charger has that no other code names.
const OTHER: u16 = 0x0124;

/// The name of the bit, its fault bits, its alarm code; 0 for none.
type Row = (&'static str, u32, u16);

const WORD_1: &[Row] = &[
    ("emergency stop", fault::EMERGENCY_STOP, 0x0101),
    ("smoke", fault::SMOKE, 0x0102),
    ("AC breaker", fault::BREAKER, 0x0113),
    ("DC contactor refuses or misoperates", fault::CONTACTOR, OTHER),
    ("DC fuse", 0, 0x0112),
    ("electronic lock", fault::LOCK, 0x0115),
    ("fan", 0, 0x010A),
    ("surge arrester", fault::SURGE, 0x0114),
    ("insulation monitor", fault::INSULATION, 0x0103),
    ("reverse polarity", fault::BATTERY, 0x011C),
    ("pilot fault while charging", fault::PILOT, 0x0116),
    ("pile over-temperature", fault::CHARGER_HOT, 0x0107),
    ("plug over-temperature", fault::CONNECTOR_HOT, 0x0105),
    ("gun not homed", 0, 0x011A),
    ("BMS communication", fault::BMS, 0x0402),
    ("input over-voltage", fault::AC_INPUT, 0x010B),
    ("input under-voltage", fault::AC_INPUT, 0x010C),
    ("DC over-voltage", fault::VOLTAGE, 0x010E),
    ("DC under-voltage", fault::VOLTAGE, 0x010F),
    ("DC over-current", fault::CURRENT, 0x0110),
    ("module", fault::MODULE, 0x0108),
    ("module AC", fault::MODULE, 0x0108),
    ("module AC over-voltage", fault::AC_INPUT, 0x010B),
    ("module AC under-voltage", fault::AC_INPUT, 0x010C),
    ("module phase loss", fault::AC_INPUT, 0x010D),
    ("module short circuit", fault::MODULE, 0x0108),
    ("module over-current", fault::MODULE, 0x0108),
    ("module over-voltage", fault::MODULE, 0x0108),
    ("module under-voltage", fault::MODULE, 0x0108),
    ("module over-temperature", fault::MODULE, 0x0108),
    ("module communication", fault::MODULE, 0x0108),
    ("module fan", 0, 0x010A),
];

const WORD_2: &[Row] = &[
    ("door", fault::DOOR, 0x0117),
    ("DC contactor stuck", fault::CONTACTOR, 0x0104),
    ("insulation alarm", 0, OTHER),
    ("bleeder", 0, OTHER),
    ("pile over-temperature alarm", 0, 0x0107),
    ("gun over-temperature alarm", 0, 0x0105),
    ("AC contactor refuses", 0, OTHER),
    ("AC contactor stuck", 0, OTHER),
    ("auxiliary supply", 0, OTHER),
    ("bridge contactor refuses", 0, 0x0122),
    ("bridge contactor stuck", fault::CONTACTOR, 0x0104),
    ("module emergency stop", fault::EMERGENCY_STOP, 0x0101),
    ("flood", 0, 0x0121),
    ("cabinet door", fault::DOOR, 0x0117),
    ("cabinet flood", 0, 0x0121),
    ("cabinet smoke", fault::SMOKE, 0x0102),
    ("power control communication fault", 0, 0x0122),
    ("power control communication alarm", 0, 0x0122),
    ("power control fault", 0, 0x0122),
    ("power control alarm", 0, 0x0122),
    ("switch module communication fault", 0, 0x0122),
    ("switch module communication alarm", 0, 0x0122),
    ("switch module fault", 0, 0x0122),
    ("switch module alarm", 0, 0x0122),
    ("controller judged BMS faulty", fault::BATTERY, 0),
    ("BMS reported fault", fault::BATTERY, 0),
    ("module bleed", fault::MODULE, 0x0108),
];

const TOTAL_FAULT: &str = "total fault";

/// What the two words say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Bits of 13.3.
    pub(super) faults: u32,
    /// Codes of 13.6.
    pub(super) alarms: BTreeSet<u16>,
    /// The controller itself calls it a fault.
    pub(super) total_fault: bool,
}

/// Both words, behind their interface numbers.
pub(super) fn read(word_1: &[u8], word_2: &[u8]) -> Said {
    let mut said = Said::default();
    for name in names(word_1, word_2) {
        said.total_fault |= name == TOTAL_FAULT;
        let row = WORD_1.iter().chain(WORD_2).find(|(of, ..)| *of == name);
        let Some((_, faults, alarm)) = row else { continue };
        said.faults |= faults;
        said.alarms.extend((*alarm != 0).then_some(*alarm));
    }
    if said.total_fault && said.faults == 0 && said.alarms.is_empty() {
        said.alarms.insert(OTHER);
    }
    said
}

/// Names of the bits that are set, for people.
pub(super) fn names<'a>(word_1: &'a [u8], word_2: &'a [u8]) -> impl Iterator<Item = &'static str> + 'a {
    use crate::wire::tcu::status::set;
    set(&STATUS_1, word_1).chain(set(&STATUS_2, word_2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tcu::status::bit;

    /// The words with one bit set.
    fn word(name: &str) -> ([u8; 7], [u8; 7]) {
        let (mut one, mut two) = ([0; 7], [0; 7]);
        if let Some((octet, mask)) = bit(&STATUS_1, name) {
            one[octet] = mask;
        } else if let Some((octet, mask)) = bit(&STATUS_2, name) {
            two[octet] = mask;
        }
        (one, two)
    }

    #[test]
    fn every_row_names_a_bit_and_every_bit_of_a_fault_has_a_row() {
        let states = ["total fault", "total alarm", "bridge contactor closed"];
        let bits = STATUS_1.iter().chain(&STATUS_2).flatten().flatten();
        for name in bits {
            let rows = WORD_1.iter().chain(WORD_2).filter(|(of, ..)| of == name).count();
            assert_eq!(rows, usize::from(!states.contains(name)), "{name}");
        }
        for (name, faults, alarm) in WORD_1.iter().chain(WORD_2) {
            let (one, two) = word(name);
            let said = read(&one, &two);
            assert_eq!(said.faults, *faults, "{name}");
            assert_eq!(said.alarms.iter().next().copied().unwrap_or(0), *alarm, "{name}");
        }
    }

    #[test]
    fn a_fault_that_no_bit_explains_is_still_one() {
        let (one, two) = word(TOTAL_FAULT);
        assert_eq!(read(&one, &two), Said { faults: 0, alarms: [OTHER].into(), total_fault: true });
        let mut both = one;
        both[0] |= 0x10;
        assert_eq!(read(&both, &two).alarms, [0x0101].into());
    }
}
