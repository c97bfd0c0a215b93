//! What a plan puts where.

use super::{Device, Slot, Standing, Wire};
use crate::model::access::VehicleStatus;
use crate::model::time::{Instant, Utc};
use crate::sim::bay::{Bay, Electronics};
use crate::sim::controller::{self, Controller};
use crate::sim::people::{Regular, Visitor};
use crate::sim::plan::{Place, Plan, PlannedCharger, PlannedMeter};
use crate::sim::plug::{self, Plug};
use crate::sim::{charger, meter, modbus_meter, reader};
use crate::wire::dlt645::Address;

/// Puts the devices of a place on their lines; gives the place of its reader.
pub(super) fn devices(
    lines: &mut [Wire],
    index: usize,
    place: &Place,
    wall: Utc,
    random: &mut fastrand::Rng,
) -> (usize, usize) {
    let n = index + 1;
    let mut add = |line: usize, name: String, device: Device| {
        lines[line].slots.push(Slot { name, place: index, device, fault: None, flaky: 0 });
        (line, lines[line].slots.len() - 1)
    };
    match place.meter {
        PlannedMeter::Dlt645(line, address) => {
            let config = meter::Config::new(Address(address), meter::Kind::Dc, wall);
            add(line, format!("meter-{n}"), Device::Meter(meter::Meter::new(config)));
        }
        PlannedMeter::Modbus(line, address) => {
            add(line, format!("meter-{n}"), Device::ModbusMeter(modbus_meter::ModbusMeter::new(address)));
        }
    }
    if let PlannedCharger::Modbus { line, address, .. } = place.charger {
        let gun = u16::from(place.connector.number);
        let charger = charger::Charger::new(address, n as u16, gun);
        add(line, format!("charger-{n}"), Device::Charger(charger));
    }
    let (line, address, key) = place.reader;
    add(
        line,
        format!("reader-{n}"),
        Device::Reader(Box::new(reader::Reader::new(address, Some(key), random.u64(..)))),
    )
}

/// The place itself, with its plug where one is spoken over.
pub(super) fn standing(
    plan: &Plan,
    index: usize,
    electronics: Electronics,
    reader: (usize, usize),
    visitor: Option<Visitor>,
) -> Standing {
    let place = &plan.places[index];
    let electronics = Electronics { rated: place.rated, ..electronics };
    let mut bay = Bay::new(electronics, place.register);
    let (mut controller, mut tap, mut partner) = (None, None, None);
    match place.charger {
        PlannedCharger::Modbus { tap: heard, .. } => tap = heard,
        PlannedCharger::Controller { can, address, dialect, partner: other } => {
            let alone = plan.places.iter().filter(|p| p.connector.pile == place.connector.pile).count() == 1;
            let interface = if alone { 0 } else { place.connector.number };
            controller = Some((can, Controller::new(controller::Config { address, interface, dialect })));
            partner = other;
        }
    }
    if tap.is_some() || controller.is_some() {
        bay = bay.with_plug(Plug::new(plug(index, electronics, tap.is_some()), index as u64));
    }
    // a pair of guns has one bus, which comes to the first of them
    let visitor = visitor.filter(|_| partner.is_none_or(|other| other > index));
    let visitor = visitor.map(|visitor| visitor.with_fleet(regulars(plan, index), place.vin_start));
    Standing {
        connector: place.connector,
        bay,
        visitor,
        look_at: Instant::default(),
        reader,
        controller,
        stirred: false,
        tap,
        partner,
    }
}

/// The handshake takes half of what the electronics need before output, the vehicle the rest.
fn plug(index: usize, electronics: Electronics, tapped: bool) -> plug::Config {
    plug::Config {
        number: index as u32 + 1,
        rated: electronics.rated,
        insulation: electronics.preparing / 2,
        tapped,
        grant: 255,
    }
}

/// Buses of the fleet that may charge and come to this place and no other.
fn regulars(plan: &Plan, index: usize) -> Vec<Regular> {
    let speaks = |p: &Place| match p.charger {
        PlannedCharger::Modbus { tap, .. } => tap.is_some(),
        PlannedCharger::Controller { .. } => true,
    };
    if !speaks(&plan.places[index]) {
        return Vec::new();
    }
    let before = plan.places[..index].iter().filter(|p| speaks(p)).count();
    let places = plan.places.iter().filter(|p| speaks(p)).count();
    let good = plan.vehicles.iter().filter(|v| v.status == VehicleStatus::Allowed);
    good.skip(before).step_by(places).map(|v| (v.fleet_number.clone(), v.vin)).collect()
}
