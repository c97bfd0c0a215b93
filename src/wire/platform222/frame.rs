//! The frame: start mark, length, header, body, checksum (platform-222.md 4.1).

use super::checksum::Checksum;
use super::dialect::{self, FLAG_REPLY, FLAG_STORED, FRAME_MAX, LENGTH_MAX, LENGTH_MIN, START};
use super::verdict::Verdict;

/// Where the parts lie.
mod field {
    use std::ops::Range;

    pub(super) const LENGTH: Range<usize> = 2..4;
    pub(super) const VERSION: usize = 4;
    pub(super) const FLAGS: usize = 5;
    pub(super) const SEQUENCE: Range<usize> = 6..10;
    pub(super) const TYPE: Range<usize> = 10..12;
    pub(super) const DEVICE: Range<usize> = 12..19;
    pub(super) const BODY: usize = 19;
    /// Octets that the length does not count: start, length itself, checksum.
    pub(super) const UNCOUNTED: usize = 6;
}

/// What stands between the length and the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// BCD major and minor.
    pub version: u8,
    /// Bit 0 reply, bit 1 stored.
    pub flags: u8,
    /// Of the sender of the request; a reply repeats it.
    pub sequence: u32,
    /// Group in the high octet, number in the low one.
    pub number: u16,
    /// Seven BCD octets; a reply repeats those of the request.
    pub device: [u8; 7],
}

impl Header {
    /// A request of ours.
    #[must_use]
    pub fn request(number: u16, sequence: u32, device: [u8; 7], stored: bool) -> Header {
        let flags = if stored { FLAG_STORED } else { 0 };
        Header { version: dialect::VERSION, flags, sequence, number, device }
    }

    /// The header of a reply to this request.
    #[must_use]
    pub fn reply(&self) -> Header {
        Header { version: dialect::VERSION, flags: FLAG_REPLY, ..*self }
    }

    /// Whether it is a reply.
    #[must_use]
    pub fn is_reply(&self) -> bool {
        self.flags & FLAG_REPLY != 0
    }

    /// Whether the message was created while offline.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.flags & FLAG_STORED != 0
    }

    /// The checks of the header in their order. A 0101 reply of result 3 is read in any decimal version.
    pub fn check(&self, body: &[u8]) -> Result<(), Verdict> {
        const LOGIN: u16 = 0x0101;
        let decimal = self.version >> 4 <= 9 && self.version & 15 <= 9;
        let told =
            self.number == LOGIN && self.is_reply() && body.first() == Some(&dialect::VERSION_NOT_SUPPORTED);
        let same_major = self.version >> 4 == dialect::VERSION >> 4;
        if !decimal || !(same_major || told) {
            return Err(Verdict::BadVersion);
        }
        if self.flags & dialect::FLAGS_RESERVED != 0 {
            return Err(Verdict::FlagsReserved);
        }
        let digits = self.device.iter().all(|o| o >> 4 <= 9 && o & 15 <= 9);
        if digits { Ok(()) } else { Err(Verdict::BadDevice) }
    }

    /// Whether octets behind the last field are to be ignored: the minor version is above ours.
    #[must_use]
    pub fn may_be_longer(&self) -> bool {
        self.version & 15 > dialect::VERSION & 15
    }
}

/// A whole frame in one buffer. No body of the profile is longer than a frame holds (a test of the tables); what would
/// not fit is cut off.
#[must_use]
pub fn seal(checksum: Checksum, header: &Header, body: &[u8]) -> Vec<u8> {
    let body = &body[..body.len().min(dialect::BODY_MAX)];
    let length = (LENGTH_MIN + body.len()) as u16;
    let mut octets = Vec::with_capacity(field::BODY + body.len() + 2);
    octets.extend(START);
    octets.extend(length.to_le_bytes());
    octets.extend([header.version, header.flags]);
    octets.extend(header.sequence.to_le_bytes());
    octets.extend(header.number.to_le_bytes());
    octets.extend(header.device);
    octets.extend(body);
    let sum = checksum.octets(&octets[field::VERSION..]);
    octets.extend(sum);
    octets
}

/// How many octets a frame around a body of this length has.
#[must_use]
pub fn length_around(body: usize) -> usize {
    field::BODY + body + 2
}

/// How many octets the frame at the beginning of the buffer has; `None` when more are needed to know.
pub fn length(octets: &[u8]) -> Result<Option<usize>, Verdict> {
    if !octets.is_empty() && !START.starts_with(&octets[..octets.len().min(2)]) {
        return Err(Verdict::BadStart);
    }
    let Some(field) = octets.get(field::LENGTH) else { return Ok(None) };
    let length = usize::from(u16::from_le_bytes([field[0], field[1]]));
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) {
        return Err(Verdict::BadLength);
    }
    Ok(Some(length + field::UNCOUNTED))
}

/// Header and body of exactly one frame; start, length and checksum are checked.
pub fn open(checksum: Checksum, octets: &[u8]) -> Result<(Header, &[u8]), Verdict> {
    let whole = length(octets)?.filter(|whole| *whole <= octets.len()).ok_or(Verdict::Truncated)?;
    debug_assert!(whole <= FRAME_MAX);
    let (content, sum) = octets[..whole].split_at(whole - 2);
    if checksum.octets(&content[field::VERSION..]) != sum {
        return Err(Verdict::BadCrc);
    }
    let mut device = [0; 7];
    device.copy_from_slice(&content[field::DEVICE]);
    let s = &content[field::SEQUENCE];
    let t = &content[field::TYPE];
    let header = Header {
        version: content[field::VERSION],
        flags: content[field::FLAGS],
        sequence: u32::from_le_bytes([s[0], s[1], s[2], s[3]]),
        number: u16::from_le_bytes([t[0], t[1]]),
        device,
    };
    Ok((header, &content[field::BODY..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hex;

    const STATION: [u8; 7] = [0x44, 0x03, 0x00, 0x12, 0x34, 0x00, 0x01];

    #[test]
    fn not_supported_to_0308_is_the_frame_of_the_profile() {
        let asked = Header::request(0x0308, 30, STATION, false);
        let frame = seal(dialect::CHECKSUM, &asked.reply(), &[dialect::NOT_SUPPORTED]);
        assert_eq!(hex::upper(&frame), "535A100010011E000000080344030012340001FF0C37");
        assert_eq!(open(dialect::CHECKSUM, &frame), Ok((asked.reply(), &[0xFF][..])));
    }

    #[test]
    fn a_login_reply_of_result_3_is_read_in_any_decimal_version() {
        let header = |version, number, flags| Header { version, flags, sequence: 1, number, device: STATION };
        assert_eq!(header(0x27, 0x0101, FLAG_REPLY).check(&[3]), Ok(()));
        assert_eq!(header(0x27, 0x0101, FLAG_REPLY).check(&[0]), Err(Verdict::BadVersion));
        assert_eq!(header(0x27, 0x0102, FLAG_REPLY).check(&[3]), Err(Verdict::BadVersion));
        assert_eq!(header(0x27, 0x0101, 0).check(&[3]), Err(Verdict::BadVersion));
        assert_eq!(header(0x1A, 0x0101, FLAG_REPLY).check(&[3]), Err(Verdict::BadVersion));
        assert_eq!(header(0x19, 0x0102, 0).check(&[]), Ok(()));
    }
}
