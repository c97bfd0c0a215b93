//! A bus: a battery that takes what its state of charge allows, and what its battery management system is like.

use crate::model::ident::Vin;
use crate::model::quantity::{Current, Energy, Power, Voltage};
use crate::wire::gbt27930::Edition;

/// A battery-electric bus.
#[derive(Clone, Debug)]
pub struct Vehicle {
    /// For people, for example `B7031`.
    pub name: String,
    /// Usable capacity.
    pub capacity: Energy,
    /// What is in it.
    pub charge: Energy,
    /// What it takes at most.
    pub max_power: Power,
    /// What it says over its plug.
    pub bms: Character,
}

/// What a battery management system is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Character {
    /// The edition of GB/T 27930 that it speaks.
    pub edition: Edition,
    /// The 17 octets in its BRM; all FF = not sent.
    pub vin: [u8; 17],
    /// It tells every cell voltage and every temperature (BMV, BMT), which few do.
    pub tells_cells: bool,
    /// It ends the charge at this state of charge, %.
    pub target_soc: u8,
}

/// No VIN.
pub const NO_VIN: [u8; 17] = [0xFF; 17];

impl Default for Character {
    fn default() -> Self {
        Character { edition: Edition::V2015, vin: NO_VIN, tells_cells: false, target_soc: 100 }
    }
}

impl Character {
    /// A new vehicle that names itself.
    #[must_use]
    pub fn named(vin: Vin) -> Character {
        let mut octets = NO_VIN;
        octets.copy_from_slice(vin.as_str().as_bytes());
        Character { vin: octets, ..Character::default() }
    }
}

/// Cells in series, lithium iron phosphate.
pub const CELLS: i64 = 176;
/// Sensors of temperature.
pub const POINTS: u8 = 24;
/// Highest cell voltage allowed, mV.
const CELL_MAX_MV: i64 = 3_750;
/// From this state of charge the voltage is held and the current falls, 1/1000.
const KNEE_PERMILLE: i64 = 800;

/// What a pack is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// At its terminals.
    pub voltage: Voltage,
    /// Highest cell.
    pub max_cell: Voltage,
    /// Lowest cell.
    pub min_cell: Voltage,
    /// Hottest point, degrees Celsius.
    pub max_temperature_c: i16,
    /// Coldest point, degrees Celsius.
    pub min_temperature_c: i16,
}

impl Vehicle {
    /// State of charge, 0..=100 %.
    #[must_use]
    pub fn soc(&self) -> u8 {
        u8::try_from(self.permille() / 10).unwrap_or(100)
    }

    /// State of charge, 0..=1000 in 0.1 %.
    #[must_use]
    pub fn permille(&self) -> i64 {
        (self.charge.0.max(0) * 1000 / self.capacity.0.max(1)).min(1000)
    }

    /// What it asks for now: full power to 80 %, then a straight fall to a tenth at 100 %, nothing when full.
    #[must_use]
    pub fn demand(&self) -> Power {
        if self.is_full() {
            return Power(0);
        }
        let permille = self.permille();
        let share =
            if permille <= KNEE_PERMILLE { 1000 } else { 1000 - (permille - KNEE_PERMILLE) * 900 / 200 };
        Power(self.max_power.0 * share / 1000)
    }

    /// Whether it wants no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.charge >= self.capacity || self.permille() >= i64::from(self.bms.target_soc) * 10
    }

    /// Takes energy from the charger.
    pub fn take(&mut self, energy: Energy) {
        self.charge += energy;
    }

    /// The pack as it measures itself.
    #[must_use]
    pub fn pack(&self) -> Pack {
        let voltage = self.voltage();
        let mean = voltage.0 / CELLS;
        let warm = (self.permille() / 100) as i16;
        Pack {
            voltage,
            max_cell: Voltage(mean + 12),
            min_cell: Voltage(mean - 9),
            max_temperature_c: 27 + warm,
            min_temperature_c: 22 + warm,
        }
    }

    /// Voltage of the pack: a straight line between empty and full.
    #[must_use]
    pub fn voltage(&self) -> Voltage {
        Voltage(560_000 + 90 * self.permille())
    }

    /// Highest voltage allowed, and what it asks for.
    #[must_use]
    pub fn max_voltage(&self) -> Voltage {
        Voltage(CELLS * CELL_MAX_MV)
    }

    /// Highest cell voltage allowed.
    #[must_use]
    pub fn max_cell(&self) -> Voltage {
        Voltage(CELL_MAX_MV)
    }

    /// Highest current allowed.
    #[must_use]
    pub fn max_current(&self) -> Current {
        Current(self.max_power.0 * 1_000_000 / 560_000)
    }

    /// The current it asks for now.
    #[must_use]
    pub fn demand_current(&self) -> Current {
        Current(self.demand().0 * 1_000_000 / self.voltage().0)
    }

    /// Whether it holds the voltage and lets the current fall.
    #[must_use]
    pub fn holds_voltage(&self) -> bool {
        self.permille() > KNEE_PERMILLE
    }

    /// Minutes until full at what it asks for.
    #[must_use]
    pub fn remaining_minutes(&self) -> i64 {
        let missing = self.capacity - self.charge;
        // 1e-4 kWh = 360 J
        (missing.0.max(0) * 6 / self.demand().0.max(1)).min(600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(percent: i64) -> Vehicle {
        Vehicle {
            name: String::new(),
            capacity: Energy(1_000_000),
            charge: Energy(10_000 * percent),
            max_power: Power(120_000),
            bms: Character::default(),
        }
    }

    #[test]
    fn a_full_bus_asks_for_nothing_and_a_nearly_full_one_for_little() {
        assert_eq!(bus(20).demand(), Power(120_000));
        assert_eq!(bus(90).demand(), Power(66_000));
        assert_eq!(bus(99).demand(), Power(17_400));
        assert_eq!(bus(100).demand(), Power(0));
        assert_eq!(bus(100).soc(), 100);
        let topped_up = Vehicle { bms: Character { target_soc: 90, ..Character::default() }, ..bus(90) };
        assert_eq!(topped_up.demand(), Power(0));
    }

    #[test]
    fn a_pack_stays_within_what_it_allows() {
        for percent in [0, 50, 80, 100] {
            let bus = bus(percent);
            let pack = bus.pack();
            assert!(pack.voltage < bus.max_voltage() && pack.max_cell < bus.max_cell(), "{pack:?}");
            assert!(pack.min_cell < pack.max_cell && bus.demand_current() <= bus.max_current());
        }
        assert_eq!(bus(20).remaining_minutes(), 40);
    }
}
