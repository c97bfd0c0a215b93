//! The edge: serial lines, CAN buses, sockets, clocks, the service manager. Nothing here decides anything.
//!
//! Ports return what happened; the tasks above record and log it.

pub mod alarm;
pub mod can;
pub mod clock;
pub mod disk;
pub mod serial;
pub mod signal;
pub mod systemd;
pub mod tcp;
