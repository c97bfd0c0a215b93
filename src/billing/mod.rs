//! Tariff slots, split over time, integer money (platform-222.md 16; domain.md 2.10).
//!
//! A [`Split`] takes readings of one session's register and keeps the energy of each half-hour slot of the local day,
//! exact to the last unit. [`bill`] adds the slots of one tier before any multiplication and rounds once per tier.
//!
//! What is absent: meters and their faults, limits, records; floating point.
//!
//! Invariants: the slots always add up to the total (I3); a reading never lowers anything; what was split stays split.

mod bill;
mod split;
mod tariff;

pub use bill::{Bill, amount, bill};
pub use split::Split;
pub use tariff::{Fault, check, check_against, tier};
