//! Measured quantities. Integers; the unit is the type.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// Energy or a register reading in 1e-4 kWh (0.1 Wh). Signed, so that a difference can be told to be impossible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Energy(pub i64);

impl Energy {
    /// Nothing.
    pub const ZERO: Energy = Energy(0);
    /// One kilowatt-hour.
    pub const KWH: Energy = Energy(10_000);

    /// What flows at `power` in `milliseconds`, rounded down.
    #[must_use]
    pub fn from_power(power: Power, milliseconds: i64) -> Energy {
        // W * ms = mJ; 1e-4 kWh = 360 J = 360 000 mJ
        Energy(
            (i128::from(power.0) * i128::from(milliseconds) / 360_000).clamp(i64::MIN.into(), i64::MAX.into())
                as i64,
        )
    }
}

impl Add for Energy {
    type Output = Energy;
    fn add(self, other: Energy) -> Energy {
        Energy(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Energy {
    fn add_assign(&mut self, other: Energy) {
        *self = *self + other;
    }
}

impl Sub for Energy {
    type Output = Energy;
    fn sub(self, other: Energy) -> Energy {
        Energy(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Energy {
    /// Kilowatt-hours with four places, for example `12.3456 kWh`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:04} kWh", self.0.unsigned_abs() / 10_000, self.0.unsigned_abs() % 10_000)
    }
}

/// Power in watts; positive towards the vehicle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Power(pub i64);

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{} kW", self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000 / 100)
    }
}

/// Voltage in millivolts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Voltage(pub i64);

/// Current in milliamperes; positive while charging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Current(pub i64);
