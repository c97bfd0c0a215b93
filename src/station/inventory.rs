//! The devices of the depot by class and index (platform-222.md 13.5, 030A): one place says which device `index` means.
//!
//! Index 1 of class 0 is this controller. Chargers (class 1) are counted by pile code, meters (2), readers (3) and
//! lines (8) in the order of the configuration, vehicle sides (4) by connector. An index may be another one after the
//! configuration was changed: the inventory is told anew after every login.

use super::ConnectorConfig;
use crate::model::ident::{ConnectorId, DeviceCode, DeviceId};
use std::collections::BTreeMap;

/// Device classes of 13.5.
pub mod class {
    /// Station controller.
    pub const CONTROLLER: u8 = 0;
    /// Charger.
    pub const CHARGER: u8 = 1;
    /// Meter.
    pub const METER: u8 = 2;
    /// Reader.
    pub const READER: u8 = 3;
    /// BMS listener and vehicle.
    pub const VEHICLE: u8 = 4;
    /// Line or gateway.
    pub const LINE: u8 = 8;
    /// Feeder, transformer, fire input.
    pub const SITE: u8 = 9;
}

/// What the configuration says of devices beside connectors, each in its order.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Every meter.
    pub meters: Vec<DeviceId>,
    /// Every reader, and whether it speaks over a secure channel.
    pub readers: Vec<(DeviceId, bool)>,
    /// Every line: its name and the devices on it.
    pub lines: Vec<(String, Vec<DeviceId>)>,
}

/// What belongs to one connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    charger: u16,
    meter: u16,
    /// The first connector that the meter serves.
    meter_at: ConnectorId,
    reader: u16,
    /// The first connector that the reader serves.
    reader_at: ConnectorId,
    vehicle: u16,
    /// Lines of charger, meter and reader.
    lines: [u16; 3],
}

/// Where alarms belong.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    spots: BTreeMap<ConnectorId, Spot>,
}

impl Places {
    pub(super) fn new(connectors: &[ConnectorConfig], inventory: &Inventory) -> Places {
        let mut piles: Vec<DeviceCode> = connectors.iter().map(|c| c.id.pile).collect();
        piles.sort_unstable();
        piles.dedup();
        let mut ids: Vec<ConnectorId> = connectors.iter().map(|c| c.id).collect();
        ids.sort_unstable();
        let readers: Vec<DeviceId> = inventory.readers.iter().map(|(id, _)| *id).collect();
        let line = |device: DeviceId| {
            let at = inventory.lines.iter().position(|(_, devices)| devices.contains(&device));
            at.map_or(0, from_one)
        };
        let spot = |c: &ConnectorConfig| {
            let first = |same: &dyn Fn(&ConnectorConfig) -> bool| {
                connectors.iter().filter(|o| same(o)).map(|o| o.id).min().unwrap_or(c.id)
            };
            let spot = Spot {
                charger: place_of(&piles, c.id.pile),
                meter: place_of(&inventory.meters, c.meter),
                meter_at: first(&|o| o.meter == c.meter),
                reader: c.reader.map_or(0, |reader| place_of(&readers, reader)),
                reader_at: first(&|o| o.reader == c.reader),
                vehicle: place_of(&ids, c.id),
                lines: [line(c.charger), line(c.meter), c.reader.map_or(0, line)],
            };
            (c.id, spot)
        };
        Places { spots: connectors.iter().map(spot).collect() }
    }

    /// Index and connector of the device of this class at a connector. A device that serves several connectors is
    /// named by the first of them. Index 0: the configuration does not hold it.
    pub(super) fn at(&self, class: u8, connector: ConnectorId) -> (u16, ConnectorId) {
        let Some(spot) = self.spots.get(&connector) else { return (0, connector) };
        match class {
            class::CHARGER => (spot.charger, connector),
            class::METER => (spot.meter, spot.meter_at),
            class::READER => (spot.reader, spot.reader_at),
            class::VEHICLE => (spot.vehicle, connector),
            _ => (0, connector),
        }
    }

    /// The line of the device of this class at a connector, from 1; 0 none.
    pub(super) fn line(&self, class: u8, connector: ConnectorId) -> u16 {
        let lines = self.spots.get(&connector).map_or([0; 3], |spot| spot.lines);
        match class {
            class::CHARGER => lines[0],
            class::METER => lines[1],
            class::READER => lines[2],
            _ => 0,
        }
    }
}

/// Index of a place in a list.
pub(super) fn from_one(at: usize) -> u16 {
    u16::try_from(at + 1).unwrap_or(0)
}

fn place_of<T: PartialEq>(list: &[T], item: T) -> u16 {
    list.iter().position(|other| *other == item).map_or(0, from_one)
}
