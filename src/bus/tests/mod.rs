//! The line against scripted drivers and slaves, on a virtual clock.

mod bench;
mod faults;
mod health;
mod order;
mod stale;
mod visit;
