//! Fault bits of a charger (platform-222.md 13.3) as alarms of its connector.
//!
//! The bits are coarser than the catalogue. Where one of them stands for several codes the mildest that fits is taken
//! (AC input: under-voltage; output voltage: under-voltage), except where the station forbids a start with that bit
//! anyway (contactor: welded; over-current or short: over-current). A bit that no code names is 0124 with the number of
//! the bit as its value. These choices are ours (D).

use super::{Key, code};
use crate::model::ident::ConnectorId;

/// What the bit is called, and its code.
const BITS: [(u8, u16, &str); 19] = [
    (0, code::EMERGENCY_STOP, "charger"),
    (4, 0x0103, "charger"),
    (5, 0x0105, "charger"),
    (6, 0x0107, "charger"),
    (7, 0x0108, "charger"),
    (8, 0x010C, "charger"),
    (9, 0x010F, "charger"),
    (10, 0x0110, "charger"),
    (11, 0x0104, "charger"),
    (12, 0x0115, "charger"),
    (13, 0x0114, "charger"),
    (14, 0x0113, "charger"),
    (15, 0x0117, "charger"),
    (16, code::SMOKE, "charger"),
    (17, 0x0402, "charger"),
    (18, code::CHARGER_FAULT, "battery"),
    (19, 0x0116, "charger"),
    (20, code::CHARGER_FAULT, "meter value"),
    (25, 0x0401, "charger"),
];
const DOOR: u32 = 1 << 15;

/// What a charger tells of its faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::station) struct Faults {
    /// Bits of 13.3.
    pub(in crate::station) bits: u32,
    /// It charges.
    pub(in crate::station) under_load: bool,
    /// It says that it is faulted.
    pub(in crate::station) faulted: bool,
}

impl Faults {
    /// Bits that no code of the catalogue names.
    pub(in crate::station) const UNNAMED: u32 = 1 << 18 | 1 << 20;

    /// Every alarm that depends on them, with whether it is the case.
    pub(in crate::station) fn conditions(self, connector: ConnectorId) -> Vec<(Key, bool)> {
        let own = BITS.iter().fold(0, |own, (bit, _, _)| own | 1 << bit);
        let unnamed = self.faulted && self.bits & own == 0;
        let key = |code, subject| Key::connector(code, connector, subject);
        let mut conditions: Vec<(Key, bool)> = BITS
            .iter()
            .map(|(bit, code, subject)| {
                (key(*code, subject).with(i32::from(*bit)), self.bits >> bit & 1 == 1)
            })
            .collect();
        conditions.push((key(code::DOOR_UNDER_LOAD, "charger"), self.under_load && self.bits & DOOR != 0));
        conditions.push((key(code::CHARGER_FAULT, "charger"), unnamed));
        conditions
    }
}
