//! The slave's side of Modbus RTU: whole questions for one address, exceptions, register images.

use super::line::{Answer, Fault};
use super::slave::Reaction;
use crate::wire::Cut;
use crate::wire::modbus::frame::checksum;
use crate::wire::modbus::{Direction, Exception, MAX_READ, Request, Response, Table, cut};
use std::time::Duration;

/// A slave's address, its delay and what goes wrong with its answers.
#[derive(Clone, Debug)]
pub struct Station {
    /// 1..=247.
    pub address: u8,
    /// From the last octet of a question to the first of the answer.
    pub delay: Duration,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

/// What a device does with one request. An error is answered as an exception; a broadcast is not answered at all.
pub(super) type Served = Result<Response, Exception>;

impl Station {
    /// Finds a whole question for this station, behind whatever else the master sent, and lets the device serve it.
    pub(super) fn react(&self, octets: &[u8], serve: impl FnOnce(&Request) -> Served) -> Option<Reaction> {
        let mut at = 0;
        while at < octets.len() {
            match cut(&octets[at..], Direction::Request) {
                // perhaps a question that is not whole yet, perhaps octets of another protocol
                Cut::More => at += 1,
                Cut::Frame(length) => {
                    let (slave, request) = Request::decode(&octets[at..at + length]).ok()?;
                    at += length;
                    if slave == self.address || slave == 0 {
                        let served = serve(&request);
                        let response = (slave != 0).then(|| self.answer(request.function(), served));
                        return Some(Reaction { taken: at, answer: response });
                    }
                }
                Cut::Noise(count) => match self.unknown(&octets[at..]) {
                    Some(answer) => return Some(Reaction { taken: octets.len(), answer: Some(answer) }),
                    None => at += count,
                },
            }
        }
        None
    }

    fn answer(&self, function: u8, served: Served) -> Answer {
        let response = served.unwrap_or_else(|exception| Response::Exception { function, exception });
        Answer { octets: response.encode(self.told_address()), delay: self.delay, fault: self.fault }
    }

    /// A frame of a function that no table holds is answered with exception 1.
    fn unknown(&self, octets: &[u8]) -> Option<Answer> {
        let (body, crc) = octets.split_at_checked(octets.len().checked_sub(2)?)?;
        let [address, function, ..] = body else { return None };
        let is_mine = *address == self.address && crc == checksum(body);
        let unknown = Request::decode(octets).is_err() && function & 0x80 == 0;
        (is_mine && unknown).then(|| self.answer(*function, Err(Exception::FUNCTION)))
    }

    fn told_address(&self) -> u8 {
        match self.fault {
            Some(Fault::WrongAddress) => 247 - self.address % 100, // nobody in a planned depot
            Some(
                Fault::Silent | Fault::Late(_) | Fault::Noise | Fault::BitFlip | Fault::Double | Fault::Cut,
            )
            | None => self.address,
        }
    }
}

/// A read from a register image: exception 3 for a count that is not allowed, 2 when a register is not there.
pub(super) fn read(table: Table, start: u16, count: u16, register: impl Fn(u16) -> Option<u16>) -> Served {
    if !(1..=MAX_READ).contains(&count) {
        return Err(Exception::VALUE);
    }
    let addresses = (0..count).map(|n| start.checked_add(n));
    let registers: Option<Vec<u16>> = addresses.map(|a| a.and_then(&register)).collect();
    Ok(Response::Registers { table, registers: registers.ok_or(Exception::ADDRESS)? })
}

/// A number as the device's registers hold it; too large or negative sticks at the edge.
pub(super) fn word(number: i64) -> u16 {
    u16::try_from(number.max(0)).unwrap_or(u16::MAX)
}

/// High and low word.
pub(super) fn words(number: u32) -> [u16; 2] {
    [(number >> 16) as u16, number as u16]
}
