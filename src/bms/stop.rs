//! Stop causes, alarms and time-outs as the numbers of platform-222.md 13.4.

use crate::model::stop::StopReason as Reason;
use crate::model::vehicle::bst_cause;
use crate::wire::field::Field;
use crate::wire::gbt27930::layout::{bem, bsm, bst, bst_2011, cem, cst};
use crate::wire::gbt27930::{Edition, Message};

/// A two-bit state that says so.
const YES: u32 = 1;

/// The edition of 2015 is in [`bst_cause`].
const BST_2011: &[(Field, Reason)] = &[
    (bst_2011::INSULATION, Reason::BST_INSULATION),
    (bst_2011::OUT_CONNECTOR_OVERTEMP, Reason::BST_CONNECTOR_HOT),
    (bst_2011::BMS_COMPONENT_OVERTEMP, Reason::BST_PART_HOT),
    (bst_2011::CONNECTOR_FAULT, Reason::BST_CONNECTOR),
    (bst_2011::PACK_OVERTEMP, Reason::BST_PACK_HOT),
    (bst_2011::OVER_CURRENT, Reason::BST_CURRENT),
    (bst_2011::VOLTAGE_ABNORMAL, Reason::BST_VOLTAGE),
    (bst_2011::OTHER_FAULT, Reason::VEHICLE_FAULT),
    (bst_2011::SOC_TARGET, Reason::TARGET_SOC),
    (bst_2011::TOTAL_VOLTAGE_SET, Reason::TOTAL_VOLTAGE),
    (bst_2011::CELL_VOLTAGE_SET, Reason::CELL_VOLTAGE),
];

const CST: &[(Field, Reason)] = &[
    (cst::EMERGENCY_STOP, Reason::EMERGENCY_STOP),
    (cst::CHARGER_OVERTEMP, Reason::CHARGER_HOT),
    (cst::CONNECTOR_FAULT, Reason::CONNECTOR_FAULT),
    (cst::INTERNAL_OVERTEMP, Reason::CHARGER_INNER_HOT),
    (cst::ENERGY_NOT_TRANSFERABLE, Reason::ENERGY_UNDELIVERABLE),
    (cst::CURRENT_MISMATCH, Reason::CURRENT_MISMATCH),
    (cst::VOLTAGE_ABNORMAL, Reason::CHARGER_VOLTAGE),
    (cst::OTHER_FAULT, Reason::CHARGER_FAULT),
    (cst::FAULT_STOP, Reason::CHARGER_FAULT),
    (cst::CONDITION_REACHED, Reason::CHARGER_CONDITION),
    (cst::MANUAL_STOP, Reason::CHARGER_BY_HAND),
];

/// Time-outs that the vehicle reports.
pub(super) const BEM: &[(Field, Reason)] = &[
    (bem::CRM00_TIMEOUT, Reason::CRM_00_TIMEOUT),
    (bem::CRMAA_TIMEOUT, Reason::CRM_AA_TIMEOUT),
    (bem::CTS_CML_TIMEOUT, Reason::CML_TIMEOUT),
    (bem::CRO_TIMEOUT, Reason::CRO_TIMEOUT),
    (bem::CCS_TIMEOUT, Reason::CCS_TIMEOUT),
    (bem::CST_TIMEOUT, Reason::CST_TIMEOUT),
    (bem::CSD_TIMEOUT, Reason::CSD_TIMEOUT),
];

/// Time-outs that the charger reports.
pub(super) const CEM: &[(Field, Reason)] = &[
    (cem::BRM_TIMEOUT, Reason::BRM_TIMEOUT),
    (cem::BCP_TIMEOUT, Reason::BCP_TIMEOUT),
    (cem::BRO_TIMEOUT, Reason::BRO_TIMEOUT),
    (cem::BCS_TIMEOUT, Reason::BMS_TIMEOUT),
    (cem::BCL_TIMEOUT, Reason::BCL_TIMEOUT),
    (cem::BST_TIMEOUT, Reason::BST_TIMEOUT),
    (cem::BSD_TIMEOUT, Reason::BSD_TIMEOUT),
];

/// What the battery may call abnormal. The first two have two ways to be so (high and low).
pub(super) const BSM: &[(Field, Reason)] = &[
    (bsm::CELL_VOLTAGE_STATE, Reason::BSM_CELL_VOLTAGE),
    (bsm::SOC_STATE, Reason::BSM_SOC),
    (bsm::OVER_CURRENT, Reason::BSM_CURRENT),
    (bsm::OVER_TEMP, Reason::BSM_HOT),
    (bsm::INSULATION, Reason::BSM_INSULATION),
    (bsm::CONNECTOR, Reason::BSM_CONNECTOR),
];

/// Whether a state of [`BSM`] is abnormal; `None`: untrusted or undefined, the last known one stands.
pub(super) fn abnormal(index: usize, state: u32) -> Option<bool> {
    match (index, state) {
        (_, 0) => Some(false),
        (_, 1) | (0 | 1, 2) => Some(true),
        _ => None,
    }
}

/// Why the vehicle stopped; `None`: because the charger had.
pub(super) fn of_bst(message: &Message<'_>, edition: Edition) -> Option<Reason> {
    let (cause, followed) = match edition {
        Edition::V2011 => (first(message, BST_2011), false),
        Edition::V2015 => (
            message.payload().first_chunk().and_then(|octets| bst_cause(*octets)),
            message.raw(&bst::CHARGER_STOPPED) == Some(YES),
        ),
    };
    if cause.is_none() && followed { None } else { Some(cause.unwrap_or(Reason::BMS_STOPPED)) }
}

/// Why the charger stopped; `None`: because the vehicle had. Without any cause it is unknown.
pub(super) fn of_cst(message: &Message<'_>, edition: Edition) -> Option<Reason> {
    let followed = edition != Edition::V2011 && message.raw(&cst::BMS_STOPPED) == Some(YES);
    let cause = first(message, CST);
    if cause.is_none() && followed { None } else { Some(cause.unwrap_or(Reason::NONE)) }
}

fn first(message: &Message<'_>, table: &[(Field, Reason)]) -> Option<Reason> {
    table.iter().find(|(field, _)| message.raw(field) == Some(YES)).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::gbt27930::Kind;

    #[test]
    fn the_same_octets_mean_other_causes_in_other_editions() {
        let bst = Message::new(Kind::Bst, &[0xC0, 0x00, 0xF4, 0xF0]).expect("length");
        assert_eq!(of_bst(&bst, Edition::V2011), Some(Reason::VEHICLE_FAULT));
        assert_eq!(of_bst(&bst, Edition::V2015), Some(Reason::BST_RELAY));
    }

    #[test]
    fn the_one_who_only_follows_names_no_cause() {
        let bst = Message::new(Kind::Bst, &[0x40, 0, 0, 0]).expect("length");
        assert_eq!(of_bst(&bst, Edition::V2015), None);
        assert_eq!(of_bst(&bst, Edition::V2011), Some(Reason::BMS_STOPPED));
        let cst = Message::new(Kind::Cst, &[0x40, 0, 0xF0, 0xF0]).expect("length");
        assert_eq!(of_cst(&cst, Edition::V2015), None);
    }

    #[test]
    fn a_fault_stands_before_a_goal_and_an_untrusted_state_is_none() {
        let bst = Message::new(Kind::Bst, &[0x01, 0x40, 0x00, 0xF0]).expect("length");
        assert_eq!(of_bst(&bst, Edition::V2015), Some(Reason::BST_CONNECTOR));
        let untrusted = Message::new(Kind::Bst, &[0x02, 0x80, 0x00, 0xF0]).expect("length");
        assert_eq!(of_bst(&untrusted, Edition::V2015), Some(Reason::BMS_STOPPED));
        let cst = Message::new(Kind::Cst, &[0x10, 0x00, 0xF1, 0xF0]).expect("length");
        assert_eq!(of_cst(&cst, Edition::V2015), Some(Reason::EMERGENCY_STOP));
    }

    #[test]
    fn every_cause_of_a_vehicle_stands_where_the_layout_has_it() {
        let fields = [
            (bst::SOC_TARGET, Reason::TARGET_SOC),
            (bst::TOTAL_VOLTAGE_SET, Reason::TOTAL_VOLTAGE),
            (bst::CELL_VOLTAGE_SET, Reason::CELL_VOLTAGE),
            (bst::INSULATION, Reason::BST_INSULATION),
            (bst::OUT_CONNECTOR_OVERTEMP, Reason::BST_CONNECTOR_HOT),
            (bst::BMS_COMPONENT_OVERTEMP, Reason::BST_PART_HOT),
            (bst::CONNECTOR_FAULT, Reason::BST_CONNECTOR),
            (bst::PACK_OVERTEMP, Reason::BST_PACK_HOT),
            (bst::HV_RELAY, Reason::BST_RELAY),
            (bst::POINT2_VOLTAGE, Reason::BST_POINT_2),
            (bst::OTHER_FAULT, Reason::VEHICLE_FAULT),
            (bst::OVER_CURRENT, Reason::BST_CURRENT),
            (bst::VOLTAGE_ABNORMAL, Reason::BST_VOLTAGE),
        ];
        for (field, reason) in fields {
            let mut octets = [0; 4];
            field.put(&mut octets, YES);
            assert_eq!(bst_cause(octets), Some(reason), "{}", field.name);
        }
    }

    #[test]
    fn every_cause_has_a_text() {
        for (_, reason) in [BST_2011, CST, BEM, CEM, BSM].concat() {
            assert!(reason.text().is_some(), "{reason:?}");
        }
    }
}
