//! Everything that may have to change when the official text is compared (platform-222.md 2). One table.
//!
//! Labels of that section: K named in the public description of the standard, C habit of such protocols, A assumption.

use super::checksum::{Checksum, Order, Variant};

/// Start mark (A).
pub const START: [u8; 2] = [0x53, 0x5A];
/// Smallest value of the length field: header behind it, without a body (A).
pub const LENGTH_MIN: usize = 15;
/// Largest value of the length field (A).
pub const LENGTH_MAX: usize = 4096;
/// Longest body.
pub const BODY_MAX: usize = LENGTH_MAX - LENGTH_MIN;
/// Longest frame: start, length field, counted octets, checksum.
pub const FRAME_MAX: usize = 6 + LENGTH_MAX;
/// Our version, BCD major and minor (K that there is one, A form).
pub const VERSION: u8 = 0x10;
/// Flag: the frame is a reply (A).
pub const FLAG_REPLY: u8 = 1 << 0;
/// Flag: the message was created while offline (A).
pub const FLAG_STORED: u8 = 1 << 1;
/// Flags that shall be zero; bit 2 is reserved for encryption (A).
pub const FLAGS_RESERVED: u8 = !(FLAG_REPLY | FLAG_STORED);
/// Default checksum (K that it is a CRC16-CCITT, A variant and order).
pub const CHECKSUM: Checksum = Checksum { variant: Variant::Ibm3740, order: Order::HighFirst };
/// Reply body of one octet: device code unknown (A).
pub const UNKNOWN_DEVICE: u8 = 0xFD;
/// Reply body of one octet: malformed (A).
pub const MALFORMED: u8 = 0xFE;
/// Reply body of one octet: not supported (A).
pub const NOT_SUPPORTED: u8 = 0xFF;
/// Login: the version of the frame is not supported (result of 0101r; A).
pub const VERSION_NOT_SUPPORTED: u8 = 3;
/// Port of the platform (A).
pub const PORT: u16 = 7220;
/// Bad frames in a row after which a stream is beyond repair (A).
pub const BAD_RUN: u32 = 16;
/// Octets without a good frame after which a stream is beyond repair (A).
pub const SILENT_OCTETS: usize = 65_536;
