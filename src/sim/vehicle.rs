//! A bus: a battery that takes what its state of charge allows.

use crate::model::quantity::{Energy, Power};

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
}

impl Vehicle {
    /// State of charge, 0..=100 %.
    #[must_use]
    pub fn soc(&self) -> u8 {
        let percent = self.charge.0.max(0) * 100 / self.capacity.0.max(1);
        u8::try_from(percent.min(100)).unwrap_or(100)
    }

    /// What it asks for now: full power to 80 %, then a straight fall to a tenth at 100 %, nothing when full.
    #[must_use]
    pub fn demand(&self) -> Power {
        if self.charge >= self.capacity {
            return Power(0);
        }
        let permille = self.charge.0.max(0) * 1000 / self.capacity.0.max(1);
        let share = if permille <= 800 { 1000 } else { 1000 - (permille - 800) * 900 / 200 };
        Power(self.max_power.0 * share / 1000)
    }

    /// Takes energy from the charger.
    pub fn take(&mut self, energy: Energy) {
        self.charge += energy;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bus_asks_for_nothing_and_a_nearly_full_one_for_little() {
        let bus = |percent: i64| Vehicle {
            name: String::new(),
            capacity: Energy(1_000_000),
            charge: Energy(10_000 * percent),
            max_power: Power(120_000),
        };
        assert_eq!(bus(20).demand(), Power(120_000));
        assert_eq!(bus(90).demand(), Power(66_000));
        assert_eq!(bus(99).demand(), Power(17_400).min(bus(99).demand()));
        assert_eq!(bus(100).demand(), Power(0));
        assert_eq!(bus(100).soc(), 100);
    }
}
