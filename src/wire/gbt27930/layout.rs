//! The fields of every message (can.md 1.3), per edition. Undefined bits are sent as 1 and never believed.
//!
//! Two-bit states: 00 normal, 01 fault or reached, 10 untrusted, 11 undefined. Currents count from -400 A in steps of
//! 0.1 A and are negative while charging. The 2011 forms are [S], the others [S] by extraction and, but for CEM, BMV,
//! BMT and BSP, [R].

use super::{Edition, Kind};
use crate::wire::field::{Field, Form};
use std::ops::RangeInclusive;

/// The table of one message in one edition.
#[derive(Debug)]
pub struct Layout {
    /// Its fields in order. CTS, BMV, BMT and BSP have forms of their own and no fields here.
    pub fields: &'static [Field],
    /// Octets as the edition defines it.
    pub length: usize,
    /// In each of the first eight octets, the bits that no field uses.
    pub undefined: [u8; 8],
}

impl Layout {
    const fn new(length: usize, fields: &'static [Field]) -> Layout {
        let mut undefined = [0; 8];
        let mut octet = 0;
        while octet < 8 && octet < length {
            undefined[octet] = 0xFF;
            octet += 1;
        }
        let mut i = 0;
        while i < fields.len() {
            let mut bit = fields[i].at;
            while bit < fields[i].at + fields[i].bits && bit < 64 {
                undefined[(bit / 8) as usize] &= !(1 << (bit % 8));
                bit += 1;
            }
            i += 1;
        }
        Layout { fields, length, undefined: if fields.is_empty() { [0; 8] } else { undefined } }
    }

    /// Whether a bit that nobody defines was sent as 0.
    #[must_use]
    #[inline]
    pub fn breaks_fill(&self, payload: &[u8]) -> bool {
        payload.iter().zip(self.undefined).any(|(octet, undefined)| octet & undefined != undefined)
    }
}

const fn volts(name: &'static str, octet: u16) -> Field {
    Field::number(name, octet, 2).scaled(1, 0)
}

const fn amperes(name: &'static str, octet: u16) -> Field {
    Field::number(name, octet, 2).scaled(1, -4000)
}

const fn cell_volts(name: &'static str, octet: u16) -> Field {
    Field::number(name, octet, 2).scaled(2, 0)
}

const fn celsius(name: &'static str, octet: u16) -> Field {
    Field::number(name, octet, 1).scaled(0, -50)
}

const fn from_one(name: &'static str, octet: u16) -> Field {
    Field::number(name, octet, 1).scaled(0, 1)
}

const fn state(name: &'static str, octet: u16, bit: u16) -> Field {
    Field::bits(name, octet, bit, 2)
}

macro_rules! tables {
    ($($module:ident $length:literal { $($name:ident = $field:expr;)* })*) => {$(
        #[doc = concat!("Fields of `", stringify!($module), "`.")]
        pub mod $module {
            use super::*;
            $(#[doc = concat!("`", stringify!($name), "` as can.md 1.3 names it.")] pub const $name: Field = $field;)*
            pub(super) static LAYOUT: Layout = Layout::new($length, &[$($name),*]);
        }
    )*};
}

tables! {
    chm 3 {
        PROTO_B1 = Field::number("proto_b1", 0, 1);
        PROTO_B2_3 = Field::number("proto_b2_3", 1, 2);
    }
    bhm 2 {
        MAX_ALLOW_TOTAL_VOLTAGE = volts("max_allow_total_voltage", 0);
    }
    crm 8 {
        RESULT = Field::number("result", 0, 1);
        CHARGER_NO = Field::number("charger_no", 1, 4);
        REGION = Field::octets("region_ascii", 5, 3, Form::Text);
    }
    crm_2011 8 {
        RESULT = Field::number("result", 0, 1);
        CHARGER_NO = from_one("charger_no", 1);
        REGION = Field::octets("region_ascii", 2, 6, Form::Text);
    }
    brm 49 {
        PROTO_B1 = Field::number("proto_b1", 0, 1);
        PROTO_B2_3 = Field::number("proto_b2_3", 1, 2);
        BATTERY_TYPE = Field::number("battery_type", 3, 1);
        RATED_CAPACITY = Field::number("rated_capacity", 4, 2).scaled(1, 0);
        RATED_VOLTAGE = volts("rated_voltage", 6);
        MAKER = Field::octets("maker_ascii", 8, 4, Form::Text);
        PACK_SERIAL = Field::number("pack_serial", 12, 4);
        PROD_YEAR = Field::number("prod_year", 16, 1).scaled(0, 1985);
        PROD_MONTH = Field::number("prod_month", 17, 1);
        PROD_DAY = Field::number("prod_day", 18, 1);
        CHARGE_COUNT = Field::number("charge_count", 19, 3);
        OWNERSHIP = Field::number("ownership", 22, 1);
        RESERVED = Field::number("reserved", 23, 1);
        VIN = Field::octets("vin", 24, 17, Form::Vin);
        SW_BUILD_SERIAL = Field::number("sw_build_serial", 41, 1);
        SW_DAY = Field::number("sw_day", 42, 1);
        SW_MONTH = Field::number("sw_month", 43, 1);
        SW_YEAR = Field::number("sw_year", 44, 2);
        SW_RESERVED = Field::number("sw_reserved", 46, 3);
    }
    bcp 13 {
        MAX_CELL_VOLTAGE = cell_volts("max_cell_voltage", 0);
        MAX_CHARGE_CURRENT = amperes("max_charge_current", 2);
        NOMINAL_ENERGY = Field::number("nominal_energy", 4, 2).scaled(1, 0);
        MAX_TOTAL_VOLTAGE = volts("max_total_voltage", 6);
        MAX_TEMP = celsius("max_temp", 8);
        SOC = Field::number("soc", 9, 2).scaled(1, 0);
        BATTERY_VOLTAGE = volts("battery_voltage", 11);
    }
    cml 8 {
        MAX_VOLTAGE = volts("max_voltage", 0);
        MIN_VOLTAGE = volts("min_voltage", 2);
        MAX_CURRENT = amperes("max_current", 4);
        MIN_CURRENT = amperes("min_current", 6);
    }
    cml_2011 6 {
        MAX_VOLTAGE = volts("max_voltage", 0);
        MIN_VOLTAGE = volts("min_voltage", 2);
        MAX_CURRENT = amperes("max_current", 4);
    }
    ready 1 {
        READY = Field::number("ready", 0, 1);
    }
    bcl 5 {
        VOLTAGE_DEMAND = volts("voltage_demand", 0);
        CURRENT_DEMAND = amperes("current_demand", 2);
        MODE = Field::number("mode", 4, 1);
    }
    bcs 9 {
        VOLTAGE = volts("voltage", 0);
        CURRENT = amperes("current", 2);
        MAX_CELL_VOLTAGE = Field::bits("max_cell_voltage", 4, 0, 12).scaled(2, 0);
        MAX_CELL_GROUP = Field::bits("max_cell_group", 5, 4, 4);
        SOC = Field::number("soc", 6, 1);
        REMAINING_TIME = Field::number("remaining_time", 7, 2);
    }
    bcs_2011 9 {
        VOLTAGE = volts("voltage", 0);
        CURRENT = amperes("current", 2);
        MAX_CELL_VOLTAGE = Field::bits("max_cell_voltage", 4, 0, 12).scaled(2, 0);
        MAX_CELL_GROUP = Field::bits("max_cell_group", 5, 4, 4).scaled(0, 1);
        SOC = Field::number("soc", 6, 1);
        REMAINING_TIME = Field::number("remaining_time", 7, 2);
    }
    ccs 8 {
        VOLTAGE = volts("voltage", 0);
        CURRENT = amperes("current", 2);
        CHARGE_TIME = Field::number("charge_time", 4, 2);
        CHARGE_PERMIT = state("charge_permit", 6, 0);
    }
    ccs_2011 6 {
        VOLTAGE = volts("voltage", 0);
        CURRENT = amperes("current", 2);
        CHARGE_TIME = Field::number("charge_time", 4, 2);
    }
    bsm 7 {
        MAX_CELL_V_NO = from_one("max_cell_v_no", 0);
        MAX_TEMP = celsius("max_temp", 1);
        MAX_TEMP_POINT = from_one("max_temp_point", 2);
        MIN_TEMP = celsius("min_temp", 3);
        MIN_TEMP_POINT = from_one("min_temp_point", 4);
        CELL_VOLTAGE_STATE = state("cell_voltage_state", 5, 0);
        SOC_STATE = state("soc_state", 5, 2);
        OVER_CURRENT = state("over_current", 5, 4);
        OVER_TEMP = state("over_temp", 5, 6);
        INSULATION = state("insulation", 6, 0);
        CONNECTOR = state("connector", 6, 2);
        CHARGE_PERMIT = state("charge_permit", 6, 4);
    }
    bst 4 {
        SOC_TARGET = state("soc_target", 0, 0);
        TOTAL_VOLTAGE_SET = state("total_voltage_set", 0, 2);
        CELL_VOLTAGE_SET = state("cell_voltage_set", 0, 4);
        CHARGER_STOPPED = state("charger_stopped", 0, 6);
        INSULATION = state("insulation", 1, 0);
        OUT_CONNECTOR_OVERTEMP = state("out_connector_overtemp", 1, 2);
        BMS_COMPONENT_OVERTEMP = state("bms_component_overtemp", 1, 4);
        CONNECTOR_FAULT = state("connector_fault", 1, 6);
        PACK_OVERTEMP = state("pack_overtemp", 2, 0);
        HV_RELAY = state("hv_relay", 2, 2);
        POINT2_VOLTAGE = state("point2_voltage", 2, 4);
        OTHER_FAULT = state("other_fault", 2, 6);
        OVER_CURRENT = state("over_current", 3, 0);
        VOLTAGE_ABNORMAL = state("voltage_abnormal", 3, 2);
    }
    bst_2011 4 {
        SOC_TARGET = state("soc_target", 0, 0);
        TOTAL_VOLTAGE_SET = state("total_voltage_set", 0, 2);
        CELL_VOLTAGE_SET = state("cell_voltage_set", 0, 4);
        INSULATION = state("insulation", 1, 0);
        OUT_CONNECTOR_OVERTEMP = state("out_connector_overtemp", 1, 2);
        BMS_COMPONENT_OVERTEMP = state("bms_component_overtemp", 1, 4);
        CONNECTOR_FAULT = state("connector_fault", 1, 6);
        PACK_OVERTEMP = state("pack_overtemp", 2, 0);
        OTHER_FAULT = state("other_fault", 2, 2);
        OVER_CURRENT = state("over_current", 3, 0);
        VOLTAGE_ABNORMAL = state("voltage_abnormal", 3, 2);
    }
    cst 4 {
        CONDITION_REACHED = state("condition_reached", 0, 0);
        MANUAL_STOP = state("manual_stop", 0, 2);
        FAULT_STOP = state("fault_stop", 0, 4);
        BMS_STOPPED = state("bms_stopped", 0, 6);
        CHARGER_OVERTEMP = state("charger_overtemp", 1, 0);
        CONNECTOR_FAULT = state("connector_fault", 1, 2);
        INTERNAL_OVERTEMP = state("internal_overtemp", 1, 4);
        ENERGY_NOT_TRANSFERABLE = state("energy_not_transferable", 1, 6);
        EMERGENCY_STOP = state("emergency_stop", 2, 0);
        OTHER_FAULT = state("other_fault", 2, 2);
        CURRENT_MISMATCH = state("current_mismatch", 3, 0);
        VOLTAGE_ABNORMAL = state("voltage_abnormal", 3, 2);
    }
    cst_2011 4 {
        CONDITION_REACHED = state("condition_reached", 0, 0);
        MANUAL_STOP = state("manual_stop", 0, 2);
        FAULT_STOP = state("fault_stop", 0, 4);
        CHARGER_OVERTEMP = state("charger_overtemp", 1, 0);
        CONNECTOR_FAULT = state("connector_fault", 1, 2);
        INTERNAL_OVERTEMP = state("internal_overtemp", 1, 4);
        ENERGY_NOT_TRANSFERABLE = state("energy_not_transferable", 1, 6);
        EMERGENCY_STOP = state("emergency_stop", 2, 0);
        OTHER_FAULT = state("other_fault", 2, 2);
        CURRENT_MISMATCH = state("current_mismatch", 3, 0);
        VOLTAGE_ABNORMAL = state("voltage_abnormal", 3, 2);
    }
    bsd 7 {
        SOC_END = Field::number("soc_end", 0, 1);
        MIN_CELL_VOLTAGE = cell_volts("min_cell_voltage", 1);
        MAX_CELL_VOLTAGE = cell_volts("max_cell_voltage", 3);
        MIN_TEMP = celsius("min_temp", 5);
        MAX_TEMP = celsius("max_temp", 6);
    }
    csd 8 {
        CHARGE_TIME = Field::number("charge_time", 0, 2);
        ENERGY = Field::number("energy", 2, 2).scaled(1, 0);
        CHARGER_NO = Field::number("charger_no", 4, 4);
    }
    csd_2011 5 {
        CHARGE_TIME = Field::number("charge_time", 0, 2);
        ENERGY = Field::number("energy", 2, 2).scaled(1, 0);
        CHARGER_NO = from_one("charger_no", 4);
    }
    bem 4 {
        CRM00_TIMEOUT = state("crm00_timeout", 0, 0);
        CRMAA_TIMEOUT = state("crmAA_timeout", 0, 2);
        CTS_CML_TIMEOUT = state("cts_cml_timeout", 1, 0);
        CRO_TIMEOUT = state("cro_timeout", 1, 2);
        CCS_TIMEOUT = state("ccs_timeout", 2, 0);
        CST_TIMEOUT = state("cst_timeout", 2, 2);
        CSD_TIMEOUT = state("csd_timeout", 3, 0);
        OTHER = Field::bits("other", 3, 2, 6);
    }
    cem 4 {
        BRM_TIMEOUT = state("brm_timeout", 0, 0);
        BCP_TIMEOUT = state("bcp_timeout", 1, 0);
        BRO_TIMEOUT = state("bro_timeout", 1, 2);
        BCS_TIMEOUT = state("bcs_timeout", 2, 0);
        BCL_TIMEOUT = state("bcl_timeout", 2, 2);
        BST_TIMEOUT = state("bst_timeout", 2, 4);
        BSD_TIMEOUT = state("bsd_timeout", 3, 0);
        OTHER = Field::bits("other", 3, 2, 6);
    }
    cts 7 {}
    bmv 512 {}
    bmt 128 {}
    bsp 16 {}
}

/// The table of a message. The 2011 BRM is the first 41 octets of the 2015 one.
#[must_use]
#[inline]
pub fn of(kind: Kind, edition: Edition) -> &'static Layout {
    let old = edition == Edition::V2011;
    match kind {
        Kind::Chm => &chm::LAYOUT,
        Kind::Bhm => &bhm::LAYOUT,
        Kind::Crm if old => &crm_2011::LAYOUT,
        Kind::Crm => &crm::LAYOUT,
        Kind::Brm => &brm::LAYOUT,
        Kind::Bcp => &bcp::LAYOUT,
        Kind::Cts => &cts::LAYOUT,
        Kind::Cml if old => &cml_2011::LAYOUT,
        Kind::Cml => &cml::LAYOUT,
        Kind::Bro | Kind::Cro => &ready::LAYOUT,
        Kind::Bcl => &bcl::LAYOUT,
        Kind::Bcs if old => &bcs_2011::LAYOUT,
        Kind::Bcs => &bcs::LAYOUT,
        Kind::Ccs if old => &ccs_2011::LAYOUT,
        Kind::Ccs => &ccs::LAYOUT,
        Kind::Bsm => &bsm::LAYOUT,
        Kind::Bmv => &bmv::LAYOUT,
        Kind::Bmt => &bmt::LAYOUT,
        Kind::Bsp => &bsp::LAYOUT,
        Kind::Bst if old => &bst_2011::LAYOUT,
        Kind::Bst => &bst::LAYOUT,
        Kind::Cst if old => &cst_2011::LAYOUT,
        Kind::Cst => &cst::LAYOUT,
        Kind::Bsd => &bsd::LAYOUT,
        Kind::Csd if old => &csd_2011::LAYOUT,
        Kind::Csd => &csd::LAYOUT,
        Kind::Bem => &bem::LAYOUT,
        Kind::Cem => &cem::LAYOUT,
    }
}

/// Lengths that are accepted, whatever the edition: a single frame may be padded to eight octets, a CCS is met with
/// 6, 7 and 8 (can.md 1.9).
#[must_use]
#[inline]
pub const fn lengths(kind: Kind) -> RangeInclusive<usize> {
    match kind {
        Kind::Chm => 3..=8,
        Kind::Bhm => 2..=8,
        Kind::Crm => 8..=8,
        Kind::Brm => 41..=49,
        Kind::Bcp => 13..=13,
        Kind::Cts => 7..=8,
        Kind::Cml | Kind::Ccs => 6..=8,
        Kind::Bro | Kind::Cro => 1..=8,
        Kind::Bcl | Kind::Csd => 5..=8,
        Kind::Bcs => 9..=9,
        Kind::Bsm | Kind::Bsd => 7..=8,
        Kind::Bmv => 2..=512,
        Kind::Bmt => 1..=128,
        Kind::Bsp => 1..=16,
        Kind::Bst | Kind::Cst | Kind::Bem | Kind::Cem => 4..=8,
    }
}

/// Whether this length is the one its edition defines.
#[must_use]
#[inline]
pub fn is_defined(kind: Kind, edition: Edition, length: usize) -> bool {
    if kind == Kind::Brm {
        return length == if edition == Edition::V2011 { 41 } else { 49 };
    }
    matches!(kind, Kind::Bmv | Kind::Bmt | Kind::Bsp) || length == of(kind, edition).length
}
