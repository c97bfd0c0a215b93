//! Our drivers and slaves that others wrote: pymodbus as charger and meter, libosdp as card reader, each behind a
//! pseudo-terminal that takes the time of the wire. Ours is the loop of the daemon: port, bus machine, driver.
//!
//! `make peers` fetches the Python packages; so do the tests themselves when they are run without it.

#[path = "../daemon/program.rs"]
#[expect(dead_code, reason = "shared with the tests of the daemon, which use all of it")]
mod program;

mod bench;
mod modbus;
mod osdp;
