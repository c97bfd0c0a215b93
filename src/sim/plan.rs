//! What stands in a simulated depot, and the configuration file that fits it.

mod configuration;

use super::controller::Dialect;
use crate::config::Connections;
use crate::model::access::VehicleStatus;
use crate::model::ident::{CardUid, ConnectorId, DeviceCode, Vin};
use crate::model::quantity::{Energy, Power};
use crate::model::record::Protocol;

/// A simulated depot on paper.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Station code.
    pub station: DeviceCode,
    /// Name of the station.
    pub name: String,
    /// RS-485 lines.
    pub lines: Vec<PlannedLine>,
    /// CAN buses.
    pub cans: Vec<PlannedCan>,
    /// Charging places, one connector each; those of one charger follow each other.
    pub places: Vec<Place>,
    /// Cards of its people.
    pub cards: Vec<PlannedCard>,
    /// What its platform speaks.
    pub protocol: Protocol,
    /// How its piles share connections to the platform.
    pub connections: Connections,
    /// Buses of its fleet that name themselves.
    pub vehicles: Vec<PlannedVehicle>,
}

/// A CAN bus with an slcan adapter.
#[derive(Clone, Debug)]
pub struct PlannedCan {
    /// Its name, and that of its link in the folder.
    pub name: String,
    /// The pair of a plug: the adapter only listens.
    pub tap: bool,
}

/// An RS-485 line.
#[derive(Clone, Debug)]
pub struct PlannedLine {
    /// Its name, and that of its link in the folder.
    pub name: String,
    /// Bits per second.
    pub baud: u32,
    /// Even parity: 11 bits a character instead of 10.
    pub even_parity: bool,
}

impl PlannedLine {
    /// Bits of a character with start, parity and stop bits.
    #[must_use]
    pub fn character_bits(&self) -> u32 {
        if self.even_parity { 11 } else { 10 }
    }
}

/// One charging place.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its connector.
    pub connector: ConnectorId,
    /// Rating.
    pub rated: Power,
    /// Who drives it.
    pub charger: PlannedCharger,
    /// A vehicle may start it by naming itself.
    pub vin_start: bool,
    /// Its meter.
    pub meter: PlannedMeter,
    /// Line, address and base key of its reader.
    pub reader: (usize, u8, [u8; 16]),
    /// Where the meter stands at first.
    pub register: Energy,
}

/// Who drives a place, and where that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedCharger {
    /// A pile with a Modbus register map.
    Modbus {
        /// Its line.
        line: usize,
        /// Its address there.
        address: u8,
        /// The CAN bus that hears its plug.
        tap: Option<usize>,
    },
    /// A charge controller on CAN.
    Controller {
        /// Its bus.
        can: usize,
        /// Its address there.
        address: u8,
        /// The version it speaks.
        dialect: Dialect,
        /// Its charger has pairs of guns for one bus: the number of the other place.
        partner: Option<usize>,
    },
}

/// A bus of the fleet.
#[derive(Clone, Debug)]
pub struct PlannedVehicle {
    /// Its VIN.
    pub vin: Vin,
    /// 车辆自编号.
    pub fleet_number: String,
    /// Its plate.
    pub plate: String,
    /// What the list says.
    pub status: VehicleStatus,
}

/// A meter and where it is.
#[derive(Clone, Copy, Debug)]
pub enum PlannedMeter {
    /// DL/T 645-2007, line and address as printed.
    Dlt645(usize, [u8; 6]),
    /// DC meter with a Modbus register map, line and address.
    Modbus(usize, u8),
}

/// A card of somebody in the depot.
#[derive(Clone, Debug)]
pub struct PlannedCard {
    /// Its UID.
    pub uid: CardUid,
    /// Printed number.
    pub account: String,
    /// On the list and allowed; otherwise blocked.
    pub allowed: bool,
}

/// Places per group of three lines.
const GROUP: usize = 4;

impl Plan {
    /// A depot of so many places: for each group of four a line with chargers and a DC meter at 9600, one with DL/T 645
    /// meters at 2400 and one with OSDP readers at 9600. The seed gives reader keys and registers.
    #[must_use]
    pub fn depot(places: usize, seed: u64) -> Plan {
        let mut random = fastrand::Rng::with_seed(seed ^ 0xDE70);
        let mut plan = Plan {
            station: code(44_030_012_340_001),
            protocol: Protocol::default(),
            connections: Connections::default(),
            name: "Simulated depot".to_owned(),
            lines: Vec::new(),
            cans: Vec::new(),
            places: Vec::new(),
            cards: Vec::new(),
            vehicles: Vec::new(),
        };
        for place in 0..places {
            if place.is_multiple_of(GROUP) {
                plan.add_lines();
            }
            let (base, inside) = (plan.lines.len() - 3, (place % GROUP) as u8 + 1);
            let meter = if inside == 1 {
                PlannedMeter::Modbus(base, 11)
            } else {
                PlannedMeter::Dlt645(base + 1, printed(place as u64 + 1))
            };
            plan.places.push(Place {
                connector: ConnectorId { pile: code(44_030_000_010_000 + place as u64 + 1), number: 1 },
                rated: Power(120_000),
                charger: PlannedCharger::Modbus { line: base, address: inside, tap: None },
                vin_start: false,
                meter,
                reader: (base + 2, inside, std::array::from_fn(|_| random.u8(..))),
                // registers of DL/T 645 end at 999 999.99 kWh
                register: Energy(random.i64(1_000..90_000) * 100_000),
            });
        }
        for number in 0..places.max(4) * 3 {
            // 4-octet UIDs that do not begin with 08 (random ones)
            let uid = [0xA4, random.u8(..), random.u8(..), number as u8];
            let Ok(uid) = CardUid::new(&uid) else { continue };
            plan.cards.push(PlannedCard {
                uid,
                account: format!("9001{:08}", number + 1),
                allowed: number % 12 != 11,
            });
        }
        plan
    }

    /// The same depot with chargers of two guns on a CAN bus, `guns` in all, and a fleet that names itself. The last
    /// charger of more than one has a pair of guns for one bus; its version is the newer one.
    #[must_use]
    pub fn with_can(mut self, guns: usize, seed: u64) -> Plan {
        let mut random = fastrand::Rng::with_seed(seed ^ 0xCA4);
        let can = self.add_can(false);
        self.add_line(2400, true);
        self.add_line(9600, false);
        let (meters, readers) = (self.lines.len() - 2, self.lines.len() - 1);
        let chargers = guns.div_ceil(2);
        for gun in 0..guns {
            let (charger, number) = (gun / 2, gun % 2 + 1);
            let place = self.places.len();
            let pair = chargers > 1 && charger + 1 == chargers && guns.is_multiple_of(2);
            let other = if number == 1 { place + 1 } else { place - 1 };
            let charger = PlannedCharger::Controller {
                can,
                address: 0xE0 + gun as u8,
                dialect: if charger + 1 == chargers { Dialect::V230 } else { Dialect::V121 },
                partner: pair.then_some(other),
            };
            let pile = code(44_030_000_020_000 + gun as u64 / 2 + 1);
            self.places.push(Place {
                connector: ConnectorId { pile, number: number as u8 },
                rated: Power(120_000),
                charger,
                vin_start: pair || number == 1 || guns == 2,
                meter: PlannedMeter::Dlt645(meters, printed(900 + gun as u64)),
                reader: (readers, gun as u8 + 1, std::array::from_fn(|_| random.u8(..))),
                register: Energy(random.i64(1_000..90_000) * 100_000),
            });
        }
        self.add_fleet(12, &mut random);
        self
    }

    /// The same depot with a tap on the plug of its first place.
    #[must_use]
    pub fn with_tap(mut self) -> Plan {
        let can = self.add_can(true);
        if let Some(PlannedCharger::Modbus { tap, .. }) = self.places.first_mut().map(|p| &mut p.charger) {
            *tap = Some(can);
        }
        self
    }

    fn add_can(&mut self, tap: bool) -> usize {
        self.cans.push(PlannedCan { name: format!("can-{}", self.cans.len() + 1), tap });
        self.cans.len() - 1
    }

    /// So many buses; the last one is refused, the one before it watched.
    fn add_fleet(&mut self, count: usize, random: &mut fastrand::Rng) {
        const LETTERS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ0123456789";
        for number in 0..count {
            let tail: String = (0..6).map(|_| char::from(LETTERS[random.usize(..LETTERS.len())])).collect();
            let Ok(vin) = format!("LSMB{tail}{:07}", number + 1).parse() else { continue };
            let status = match count - number {
                1 => VehicleStatus::Refused,
                2 => VehicleStatus::Grey,
                _ => VehicleStatus::Allowed,
            };
            let fleet_number = format!("B{}", 8_001 + number);
            let plate = format!("粤B{:05}D", 70_001 + number);
            self.vehicles.push(PlannedVehicle { vin, fleet_number, plate, status });
        }
    }

    /// How many connectors each charger has.
    pub fn piles(&self) -> impl Iterator<Item = (DeviceCode, u8)> + '_ {
        let mut seen = std::collections::BTreeMap::new();
        for place in &self.places {
            let most: &mut u8 = seen.entry(place.connector.pile).or_default();
            *most = (*most).max(place.connector.number);
        }
        seen.into_iter()
    }

    fn add_lines(&mut self) {
        for (baud, even_parity) in [(9600, false), (2400, true), (9600, false)] {
            self.add_line(baud, even_parity);
        }
    }

    fn add_line(&mut self, baud: u32, even_parity: bool) {
        let name = format!("rs485-{}", self.lines.len() + 1);
        self.lines.push(PlannedLine { name, baud, even_parity });
    }
}

/// 14 decimal digits.
fn code(number: u64) -> DeviceCode {
    DeviceCode(bcd(number))
}

/// 12 decimal digits as printed on a meter.
fn printed(number: u64) -> [u8; 6] {
    bcd(number)
}

fn bcd<const N: usize>(mut number: u64) -> [u8; N] {
    let mut octets = [0; N];
    for octet in octets.iter_mut().rev() {
        *octet = (number / 10 % 10) as u8 * 16 + (number % 10) as u8;
        number /= 100;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_written_configuration_is_accepted_as_it_is() {
        for places in [1, 4, 40] {
            let plan = Plan::depot(places, 7);
            let text =
                plan.configuration(Path::new("/tmp/x"), Some("127.0.0.1:7220"), Some("127.0.0.1:8722"));
            let config = crate::config::load(&text, &|_| Err(std::io::ErrorKind::NotFound.into()));
            let config = config.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
            assert_eq!(config.chargers.len(), places);
        }
    }

    #[test]
    fn a_depot_with_can_has_chargers_of_two_guns_and_a_fleet() {
        let plan = Plan::depot(1, 7).with_tap().with_can(4, 7);
        assert_eq!(plan.places.len(), 5);
        assert_eq!(plan.cans.iter().map(|c| c.tap).collect::<Vec<_>>(), [true, false]);
        assert_eq!(plan.piles().map(|(_, guns)| guns).collect::<Vec<_>>(), [1, 2, 2]);
        let pairs = plan
            .places
            .iter()
            .filter(|p| matches!(p.charger, PlannedCharger::Controller { partner: Some(_), .. }));
        assert_eq!(pairs.count(), 2);
        assert_eq!(plan.vehicles.len(), 12);
        let text = plan.configuration(Path::new("/tmp/x"), None, None);
        let config = crate::config::load(&text, &|_| Err(std::io::ErrorKind::NotFound.into()));
        let config = config.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        assert_eq!(config.chargers.iter().map(|c| c.connectors.len()).collect::<Vec<_>>(), [1, 2, 2]);
        assert_eq!(text.matches("[[charger]]").count(), 3);
        assert_eq!(text.matches("[[charger.connector]]").count(), 5);
    }
}
