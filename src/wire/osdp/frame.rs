//! The frame: how octets are cut, checked and put together (rs485.md 4.1).
//!
//! ```text
//! [FF]  53  ADDR  LEN_lo LEN_hi  CTRL  [SCB: len type data..]  CODE  DATA..  [MAC 4]  CRC_lo CRC_hi | SUM
//! ```

use crate::wire::Cut;
use std::fmt;

/// Settles an idle line in front of a frame; optional, not counted in LEN, checksum or MAC.
pub const MARK: u8 = 0xFF;
/// Start of message.
pub const SOM: u8 = 0x53;
/// Address that every reader hears; for setting up only, with one reader on the line.
pub const BROADCAST: u8 = 0x7F;
/// Longest frame accepted: the standard's own limit. LEN counts SOM to checksum.
pub const LONGEST: usize = 1440;
/// Octets of the MAC that are sent.
pub const MAC: usize = 4;

/// Places inside a frame, from SOM.
mod field {
    use std::ops::Range;

    pub(super) const ADDRESS: usize = 1;
    pub(super) const LENGTH: Range<usize> = 2..4;
    pub(super) const CONTROL: usize = 4;
    pub(super) const BLOCK: usize = 5;
    /// Bit of ADDR that a reply carries.
    pub(super) const REPLY: u8 = 0x80;
}

/// Bits of CTRL.
mod control {
    pub(super) const SEQUENCE: u8 = 0b0000_0011;
    pub(super) const CRC: u8 = 0b0000_0100;
    pub(super) const BLOCK: u8 = 0b0000_1000;
    /// Bits 4 to 6 are zero; bit 7 begins a multi-part message, which no reader in use sends.
    pub(super) const UNUSED: u8 = 0b1111_0000;
}

const CRC: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_SPI_FUJITSU);

/// Why octets are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No SOM.
    Start,
    /// They end inside the header.
    Truncated {
        /// How many there are.
        found: usize,
    },
    /// LEN cannot be, or is not what is there.
    Length {
        /// What LEN says.
        stated: usize,
        /// How many there are.
        found: usize,
    },
    /// The sum does not agree.
    Checksum {
        /// As sent, as a number.
        sent: u16,
        /// As it should be.
        computed: u16,
    },
    /// Bits of CTRL that are always zero are not.
    Control(u8),
    /// A security block that is none, or does not fit its direction.
    Block,
}

impl fmt::Display for Error {
    /// Begins with the error code of the vector format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Start => write!(f, "start: no 53"),
            Error::Truncated { found } => write!(f, "truncated: {found} octets"),
            Error::Length { stated, found } => write!(f, "length: says {stated}, found {found}"),
            Error::Checksum { sent, computed } => {
                write!(f, "checksum: sent {sent:04X}, computed {computed:04X}")
            }
            Error::Control(octet) => write!(f, "control: {octet:02X} has bits that are always zero"),
            Error::Block => write!(f, "body: not a security block of this direction"),
        }
    }
}

impl std::error::Error for Error {}

/// How the end of a frame is checked. A reply uses the kind of its command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// CRC-16 AUG-CCITT, low octet first.
    #[default]
    Crc,
    /// Two's complement of the sum of all octets.
    Sum,
}

impl Check {
    fn of(control: u8) -> Check {
        if control & control::CRC == 0 { Check::Sum } else { Check::Crc }
    }

    /// Octets on the wire.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Check::Crc => 2,
            Check::Sum => 1,
        }
    }

    fn compute(self, octets: &[u8]) -> u16 {
        match self {
            Check::Crc => CRC.checksum(octets),
            Check::Sum => u16::from(octets.iter().fold(0_u8, |sum, o| sum.wrapping_add(*o)).wrapping_neg()),
        }
    }

    fn sent(self, octets: &[u8]) -> u16 {
        octets.iter().rev().fold(0, |value, octet| value << 8 | u16::from(*octet))
    }
}

/// Type of a security block (rs485.md 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// 11: CHLNG.
    Challenge,
    /// 12: CCRYPT.
    ClientProof,
    /// 13: SCRYPT.
    ServerProof,
    /// 14: RMAC_I.
    InitialMac,
    /// 15: from the panel, with MAC, nothing hidden.
    PanelMac,
    /// 16: from the reader, with MAC, nothing hidden.
    ReaderMac,
    /// 17: from the panel, with MAC, data hidden.
    PanelHidden,
    /// 18: from the reader, with MAC, data hidden.
    ReaderHidden,
}

impl Block {
    const ALL: [Block; 8] = [
        Block::Challenge,
        Block::ClientProof,
        Block::ServerProof,
        Block::InitialMac,
        Block::PanelMac,
        Block::ReaderMac,
        Block::PanelHidden,
        Block::ReaderHidden,
    ];

    /// The type octet.
    #[must_use]
    pub fn code(self) -> u8 {
        0x11 + self as u8
    }

    /// The block of this type.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Block> {
        Block::ALL.into_iter().find(|b| b.code() == code)
    }

    /// Whether the reader sends it.
    #[must_use]
    pub fn is_reply(self) -> bool {
        self.code().is_multiple_of(2)
    }

    /// Whether the frame carries a MAC.
    #[must_use]
    pub fn has_mac(self) -> bool {
        self.code() >= Block::PanelMac.code()
    }

    /// Whether the data are hidden.
    #[must_use]
    pub fn is_hidden(self) -> bool {
        matches!(self, Block::PanelHidden | Block::ReaderHidden)
    }

    /// Octets of its data: one in the handshake (key kind or verdict), none later.
    fn data_size(self) -> usize {
        usize::from(!self.has_mac())
    }
}

/// A security block as it stands in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Security {
    /// Its type.
    pub block: Block,
    /// In the handshake: 1 own key, 0 default key; in RMAC_I 1 = agreed.
    pub data: Option<u8>,
}

/// What stands in front of the message, apart from its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether a mark octet goes first.
    pub mark: bool,
    /// 0..=126, or [`BROADCAST`].
    pub address: u8,
    /// From the reader.
    pub reply: bool,
    /// 0..=3.
    pub sequence: u8,
    /// How its end is checked.
    pub check: Check,
}

impl Header {
    /// A frame without MAC: plain, or of the handshake.
    #[must_use]
    pub fn frame(&self, security: Option<Security>, code: u8, body: &[u8]) -> Vec<u8> {
        self.close(self.message(security, code, body))
    }

    /// SOM to the end of the data with LEN final: what a MAC covers.
    #[must_use]
    pub fn message(&self, security: Option<Security>, code: u8, body: &[u8]) -> Vec<u8> {
        let mac = if security.is_some_and(|s| s.block.has_mac()) { MAC } else { 0 };
        let mut control = self.sequence & control::SEQUENCE;
        if self.check == Check::Crc {
            control |= control::CRC;
        }
        if security.is_some() {
            control |= control::BLOCK;
        }
        let address = self.address | if self.reply { field::REPLY } else { 0 };
        let mut message = vec![SOM, address, 0, 0, control];
        if let Some(security) = security {
            message.extend([2 + u8::from(security.data.is_some()), security.block.code()]);
            message.extend(security.data);
        }
        message.push(code);
        message.extend(body);
        let length = u16::try_from(message.len() + mac + self.check.size()).unwrap_or(u16::MAX);
        message[field::LENGTH].copy_from_slice(&length.to_le_bytes());
        message
    }

    /// Adds checksum and mark.
    #[must_use]
    pub fn close(&self, message: Vec<u8>) -> Vec<u8> {
        let sum = self.check.compute(&message).to_le_bytes();
        let mut frame = message;
        frame.extend(&sum[..self.check.size()]);
        if self.mark {
            frame.insert(0, MARK);
        }
        frame
    }
}

/// One whole frame whose checksum is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What stands in front.
    pub header: Header,
    /// The security block, where there is one.
    pub security: Option<Security>,
    /// Command or reply code.
    pub code: u8,
    /// Data as sent (hidden under blocks 17 and 18), without the MAC.
    pub body: &'a [u8],
    /// The four octets of the MAC, under blocks 15 to 18.
    pub mac: Option<[u8; MAC]>,
    /// SOM to the end of the data: what the MAC covers.
    pub covered: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads octets that are exactly one frame, with or without the mark.
    pub fn parse(octets: &'a [u8]) -> Result<Frame<'a>, Error> {
        let size = match look(octets) {
            Look::Whole(size) => size,
            Look::Short(error) | Look::Bad(error) => return Err(error),
        };
        if size != octets.len() {
            return Err(Error::Length { stated: size, found: octets.len() });
        }
        let mark = octets[0] == MARK;
        let octets = &octets[usize::from(mark)..];
        let control = octets[field::CONTROL];
        let check = Check::of(control);
        let reply = octets[field::ADDRESS] & field::REPLY != 0;
        let message = &octets[..octets.len() - check.size()];
        let (security, at) = match control & control::BLOCK {
            0 => (None, field::BLOCK),
            _ => block(&message[field::BLOCK..], reply).map(|(s, size)| (Some(s), field::BLOCK + size))?,
        };
        let (covered, mac) = match security {
            Some(s) if s.block.has_mac() => {
                let (covered, mac) = message.split_last_chunk::<MAC>().ok_or(Error::Block)?;
                (covered, Some(*mac))
            }
            _ => (message, None),
        };
        let found = octets.len();
        let (code, body) =
            covered.get(at..).and_then(<[u8]>::split_first).ok_or(Error::Length { stated: found, found })?;
        let header = Header {
            mark,
            address: octets[field::ADDRESS] & !field::REPLY,
            reply,
            sequence: control & control::SEQUENCE,
            check,
        };
        Ok(Frame { header, security, code: *code, body, mac, covered })
    }
}

/// Reads a security block and gives its size.
fn block(octets: &[u8], reply: bool) -> Result<(Security, usize), Error> {
    let (Some(&size), Some(&code)) = (octets.first(), octets.get(1)) else { return Err(Error::Block) };
    let block = Block::from_code(code).filter(|b| b.is_reply() == reply).ok_or(Error::Block)?;
    if usize::from(size) != 2 + block.data_size() {
        return Err(Error::Block);
    }
    let data = octets.get(2..usize::from(size)).ok_or(Error::Block)?.first().copied();
    Ok((Security { block, data }, usize::from(size)))
}

/// How octets that may be a frame look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// More octets are needed; the error holds if none come.
    Short(Error),
    /// No frame begins here.
    Bad(Error),
    /// A frame of so many octets, mark included.
    Whole(usize),
}

/// Looks at octets that begin with SOM, or with one mark and SOM.
pub(super) fn look(octets: &[u8]) -> Look {
    let mark = usize::from(octets.first() == Some(&MARK));
    let body = &octets[mark..];
    let found = body.len();
    match body.first() {
        None => return Look::Short(Error::Truncated { found }),
        Some(&SOM) => {}
        Some(_) => return Look::Bad(Error::Start),
    }
    let (Some(length), Some(&control)) = (body.get(field::LENGTH), body.get(field::CONTROL)) else {
        return Look::Short(Error::Truncated { found });
    };
    let stated = usize::from(length[0]) | usize::from(length[1]) << 8;
    let check = Check::of(control);
    let least = field::BLOCK + 1 + check.size();
    if !(least..=LONGEST).contains(&stated) {
        return Look::Bad(Error::Length { stated, found });
    }
    if control & control::UNUSED != 0 {
        return Look::Bad(Error::Control(control));
    }
    if found < least {
        return Look::Short(Error::Truncated { found });
    }
    if found < stated {
        return Look::Short(Error::Length { stated, found });
    }
    let (message, sum) = body[..stated].split_at(stated - check.size());
    let (sent, computed) = (check.sent(sum), check.compute(message));
    if sent != computed {
        return Look::Bad(Error::Checksum { sent, computed });
    }
    Look::Whole(mark + stated)
}

/// Octets in front that can begin no frame: everything up to a SOM, or to the one mark in front of it.
pub(super) fn noise(octets: &[u8]) -> usize {
    let begins = |at: usize| match octets[at] {
        SOM => true,
        MARK => octets.get(at + 1).is_none_or(|next| *next == SOM),
        _ => false,
    };
    (0..octets.len()).find(|at| begins(*at)).unwrap_or(octets.len())
}

/// How a receive buffer begins.
#[must_use]
pub fn cut(received: &[u8]) -> Cut {
    let skip = noise(received);
    if skip > 0 {
        return Cut::Noise(skip);
    }
    match look(received) {
        Look::Short(_) => Cut::More,
        Look::Whole(size) => Cut::Frame(size),
        Look::Bad(_) => Cut::Noise(1 + usize::from(received[0] == MARK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hex::parse as hex;

    #[test]
    fn a_poll_is_read_and_written() {
        let octets = hex("FF530108000660D866").unwrap();
        let frame = Frame::parse(&octets).unwrap();
        assert_eq!((frame.header.address, frame.header.sequence, frame.code), (1, 2, 0x60));
        assert_eq!(frame.header.frame(None, 0x60, &[]), octets);
        let summed = hex("FF53010700016044").unwrap();
        let frame = Frame::parse(&summed).unwrap();
        assert_eq!(frame.header.check, Check::Sum);
        assert_eq!(frame.header.frame(None, 0x60, &[]), summed);
    }

    #[test]
    fn a_frame_is_cut_out_of_idle_marks_and_noise() {
        let octets = hex("FFFFFF0053FF538308000540BA71").unwrap();
        assert_eq!(cut(&octets), Cut::Noise(4));
        assert_eq!(cut(&octets[4..]), Cut::Noise(1));
        assert_eq!(cut(&octets[5..]), Cut::Frame(9));
        for end in 6..octets.len() {
            assert_eq!(cut(&octets[5..end]), Cut::More, "{end}");
        }
        assert_eq!(cut(&[]), Cut::More);
    }

    #[test]
    fn no_single_bit_turned_leaves_a_frame_whole() {
        let octets = hex("FF5381100006500000200004A23B9CB505").unwrap();
        for bit in 8..octets.len() * 8 {
            let mut turned = octets.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::parse(&turned).is_err(), "bit {bit}");
        }
    }
}
