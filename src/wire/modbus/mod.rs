//! Modbus RTU (Modbus Application Protocol V1.1b3, Modbus over Serial Line V1.02; rs485.md 3.1).
//!
//! A frame is one address octet, one function octet, data, and a CRC with its low octet first. Nothing marks its
//! beginning or end, so a receiver computes the length from the function and the counts inside ([`frame::cut`]), and
//! looks again one octet later when that fails. A read response names no register: who asked must remember.
//!
//! What is absent: the 3.5 character gap (a matter of the line), ASCII mode, and functions beside those of the table.
//!
//! | function | request | response |
//! |---|---|---|
//! | 01, 02 | start, count | octet count, bits |
//! | 03, 04 | start, count | octet count, registers |
//! | 05, 06 | address, value | the request again |
//! | 0F | start, count, octet count, bits | start, count |
//! | 10 | start, count, octet count, registers | start, count |
//! | 2B/0E | read code, object | read code, conformity, more, next, number, objects |
//! | any + 80 | | exception code |

pub mod frame;
mod json;
pub mod request;
pub mod response;

pub use frame::{Direction, Error, cut};
pub use json::CODEC;
pub use request::{Request, Table};
pub use response::{Exception, Response};

/// Function codes.
pub(crate) mod function {
    pub(crate) const READ_COILS: u8 = 0x01;
    pub(crate) const READ_DISCRETE: u8 = 0x02;
    pub(crate) const READ_HOLDING: u8 = 0x03;
    pub(crate) const READ_INPUT: u8 = 0x04;
    pub(crate) const WRITE_COIL: u8 = 0x05;
    pub(crate) const WRITE_REGISTER: u8 = 0x06;
    pub(crate) const WRITE_COILS: u8 = 0x0F;
    pub(crate) const WRITE_REGISTERS: u8 = 0x10;
    pub(crate) const ENCAPSULATED: u8 = 0x2B;
    /// Added to the function in an exception response.
    pub(crate) const EXCEPTION: u8 = 0x80;
    /// MEI type of "read device identification" inside function 2B.
    pub(crate) const DEVICE_ID: u8 = 0x0E;
}

/// Most registers of one read, Modbus Application Protocol 6.3.
pub const MAX_READ: u16 = 125;
/// Most registers of one write, 6.12.
pub const MAX_WRITE: u16 = 123;
