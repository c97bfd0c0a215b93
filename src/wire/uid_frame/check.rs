//! Checksums as readers have them.

use super::Endian;
use crate::wire::hex;
use crc::{CRC_16_IBM_3740, CRC_16_MODBUS, CRC_16_XMODEM, Crc};

/// How a checksum is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Sum of the octets.
    Sum,
    /// Exclusive or of the octets.
    Xor,
    /// Two's complement of the sum.
    Lrc,
    /// CRC of Modbus RTU.
    Crc16Modbus,
    /// CRC with polynomial 1021, from FFFF.
    Crc16Ccitt,
    /// CRC with polynomial 1021, from 0000.
    Crc16Xmodem,
}

/// Where the octets that a checksum goes over end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everything before the checksum.
    End,
    /// Before the end mark.
    Data,
    /// Before this offset.
    At(usize),
}

/// A checksum of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// How it is computed.
    pub algorithm: Algorithm,
    /// First octet it goes over.
    pub from: usize,
    /// Where these end.
    pub to: Reach,
    /// Octets of its value: 1 or 2.
    pub width: usize,
    /// Order of two octets.
    pub endian: Endian,
    /// It stands in the frame as hexadecimal digits.
    pub ascii_hex: bool,
    /// What it goes over are hexadecimal digits, and it is that of the octets they mean.
    pub digits: bool,
}

impl Check {
    /// Octets that it takes in a frame.
    #[must_use]
    pub fn size(&self) -> usize {
        if self.ascii_hex { 2 * self.width } else { self.width }
    }

    /// As it should stand in the frame, over these octets. `None` when they should be digits and are not.
    pub(super) fn over(&self, octets: &[u8]) -> Option<Vec<u8>> {
        let meant = if self.digits { Some(digits(octets)?) } else { None };
        let value = self.value(meant.as_deref().unwrap_or(octets));
        let bytes = match self.endian {
            Endian::Big => value.to_be_bytes()[2 - self.width.min(2)..].to_vec(),
            Endian::Little => value.to_le_bytes()[..self.width.min(2)].to_vec(),
        };
        Some(if self.ascii_hex { hex::upper(&bytes).into_bytes() } else { bytes })
    }

    fn value(&self, octets: &[u8]) -> u16 {
        let sum = octets.iter().fold(0_u16, |sum, o| sum.wrapping_add(u16::from(*o)));
        match self.algorithm {
            Algorithm::Sum => sum,
            Algorithm::Xor => octets.iter().fold(0, |sum, o| sum ^ u16::from(*o)),
            Algorithm::Lrc => sum.wrapping_neg() & 0xFF,
            Algorithm::Crc16Modbus => Crc::<u16>::new(&CRC_16_MODBUS).checksum(octets),
            Algorithm::Crc16Ccitt => Crc::<u16>::new(&CRC_16_IBM_3740).checksum(octets),
            Algorithm::Crc16Xmodem => Crc::<u16>::new(&CRC_16_XMODEM).checksum(octets),
        }
    }
}

/// The octets that hexadecimal digits mean; nothing but digits is let pass.
pub(super) fn digits(text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    hex::parse(std::str::from_utf8(text).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(algorithm: Algorithm, width: usize, endian: Endian, octets: &[u8]) -> Vec<u8> {
        let check =
            Check { algorithm, from: 0, to: Reach::End, width, endian, ascii_hex: false, digits: false };
        check.over(octets).unwrap()
    }

    #[test]
    fn every_algorithm_gives_the_check_value_of_its_catalogue() {
        let text = b"123456789";
        assert_eq!(over(Algorithm::Sum, 1, Endian::Big, text), [0xDD]);
        assert_eq!(over(Algorithm::Sum, 2, Endian::Big, text), [0x01, 0xDD]);
        assert_eq!(over(Algorithm::Xor, 1, Endian::Big, text), [0x31]);
        assert_eq!(over(Algorithm::Lrc, 1, Endian::Big, text), [0x23]);
        assert_eq!(over(Algorithm::Crc16Modbus, 2, Endian::Little, text), [0x37, 0x4B]);
        assert_eq!(over(Algorithm::Crc16Ccitt, 2, Endian::Big, text), [0x29, 0xB1]);
        assert_eq!(over(Algorithm::Crc16Xmodem, 2, Endian::Big, text), [0x31, 0xC3]);
    }

    #[test]
    fn digits_are_digits_only() {
        assert_eq!(digits(b"0a1F"), Some(vec![0x0A, 0x1F]));
        assert_eq!(digits(b"0 1F"), None);
        assert_eq!(digits(b"0a1"), None);
        assert_eq!(digits(b"+a"), None);
    }
}
