//! What the controller repeats of the vehicle, in our units: 17 or 2D, 11, 13 and 20 (can.md 3.3).
//!
//! All ones mean "not sent" [K]. Cells, temperatures and counts are the vehicle's; nothing of it is billed.

use crate::model::ident::Vin;
use crate::model::quantity::{Current, Energy, Voltage};
use crate::model::vehicle::{End, Handshake, Progress};
use crate::wire::field::{Field, is_vin};
use crate::wire::tcu::Message;
use crate::wire::tcu::layout::{
    start_complete, start_complete_v121, stop_complete, stop_complete_spare, telemetry, telemetry_v121,
    vehicle_id,
};
use std::time::Duration;

/// From here on 13 has a spare octet before the words of the vehicle [1].
const WITH_SPARE: usize = 23;
/// From here on 20 and 11 have the fields of V1.21.
const TELEMETRY_V121: usize = 36;
const COMPLETE_V121: usize = 84;

/// 17 or 2D: who it is.
pub(super) fn named(message: &Message<'_>) -> Handshake {
    Handshake {
        vin: vin(message, &vehicle_id::VIN),
        charge_count: number(message, &vehicle_id::CHARGE_COUNT),
        soc_permille: number(message, &vehicle_id::SOC).map(|raw| raw as u16).filter(|soc| *soc <= 1000),
        battery_voltage: volts(message, &vehicle_id::BATTERY_V),
        ..Handshake::default()
    }
}

/// 11: who it is, what it bears and what the charger offers it.
pub(super) fn complete(message: &Message<'_>) -> Handshake {
    use start_complete as f;
    let known = Handshake {
        vin: vin(message, &f::VIN),
        bms_version: octets(message, &f::BMS_VERSION),
        battery_type: byte(message, &f::BATTERY_TYPE),
        rated_capacity_dah: number(message, &f::CAPACITY_AH).map(|raw| raw as u16),
        rated_voltage: volts(message, &f::RATED_V),
        max_cell_voltage: cell_volts(message, &f::CELL_MAX_V),
        max_current: amperes(message, &f::MAX_I),
        nominal_energy: number(message, &f::ENERGY_KWH)
            .map(|raw| Energy(i64::from(raw) * (Energy::KWH.0 / 10))),
        max_voltage: volts(message, &f::BMS_MAX_V),
        max_temperature_c: celsius(message, &f::MAX_TEMP),
        soc_permille: number(message, &f::SOC).map(|raw| raw as u16).filter(|soc| *soc <= 1000),
        battery_voltage: volts(message, &f::PRESENT_V),
        charger_max_voltage: volts(message, &f::CHARGER_MAX_V),
        charger_min_voltage: volts(message, &f::CHARGER_MIN_V),
        charger_max_current: amperes(message, &f::CHARGER_MAX_I),
        charger_min_current: amperes(message, &f::CHARGER_MIN_I),
        ..Handshake::default()
    };
    if message.payload().len() < COMPLETE_V121 {
        return known;
    }
    use start_complete_v121 as more;
    Handshake {
        battery_maker: octets(message, &more::MAKER),
        pack_serial: octets(message, &more::SERIAL).map(u32::from_le_bytes),
        made: octets(message, &more::MADE).map(|[year, month, day]| (year, month, day)),
        charge_count: number(message, &more::CHARGE_COUNT),
        ownership: byte(message, &more::OWNERSHIP),
        bms_software: octets(message, &more::BMS_SOFTWARE),
        ..known
    }
}

/// What was known before stays where the newer message says nothing of it.
pub(super) fn merged(newer: Handshake, before: &Handshake) -> Handshake {
    Handshake {
        vin: newer.vin.or(before.vin),
        charge_count: newer.charge_count.or(before.charge_count),
        soc_permille: newer.soc_permille.or(before.soc_permille),
        battery_voltage: newer.battery_voltage.or(before.battery_voltage),
        ..newer
    }
}

/// 20: how charging goes.
pub(super) fn progress(message: &Message<'_>) -> Progress {
    use telemetry as f;
    let known = Progress {
        demand_voltage: volts(message, &f::DEMAND_V),
        demand_current: amperes(message, &f::DEMAND_I),
        demand_mode: byte(message, &f::MODE),
        battery_voltage: volts(message, &f::BMS_V),
        battery_current: amperes(message, &f::BMS_I),
        max_cell_voltage: cell_volts(message, &f::CELL_MAX_V),
        soc: byte(message, &f::SOC).filter(|soc| *soc <= 100),
        remaining: number(message, &f::REMAINING_MIN).map(|min| Duration::from_secs(u64::from(min) * 60)),
        output_voltage: volts(message, &f::OUT_V),
        output_current: amperes(message, &f::OUT_I),
        max_temperature_c: celsius(message, &f::BATTERY_MAX_TEMP),
        min_temperature_c: celsius(message, &f::BATTERY_MIN_TEMP),
        ..Progress::default()
    };
    if message.payload().len() < TELEMETRY_V121 {
        return known;
    }
    Progress {
        max_cell_number: byte(message, &telemetry_v121::MAX_CELL_NO),
        max_temperature_point: byte(message, &telemetry_v121::MAX_TEMP_POINT),
        min_temperature_point: byte(message, &telemetry_v121::MIN_TEMP_POINT),
        ..known
    }
}

/// 20: the hottest contact of the plug. A probe that is not fitted says 0 or all ones [K].
pub(super) fn plug_temperature(message: &Message<'_>) -> Option<i16> {
    let probes = telemetry::PLUG_TEMPS.slice(message.payload())?;
    probes.iter().filter(|raw| !matches!(raw, 0 | 0xFF)).map(|raw| i16::from(*raw) - 50).max()
}

/// 13: how it ended, without its reason.
pub(super) fn end(message: &Message<'_>) -> End {
    use {stop_complete as f, stop_complete_spare as spare};
    let has_spare = message.payload().len() >= WITH_SPARE;
    let at = |plain: Field, with_spare: Field| if has_spare { with_spare } else { plain };
    End {
        bst: octets(message, &at(f::BST, spare::BST)),
        end_soc: byte(message, &at(f::END_SOC, spare::END_SOC)).filter(|soc| *soc <= 100),
        min_cell_voltage: cell_volts(message, &at(f::CELL_MIN_V, spare::CELL_MIN_V)),
        max_cell_voltage: cell_volts(message, &at(f::CELL_MAX_V, spare::CELL_MAX_V)),
        min_temperature_c: celsius(message, &at(f::MIN_TEMP, spare::MIN_TEMP)),
        max_temperature_c: celsius(message, &at(f::MAX_TEMP, spare::MAX_TEMP)),
        bem: octets(message, &at(f::BEM, spare::BEM)),
        cem: octets(message, &at(f::CEM, spare::CEM)),
        ..End::default()
    }
}

fn number(message: &Message<'_>, field: &Field) -> Option<u32> {
    let octets = field.slice(message.payload())?;
    message.raw(field).filter(|_| octets.iter().any(|o| *o != 0xFF))
}

fn byte(message: &Message<'_>, field: &Field) -> Option<u8> {
    number(message, field).map(|raw| raw as u8)
}

fn octets<const N: usize>(message: &Message<'_>, field: &Field) -> Option<[u8; N]> {
    let octets = field.slice(message.payload())?.first_chunk::<N>()?;
    octets.iter().any(|o| *o != 0xFF).then_some(*octets)
}

fn volts(message: &Message<'_>, field: &Field) -> Option<Voltage> {
    number(message, field).map(|raw| Voltage(i64::from(raw) * 100))
}

fn cell_volts(message: &Message<'_>, field: &Field) -> Option<Voltage> {
    number(message, field).map(|raw| Voltage(i64::from(raw) * 10))
}

/// Steps of 0.1 A from -400 A, negative while charging.
fn amperes(message: &Message<'_>, field: &Field) -> Option<Current> {
    number(message, field).map(|raw| Current((4000 - i64::from(raw)) * 100))
}

fn celsius(message: &Message<'_>, field: &Field) -> Option<i16> {
    number(message, field).map(|raw| raw as i16 - 50)
}

fn vin(message: &Message<'_>, field: &Field) -> Option<Vin> {
    let octets = field.slice(message.payload()).filter(|octets| is_vin(octets))?;
    std::str::from_utf8(octets).ok()?.parse().ok()
}
