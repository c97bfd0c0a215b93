//! What one line says.

use crate::wire::can::{Frame, Id};
use std::fmt;

/// CR, the end of a line.
pub const CR: u8 = b'\r';
/// BEL, the whole of an error reply.
pub const BEL: u8 = 0x07;

/// Bit rates of the commands `S0` to `S8`, in bit/s.
pub const BIT_RATES: [u32; 9] =
    [10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000];

/// Everything that a line can be, from either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The adapter did as told: a bare CR.
    Ok,
    /// The adapter refuses: BEL.
    Error,
    /// A frame was put on the bus: `z`, or `Z` for an extended one.
    Sent {
        /// Whether it had a 29-bit identifier.
        extended: bool,
    },
    /// `Vhhss`: hardware and software version, two characters each.
    Version([u8; 4]),
    /// `Nxxxx`: serial number, four characters.
    Serial([u8; 4]),
    /// `Fhh`.
    Flags(Flags),
    /// A frame, heard or to be sent.
    Frame {
        /// What.
        frame: Frame,
        /// Milliseconds, 0..=59999, from an adapter that stamps.
        stamp_ms: Option<u16>,
    },
    /// Something else the adapter is told.
    Command(Command),
}

/// What an adapter is told, beside frames to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `C`: leave the bus.
    Close,
    /// `O`: join the bus.
    Open,
    /// `L`: listen and never acknowledge.
    OpenListenOnly,
    /// `Sn`: bit rate, an index into [`BIT_RATES`].
    BitRate(u8),
    /// `V`.
    AskVersion,
    /// `N`.
    AskSerial,
    /// `F`.
    AskFlags,
    /// `Z0`, `Z1`.
    Timestamps(bool),
}

/// State of the adapter, its only channel for errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// Names by bit; bit 4 is not defined.
    pub const NAMES: [Option<&str>; 8] = [
        Some("rx full"),
        Some("tx full"),
        Some("warning"),
        Some("overrun"),
        None,
        Some("passive"),
        Some("arbitration lost"),
        Some("bus error"),
    ];

    /// Names of the set bits, lowest first.
    pub fn set(self) -> impl Iterator<Item = &'static str> {
        let Flags(octet) = self;
        Flags::NAMES.iter().enumerate().filter_map(move |(bit, name)| name.filter(|_| octet >> bit & 1 == 1))
    }
}

/// Why a line was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No line begins so.
    UnknownCommand,
    /// A digit is none.
    NotHex,
    /// The identifier is cut short or out of range.
    Id,
    /// More than eight octets.
    Dlc,
    /// Too long, too short, or not as long as its DLC says.
    Length,
    /// The stream ended inside a line.
    Truncated,
}

impl fmt::Display for Error {
    /// Begins with the code of the vector format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::UnknownCommand => "unknown_command: no line begins so",
            Error::NotHex => "not_hex: a digit is none",
            Error::Id => "id: cut short or out of range",
            Error::Dlc => "dlc: not 0 to 8",
            Error::Length => "length: the line does not fit its content",
            Error::Truncated => "truncated: no CR",
        })
    }
}

impl Line {
    /// Reads a line without its CR.
    pub fn read(line: &[u8]) -> Result<Line, Error> {
        match line {
            [] => Ok(Line::Ok),
            [b't' | b'T' | b'r' | b'R', ..] => frame(line),
            b"z" => Ok(Line::Sent { extended: false }),
            b"Z" => Ok(Line::Sent { extended: true }),
            [b'Z', mode] => match mode {
                b'0' | b'1' => Ok(Line::Command(Command::Timestamps(*mode == b'1'))),
                _ => Err(Error::UnknownCommand),
            },
            [b'S', rate] => match rate {
                b'0'..=b'8' => Ok(Line::Command(Command::BitRate(rate - b'0'))),
                _ => Err(Error::UnknownCommand),
            },
            b"C" => Ok(Line::Command(Command::Close)),
            b"O" => Ok(Line::Command(Command::Open)),
            b"L" => Ok(Line::Command(Command::OpenListenOnly)),
            b"V" => Ok(Line::Command(Command::AskVersion)),
            b"N" => Ok(Line::Command(Command::AskSerial)),
            b"F" => Ok(Line::Command(Command::AskFlags)),
            [b'V', rest @ ..] => word(rest).map(Line::Version),
            [b'N', rest @ ..] => word(rest).map(Line::Serial),
            [b'F', high, low] => Ok(Line::Flags(Flags(hex(&[*high, *low])? as u8))),
            [b'C' | b'O' | b'L' | b'F' | b'S' | b'z' | b'Z', ..] => Err(Error::Length),
            _ => Err(Error::UnknownCommand),
        }
    }

    /// Appends the line with its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Line::Ok => {}
            Line::Error => return out.push(BEL),
            Line::Sent { extended } => out.push(if *extended { b'Z' } else { b'z' }),
            Line::Version(word) => push(out, b'V', word),
            Line::Serial(word) => push(out, b'N', word),
            Line::Flags(Flags(octet)) => out.extend_from_slice(format!("F{octet:02X}").as_bytes()),
            Line::Frame { frame, stamp_ms } => write_frame(frame, *stamp_ms, out),
            Line::Command(command) => command.write(out),
        }
        out.push(CR);
    }
}

impl Command {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Command::Close => out.push(b'C'),
            Command::Open => out.push(b'O'),
            Command::OpenListenOnly => out.push(b'L'),
            Command::BitRate(rate) => push(out, b'S', &[b'0' + rate.min(8)]),
            Command::AskVersion => out.push(b'V'),
            Command::AskSerial => out.push(b'N'),
            Command::AskFlags => out.push(b'F'),
            Command::Timestamps(on) => push(out, b'Z', &[b'0' + u8::from(on)]),
        }
    }
}

fn push(out: &mut Vec<u8>, letter: u8, rest: &[u8]) {
    out.push(letter);
    out.extend_from_slice(rest);
}

fn write_frame(frame: &Frame, stamp_ms: Option<u16>, out: &mut Vec<u8>) {
    let letter = match (frame.is_remote(), frame.id().is_extended()) {
        (false, false) => 't',
        (false, true) => 'T',
        (true, false) => 'r',
        (true, true) => 'R',
    };
    let data = crate::wire::hex::upper(frame.data());
    out.extend_from_slice(format!("{letter}{}{}{data}", frame.id(), frame.dlc()).as_bytes());
    if let Some(stamp) = stamp_ms {
        out.extend_from_slice(format!("{stamp:04X}").as_bytes());
    }
}

/// Four printable characters.
fn word(rest: &[u8]) -> Result<[u8; 4], Error> {
    let word: [u8; 4] = rest.try_into().map_err(|_| Error::Length)?;
    if word.iter().all(u8::is_ascii_alphanumeric) { Ok(word) } else { Err(Error::NotHex) }
}

fn hex(digits: &[u8]) -> Result<u32, Error> {
    digits.iter().try_fold(0, |n: u32, d| {
        let digit = char::from(*d).to_digit(16).ok_or(Error::NotHex)?;
        Ok(n << 4 | digit)
    })
}

fn frame(line: &[u8]) -> Result<Line, Error> {
    let [letter, rest @ ..] = line else { return Err(Error::UnknownCommand) };
    let (extended, remote) = (letter.is_ascii_uppercase(), letter.eq_ignore_ascii_case(&b'r'));
    let (digits, rest) = rest.split_at_checked(if extended { 8 } else { 3 }).ok_or(Error::Id)?;
    let raw = hex(digits)?;
    let id = if extended { Id::extended(raw) } else { Id::standard(raw) };
    let id = id.ok_or(Error::Id)?;
    let (dlc, rest) = rest.split_first().ok_or(Error::Length)?;
    let dlc = match dlc {
        b'0'..=b'8' => dlc - b'0',
        digit if digit.is_ascii_hexdigit() => return Err(Error::Dlc),
        _ => return Err(Error::NotHex),
    };
    let wanted = if remote { 0 } else { 2 * usize::from(dlc) };
    let (digits, stamp) = rest.split_at_checked(wanted).ok_or(Error::Length)?;
    if !matches!(stamp.len(), 0 | 4) {
        return Err(Error::Length);
    }
    let stamp_ms = if stamp.is_empty() { None } else { Some(hex(stamp)? as u16) };
    let mut data = [0; 8];
    for (octet, pair) in data.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = hex(pair)? as u8;
    }
    let frame = if remote { Frame::remote(id, dlc) } else { Frame::new(id, &data[..wanted / 2]) };
    Ok(Line::Frame { frame: frame.ok_or(Error::Dlc)?, stamp_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_takes_31_characters_at_most() {
        let frame = Frame::new(Id::extended(0x1812_F456).expect("in range"), &[0xAB; 8]).expect("eight");
        let mut out = Vec::new();
        Line::Frame { frame, stamp_ms: Some(59_999) }.write(&mut out);
        assert_eq!(out, b"T1812F4568ABABABABABABABABEA5F\r");
        assert_eq!(out.len(), 31);
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_and_read_again(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(read) = Line::read(&line) {
                let mut out = Vec::new();
                read.write(&mut out);
                prop_assert!(out.pop() == Some(CR) && out.eq_ignore_ascii_case(&line));
            }
        }

        #[test]
        fn every_frame_survives_the_line(
            raw in 0..=0x1FFF_FFFFu32,
            data in proptest::collection::vec(any::<u8>(), 0..=8),
            stamp_ms in proptest::option::of(0..60_000u16),
        ) {
            let frame = Frame::new(Id::extended(raw).expect("in range"), &data).expect("at most eight");
            let line = Line::Frame { frame, stamp_ms };
            let mut out = Vec::new();
            line.write(&mut out);
            prop_assert_eq!(Line::read(&out[..out.len() - 1]), Ok(line));
        }
    }
}
