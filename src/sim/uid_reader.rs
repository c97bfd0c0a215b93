//! A card reader that holds the UID in Modbus registers (rs485.md 5.2).
//!
//! Holding registers: 0 its address, 1 a counter of the cards shown, 2 to 6 the UID from its first octet, zeros behind
//! it and without a card. Nothing may be written.

use super::bay::Bay;
use super::registers::{Station, read};
use super::slave::{Reaction, Slave};
use crate::model::ident::CardUid;
use crate::model::time::Instant;
use crate::wire::modbus::{Exception, Request, Table};
use std::time::Duration;

/// Complaints kept; what is beyond adds nothing.
const COMPLAINTS: usize = 64;
/// Registers it has.
const REGISTERS: usize = 7;

/// A simulated reader.
#[derive(Clone, Debug)]
pub struct UidReader {
    /// Its place on the line.
    pub station: Station,
    /// So many questions are answered "busy".
    pub busy: u32,
    card: Option<CardUid>,
    counter: u16,
    complaints: Vec<String>,
}

impl UidReader {
    /// A reader without a card, which answers after 20 ms.
    #[must_use]
    pub fn new(address: u8) -> UidReader {
        let station = Station { address, delay: Duration::from_millis(20), fault: None };
        UidReader { station, busy: 0, card: None, counter: 0, complaints: Vec::new() }
    }

    /// A card is laid on it.
    pub fn present(&mut self, card: CardUid) {
        self.card = Some(card);
        self.counter = self.counter.wrapping_add(1);
    }

    /// The card is taken away.
    pub fn remove(&mut self) {
        self.card = None;
    }

    /// Its power was away for a moment.
    pub fn restart(&mut self) {
        (self.card, self.counter) = (None, 0);
    }

    fn registers(&self) -> [u16; REGISTERS] {
        let mut registers = [0; REGISTERS];
        registers[0] = self.station.address.into();
        registers[1] = self.counter;
        let uid = self.card.as_ref().map_or(&[][..], CardUid::as_bytes);
        for (register, pair) in registers[2..].iter_mut().zip(uid.chunks(2)) {
            *register = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        }
        registers
    }
}

impl Slave for UidReader {
    fn hear(&mut self, _: Instant, octets: &[u8], _: &mut Bay) -> Option<Reaction> {
        let station = self.station.clone();
        station.react(octets, |request| match request {
            _ if self.busy > 0 => {
                self.busy -= 1;
                Err(Exception::BUSY)
            }
            Request::Read { table: Table::Holding, start, count } => {
                let registers = self.registers();
                read(Table::Holding, *start, *count, |at| registers.get(usize::from(at)).copied())
            }
            Request::Read { .. } => Err(Exception::FUNCTION),
            Request::WriteCoil { .. }
            | Request::WriteRegister { .. }
            | Request::WriteCoils { .. }
            | Request::WriteRegisters { .. }
            | Request::DeviceId { .. } => {
                if self.complaints.len() < COMPLAINTS {
                    self.complaints.push(format!("function {:02X}", request.function()));
                }
                Err(Exception::FUNCTION)
            }
        })
    }

    fn complaints(&self) -> &[String] {
        &self.complaints
    }
}
