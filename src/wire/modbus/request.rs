//! What a master asks.

use super::frame::{Error, open, seal};
use super::function;
use super::response::Response;

/// The four tables of a Modbus device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Outputs of one bit, function 01.
    Coils,
    /// Inputs of one bit, function 02.
    Discrete,
    /// Registers of 16 bits that may be written, function 03.
    Holding,
    /// Registers of 16 bits that may only be read, function 04.
    Input,
}

impl Table {
    /// The function that reads it.
    #[must_use]
    pub fn function(self) -> u8 {
        match self {
            Table::Coils => function::READ_COILS,
            Table::Discrete => function::READ_DISCRETE,
            Table::Holding => function::READ_HOLDING,
            Table::Input => function::READ_INPUT,
        }
    }

    /// The table that a function reads.
    #[must_use]
    pub fn of(code: u8) -> Option<Table> {
        match code {
            function::READ_COILS => Some(Table::Coils),
            function::READ_DISCRETE => Some(Table::Discrete),
            function::READ_HOLDING => Some(Table::Holding),
            function::READ_INPUT => Some(Table::Input),
            _ => None,
        }
    }

    /// Octets that so many of its entries take in a response.
    #[must_use]
    pub fn octets(self, count: u16) -> usize {
        match self {
            Table::Coils | Table::Discrete => usize::from(count).div_ceil(8),
            Table::Holding | Table::Input => usize::from(count) * 2,
        }
    }
}

/// A request. Addresses are those of the wire, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// 01 to 04.
    Read {
        /// What is read.
        table: Table,
        /// First entry.
        start: u16,
        /// How many.
        count: u16,
    },
    /// 05: FF00 on, 0000 off; relay modules use other values too (gate-video.md 2.5).
    WriteCoil {
        /// Which.
        address: u16,
        /// As it stands on the wire.
        value: u16,
    },
    /// 06.
    WriteRegister {
        /// Which.
        address: u16,
        /// New value.
        value: u16,
    },
    /// 0F.
    WriteCoils {
        /// First coil.
        start: u16,
        /// At least one.
        coils: Vec<bool>,
    },
    /// 10.
    WriteRegisters {
        /// First register.
        start: u16,
        /// 1..=123 values.
        registers: Vec<u16>,
    },
    /// 2B/0E: read device identification.
    DeviceId {
        /// 1 basic, 2 regular, 3 extended, 4 one object.
        read_code: u8,
        /// First object.
        object: u8,
    },
}

impl Request {
    /// The function octet.
    #[must_use]
    pub fn function(&self) -> u8 {
        match self {
            Request::Read { table, .. } => table.function(),
            Request::WriteCoil { .. } => function::WRITE_COIL,
            Request::WriteRegister { .. } => function::WRITE_REGISTER,
            Request::WriteCoils { .. } => function::WRITE_COILS,
            Request::WriteRegisters { .. } => function::WRITE_REGISTERS,
            Request::DeviceId { .. } => function::ENCAPSULATED,
        }
    }

    /// Octets of the answer when it is no exception; `None` where the device decides.
    #[must_use]
    pub fn reply_length(&self) -> Option<usize> {
        match self {
            Request::Read { table, count, .. } => Some(5 + table.octets(*count)),
            Request::WriteCoil { .. }
            | Request::WriteRegister { .. }
            | Request::WriteCoils { .. }
            | Request::WriteRegisters { .. } => Some(8),
            Request::DeviceId { .. } => None,
        }
    }

    /// Whether a response can be the answer: function, length and, where it has them, address and value.
    #[must_use]
    pub fn is_answered_by(&self, response: &Response) -> bool {
        match (self, response) {
            (_, Response::Exception { function, .. }) => *function == self.function(),
            (Request::Read { table, count, .. }, Response::Bits { table: told, bits }) => {
                table == told && bits.len() == table.octets(*count) * 8
            }
            (Request::Read { table, count, .. }, Response::Registers { table: told, registers }) => {
                table == told && registers.len() == usize::from(*count)
            }
            (Request::WriteCoil { address, value }, Response::WriteCoil { address: at, value: told })
            | (
                Request::WriteRegister { address, value },
                Response::WriteRegister { address: at, value: told },
            ) => address == at && value == told,
            (Request::WriteCoils { start, coils }, Response::WriteCoils { start: at, count }) => {
                start == at && coils.len() == usize::from(*count)
            }
            (Request::WriteRegisters { start, registers }, Response::WriteRegisters { start: at, count }) => {
                start == at && registers.len() == usize::from(*count)
            }
            (Request::DeviceId { read_code, .. }, Response::DeviceId(id)) => *read_code == id.read_code,
            (
                Request::Read { .. }
                | Request::WriteCoil { .. }
                | Request::WriteRegister { .. }
                | Request::WriteCoils { .. }
                | Request::WriteRegisters { .. }
                | Request::DeviceId { .. },
                Response::Bits { .. }
                | Response::Registers { .. }
                | Response::WriteCoil { .. }
                | Response::WriteRegister { .. }
                | Response::WriteCoils { .. }
                | Response::WriteRegisters { .. }
                | Response::DeviceId(_),
            ) => false,
        }
    }

    /// The frame. Lists longer than a frame holds are cut to 246 octets.
    #[must_use]
    pub fn encode(&self, slave: u8) -> Vec<u8> {
        let mut pdu = vec![self.function()];
        match self {
            Request::Read { start: first, count: second, .. }
            | Request::WriteCoil { address: first, value: second }
            | Request::WriteRegister { address: first, value: second } => pair(&mut pdu, *first, *second),
            Request::WriteCoils { start, coils } => {
                let coils = &coils[..coils.len().min(246 * 8)];
                pair(&mut pdu, *start, coils.len() as u16);
                let octets = pack(coils);
                pdu.push(octets.len() as u8);
                pdu.extend_from_slice(&octets);
            }
            Request::WriteRegisters { start, registers } => {
                let registers = &registers[..registers.len().min(usize::from(super::MAX_WRITE))];
                pair(&mut pdu, *start, registers.len() as u16);
                pdu.push((registers.len() * 2) as u8);
                pdu.extend(registers.iter().flat_map(|r| r.to_be_bytes()));
            }
            Request::DeviceId { read_code, object } => {
                pdu.extend_from_slice(&[function::DEVICE_ID, *read_code, *object]);
            }
        }
        seal(slave, &pdu)
    }

    /// Address and content of a whole frame.
    pub fn decode(frame: &[u8]) -> Result<(u8, Request), Error> {
        let (slave, pdu) = open(frame)?;
        let data = &pdu[1..];
        let request = match pdu[0] {
            code @ function::READ_COILS..=function::READ_INPUT => {
                let (start, count) = two(data, frame.len())?;
                // the range of the pattern is the range of the tables
                let table = Table::of(code).ok_or(Error::Function(code))?;
                Request::Read { table, start, count }
            }
            function::WRITE_COIL => {
                let (address, value) = two(data, frame.len())?;
                Request::WriteCoil { address, value }
            }
            function::WRITE_REGISTER => {
                let (address, value) = two(data, frame.len())?;
                Request::WriteRegister { address, value }
            }
            function::WRITE_COILS => {
                let (start, count, octets) = list(data, frame.len())?;
                if octets.len() != usize::from(count).div_ceil(8) {
                    return Err(Error::ByteCount(octets.len() as u8));
                }
                Request::WriteCoils { start, coils: unpack(octets).take(count.into()).collect() }
            }
            function::WRITE_REGISTERS => {
                let (start, count, octets) = list(data, frame.len())?;
                if octets.len() != usize::from(count) * 2 {
                    return Err(Error::ByteCount(octets.len() as u8));
                }
                Request::WriteRegisters { start, registers: words(octets) }
            }
            function::ENCAPSULATED => match data {
                [function::DEVICE_ID, read_code, object] => {
                    Request::DeviceId { read_code: *read_code, object: *object }
                }
                [function::DEVICE_ID, ..] => {
                    return Err(Error::Length { found: frame.len(), wanted: 7 });
                }
                _ => return Err(Error::Body("another MEI type than 0E")),
            },
            code => return Err(Error::Function(code)),
        };
        Ok((slave, request))
    }
}

fn pair(pdu: &mut Vec<u8>, first: u16, second: u16) {
    pdu.extend_from_slice(&first.to_be_bytes());
    pdu.extend_from_slice(&second.to_be_bytes());
}

/// Exactly two words; `found` is the length of the frame they came in.
pub(super) fn two(data: &[u8], found: usize) -> Result<(u16, u16), Error> {
    match data {
        [a, b, c, d] => Ok((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))),
        _ => Err(Error::Length { found, wanted: 8 }),
    }
}

/// Start, count, octet count and so many octets.
fn list(data: &[u8], found: usize) -> Result<(u16, u16, &[u8]), Error> {
    let Some((head, [count, octets @ ..])) = data.split_at_checked(4) else {
        return Err(Error::Length { found, wanted: 9 });
    };
    if octets.is_empty() || octets.len() != usize::from(*count) {
        return Err(Error::ByteCount(*count));
    }
    let (start, number) = two(head, found)?;
    Ok((start, number, octets))
}

pub(super) fn words(octets: &[u8]) -> Vec<u16> {
    octets.chunks_exact(2).map(|w| u16::from_be_bytes([w[0], w[1]])).collect()
}

/// The first bit is the lowest of the first octet.
pub(super) fn pack(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8).map(|eight| eight.iter().rev().fold(0, |octet, bit| octet << 1 | u8::from(*bit))).collect()
}

pub(super) fn unpack(octets: &[u8]) -> impl Iterator<Item = bool> {
    octets.iter().flat_map(|octet| (0..8).map(move |bit| octet >> bit & 1 == 1))
}
