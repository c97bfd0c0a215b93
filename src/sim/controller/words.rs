//! What a controller says, octet by octet (can.md 3.3). V1.21 fills with 00, V2.30 with FF.

use super::Dialect;
use crate::model::quantity::Current;
use crate::model::report::ChargerState;
use crate::sim::bay::Bay;
use crate::sim::plug::{Ending, MAX_VOLTAGE, MIN_VOLTAGE};
use crate::wire::can::Frame;
use crate::wire::field::Field;
use crate::wire::tcu::layout::{start_complete, status_1, telemetry, telemetry_v121, telemetry_v230};
use crate::wire::tcu::{Kind, status};

/// Fill of what a version does not use.
pub(super) fn fill(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::V121 => 0x00,
        Dialect::V230 => 0xFF,
    }
}

fn put(payload: &mut [u8], field: Field, raw: i64) {
    field.put(payload, u32::try_from(raw.max(0)).unwrap_or(u32::MAX));
}

/// A charging current is negative on the bus, from -400 A in steps of 0.1 A.
fn amperes(current: Current) -> i64 {
    4000 - current.0 / 100
}

/// 20.
pub(super) fn telemetry(dialect: Dialect, interface: u8, bay: &Bay) -> Vec<u8> {
    let length = match dialect {
        Dialect::V121 => 36,
        Dialect::V230 => 34,
    };
    let mut payload = vec![0; length];
    payload[0] = interface;
    let p = payload.as_mut_slice();
    put(p, telemetry::OUT_V, bay.voltage().0 / 100);
    put(p, telemetry::OUT_I, amperes(bay.current()));
    put(p, telemetry::AMBIENT_TEMP, 24 + 50);
    put(p, telemetry::CC_V, if bay.vehicle().is_some() { 400 } else { 600 });
    put(p, telemetry::DEMAND_I, 4000);
    put(p, telemetry::BMS_I, 4000);
    p[26..30].fill(31 + 50);
    let talks = bay.plug_talk().is_some_and(|plug| plug.brm().is_some());
    if let Some(vehicle) = bay.vehicle().filter(|_| talks) {
        let pack = vehicle.pack();
        put(p, telemetry::SOC, vehicle.soc().into());
        put(p, telemetry::BATTERY_MIN_TEMP, i64::from(pack.min_temperature_c) + 50);
        put(p, telemetry::BATTERY_MAX_TEMP, i64::from(pack.max_temperature_c) + 50);
        put(p, telemetry::CELL_MAX_V, pack.max_cell.0 / 10);
        put(p, telemetry::CELL_MIN_V, pack.min_cell.0 / 10);
        put(p, telemetry::DEMAND_V, vehicle.max_voltage().0 / 100);
        put(p, telemetry::DEMAND_I, amperes(vehicle.demand_current()));
        put(p, telemetry::MODE, if vehicle.holds_voltage() { 1 } else { 2 });
        put(p, telemetry::BMS_V, pack.voltage.0 / 100);
        put(p, telemetry::BMS_I, amperes(bay.current()));
        put(p, telemetry::REMAINING_MIN, vehicle.remaining_minutes());
    }
    match dialect {
        Dialect::V121 => {
            put(p, telemetry_v121::MAX_CELL_NO, 17);
            put(p, telemetry_v121::MAX_TEMP_POINT, 3);
            put(p, telemetry_v121::MIN_TEMP_POINT, 9);
            put(p, telemetry_v121::INLET_TEMP, 24 + 50);
            put(p, telemetry_v121::OUTLET_TEMP, 38 + 50);
            put(p, telemetry_v121::HUMIDITY, 55);
        }
        Dialect::V230 => put(p, telemetry_v230::METER_RAW, bay.register().0 / 100),
    }
    payload
}

/// 22 and 23.
pub(super) fn status(interface: u8, bay: &Bay, work: u8, faults: &[&str]) -> [[u8; 8]; 2] {
    let (mut one, mut two) = ([0; 8], [0; 8]);
    (one[0], two[0]) = (interface, interface);
    put(&mut one, status_1::WORK_STATE, work.into());
    put(&mut one, status_1::NOT_CONNECTED, i64::from(bay.vehicle().is_none()));
    put(&mut one, status_1::NOT_SEATED, i64::from(bay.vehicle().is_none()));
    let locked = !matches!(bay.state(), ChargerState::Idle);
    put(&mut one, status_1::LOCK_STATE, locked.into());
    put(&mut one, status_1::DC_CONTACTOR, i64::from(bay.voltage().0 > 0));
    for name in faults {
        if let Some((octet, mask)) = status::bit(&status::STATUS_1, name) {
            one[1 + octet] |= mask;
        }
        if let Some((octet, mask)) = status::bit(&status::STATUS_2, name) {
            two[1 + octet] |= mask;
        }
    }
    [one, two]
}

/// 17 and 2D.
pub(super) fn vehicle(interface: u8, bay: &Bay) -> Option<Vec<u8>> {
    let plug = bay.plug_talk()?;
    let (brm, bcp) = (plug.brm()?, plug.bcp());
    let mut payload = vec![interface];
    payload.extend_from_slice(brm.get(24..41)?);
    payload.extend_from_slice(brm.get(19..22)?);
    match bcp {
        Some(bcp) => {
            payload.extend_from_slice(&bcp[9..11]);
            payload.extend_from_slice(&bcp[11..13]);
        }
        None => payload.extend_from_slice(&[0; 4]),
    }
    Some(payload)
}

/// 11: what the vehicle said of itself, repeated.
pub(super) fn started(dialect: Dialect, interface: u8, bay: &Bay, reason: u8) -> Vec<u8> {
    let mut payload = vec![fill(dialect); if dialect == Dialect::V121 { 84 } else { 54 }];
    payload[0] = interface;
    let p = payload.as_mut_slice();
    put(p, start_complete::LOAD_CONTROL, 2);
    put(p, start_complete::RESULT, i64::from(reason != 0));
    put(p, start_complete::REASON, reason.into());
    p[4..7].copy_from_slice(&[1, 1, 0]);
    put(p, start_complete::HANDSHAKE, 0);
    put(p, start_complete::CHARGER_MAX_V, MAX_VOLTAGE.0 / 100);
    put(p, start_complete::CHARGER_MIN_V, MIN_VOLTAGE.0 / 100);
    let plug = bay.plug_talk();
    put(p, start_complete::CHARGER_MAX_I, plug.map_or(4000, |plug| amperes(plug.max_current())));
    put(p, start_complete::CHARGER_MIN_I, amperes(Current(1_000)));
    if let Some(brm) = plug.and_then(|plug| plug.brm()).filter(|brm| brm.len() >= 41) {
        p[7..10].copy_from_slice(&brm[..3]);
        p[11] = brm[3];
        p[19..21].copy_from_slice(&brm[6..8]);
        p[23..25].copy_from_slice(&brm[4..6]);
        p[37..54].copy_from_slice(&brm[24..41]);
        if dialect == Dialect::V121 {
            p[54..69].copy_from_slice(&brm[8..23]);
            let software = brm.get(41..49).unwrap_or(&[0xFF; 8]);
            p[76..84].copy_from_slice(software);
        }
    }
    if let Some(bcp) = plug.and_then(|plug| plug.bcp()) {
        p[12] = bcp[8];
        p[13..15].copy_from_slice(&bcp[6..8]);
        p[15..17].copy_from_slice(&bcp[..2]);
        p[17..19].copy_from_slice(&bcp[2..4]);
        p[21..23].copy_from_slice(&bcp[11..13]);
        p[25..27].copy_from_slice(&bcp[4..6]);
        p[27..29].copy_from_slice(&bcp[9..11]);
    }
    payload
}

/// 13: why it stopped and what both sides said of it. V2.30 has a spare octet before BST.
pub(super) fn stopped(dialect: Dialect, interface: u8, reason: u8, ending: &Ending) -> Vec<u8> {
    let unsent = fill(dialect);
    let mut payload = vec![interface, reason, 0];
    if dialect == Dialect::V230 {
        payload.push(0xFF);
    }
    payload.extend(ending.bst.unwrap_or([unsent; 4]));
    payload.extend(ending.bsd.unwrap_or([unsent; 7]));
    payload.extend(ending.bem.unwrap_or([0xF0, 0xF0, 0xF0, 0xFC]));
    payload.extend(ending.cem.unwrap_or([0xFC, 0xF0, 0xC0, 0xFC]));
    payload
}

/// The frames of a long message: number, total and length before the data, the sum behind it.
pub(super) fn long(kind: Kind, address: u8, payload: &[u8]) -> Vec<Frame> {
    let total = (payload.len() + 5).div_ceil(7);
    let [low, high, ..] = payload.len().to_le_bytes();
    let mut octets = vec![total as u8, low, high];
    octets.extend_from_slice(payload);
    let sum = octets.iter().fold(0u16, |sum, octet| sum.wrapping_add(u16::from(*octet)));
    octets.extend(sum.to_le_bytes());
    let frame = |(index, part): (usize, &[u8])| {
        let mut data = [0xFF; 8];
        data[0] = index as u8 + 1;
        data[1..=part.len()].copy_from_slice(part);
        Frame::new(kind.id(address), &data)
    };
    octets.chunks(7).enumerate().filter_map(frame).collect()
}
