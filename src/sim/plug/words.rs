//! What the two ends say, octet by octet (can.md 1.3); undefined bits are 1.

use crate::model::quantity::{Current, Energy, Voltage};
use crate::sim::vehicle::{CELLS, POINTS, Vehicle};
use crate::wire::field::Field;
use crate::wire::gbt27930::layout::{self, bcl, bcp, bcs, bhm, brm, bsd, bsm, ccs, cml, crm, csd};
use crate::wire::gbt27930::{Edition, Kind};

/// Every octet of the length that the edition defines, all ones.
pub(super) fn blank(kind: Kind, edition: Edition) -> Vec<u8> {
    let length = match (kind, edition) {
        (Kind::Brm, Edition::V2011) => 41,
        _ => layout::of(kind, edition).length,
    };
    vec![0xFF; length]
}

fn written(kind: Kind, edition: Edition, fields: &[(Field, u32)]) -> Vec<u8> {
    let mut payload = blank(kind, edition);
    fields.iter().for_each(|(field, raw)| field.put(&mut payload, *raw));
    payload
}

fn raw(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

fn volts(voltage: Voltage) -> u32 {
    raw(voltage.0 / 100)
}

fn cell(voltage: Voltage) -> u32 {
    raw(voltage.0 / 10)
}

/// On the bus a charging current is negative, from -400 A.
fn amperes(current: Current) -> u32 {
    raw(4000 - current.0 / 100)
}

fn celsius(degrees: i16) -> u32 {
    raw(i64::from(degrees) + 50)
}

/// 2 = constant current, 1 = constant voltage.
fn mode(vehicle: &Vehicle) -> u32 {
    if vehicle.holds_voltage() { 1 } else { 2 }
}

pub(super) fn bhm(vehicle: &Vehicle) -> Vec<u8> {
    let fields = [(bhm::MAX_ALLOW_TOTAL_VOLTAGE, volts(vehicle.max_voltage()))];
    written(Kind::Bhm, Edition::V2015, &fields)
}

pub(super) fn brm(vehicle: &Vehicle, edition: Edition, vin: &[u8; 17]) -> Vec<u8> {
    let minor = u32::from(edition == Edition::V2015);
    let mut payload = written(
        Kind::Brm,
        edition,
        &[
            (brm::PROTO_B1, minor),
            (brm::PROTO_B2_3, 1),
            (brm::BATTERY_TYPE, 3),
            (brm::RATED_CAPACITY, raw(vehicle.capacity.0 / 576)),
            (brm::RATED_VOLTAGE, 5_760),
            (brm::MAKER, u32::from_le_bytes(*b"SIMB")),
            (brm::PACK_SERIAL, 7_001),
            (brm::PROD_YEAR, 2024 - 1985),
            (brm::PROD_MONTH, 5),
            (brm::PROD_DAY, 17),
            (brm::CHARGE_COUNT, 812),
            (brm::OWNERSHIP, 1),
            (brm::SW_BUILD_SERIAL, 1),
            (brm::SW_DAY, 9),
            (brm::SW_MONTH, 3),
            (brm::SW_YEAR, 2024),
        ],
    );
    payload[24..41].copy_from_slice(vin);
    payload
}

pub(super) fn bcp(vehicle: &Vehicle) -> Vec<u8> {
    written(
        Kind::Bcp,
        Edition::V2015,
        &[
            (bcp::MAX_CELL_VOLTAGE, cell(vehicle.max_cell())),
            (bcp::MAX_CHARGE_CURRENT, amperes(vehicle.max_current())),
            (bcp::NOMINAL_ENERGY, raw(vehicle.capacity.0 / 1000)),
            (bcp::MAX_TOTAL_VOLTAGE, volts(vehicle.max_voltage())),
            (bcp::MAX_TEMP, celsius(55)),
            (bcp::SOC, raw(vehicle.permille())),
            (bcp::BATTERY_VOLTAGE, volts(vehicle.voltage())),
        ],
    )
}

pub(super) fn ready(kind: Kind, is: bool) -> Vec<u8> {
    written(kind, Edition::V2015, &[(layout::ready::READY, if is { 0xAA } else { 0 })])
}

pub(super) fn bcl(vehicle: &Vehicle) -> Vec<u8> {
    let fields = [
        (bcl::VOLTAGE_DEMAND, volts(vehicle.max_voltage())),
        (bcl::CURRENT_DEMAND, amperes(vehicle.demand_current())),
        (bcl::MODE, mode(vehicle)),
    ];
    written(Kind::Bcl, Edition::V2015, &fields)
}

/// `turn` lets the highest cell wander through the groups, as in real packs.
pub(super) fn bcs(vehicle: &Vehicle, flow: Current, turn: u32) -> Vec<u8> {
    let pack = vehicle.pack();
    let fields = [
        (bcs::VOLTAGE, volts(pack.voltage)),
        (bcs::CURRENT, amperes(flow)),
        (bcs::MAX_CELL_VOLTAGE, cell(pack.max_cell)),
        (bcs::MAX_CELL_GROUP, turn % 8),
        (bcs::SOC, vehicle.soc().into()),
        (bcs::REMAINING_TIME, raw(vehicle.remaining_minutes())),
    ];
    written(Kind::Bcs, Edition::V2015, &fields)
}

pub(super) fn bsm(vehicle: &Vehicle, turn: u32, permit: bool, hot: bool) -> Vec<u8> {
    let pack = vehicle.pack();
    let fields = [
        (bsm::MAX_CELL_V_NO, turn % CELLS as u32),
        (bsm::MAX_TEMP, celsius(pack.max_temperature_c)),
        (bsm::MAX_TEMP_POINT, 2),
        (bsm::MIN_TEMP, celsius(pack.min_temperature_c)),
        (bsm::MIN_TEMP_POINT, u32::from(POINTS) - 1),
        (bsm::CELL_VOLTAGE_STATE, 0),
        (bsm::SOC_STATE, 0),
        (bsm::OVER_CURRENT, 0),
        (bsm::OVER_TEMP, hot.into()),
        (bsm::INSULATION, 0),
        (bsm::CONNECTOR, 0),
        (bsm::CHARGE_PERMIT, permit.into()),
    ];
    written(Kind::Bsm, Edition::V2015, &fields)
}

pub(super) fn bmv(vehicle: &Vehicle) -> Vec<u8> {
    let pack = vehicle.pack();
    let one = |n: i64| {
        let share = (pack.max_cell.0 - pack.min_cell.0) * n / (CELLS - 1);
        let group = (n * 8 / CELLS) as u16;
        (group << 12 | cell(Voltage(pack.min_cell.0 + share)) as u16).to_le_bytes()
    };
    (0..CELLS).flat_map(one).collect()
}

pub(super) fn bmt(vehicle: &Vehicle) -> Vec<u8> {
    let pack = vehicle.pack();
    let span = pack.max_temperature_c - pack.min_temperature_c;
    let one = |n: u8| celsius(pack.min_temperature_c + span * i16::from(n) / i16::from(POINTS - 1)) as u8;
    (0..POINTS).map(one).collect()
}

pub(super) fn bsd(vehicle: &Vehicle) -> Vec<u8> {
    let pack = vehicle.pack();
    let fields = [
        (bsd::SOC_END, vehicle.soc().into()),
        (bsd::MIN_CELL_VOLTAGE, cell(pack.min_cell)),
        (bsd::MAX_CELL_VOLTAGE, cell(pack.max_cell)),
        (bsd::MIN_TEMP, celsius(pack.min_temperature_c)),
        (bsd::MAX_TEMP, celsius(pack.max_temperature_c)),
    ];
    written(Kind::Bsd, Edition::V2015, &fields)
}

/// BST and CST: all states normal but those named here.
pub(super) fn stop(kind: Kind, edition: Edition, set: &[Field]) -> Vec<u8> {
    let mut payload = blank(kind, edition);
    for field in layout::of(kind, edition).fields {
        field.put(&mut payload, 0);
    }
    set.iter().for_each(|field| field.put(&mut payload, 1));
    payload
}

/// BEM and CEM: nothing is missing but what is named here.
pub(super) fn error(kind: Kind, missing: Option<Field>) -> Vec<u8> {
    let mut payload = match kind {
        Kind::Bem => vec![0xF0, 0xF0, 0xF0, 0xFC],
        _ => vec![0xFC, 0xF0, 0xC0, 0xFC],
    };
    missing.iter().for_each(|field| field.put(&mut payload, 1));
    payload
}

pub(super) fn chm() -> Vec<u8> {
    vec![1, 1, 0]
}

pub(super) fn crm(edition: Edition, identified: bool, number: u32) -> Vec<u8> {
    let result = if identified { 0xAA } else { 0 };
    match edition {
        Edition::V2011 => {
            let mut payload = b"\0\0SZ0001".to_vec();
            payload[..2].copy_from_slice(&[result, number as u8]);
            payload
        }
        Edition::V2015 => {
            let region = u32::from_le_bytes(*b"SZ1\0");
            let fields = [(crm::RESULT, result.into()), (crm::CHARGER_NO, number), (crm::REGION, region)];
            written(Kind::Crm, edition, &fields)
        }
    }
}

/// Second, minute, hour, day, month, year in BCD: the moment is of no importance to anybody here.
pub(super) fn cts() -> Vec<u8> {
    vec![0x00, 0x30, 0x22, 0x25, 0x11, 0x26, 0x20]
}

pub(super) fn cml(edition: Edition, most: Voltage, least: Voltage, current: Current) -> Vec<u8> {
    let fields = [
        (cml::MAX_VOLTAGE, volts(most)),
        (cml::MIN_VOLTAGE, volts(least)),
        (cml::MAX_CURRENT, amperes(current)),
        (cml::MIN_CURRENT, amperes(Current(1_000))),
    ];
    written(Kind::Cml, edition, &fields)
}

pub(super) fn ccs(
    edition: Edition,
    voltage: Voltage,
    current: Current,
    minutes: u64,
    permit: bool,
) -> Vec<u8> {
    let fields = [
        (ccs::VOLTAGE, volts(voltage)),
        (ccs::CURRENT, amperes(current)),
        (ccs::CHARGE_TIME, minutes.min(600) as u32),
        (ccs::CHARGE_PERMIT, permit.into()),
    ];
    written(Kind::Ccs, edition, &fields)
}

pub(super) fn csd(edition: Edition, minutes: u64, energy: Energy, number: u32) -> Vec<u8> {
    let mut fields = vec![(csd::CHARGE_TIME, minutes.min(600) as u32), (csd::ENERGY, raw(energy.0 / 1000))];
    fields.push(match edition {
        Edition::V2011 => (layout::csd_2011::CHARGER_NO, number & 0xFF),
        Edition::V2015 => (csd::CHARGER_NO, number),
    });
    written(Kind::Csd, edition, &fields)
}
