//! The frame: start, length, sequence, encryption, type, body, checksum (ykc16.md 1).

use super::fault::Fault;
use crc::{CRC_16_MODBUS, Crc};

/// First octet of every frame.
pub const START: u8 = 0x68;
/// The longest frame that a length octet can announce. The text says 200 for the length; its own offline-card
/// messages at their published counts reach 252, and 0x3D of V1.7 has 205.
pub const FRAME_MAX: usize = u8::MAX as usize + field::UNCOUNTED;
/// The longest body.
pub const BODY_MAX: usize = u8::MAX as usize - LENGTH_MIN as usize;

/// Sequence, encryption and type: what the length counts beside the body.
const LENGTH_MIN: u8 = 4;

/// Plain CRC-16/MODBUS. The text calls it "polynomial 0x180D", its tables are these (ykc16.md 7).
const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

/// Where the parts lie.
mod field {
    use std::ops::Range;

    pub(super) const LENGTH: usize = 1;
    pub(super) const SEQUENCE: Range<usize> = 2..4;
    pub(super) const ENCRYPTION: usize = 4;
    pub(super) const KIND: usize = 5;
    pub(super) const BODY: usize = 6;
    /// Octets that the length does not count: start, length itself, checksum.
    pub(super) const UNCOUNTED: usize = 4;
}

/// What stands between the length and the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// As sent: the byte order is stated nowhere and differs between makers. A reply repeats it; platforms are known
    /// that cut it to 8 bits, so it is no more than a tie-breaker.
    pub sequence: [u8; 2],
    /// 0 none, 1 the body is encrypted with 3DES.
    pub encryption: u8,
    /// Type of the message: odd from the pile, even from the platform.
    pub kind: u8,
}

/// Which octet of the checksum comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the text wants it, and as it is always sent.
    #[default]
    LowFirst,
    /// Met in the field, accepted.
    HighFirst,
}

/// A frame whose checksum is good. Its body is not judged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Header.
    pub header: Header,
    /// Body, at most [`BODY_MAX`] octets.
    pub body: Vec<u8>,
    /// How the checksum was sent.
    pub order: Order,
}

impl Frame {
    /// Octets of the whole frame on the wire.
    #[must_use]
    pub fn length(&self) -> usize {
        field::BODY + self.body.len() + 2
    }
}

/// Octets of the whole frame that begins here; `None` while the length octet is not there.
pub fn length(octets: &[u8]) -> Result<Option<usize>, Fault> {
    match *octets {
        [] => Ok(None),
        [START] => Ok(None),
        [START, declared, ..] if declared < LENGTH_MIN => {
            Err(Fault::Length { declared, held: octets.len().saturating_sub(field::UNCOUNTED) })
        }
        [START, declared, ..] => Ok(Some(usize::from(declared) + field::UNCOUNTED)),
        _ => Err(Fault::Start),
    }
}

/// Opens octets that are exactly one frame.
pub fn open(octets: &[u8]) -> Result<Frame, Fault> {
    let whole = length(octets)?.ok_or(Fault::Truncated)?;
    if whole != octets.len() {
        let held = octets.len().saturating_sub(field::UNCOUNTED);
        return Err(Fault::Length { declared: octets[field::LENGTH], held });
    }
    let (counted, sum) = octets.split_at(whole - 2);
    let sent = [sum[0], sum[1]];
    let computed = checksum(counted);
    let order = if sent == computed {
        Order::LowFirst
    } else if sent == [computed[1], computed[0]] {
        Order::HighFirst
    } else {
        return Err(Fault::Checksum { sent, computed });
    };
    let header = Header {
        sequence: [octets[field::SEQUENCE.start], octets[field::SEQUENCE.start + 1]],
        encryption: octets[field::ENCRYPTION],
        kind: octets[field::KIND],
    };
    Ok(Frame { header, body: counted[field::BODY..].to_vec(), order })
}

/// A whole frame in one buffer, to be written with one call: a platform is known that dies of a frame in two pieces.
/// No message is longer than a frame holds (a test of the tables); what would not fit is cut off.
#[must_use]
pub fn seal(header: Header, body: &[u8], order: Order) -> Vec<u8> {
    let body = &body[..body.len().min(BODY_MAX)];
    let mut octets = Vec::with_capacity(field::BODY + body.len() + 2);
    octets.extend([START, LENGTH_MIN + body.len() as u8]);
    octets.extend(header.sequence);
    octets.extend([header.encryption, header.kind]);
    octets.extend(body);
    let [low, high] = checksum(&octets);
    octets.extend(match order {
        Order::LowFirst => [low, high],
        Order::HighFirst => [high, low],
    });
    octets
}

/// Checksum over everything behind the length octet, low octet first.
fn checksum(counted: &[u8]) -> [u8; 2] {
    CRC.checksum(&counted[field::SEQUENCE.start..]).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { sequence: [0, 0], encryption: 0, kind: 0x02 };

    /// The published sample of 0x02, one of the four of the vendor text whose checksum verifies.
    const LOGIN_REPLY: [u8; 16] =
        [0x68, 0x0C, 0, 0, 0, 0x02, 0x55, 0x03, 0x14, 0x12, 0x78, 0x23, 0x05, 0x00, 0xDA, 0x4C];

    #[test]
    fn the_published_login_reply_is_read_and_written() {
        let frame = open(&LOGIN_REPLY).unwrap();
        assert_eq!((frame.header, frame.order, frame.length()), (HEADER, Order::LowFirst, 16));
        assert_eq!(seal(frame.header, &frame.body, Order::LowFirst), LOGIN_REPLY);
        assert_eq!(CRC.checksum(b"123456789"), 0x4B37);
    }

    #[test]
    fn a_checksum_is_taken_in_both_orders_and_no_other() {
        let mut swapped = LOGIN_REPLY;
        swapped.swap(14, 15);
        assert_eq!(open(&swapped).map(|f| f.order), Ok(Order::HighFirst));
        swapped[14] ^= 1;
        assert_eq!(open(&swapped).unwrap_err().code(), "checksum");
    }

    #[test]
    fn a_lone_frame_is_refused_for_the_first_thing_that_is_wrong_with_it() {
        for (octets, code) in [
            (&[][..], "truncated"),
            (&[0x68], "truncated"),
            (&[0x67, 0x0C], "start"),
            (&[0x68, 0x03, 0, 0], "length"),
            (&LOGIN_REPLY[..15], "length"),
            (&[0x68, 0x04, 0, 0, 0, 0x36, 0, 0], "checksum"),
        ] {
            assert_eq!(open(octets).unwrap_err().code(), code, "{octets:02X?}");
        }
    }

    #[test]
    fn the_longest_body_fits_and_nothing_beyond_it() {
        let longest = seal(HEADER, &[7; BODY_MAX + 9], Order::HighFirst);
        assert_eq!(longest.len(), FRAME_MAX);
        assert_eq!(open(&longest).map(|f| f.body.len()), Ok(BODY_MAX));
    }
}
