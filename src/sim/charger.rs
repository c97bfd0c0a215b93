//! A pile that speaks the Chinese "Modbus protocol V2.0" (rs485.md 3.9.1), one slave for each gun.
//!
//! 13 registers from 0, function 03; functions 06 at 0x2000 (power limit, 0.1 kW) and 0x3000 (high octet 01 charge or 02
//! discharge, low octet AA start or 55 stop). The protocol has no state for a fault: such a pile is finished while a
//! plug is in, else idle.

use super::bay::Bay;
use super::registers::{Served, Station, read, word};
use super::slave::{Reaction, Slave};
use crate::model::quantity::Power;
use crate::model::report::ChargerState;
use crate::model::time::Instant;
use crate::wire::modbus::{Exception, Request, Response, Table};
use std::time::Duration;

/// Power limit, 0.1 kW.
const LIMIT: u16 = 0x2000;
/// Start and stop.
const CONTROL: u16 = 0x3000;
const START: u16 = 0x01AA;
const STOP: u16 = 0x0155;
/// A master that asks this often wrong is told so no further.
const MOST_COMPLAINTS: usize = 1000;

/// One gun of a pile.
#[derive(Clone, Debug)]
pub struct Charger {
    /// Its place on the line.
    pub station: Station,
    pile: u16,
    gun: u16,
    complaints: Vec<String>,
}

impl Charger {
    /// A DC gun that answers after 15 ms.
    #[must_use]
    pub fn new(address: u8, pile: u16, gun: u16) -> Charger {
        let station = Station { address, delay: Duration::from_millis(15), fault: None };
        Charger { station, pile, gun, complaints: Vec::new() }
    }

    fn serve(&mut self, now: Instant, request: &Request, bay: &mut Bay) -> Served {
        bay.advance(now);
        match *request {
            Request::Read { table: Table::Holding, start, count } => {
                read(Table::Holding, start, count, |at| self.register(now, at, bay))
            }
            Request::WriteRegister { address, value } => {
                self.write(now, address, value, bay)?;
                Ok(Response::WriteRegister { address, value })
            }
            Request::Read { .. }
            | Request::WriteCoil { .. }
            | Request::WriteCoils { .. }
            | Request::WriteRegisters { .. }
            | Request::DeviceId { .. } => Err(Exception::FUNCTION),
        }
    }

    fn register(&self, now: Instant, at: u16, bay: &Bay) -> Option<u16> {
        let runs = matches!(bay.state(), ChargerState::Preparing | ChargerState::Charging);
        Some(match at {
            0 => self.pile,
            1 => self.gun,
            2 => state(bay),
            3 => 1,
            4 => bay.vehicle().map_or(0, |v| v.soc().into()),
            5 => {
                if bay.vehicle().is_some() {
                    1
                } else {
                    2
                }
            }
            6 => word(bay.voltage().0 / 100),
            7 => word(bay.current().0 / 100),
            8 => word(bay.power().0 / 100),
            9 => {
                if runs {
                    word(now.since(bay.since()).as_secs() as i64)
                } else {
                    0
                }
            }
            10 => word(bay.session_energy().0 / 1000),
            11 => 0,
            // 0.1 kWh in one register: it wraps
            12 => (bay.register().0 / 1000).rem_euclid(0x1_0000) as u16,
            _ => return None,
        })
    }

    fn write(&mut self, now: Instant, address: u16, value: u16, bay: &mut Bay) -> Result<(), Exception> {
        match (address, value) {
            (LIMIT, tenths) => bay.limit(now, Power(i64::from(tenths) * 100)),
            (CONTROL, START) => bay.start(now),
            (CONTROL, STOP) => bay.stop(now),
            (CONTROL, _) => {
                self.complain(format!("wrote {value:#06x} to the control register"));
                return Err(Exception::VALUE);
            }
            _ => {
                self.complain(format!("wrote {value:#06x} to register {address:#06x}"));
                return Err(Exception::ADDRESS);
            }
        }
        Ok(())
    }

    fn complain(&mut self, what: String) {
        if self.complaints.len() < MOST_COMPLAINTS {
            self.complaints.push(what);
        }
    }
}

fn state(bay: &Bay) -> u16 {
    match bay.state() {
        ChargerState::Idle | ChargerState::Unknown => 0,
        ChargerState::Preparing => 1,
        ChargerState::Charging => 2,
        ChargerState::Finished => 3,
        ChargerState::StartFailed => 4,
        ChargerState::Faulted if bay.vehicle().is_some() => 3,
        ChargerState::Faulted => 0,
    }
}

impl Slave for Charger {
    fn hear(&mut self, now: Instant, octets: &[u8], bay: &mut Bay) -> Option<Reaction> {
        let station = self.station.clone();
        station.react(octets, |request| self.serve(now, request, bay))
    }

    fn complaints(&self) -> &[String] {
        &self.complaints
    }
}
