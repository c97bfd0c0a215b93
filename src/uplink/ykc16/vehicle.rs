//! What is known of a vehicle and its battery (0x15 to 0x25; ykc16.md 4), as GB/T 27930 says it on the plug's own bus.
//!
//! Currents are told as the bus has them, from -400 A and negative while charging. A sample of a pile in the field shows
//! them positive; the text only says that these messages repeat those of the bus. What is not known is 0.

use super::values::{self, bus_deciamperes, centivolts, decivolts, degrees, fit, gun, pile, serial};
use super::wire::field::{Ascii, Bcd, Narrow, Raw};
use super::wire::message::charging::{
    Battery, BmsStop, ChargeEnd, ChargerStop, Demand, Errors, Handshake as Frame15, Parameters,
};
use crate::model::ident::{ConnectorId, TransactionNumber};
use crate::model::quantity::Energy;
use crate::model::vehicle::{End, Handshake, Progress};
use std::time::Duration;

/// Whose vehicle it is: how the body of each of these messages begins.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    serial: Bcd<16>,
    pile: Bcd<7>,
    gun: Bcd<1>,
}

impl Place {
    /// A session at a connector.
    #[must_use]
    pub fn new(txn: TransactionNumber, connector: ConnectorId) -> Place {
        Place { serial: serial(txn), pile: pile(connector.pile), gun: gun(connector.number) }
    }
}

/// 0x15: who it is.
#[must_use]
pub fn handshake(at: Place, told: &Handshake) -> Frame15 {
    let (year, month, day) = told.made.unwrap_or_default();
    Frame15 {
        serial: at.serial,
        pile: at.pile,
        gun: at.gun,
        bms_ver: Raw(told.bms_version.unwrap_or_default()),
        batt_type: told.battery_type.unwrap_or(0xFF),
        rated_ah: told.rated_capacity_dah.unwrap_or_default(),
        rated_v: decivolts(told.rated_voltage),
        maker: Ascii(told.battery_maker.unwrap_or_default()),
        pack_no: Raw(told.pack_serial.unwrap_or_default().to_le_bytes()),
        year,
        month,
        day,
        cycles: Narrow::new(told.charge_count.map_or(0, u64::from)).unwrap_or(Narrow::LARGEST),
        owner: told.ownership.unwrap_or_default(),
        res: Raw([0]),
        vin: values::vin(told.vin.as_ref()),
        bms_sw: Raw(told.bms_software.unwrap_or_default()),
    }
}

/// 0x17: what its battery bears and what the charger offers.
#[must_use]
pub fn parameters(at: Place, told: &Handshake) -> Parameters {
    Parameters {
        serial: at.serial,
        pile: at.pile,
        gun: at.gun,
        cell_v_max: centivolts(told.max_cell_voltage),
        i_max: bus_deciamperes(told.max_current),
        energy: tenth_kwh(told.nominal_energy),
        v_max: decivolts(told.max_voltage),
        t_max: degrees(told.max_temperature_c),
        soc: told.soc_permille.unwrap_or_default(),
        batt_v: decivolts(told.battery_voltage),
        pile_v_max: decivolts(told.charger_max_voltage),
        pile_v_min: decivolts(told.charger_min_voltage),
        pile_i_max: bus_deciamperes(told.charger_max_current),
        pile_i_min: bus_deciamperes(told.charger_min_current),
    }
}

/// 0x23: what it wants and gets.
#[must_use]
pub fn demand(at: Place, told: &Progress) -> Demand {
    const CELL: u16 = 0x0FFF;
    const GROUP: u8 = 0x0F;
    let group = u16::from(told.max_cell_group.unwrap_or_default() & GROUP);
    Demand {
        serial: at.serial,
        pile: at.pile,
        gun: at.gun,
        v_req: decivolts(told.demand_voltage),
        i_req: bus_deciamperes(told.demand_current),
        mode: told.demand_mode.unwrap_or_default(),
        v_meas: decivolts(told.battery_voltage),
        i_meas: bus_deciamperes(told.battery_current),
        cell_max: group << 12 | centivolts(told.max_cell_voltage).min(CELL),
        soc: told.soc.unwrap_or_default(),
        remain_min: minutes(told.remaining),
        pile_v: decivolts(told.output_voltage),
        pile_i: bus_deciamperes(told.output_current),
        minutes: minutes(told.charge_time),
    }
}

/// 0x25: how its battery is.
#[must_use]
pub fn battery(at: Place, told: &Progress) -> Battery {
    Battery {
        serial: at.serial,
        pile: at.pile,
        gun: at.gun,
        cell_no: told.max_cell_number.unwrap_or_default(),
        t_max: degrees(told.max_temperature_c),
        t_max_no: told.max_temperature_point.unwrap_or_default(),
        t_min: degrees(told.min_temperature_c),
        t_min_no: told.min_temperature_point.unwrap_or_default(),
        flags: u16::from_le_bytes(told.status.unwrap_or_default()),
    }
}

/// 0x19: how it ended.
#[must_use]
pub fn end(at: Place, told: &End) -> ChargeEnd {
    ChargeEnd {
        serial: at.serial,
        pile: at.pile,
        gun: at.gun,
        soc: told.end_soc.unwrap_or_default(),
        cell_v_min: centivolts(told.min_cell_voltage),
        cell_v_max: centivolts(told.max_cell_voltage),
        t_min: degrees(told.min_temperature_c),
        t_max: degrees(told.max_temperature_c),
        minutes: told.charge_minutes.unwrap_or_default(),
        energy: tenth_kwh(told.charge_energy),
        charger_no: told.charger_number.unwrap_or_default(),
    }
}

/// 0x1D: why the BMS stopped; `None` when it did not say.
#[must_use]
pub fn bms_stop(at: Place, told: &End) -> Option<BmsStop> {
    let [reason, low, high, error] = told.bst?;
    let fault = u16::from_le_bytes([low, high]);
    Some(BmsStop { serial: at.serial, pile: at.pile, gun: at.gun, reason, fault, error })
}

/// 0x21: why the charger stopped; `None` when it did not say.
#[must_use]
pub fn charger_stop(at: Place, told: &End) -> Option<ChargerStop> {
    let [reason, low, high, error] = told.cst?;
    let fault = u16::from_le_bytes([low, high]);
    Some(ChargerStop { serial: at.serial, pile: at.pile, gun: at.gun, reason, fault, error })
}

/// 0x1B: what one side missed of the other; `None` when nothing.
#[must_use]
pub fn errors(at: Place, told: &End) -> Option<Errors> {
    let [a, b, c, d] = told.bem.unwrap_or_default();
    let [e, f, g, h] = told.cem.unwrap_or_default();
    let timeouts = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    (timeouts != 0).then_some(Errors { serial: at.serial, pile: at.pile, gun: at.gun, timeouts })
}

fn tenth_kwh(energy: Option<Energy>) -> u16 {
    energy.map_or(0, |e| fit(e.0.saturating_add(500).div_euclid(1000)))
}

fn minutes(span: Option<Duration>) -> u16 {
    span.map_or(0, |span| fit(i64::try_from(span.as_secs() / 60).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quantity::{Current, Voltage};
    use crate::wire::ykc16::bits;
    use crate::wire::ykc16::reading::Reading;
    use serde_json::json;

    fn at() -> Place {
        Place::new(TransactionNumber([0x44; 16]), "44030600000001/1".parse().unwrap())
    }

    #[test]
    fn a_demand_is_told_in_the_units_of_the_bus() {
        let told = Progress {
            demand_voltage: Some(Voltage(600_500)),
            demand_current: Some(Current(180_500)),
            max_cell_voltage: Some(Voltage(3_520)),
            max_cell_group: Some(5),
            remaining: Some(Duration::from_secs(37 * 60)),
            ..Progress::default()
        };
        let demand = demand(at(), &told);
        // as in the constructed frame of 0x23: 600.5 V, -180.5 A, cell 3.52 V of group 5
        assert_eq!(
            (demand.v_req, demand.i_req, demand.cell_max, demand.remain_min),
            (6005, 2195, 20_832, 37)
        );
    }

    #[test]
    fn reasons_of_the_bus_keep_their_bits() {
        let end = End {
            bst: Some([0x01, 0, 0x04, 0]),
            bem: Some([0, 0, 0, 0]),
            cem: Some([0x01, 0, 0, 0]),
            ..End::default()
        };
        let stop = bms_stop(at(), &end).unwrap();
        assert_eq!(Reading::Bits(bits::BMS_REASON).text(stop.reason.into()), Some(json!(["SOC target"])));
        assert_eq!(Reading::Bits(bits::BMS_FAULT).text(stop.fault.into()), Some(json!(["HV relay"])));
        assert_eq!(charger_stop(at(), &end), None);
        let missed = errors(at(), &end).unwrap().timeouts;
        assert_eq!(Reading::Bits(bits::TIMEOUTS).text(missed), Some(json!(["BRM: timeout"])));
        assert_eq!(errors(at(), &End::default()), None);
    }
}
