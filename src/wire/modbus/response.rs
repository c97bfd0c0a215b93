//! What a slave answers.

use super::frame::{EXCEPTION_LENGTH, Error, LONGEST, is_exception, open, seal};
use super::function;
use super::request::{Table, pack, two, unpack, words};

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// 01 and 02: a multiple of eight; those behind the asked count are padding.
    Bits {
        /// Coils or inputs.
        table: Table,
        /// In order.
        bits: Vec<bool>,
    },
    /// 03 and 04.
    Registers {
        /// Holding or input.
        table: Table,
        /// In order.
        registers: Vec<u16>,
    },
    /// 05: the request again.
    WriteCoil {
        /// Which.
        address: u16,
        /// As written.
        value: u16,
    },
    /// 06: the request again.
    WriteRegister {
        /// Which.
        address: u16,
        /// As written.
        value: u16,
    },
    /// 0F.
    WriteCoils {
        /// First coil.
        start: u16,
        /// How many.
        count: u16,
    },
    /// 10.
    WriteRegisters {
        /// First register.
        start: u16,
        /// How many.
        count: u16,
    },
    /// 2B/0E.
    DeviceId(DeviceId),
    /// A refusal.
    Exception {
        /// The function asked for, without the exception bit.
        function: u8,
        /// Why.
        exception: Exception,
    },
}

/// What a device says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceId {
    /// As asked.
    pub read_code: u8,
    /// Conformity level.
    pub conformity: u8,
    /// FF when more objects follow.
    pub more: u8,
    /// First object of the next answer.
    pub next: u8,
    /// Number and content: 0 vendor, 1 product code, 2 revision …
    pub objects: Vec<(u8, Vec<u8>)>,
}

/// An exception code (Modbus Application Protocol 7); an open set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception(pub u8);

impl Exception {
    /// The function is not offered.
    pub const FUNCTION: Exception = Exception(1);
    /// A register of the request does not exist.
    pub const ADDRESS: Exception = Exception(2);
    /// A value or count is not allowed.
    pub const VALUE: Exception = Exception(3);
    /// Accepted, takes long.
    pub const ACKNOWLEDGE: Exception = Exception(5);
    /// Ask again later.
    pub const BUSY: Exception = Exception(6);

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            1 => "illegal function",
            2 => "illegal data address",
            3 => "illegal data value",
            4 => "slave device failure",
            5 => "acknowledge",
            6 => "slave device busy",
            7 => "negative acknowledge",
            8 => "memory parity error",
            10 => "gateway path unavailable",
            11 => "gateway target device failed to respond",
            _ => "unknown",
        }
    }
}

impl Response {
    /// The function octet of the request that it answers.
    #[must_use]
    pub fn function(&self) -> u8 {
        match self {
            Response::Bits { table, .. } | Response::Registers { table, .. } => table.function(),
            Response::WriteCoil { .. } => function::WRITE_COIL,
            Response::WriteRegister { .. } => function::WRITE_REGISTER,
            Response::WriteCoils { .. } => function::WRITE_COILS,
            Response::WriteRegisters { .. } => function::WRITE_REGISTERS,
            Response::DeviceId(_) => function::ENCAPSULATED,
            Response::Exception { function, .. } => *function,
        }
    }

    /// The frame. Lists longer than a frame holds are cut.
    #[must_use]
    pub fn encode(&self, slave: u8) -> Vec<u8> {
        let mut pdu = vec![self.function()];
        match self {
            Response::Bits { bits, .. } => counted(&mut pdu, &pack(&bits[..bits.len().min(2000)])),
            Response::Registers { registers, .. } => {
                let registers = &registers[..registers.len().min(usize::from(super::MAX_READ))];
                counted(&mut pdu, &registers.iter().flat_map(|r| r.to_be_bytes()).collect::<Vec<_>>());
            }
            Response::WriteCoil { address: first, value: second }
            | Response::WriteRegister { address: first, value: second }
            | Response::WriteCoils { start: first, count: second }
            | Response::WriteRegisters { start: first, count: second } => {
                pdu.extend_from_slice(&first.to_be_bytes());
                pdu.extend_from_slice(&second.to_be_bytes());
            }
            Response::DeviceId(id) => id.encode(&mut pdu),
            Response::Exception { exception, .. } => {
                pdu[0] |= function::EXCEPTION;
                pdu.push(exception.0);
            }
        }
        seal(slave, &pdu)
    }

    /// Address and content of a whole frame.
    pub fn decode(frame: &[u8]) -> Result<(u8, Response), Error> {
        let (slave, pdu) = open(frame)?;
        let (code, data) = (pdu[0], &pdu[1..]);
        let response = match code {
            function::READ_COILS | function::READ_DISCRETE => {
                let table = Table::of(code).ok_or(Error::Function(code))?;
                Response::Bits { table, bits: unpack(values(data)?).collect() }
            }
            function::READ_HOLDING | function::READ_INPUT => {
                let table = Table::of(code).ok_or(Error::Function(code))?;
                let octets = values(data)?;
                if octets.len() % 2 != 0 {
                    return Err(Error::ByteCount(octets.len() as u8));
                }
                Response::Registers { table, registers: words(octets) }
            }
            function::WRITE_COIL => {
                let (address, value) = two(data, frame.len())?;
                Response::WriteCoil { address, value }
            }
            function::WRITE_REGISTER => {
                let (address, value) = two(data, frame.len())?;
                Response::WriteRegister { address, value }
            }
            function::WRITE_COILS => {
                let (start, count) = two(data, frame.len())?;
                Response::WriteCoils { start, count }
            }
            function::WRITE_REGISTERS => {
                let (start, count) = two(data, frame.len())?;
                Response::WriteRegisters { start, count }
            }
            function::ENCAPSULATED => Response::DeviceId(DeviceId::decode(data)?),
            code if is_exception(code) => match data {
                [exception] => Response::Exception {
                    function: code & !function::EXCEPTION,
                    exception: Exception(*exception),
                },
                _ => return Err(Error::Length { found: frame.len(), wanted: EXCEPTION_LENGTH }),
            },
            code => return Err(Error::Function(code)),
        };
        Ok((slave, response))
    }
}

impl DeviceId {
    fn encode(&self, pdu: &mut Vec<u8>) {
        pdu.extend_from_slice(&[
            function::DEVICE_ID,
            self.read_code,
            self.conformity,
            self.more,
            self.next,
            0,
        ]);
        let number = pdu.len() - 1;
        for (object, content) in &self.objects {
            if pdu.len() + 2 + content.len() + 3 > LONGEST {
                break;
            }
            pdu.extend_from_slice(&[*object, content.len() as u8]);
            pdu.extend_from_slice(content);
            pdu[number] += 1;
        }
    }

    fn decode(data: &[u8]) -> Result<DeviceId, Error> {
        let Some((head, mut rest)) = data.split_at_checked(6) else {
            return Err(Error::Body("a device identification without its head"));
        };
        if head[0] != function::DEVICE_ID {
            return Err(Error::Body("another MEI type than 0E"));
        }
        let mut objects = Vec::new();
        for _ in 0..head[5] {
            let content = rest.split_at_checked(2).and_then(|(of, after)| {
                after.split_at_checked(usize::from(of[1])).map(|(content, after)| (of[0], content, after))
            });
            let Some((object, content, after)) = content else {
                return Err(Error::Body("an object reaches behind the frame"));
            };
            objects.push((object, content.to_vec()));
            rest = after;
        }
        if !rest.is_empty() {
            return Err(Error::Body("octets behind the last object"));
        }
        Ok(DeviceId { read_code: head[1], conformity: head[2], more: head[3], next: head[4], objects })
    }
}

fn counted(pdu: &mut Vec<u8>, octets: &[u8]) {
    pdu.push(octets.len() as u8);
    pdu.extend_from_slice(octets);
}

/// The octets behind an octet count, which must say how many they are.
fn values(data: &[u8]) -> Result<&[u8], Error> {
    match data {
        [count, octets @ ..] if !octets.is_empty() && octets.len() == usize::from(*count) => Ok(octets),
        [count, ..] => Err(Error::ByteCount(*count)),
        [] => Err(Error::ByteCount(0)),
    }
}
