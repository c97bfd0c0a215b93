//! A depot and a platform in software: for the demo, for tests, for training.
//!
//! The models are pure: time comes in, octets go out, one seed gives one run. The same models run in real time over
//! pseudo-terminals and TCP (`depotsim`) and on a virtual clock (`tests/sim`). They are written from the specs of the
//! devices, not from the drivers: they judge what they receive and count what breaks a rule.

pub mod bay;
pub mod can_bus;
pub mod centre;
pub mod charger;
pub mod controller;
pub mod demo;
pub mod depot;
pub mod household;
pub mod line;
pub mod meter;
pub mod modbus_meter;
pub mod mt62x;
pub mod people;
pub mod plan;
pub mod platform;
pub mod plug;
pub mod pty;
pub mod reader;
pub mod registers;
pub mod slave;
pub mod slcan;
pub mod typed;
pub mod uid_reader;
pub mod vehicle;
pub mod yard;
pub mod ykc16;
